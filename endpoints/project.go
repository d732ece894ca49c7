package endpoints

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
	"gatehouse/validator"
)

// smallBody is how much of a client's body is read before anybody is asked: from then on the server notices when the
// client leaves, and the body can be sent twice (security.md 43).
const smallBody = 64 << 10

// maxFanOutBody bounds a body that is kept whole where the file says nothing.
const maxFanOutBody = 10 << 20

// ProjectRules are what the service says about projecting.
type ProjectRules struct {
	UserAgent    string     // what we call ourselves
	StrictParams bool       // "?", "#" and still-encoded bytes in a parameter are refused (versions 2 and 3)
	LooseParams  bool       // disable_rest: parameters may stand anywhere in a segment
	ClaimHeaders *HeaderSet // that any endpoint sets from a claim
}

// projection copies out of a client's request what backends may see. Nothing else of it leaks through.
type projection struct {
	wild   bool // the last path parameter is a wildcard
	all    bool // every end-to-end header
	agent  bool // User-Agent passes
	fanOut bool
	names  []string // canonical names of the headers that pass
	claims []claimHeader
	told   bool                       // a backend is told who asks
	shown  func(*http.Request) string // the token that a request shows; nil: no backend is told
	rules  *ProjectRules
	keep   int64 // of a body that several backends are sent
	query  *backends.QueryRule
}

// claimHeader is one propagated claim.
type claimHeader struct {
	slot   int
	name   string
	repeat bool
}

// hopByHop headers never pass (RFC 9110 7.6.1); framing and Host are ours.
func hopByHop(canonical string) bool {
	switch canonical {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Content-Length", "Host", "Expect", "Http2-Settings":
		return true
	}
	return false
}

func newProjection(cfg Config, rules *ProjectRules, route *Path, claims []claimHeader) (projection, error) {
	p := projection{rules: rules, claims: claims, wild: route.Wild, keep: conf.Value(cfg.MaxKeptBody, maxFanOutBody), fanOut: repeats(cfg) > 1,
		query: backends.NewQueryRule(cfg.InputQueryStrings)}
	var errs []error
	if p.keep < 0 {
		errs = append(errs, conf.At(fmt.Errorf("got %d, want 0 or more", p.keep), "max_buffered_body"))
	}
	for i, name := range cfg.InputHeaders {
		if name == "*" {
			p.all = true
			continue
		}
		if !httpguts.ValidHeaderFieldName(name) {
			errs = append(errs, conf.At(fmt.Errorf("%q is not a header name", name), "input_headers", i))
			continue
		}
		canonical := http.CanonicalHeaderKey(name)
		if ours(canonical) || rules.ClaimHeaders.Has(name) || slices.Contains(p.names, canonical) {
			continue
		}
		p.agent = p.agent || canonical == "User-Agent"
		p.names = append(p.names, canonical)
	}
	if len(cfg.InputHeaders) == 0 {
		p.names = []string{"Content-Type"}
	}
	p.agent = p.agent || p.all
	return p, conf.Join(errs...)
}

// share has the projection use the lists of others that have the same.
func (p *projection) share(a *Alike) {
	p.names = alike(a, fmt.Sprintf("names %#v", p.names), p.names)
	p.claims = alike(a, fmt.Sprintf("claims %#v", p.claims), p.claims)
}

// claimHeaders compiles propagate_claims.
func claimHeaders(propagated []validator.Propagate, wants *validator.Wants) ([]claimHeader, error) {
	var list []claimHeader
	var errs []error
	for i, c := range propagated {
		name := http.CanonicalHeaderKey(c.Header)
		if !httpguts.ValidHeaderFieldName(c.Header) || hopByHop(name) {
			errs = append(errs, conf.At(fmt.Errorf("%q cannot be set from a claim, want the name of an end-to-end header", c.Header), i))
			continue
		}
		list = append(list, claimHeader{slot: wants.Add(c.Claim, c.Use()), name: name, repeat: c.Use() == validator.Repeat})
	}
	return list, conf.Join(errs...)
}

// oneClaimEach refuses two claims for one header: a backend would have to guess which of them it believes.
func oneClaimEach(cfg Config) error {
	if cfg.Extra.Validator == nil {
		return nil
	}
	var errs []error
	taken := map[string]string{}
	for i, c := range cfg.Extra.Validator.PropagateClaims {
		folded := FoldHeader(c.Header)
		if other := taken[folded]; other != "" {
			errs = append(errs, conf.At(fmt.Errorf("%q is the same header as %q, want one claim for each", c.Header, other), i))
		}
		taken[folded] = c.Header
	}
	return conf.Join(errs...)
}

// ours reports whether no client's field of the name passes, since it is hop-by-hop or one that we write. Spellings count that
// a server may take for the name (see FoldHeader): X_Forwarded_For would be X-Forwarded-For to it.
func ours(canonical string) bool {
	for i := range len(canonical) {
		if c := canonical[i]; c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			canonical = http.CanonicalHeaderKey(FoldHeader(canonical))
			break
		}
	}
	return hopByHop(canonical) || forwardedHeader(canonical)
}

func forwardedHeader(canonical string) bool {
	return strings.HasPrefix(canonical, "X-Forwarded-") || canonical == "Forwarded"
}

// request is a projected request with the memory that belongs to it.
type request struct {
	backends.Request
	params [8]backends.Param
	buf    []byte
	upload *upload // the body, where it is handed on as it comes
}

var requests = sync.Pool{New: func() any { return new(request) }}

func (q *request) free() {
	header, forwarded, claims, buf := q.Header[:0], q.Forwarded[:0], q.Claims[:0], q.buf
	if cap(buf) > smallBody {
		buf = nil
	}
	*q = request{buf: buf[:0]}
	q.Header, q.Forwarded, q.Claims = header, forwarded, claims
	requests.Put(q)
}

// request projects r.
func (p *projection) request(x *Exchange, r *http.Request, claims *validator.Claims) (*request, error) {
	q := requests.Get().(*request)
	err := p.fill(q, x, r, claims)
	if err == nil {
		err = p.body(q, r)
	}
	if err != nil {
		q.free()
		return nil, err
	}
	return q, nil
}

func (p *projection) fill(q *request, x *Exchange, r *http.Request, claims *validator.Claims) error {
	q.Method = r.Method
	q.Params = q.params[:0]
	for i, raw := range x.Params {
		parse := p.param
		if p.wild && i == len(x.Params)-1 {
			parse = p.rest
		}
		param, err := parse(raw)
		if err != nil {
			return err
		}
		q.Params = append(q.Params, param)
	}
	if r.URL.RawQuery != "" {
		q.Query = p.query.Filter(r.URL.RawQuery)
	}
	q.Header = p.headers(q.Header, r)
	q.Forwarded = p.forwarded(q.Forwarded, x, r)
	if claims != nil {
		q.Caller.Claims = claims
		if p.told {
			q.Caller.ID = claims.ID()
		}
		if p.shown != nil {
			q.Caller.Token = p.shown(r)
		}
		q.Claims = p.claimFields(q.Claims, claims)
	}
	return nil
}

// param decodes one path segment once and escapes it again (security.md 24).
func (p *projection) param(raw string) (backends.Param, error) {
	value := raw
	if strings.IndexByte(raw, '%') >= 0 {
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			return backends.Param{}, badParam("has a broken percent escape")
		}
		value = decoded
	}
	switch {
	case value == "":
		return backends.Param{}, badParam("is empty")
	case value == "." || value == "..":
		return backends.Param{}, badParam("is a dot segment")
	case strings.ContainsAny(value, "/\\\x00\r\n"):
		return backends.Param{}, badParam("has a slash, a backslash or a control character")
	}
	if p.rules.StrictParams {
		if err := strictParam(value); err != nil {
			return backends.Param{}, err
		}
	}
	if plainSegment(raw) {
		return backends.Param{Value: value, Escaped: raw}, nil
	}
	return backends.Param{Value: value, Escaped: string(backends.AppendSegment(nil, value))}, nil
}

// rest is the value of a wildcard: segment by segment, like parameters. It may be empty, or end in a slash.
func (p *projection) rest(raw string) (backends.Param, error) {
	var whole backends.Param
	for i := 0; ; {
		segment, after, more := strings.Cut(raw[i:], "/")
		if segment != "" || more {
			param, err := p.param(segment)
			if err != nil {
				return whole, err
			}
			whole.Value += param.Value
			whole.Escaped += param.Escaped
		}
		if !more {
			return whole, nil
		}
		whole.Value += "/"
		whole.Escaped += "/"
		i = len(raw) - len(after)
	}
}

func badParam(what string) error {
	return &Denied{Status: 400, Reason: "bad_path", Detail: "a path parameter " + what}
}

// strictParam refuses URL characters, and what would decode once more, in KrakenD's words.
func strictParam(value string) error {
	again, err := url.PathUnescape(value)
	switch {
	case err != nil:
		return &Denied{Status: 400, Reason: "bad_path", Detail: "a path parameter has a broken percent escape", Text: "error: " + err.Error(), Told: true}
	case again != value, strings.ContainsAny(value, "?#"):
		return &Denied{Status: 400, Reason: "bad_path", Detail: "a path parameter has encoded URL characters", Text: "error: encoded url params", Told: true}
	}
	return nil
}

func plainSegment(s string) bool {
	for i := 0; i < len(s); i++ {
		if !backends.PlainByte(s[i]) {
			return false
		}
	}
	return true
}

// headers copies the fields that pass, in a fixed order.
func (p *projection) headers(dst []outbound.Field, r *http.Request) []outbound.Field {
	var named []string
	if len(r.Header["Connection"]) > 0 {
		named = connectionNames(r.Header["Connection"])
	}
	if p.all {
		return p.everything(dst, r, named)
	}
	for _, name := range p.names {
		if named != nil && slices.Contains(named, name) {
			continue
		}
		for _, v := range r.Header[name] {
			dst = append(dst, outbound.Field{Name: name, Value: v})
		}
	}
	return dst
}

func (p *projection) everything(dst []outbound.Field, r *http.Request, named []string) []outbound.Field {
	first := len(dst)
	for name, values := range r.Header {
		if ours(name) || name == "Accept-Encoding" || slices.Contains(named, name) {
			continue
		}
		for _, v := range values {
			dst = append(dst, outbound.Field{Name: name, Value: v})
		}
	}
	sort.SliceStable(dst[first:], func(i, j int) bool { return dst[first+i].Name < dst[first+j].Name })
	return dst
}

// connectionNames are the headers that Connection makes hop-by-hop. It takes off nothing that we set.
func connectionNames(values []string) (names []string) {
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			names = append(names, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	return names
}

// forwarded says who asked: the whole X-Forwarded family is ours, built from the connection (pains.md X8).
func (p *projection) forwarded(dst []outbound.Field, x *Exchange, r *http.Request) []outbound.Field {
	chain := x.Peer
	if x.Trusted {
		if before := strings.Join(r.Header["X-Forwarded-For"], ", "); before != "" {
			chain = before + ", " + x.Peer
		}
	}
	proto, host := "http", r.Host
	if r.TLS != nil {
		proto = "https"
	}
	if x.Trusted {
		host = or(r.Header.Get("X-Forwarded-Host"), host)
		proto = or(r.Header.Get("X-Forwarded-Proto"), proto)
	}
	dst = append(dst, outbound.Field{Name: "X-Forwarded-For", Value: chain},
		outbound.Field{Name: "X-Forwarded-Host", Value: host}, outbound.Field{Name: "X-Forwarded-Proto", Value: proto})
	if p.agent && r.Header["User-Agent"] != nil {
		return append(dst, outbound.Field{Name: "X-Forwarded-Via", Value: p.rules.UserAgent})
	}
	return append(dst, outbound.Field{Name: "User-Agent", Value: p.rules.UserAgent})
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (p *projection) claimFields(dst []outbound.Field, claims *validator.Claims) []outbound.Field {
	for i := range p.claims {
		c := &p.claims[i]
		if c.repeat {
			for _, v := range claims.Values(c.slot) {
				dst = append(dst, outbound.Field{Name: c.name, Value: v})
			}
		} else if v, ok := claims.Value(c.slot); ok {
			dst = append(dst, outbound.Field{Name: c.name, Value: v})
		}
	}
	return dst
}
