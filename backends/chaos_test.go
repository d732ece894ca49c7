package backends

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatehouse/backends/tokens"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// These tests are about real sockets and real processes: what a kernel does when somebody is killed, stopped or cut off.
// What takes long is played elsewhere, in memory.

const actAsBackend = "GATEHOUSE_TEST_BACKEND"

// actBackend makes a process of this test a backend: it serves at the address that the environment names until it dies.
func actBackend(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("serving")
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"body":%q}`, body)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	fmt.Println(server.Serve(l))
}

// process is a backend that can be killed.
type process struct {
	t       *testing.T
	address string
	cmd     *exec.Cmd
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), actAsBackend+"="+p.address)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "serving\n" {
		p.t.Fatalf("the backend said %q, %v", line, err)
	}
}

func (p *process) signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s)
	if s == syscall.SIGKILL {
		_ = p.cmd.Wait()
	}
}

// newProcess starts a backend process; it dies with the test.
func newProcess(t *testing.T) *process {
	p := &process{t: t, address: freeAddress(t)}
	p.start()
	t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGKILL)
	})
	return p
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newRealRig is a rig of real sockets.
func newRealRig(t testing.TB) *rig {
	log := slog.New(slog.NewTextHandler(testWriter{t}, nil))
	r := &rig{memory: &memory{t: t}, env: Env{Log: log, Timeout: soon, Hosts: NewHosts(outbound.Options{}, log), Tokens: tokens.New(tokens.Options{Log: log})}}
	t.Cleanup(func() {
		r.env.Hosts.Close()
		r.env.Tokens.Close()
	})
	return r
}

// load asks so many times a second, for so long, and returns what did not go well.
func load(ask func() string, rate int, span time.Duration) (asked int, bad map[string]int) {
	bad = map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for end := time.Now().Add(span); time.Now().Before(end); asked++ {
		<-tick.C
		wg.Go(func() {
			if got := ask(); !strings.HasPrefix(got, "200 ") {
				mu.Lock()
				bad[got]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return asked, bad
}

func TestChaosOneOfTwoBackendsIsKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	r := newRealRig(t)
	a, b := newProcess(t), newProcess(t)
	fetch := r.backend(Config{Host: []string{a.address, b.address}, URLPattern: "/"})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for range time.Tick(time.Second) {
			select {
			case <-stop:
				return
			default:
			}
			a.signal(syscall.SIGKILL)
			time.Sleep(500 * time.Millisecond)
			a.start()
		}
	})
	asked, bad := load(func() string {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		return said(fetch(ctx, get()))
	}, 500, 6*time.Second)
	close(stop)
	wg.Wait()
	if len(bad) > 0 {
		t.Errorf("of %d requests went wrong: %v", asked, bad)
	}
}

func TestChaosAStoppedBackendKeepsNobody(t *testing.T) {
	t.Parallel()
	r := newRealRig(t)
	a, b := newProcess(t), newProcess(t)
	fetch := r.backend(Config{Host: []string{a.address, b.address}, URLPattern: "/"})
	ask := func() string {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		return said(fetch(ctx, get()))
	}
	for range 10 {
		wantSaid(t, ask(), `200 {"body":""}`)
	}
	a.signal(syscall.SIGSTOP)
	asked, bad := load(ask, 100, 3*time.Second)
	a.signal(syscall.SIGCONT)
	if len(bad) > 0 {
		t.Errorf("of %d requests went wrong: %v", asked, bad)
	}
}

func TestChaosAPOSTReachesAKilledBackendOnceAtMost(t *testing.T) {
	r := newRealRig(t)
	var reached atomic.Int64
	listeners := [2]net.Listener{}
	for i := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		listeners[i] = l
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
						reached.Add(1)
						_ = c.(*net.TCPConn).SetLinger(0) // a reset, as of a process that dies
					}
				}()
			}
		}()
	}
	fetch := r.backend(Config{Method: "POST", Host: []string{listeners[0].Addr().String(), listeners[1].Addr().String()}, URLPattern: "/"})
	const n = 50
	for range n {
		if got := said(fetch(t.Context(), post("x"))); !strings.HasPrefix(got, "error: upstream_") {
			t.Error(got)
		}
	}
	if got := reached.Load(); got > n {
		t.Errorf("%d requests arrived, of %d", got, n)
	}
}

// hostile serves bytes that no backend should.
func hostile(t *testing.T, serve func(w *bufio.Writer, gone func() bool)) (address string, closed chan struct{}) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed = make(chan struct{}, 100)
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { closed <- struct{}{} }()
				defer c.Close()
				r := bufio.NewReader(c)
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				w := bufio.NewWriter(c)
				broken := false
				serve(w, func() bool { broken = broken || w.Flush() != nil; return broken })
				_ = w.Flush()
			})
		}
	})
	return l.Addr().String(), closed
}

func TestChaosHostileAnswersCostLittle(t *testing.T) {
	endless := func(head, piece string) func(*bufio.Writer, func() bool) {
		return func(w *bufio.Writer, gone func() bool) {
			_, _ = w.WriteString(head)
			for !gone() {
				_, _ = w.WriteString(piece)
			}
		}
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<16, strings.Repeat("a", 1<<16))
	bomb, dense, frame := zipped(make([]byte, 4<<20)), brotlied(strings.Repeat("a", 100<<20)), zstded(t, strings.Repeat("a", 4<<20))
	for _, c := range []struct {
		name  string
		serve func(w *bufio.Writer, gone func() bool)
		want  Reason
	}{
		{"an endless body", endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk), ReasonTooLarge},
		{"an endless body without chunks", endless("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("a", 1<<16)), ReasonTooLarge},
		{"an endless head", endless("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("a", 1000)+"\r\n"), ReasonBadReply},
		{"endless informational answers", endless("", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"), ReasonBadReply},
		{"a length that is a lie", endless("HTTP/1.1 200 OK\r\nContent-Length: 900000000000000000\r\n\r\n", chunk), ReasonTooLarge},
		{"a gzip bomb", func(w *bufio.Writer, gone func() bool) {
			_, _ = w.WriteString("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
			for !gone() { // members of 4 MB, without end
				_, _ = w.Write(bomb)
			}
		}, ReasonTooLarge},
		{"a zstd bomb", func(w *bufio.Writer, gone func() bool) {
			_, _ = w.WriteString("HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\n")
			for !gone() {
				_, _ = w.Write(frame)
			}
		}, ReasonTooLarge},
		{"a brotli bomb", func(w *bufio.Writer, _ func() bool) {
			_, _ = w.WriteString("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n")
			_, _ = w.Write(dense)
		}, ReasonTooLarge},
		{"a bomb in a bomb", func(w *bufio.Writer, _ func() bool) {
			_, _ = w.WriteString("HTTP/1.1 200 OK\r\nContent-Encoding: br, gzip\r\n\r\n")
			_, _ = w.Write(zipped(dense))
		}, ReasonTooLarge},
		{"a short body", func(w *bufio.Writer, _ func() bool) {
			_, _ = w.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}")
		}, ReasonBadReply},
		{"a broken chunk", func(w *bufio.Writer, _ func() bool) {
			_, _ = w.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n")
		}, ReasonBadReply},
		{"silence", nil, ReasonTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRealRig(t)
			serve, quiet := c.serve, make(chan struct{})
			if serve == nil {
				serve = func(*bufio.Writer, func() bool) { <-quiet }
			}
			address, closed := hostile(t, serve)
			t.Cleanup(func() { close(quiet) })
			wait := conf.Duration(500 * time.Millisecond)
			if c.want != ReasonTimeout {
				wait = conf.Duration(20 * time.Second)
			}
			fetch := r.backend(Config{Host: []string{address}, URLPattern: "/", Timeout: &wait})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range 3 {
				res, err := fetch(t.Context(), get())
				if res.Close(); reasonIn(err) != c.want {
					t.Fatalf("got %v, want %s", err, c.want)
				}
				if c.want != ReasonTimeout {
					<-closed // not kept for another request
				}
			}
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 100<<20 {
				t.Errorf("%d MB of memory more", grown>>20)
			}
		})
	}
}

func zipped(plain []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(plain)
	_ = z.Close()
	return b.Bytes()
}

func TestChaosAClientThatLeavesIsNoticedBelow(t *testing.T) {
	r := newRealRig(t)
	arrived, left := make(chan struct{}), make(chan struct{}, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		left <- struct{}{}
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	fetch := r.backend(Config{Host: []string{l.Addr().String()}, URLPattern: "/"})
	ctx, leave := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() { _, err := fetch(ctx, get()); returned <- err }()
	<-arrived
	began := time.Now()
	leave()
	if err := <-returned; reasonIn(err) != ReasonCanceled {
		t.Errorf("got %v", err)
	}
	back := time.Since(began)
	<-left
	t.Logf("the call ended after %v, and the backend knew after %v", back, time.Since(began))
}

func TestChaosATokenEndpointThatIsStoppedAndGoesOn(t *testing.T) {
	t.Parallel()
	r := newRealRig(t)
	var stopped atomic.Bool
	release := make(chan struct{})
	var asked atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/token" {
			fmt.Fprint(w, `{}`)
			return
		}
		asked.Add(1)
		if stopped.Load() {
			<-release // also after it goes on: these calls hang for ever
			return
		}
		fmt.Fprint(w, `{"access_token":"t","expires_in":3600}`)
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	defer close(release)
	fetch := r.backend(Config{Host: []string{l.Addr().String()}, URLPattern: "/",
		Extra: Extra{Credentials: over(tokens.Client{TokenURL: "http://" + l.Addr().String() + "/token"})}})
	ask := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		res, err := fetch(ctx, get())
		res.Close()
		return err
	}
	stopped.Store(true)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := ask(); reasonIn(err) != ReasonToken {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	stopped.Store(false)
	time.Sleep(time.Second)
	for range 20 {
		if err := ask(); err != nil {
			t.Error(err)
		}
	}
	if n := asked.Load(); n > 4 {
		t.Errorf("got %d token requests, want one a second", n)
	}
}

func TestChaosNothingStaysBehind(t *testing.T) {
	files := func() int {
		list, _ := os.ReadDir("/proc/self/fd") // none where the system does not tell
		return len(list)
	}
	before := files()
	func() {
		r := &rig{memory: &memory{t: t}, env: Env{Log: slog.New(slog.DiscardHandler), Hosts: NewHosts(outbound.Options{}, slog.New(slog.DiscardHandler)), Tokens: tokens.New(tokens.Options{})}}
		defer r.env.Hosts.Close()
		defer r.env.Tokens.Close()
		a, b := newProcess(t), newProcess(t)
		defer func() { a.signal(syscall.SIGKILL); b.signal(syscall.SIGKILL) }()
		fetch := r.backend(Config{Host: []string{a.address, b.address}, URLPattern: "/", TravelConfig: TravelConfig{HedgeAfter: ptr(conf.Duration(time.Millisecond))}})
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%20)*time.Millisecond)
				defer cancel()
				res, _ := fetch(ctx, get())
				res.Close()
			})
		}
		wg.Wait()
		r.env.Hosts.upstreams.Each(func(k upstreamKey, u *upstream) {
			if n := u.load.Load(); n != 0 {
				t.Errorf("%s: %d exchanges are counted as running", k.origin, n)
			}
		})
	}()
	for wait := time.Now().Add(5 * time.Second); files() > before+4 && time.Now().Before(wait); {
		runtime.Gosched()
	}
	if after := files(); after > before+4 {
		t.Errorf("%d files are open, %d were before", after, before)
	}
}
