//go:build !linux

package splice

import "syscall"

// Pipe is not to be had here.
type Pipe struct{}

// Take returns nil.
func Take() *Pipe { return nil }

// Give does nothing.
func (*Pipe) Give() {}

// Held is 0.
func (*Pipe) Held() int { return 0 }

// Fill fails.
func (*Pipe) Fill(syscall.RawConn, int64) (int, error) { return 0, ErrCopy }

// Drain fails.
func (*Pipe) Drain(syscall.RawConn) (int, error) { return 0, ErrCopy }
