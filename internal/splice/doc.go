// Package splice moves bytes from one socket to another without bringing them into the process. What is on its way lies in
// a pipe, a buffer in the kernel (splice(2)): of 128 KB that costs two thirds of what copying them does, of 8 KB more. Where
// there is no such call, or no pipe to be had, bytes are copied.
package splice

import "errors"

// ErrCopy says that a pipe is of no use here: the bytes are where they were and must be copied.
var ErrCopy = errors.New("these bytes must be copied")

// Source is the body of an answer that may come from a socket.
type Source interface {
	// Spill takes a piece into an empty pipe; its errors are those of Read and ErrCopy.
	Spill(into *Pipe) (int, error)
}

// Sink is where an answer is written to, if that may be a socket.
type Sink interface {
	// Pours reports whether Pour can be called.
	Pours() bool
	// Pour sends all of what is in a pipe as a Write would. After an error something may still be in there.
	Pour(from *Pipe) error
}
