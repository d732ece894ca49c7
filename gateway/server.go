package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"gatehouse/internal/conf"
)

// Server serves one gateway on one listener.
type Server struct {
	http    *http.Server
	maxWait time.Duration
}

// NewServer makes the server of a configuration; its limits are safe where the file says nothing (security.md 36).
func NewServer(cfg Config, handler http.Handler, log *slog.Logger) *Server {
	return &Server{maxWait: cfg.MaxShutdownWait.Or(0), http: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: cfg.ReadHeaderTimeout.Or(5 * time.Second),
		ReadTimeout:       cfg.ReadTimeout.Or(0),
		WriteTimeout:      cfg.WriteTimeout.Or(0),
		IdleTimeout:       cfg.IdleTimeout.Or(time.Minute),
		MaxHeaderBytes:    conf.Value(cfg.MaxHeaderBytes, 1<<20),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
}

// Listen opens the port; a port in use is an error that says what to do.
func Listen(ip string, port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, fmt.Sprint(port)))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on port %d: %w (choose another with -p)", port, err)
	}
	return l, nil
}

// Serve answers until ctx ends; then it takes no more connections and lets what is in flight finish, for as long as
// max_shutdown_wait_time says.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	wait, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if s.maxWait > 0 {
		wait, cancel = context.WithTimeout(wait, s.maxWait)
	}
	defer cancel()
	err := s.http.Shutdown(wait)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-ended
	return err
}
