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
	for i := range len(s) {
		if !tokens[s[i]] {
			return false
		}
	}
	return s != ""
}

func isHost(s string) bool {
	for i := range len(s) {
		if !hosts[s[i]] {
			return false
		}
	}
	return s != ""
}

// isValue tells a field value: no control characters but the tab (RFC 9110 5.5). Eight bytes at a time: it sees every
// byte of every head.
func isValue(s string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		low := (w - ones*0x20) &^ w & highs // a byte below 0x20 (or, after a borrow, one that only looks so)
		del := w ^ ones*0x7f
		del = (del - ones) &^ del & highs
		if low|del != 0 && !plainValue(s[i:i+8]) {
			return false
		}
	}
	return plainValue(s[i:])
}

func plainValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
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
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// isHop tells the fields that belong to one connection (RFC 9110 7.6.1), and those that only the client itself may write.
func isHop(name string) bool {
	switch len(name) {
	case 2:
		return strings.EqualFold(name, "te")
	case 7:
		return strings.EqualFold(name, "upgrade") || strings.EqualFold(name, "trailer")
	case 10:
		return strings.EqualFold(name, "connection") || strings.EqualFold(name, "keep-alive")
	case 16:
		return strings.EqualFold(name, "proxy-connection")
	case 17:
		return strings.EqualFold(name, "transfer-encoding")
	case 18:
		return strings.EqualFold(name, "proxy-authenticate")
	case 19:
		return strings.EqualFold(name, "proxy-authorization")
	}
	return false
}

// isOurs tells the fields of a request that are never taken from Request.Header: what frames or routes it.
func isOurs(name string) bool {
	switch len(name) {
	case 4:
		return strings.EqualFold(name, "host")
	case 6:
		return strings.EqualFold(name, "expect")
	case 14:
		return strings.EqualFold(name, "content-length")
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
