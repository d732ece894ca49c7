package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receive reads what is there of an answer.
func (l *loader) receive(c *conn) error {
	n, err := unix.Read(c.fd, l.buffer)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return nil
	}
	if err != nil || n == 0 {
		return fmt.Errorf("a connection ended: %w", errors.Join(err, io.EOF))
	}
	if c.rest < 0 {
		c.head = append(c.head, l.buffer[:n]...)
		length := bytes.Index(c.head, []byte("\r\n\r\n"))
		if length < 0 {
			return nil
		}
		if c.rest, err = bodyLength(c.head[:length+2]); err != nil {
			return err
		}
		n = len(c.head) - length - 4
	}
	if c.rest -= n; c.rest > 0 {
		return nil
	}
	if c.rest < 0 {
		return fmt.Errorf("%d bytes too many in an answer", -c.rest)
	}
	l.busy--
	l.total++
	l.free = append(l.free, c)
	if l.opened == 0 || c.planned < l.opened && l.Rate > 0 || l.closed > 0 && l.Rate == 0 {
		return nil
	}
	l.answered++
	l.latency = append(l.latency, time.Since(l.began)-c.planned)
	return nil
}

// bodyLength reads the head of an answer, which must be a 200 with a length.
func bodyLength(head []byte) (int, error) {
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return 0, fmt.Errorf("an answer that is no 200: %.100q", head)
	}
	for line := range bytes.Lines(head) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			return strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	return 0, fmt.Errorf("an answer without a length: %.400q", head)
}

// pollFor is epoll_pwait2(2), which x/sys does not wrap.
func pollFor(epoll int, events []unix.EpollEvent, d time.Duration) (int, error) {
	t := unix.NsecToTimespec(int64(d))
	n, _, err := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&t)), 0, 0)
	if err == unix.EINTR {
		return 0, nil
	}
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}
