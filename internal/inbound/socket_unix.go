//go:build unix

package inbound

import "syscall"

// socketCalls tells that the calls below work here.
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

// hungUp reports whether the other side of a socket has closed its half, and nothing unread is before that.
func hungUp(fd uintptr) bool {
	var b [1]byte
	for {
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch err {
		case nil:
			return n == 0
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			return true
		}
	}
}
