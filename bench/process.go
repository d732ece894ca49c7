package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that we started: the gateway, a peer, the upstream. It is stopped by its pid.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // why, once done is closed
	log  string        // the file with what it said
}

// start runs a program; what it says goes to a file in dir.
func start(dir, name string, env []string, argv ...string) (*process, error) {
	p := &process{name: name, done: make(chan struct{}), log: filepath.Join(dir, name+".out")}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop asks it to end, and ends it five seconds later if it has not.
func (p *process) stop() {
	if p == nil {
		return
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// answers waits until a URL is answered with 200.
func (p *process) answers(ctx context.Context, url, token string) error {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	limit := time.Now().Add(20 * time.Second)
	last := errors.New("nothing answered")
	for time.Now().Before(limit) && ctx.Err() == nil {
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s ended: %v\n%s", p.name, p.err, bytes.TrimSpace(text))
		default:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := client.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("%s answers %s", url, res.Status)
		}
		last = err
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%s: %w", p.name, last)
}

// cpu is the processor time, user and system, of a process and its children (those that ended too), in microseconds. The
// kernel counts it exactly and tells it in ticks of 10 ms.
func cpu(pid int) (us int64, err error) {
	for _, p := range family(pid) {
		fields, err := stat(p)
		if err != nil {
			if p == pid {
				return 0, err
			}
			continue
		}
		for _, i := range []int{13, 14, 15, 16} { // utime, stime, and those of children that were waited for
			ticks, err := strconv.ParseInt(fields[i], 10, 64)
			if err != nil {
				return 0, err
			}
			us += ticks * 10_000
		}
	}
	return us, nil
}

// rss is the resident memory of a process and its children in bytes.
func rss(pid int) (sum int64) {
	for _, p := range family(pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p))
		if f := strings.Fields(string(text)); len(f) > 1 {
			pages, _ := strconv.ParseInt(f[1], 10, 64)
			sum += pages * int64(os.Getpagesize())
		}
	}
	return sum
}

// stat is /proc/PID/stat by its columns, which begin behind the name in parentheses.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	_, rest, ok := strings.Cut(string(text), ") ")
	fields := append([]string{"", ""}, strings.Fields(rest)...)
	if !ok || len(fields) < 17 {
		return nil, fmt.Errorf("process %d: /proc/stat has %d columns", pid, len(fields))
	}
	return fields, nil
}

// family is a process and its children.
func family(pid int) []int {
	list := []int{pid}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(f); err == nil {
			list = append(list, child)
		}
	}
	return list
}

// freePort is a port that nobody listens on now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
