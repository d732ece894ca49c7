//go:build unix

package inbound

import "syscall"

// socketCalls tells that the call below works here.
const socketCalls = true

// readSocket reads what is there; wait: nothing, for now. Zero bytes without an error are the end.
func readSocket(fd uintptr, p []byte) (n int, err error, wait bool) {
	for {
		n, err = syscall.Read(int(fd), p)
		switch err {
		case nil:
			return n, nil, false
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil, true
		default:
			return 0, err, false
		}
	}
}
