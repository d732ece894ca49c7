package endpoints

import (
	"bytes"
	"context"
	"slices"
	"time"

	"gatehouse/backends"
)

// shadow is a backend that gets a copy of each request and whose answer nobody gets.
type shadow struct {
	fetch   backends.Fetcher
	timeout time.Duration
}

// maxShadows bounds the copies under way of one endpoint; beyond it none are sent.
const maxShadows = 256

// cast asks shadows beside the real ask. They go on when the answer is out, until their own timeout.
func (e *Endpoint) cast(shadows []shadow, next ask) ask {
	under := make(chan struct{}, maxShadows)
	e.closers = append(e.closers, func() {
		for range maxShadows { // filled: nobody is under way any more
			under <- struct{}{}
		}
	})
	return func(ctx context.Context, x *Exchange, req *backends.Request) (*backends.Response, error) {
		for i := range shadows {
			select {
			case under <- struct{}{}:
				go shadows[i].ask(context.WithoutCancel(ctx), copyOf(req), under)
			default:
			}
		}
		return next(ctx, x, req)
	}
}

func (s *shadow) ask(ctx context.Context, req *backends.Request, under <-chan struct{}) {
	defer func() { <-under }()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	res, err := s.fetch.Fetch(ctx, req)
	if err != nil {
		closeFailure(err)
		return
	}
	res.Close()
}

// copyOf is a request that outlives its original. Its body was buffered, since there are several who get it.
func copyOf(req *backends.Request) *backends.Request {
	twin := *req
	twin.Params = slices.Clone(req.Params)
	twin.Header, twin.Forwarded, twin.Claims = slices.Clone(req.Header), slices.Clone(req.Forwarded), slices.Clone(req.Claims)
	twin.Body.Bytes = bytes.Clone(req.Body.Bytes)
	twin.Informational, twin.Upgrade = nil, ""
	return &twin
}
