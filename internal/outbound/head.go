package outbound

import (
	"strings"
)

// framing is how the end of a body is found.
type framing uint8

const (
	noBody     framing = iota
	byLength           // Content-Length
	byChunks           // Transfer-Encoding: chunked
	untilClose         // HTTP/1.0, or neither of them
)

// maxFields is how many lines a head may have: 1 MiB of "a:" would become 10 MiB of fields.
const maxFields = 1024

// head is a parsed response head: the status line and what the fields say of the connection.
type head struct {
	status    int
	fields    []Field // end-to-end ones
	length    int64   // Content-Length, -1 without one
	chunked   bool
	old       bool // HTTP/1.0
	close     bool // Connection: close
	keepAlive bool // Connection: keep-alive
	upgrade   string
	named     string // Connection values that name further fields
}

// parse reads a whole head, its empty line included, by RFC 9112 without its tolerances: lines end in CRLF, nothing is
// folded, no space stands before a colon, and what frames the body says one thing only. The fields are parts of s,
// appended to fields.
func (h *head) parse(s string, fields []Field) error {
	*h = head{length: -1, fields: fields}
	line, rest, ok := cutLine(s)
	if !ok {
		return badReply("the status line does not end in CRLF")
	}
	if err := h.statusLine(line); err != nil {
		return err
	}
	for {
		if line, rest, ok = cutLine(rest); !ok {
			return badReply("a header line does not end in CRLF")
		}
		if line == "" {
			break
		}
		name, value, err := parseField(line)
		if err != nil {
			return err
		}
		if err := h.field(name, value); err != nil {
			return err
		}
	}
	if rest != "" {
		return badReply("bytes after the head")
	}
	if h.chunked && h.length >= 0 {
		return badReply("both Transfer-Encoding and Content-Length")
	}
	if h.named != "" {
		h.dropNamed()
	}
	return nil
}

// cutLine cuts s after its first CRLF. A CR that no LF follows ends nothing and is refused.
func cutLine(s string) (line, rest string, ok bool) {
	i := strings.IndexByte(s, '\r')
	if i < 0 || i+1 >= len(s) || s[i+1] != '\n' {
		return "", "", false
	}
	return s[:i], s[i+2:], true
}

// statusLine reads "HTTP/1.1 200 OK"; a missing reason, even without its space, is fine.
func (h *head) statusLine(line string) error {
	if len(line) < 12 || line[:7] != "HTTP/1." || line[7] != '1' && line[7] != '0' || line[8] != ' ' ||
		len(line) > 12 && line[12] != ' ' || !isValue(line[12:]) {
		return badReply("not an HTTP/1.1 status line: %.60q", line)
	}
	h.old = line[7] == '0'
	a, b, c := line[9]-'0', line[10]-'0', line[11]-'0'
	if a < 1 || a > 9 || b > 9 || c > 9 {
		return badReply("got status %q, want three digits", line[9:12])
	}
	h.status = int(a)*100 + int(b)*10 + int(c)
	return nil
}

// parseField reads "Name: value".
func parseField(line string) (name, value string, err error) {
	i := strings.IndexByte(line, ':')
	if i < 0 || !isToken(line[:i]) {
		return "", "", badReply("not a header line: %.60q", line)
	}
	name, value = line[:i], trim(line[i+1:])
	if !isValue(value) {
		return "", "", badReply("control characters in header %.60q", name)
	}
	return name, value, nil
}

func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// field takes one line: what frames the body and speaks of the connection is kept apart, the rest is end to end.
func (h *head) field(name, value string) error {
	switch len(name) {
	case 7:
		if is(name, "upgrade") {
			h.upgrade = value
			return nil
		}
	case 10:
		if is(name, "connection") {
			h.connection(value)
			return nil
		}
	case 14:
		if is(name, "content-length") {
			return h.contentLength(name, value)
		}
	case 17:
		if is(name, "transfer-encoding") {
			if h.chunked || h.old || !strings.EqualFold(value, "chunked") {
				return badReply("got Transfer-Encoding %.60q, want one chunked in HTTP/1.1", value)
			}
			h.chunked = true
			return nil
		}
	}
	if isHop(name) {
		return nil
	}
	return h.add(name, value)
}

func (h *head) add(name, value string) error {
	if len(h.fields) == maxFields {
		return badReply("more than %d header lines", maxFields)
	}
	h.fields = append(h.fields, Field{name, value})
	return nil
}

func (h *head) contentLength(name, value string) error {
	n, ok := parseLength(value)
	switch {
	case !ok:
		return badReply("got Content-Length %.60q, want digits", value)
	case h.length < 0:
		h.length = n
		return h.add(name, value)
	case h.length != n:
		return badReply("two Content-Lengths, %d and %d", h.length, n)
	}
	return nil
}

func parseLength(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, true
}

func (h *head) connection(value string) {
	switch {
	case strings.EqualFold(value, "keep-alive"):
		h.keepAlive = true
	case strings.EqualFold(value, "close"):
		h.close = true
	default:
		h.keepAlive = h.keepAlive || hasToken(value, "keep-alive")
		h.close = h.close || hasToken(value, "close")
		if h.named != "" {
			value = h.named + "," + value
		}
		h.named = value
	}
}

// dropNamed takes off the fields that Connection names.
func (h *head) dropNamed() {
	kept := h.fields[:0]
	for _, f := range h.fields {
		if !hasToken(h.named, f.Name) {
			kept = append(kept, f)
		}
	}
	h.fields = kept
}

// body says how the body of this answer to method is framed (RFC 9112 6.3), and whether the connection lives on after it.
func (h *head) body(method string) (kind framing, length int64, reusable bool) {
	reusable = !h.close && (!h.old || h.keepAlive)
	switch {
	case method == "HEAD", h.status == 304:
		return noBody, 0, reusable
	case h.status < 200, h.status == 204:
		// A length here is a contradiction: whatever follows must not be taken for the next answer.
		return noBody, 0, reusable && !h.chunked && h.length <= 0
	case h.chunked:
		return byChunks, -1, reusable
	case h.length == 0:
		return noBody, 0, reusable
	case h.length > 0:
		return byLength, h.length, reusable
	}
	return untilClose, -1, false
}
