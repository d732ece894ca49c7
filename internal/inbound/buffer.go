package inbound

import "sync"

// buffer is memory of one connection for as long as it needs it; an idle one has none.
type buffer struct{ b []byte }

const (
	pieceOfHead = 4 << 10
	pieceOfOut  = 4 << 10
	keepBuffer  = 64 << 10 // larger ones are the collector's
)

func take(p *sync.Pool, size int) *buffer {
	if b, ok := p.Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, size)}
}

func give(p *sync.Pool, b *buffer) {
	if cap(b.b) <= keepBuffer {
		b.b = b.b[:cap(b.b)]
		p.Put(b)
	}
}
