package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"gatehouse/internal/demo"
)

func tokenCommand(out io.Writer) *cobra.Command {
	var opt demo.TokenOptions
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print a signed token: from the running demo's provider, or from a key file",
		Example: `  gatehouse token --sub alice --role user
  gatehouse token --sub alice --claim 'realm_access={"roles":["user"]}' --ttl 5m
  gatehouse token --key private.jwk --issuer https://idp.example.com --aud https://api.example.com`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.Life <= 0 {
				return misused(errors.New("--ttl: want more than nothing, such as 5m"))
			}
			token, err := demo.Token(cmd.Context(), opt)
			var missing *fs.PathError
			switch {
			case errors.As(err, &missing), errors.Is(err, demo.ErrNoDemo):
				return unable(err)
			case err != nil:
				return misused(err)
			}
			_, err = fmt.Fprintln(out, token)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&opt.Subject, "sub", "", "the subject")
	f.StringArrayVar(&opt.Audience, "aud", nil, "an audience; may be repeated (default: the demo's)")
	f.StringArrayVar(&opt.Roles, "role", nil, "a role; may be repeated")
	f.StringArrayVar(&opt.Scopes, "scope", nil, "a scope; may be repeated")
	f.StringArrayVar(&opt.Claims, "claim", nil, "any claim as name=value, the value JSON or text; may be repeated")
	f.DurationVar(&opt.Life, "ttl", demo.TokenLife, "how long the token is valid")
	f.StringVar(&opt.KeyFile, "key", "", "sign with this private key (a JWK or a set of them) instead of the demo's")
	f.StringVar(&opt.Issuer, "issuer", "", "where the demo is (default "+demo.Address+"); with --key, the iss claim")
	return cmd
}
