package gatewaytest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// answer plays a rule on a connection and reports whether the connection goes on.
func (u *Upstream) answer(c net.Conn, in *bufio.Reader, r *rule, s *Seen) bool {
	if !u.pause(r.delay) {
		return false
	}
	switch {
	case r.hang:
		io.Copy(io.Discard, in) // until the client leaves or the upstream stops
		return false
	case r.reset:
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		return false
	case r.close:
		return false
	case r.raw:
		c.Write(r.body)
		return false
	}
	for _, line := range r.early {
		status, field, _ := strings.Cut(line, " ")
		fmt.Fprintf(c, "HTTP/1.1 %s Early\r\n%s\r\n\r\n", status, field)
	}
	body := r.body
	if r.echo {
		body = s.echo()
	}
	if _, err := c.Write(r.head(body, s)); err != nil {
		return false
	}
	if strings.HasPrefix(r.status, "101") {
		io.Copy(c, in)
		return false
	}
	return u.writeBody(c, r, body, s)
}

// head is the status line and the headers, framing added unless the rule has its own or forbids it ("!Content-Length:").
func (r *rule) head(body []byte, s *Seen) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\n", r.status)
	framed := bodiless(r.status)
	for _, f := range r.fields {
		if name, never := strings.CutPrefix(f.Name, "!"); never {
			framed = framed || strings.EqualFold(name, "Content-Length")
			continue
		}
		framed = framed || strings.EqualFold(f.Name, "Content-Length") || strings.EqualFold(f.Name, "Transfer-Encoding")
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	for _, f := range r.trailer {
		fmt.Fprintf(&b, "Trailer: %s\r\n", f.Name)
	}
	if !framed && r.chunked {
		b.WriteString("Transfer-Encoding: chunked\r\n")
	} else if !framed {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// bodiless reports whether answers of this status never have a body (RFC 9110 section 6.4.1).
func bodiless(status string) bool {
	return strings.HasPrefix(status, "1") || strings.HasPrefix(status, "204") || strings.HasPrefix(status, "304")
}

func (u *Upstream) writeBody(c net.Conn, r *rule, body []byte, s *Seen) bool {
	if s.Method == "HEAD" || bodiless(r.status) {
		return true
	}
	cut := r.cut >= 0 && r.cut < len(body)
	if cut {
		body = body[:r.cut]
	}
	if !r.chunked {
		_, err := c.Write(body)
		return err == nil && !cut && !r.unframed()
	}
	pieces := [][]byte{body}
	if r.drip > 0 {
		pieces = bytes.SplitAfter(body, []byte("\n"))
	}
	for i, p := range pieces {
		if i > 0 && !u.pause(r.drip) || len(p) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(p), p); err != nil {
			return false
		}
	}
	if cut {
		return false
	}
	end := "0\r\n"
	for _, f := range r.trailer {
		end += f.Name + ": " + f.Value + "\r\n"
	}
	_, err := io.WriteString(c, end+"\r\n")
	return err == nil
}

// unframed reports whether only the end of the connection ends the body.
func (r *rule) unframed() bool {
	for _, f := range r.fields {
		if strings.EqualFold(f.Name, "!Content-Length") || strings.EqualFold(f.Name, "Connection") && f.Value == "close" {
			return true
		}
	}
	return false
}

// pause waits, unless the test ends before; then it reports false.
func (u *Upstream) pause(d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-u.done:
		return false
	}
}

// echo tells a request as JSON: {"method", "target", "headers": {name: [values]}, "body"}.
func (s *Seen) echo() []byte {
	headers := map[string][]string{}
	for _, f := range s.Fields {
		headers[f.Name] = append(headers[f.Name], f.Value)
	}
	out, err := json.Marshal(map[string]any{"method": s.Method, "target": s.Target, "headers": headers, "body": string(s.Body)})
	if err != nil {
		return []byte(err.Error())
	}
	return out
}
