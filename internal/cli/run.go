package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"gatehouse/backends"
	"gatehouse/backends/tokens"
	"gatehouse/gateway"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
	"gatehouse/validator"
)

func runCommand(out, errOut io.Writer) *cobra.Command {
	var file string
	var port, debug int
	cmd := &cobra.Command{
		Use:   "run -c gateway.json",
		Short: "Serve a configuration",
		Args:  fileByFlag,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := load(file, nil, errOut)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("port") {
				l.cfg.Port = &port
			}
			l.cfg.Debug = l.cfg.Debug || debug > 0
			signal.Ignore(syscall.SIGPIPE) // a reader of the log that has gone is no reason to go
			log := newJournal(out, debug > 0)
			defer log.close()
			if limit := limitMemory(os.DirFS("/"), os.LookupEnv); limit > 0 {
				log.Debug("the container's memory is limited", "heap", limit)
			}
			return l.serve(cmd.Context(), log, nil)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "the configuration file")
	cmd.Flags().IntVarP(&port, "port", "p", 8080, "listen on this port instead of the file's")
	cmd.Flags().CountVarP(&debug, "debug", "d", "serve /__debug/ and log more")
	return cmd
}

// journal is the log of a process: what it says, and a line for each request, in the order in which they came.
type journal struct {
	*slog.Logger
	lines *sink // nil: nothing is said
}

func newJournal(out io.Writer, debug bool) journal {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	lines := newSink(out)
	return journal{slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: level})), lines}
}

// silence is a journal of nothing.
func silence() journal { return journal{Logger: slog.New(slog.DiscardHandler)} }

// close writes what has not been written yet.
func (j journal) close() {
	if j.lines != nil {
		j.lines.close()
	}
}

// serve compiles, listens and answers until ctx ends. ready, if there is one, is told the address.
func (l *loaded) serve(ctx context.Context, log journal, ready func(net.Addr)) error {
	shared := newShared(log)
	defer shared.close()
	g, err := l.compile(shared.Shared)
	if err != nil {
		return err
	}
	l.warn()
	port := conf.Value(l.cfg.Port, 8080)
	listener, err := gateway.Listen(l.cfg.ListenIP, port)
	if err != nil {
		return unable(err)
	}
	g.Start()
	defer g.Close()
	log.Info("listening", "address", listener.Addr().String(), "endpoints", len(l.cfg.Endpoints), "release", release)
	if ready != nil {
		ready(listener.Addr())
	}
	service := l.forget()
	if err := gateway.NewServer(service, g, log.Logger).Serve(ctx, listener); err != nil {
		return unable(fmt.Errorf("cannot serve: %w", err))
	}
	log.Info("stopped")
	return nil
}

// shared is what outlives a configuration, and its end.
type shared struct{ gateway.Shared }

func newShared(log journal) *shared {
	s := &shared{gateway.Shared{
		Keys:    validator.NewKeys(validator.KeysConfig{Log: log.Logger, UserAgent: "gatehouse/" + release}),
		Hosts:   backends.NewHosts(outbound.Options{}, log.Logger),
		Tokens:  tokens.New(tokens.Options{Log: log.Logger, UserAgent: "gatehouse/" + release}),
		Log:     log.Logger,
		Release: release,
	}}
	if log.lines != nil {
		s.Access = log.lines
	}
	return s
}

func (s *shared) close() {
	s.Tokens.Close()
	s.Keys.Close()
	s.Hosts.Close()
}
