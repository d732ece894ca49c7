//go:build unix

package outbound

import "syscall"

// socketCalls tells that the calls below work here.
const socketCalls = true

// silent tells whether a non-blocking socket has nothing to say: no byte, no end, no error.
func silent(fd uintptr) bool {
	var b [1]byte
	_, _, wait := readSocket(fd, b[:])
	return wait
}

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

// writeSocket writes what the socket takes; an error shows itself to whoever writes the rest.
func writeSocket(fd uintptr, p []byte) int {
	for {
		n, err := syscall.Write(int(fd), p)
		if err == nil {
			return n
		}
		if err != syscall.EINTR {
			return 0
		}
	}
}
