package splice

import (
	"io"
	"sync"
	"syscall"
)

const (
	// roomOfPipe is how much a pipe has room for, in bytes of pages: 32 of them. What comes from a socket lies in pieces of
	// a page or more, so that more fits in.
	roomOfPipe = 128 << 10

	// pieceOfPipe bounds what is taken into a pipe at a time.
	pieceOfPipe = 256 << 10

	// mostPipes bounds descriptors, two for each pipe, and pages: pipe(7) lets a user who is not root have 16,384. Clients
	// that take their time with large answers hold a pipe each; who comes when all are held has the answer copied.
	mostPipes = 128
)

// Pipe holds bytes between two sockets. It belongs to one answer at a time.
type Pipe struct {
	from, to int // its ends: what goes into to comes out of from
	held     int // bytes
	want     int
	n        int
	err      error

	in, out func(fd uintptr) bool // fill and drain, made once
}

var pipes struct {
	mu   sync.Mutex
	idle []*Pipe
	held int // by answers
}

// Take has an empty pipe for the caller, who gives it back; nil: there is none to be had.
func Take() *Pipe {
	pipes.mu.Lock()
	defer pipes.mu.Unlock()
	if pipes.held >= mostPipes {
		return nil
	}
	if n := len(pipes.idle); n > 0 {
		p := pipes.idle[n-1]
		pipes.idle = pipes.idle[:n-1]
		pipes.held++
		return p
	}
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil // descriptors are short
	}
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(ends[1]), setPipeSize, roomOfPipe) // or else it has 16 pages
	p := &Pipe{from: ends[0], to: ends[1]}
	p.in, p.out = p.fill, p.drain
	pipes.held++
	return p
}

// Give gives p back.
func (p *Pipe) Give() {
	pipes.mu.Lock()
	defer pipes.mu.Unlock()
	pipes.held--
	if p.held > 0 { // an answer was broken off
		_ = syscall.Close(p.from)
		_ = syscall.Close(p.to)
		return
	}
	pipes.idle = append(pipes.idle, p)
}

// Held is how many bytes are in the pipe.
func (p *Pipe) Held() int { return p.held }

// Fill takes at most so many bytes from a socket into p, which is empty. Like a Read it waits for the first of them, by
// the deadline of the socket, and takes what is there; the end is io.EOF. ErrCopy: the kernel does not do
// that with this socket, and nothing is lost.
func (p *Pipe) Fill(from syscall.RawConn, most int64) (int, error) {
	p.want, p.n, p.err = int(min(most, pieceOfPipe)), 0, nil
	if err := from.Read(p.in); err != nil {
		return 0, err
	}
	switch p.err {
	case nil:
	case syscall.EINVAL, syscall.ENOSYS, syscall.EPERM: //nolint:errorlint // calls return them bare
		return 0, ErrCopy
	default:
		return 0, p.err
	}
	if p.n == 0 {
		return 0, io.EOF
	}
	p.held = p.n
	return p.n, nil
}

// Drain puts what p holds into a socket, as much as it takes. Like a Write it waits, by the deadline of the socket, until
// something has gone.
func (p *Pipe) Drain(to syscall.RawConn) (int, error) {
	p.n, p.err = 0, nil
	if err := to.Write(p.out); err != nil {
		return 0, err
	}
	p.held -= p.n
	return p.n, p.err
}

func (p *Pipe) fill(socket uintptr) bool  { return p.move(int(socket), p.to, p.want) }
func (p *Pipe) drain(socket uintptr) bool { return p.move(p.from, int(socket), p.held) }

const (
	nonblock    = 2    // SPLICE_F_NONBLOCK of splice(2): the pipe does not wait either
	setPipeSize = 1031 // F_SETPIPE_SZ of fcntl(2)
)

// move moves what is there; false: nothing is, for now.
func (p *Pipe) move(from, to, most int) bool {
	for {
		n, err := syscall.Splice(from, nil, to, nil, most, nonblock)
		switch err {
		case nil:
			p.n = int(n)
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			p.err = err
			return true
		}
	}
}
