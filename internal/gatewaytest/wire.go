package gatewaytest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
)

// Field is one header line, its name as it was spelt on the wire.
type Field struct{ Name, Value string }

// Seen is one request as an upstream received it.
type Seen struct {
	Method, Target string
	Fields         []Field // in order, names as spelt
	Body           []byte  // without its chunks
	Trailer        []Field
	Conn           int // which connection of the upstream, counted from 1
}

// Get is the value of the first field of this name, in any case of letters; "" if there is none.
func (s *Seen) Get(name string) string {
	if all := values(s.Fields, name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// values are the values of all fields of a name, in order.
func values(fields []Field, name string) []string {
	var out []string
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// behind marks the fields that came behind a body.
func behind(fields []Field) []Field {
	out := make([]Field, len(fields))
	for i, f := range fields {
		out[i] = Field{"trailer " + f.Name, f.Value}
	}
	return out
}

// readRequest reads one HTTP/1.1 request and keeps what net/http would tidy: spelling, order, repeats. onContinue is called
// before a body that the client holds back.
func readRequest(r *bufio.Reader, onContinue func() error) (*Seen, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || !strings.HasPrefix(parts[2], "HTTP/1.") {
		return nil, fmt.Errorf("bad request line %q", line)
	}
	s := &Seen{Method: parts[0], Target: parts[1]}
	if s.Fields, err = readFields(r); err != nil {
		return nil, err
	}
	if strings.EqualFold(s.Get("Expect"), "100-continue") {
		if err := onContinue(); err != nil {
			return nil, err
		}
	}
	return s, s.readBody(r)
}

func (s *Seen) readBody(r *bufio.Reader) (err error) {
	if strings.EqualFold(s.Get("Transfer-Encoding"), "chunked") {
		if s.Body, err = io.ReadAll(httputil.NewChunkedReader(r)); err != nil {
			return err
		}
		s.Trailer, err = readFields(r)
		return err
	}
	length := s.Get("Content-Length")
	if length == "" {
		return nil
	}
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return fmt.Errorf("bad Content-Length %q", length)
	}
	s.Body = make([]byte, n)
	_, err = io.ReadFull(r, s.Body)
	return err
}

func readFields(r *bufio.Reader) ([]Field, error) {
	var out []Field
	for {
		line, err := readLine(r)
		if err != nil || line == "" {
			return out, err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("bad header line %q", line)
		}
		out = append(out, Field{name, strings.Trim(value, " \t")})
	}
}

// readLine reads up to CRLF, which a client of ours must send as such.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		if line != "" && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	if !strings.HasSuffix(line, "\r\n") {
		return "", fmt.Errorf("line %q ends without CR", line)
	}
	return strings.TrimSuffix(line, "\r\n"), nil
}

// answer is one response as a client received it.
type answer struct {
	status  int
	fields  []Field
	body    []byte
	cut     error // the body broke off
	upgrade bool
}

// readAnswer reads one response, skipping informational ones but 101.
func readAnswer(r *bufio.Reader, method string) (*answer, error) {
	for {
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return nil, err
		}
		if res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		a := &answer{status: res.StatusCode, upgrade: res.StatusCode == http.StatusSwitchingProtocols}
		for _, name := range slices.Sorted(maps.Keys(res.Header)) {
			for _, v := range res.Header[name] {
				a.fields = append(a.fields, Field{name, v})
			}
		}
		if res.TransferEncoding != nil {
			a.fields = append(a.fields, Field{"Transfer-Encoding", strings.Join(res.TransferEncoding, ", ")})
		}
		if res.Close && res.Header.Get("Connection") == "" {
			a.fields = append(a.fields, Field{"Connection", "close"})
		}
		if !a.upgrade {
			a.body, a.cut = io.ReadAll(res.Body)
			for _, name := range slices.Sorted(maps.Keys(res.Trailer)) {
				for _, v := range res.Trailer[name] {
					a.fields = append(a.fields, Field{"trailer " + name, v})
				}
			}
		}
		return a, res.Body.Close()
	}
}
