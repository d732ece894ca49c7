package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/internal/demo"
)

func tokenCommand(out io.Writer) *cobra.Command {
	var opt demo.TokenOptions
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print a signed token: of the running demo's provider, or of a key file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token, err := demo.Token(cmd.Context(), opt)
			var path *fs.PathError
			switch {
			case errors.Is(err, demo.ErrNoDemo), errors.As(err, &path):
				return unable(err)
			case err != nil:
				return misused(err)
			}
			_, err = fmt.Fprintln(out, token)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&opt.Subject, "sub", "", "sub: whom it is for")
	f.StringArrayVar(&opt.Audience, "aud", nil, "aud: whom it is meant for; may be given more than once")
	f.StringArrayVar(&opt.Roles, "role", nil, "a role; may be given more than once")
	f.StringArrayVar(&opt.Scopes, "scope", nil, "a scope; may be given more than once")
	f.StringArrayVar(&opt.Claims, "claim", nil, "any other claim, name=value; a value that is JSON is taken as such")
	f.DurationVar(&opt.Life, "ttl", time.Hour, "how long it lives")
	f.StringVar(&opt.KeyFile, "key", "", "a private JWK, or a set of them, to sign with")
	f.StringVar(&opt.Issuer, "issuer", "", "where the demo is, or, with --key, the iss claim")
	return cmd
}
