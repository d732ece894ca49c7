//go:build !unix

package inbound

// socketCalls: sockets cannot be asked without waiting here, so idle connections keep a buffer.
const socketCalls = false

func readSocket(uintptr, []byte) (int, error, bool) { return 0, nil, true }

func hungUp(uintptr) bool { return false }
