package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// route is the way to an origin: straight or by a proxy, with TLS or without.
type route struct {
	origin Origin
	opt    Options
	proxy  *proxy      // nil: straight
	tls    *tls.Config // of the origin; nil: plain
}

// proxy is an HTTP proxy (RFC 9110 9.3.6).
type proxy struct {
	origin Origin
	auth   string // the Proxy-Authorization value; "": none
}

// newRoute works the way out; protocols are offered in the handshake.
func newRoute(origin Origin, opt Options, protocols ...string) (*route, error) {
	r := &route{origin: origin, opt: opt}
	var err error
	if r.proxy, err = opt.proxyFor(origin); err != nil {
		return nil, err
	}
	if origin.Scheme == "https" {
		r.tls = clientTLS(opt.TLS, origin.Host)
		r.tls.NextProtos = protocols
	}
	return r, nil
}

func clientTLS(base *tls.Config, host string) *tls.Config {
	c := base.Clone()
	if c == nil {
		c = &tls.Config{}
	}
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if c.ClientSessionCache == nil {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(16)
	}
	return c
}

// proxyFor is the proxy that leads to origin, nil for none.
func (o Options) proxyFor(origin Origin) (*proxy, error) {
	var u *url.URL
	var err error
	switch o.Proxy {
	case "none":
		return nil, nil
	case "":
		to := &url.URL{Scheme: origin.Scheme, Host: origin.Address()}
		u, err = httpproxy.FromEnvironment().ProxyFunc()(to)
	default:
		u, err = url.Parse(o.Proxy)
	}
	if err != nil {
		return nil, fmt.Errorf("the proxy's URL cannot be parsed, want http://host:port")
	}
	if u == nil {
		return nil, nil
	}
	p := &proxy{}
	if p.origin, err = OriginOf(u); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		p.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	return p, nil
}

// dial opens a connection that is ready for requests to the origin.
func (r *route) dial(ctx context.Context) (net.Conn, error) {
	first := r.origin
	if r.proxy != nil {
		first = r.proxy.origin
	}
	nc, err := r.connect(ctx, first.Address())
	if err != nil || r.tls == nil && r.proxy == nil {
		return nc, err
	}
	shakes, cancel := context.WithTimeout(ctx, r.opt.HandshakeTimeout)
	defer cancel()
	secured, err := r.secure(shakes, nc)
	if err != nil {
		nc.Close()
		return nil, failHandshake(ctx, err, r.origin.Address())
	}
	return secured, nil
}

func (r *route) connect(ctx context.Context, address string) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, r.opt.ConnectTimeout)
	defer cancel()
	nc, err := r.opt.Dial(bounded, "tcp", address)
	if err != nil {
		return nil, failDial(ctx, err, address)
	}
	return nc, nil
}

// secure adds what lies between TCP and requests: TLS to the proxy, a tunnel through it, TLS to the origin.
func (r *route) secure(ctx context.Context, nc net.Conn) (net.Conn, error) {
	if r.proxy != nil && r.proxy.origin.Scheme == "https" {
		c := clientTLS(nil, r.proxy.origin.Host)
		if r.opt.TLS != nil {
			c.RootCAs = r.opt.TLS.RootCAs
		}
		var err error
		if nc, err = handshake(ctx, nc, c); err != nil {
			return nil, err
		}
	}
	if r.tls == nil {
		return nc, nil
	}
	if r.proxy != nil {
		if err := r.proxy.tunnel(ctx, nc, r.origin.Address()); err != nil {
			return nil, err
		}
	}
	return handshake(ctx, nc, r.tls)
}

func handshake(ctx context.Context, nc net.Conn, c *tls.Config) (net.Conn, error) {
	t := tls.Client(nc, c)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// tunnel asks the proxy to pass bytes on to address.
func (p *proxy) tunnel(ctx context.Context, nc net.Conn, address string) error {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(longAgo()) })
	defer stop()
	request := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if p.auth != "" {
		request += "Proxy-Authorization: " + p.auth + "\r\n"
	}
	if _, err := nc.Write([]byte(request + "\r\n")); err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	text, err := readTunnelHead(nc)
	if err != nil {
		return fmt.Errorf("the proxy's answer: %w", err)
	}
	var h head
	if err := h.parse(text, nil); err != nil {
		return err
	}
	if h.status/100 != 2 {
		return &Error{Reason: Refused, Err: fmt.Errorf("the proxy answered %d to CONNECT %s", h.status, address)}
	}
	return nil
}

// readTunnelHead reads byte by byte: what comes behind the head belongs to the tunnel.
func readTunnelHead(nc net.Conn) (string, error) {
	var text []byte
	var b [1]byte
	for len(text) < 16<<10 {
		if _, err := nc.Read(b[:]); err != nil {
			return "", err
		}
		text = append(text, b[0])
		if b[0] == '\n' && bytes.HasSuffix(text, []byte("\r\n\r\n")) {
			return string(text), nil
		}
	}
	return "", badReply("a head over 16 KiB")
}

// lines are what requests themselves tell the proxy: the target's prefix, and a field.
func (r *route) lines() (prefix, fixed string) {
	if r.proxy == nil || r.tls != nil {
		return "", ""
	}
	if r.proxy.auth != "" {
		fixed = "Proxy-Authorization: " + r.proxy.auth + "\r\n"
	}
	return r.origin.String(), fixed
}
