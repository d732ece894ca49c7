package inbound

import (
	"bytes"
	"fmt"
	"net/http"
)

// head is what a request's head says, as places in the bytes that it was read from.
type head struct {
	scanned int // bytes that were looked at for the end
	line    int // where the line begins that is not over yet
	lines   []span
	fields  []field
}

// span is a part of the bytes.
type span struct{ from, to int }

func (s span) of(b []byte) []byte { return b[s.from:s.to] }

// field is one header line; its name is canonical in the bytes themselves.
type field struct{ name, value span }

// maxLines is how many header lines a head may have: 1 MiB of "a:" would become 30 MiB of header.
const maxLines = 1000

// fault is why something is no proper request; the connection ends after the answer.
type fault struct {
	status int
	detail string
}

// Error follows error.
func (f *fault) Error() string { return f.detail }

func bad(format string, args ...any) *fault {
	return &fault{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func tooLong(detail string) *fault {
	return &fault{http.StatusRequestHeaderFieldsTooLarge, detail}
}

// scan looks for the end of the head in b; 0: it is not there yet. Lines end in CRLF and in nothing else.
func (h *head) scan(b []byte) (end int, wrong *fault) {
	for {
		i := bytes.IndexByte(b[h.scanned:], '\n')
		if i < 0 {
			h.scanned = len(b)
			return 0, nil
		}
		at := h.scanned + i
		if at == h.line || b[at-1] != '\r' {
			return 0, bad("a line ends in a bare LF, want CRLF")
		}
		line := span{h.line, at - 1}
		h.scanned, h.line = at+1, at+1
		switch {
		case line.from < line.to && len(h.lines) > maxLines:
			return 0, tooLong(fmt.Sprintf("the head has more than %d lines", maxLines))
		case line.from < line.to:
			h.lines = append(h.lines, line)
		case len(h.lines) > 0:
			return at + 1, nil
		case at > 8:
			return 0, bad("empty lines stand where a request should begin")
		}
	}
}

// parse reads the header lines of a scanned head. Names become canonical where they stand (X-Request-Id).
func (h *head) parse(b []byte) *fault {
	for _, line := range h.lines[1:] {
		f, wrong := parseField(b, line)
		if wrong != nil {
			return wrong
		}
		h.fields = append(h.fields, f)
	}
	return nil
}

// parseField reads "Name: value" (RFC 9112 5).
func parseField(b []byte, line span) (f field, wrong *fault) {
	text := line.of(b)
	if text[0] == ' ' || text[0] == '\t' {
		return f, bad("a header line goes on in the next one")
	}
	colon := bytes.IndexByte(text, ':')
	if colon <= 0 || !canonical(text[:colon]) {
		return f, bad("a line of the head is not \"Name: value\"")
	}
	f.name = span{line.from, line.from + colon}
	from, to := f.name.to+1, line.to
	for from < to && blank(b[from]) {
		from++
	}
	for from < to && blank(b[to-1]) {
		to--
	}
	f.value = span{from, to}
	if !clean(b[from:to]) {
		return f, bad("a control character stands in the header %s", text[:min(colon, 60)])
	}
	return f, nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// canonical makes a name canonical in place, as net/http spells it; false: it is none.
func canonical(name []byte) bool {
	upper := true
	for i, c := range name {
		if !tokens[c] {
			return false
		}
		switch {
		case upper && 'a' <= c && c <= 'z':
			name[i] = c - 'a' + 'A'
		case !upper && 'A' <= c && c <= 'Z':
			name[i] = c - 'A' + 'a'
		}
		upper = c == '-'
	}
	return true
}

// requestLine reads "GET /path HTTP/1.1": three words and single spaces (RFC 9112 3).
func requestLine(line []byte) (method, target []byte, minor int, wrong *fault) {
	one := bytes.IndexByte(line, ' ')
	two := bytes.LastIndexByte(line, ' ')
	if one <= 0 || two == one {
		return nil, nil, 0, bad("the request line is not \"METHOD target HTTP/1.1\"")
	}
	method, target = line[:one], line[one+1:two]
	version := line[two+1:]
	switch {
	case !token(method):
		return nil, nil, 0, bad("the method is not a word")
	case len(target) == 0 || bytes.IndexByte(target, ' ') >= 0:
		return nil, nil, 0, bad("the request line has more than single spaces")
	case len(version) != 8 || string(version[:5]) != "HTTP/" || version[6] != '.' || !digit(version[5]) || !digit(version[7]):
		return nil, nil, 0, bad("the request line does not end in HTTP/1.1")
	case version[5] != '1':
		return method, target, 0, &fault{http.StatusHTTPVersionNotSupported, "want HTTP/1.1"}
	}
	return method, target, int(version[7] - '0'), nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func token(b []byte) bool {
	for _, c := range b {
		if !tokens[c] {
			return false
		}
	}
	return len(b) > 0
}
