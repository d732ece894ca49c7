package outbound

import "strings"

// tokens are the bytes of a method or a field name (RFC 9110 5.6.2).
var tokens = bytesOf("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

// hosts are the bytes of a Host field: a reg-name, an address, a port.
var hosts = bytesOf("!$&'()*+,;=-._~%:[]0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

func bytesOf(set string) (table [256]bool) {
	for i := range len(set) {
		table[set[i]] = true
	}
	return table
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !tokens[c] {
			return false
		}
	}
	return s != ""
}

func isHost(s string) bool {
	for _, c := range []byte(s) {
		if !hosts[c] {
			return false
		}
	}
	return s != ""
}

// isValue tells a field value: no control characters but the tab (RFC 9110 5.5). Eight bytes at a time: it sees every
// byte of every head.
func isValue(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if w := eight(s[i : i+8]); suspicious(w) && !plainValue(s[i:i+8]) {
			return false
		}
	}
	switch {
	case i == len(s):
		return true
	case i > 0: // the last eight, some of them a second time
		return !suspicious(eight(s[len(s)-8:])) || plainValue(s[i:])
	}
	return plainValue(s)
}

// eight reads eight bytes as one number.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// suspicious tells whether one of eight bytes may be a control character: it misses none, and a tab is one.
func suspicious(w uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	low := (w - ones*0x20) &^ w // below 0x20
	del := w ^ ones*0x7f
	return (low|(del-ones)&^del)&highs != 0
}

func plainValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isTarget tells a request target in origin form: visible characters only; bytes above ASCII pass, as clients send them.
func isTarget(s string) bool {
	if s == "" || s[0] != '/' && s != "*" {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// IsPlain tells a path or a query of a file that may stand in a target as it is: visible ASCII, without what ends a path in
// some readers.
func IsPlain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' || r == '\\' })
}

// isHop tells the fields that belong to one connection (RFC 9110 7.6.1), and those that only the client itself may write.
func isHop(name string) bool {
	switch len(name) {
	case 2:
		return is(name, "te")
	case 7:
		return is(name, "upgrade") || is(name, "trailer")
	case 10:
		return is(name, "connection") || is(name, "keep-alive")
	case 16:
		return is(name, "proxy-connection")
	case 17:
		return is(name, "transfer-encoding")
	case 18:
		return is(name, "proxy-authenticate")
	case 19:
		return is(name, "proxy-authorization")
	}
	return false
}

// is compares a name with one of the same length in lower case; the first letter alone tells most of them apart.
func is(name, lower string) bool {
	return name[0]|0x20 == lower[0] && strings.EqualFold(name, lower)
}

// isOurs tells the fields of a request that are never taken from Request.Header: what frames or routes it.
func isOurs(name string) bool {
	switch len(name) {
	case 4:
		return is(name, "host")
	case 6:
		return is(name, "expect")
	case 14:
		return is(name, "content-length")
	}
	return isHop(name)
}

// hasToken tells whether a comma-separated list has a token, in any case of letters.
func hasToken(list, token string) bool {
	for list != "" {
		item, rest, _ := strings.Cut(list, ",")
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
		list = rest
	}
	return false
}
