package gatewaytest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const patience = 10 * time.Second // for an answer; a gateway that takes longer is broken

// client plays the steps of a page: it sends requests, reads answers and asks the upstreams what they saw.
type client struct {
	world *world
	log   *logbook
	conn  net.Conn
	in    *bufio.Reader
	sent  []byte // the last request

	writing sync.WaitGroup
}

func (c *client) step(h heading) error {
	switch h.kind {
	case "request":
		return c.request(h)
	case "response":
		return c.response(h)
	case "seen":
		return c.seen(h)
	case "log":
		return c.logged(h)
	default:
		return c.then(h)
	}
}

// request sends one, on a new connection unless it says "same".
func (c *client) request(h heading) error {
	text := c.world.page.text(h)
	var err error
	if h.has("raw") {
		if text, err = c.world.expand(text); err != nil {
			return err
		}
		c.sent, err = unescape(text)
	} else {
		c.sent, err = c.compose(text)
	}
	if err != nil {
		return err
	}
	for _, u := range c.world.upstreams {
		u.Forget()
	}
	c.log.forget()
	if !h.has("same") {
		return c.send()
	}
	if c.conn == nil {
		return fmt.Errorf("same, but there is no connection")
	}
	c.write()
	return nil
}

// write sends the request while the answer is awaited: a gateway may answer, or close, before it has read all of it.
func (c *client) write() {
	conn, data := c.conn, c.sent
	c.writing.Wait()
	c.writing.Go(func() { conn.Write(data) })
}

// send opens a connection and writes the request.
func (c *client) send() error {
	c.hangUp()
	conn, err := net.Dial("tcp", c.world.listener.Addr().String())
	if err != nil {
		return err
	}
	c.conn, c.in = conn, bufio.NewReader(conn)
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	c.write()
	return nil
}

func (c *client) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
		c.writing.Wait()
	}
}

// compose turns a readable request into bytes: HTTP/1.1, Host and Content-Length are added where they are missing.
func (c *client) compose(text string) ([]byte, error) {
	head, body, _ := strings.Cut(strings.TrimRight(text, "\n"), "\n\n")
	head, err := c.world.expand(head)
	if err != nil {
		return nil, err
	}
	if body, err = c.world.expand(body); err != nil {
		return nil, err
	}
	all := strings.Split(head, "\n")
	if strings.Count(all[0], " ") == 1 {
		all[0] += " HTTP/1.1"
	}
	written := map[string]bool{}
	out := all[:1:1]
	for _, line := range all[1:] {
		name, _, _ := strings.Cut(line, ":")
		never := strings.HasPrefix(name, "!")
		written[strings.ToLower(strings.TrimPrefix(name, "!"))] = true
		if !never {
			out = append(out, line)
		}
	}
	if !written["host"] {
		out = append(out, "Host: gateway.test")
	}
	if body != "" && !written["content-length"] && !written["transfer-encoding"] {
		out = append(out, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return []byte(strings.Join(out, "\r\n") + "\r\n\r\n" + body), nil
}

// response reads the next answer and holds it against the page.
func (c *client) response(h heading) error {
	if c.conn == nil {
		return fmt.Errorf("no request before it")
	}
	deadline, err := within(h)
	if err != nil {
		return err
	}
	want := strings.TrimRight(c.world.page.text(h), "\n")
	for {
		got, err := hold(c.world, want, c.receive())
		if err != nil {
			return err
		}
		if got == want || time.Now().After(deadline) {
			return c.world.settle(h, got)
		}
		c.log.wait(20 * time.Millisecond)
		if err := c.send(); err != nil {
			return err
		}
	}
}

// within is until when the right answer may come; now, if the page does not say.
func within(h heading) (time.Time, error) {
	if len(h.words) == 0 {
		return time.Now(), nil
	}
	if len(h.words) != 2 || h.words[0] != "within" {
		return time.Time{}, fmt.Errorf("want response, or response within DURATION")
	}
	d, err := time.ParseDuration(h.words[1])
	return time.Now().Add(d), err
}

// receive reads an answer; a connection that ends without one is a message "closed".
func (c *client) receive() message {
	method, _, _ := strings.Cut(string(c.sent), " ")
	a, err := readAnswer(c.in, method)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return message{first: fmt.Sprintf("no answer in %v", patience)}
		}
		return message{first: "closed"}
	}
	first := fmt.Sprintf("HTTP/1.1 %d %s", a.status, http.StatusText(a.status))
	if a.cut != nil {
		a.fields = append(a.fields, Field{"Cut", "yes"})
	}
	return message{first: first, fields: a.fields, body: a.body}
}
