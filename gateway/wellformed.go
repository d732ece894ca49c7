package gateway

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"gatehouse/endpoints"
)

// malformed says what is wrong with a request that net/http lets pass: a host that is none, a target with a fragment, of
// another scheme or with a user in it (security.md 27). "" if all is well.
func malformed(r *http.Request) string {
	if !validAuthority(r.Host) && !(r.Host == "" && r.ProtoMajor == 1 && r.ProtoMinor == 0) {
		return "the host is no name or address with an optional port"
	}
	target := r.RequestURI
	switch {
	case strings.IndexByte(target, '#') >= 0:
		return "the target has a fragment"
	case target == "" || target[0] == '/', r.Method == http.MethodConnect, target == "*" && r.Method == http.MethodOptions:
		return ""
	case r.URL.Scheme != "http" && r.URL.Scheme != "https", r.URL.Host == "", r.URL.User != nil:
		return "the target is neither a path nor a URL of ours"
	}
	return ""
}

// refuseMalformed is the first door.
func (a *answers) refuseMalformed(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) bool {
	wrong := malformed(r)
	if wrong == "" {
		return false
	}
	w.Header()["Connection"] = []string{"close"}
	a.voice.Fail(x, w, r, &endpoints.Denied{Status: http.StatusBadRequest, Reason: "bad_request", Detail: wrong})
	return true
}

// refuse answers what is no request: what package inbound could not make sense of.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, status int, detail string) {
	x := endpoints.NewExchange()
	defer g.finish(x, w, r)
	g.client.tell(x, r)
	g.router.voice.Fail(x, w, r, &endpoints.Denied{Status: status, Reason: "bad_request", Detail: detail})
}

// validAuthority tells a name or an address with an optional port (RFC 9110 7.2).
func validAuthority(s string) bool {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && i > strings.LastIndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '+' {
			return false
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && ip.Zone() == ""
	}
	for i := range len(host) {
		if !hostByte(host[i]) {
			return false
		}
	}
	return host != ""
}

func hostByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}
