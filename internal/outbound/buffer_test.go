package outbound

import "testing"

func TestBuffersFollowTheAnswers(t *testing.T) {
	var b buffers
	if n := len(b.get().b); n != smallBuffer {
		t.Errorf("begins with %d bytes, want %d", n, smallBuffer)
	}
	b.learn(smallBuffer)
	large := b.get()
	if len(large.b) != largeBuffer {
		t.Errorf("got %d bytes after an answer that filled the small one, want %d", len(large.b), largeBuffer)
	}
	for range patience - 1 {
		b.learn(100)
	}
	if len(b.get().b) != largeBuffer {
		t.Error("forgot large answers too soon")
	}
	b.learn(100)
	if n := len(b.get().b); n != smallBuffer {
		t.Errorf("got %d bytes after many small answers, want %d", n, smallBuffer)
	}
	b.put(large)
	b.put(&buffer{b: make([]byte, 3<<20)}) // an odd one, grown for a long head, is left to the collector
	b.roomy.Store(true)
	if n := len(b.get().b); n != largeBuffer {
		t.Errorf("got %d bytes, want %d", n, largeBuffer)
	}
}
