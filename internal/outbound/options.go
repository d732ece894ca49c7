package outbound

import (
	"net"
	"time"
)

// Options are the settings of a client. The zero value is a careful default.
type Options struct {
	Dial DialFunc // opens connections; nil: a Dialer of the settings below

	ConnectTimeout time.Duration // to open a connection; 0: 10 s
	KeepAlive      time.Duration // between TCP probes; 0: 15 s; negative: none
	FallbackDelay  time.Duration // before the other address family is tried too; 0: 300 ms; negative: never
	HeadTimeout    time.Duration // from the end of the request to the head of the answer; 0: whenever the context says

	MaxIdle     int           // idle connections kept; 0: 250; negative: none, every connection serves one request
	IdleTimeout time.Duration // how long an idle one is kept; 0: 90 s
	MaxAge      time.Duration // after which a connection is not used again; 0: no limit
	MaxOpen     int           // connections at a time; 0: no limit
	MaxWait     time.Duration // how long to wait for one of MaxOpen before Busy; 0: not at all
	MaxWaiting  int           // callers that may wait; 0: as many as MaxOpen

	MaxHead int // bytes of the head of an answer; 0: 1 MiB
}

func (o Options) withDefaults() Options {
	o.ConnectTimeout = orDefault(o.ConnectTimeout, 10*time.Second)
	o.KeepAlive = orDefault(o.KeepAlive, 15*time.Second)
	o.IdleTimeout = orDefault(o.IdleTimeout, 90*time.Second)
	o.MaxIdle = orDefault(o.MaxIdle, 250)
	o.MaxWaiting = orDefault(o.MaxWaiting, o.MaxOpen)
	o.MaxHead = orDefault(o.MaxHead, 1<<20)
	if o.Dial == nil {
		d := &net.Dialer{KeepAlive: o.KeepAlive, FallbackDelay: o.FallbackDelay}
		o.Dial = d.DialContext
	}
	return o
}

func orDefault[T int | time.Duration](v, other T) T {
	if v == 0 {
		return other
	}
	return v
}
