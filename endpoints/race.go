package endpoints

import (
	"context"

	"gatehouse/backends"
)

// race asks the same backend n times at once and takes the first complete answer; the others are cancelled. Without a
// complete one the first that came is taken, without any the first failure.
func race(n int, fetch backends.Fetcher) backends.Fetcher {
	if n < 2 {
		return fetch
	}
	return backends.FetchFunc(func(ctx context.Context, req *backends.Request) (*backends.Response, error) {
		stop := make([]context.CancelFunc, n)
		done := make(chan int, n)
		slots := make([]slot, n)
		for i := range n {
			var own context.Context
			own, stop[i] = context.WithCancel(ctx)
			go func() {
				slots[i].ask(own, fetch, req)
				done <- i
			}()
		}
		best := -1
		for range n {
			i := <-done
			if best < 0 || slots[i].better(&slots[best]) {
				best = i
			}
			if s := &slots[best]; s.err == nil && s.res.Complete {
				for j := range stop {
					if j != best {
						stop[j]()
					}
				}
			}
		}
		return settle(slots, stop, best)
	})
}

func (s *slot) better(than *slot) bool {
	if s.err != nil || than.err == nil && than.res.Complete {
		return false
	}
	return than.err != nil || s.res.Complete
}

// settle keeps the best answer and gives back the others.
func settle(slots []slot, stop []context.CancelFunc, best int) (*backends.Response, error) {
	for i := range slots {
		if i == best {
			continue
		}
		stop[i]()
		if slots[i].err == nil {
			slots[i].res.Close()
		} else {
			closeFailure(slots[i].err)
		}
	}
	winner := slots[best]
	if winner.err != nil {
		stop[best]()
		return nil, winner.err
	}
	winner.res.OnClose(stop[best])
	return winner.res, nil
}
