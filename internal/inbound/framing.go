package inbound

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// headText is the head of the answer but for how its body is framed. What the handler says of that is taken down.
func (w *response) headText(b []byte) []byte {
	h := w.c.header
	if lengths := h["Content-Length"]; len(lengths) == 1 {
		if n, ok := length(lengths[0]); ok {
			w.length = n
		}
	}
	if h["Connection"] != nil && lists(h["Connection"], "close") {
		w.close = true
	}
	_, typed := h["Content-Type"]
	w.sniff = !typed && h["Content-Encoding"] == nil
	b = w.fields(statusLine(b, w.r.ProtoMinor, w.status), true)
	if h["Date"] == nil {
		b = append(b, "Date: "...)
		b = append(b, w.c.server.now(time.Now())...)
		b = append(b, "\r\n"...)
	}
	return b
}

func statusLine(b []byte, minor, status int) []byte {
	if minor == 0 {
		b = append(b, "HTTP/1.0 "...)
	} else {
		b = append(b, "HTTP/1.1 "...)
	}
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	if text := http.StatusText(status); text != "" {
		b = append(b, text...)
	} else {
		b = append(append(b, "status code "...), b[len(b)-4:len(b)-1]...)
	}
	return append(b, "\r\n"...)
}

// fields appends the handler's headers, sorted: the same answer is the same bytes.
func (w *response) fields(b []byte, final bool) []byte {
	c := w.c
	c.keys = c.keys[:0]
	for name := range c.header {
		c.keys = append(c.keys, name)
	}
	slices.Sort(c.keys)
	for _, name := range c.keys {
		switch {
		case name == "Connection", name == "Transfer-Encoding", name == "Content-Length":
			continue
		case strings.HasPrefix(name, http.TrailerPrefix), !token([]byte(name)):
			continue
		}
		if final && w.trails(name) {
			continue
		}
		for _, value := range c.header[name] {
			b = appendField(b, name, value)
		}
	}
	return b
}

// trails tells whether the handler has announced a header as a trailer.
func (w *response) trails(name string) bool {
	announced := w.c.header["Trailer"]
	return announced != nil && lists(announced, name)
}

// appendField appends one line; line breaks in a value become spaces.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	from := len(b)
	b = append(b, strings.Trim(value, " \t\r\n")...)
	for i, c := range b[from:] {
		if c == '\r' || c == '\n' {
			b[from+i] = ' '
		}
	}
	return append(b, "\r\n"...)
}

// frame appends how the body is framed (RFC 9112 6) and what becomes of the connection, and ends the head.
func (w *response) frame(b []byte, whole bool, pending, next []byte) []byte {
	if w.sniff && bodyAllowed(w.status) {
		if len(pending) > 0 {
			next = pending
		}
		if len(next) > 0 {
			b = appendField(b, "Content-Type", http.DetectContentType(next))
		}
	}
	old := w.r.ProtoMinor == 0
	switch {
	case w.length >= 0 && w.status != http.StatusNoContent && w.status >= 200:
		b = appendLength(b, w.length)
	case !bodyAllowed(w.status):
	case w.bodiless && !whole, w.bodiless && w.written == 0:
	case whole:
		b = appendLength(b, w.written)
	case old:
		w.close = true
	default:
		w.chunked = true
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	w.close = w.close || w.c.server.closing.Load() || w.unreadable()
	switch {
	case w.close && !old:
		b = append(b, "Connection: close\r\n"...)
	case !w.close && old:
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	return append(b, "\r\n"...)
}

// unreadable tells that more is left of the request's body than will be read after the answer.
func (w *response) unreadable() bool {
	b, ok := w.r.Body.(*body)
	if !ok || !b.mu.TryLock() {
		return false
	}
	defer b.mu.Unlock()
	return b.err == nil && (b.expects || !b.chunked && b.left > lingerBytes)
}

func appendLength(b []byte, n int64) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, n, 10)
	return append(b, "\r\n"...)
}

// appendChunk begins a chunk, behind the end of the one before it.
func appendChunk(b []byte, size int, tail bool) []byte {
	if tail {
		b = append(b, "\r\n"...)
	}
	b = strconv.AppendInt(b, int64(size), 16)
	return append(b, "\r\n"...)
}

// lastChunk ends a chunked body; trailers are what the handler has announced, or set with http.TrailerPrefix.
func (w *response) lastChunk(b []byte) []byte {
	if w.tail {
		b = append(b, "\r\n"...)
	}
	b = append(b, "0\r\n"...)
	c := w.c
	c.keys = c.keys[:0]
	for name := range c.header {
		if strings.HasPrefix(name, http.TrailerPrefix) || w.trails(name) {
			c.keys = append(c.keys, name)
		}
	}
	slices.Sort(c.keys)
	for _, key := range c.keys {
		name := http.CanonicalHeaderKey(strings.TrimPrefix(key, http.TrailerPrefix))
		if !token([]byte(name)) || !trailing(name) {
			continue
		}
		for _, value := range c.header[key] {
			b = appendField(b, name, value)
		}
	}
	return append(b, "\r\n"...)
}
