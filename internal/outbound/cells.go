package outbound

import (
	"maps"
	"slices"
	"sync"
)

// Cells shares cells by what they hold: the same key, the same cell. The zero value is ready.
type Cells[K comparable, T any] struct {
	mu    sync.Mutex
	cells map[K]*Cell[T]
}

// Get is the cell of a key with one more reference, made from options if there is none. Close it when done.
func (cs *Cells[K, T]) Get(key K, options func() CellOptions[T]) *Cell[T] {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.cells[key]; c != nil && c.retainLive() {
		return c
	}
	return cs.add(key, options())
}

// Hold is the cell of a key for as long as cs is open: for those who never know when they are done with it.
func (cs *Cells[K, T]) Hold(key K, options func() CellOptions[T]) *Cell[T] {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.cells[key]; c != nil {
		return c
	}
	return cs.add(key, options())
}

func (cs *Cells[K, T]) add(key K, opt CellOptions[T]) *Cell[T] {
	c := NewCell(opt)
	c.removed = func() { cs.remove(key, c) }
	if cs.cells == nil {
		cs.cells = make(map[K]*Cell[T])
	}
	cs.cells[key] = c
	return c
}

// Close drops one reference of every cell.
func (cs *Cells[K, T]) Close() error {
	cs.mu.Lock()
	cells := slices.Collect(maps.Values(cs.cells))
	cs.mu.Unlock()
	for _, c := range cells {
		_ = c.Close()
	}
	return nil
}

func (cs *Cells[K, T]) remove(key K, c *Cell[T]) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.cells[key] == c {
		delete(cs.cells, key)
	}
}

// Len is how many cells there are.
func (cs *Cells[K, T]) Len() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.cells)
}

// retainLive adds a reference unless the last one is gone.
func (c *Cell[T]) retainLive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refs == 0 {
		return false
	}
	c.refs++
	return true
}

// Retain adds a reference.
func (c *Cell[T]) Retain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refs++
}

// Close drops a reference. The last one ends the fetches that run, everybody's waiting and the background; a value that
// still lives can be read on.
func (c *Cell[T]) Close() error {
	c.mu.Lock()
	c.refs = max(0, c.refs-1)
	last := c.refs == 0 && c.ctx.Err() == nil
	if last {
		c.cancel()
		if c.timer != nil {
			c.timer.Stop()
		}
		c.wake()
	}
	removed := c.removed
	c.mu.Unlock()
	if last && removed != nil {
		removed()
	}
	return nil
}
