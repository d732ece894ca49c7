package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"gatehouse/gateway"
	"gatehouse/internal/conf"
)

// loaded is a file that has been read, and the way to tell people what is wrong with it.
type loaded struct {
	cfg    gateway.Config
	doc    *conf.Document
	errOut io.Writer
}

// load reads and parses a file. What is wrong with it is printed here, every mistake on its line.
func load(file string, env func(string) (string, bool), errOut io.Writer) (*loaded, error) {
	if file == "" {
		return nil, misused(errors.New("which file? say -c gateway.json"))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, unable(fmt.Errorf("cannot read the configuration: %w", err))
	}
	return parse(file, data, env, errOut)
}

func parse(file string, data []byte, env func(string) (string, bool), errOut io.Writer) (*loaded, error) {
	cfg, doc, err := gateway.Parse(file, data, env)
	l := &loaded{cfg: cfg, doc: doc, errOut: errOut}
	return l, l.report(err)
}

// report prints mistakes with their places.
func (l *loaded) report(err error) error {
	if err == nil {
		return nil
	}
	mistakes := conf.Flatten(err)
	if l.doc != nil {
		mistakes = l.doc.Locate(err)
	}
	conf.Print(l.errOut, mistakes)
	noun := "mistakes"
	if len(mistakes) == 1 {
		noun = "mistake"
	}
	return wrong(fmt.Errorf("%d %s", len(mistakes), noun))
}

// compile builds the gateway of the file and prints what is wrong with it.
func (l *loaded) compile(shared gateway.Shared) (*gateway.Gateway, error) {
	g, err := gateway.New(l.cfg, shared)
	return g, l.report(err)
}

// warn prints the document's warnings.
func (l *loaded) warn() {
	l.doc.Warn(gateway.Warnings(l.cfg))
	for _, w := range l.doc.Warnings() {
		fmt.Fprintln(l.errOut, "warning: "+w.Error())
	}
}
