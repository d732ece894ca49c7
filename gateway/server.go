package gateway

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/inbound"
)

// ServerConfig is how clients reach us (krakend.md 1.3).
type ServerConfig struct {
	TLS             *TLSConfig     `json:"tls" doc:"Serve HTTPS."`
	H2C             bool           `json:"use_h2c" doc:"Serve HTTP/2 without TLS too, to clients that begin with it." default:"false"`
	StallTimeout    *conf.Duration `json:"stall_timeout" since:"4" doc:"How long a client may take to send 4 KiB of a body, or to take 64 KiB of an answer; 0: for ever." default:"30s"`
	DisableREST     bool           `json:"disable_rest" doc:"Parameters may stand anywhere in a segment of an endpoint's path, as in /{name}.json." default:"false"`
	SequentialStart bool           `json:"sequential_start" doc:"Accepted and without effect: nothing is asked at the start." default:"false"`
}

const (
	defaultStall         = 30 * time.Second
	defaultHeaderTimeout = 5 * time.Second
	maxStreams           = 250 // of one HTTP/2 connection at a time
)

// Server serves one gateway on one listener: HTTP/1 by package inbound, HTTP/2 by net/http.
type Server struct {
	front   *inbound.Server
	http2   *http.Server
	handed  *handed // connections that speak HTTP/2
	cfg     Config
	log     *slog.Logger
	stall   time.Duration
	maxWait time.Duration
	care    caretaker
}

// NewServer makes the server of a configuration; its limits are safe where the file says nothing (security.md 36).
func NewServer(cfg Config, g *Gateway, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, log: log, handed: newHanded(), stall: cfg.StallTimeout.Or(defaultStall), maxWait: cfg.MaxShutdownWait.Or(0)}
	limits := inbound.Limits{
		Head:          conf.Value(cfg.MaxHeaderBytes, 1<<20),
		HeaderTimeout: cfg.ReadHeaderTimeout.Or(defaultHeaderTimeout),
		ReadTimeout:   cfg.ReadTimeout.Or(0),
		WriteTimeout:  cfg.WriteTimeout.Or(0),
		IdleTimeout:   cfg.IdleTimeout.Or(time.Minute),
		Stall:         s.stall,
	}
	s.front = &inbound.Server{Handler: g, Refuse: g.refuse, Limits: limits, Note: s.care.note}
	if cfg.H2C || routerOf(cfg).H2C {
		s.front.HTTP2 = func(c net.Conn) { s.handed.give(&paced{Conn: c, stall: s.stall}) }
	}
	s.http2 = &http.Server{
		Handler:                      g,
		ReadHeaderTimeout:            limits.HeaderTimeout,
		ReadTimeout:                  limits.ReadTimeout,
		WriteTimeout:                 limits.WriteTimeout,
		IdleTimeout:                  limits.IdleTimeout,
		MaxHeaderBytes:               limits.Head,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnState:                    func(_ net.Conn, state http.ConnState) { s.care.note(state) },
		Protocols:                    onlyHTTP2(),
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		DisableGeneralOptionsHandler: true,
	}
	return s
}

func onlyHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true) // what is handed over has begun with its preface
	return p
}

// Serve answers until ctx ends; then it takes no more connections and lets what is in flight finish, for as long as
// max_shutdown_wait_time says. Connections that were upgraded end at once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	listener, err := s.listen(l)
	if err != nil {
		_ = l.Close()
		return err
	}
	ended, second := make(chan error, 1), make(chan error, 1)
	go func() { ended <- s.front.Serve(listener) }()
	go func() { second <- s.http2.Serve(s.handed) }()
	var failed error
	select {
	case failed = <-ended:
		ended <- failed
	case <-ctx.Done():
	}
	s.stop(ctx, listener)
	<-ended  //nolint:errcheck // inbound.ErrClosed, or what failed
	<-second //nolint:errcheck // http.ErrServerClosed
	return failed
}

// stop waits for what is being answered, and no longer than it may.
func (s *Server) stop(ctx context.Context, l net.Listener) {
	wait, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if s.maxWait > 0 {
		wait, cancel = context.WithTimeout(wait, s.maxWait)
	}
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() {
		if s.http2.Shutdown(wait) != nil {
			_ = s.http2.Close()
		}
	})
	both.Go(func() {
		if s.front.Shutdown(wait, l) != nil {
			s.front.Close()
		}
	})
	both.Wait()
}

func (s *Server) listen(l net.Listener) (net.Listener, error) {
	config, err := s.cfg.ServerConfig.TLS.compile(mannersOf(s.cfg.Version), s.log)
	if err != nil || config == nil {
		return l, err
	}
	return newSecureListener(l, s.stall, config, s.http2.ReadHeaderTimeout, s.handed, s.log), nil
}

// handed is a listener whose connections come from elsewhere.
type handed struct {
	ready chan net.Conn
	ended chan struct{}
	end   func()
}

func newHanded() *handed {
	h := &handed{ready: make(chan net.Conn), ended: make(chan struct{})}
	h.end = sync.OnceFunc(func() { close(h.ended) })
	return h
}

// give hands a connection over; one that comes too late is closed.
func (h *handed) give(c net.Conn) {
	select {
	case h.ready <- c:
	case <-h.ended:
		_ = c.Close()
	}
}

// Accept follows net.Listener.
func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.ready:
		return c, nil
	case <-h.ended:
		return nil, net.ErrClosed
	}
}

// Close follows net.Listener.
func (h *handed) Close() error {
	h.end()
	return nil
}

// Addr follows net.Listener.
func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }
