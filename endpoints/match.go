package endpoints

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"gatehouse/internal/conf"
)

// MatchConfig says which requests to its path an endpoint answers; the others are as if it were not there.
type MatchConfig struct {
	Host    []string          `json:"host" doc:"Host names, without port, one of which the request must be for; *.example.com is any name under example.com."`
	Headers map[string]string `json:"headers" conf:"open" doc:"Headers that the request must have: name to exact value, or to \"*\" for any value."`
}

// Match is one compiled condition. Of several that hold for a request, the first by [Match.Compare] wins.
type Match struct {
	host    string // lower case; "" for any; ".example.com" for all names under it
	headers []field
	exact   int // headers with a value
}

// field is a header that must be there; value "" stands for any.
type field struct{ name, value string }

// compile makes one condition for each host.
func (c *MatchConfig) compile() ([]*Match, error) {
	if c == nil {
		return []*Match{{}}, nil
	}
	var errs []error
	if len(c.Host) == 0 && len(c.Headers) == 0 {
		errs = append(errs, errors.New("is empty, want host or headers"))
	}
	var headers []field
	exact := 0
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		value := c.Headers[name]
		if !httpguts.ValidHeaderFieldName(name) || http.CanonicalHeaderKey(name) == "Host" {
			errs = append(errs, conf.At(errors.New("want the name of a header; hosts have a key of their own"), "headers", name))
		}
		if value == "*" {
			value = ""
		} else {
			exact++
		}
		headers = append(headers, field{http.CanonicalHeaderKey(name), value})
	}
	var list []*Match
	for i, written := range c.Host {
		host, err := parseMatchHost(written)
		if err != nil {
			errs = append(errs, conf.At(err, "host", i))
		}
		list = append(list, &Match{host: host, headers: headers, exact: exact})
	}
	if len(c.Host) == 0 {
		list = append(list, &Match{headers: headers, exact: exact})
	}
	return list, conf.Join(errs...)
}

func parseMatchHost(written string) (string, error) {
	host := strings.ToLower(written)
	name := strings.TrimPrefix(host, "*.")
	if name == "" || strings.ContainsAny(name, "*/ @") || strings.Contains(name, ":") && net.ParseIP(name) == nil {
		return "", fmt.Errorf("got %q, want a name such as \"api.example.com\" or \"*.example.com\", without port", written)
	}
	return strings.TrimPrefix(host, "*"), nil
}

// Any reports whether the condition holds for every request.
func (m *Match) Any() bool { return m.host == "" && len(m.headers) == 0 }

// Holds reports whether a request fulfils the condition.
func (m *Match) Holds(r *http.Request) bool {
	if m.host != "" && !m.hostIs(HostName(r.Host)) {
		return false
	}
	for _, f := range m.headers {
		values := r.Header[f.name]
		if len(values) == 0 || f.value != "" && (len(values) > 1 || values[0] != f.value) {
			return false
		}
	}
	return true
}

func (m *Match) hostIs(name string) bool {
	if m.host[0] == '.' {
		return len(name) > len(m.host) && strings.EqualFold(name[len(name)-len(m.host):], m.host)
	}
	return strings.EqualFold(name, m.host)
}

// HostName is the host of a Host header without port, brackets and final dot.
func HostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	host = strings.TrimPrefix(strings.TrimSuffix(host, "]"), "[")
	return strings.TrimSuffix(host, ".")
}

// Compare tells which of two conditions is asked first (positive: m): a whole host name before one with a wildcard, a
// longer one before a shorter, more headers before fewer, and values before presence. 0: neither.
func (m *Match) Compare(o *Match) int {
	for _, d := range [...]int{m.hostRank() - o.hostRank(), len(m.host) - len(o.host), len(m.headers) - len(o.headers), m.exact - o.exact} {
		if d != 0 {
			return d
		}
	}
	return 0
}

func (m *Match) hostRank() int {
	switch {
	case m.host == "":
		return 0
	case m.host[0] == '.':
		return 1
	}
	return 2
}

// Both describes a request for which two conditions hold, neither of which is asked first; false if there is none.
func (m *Match) Both(o *Match) (string, bool) {
	if m.Compare(o) != 0 || m.host != o.host {
		return "", false
	}
	var with []string
	switch m.hostRank() {
	case 1:
		with = append(with, "Host: any"+m.host)
	case 2:
		with = append(with, "Host: "+m.host)
	}
	for _, f := range m.headers {
		if other, ok := o.value(f.name); ok && f.value != "" && other != "" && f.value != other {
			return "", false
		} else if f.value == "" && other != "" {
			f.value = other
		}
		with = append(with, f.name+": "+or(f.value, "any"))
	}
	for _, f := range o.headers {
		if _, ok := m.value(f.name); !ok {
			with = append(with, f.name+": "+or(f.value, "any"))
		}
	}
	if with == nil {
		return "", true
	}
	return " with " + strings.Join(with, ", "), true
}

func (m *Match) value(name string) (string, bool) {
	for _, f := range m.headers {
		if f.name == name {
			return f.value, true
		}
	}
	return "", false
}
