package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Listen opens the port; a port in use is an error that says what to do.
func Listen(ip string, port int) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(ip, fmt.Sprint(port)))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on port %d: %w (choose another with -p)", port, err)
	}
	return l, nil
}

// secureListener accepts connections and hands them out when they have shaken hands; those that speak HTTP/2 are handed to
// its server.
type secureListener struct {
	net.Listener
	stall   time.Duration
	http2   *handed
	config  *tls.Config
	timeout time.Duration // for the handshake
	log     *slog.Logger

	ready chan accepted
	ended context.Context
	end   context.CancelFunc
	begin sync.Once
	all   sync.WaitGroup
}

type accepted struct {
	conn net.Conn
	err  error
}

func newSecureListener(l net.Listener, stall time.Duration, config *tls.Config, timeout time.Duration, http2 *handed, log *slog.Logger) *secureListener {
	s := &secureListener{Listener: l, stall: stall, config: config, timeout: timeout, http2: http2, log: log, ready: make(chan accepted)}
	s.ended, s.end = context.WithCancel(context.Background())
	return s
}

// Accept follows net.Listener.
func (l *secureListener) Accept() (net.Conn, error) {
	l.begin.Do(func() { l.all.Go(l.run) })
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.ended.Done():
		return nil, net.ErrClosed
	}
}

// run takes connections; an error is handed on, and the server decides whether to come back for more.
func (l *secureListener) run() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if !l.give(nil, err) || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		l.all.Go(func() { l.shake(c) })
	}
}

func (l *secureListener) give(c net.Conn, err error) bool {
	select {
	case l.ready <- accepted{c, err}:
		return true
	case <-l.ended.Done():
		if c != nil {
			_ = c.Close()
		}
		return false
	}
}

// shake does the handshake of one connection.
func (l *secureListener) shake(raw net.Conn) {
	ctx, cancel := context.WithTimeout(l.ended, l.timeout)
	defer cancel()
	below := &paced{Conn: raw}
	c := tls.Server(below, l.config)
	if err := c.HandshakeContext(ctx); err != nil {
		l.log.Debug("no TLS", "client", raw.RemoteAddr().String(), "error", err.Error())
		var record tls.RecordHeaderError
		if errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader) {
			_, _ = io.WriteString(record.Conn, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nThis port speaks HTTPS.\n")
		}
		_ = raw.Close()
		return
	}
	if c.ConnectionState().NegotiatedProtocol == "h2" {
		below.stall = l.stall
		l.http2.give(c)
		return
	}
	l.give(c, nil)
}

func looksLikeHTTP(head [5]byte) bool {
	switch string(head[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO":
		return true
	}
	return false
}

// Close stops accepting; handshakes that are under way end.
func (l *secureListener) Close() error {
	l.end()
	err := l.Listener.Close()
	l.all.Wait()
	return err
}
