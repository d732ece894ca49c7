package backends

import (
	"net/url"
	"strings"
	"unicode"
)

// QueryRule lets listed query parameters through, and nothing else. Pairs keep their order, their repeats and their bytes;
// a ";" parts nothing and leaves as %3B; a pair with a broken escape is dropped (security.md 26).
type QueryRule struct {
	all   bool
	names map[string]bool
}

// NewQueryRule compiles a list of names; "*" lets everything through, byte for byte.
func NewQueryRule(names []string) *QueryRule {
	q := &QueryRule{names: make(map[string]bool, len(names))}
	for _, n := range names {
		q.all = q.all || n == "*"
		q.names[n] = true
	}
	return q
}

// All reports whether everything passes.
func (q *QueryRule) All() bool { return q.all }

// Filter returns what of a raw query (without "?") may pass.
func (q *QueryRule) Filter(raw string) string {
	if q.all || raw == "" {
		return raw
	}
	if len(q.names) == 0 {
		return ""
	}
	var kept strings.Builder
	for rest := raw; rest != ""; {
		pair := rest
		if i := strings.IndexByte(rest, '&'); i >= 0 {
			pair, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		name, value, _ := strings.Cut(pair, "=")
		if !q.has(name) || broken(value) {
			continue
		}
		if kept.Len() > 0 {
			kept.WriteByte('&')
		}
		kept.WriteString(strings.ReplaceAll(pair, ";", "%3B"))
	}
	return kept.String()
}

// without is a raw query without the parameters of these folded names: what the file fills in, a claim for example, must not
// stand there a second time, as the client likes it. Backends differ in which of two they take.
func without(raw string, filled map[string]bool) string {
	var kept strings.Builder
	first := true
	for pair := range strings.SplitSeq(raw, "&") {
		if name, _, _ := strings.Cut(pair, "="); filled[foldParameter(name)] {
			continue
		}
		if !first {
			kept.WriteByte('&')
		}
		first = false
		kept.WriteString(strings.ReplaceAll(pair, ";", "%3B"))
	}
	return kept.String()
}

// foldParameter makes the spellings of a parameter's name one that some backend takes for the same: escapes, case, signs, and
// "a[]" or "a[x]" for a. A broken escape stands for itself.
func foldParameter(raw string) string {
	name, err := url.QueryUnescape(raw)
	if err != nil {
		name = raw
	}
	name = strings.TrimLeft(name, " ")
	if i := strings.IndexByte(name, '['); i > 0 {
		name = name[:i]
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-", r) || r == '[' {
			return '_'
		}
		return unicode.ToLower(r)
	}, name)
}

// has compares a name after one decoding.
func (q *QueryRule) has(raw string) bool {
	if strings.ContainsAny(raw, "%+") {
		name, err := url.QueryUnescape(raw)
		return err == nil && q.names[name]
	}
	return q.names[raw]
}

func broken(s string) bool {
	for i := strings.IndexByte(s, '%'); i >= 0; {
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return true
		}
		next := strings.IndexByte(s[i+3:], '%')
		if next < 0 {
			return false
		}
		i += 3 + next
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
