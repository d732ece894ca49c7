package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gatehouse/gateway"
)

func migrateCommand(out, errOut io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate old.json",
		Short: "Print the file of version 4 that behaves like one of version 2 or 3, with a note for each change",
		Long: "The new file goes to standard output, the notes to standard error. Order, remarks and white space stay; every\n" +
			"default that is another one in version 4 is written out where it matters.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misused(errors.New("which file? say gatehouse migrate old.json"))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return migrate(args[0], out, errOut) },
	}
}

func migrate(file string, out, errOut io.Writer) error {
	l := &loaded{errOut: errOut}
	name, data, err := l.read(file)
	if err != nil {
		return err
	}
	migrated, notes, err := gateway.Migrate(name, data)
	if err != nil {
		return l.report(err)
	}
	if _, err := out.Write(migrated); err != nil {
		return unable(err)
	}
	for _, note := range notes {
		fmt.Fprintln(errOut, note)
	}
	l = &loaded{errOut: errOut}
	if err := l.parse("version 4 of "+name, migrated, nil, nil); err != nil {
		return err
	}
	shared := newShared(silence())
	defer shared.close()
	g, err := l.compile(shared.Shared)
	if err != nil {
		return err
	}
	g.Close()
	return nil
}
