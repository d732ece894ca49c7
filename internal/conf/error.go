package conf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Path is a place in a document: strings are keys, ints are indices.
type Path []any

// String prints a path as people write it: endpoints[1].backend[0].extra_config.qos/circuit-breaker.max_error.
func (p Path) String() string {
	var b strings.Builder
	for _, seg := range p {
		switch s := seg.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", s)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(keyShown(s))
		}
	}
	return b.String()
}

// keyShown quotes a key that would be read as more than one, or as nothing.
func keyShown(key string) string {
	odd := func(r rune) bool { return r == '"' || r == '[' || r == ' ' || !strconv.IsPrint(r) }
	if key == "" || strings.ContainsFunc(key, odd) {
		return strconv.Quote(key)
	}
	return key
}

// Error is one mistake and its place. Whoever finds it knows what is wrong; its parents add where (see [At]).
type Error struct {
	File         string
	Line, Column int // 1-based, in bytes; 0 if not known yet
	Path         Path
	Err          error
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if len(e.Path) > 0 {
		b.WriteString(e.Path.String())
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// At puts every mistake of err (joined ones too) under the given path. It returns nil for nil.
//
//	conf.At(err, "backend", 2, "url_pattern")
func At(err error, path ...any) error {
	if err == nil {
		return nil
	}
	var out []error
	for _, m := range Flatten(err) {
		moved := *m
		moved.Path = append(append(Path{}, path...), m.Path...)
		out = append(out, &moved)
	}
	return errors.Join(out...)
}

// Join is errors.Join.
func Join(errs ...error) error { return errors.Join(errs...) }

// Flatten lists the single mistakes of a joined error; what is not an [Error] becomes one without a place. A mistake that
// is made of others is those, at its path.
func Flatten(err error) []*Error {
	switch e := err.(type) { //nolint:errorlint // the outermost error is the one to take apart
	case nil:
		return nil
	case *Error:
		return e.parts()
	case interface{ Unwrap() []error }:
		var out []*Error
		for _, one := range e.Unwrap() {
			out = append(out, Flatten(one)...)
		}
		return out
	default:
		return []*Error{{Err: err}}
	}
}

func (e *Error) parts() []*Error {
	switch e.Err.(type) { //nolint:errorlint // what is wrapped deeper is part of a sentence
	case *Error, interface{ Unwrap() []error }:
	default:
		return []*Error{e}
	}
	var out []*Error
	for _, part := range Flatten(e.Err) {
		whole := *part
		whole.Path = append(append(Path{}, e.Path...), part.Path...)
		if part.File == "" {
			whole.File, whole.Line, whole.Column = e.File, e.Line, e.Column
		}
		out = append(out, &whole)
	}
	return out
}
