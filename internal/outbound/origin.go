package outbound

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Origin is a scheme, a host and a port (RFC 6454); comparable.
type Origin struct {
	Scheme string // "http" or "https"
	Host   string // a name in lower case, or an address without brackets
	Port   string // always there
}

// ParseOrigin reads "http://host:port"; a path, a query or a user name is an error.
func ParseOrigin(s string) (Origin, error) {
	u, err := url.Parse(s)
	if err != nil {
		return Origin{}, fmt.Errorf("got %q, want http://host:port or https://host:port", s)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return Origin{}, fmt.Errorf("got %q, want no more than scheme, host and port", u.Redacted())
	}
	return OriginOf(u)
}

// ParseHost reads a host of a file: an optional scheme (http where none stands), a name or address and a port; nothing more,
// since everything else would change every path behind the author's back.
func ParseHost(written string) (Origin, error) {
	if !strings.Contains(written, "://") {
		written = "http://" + written
	}
	return ParseOrigin(written)
}

// OriginOf is the origin of a URL.
func OriginOf(u *url.URL) (Origin, error) {
	o := Origin{Scheme: strings.ToLower(u.Scheme), Host: strings.ToLower(u.Hostname()), Port: u.Port()}
	switch {
	case strings.HasSuffix(u.Host, ":"):
		return Origin{}, fmt.Errorf("got %q, want a port behind the colon, or no colon", u.Host)
	case o.Scheme != "http" && o.Scheme != "https":
		return Origin{}, fmt.Errorf("got scheme %q, want http or https", u.Scheme)
	case o.Host == "" || !isHost(o.Host):
		return Origin{}, fmt.Errorf("got host %q, want a name or an address", u.Host)
	case o.Port == "" && o.Scheme == "http":
		o.Port = "80"
	case o.Port == "":
		o.Port = "443"
	}
	if n, err := strconv.ParseUint(o.Port, 10, 16); err != nil || n == 0 {
		return Origin{}, fmt.Errorf("got port %q, want 1 to 65535", o.Port)
	}
	return o, nil
}

// Address is what is dialed: "host:port".
func (o Origin) Address() string { return net.JoinHostPort(o.Host, o.Port) }

// Authority is what a Host header says: the port only where it is not the scheme's own.
func (o Origin) Authority() string {
	if o.Scheme == "http" && o.Port == "80" || o.Scheme == "https" && o.Port == "443" {
		if strings.Contains(o.Host, ":") {
			return "[" + o.Host + "]"
		}
		return o.Host
	}
	return o.Address()
}

func (o Origin) String() string { return o.Scheme + "://" + o.Authority() }
