package gateway

import "hash/maphash"

// literals is where the literals of a node lead: a table with open addressing. A map of thousands of routes has a request
// read three lines of memory that nobody has read lately, one after the other, to find a node; here they are the node alone,
// since slots and names are small and lie together.
type literals struct {
	seed  maphash.Seed
	slots []uint64 // the upper half of a hash, and the place in nodes counted from 1; 0: free
	nodes []*node
}

// find is the node of a literal, nil if there is none.
func (l *literals) find(text string) *node {
	hash, mask := maphash.String(l.seed, text), uint64(len(l.slots)-1)
	for at := hash & mask; l.slots[at] != 0; at = (at + 1) & mask {
		if slot := l.slots[at]; slot>>32 == hash>>32 {
			if n := l.nodes[uint32(slot)-1]; n.name == text {
				return n
			}
		}
	}
	return nil
}

// put adds a node whose name is not there yet.
func (l *literals) put(n *node) {
	l.nodes = append(l.nodes, n)
	if len(l.nodes)*4 <= len(l.slots)*3 {
		l.place(len(l.nodes))
		return
	}
	if l.slots == nil {
		l.seed = maphash.MakeSeed()
	}
	l.slots = make([]uint64, max(8, 2*len(l.slots)))
	for i := range l.nodes {
		l.place(i + 1)
	}
}

// place puts a node, by its place counted from 1, into the first slot that is free.
func (l *literals) place(i int) {
	hash, mask := maphash.String(l.seed, l.nodes[i-1].name), uint64(len(l.slots)-1)
	at := hash & mask
	for l.slots[at] != 0 {
		at = (at + 1) & mask
	}
	l.slots[at] = hash>>32<<32 | uint64(i)
}
