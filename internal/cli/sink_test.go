package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// paper is where a sink writes in tests: it may take nothing for a while, be full, or take half of it.
type paper struct {
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
	room   int           // bytes that it takes before it is full; -1: any number
	blocks chan struct{} // writes wait until it is closed; nil: they do not
}

func (p *paper) Write(b []byte) (int, error) {
	if p.blocks != nil {
		<-p.blocks
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes++
	if p.room >= 0 && len(b) > p.room {
		n, _ := p.text.Write(b[:p.room])
		p.room = 0
		return n, syscall.ENOSPC
	}
	if p.room >= 0 {
		p.room -= len(b)
	}
	return p.text.Write(b)
}

func (p *paper) makeRoom() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.room = -1
}

func (p *paper) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSuffix(p.text.String(), "\n"), "\n")
}

func TestLinesThatComeTogetherAreWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{room: -1}
		s := newSink(p)
		for i := range 100 {
			fmt.Fprintf(s, "line %d\n", i)
		}
		time.Sleep(2 * sinkDelay)
		if got := p.lines(); p.writes != 1 || len(got) != 100 || got[99] != "line 99" {
			t.Errorf("%d writes of %d lines, want 1 of 100", p.writes, len(got))
		}
		fmt.Fprintf(s, "the last\n")
		s.close() // at once, without waiting for others
		if got := p.lines(); got[100] != "the last" {
			t.Errorf("the last line is %q", got[len(got)-1])
		}
	})
}

func TestManyLinesDoNotWaitForTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{room: -1}
		s := newSink(p)
		defer s.close()
		begin := time.Now()
		line := strings.Repeat("x", 1023) + "\n"
		for range sinkBatch / len(line) {
			_, _ = io.WriteString(s, line)
		}
		synctest.Wait()
		if p.writes != 1 || time.Since(begin) != 0 {
			t.Errorf("%d writes after %s, want 1 at once", p.writes, time.Since(begin))
		}
	})
}

func TestABlockedReaderHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{room: -1, blocks: make(chan struct{})}
		s := newSink(p)
		line := strings.Repeat("x", 1023) + "\n"
		begin, told := time.Now(), 3*sinkRoom/len(line)
		for range told {
			if n, err := io.WriteString(s, line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		time.Sleep(sinkDelay)
		if s.mu.Lock(); len(s.lines) > sinkRoom {
			t.Errorf("%d bytes wait, want at most %d", len(s.lines), sinkRoom)
		}
		s.mu.Unlock()
		if waited := time.Since(begin); waited != sinkDelay {
			t.Errorf("it took %s", waited)
		}
		close(p.blocks)
		time.Sleep(2 * sinkDelay)
		s.close()
		got, dropped := p.lines(), 0
		for i, l := range got {
			if _, after, ok := strings.Cut(l, `dropped","lines":`); ok {
				_, _ = fmt.Sscanf(after, "%d", &dropped)
				got = append(got[:i], got[i+1:]...)
				break
			}
		}
		if dropped == 0 || len(got)+dropped != told {
			t.Errorf("%d lines came and %d were said to be dropped, of %d", len(got), dropped, told)
		}
	})
}

func TestAFullDiskIsToldOfWhenThereIsRoomAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{room: 12}
		s := newSink(p)
		write := func(text string) {
			_, _ = io.WriteString(s, text)
			time.Sleep(2 * sinkDelay)
		}
		write("one\ntwo\nthree\nfour\n") // "thr" is the last that fits
		write("five\n")
		p.makeRoom()
		write("six\n")
		s.close()
		got := p.lines()
		if len(got) != 5 || got[2] != "thre" || got[3] != "six" || !strings.Contains(got[4], `"level":"WARN"`) || !strings.Contains(got[4], `"lines":3}`) {
			t.Errorf("it says\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestAStopDoesNotWaitForABlockedReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{room: -1, blocks: make(chan struct{})}
		s := newSink(p)
		_, _ = io.WriteString(s, "one\n")
		begin := time.Now()
		s.close()
		if waited := time.Since(begin); waited != sinkEnd {
			t.Errorf("a stop takes %s, want %s", waited, sinkEnd)
		}
		close(p.blocks)
		<-s.ended
	})
}

func TestLinesOfManyStayWhole(t *testing.T) {
	p := &paper{room: -1}
	s := newSink(p)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 2000 {
				fmt.Fprintf(s, "%d %d %s\n", i, j, strings.Repeat("x", j%300))
			}
		})
	}
	all.Wait()
	s.close()
	next := [8]int{}
	for _, l := range p.lines() {
		var i, j int
		if _, err := fmt.Sscanf(l, "%d %d", &i, &j); err != nil && !errors.Is(err, io.EOF) || j != next[i] {
			t.Fatalf("%q comes after line %d", l, next[i]-1)
		}
		next[i]++
	}
	if next != [8]int{2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000} {
		t.Errorf("lines of each: %v", next)
	}
}
