package cli

import (
	"io"

	"github.com/spf13/cobra"

	"gatehouse/gateway"
	"gatehouse/internal/conf"
)

func schemaCommand(out io.Writer) *cobra.Command {
	var page bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema (2020-12) of the configuration, made from what reads it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if page {
				return Reference(out)
			}
			schema, err := conf.Schema(gateway.Config{}, conf.SchemaOptions{Title: "Gatehouse configuration"})
			if err != nil {
				return err
			}
			_, err = out.Write(append(schema, '\n'))
			return err
		},
	}
	cmd.Flags().BoolVar(&page, "reference", false, "print the reference page (Markdown) instead")
	return cmd
}

// Reference writes docs/configuration.md: every key with its level, type, default and meaning.
func Reference(out io.Writer) error { return conf.Reference(out, gateway.Config{}) }
