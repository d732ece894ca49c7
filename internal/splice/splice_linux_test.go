package splice

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAPieceGoesThrough(t *testing.T) {
	origin, from := connected(t)
	to, client := connected(t)
	in, _ := from.SyscallConn()
	out, _ := to.SyscallConn()
	p := Take()
	defer p.Give()
	for _, size := range []int{1, 1000, 70_000, 200_000} {
		piece := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		go func() { _, _ = origin.Write(append(piece, "the next"...)) }()
		got := make(chan []byte)
		go func() {
			b := make([]byte, size)
			_, _ = io.ReadFull(client, b)
			got <- b
		}()
		for left := int64(size); left > 0; {
			n, err := p.Fill(in, left)
			if err != nil || n != p.Held() || int64(n) > left {
				t.Fatalf("filled %d of %d, holds %d: %v", n, left, p.Held(), err)
			}
			left -= int64(n)
			for p.Held() > 0 {
				before := p.Held()
				if n, err := p.Drain(out); err != nil || n != before-p.Held() || n == 0 {
					t.Fatalf("drained %d of %d: %v", n, before, err)
				}
			}
		}
		if !bytes.Equal(<-got, piece) {
			t.Errorf("%d bytes are not what was sent", size)
		}
		_, _ = io.ReadFull(from, make([]byte, len("the next"))) // it was left where it was
	}
	origin.Close()
	if n, err := p.Fill(in, 10); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d and %v", n, err)
	}
}

func TestDeadlines(t *testing.T) {
	_, from := connected(t)
	to, _ := connected(t)
	in, _ := from.SyscallConn()
	out, _ := to.SyscallConn()
	p := Take()
	_ = from.SetReadDeadline(time.Now().Add(-time.Second))
	if n, err := p.Fill(in, 10); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("filling by a deadline: %d and %v", n, err)
	}
	origin, other := connected(t)
	more, _ := other.SyscallConn()
	go func() {
		for {
			if _, err := origin.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}()
	var err error
	_ = to.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for err == nil {
		if _, err = p.Fill(more, 1<<20); err != nil {
			t.Fatal(err)
		}
		for err == nil && p.Held() > 0 {
			_, err = p.Drain(out)
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || p.Held() == 0 {
		t.Errorf("draining by a deadline: %v, and %d bytes are held", err, p.Held())
	}
	idle := len(pipes.idle)
	p.Give()
	if len(pipes.idle) != idle {
		t.Error("a pipe that is not empty was kept for others")
	}
}

func TestPipesAreCounted(t *testing.T) {
	var all []*Pipe
	for p := Take(); p != nil; p = Take() {
		all = append(all, p)
	}
	if len(all) != mostPipes {
		t.Errorf("got %d pipes, want %d", len(all), mostPipes)
	}
	for _, p := range all {
		p.Give()
	}
	if p := Take(); p == nil {
		t.Error("pipes that were given back are not to be had")
	} else {
		p.Give()
	}
}

// TestWhatCannotBeSpliced is copied: what a kernel cannot do with a descriptor is no error of the answer.
func TestWhatCannotBeSpliced(t *testing.T) {
	folder, err := os.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	raw, _ := folder.SyscallConn()
	p := Take()
	defer p.Give()
	if n, err := p.Fill(raw, 10); n != 0 || err != ErrCopy {
		t.Errorf("got %d and %v, want %v", n, err, ErrCopy)
	}
}

// BenchmarkMove compares what it costs to take a piece from one socket to another, by a pipe and by a copy.
func BenchmarkMove(b *testing.B) {
	for _, size := range []int{2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10} {
		for _, by := range []string{"copy", "pipe"} {
			b.Run(fmt.Sprintf("%dKB/%s", size>>10, by), func(b *testing.B) {
				origin, from := connected(b)
				to, client := connected(b)
				piece, room := make([]byte, size), make([]byte, 64<<10)
				in, _ := from.SyscallConn()
				out, _ := to.SyscallConn()
				b.SetBytes(int64(size))
				for b.Loop() {
					if _, err := origin.Write(piece); err != nil {
						b.Fatal(err)
					}
					if by == "pipe" {
						pipe := Take()
						for left := int64(size); left > 0; {
							n, err := pipe.Fill(in, left)
							if err != nil {
								b.Fatal(err)
							}
							left -= int64(n)
							for pipe.Held() > 0 {
								if _, err := pipe.Drain(out); err != nil {
									b.Fatal(err)
								}
							}
						}
						pipe.Give()
					} else {
						for left := size; left > 0; {
							n, err := from.Read(room[:min(left, len(room))])
							if err != nil {
								b.Fatal(err)
							}
							left -= n
							if _, err := to.Write(room[:n]); err != nil {
								b.Fatal(err)
							}
						}
					}
					if _, err := io.ReadFull(client, piece); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// connected are the two ends of a connection over loopback.
func connected(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}
