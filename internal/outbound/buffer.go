package outbound

import (
	"sync"
	"sync/atomic"
)

// Sizes of buffers. One holds a usual request, and then a usual answer: one write, one read.
const (
	smallBuffer = 4 << 10
	largeBuffer = 16 << 10
)

// buffer is pooled behind a pointer, so that putting it back costs nothing.
type buffer struct{ b []byte }

// buffers are of the size that an origin's answers need: every exchange that waits holds one, and there can be thousands.
type buffers struct {
	small, large sync.Pool
	roomy        atomic.Bool  // large ones are needed
	fitted       atomic.Int32 // how many answers in a row did not
}

// patience is how many small answers it takes to believe that they stay small.
const patience = 256

func (p *buffers) get() *buffer {
	pool, size := &p.small, smallBuffer
	if p.roomy.Load() {
		pool, size = &p.large, largeBuffer
	}
	if b, ok := pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, size)}
}

func (p *buffers) put(b *buffer) {
	switch len(b.b) {
	case smallBuffer:
		p.small.Put(b)
	case largeBuffer:
		p.large.Put(b)
	}
}

// learn takes note of how much came in one read.
func (p *buffers) learn(n int) {
	switch roomy := p.roomy.Load(); {
	case n >= smallBuffer:
		p.fitted.Store(0)
		p.roomy.Store(true)
	case roomy && p.fitted.Add(1) >= patience:
		p.roomy.Store(false)
	}
}
