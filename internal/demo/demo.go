// Package demo is a world for the first five minutes: an identity provider and sample backends in one process, on loopback,
// in front of which the gateway is put with the root gateway.json. Nothing in it is secret, and nothing in it is for
// anything but a first look.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Options say where the demo is to be found.
type Options struct {
	Listen string        // the gateway's address; "127.0.0.1" where it is empty
	Port   int           // the gateway's port; 0 picks one that is free
	Grace  time.Duration // how long the provider publishes a key after a rotation; an hour where it is 0
	Out    io.Writer     // for the guide
}

// Serve answers on a listener until the context ends and what is in flight has been answered.
type Serve func(ctx context.Context, l net.Listener) error

// Build makes the gateway; lookup is what ${NAME} in its configuration means in the demo.
type Build func(lookup func(name string) (string, bool)) (Serve, error)

// Run is the whole demo: it starts the world, builds the gateway in front of it, prints the guide and serves until the
// context ends. A port that cannot be had is a [*PortError].
func Run(ctx context.Context, opt Options, build Build) error {
	w, err := Start(ctx, opt)
	if err != nil {
		return err
	}
	defer w.Close()
	serve, err := build(w.Lookup)
	if err != nil {
		return err
	}
	if err := w.Guide(opt.Out); err != nil {
		return err
	}
	return serve(ctx, w.Listener)
}

// World is a running provider and running backends, and the open port of a gateway that is still to come.
type World struct {
	Listener net.Listener // the gateway's
	provider *provider
	env      map[string]string
	servers  []*http.Server
	wait     sync.WaitGroup
}

// Start opens the gateway's port and starts everything else on free ports of 127.0.0.1.
func Start(ctx context.Context, opt Options) (*World, error) {
	l, err := listen(ctx, opt)
	if err != nil {
		return nil, err
	}
	w := &World{Listener: l}
	if err := w.start(ctx, opt); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *World) start(ctx context.Context, opt Options) error {
	grace := opt.Grace
	if grace == 0 {
		grace = time.Hour
	}
	p, err := newProvider(grace)
	if err != nil {
		return err
	}
	w.provider = p
	if p.issuer, err = w.serve(ctx, p.handler()); err != nil {
		return err
	}
	w.env = map[string]string{"ISSUER": p.issuer, "AUDIENCE": audience,
		"INVENTORY_CLIENT_ID": gatewayClient, "INVENTORY_CLIENT_SECRET": gatewaySecret}
	for name, handler := range map[string]http.Handler{
		"CATALOG": catalog(), "USERS": users(), "ORDERS": orders(), "INVENTORY": inventory(p),
	} {
		if w.env[name+"_URL"], err = w.serve(ctx, handler); err != nil {
			return err
		}
	}
	return nil
}

// serve starts a server on a free port of 127.0.0.1 and returns its address.
func (w *World) serve(ctx context.Context, h http.Handler) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	w.servers = append(w.servers, s)
	w.wait.Go(func() { _ = s.Serve(l) }) // ends by Close, and then with the error that says so
	return "http://" + l.Addr().String(), nil
}

// Lookup is what ${NAME} in the root gateway.json means here.
func (w *World) Lookup(name string) (string, bool) {
	value, ok := w.env[name]
	return value, ok
}

// Close stops the world and returns when nothing of it is left.
func (w *World) Close() {
	w.Listener.Close()
	for _, s := range w.servers {
		_ = s.Close() // of listeners: nothing is left to do about it
	}
	w.wait.Wait()
}

// PortError is a port that cannot be had.
type PortError struct {
	Address string
	Err     error
}

func (e *PortError) Error() string {
	if errors.Is(e.Err, syscall.EADDRINUSE) {
		return fmt.Sprintf("%s is taken by another program; choose another port: demo --port N", e.Address)
	}
	return fmt.Sprintf("cannot listen on %s: %v; choose another port (--port) or address (--listen)", e.Address, e.Err)
}

func (e *PortError) Unwrap() error { return e.Err }

func listen(ctx context.Context, opt Options) (net.Listener, error) {
	address := opt.Listen
	if address == "" {
		address = "127.0.0.1"
	}
	if _, err := netip.ParseAddr(address); err != nil {
		return nil, fmt.Errorf("--listen %q: want an IP address such as 127.0.0.1, or 0.0.0.0 for all", address)
	}
	hostPort := net.JoinHostPort(address, strconv.Itoa(opt.Port))
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", hostPort)
	if err != nil {
		return nil, &PortError{Address: hostPort, Err: err}
	}
	return l, nil
}
