// Package cli is the command line: it reads files, makes what outlives a configuration, and turns errors into exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitDone     = 0
	exitMistakes = 1 // the configuration is wrong
	exitUsage    = 2
	exitServe    = 3 // could not read or serve: file, port, TLS
)

// failure is an error with its exit code. An empty message was already printed.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func wrong(err error) error   { return &failure{exitMistakes, err} }
func misused(err error) error { return &failure{exitUsage, err} }
func unable(err error) error  { return &failure{exitServe, err} }

// errPrinted stands for mistakes that are on the screen already.
var errPrinted = errors.New("")

// Main runs one command and returns its exit code. Results go to out, messages for people to errOut. SIGINT and SIGTERM end
// it in order, a second one at once. demoConfig is the gateway.json that the demo runs.
func Main(args []string, demoConfig []byte, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a second signal ends the process
	collect(patience, os.LookupEnv)
	return Run(ctx, args, demoConfig, out, errOut)
}

// fileByFlag refuses arguments, and tells those who mean a file how to name it.
func fileByFlag(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return misused(fmt.Errorf("%s takes no argument %q; a file is named by -c FILE", cmd.Name(), args[0]))
}

// Run is Main without signals: ctx ends what serves.
func Run(ctx context.Context, args []string, demoConfig []byte, out, errOut io.Writer) int {
	root := &cobra.Command{
		Use:           "gatehouse",
		Short:         "An API gateway declared in one JSON file",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return misused(errPrinted)
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetArgs(args)
	root.SetOut(errOut)
	root.SetErr(errOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misused(err) })
	root.AddCommand(runCommand(out, errOut), checkCommand(out, errOut), demoCommand(demoConfig, out, errOut), tokenCommand(out), versionCommand(out),
		schemaCommand(out), migrateCommand(out, errOut), explainCommand(out, errOut))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if err.Error() != "" {
		fmt.Fprintln(errOut, "gatehouse: "+err.Error())
	}
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return exitUsage // cobra's own: an unknown command or argument
}
