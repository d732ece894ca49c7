package endpoints

import (
	"context"
	"errors"
	"sync"

	"gatehouse/backends"
	"gatehouse/internal/rawjson"
)

// ask fetches the whole answer of an endpoint and takes down in x how its parts fared.
type ask func(ctx context.Context, x *Exchange, req *backends.Request) (*backends.Response, error)

// part is one backend of an endpoint.
type part struct {
	fetch    backends.Fetcher
	required bool
}

// AllFailed is what several backends say when none of them has an answer.
type AllFailed struct{ Failures []*backends.Failure }

func (a *AllFailed) Error() string { return errors.Join(a.errors()...).Error() }

func (a *AllFailed) errors() (list []error) {
	for _, f := range a.Failures {
		list = append(list, f)
	}
	return list
}

// merge makes one fetch of many: all at once, each written to its own slot, united in declared order, so that the answer
// is the same whoever is slow (krakend.md 2.7). It returns when the last of them has.
func merge(parts []part, mode rawjson.Mode) ask {
	if len(parts) == 0 {
		return nil // a mistake that has been told
	}
	if len(parts) == 1 {
		fetch := parts[0].fetch
		return func(ctx context.Context, x *Exchange, req *backends.Request) (*backends.Response, error) {
			return alone(ctx, x, fetch, req)
		}
	}
	return func(ctx context.Context, x *Exchange, req *backends.Request) (*backends.Response, error) {
		slots := make([]slot, len(parts))
		var wg sync.WaitGroup
		for i := 1; i < len(parts); i++ {
			wg.Go(func() { slots[i].ask(ctx, parts[i].fetch, req) })
		}
		slots[0].ask(ctx, parts[0].fetch, req)
		wg.Wait()
		return unite(ctx, x, parts, slots, mode)
	}
}

// alone asks the only backend.
func alone(ctx context.Context, x *Exchange, fetch backends.Fetcher, req *backends.Request) (*backends.Response, error) {
	x.Parts = 1
	res, err := fetch.Fetch(ctx, req)
	if err != nil {
		x.Failed = 1
	}
	return res, err
}

// slot is where one part is written.
type slot struct {
	res *backends.Response
	err error
}

func (s *slot) ask(ctx context.Context, fetch backends.Fetcher, req *backends.Request) {
	s.res, s.err = fetch.Fetch(ctx, req)
}

// unite makes the whole of the parts.
func unite(ctx context.Context, x *Exchange, parts []part, slots []slot, mode rawjson.Mode) (*backends.Response, error) {
	whole := backends.NewResponse()
	whole.Status, whole.Complete = 200, true
	values := make([]*rawjson.Value, 0, len(slots))
	var lost []*backends.Failure
	var needed error
	for i := range slots {
		if s := &slots[i]; s.err != nil {
			f := s.failure()
			x.tally(f)
			lost = append(lost, f)
			whole.Complete = false
			gone := f.Reason == backends.ReasonCanceled && ctx.Err() != nil // nobody is there for the others
			if needed == nil && (parts[i].required || gone) {
				needed = f
			}
		} else {
			whole.Adopt(s.res)
			whole.Complete = whole.Complete && s.res.Complete
			values = append(values, &s.res.Body)
		}
	}
	x.Parts = len(slots)
	switch {
	case len(lost) == len(slots):
		whole.Close()
		return nil, &AllFailed{lost}
	case needed != nil:
		whole.Close()
		return nil, needed
	}
	if err := rawjson.Merge(&whole.Body, values, mode); err != nil {
		whole.Close()
		return nil, backends.BadBody(err)
	}
	return whole, nil
}

// failure is the slot's error as a Failure; an answer that came with it is of no use in a merge.
func (s *slot) failure() *backends.Failure {
	var f *backends.Failure
	if !errors.As(s.err, &f) {
		f = &backends.Failure{Reason: backends.ReasonReset, Err: s.err}
	}
	f.Response.Close()
	f.Response = nil
	return f
}
