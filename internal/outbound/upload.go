package outbound

import (
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

const uploadSize = 32 << 10

// upload sends a request body that is long or comes from elsewhere, in a goroutine of its own, since an origin may answer
// before it has read it.
type upload struct {
	nc    net.Conn
	body  io.Reader
	tail  *Trailer
	left  int64 // bytes still to send; -1: chunked, until the body ends
	local bool  // the body is in memory or a file: its reads do not wait for anybody

	halted atomic.Bool   // no more is wanted
	last   atomic.Bool   // the last write is under way
	failed atomic.Bool   // the body could not be read
	done   chan struct{} // closed at the end; err is set
	err    error
}

// startUpload sends the body of req behind a head already written. If the body fails, it cuts the exchange short.
func (c *conn) startUpload(req *Request, size int64, local bool) *upload {
	u := &upload{nc: c.nc, body: req.Body, tail: req.Trailer, left: size, local: local, done: make(chan struct{})}
	c.up = u
	go func() {
		defer close(u.done)
		u.err = u.run(c.pool)
		if u.halted.Load() {
			u.closeWrite()
		}
		if u.failed.Load() && !u.halted.Load() {
			c.cut.Store(true)
			_ = c.nc.SetDeadline(longAgo())
		}
	}()
	return u
}

// chunkRoom is kept free before a chunk for its size.
const chunkRoom = len("7fff\r\n")

func (u *upload) run(p *Pool) error {
	b, _ := p.uploads.Get().(*buffer)
	if b == nil {
		b = &buffer{b: make([]byte, uploadSize)}
	}
	defer p.uploads.Put(b)
	for u.left != 0 && !u.halted.Load() {
		out, err := u.next(b.b)
		if err != nil {
			u.failed.Store(true)
			return err
		}
		u.last.Store(u.left == 0)
		if _, err := u.nc.Write(out); err != nil {
			return err
		}
	}
	return nil
}

// next reads the next part of the body and frames it.
func (u *upload) next(b []byte) ([]byte, error) {
	if u.left > 0 {
		n, err := u.body.Read(b[:min(int64(len(b)), u.left)])
		u.left -= int64(n)
		if err == io.EOF && u.left > 0 {
			err = io.ErrUnexpectedEOF
		}
		if n > 0 && err == io.EOF || u.left == 0 {
			err = nil
		}
		return b[:n], err
	}
	n, err := u.body.Read(b[chunkRoom : len(b)-len("\r\n0\r\n\r\n")])
	if err != nil && err != io.EOF {
		return nil, err
	}
	out := b[chunkRoom:chunkRoom]
	if n > 0 {
		size := strconv.AppendInt(make([]byte, 0, chunkRoom), int64(n), 16)
		start := chunkRoom - len(size) - 2
		copy(b[start:], size)
		copy(b[chunkRoom-2:], "\r\n")
		out = append(b[start:chunkRoom+n], "\r\n"...)
	}
	if err == io.EOF {
		u.left = 0
		return u.tail.appendTo(append(out, "0\r\n"...))
	}
	return out, nil
}

// complete tells whether all of the body has gone out.
func (u *upload) complete() bool {
	select {
	case <-u.done:
		return u.err == nil && u.left == 0
	default:
		return false
	}
}

// finish tells whether all of the body has gone out, once the answer is whole. The origin may have answered the last bytes
// before the goroutine that wrote them got to say so.
func (u *upload) finish() bool {
	if u.last.Load() {
		timer := time.NewTimer(drainTime)
		defer timer.Stop()
		select {
		case <-u.done:
		case <-timer.C:
		}
	}
	return u.complete()
}

// halt ends the sending; a Read of the body that is running ends on its own.
func (u *upload) halt() {
	u.halted.Store(true)
	_ = u.nc.SetWriteDeadline(longAgo())
}

// closeWrite tells an origin that still reads that nothing more comes.
func (u *upload) closeWrite() {
	if half, ok := u.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// settle waits, once the connection is closed, until memory of the caller is no longer read.
func (u *upload) settle() {
	if u != nil && u.local {
		<-u.done
	}
}

// failure is why the body could not be read, if that is what happened.
func (u *upload) failure() error {
	if u == nil || !u.failed.Load() {
		return nil
	}
	select {
	case <-u.done:
		return u.err
	case <-time.After(time.Second): // between failing and saying so lie a few instructions
		return io.ErrUnexpectedEOF
	}
}
