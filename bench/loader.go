package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// errand is what the loader, a process of its own, is told on its input.
type errand struct {
	Port        int           `json:"port"` // on 127.0.0.1
	Requests    string        `json:"requests"`
	First       int           `json:"first"` // the line to begin with
	Connections int           `json:"connections"`
	Rate        float64       `json:"rate"`   // requests a second, sent whether or not earlier ones were answered; 0: as fast as they are
	Warm        time.Duration `json:"warm"`   // before the window
	Prior       int           `json:"prior"`  // how many requests have to be answered before it, too
	Window      time.Duration `json:"window"` // without a rate it is held open until each connection was answered four times
	PIDs        []int         `json:"pids"`   // whose processor time is counted over the window
	Seed        uint64        `json:"seed"`   // of the gaps between planned times, so that two servers can have the same
}

// outcome is what the loader found, of the requests planned (or, without a rate, answered) within the window.
type outcome struct {
	Requests int64         `json:"requests"`
	Total    int64         `json:"total"` // with those outside the window
	CPU      time.Duration `json:"cpu_ns"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	P50      time.Duration `json:"p50_ns"` // from the planned time of a request to the last byte of its answer
	P99      time.Duration `json:"p99_ns"`
	Most     time.Duration `json:"most_ns"`
	Late     time.Duration `json:"late_p99_ns"`      // how late the loader itself sent what it could have sent on time; part of the latencies
	Others   float64       `json:"others,omitempty"` // as in a window of wrk
}

// loader asks one server from one thread. Timers of Go's scheduler are too coarse for latencies of some hundred
// microseconds: it waits in epoll_pwait2, which counts in nanoseconds.
type loader struct {
	errand
	requests [][]byte
	epoll    int
	conns    []conn
	byFD     map[int32]*conn
	free     []*conn // the one that waited longest first
	gaps     *rand.Rand
	buffer   []byte

	began    time.Time
	due      time.Duration // when the next request is planned
	turn     int
	busy     int // requests without their answer
	blocked  bool
	cpu      time.Duration // at the start of the window
	opened   time.Duration // when it started, and
	closed   time.Duration // ended; 0: not yet
	total    int64         // answers, and
	answered int64         // those within the window
	latency  []time.Duration
	lateness []time.Duration
}

// conn is one connection; it has at most one request under way.
type conn struct {
	fd      int
	planned time.Duration
	head    []byte // of the answer, as far as it was read
	rest    int    // bytes of the body that are missing; -1: the head is not complete
}

// runLoader does an errand and prints its outcome.
func runLoader(in io.Reader, out io.Writer) error {
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // no pauses: it allocates little, and lives for seconds
	l := &loader{buffer: make([]byte, 256<<10), byFD: map[int32]*conn{}}
	if err := json.NewDecoder(in).Decode(&l.errand); err != nil {
		return err
	}
	l.gaps = rand.New(rand.NewPCG(l.Seed, 1))
	if err := l.read(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	if err := l.connect(); err != nil {
		return err
	}
	res, err := l.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(res)
}

// read makes the requests of the lines "path<TAB>token".
func (l *loader) read() error {
	f, err := os.Open(l.Requests)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		path, token, _ := strings.Cut(lines.Text(), "\t")
		text := "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		if token != "" {
			text += "Authorization: Bearer " + token + "\r\n"
		}
		l.requests = append(l.requests, []byte(text+"\r\n"))
	}
	if len(l.requests) == 0 {
		return errors.New("no request to send")
	}
	l.turn = l.First
	return lines.Err()
}

func (l *loader) connect() (err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	l.conns = make([]conn, l.Connections)
	for i := range l.conns {
		c := &l.conns[i]
		c.head = make([]byte, 0, 2048)
		if c.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		if err := unix.Connect(c.fd, &unix.SockaddrInet4{Port: l.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		if err := unix.SetNonblock(c.fd, true); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
		if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}); err != nil {
			return err
		}
		l.byFD[int32(c.fd)] = c
		l.free = append(l.free, c)
	}
	return nil
}

// run sends, waits and reads until the window is over and what was planned in it is answered.
func (l *loader) run() (outcome, error) {
	l.began = time.Now()
	events := make([]unix.EpollEvent, 512)
	var res outcome
	for {
		now := time.Since(l.began)
		switch {
		case l.opened == 0 && l.ripe(now):
			spent, err := cpuOf(l.PIDs)
			if err != nil {
				return res, err
			}
			l.cpu, l.opened = spent, now
		case l.opened > 0 && l.closed == 0 && l.over(now):
			spent, err := cpuOf(l.PIDs)
			if err != nil {
				return res, err
			}
			l.closed = now
			res.CPU, res.Elapsed, res.Requests = spent-l.cpu, now-l.opened, l.answered
		}
		if l.closed > 0 && (l.Rate == 0 || l.busy == 0) {
			break
		}
		if l.closed > 0 && now > l.closed+5*time.Second {
			return res, fmt.Errorf("%d requests without an answer five seconds after the last was sent", l.busy)
		}
		if err := l.send(now); err != nil {
			return res, err
		}
		if err := l.wait(events); err != nil {
			return res, err
		}
	}
	slices.Sort(l.latency)
	slices.Sort(l.lateness)
	res.Total = l.total
	res.P50, res.P99, res.Most, res.Late = share(l.latency, 0.5), share(l.latency, 0.99), share(l.latency, 1), share(l.lateness, 0.99)
	return res, nil
}

// ripe says whether the window may open.
func (l *loader) ripe(now time.Duration) bool {
	return now >= l.Warm && l.total >= int64(l.Prior)
}

// over says whether it may close. With a rate, all that was planned in it has been sent then.
func (l *loader) over(now time.Duration) bool {
	if l.Rate > 0 {
		return l.due >= l.opened+l.Window
	}
	return now >= l.opened+l.Window && l.answered >= int64(4*l.Connections)
}

// share is the value that so much of a sorted list does not exceed.
func share(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

// send sends what is due, or, without a rate, as much as there are free connections for.
func (l *loader) send(now time.Duration) error {
	for len(l.free) > 0 && l.closed == 0 {
		planned := now
		if l.Rate > 0 {
			if planned = l.due; planned > now || l.opened > 0 && l.over(now) {
				break
			}
			l.due += time.Duration(l.gaps.ExpFloat64() / l.Rate * 1e9)
			if !l.blocked && l.opened > 0 {
				l.lateness = append(l.lateness, now-planned)
			}
		}
		c := l.free[0]
		l.free = l.free[1:]
		text := l.requests[l.turn%len(l.requests)]
		l.turn++
		c.planned, c.rest, c.head = planned, -1, c.head[:0]
		if n, err := unix.Write(c.fd, text); err != nil || n < len(text) {
			return fmt.Errorf("sent %d of %d bytes: %w", n, len(text), err)
		}
		l.busy++
	}
	l.blocked = len(l.free) == 0
	return nil
}

// wait waits until something can be read or sent, and reads.
func (l *loader) wait(events []unix.EpollEvent) error {
	next := 10 * time.Millisecond
	if l.Rate > 0 && len(l.free) > 0 && l.closed == 0 {
		next = min(next, max(0, l.due-time.Since(l.began)))
	}
	n, err := pollFor(l.epoll, events, next)
	if err != nil {
		return err
	}
	for _, e := range events[:n] {
		if err := l.receive(l.byFD[e.Fd]); err != nil {
			return err
		}
	}
	return nil
}
