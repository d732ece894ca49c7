package outbound

import (
	"crypto/tls"
	"errors"
	"net/url"
	"time"
)

// Options are the settings of a client. The zero value is a careful default.
type Options struct {
	Dial     DialFunc  // opens connections, to a proxy too; nil: the settings below
	Resolver *Resolver // looks names up; nil: the system, at every dial. Not asked where Dial is set

	ConnectTimeout   time.Duration // to open a connection; 0: 10 s
	HandshakeTimeout time.Duration // for TLS, and for a proxy to agree; 0: 10 s
	KeepAlive        time.Duration // between TCP probes; 0: 15 s; negative: none
	FallbackDelay    time.Duration // before the other address family is tried too; 0: 300 ms; negative: never
	HeadTimeout      time.Duration // from the end of the request to the head of the answer; 0: whenever the context says

	MaxIdle     int           // idle connections kept; 0: 250, and for a second or two as many as were in use; negative: none, every connection serves one request
	IdleTimeout time.Duration // how long an idle one is kept; 0: 90 s
	MaxAge      time.Duration // after which a connection is not used again; 0: no limit
	MaxOpen     int           // connections at a time; 0: no limit
	MaxWait     time.Duration // how long to wait for one of MaxOpen before Busy; 0: not at all
	MaxWaiting  int           // callers that may wait; 0: as many as MaxOpen, and 100 at least, since requests come in bursts

	MaxHead int // bytes of the head of an answer; 0: 1 MiB

	TLS      *tls.Config // of https origins; nil: Go's defaults, TLS 1.2 at least. ServerName: the origin's host unless set
	Protocol Protocol
	Proxy    string // "http://user:password@host:port" or https; "": HTTP_PROXY, HTTPS_PROXY and NO_PROXY; "none": no proxy
}

// Protocol is the version of HTTP to speak.
type Protocol string

// The protocols.
const (
	Auto  Protocol = ""      // https: HTTP/2 if the origin offers it, else HTTP/1.1; http: HTTP/1.1
	HTTP1 Protocol = "http1" // HTTP/1.1
	HTTP2 Protocol = "http2" // HTTP/2 and nothing else; over http by prior knowledge (h2c)
)

func (o Options) withDefaults() Options {
	o.ConnectTimeout = orDefault(o.ConnectTimeout, 10*time.Second)
	o.HandshakeTimeout = orDefault(o.HandshakeTimeout, 10*time.Second)
	o.KeepAlive = orDefault(o.KeepAlive, 15*time.Second)
	o.FallbackDelay = orDefault(o.FallbackDelay, 300*time.Millisecond)
	o.IdleTimeout = orDefault(o.IdleTimeout, 90*time.Second)
	o.MaxIdle = orDefault(o.MaxIdle, 250)
	o.MaxWaiting = orDefault(o.MaxWaiting, max(o.MaxOpen, 100))
	o.MaxHead = orDefault(o.MaxHead, 1<<20)
	if o.Dial == nil {
		o.Dial = o.system()
	}
	return o
}

func orDefault[T int | time.Duration](v, other T) T {
	if v == 0 {
		return other
	}
	return v
}

// Through leads connections through a proxy: a URL, "none" for none at all, or "" for what the environment says.
func (o *Options) Through(proxy string) error {
	if proxy == "" {
		return nil
	}
	if u, err := url.Parse(proxy); proxy != "none" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("want http://host:port or https://host:port, or \"none\"")
	}
	o.Proxy = proxy
	return nil
}
