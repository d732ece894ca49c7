package gatewaytest

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Names is a name server on loopback. Every name is the address 127.0.0.1; SRV records are what [Names.Set] says.
type Names struct {
	conn net.PacketConn

	mu      sync.Mutex
	records map[string][]net.SRV
	failing bool
	asked   int
}

// StartNames starts a name server and has this process ask it alone until the test ends. Tests that use it don't run beside
// others.
func StartNames(t testing.TB) *Names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &Names{conn: conn, records: map[string][]net.SRV{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.serve()
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = conn.Close()
		<-ended
	})
	return n
}

// Set replaces the SRV records of a name.
func (n *Names) Set(name string, records ...net.SRV) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records[name] = records
}

// Fail has every question answered with a failure of the server.
func (n *Names) Fail() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failing = true
}

// Asked is how often SRV records were asked for.
func (n *Names) Asked() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *Names) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:size]) != nil || len(m.Questions) != 1 {
			continue
		}
		n.answer(&m)
		if packed, err := m.Pack(); err == nil {
			_, _ = n.conn.WriteTo(packed, from)
		}
	}
}

func (n *Names) answer(m *dnsmessage.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	q := m.Questions[0]
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
	if q.Type == dnsmessage.TypeSRV {
		n.asked++
	}
	switch {
	case n.failing:
		m.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	case q.Type == dnsmessage.TypeSRV:
		for _, r := range n.records[strings.TrimSuffix(q.Name.String(), ".")] {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.SRVResource{
				Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: dnsmessage.MustNewName(r.Target)}})
		}
	}
}
