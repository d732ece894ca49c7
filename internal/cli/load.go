package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"gatehouse/gateway"
	"gatehouse/internal/conf"
)

// loaded is a file that has been read, and the way to tell people what is wrong with it.
type loaded struct {
	cfg      gateway.Config
	doc      *conf.Document
	errOut   io.Writer
	rendered *rendered // a file that a template made and that is kept nowhere; nil: none
}

// rendered is what a template made, under the name that messages have for it.
type rendered struct {
	name string
	data []byte
}

// load reads and parses a file, by way of its templates where FC_ENABLE says so, and with what the environment overrides.
// What is wrong with it is printed here, every mistake on its line.
func load(file string, env func(string) (string, bool), errOut io.Writer) (*loaded, error) {
	if file == "" {
		return nil, misused(errors.New("which file? say -c gateway.json"))
	}
	l := &loaded{errOut: errOut}
	name, data, err := l.read(file)
	if err != nil {
		return nil, err
	}
	return l, l.parse(name, data, env, overrides(os.Environ()))
}

// read reads a file, by way of its templates where FC_ENABLE says so.
func (l *loaded) read(file string) (name string, data []byte, err error) {
	data, err = os.ReadFile(file)
	if err != nil {
		return "", nil, unable(fmt.Errorf("cannot read the configuration: %w", err))
	}
	f, on := flexibleOf(os.LookupEnv)
	if !on {
		return file, data, nil
	}
	if name, data, err = f.render(file, data); err != nil {
		return "", nil, l.reportTemplate(err, name, data)
	}
	if f.out == "" {
		l.rendered = &rendered{name, data}
	}
	return name, data, nil
}

// parse reads a file as it is, whatever the environment says.
func parse(file string, data []byte, env func(string) (string, bool), errOut io.Writer) (*loaded, error) {
	l := &loaded{errOut: errOut}
	return l, l.parse(file, data, env, nil)
}

func (l *loaded) parse(file string, data []byte, env func(string) (string, bool), over []conf.Override) (err error) {
	l.cfg, l.doc, err = gateway.Parse(file, data, env, over...)
	if err != nil && l.doc != nil {
		s := newShared(journal{Logger: slog.New(slog.DiscardHandler)})
		defer s.close()
		err = conf.Join(err, gateway.Further(l.cfg, s.Shared, err))
	}
	return l.report(err)
}

// reportTemplate prints what is wrong with templates and settings; where they were rendered all the same, the file is kept.
func (l *loaded) reportTemplate(err error, file string, data []byte) error {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	if data != nil {
		l.rendered = &rendered{file, data}
	}
	return l.report(err)
}

// show keeps the rendered file that messages speak of.
func (l *loaded) show() {
	if l.rendered == nil {
		return
	}
	if err := keep(l.rendered.name, l.rendered.data); err != nil {
		fmt.Fprintln(l.errOut, "the rendered file could not be kept: "+err.Error())
	}
	l.rendered = nil
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
	l.show()
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

// forget lets go of the file, which nobody reads once it is compiled, and gives back the memory that took; what is left is
// what the service as a whole says.
func (l *loaded) forget() gateway.Config {
	service := l.cfg
	service.Endpoints = nil
	*l = loaded{errOut: l.errOut}
	collect(usual, os.LookupEnv)
	go settle(os.LookupEnv) // beside the first requests
	return service
}

// warn prints the document's warnings.
func (l *loaded) warn() {
	l.doc.Warn(gateway.Warnings(l.cfg))
	for _, w := range l.doc.Warnings() {
		l.show()
		fmt.Fprintln(l.errOut, "warning: "+w.Error())
	}
}
