package inbound

import (
	"encoding/binary"
	"strings"
)

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// tokens are the bytes of a token (RFC 9110 5.6.2).
var tokens = bytesOf("!#$%&'*+-.^_`|~" + alphanumeric)

// plain are the bytes of a path that stand for themselves, escaped or not (RFC 3986 3.3).
var plain = bytesOf("-._~$&+,/:;=@" + alphanumeric)

func bytesOf(set string) (table [256]bool) {
	for i := range len(set) {
		table[set[i]] = true
	}
	return table
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// clean tells that a value has no control character but tabs (RFC 9110 5.5). Eight bytes are looked at together: those
// below a space borrow from above, and DEL becomes zero.
func clean(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		del := x ^ 0x7f*ones
		if ((x-0x20*ones)&^x|(del-ones)&^del)&highs != 0 && !cleanBytes(b[:8]) {
			return false
		}
	}
	return cleanBytes(b)
}

func cleanBytes(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// length reads a Content-Length: digits, and few enough of them.
func length(s string) (n int64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// lists tells whether a list has a member, in any case of letters.
func lists(values []string, member string) bool {
	for _, v := range values {
		if strings.EqualFold(v, member) {
			return true
		}
		for strings.IndexByte(v, ',') >= 0 {
			var item string
			item, v, _ = strings.Cut(v, ",")
			if strings.EqualFold(strings.Trim(item, " \t"), member) || strings.EqualFold(strings.Trim(v, " \t"), member) {
				return true
			}
		}
	}
	return false
}
