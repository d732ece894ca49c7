package main

// side is one half of a pair: whom to ask for what.
type side struct {
	target string
	path   string
	issuer string // whose tokens; "": none
	tokens int    // how many different ones, in turn
	spread spread // or: many endpoints in turn
	hold   hold   // what the answer has to be
}

// row is one line of the table: our figure, that of a peer in the same run, and the bar between them.
type row struct {
	job   string // what JOBS= picks it by
	title string
	ours  side
	peer  side
	than  string  // what the peer does, in the table
	times float64 // the bar: our processor time is at most so many times the peer's
	plus  float64 // or: at most so many microseconds more
}

func at(target, path string, h hold) side { return side{target: target, path: path, hold: h} }

func with(target, path, issuer string, tokens int) side {
	return side{target: target, path: path, issuer: issuer, tokens: tokens, hold: same(flat(240))}
}

// rows are the pairs of the table.
func rows() []row {
	small := same(flat(240))
	pass := at("haproxy", "/flat/240", small)
	const passes, verifies = "HAProxy, passthrough", "HAProxy, RS256"
	one, many := with("haproxy-rs256", "/flat/240", "rs256", 1), with("haproxy-rs256", "/flat/240", "rs256", 10_000)
	return []row{
		{"noop", "passthrough (no-op), 240 B", at("gateway", "/noop", small), pass, passes, 2.0, 0},
		{"json", "JSON endpoint, 240 B", at("gateway", "/json", small), pass, passes, 2.2, 0},
		{"rs256", "RS256, all checks, two claim headers; the same token", with("gateway", "/rs256", "rs256", 1), one, verifies, 0.65, 0},
		{"rs256-many", "the same, 10,000 tokens in turn", with("gateway", "/rs256", "rs256", 10_000), many, verifies, 0.7, 0},
		{"es256", "the same with ES256, one token", with("gateway", "/es256", "es256", 1), one, verifies, 0.65, 0},
		{"ps256", "the same with PS256, one token", with("gateway", "/ps256", "ps256", 1), one, verifies, 0.65, 0},
		{"hs256", "the same with HS256, one token", with("gateway", "/hs256", "hs256", 1), one, verifies, 0.65, 0},
		{"rs256-new", "RS256, every token new (10,000 in turn, cache off)", with("gateway-nocache", "/rs256", "rs256", 10_000), many, verifies, 1.2, 0},
		{"three", "3 backends of 1 KB, grouped", at("gateway", "/three", threeGrouped), pass, passes, 4.8, 0},
		{"three-shaped", "3 backends of 10 KB with allow, mapping, deny", at("gateway", "/three-shaped", threeShaped), pass, passes, 10, 0},
		{"deny", "10 KB JSON, one key denied", at("gateway", "/deny", oneDenied), pass, passes, 4.0, 0},
		{"noop-100k", "passthrough, 100 KB", at("gateway", "/noop-100k", same(list(100<<10))), at("nginx", "/list/102400", same(list(100<<10))), "nginx, 100 KB", 1.3, 0},
		{"machine", "backend with client credentials, 240 B", at("gateway", "/machine", small), pass, passes, 2.4, 0},
		{"log", "JSON endpoint with our access log", at("gateway-log", "/json", small), at("gateway", "/json", small), "without", 0, 3},
		{"many", "10,000 endpoints and 1,000 issuers, 10,000 tokens in turn", over(manySpread), over(fewSpread), "10 endpoints and 10 issuers", 1.1, 0},
	}
}

// overOld turns a row into the comparison of two binaries of ours.
func (r row) overOld() row {
	r.peer = r.ours
	r.peer.target = "old" + r.ours.target[len("gateway"):]
	r.than, r.times, r.plus = "the other binary", 1, 0
	return r
}
