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
	defer func() { _ = out.Close() }()
	p.cmd = exec.CommandContext(context.Background(), argv[0], argv[1:]...) // stop ends it, and lets it finish
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		if p.err = p.cmd.Wait(); p.err == nil {
			p.err = errors.New("exit status 0")
		}
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
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// answers waits until a URL is answered with 200.
func (p *process) answers(ctx context.Context, url, token string) error {
	limit := time.Now().Add(30 * time.Second)
	last := errors.New("nothing answered")
	for time.Now().Before(limit) && ctx.Err() == nil {
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s ended: %w\n%s", p.name, p.err, bytes.TrimSpace(text))
		default:
		}
		status, _, err := ask(ctx, url, token)
		if err == nil && status == http.StatusOK {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%s answers %d", url, status)
		}
		last = err
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%s: %w", p.name, last)
}

// freePort is a port that nobody listens on now.
func freePort() (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
