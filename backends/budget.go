package backends

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	budgetWindow = 10 * time.Second
	budgetShare  = 10  // one request in so many may be sent twice
	budgetFloor  = 100 // and so many in a window besides: ten a second, where requests are few
)

// budget keeps requests that are sent twice to a tenth of all, so that retries never make an overload worse.
type budget struct {
	requests atomic.Int64 // in this window

	mu     sync.Mutex
	began  time.Time
	before int64 // requests of the window before
	spent  int64 // in this window
}

// asked counts a request.
func (b *budget) asked() { b.requests.Add(1) }

// spend takes one repetition out of the budget.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if age := time.Since(b.began); age >= budgetWindow {
		b.before, b.spent = b.requests.Swap(0), 0
		if age >= 2*budgetWindow && !b.began.IsZero() {
			b.before = 0 // what was counted since is older than a window
		}
		b.began = time.Now()
	}
	if b.spent >= budgetFloor+(b.before+b.requests.Load())/budgetShare {
		return false
	}
	b.spent++
	return true
}
