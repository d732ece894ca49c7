// Package lua runs scripts over requests and answers: KrakenD's modifier/lua-* with its helper objects (krakend.md 5).
//
// Scripts are compiled once. Every run has a state of its own, which is thrown away: whatever a script leaves in globals,
// upvalues or metatables, nothing of one caller survives to the next. A run ends with its context, in the middle of an
// endless loop or of a pattern too; its call stack, its registers, its steps, the strings and data that it makes and the tables
// that it holds are bounded, so that no script takes the gateway down.
package lua

import (
	"context"
	"crypto/md5" //nolint:gosec // KrakenD's key is named md5; it finds files that were swapped by mistake, no more
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"gatehouse/internal/conf"
)

// Config is one modifier/lua-* namespace.
type Config struct {
	Sources       []string          `json:"sources" doc:"Files with functions for pre and post; they run before each of them."`
	MD5           map[string]string `json:"md5" conf:"open" doc:"The MD5 sums, in hexadecimal, that files of sources must have."`
	Pre           string            `json:"pre" doc:"The script that runs before anybody is asked."`
	Post          string            `json:"post" doc:"The script that runs over the answer."`
	Live          bool              `json:"live" doc:"Look before every run whether the sources have changed." default:"false"`
	AllowOpenLibs bool              `json:"allow_open_libs" doc:"Scripts may use the libraries io, os, debug and coroutine and load other files." default:"false"`
	SkipNext      bool              `json:"skip_next" doc:"Do not ask the backend: pre and post make the answer." default:"false"`
}

// Use is where scripts are used, and so which moments and objects they have.
type Use string

// The three namespaces.
const (
	Endpoint Use = "endpoint" // ctx, before an endpoint's guards; no post
	Proxy    Use = "proxy"    // request and response of the whole endpoint
	Backend  Use = "backend"  // request and response of one backend
)

// House is what scripts may use of the program around them. Its functions are called by many at once.
type House struct {
	ReadFile func(name string) ([]byte, error)
	// Send asks a URL for http_response.new; nil: that is an error of the script. It ends with ctx.
	Send func(ctx context.Context, req Outgoing) (*Reply, error)
	// Print takes what print writes, without the line end; nil: nobody.
	Print func(line string)
}

// Script is a compiled namespace. It may be run by many at once.
type Script struct {
	cfg       Config
	use       Use
	house     House
	sources   []*source
	pre, post *lua.FunctionProto
}

// New compiles scripts. All mistakes are told at once, each under its key.
func New(cfg Config, use Use, house House) (*Script, error) {
	s := &Script{cfg: cfg, use: use, house: house}
	var errs []error
	at := func(err error, path ...any) {
		if err != nil {
			errs = append(errs, conf.At(err, path...))
		}
	}
	for name := range cfg.MD5 {
		if !listed(cfg.Sources, name) {
			at(errors.New("is none of the sources"), "md5", name)
		}
	}
	for i, name := range cfg.Sources {
		src := &source{name: name, sum: strings.ToLower(cfg.MD5[name]), read: house.ReadFile}
		_, err := src.load()
		at(err, "sources", i)
		s.sources = append(s.sources, src)
	}
	var err error
	s.pre, err = compile(cfg.Pre, "pre")
	at(err, "pre")
	s.post, err = compile(cfg.Post, "post")
	at(err, "post")
	switch {
	case cfg.Post != "" && use == Endpoint:
		at(errors.New("there is no answer here; modifier/lua-proxy has a post"), "post")
	case cfg.SkipNext && use != Backend:
		at(errors.New("only a backend can be left out"), "skip_next")
	case cfg.Pre == "" && cfg.Post == "" && len(errs) == 0:
		at(errors.New("has neither pre nor post: nothing would run"))
	}
	return s, conf.Join(errs...)
}

func listed(list []string, name string) bool {
	for _, one := range list {
		if one == name {
			return true
		}
	}
	return false
}

// HasPre and HasPost tell which scripts there are.
func (s *Script) HasPre() bool { return s.pre != nil }

// HasPost tells whether there is a script for the answer.
func (s *Script) HasPost() bool { return s.post != nil }

// SkipNext reports whether the backend is not to be asked.
func (s *Script) SkipNext() bool { return s.cfg.SkipNext }

// compile makes code of a text; nil of an empty one. Code is never changed by running it.
func compile(text, name string) (*lua.FunctionProto, error) {
	if text == "" {
		return nil, nil
	}
	chunk, err := parse.Parse(strings.NewReader(text), name)
	if err != nil {
		return nil, syntax(err)
	}
	rewriter{}.block(chunk)
	proto, err := lua.Compile(chunk, name)
	if err != nil {
		return nil, errors.New(strings.TrimSpace(err.Error()))
	}
	return proto, nil
}

// syntax says a parser's error in our words.
func syntax(err error) error {
	var found *parse.Error
	if !errors.As(err, &found) {
		return errors.New(strings.TrimSpace(err.Error()))
	}
	message := strings.Replace(strings.TrimSpace(found.Message), "parse error", "syntax error", 1)
	if found.Pos.Line == parse.EOF || found.Token == "" {
		return fmt.Errorf("ends too early: %s", message)
	}
	return fmt.Errorf("line %d: %s near %q", found.Pos.Line, message, found.Token)
}

// checkSum compares a file with the sum that the configuration gives.
func checkSum(data []byte, want string) error {
	if want == "" {
		return nil
	}
	sum := md5.Sum(data) //nolint:gosec // see the import
	if got := hex.EncodeToString(sum[:]); got != want {
		return fmt.Errorf("has the MD5 sum %s, want %s", got, want)
	}
	return nil
}
