package cli

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	sinkRoom  = 4 << 20               // bytes of lines that wait for a slow reader at most
	sinkBatch = 32 << 10              // so many are written without waiting for more
	sinkDelay = 10 * time.Millisecond // for how long the first line waits for others
	sinkEnd   = time.Second           // how long a stop waits for a reader that takes nothing
)

// sink is where all lines of the log go. Whoever logs never waits: one goroutine writes, many lines at a time. What does
// not fit while the other side takes nothing, or has no room on its disk, is dropped and counted, and the log says so when
// it goes on (security.md 44).
type sink struct {
	out   io.Writer
	first chan struct{} // there is something to write
	full  chan struct{} // there is enough to write
	stop  chan struct{}
	ended chan struct{}

	mu    sync.Mutex
	lines []byte
	lost  int // lines dropped that nobody has been told of

	torn bool // the last thing written was half a line; of the writer alone
}

func newSink(out io.Writer) *sink {
	s := &sink{out: out, first: make(chan struct{}, 1), full: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	go s.run()
	return s
}

// Write takes whole lines. It never waits and never fails.
func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.lines)
	if before+len(line) > sinkRoom {
		s.lost++
		return len(line), nil
	}
	s.lines = append(s.lines, line...)
	switch {
	case before == 0:
		nudge(s.first)
	case before < sinkBatch && len(s.lines) >= sinkBatch:
		nudge(s.full)
	}
	return len(line), nil
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// close writes what is there and ends the writer; one that hangs in a write is left behind.
func (s *sink) close() {
	close(s.stop)
	select {
	case <-s.ended:
	case <-time.After(sinkEnd):
	}
}

func (s *sink) run() {
	defer close(s.ended)
	var spare []byte
	for {
		select {
		case <-s.first:
			s.gather()
		case <-s.stop:
			s.put(s.take(nil))
			return
		}
		spare = s.put(s.take(spare))
	}
}

// gather lets lines come together.
func (s *sink) gather() {
	timer := time.NewTimer(sinkDelay)
	defer timer.Stop()
	select {
	case <-s.full:
	case <-timer.C:
	case <-s.stop:
	}
}

// take takes the lines that have come, and how many were lost, and leaves an empty buffer for the next.
func (s *sink) take(spare []byte) (lines []byte, lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, lost = s.lines, s.lost
	s.lines, s.lost = spare[:0], 0
	select {
	case <-s.full: // it was for these
	default:
	}
	return lines, lost
}

// put writes lines, and gives their buffer back if it is worth keeping.
func (s *sink) put(lines []byte, lost int) []byte {
	lost += s.write(lines)
	if lost > 0 {
		notice := fmt.Appendf(nil, `{"time":%q,"level":"WARN","msg":"the log could not be written: lines were dropped","lines":%d}`+"\n",
			time.Now().Format(time.RFC3339Nano), lost)
		if s.write(notice) > 0 {
			s.mu.Lock()
			s.lost += lost // told when it goes on
			s.mu.Unlock()
		}
	}
	if cap(lines) > 2*sinkBatch {
		return nil
	}
	return lines
}

// write returns how many lines could not be written.
func (s *sink) write(lines []byte) (lost int) {
	if len(lines) == 0 {
		return 0
	}
	if s.torn { // not to be taken for the end of that line
		if _, err := s.out.Write([]byte("\n")); err != nil {
			return bytes.Count(lines, []byte("\n"))
		}
		s.torn = false
	}
	n, err := s.out.Write(lines)
	if err == nil {
		return 0
	}
	s.torn = n > 0 && lines[n-1] != '\n'
	return bytes.Count(lines[n:], []byte("\n"))
}
