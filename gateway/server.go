package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"gatehouse/internal/conf"
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

// Server serves one gateway on one listener.
type Server struct {
	http    *http.Server
	cfg     Config
	log     *slog.Logger
	watch   watch
	maxWait time.Duration
	tunnels tunnels
	care    caretaker
}

// NewServer makes the server of a configuration; its limits are safe where the file says nothing (security.md 36).
func NewServer(cfg Config, handler http.Handler, log *slog.Logger) *Server {
	h2c := cfg.H2C || routerOf(cfg).H2C
	s := &Server{cfg: cfg, log: log, maxWait: cfg.MaxShutdownWait.Or(0), watch: watch{stall: cfg.StallTimeout.Or(defaultStall), h2c: h2c}}
	s.http = &http.Server{
		Handler:                      s.tunnels.count(handler),
		ReadHeaderTimeout:            cfg.ReadHeaderTimeout.Or(defaultHeaderTimeout),
		ReadTimeout:                  cfg.ReadTimeout.Or(0),
		WriteTimeout:                 cfg.WriteTimeout.Or(0),
		IdleTimeout:                  cfg.IdleTimeout.Or(time.Minute),
		MaxHeaderBytes:               conf.Value(cfg.MaxHeaderBytes, 1<<20),
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnState:                    s.note,
		Protocols:                    protocols(h2c),
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		DisableGeneralOptionsHandler: true,
	}
	return s
}

// note hears of every change of a connection's state.
func (s *Server) note(c net.Conn, state http.ConnState) {
	s.care.note(state)
	s.tunnels.note(c, state)
}

func protocols(h2c bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(h2c)
	return p
}

// Serve answers until ctx ends; then it takes no more connections and lets what is in flight finish, for as long as
// max_shutdown_wait_time says. Connections that were upgraded end at once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	watched, err := s.listen(l)
	if err != nil {
		_ = l.Close()
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(watched) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.tunnels.close()
	wait, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if s.maxWait > 0 {
		wait, cancel = context.WithTimeout(wait, s.maxWait)
	}
	defer cancel()
	err = s.http.Shutdown(wait)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-ended //nolint:errcheck // http.ErrServerClosed
	s.tunnels.wait()
	return err
}

func (s *Server) listen(l net.Listener) (net.Listener, error) {
	config, err := s.cfg.ServerConfig.TLS.compile(mannersOf(s.cfg.Version), s.log)
	if err != nil {
		return nil, err
	}
	if config == nil {
		return watchedListener{l, s.watch}, nil
	}
	return newSecureListener(l, s.watch, config, s.http.ReadHeaderTimeout, s.log), nil
}

// tunnels are the connections that were taken over by an upgrade: the server no longer knows them, so a stop ends them
// here.
type tunnels struct {
	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
	busy   sync.WaitGroup
}

// count lets a stop wait for requests that may take their connection over.
func (t *tunnels) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Upgrade"]) > 0 {
			t.busy.Add(1)
			defer t.busy.Done()
		}
		next.ServeHTTP(w, r)
	})
}

// note takes down a connection that has been taken over.
func (t *tunnels) note(c net.Conn, state http.ConnState) {
	if state != http.StateHijacked {
		return
	}
	watched, ok := c.(*strict)
	if over, secure := c.(strictTLS); secure {
		watched, ok = over.strict, true
	}
	if !ok {
		return
	}
	watched.opaque.Store(true)
	watched.done = func() { t.forget(c) }
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		go func() { _ = c.Close() }()
		return
	}
	if t.open == nil {
		t.open = map[net.Conn]bool{}
	}
	t.open[c] = true
}

func (t *tunnels) forget(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
}

// close ends all tunnels, and those to come.
func (t *tunnels) close() {
	t.mu.Lock()
	t.closed = true
	open := t.open
	t.open = nil
	t.mu.Unlock()
	for c := range open {
		_ = c.Close()
	}
}

func (t *tunnels) wait() { t.busy.Wait() }
