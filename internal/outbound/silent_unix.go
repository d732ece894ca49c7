//go:build unix

package outbound

import "syscall"

// silent tells whether a non-blocking socket has nothing to say: no byte, no end, no error.
func silent(fd uintptr) bool {
	var b [1]byte
	for {
		_, err := syscall.Read(int(fd), b[:])
		if err != syscall.EINTR {
			return err == syscall.EAGAIN
		}
	}
}
