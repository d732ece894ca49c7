package inbound

import (
	"net/http"
	"net/url"
	"strings"
)

// exchange is one request and its answer: one piece of memory, made for each and never used again, so that whoever keeps a
// part of it too long keeps his own.
type exchange struct {
	life     life
	response response
	body     *body // nil: there is none
	req      http.Request
	url      url.URL
}

// framing is how the body of a request is framed.
type framing struct {
	length  int64 // -1: in chunks
	expects bool  // the client waits for a 100 (Continue)
	close   bool  // the connection is to end after this request
}

// request makes the request of a parsed head; text is the head, line its first line.
func (x *exchange) request(c *conn, text string, method, target string, minor int) (*http.Request, framing, *fault) {
	r := &x.req
	*r = http.Request{Method: method, RequestURI: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: minor,
		RemoteAddr: c.remote, TLS: c.tls, Body: http.NoBody, Header: c.head.header(text)}
	if minor != 1 {
		r.Proto = "HTTP/1." + string(rune('0'+minor))
	}
	how, wrong := frame(r)
	if wrong == nil {
		wrong = x.target(r)
	}
	if wrong == nil {
		wrong = host(r)
	}
	if how.length != 0 && wrong == nil {
		x.body = &body{c: c, life: &x.life, left: how.length, chunked: how.length < 0, expects: how.expects}
		r.Body = x.body
	}
	r.Close = how.close
	*r = *r.WithContext(&x.life)
	if x.body != nil {
		x.body.req = r
	}
	return r, how, wrong
}

// header is the map of the fields; their values lie in one array.
func (h *head) header(text string) http.Header {
	values := make([]string, 0, len(h.fields))
	header := make(http.Header, len(h.fields))
	for _, f := range h.fields {
		name, value := text[f.name.from:f.name.to], text[f.value.from:f.value.to]
		if before := header[name]; before != nil {
			header[name] = append(before, value)
			continue
		}
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return header
}

// frame reads what frames the body and what is said of the connection (RFC 9112 6 and 9.3). Those lines leave the header, but
// for Connection and Content-Length.
func frame(r *http.Request) (f framing, wrong *fault) {
	h := r.Header
	old := r.ProtoMinor == 0
	lengths, codings := h["Content-Length"], h["Transfer-Encoding"]
	if connection := h["Connection"]; connection != nil || old {
		f.close = lists(connection, "close") || old && !lists(connection, "keep-alive")
	}
	switch {
	case codings != nil && lengths != nil:
		return f, bad("a request has both Content-Length and Transfer-Encoding")
	case codings != nil && old:
		return f, bad("a request of HTTP/1.0 has a Transfer-Encoding")
	case codings != nil:
		if len(codings) != 1 || !strings.EqualFold(codings[0], "chunked") {
			if len(codings) == 1 && !token([]byte(codings[0])) && strings.IndexByte(codings[0], ',') < 0 {
				return f, bad("got Transfer-Encoding %.40q, want chunked", codings[0])
			}
			return f, &fault{http.StatusNotImplemented, "want one Transfer-Encoding, chunked"}
		}
		f.length, r.TransferEncoding = -1, codings
		delete(h, "Transfer-Encoding")
	case lengths != nil:
		for _, written := range lengths {
			n, ok := length(written)
			if !ok || written != lengths[0] {
				return f, bad("got Content-Length %.40q, want one number", written)
			}
			f.length = n
		}
		h["Content-Length"] = lengths[:1]
	}
	r.ContentLength = f.length
	return f, frameMore(r, &f)
}

// frameMore reads Expect (RFC 9110 10.1.1) and the names of trailers (RFC 9110 6.6.2).
func frameMore(r *http.Request, f *framing) *fault {
	h := r.Header
	if expect := h["Expect"]; expect != nil && r.ProtoMinor > 0 {
		if len(expect) != 1 || !strings.EqualFold(expect[0], "100-continue") {
			return &fault{http.StatusExpectationFailed, "got an Expect that nobody knows, want 100-continue"}
		}
		f.expects = f.length != 0
		delete(h, "Expect")
	}
	trailers := h["Trailer"]
	if trailers == nil {
		return nil
	}
	delete(h, "Trailer")
	if f.length >= 0 {
		return nil
	}
	r.Trailer = http.Header{}
	for _, v := range trailers {
		for name := range strings.SplitSeq(v, ",") {
			name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
			switch {
			case name == "":
			case !trailing(name):
				return bad("%.40q cannot be a trailer", name)
			default:
				r.Trailer[name] = nil
			}
		}
	}
	return nil
}

// trailing tells whether a field may come behind a body: not what frames it or names whom it is for.
func trailing(canonical string) bool {
	switch canonical {
	case "Transfer-Encoding", "Content-Length", "Trailer", "Host", "Connection", "Upgrade", "Te", "Authorization", "Cookie":
		return false
	}
	return true
}

// host takes the host out of the header: that of the target, where it names one (RFC 9112 3.2.2).
func host(r *http.Request) *fault {
	hosts := r.Header["Host"]
	delete(r.Header, "Host")
	switch {
	case len(hosts) > 1:
		return bad("a request has %d Host headers, want one", len(hosts))
	case len(hosts) == 0 && r.ProtoMinor > 0:
		return bad("the Host header is missing")
	case r.URL.Host != "":
		r.Host = r.URL.Host
	case len(hosts) == 1:
		r.Host = hosts[0]
	}
	return nil
}

// target reads the target. Most are a path of plain characters and a query, and need no parser.
func (x *exchange) target(r *http.Request) *fault {
	t := r.RequestURI
	if path, ok := plainPath(t); ok {
		x.url.Path = path
		if len(path) < len(t) {
			x.url.RawQuery = t[len(path)+1:]
			x.url.ForceQuery = x.url.RawQuery == ""
		}
		r.URL = &x.url
		return nil
	}
	r.URL = &x.url
	authority := r.Method == http.MethodConnect && t[0] != '/'
	if authority {
		t = "http://" + t
	}
	u, err := url.ParseRequestURI(t)
	if err != nil {
		return bad("the target is no URL")
	}
	if authority {
		u.Scheme = ""
	}
	r.URL = u
	return nil
}

// plainPath is the path of an origin-form target whose path needs no unescaping and whose bytes are all printable ASCII.
func plainPath(t string) (string, bool) {
	if t[0] != '/' {
		return "", false
	}
	for i := range len(t) {
		c := t[i]
		switch {
		case c == '?':
			return t[:i], visible(t[i:])
		case !plain[c]:
			return "", false
		}
	}
	return t, true
}

func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
