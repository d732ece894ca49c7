package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/gateway"
	"gatehouse/validator"
)

func explainCommand(out, errOut io.Writer) *cobra.Command {
	var file, endpoint, token string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "explain -c gateway.json --endpoint 'GET /path' --token TOKEN",
		Short: "Say why a token is refused: every check of an endpoint's validator, with what it expects and what it got",
		Long: "Runs the very validator that serves and prints each check. --token - reads the token from standard input,\n" +
			"which keeps it out of the shell's history. The provider is asked for its keys, as serving does.",
		Args: fileByFlag,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if endpoint == "" {
				return misused(errors.New("which endpoint? say --endpoint 'GET /path'"))
			}
			if token == "-" {
				piped, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<20))
				if err != nil {
					return unable(err)
				}
				token = strings.TrimSpace(string(piped))
			}
			l, err := load(file, nil, errOut)
			if err != nil {
				return err
			}
			return l.explain(cmd.Context(), out, endpoint, token, wait)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "config", "c", "", "the configuration file")
	f.StringVar(&endpoint, "endpoint", "", "method and path: 'GET /users/7'")
	f.StringVar(&token, "token", "", "the token; - reads it from standard input; nothing: a request without one")
	f.DurationVar(&wait, "wait", 5*time.Second, "how long to wait for the provider's keys")
	cmd.SetIn(os.Stdin)
	return cmd
}

func (l *loaded) explain(ctx context.Context, out io.Writer, endpoint, token string, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	shared := newShared(silence())
	defer shared.close()
	g, err := l.compile(shared.Shared)
	if err != nil {
		return err
	}
	defer g.Close()
	x, err := g.Explain(ctx, l.cfg, endpoint, token)
	if err != nil {
		return misused(err)
	}
	printExplanation(out, x)
	if x.Reason != "" || len(x.Lacks) > 0 {
		return wrong(errPrinted)
	}
	return nil
}

func printExplanation(out io.Writer, x *gateway.Explanation) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CHECK\tVERDICT\tEXPECTED\tACTUAL\tREASON")
	for _, s := range x.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Check, s.Verdict, s.Expected, s.Actual, s.Reason)
	}
	_ = w.Flush()
	for _, k := range x.Keys {
		fmt.Fprintln(out, "keys: "+describeKeys(k))
	}
	switch {
	case x.Reason != "":
		means, do := x.Reason.Advice()
		fmt.Fprintf(out, "refused: %s: %s\nwhat to do: %s\nthe client is told: %s\n", x.Reason, means, do, x.Reason.Public())
	case len(x.Lacks) > 0:
		fmt.Fprintf(out, "refused: claim_missing: %s has no value\nwhat to do: have the provider put the claim into the token, or ask that backend only \"when\" it is there\n",
			"{"+strings.Join(x.Lacks, "}, {")+"}")
	case x.Guest:
		fmt.Fprintln(out, "may pass as a guest")
	default:
		fmt.Fprintln(out, "may pass")
	}
}

// describeKeys says where keys are from, which there are and how old they are.
func describeKeys(k validator.KeyStatus) string {
	text := k.From + ": "
	if k.Since.IsZero() {
		text += "none yet"
	} else {
		text += fmt.Sprintf("%d usable (%s), fetched %s ago", len(k.Kids), strings.Join(k.Kids, ", "), time.Since(k.Since).Round(time.Second))
	}
	if k.Error != "" {
		text += "; last attempt: " + k.Error
	}
	return text
}
