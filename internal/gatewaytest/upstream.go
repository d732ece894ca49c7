package gatewaytest

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// Upstream is a backend on a loopback socket that answers as its script says (see the package comment) and remembers
// what it was asked, byte for byte.
type Upstream struct {
	t     testing.TB
	name  string
	addr  string
	rules []*rule

	mu     sync.Mutex
	listen net.Listener          // nil while stopped
	conns  map[net.Conn]struct{} // open ones
	opened int                   // connections so far
	seen   []*Seen               // not yet taken
	total  int                   // requests so far
	came   chan struct{}         // closed and replaced when a request comes
	done   chan struct{}         // closed when the test ends
	wait   sync.WaitGroup
}

// StartUpstream starts a backend; the name is for messages. It is stopped, and the counts of its script are checked, when
// the test ends.
func StartUpstream(t testing.TB, name, script string) *Upstream {
	t.Helper()
	rules, err := parseScript(script)
	if err != nil {
		t.Fatalf("upstream %s: %v", name, err)
	}
	u := &Upstream{t: t, name: name, addr: "127.0.0.1:0", rules: rules, conns: map[net.Conn]struct{}{},
		came: make(chan struct{}), done: make(chan struct{})}
	u.Start()
	t.Cleanup(u.end)
	return u
}

// URL is the upstream's address, "http://127.0.0.1:port".
func (u *Upstream) URL() string { return "http://" + u.addr }

// Start listens again after Stop, on the same port.
func (u *Upstream) Start() {
	u.t.Helper()
	l, err := net.Listen("tcp", u.addr)
	if err != nil {
		u.t.Fatalf("upstream %s: %v", u.name, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.listen, u.addr = l, l.Addr().String()
	u.wait.Go(func() { u.accept(l) })
}

// Stop closes the port and every connection: who asks is refused.
func (u *Upstream) Stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.listen != nil {
		u.listen.Close()
		u.listen = nil
	}
	for c := range u.conns {
		c.Close()
	}
}

// Asked is how many requests have come so far.
func (u *Upstream) Asked() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.total
}

// Connections is how many connections have been opened so far.
func (u *Upstream) Connections() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.opened
}

// Take is the oldest request that fits and has not been taken yet, nil if none comes in time. The others stay.
func (u *Upstream) Take(within time.Duration, fits func(*Seen) bool) *Seen {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		u.mu.Lock()
		for i, s := range u.seen {
			if fits(s) {
				u.seen = append(u.seen[:i:i], u.seen[i+1:]...)
				u.mu.Unlock()
				return s
			}
		}
		came := u.came
		u.mu.Unlock()
		select {
		case <-came:
		case <-deadline.C:
			return nil
		}
	}
}

// Forget drops what has come and was not taken, and says what it was.
func (u *Upstream) Forget() []*Seen {
	u.mu.Lock()
	defer u.mu.Unlock()
	old := u.seen
	u.seen = nil
	return old
}

// end stops everything and checks the counts.
func (u *Upstream) end() {
	close(u.done)
	u.Stop()
	u.wait.Wait()
	for _, r := range u.rules {
		if r.asked >= 0 && r.used != r.asked {
			u.t.Errorf("upstream %s: %s %s was asked %d times, want %d", u.name, r.method, r.path, r.used, r.asked)
		}
	}
}

func (u *Upstream) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		if u.listen != l {
			u.mu.Unlock()
			c.Close()
			return
		}
		u.opened++
		u.conns[c] = struct{}{}
		n := u.opened
		u.wait.Go(func() { u.serve(c, n) })
		u.mu.Unlock()
	}
}

// serve answers the requests of one connection.
func (u *Upstream) serve(c net.Conn, number int) {
	defer func() {
		c.Close()
		u.mu.Lock()
		delete(u.conns, c)
		u.mu.Unlock()
	}()
	r := bufio.NewReader(c)
	for {
		s, err := readRequest(r, func() error {
			_, err := c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
			return err
		})
		if err != nil {
			return // the client left, or sent what is not HTTP; the page sees that no request came
		}
		s.Conn = number
		rule := u.record(s)
		if rule == nil {
			u.t.Errorf("upstream %s: no rule for %s %s", u.name, s.Method, s.Target)
			fmt.Fprintf(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		if !u.answer(c, r, rule, s) {
			return
		}
	}
}

// record remembers a request and finds its rule.
func (u *Upstream) record(s *Seen) *rule {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.total++
	u.seen = append(u.seen, s)
	close(u.came)
	u.came = make(chan struct{})
	for _, r := range u.rules {
		if r.fits(s) {
			r.used++
			return r
		}
	}
	return nil
}
