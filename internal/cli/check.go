package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gatehouse/gateway"
)

func checkCommand(out, errOut io.Writer) *cobra.Command {
	var file string
	var strict, requireAuth bool
	var debug int
	cmd := &cobra.Command{
		Use:     "check -c gateway.json",
		Aliases: []string{"validate"},
		Short:   "Do everything that run does but serve: all mistakes at once, then the endpoints and who may pass",
		Args:    fileByFlag,
		RunE: func(*cobra.Command, []string) error {
			l, err := load(file, nil, errOut)
			if err != nil {
				return err
			}
			shared := newShared(silence())
			defer shared.close()
			if _, err := l.compile(shared.Shared); err != nil {
				return err
			}
			l.warn()
			if strict {
				if err := l.report(l.doc.Strict()); err != nil {
					return err
				}
			}
			if debug > 0 {
				if _, err := out.Write(l.doc.Redacted()); err != nil {
					return err
				}
			}
			printTable(out, gateway.Table(l.cfg))
			if requireAuth {
				return l.report(gateway.RequireAuth(l.cfg))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "config", "c", "", "the configuration file")
	f.BoolVar(&strict, "strict", false, "take warnings for mistakes")
	f.BoolVar(&requireAuth, "require-auth", false, "fail on endpoints that anybody may call without saying \"public\": true")
	f.CountVarP(&debug, "debug", "d", "print the configuration as it is understood, secrets hidden")
	krakendFlags(cmd)
	return cmd
}

// krakendFlags are accepted so that a line of KrakenD's works; all of it is always done, and nothing is ever fetched.
func krakendFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolP("test-gin-routes", "t", false, "accepted; routes are always tested")
	f.BoolP("lint", "l", false, "accepted; the file is always checked whole")
	f.BoolP("lint-no-network", "n", false, "accepted; nothing is ever fetched")
	f.StringP("indent", "i", "\t", "accepted and without effect")
	for _, name := range []string{"test-gin-routes", "lint", "lint-no-network", "indent"} {
		_ = f.MarkHidden(name)
	}
}

func printTable(out io.Writer, rows []gateway.Row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METHOD\tENDPOINT\tWHO MAY PASS\tTIMEOUT\tBACKENDS")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Method, r.Path, r.Who, r.Timeout, strings.Join(r.Backends, "  "))
	}
	_ = w.Flush()
}
