package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"gatehouse/endpoints"
	"gatehouse/internal/conf"
)

// addresses tells who is at the other end: the peer, and the client behind proxies that we believe.
type addresses struct {
	trusted []netip.Prefix
	anybody bool // forwarded_by_client_ip: true in so many words
	headers []string
}

func newAddresses(rc RouterConfig) (*addresses, error) {
	a := &addresses{anybody: rc.ForwardedByClientIP && len(rc.TrustedProxies) == 0, headers: rc.RemoteIPHeaders}
	if len(a.headers) == 0 {
		a.headers = []string{"X-Forwarded-For", "X-Real-Ip"}
	}
	var errs []error
	for i, written := range rc.TrustedProxies {
		prefix, err := parsePrefix(written)
		if err != nil {
			errs = append(errs, conf.At(err, "trusted_proxies", i))
			continue
		}
		a.trusted = append(a.trusted, prefix)
	}
	return a, conf.Join(errs...)
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("got %q, want an address or a network such as 10.0.0.0/8", s)
	}
	return netip.PrefixFrom(ip, ip.BitLen()), nil
}

// tell fills in the peer and the client.
func (a *addresses) tell(x *endpoints.Exchange, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	x.Peer, x.Client = host, host
	if !a.anybody && len(a.trusted) == 0 {
		return
	}
	if x.Trusted = a.anybody || a.believes(host); x.Trusted {
		x.Client = a.behind(r, host)
	}
}

func (a *addresses) believes(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	for _, p := range a.trusted {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// behind is the last address of the chain that is not one of our proxies; all are, if anybody is believed: then the first.
// Where the chain cannot be read further, who stands there is the client: the next header, which a proxy that speaks by this
// one hands on as the client has sent it, is not asked.
func (a *addresses) behind(r *http.Request, peer string) string {
	for _, name := range a.headers {
		values := r.Header.Values(name)
		if len(values) == 0 {
			continue
		}
		nearest := peer
		chain := strings.Split(strings.Join(values, ","), ",")
		for i := len(chain) - 1; i >= 0; i-- {
			ip, err := forwardedFor(strings.TrimSpace(chain[i]))
			if err != nil {
				break
			}
			nearest = ip.String()
			if !a.anybody && !a.believes(nearest) {
				break
			}
		}
		return nearest
	}
	return peer
}

// forwardedFor reads an address of a chain; some proxies write the port too.
func forwardedFor(s string) (netip.Addr, error) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr(), nil
	}
	return netip.ParseAddr(s)
}

func validIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return s == "" || err == nil
}
