package cli

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/spf13/cobra"

	"gatehouse/gateway"
	"gatehouse/internal/demo"
)

func demoCommand(config []byte, out, errOut io.Writer) *cobra.Command {
	opt := demo.Options{Out: out}
	var verbose bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A complete world in one process: identity provider, services, gateway; prints curl lines to paste",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := silence()
			if verbose {
				log = newJournal(errOut, true)
			}
			defer log.close()
			err := demo.Run(cmd.Context(), opt, func(lookup func(string) (string, bool)) (demo.Serve, error) {
				return demoGateway(config, lookup, log, errOut)
			})
			var port *demo.PortError
			if errors.As(err, &port) {
				return unable(err)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&opt.Listen, "listen", "127.0.0.1", "the address to listen on; 0.0.0.0 in a container")
	f.IntVarP(&opt.Port, "port", "p", 8080, "the port of the gateway; 0 takes one that is free")
	f.BoolVarP(&verbose, "verbose", "v", false, "show the gateway's log")
	return cmd
}

// demoGateway is the gateway of the shipped gateway.json in the demo's world.
func demoGateway(config []byte, lookup func(string) (string, bool), log journal, errOut io.Writer) (demo.Serve, error) {
	l, err := parse("gateway.json", config, lookup, errOut)
	if err != nil {
		return nil, err
	}
	shared := newShared(log)
	g, err := l.compile(shared.Shared)
	if err != nil {
		shared.close()
		return nil, err
	}
	return func(ctx context.Context, listener net.Listener) error {
		defer shared.close()
		defer g.Close()
		g.Start()
		return gateway.NewServer(l.forget(), g, log.Logger).Serve(ctx, listener)
	}, nil
}
