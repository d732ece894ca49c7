package rawjson

import "slices"

// tree is a value taken apart where operations need it. Its items are the nodes of the value's index, each with a link, and
// those that operations make. Many values are many items: an item has as few bytes as it can, what nobody looks into has
// no more than its node, and no list grows step by step.
//
// Offsets in nodes go on behind the text of the value: there is what operations bring. Memory is kept.
type tree struct {
	v     *Value
	depth int    // how deep to index what is not
	over  error  // something could not be looked into
	top   uint32 // the item of the whole value
	work  int    // steps of the operation that runs, from sibling to sibling

	links []link  // of the value's nodes
	slabs []*slab // made items
	made  int

	base  uint32 // where own begins
	own   []byte
	null  span   // in own, once it is needed
	names []span // of the operation that runs

	found []uint32
}

// link says where an item is. Children are there once it is opened.
type link struct{ up, first, next uint32 }

// twig is an item that is not in the value's index.
type twig struct {
	node
	link
}

// slab is a piece of memory for twigs: what has been made never moves.
type slab [256]twig

// Items from here on are twigs.
const firstTwig = 1 << 31

// nobody is no item.
const nobody = 1<<32 - 1

// What an item has become.
const (
	opened  = 1 << iota // its children are linked
	changed             // it, or something in it, is not as it came
	gone                // it has no place; an element that is deleted keeps its own, for those behind it keep their numbers
	tailed              // its node's next is its last child
)

// stepsPerValue bounds how many items one operation passes on its way to what it looks for: for each value that may be
// there as many as a large record has. Lists that are gone through for each of many others would take minutes.
const stepsPerValue = 64

func (t *tree) reset() {
	t.v, t.over, t.made, t.work, t.null = nil, nil, 0, 0, span{}
	t.links, t.found, t.own = kept(t.links, 1<<15), kept(t.found, 1<<17), kept(t.own, 1<<17)
	if len(t.slabs) > 64 {
		t.slabs = nil
	}
}

// grow makes the value, which is indexed, the top.
func (t *tree) grow() {
	v := t.v
	t.base, t.top = uint32(len(v.src)), uint32(v.root)
	t.links = slices.Grow(t.links[:0], len(v.nodes))[:len(v.nodes)]
	t.links[t.top] = link{nobody, nobody, nobody}
	v.nodes[t.top].state = 0
	t.open(t.top)
}

func (t *tree) node(at uint32) *node {
	if at < firstTwig {
		return &t.v.nodes[at]
	}
	at -= firstTwig
	return &t.slabs[at/uint32(len(slab{}))][at%uint32(len(slab{}))].node
}

func (t *tree) link(at uint32) *link {
	if at < firstTwig {
		return &t.links[at]
	}
	at -= firstTwig
	return &t.slabs[at/uint32(len(slab{}))][at%uint32(len(slab{}))].link
}

func (t *tree) is(at uint32, state uint8) bool { return t.node(at).state&state != 0 }

// bytes are a piece of the text.
func (t *tree) bytes(at, end uint32) []byte {
	if at < t.base {
		return t.v.src[at:end:end]
	}
	return t.own[at-t.base : end-t.base : end-t.base]
}

func (t *tree) key(at uint32) []byte {
	n := t.node(at)
	return t.bytes(n.key, n.keyEnd)
}

// span is a piece of the text.
type span struct{ at, end uint32 }

// bring adds a key to the text.
func (t *tree) bring(key []byte) span {
	at := uint64(t.base) + uint64(len(t.own))
	if at+uint64(len(key)) > maxLen {
		t.fail(&SyntaxError{fault: tooBig})
		return span{t.base, t.base}
	}
	t.own = append(t.own, key...)
	return span{uint32(at), uint32(at) + uint32(len(key))}
}

// make is an empty object or array that was not there.
func (t *tree) make(key span, kind byte) uint32 {
	if t.made+len(t.v.nodes) >= t.v.nest.bound() {
		t.fail(&SyntaxError{fault: tooMany})
	}
	if t.made == len(t.slabs)*len(slab{}) {
		t.slabs = append(t.slabs, new(slab))
	}
	at := firstTwig + uint32(t.made)
	t.made++
	*t.node(at) = node{key: key.at, keyEnd: key.end, kind: kind, state: opened | changed | gone}
	*t.link(at) = link{nobody, nobody, nobody}
	return at
}

func (t *tree) fail(err error) {
	if t.over == nil {
		t.over = err
	}
}

// step counts a step and says whether there may be more of them.
func (t *tree) step() bool {
	if t.work++; t.work > stepsPerValue*t.v.nest.bound() {
		t.fail(&SyntaxError{fault: tooMany})
		return false
	}
	return true
}

// open links what is in an item.
func (t *tree) open(at uint32) {
	n := t.node(at)
	if n.state&opened != 0 || n.kind != '{' && n.kind != '[' {
		return
	}
	n.state |= opened
	object := n.kind == '{'
	first, last := t.indexed(at)
	if first == last {
		return
	}
	if object {
		t.openObject(at, first, last)
		return
	}
	for c := first; c < last; {
		n := &t.v.nodes[c]
		n.state = 0
		t.links[c] = link{at, nobody, n.next}
		if n.next >= last {
			t.links[c].next = nobody
		}
		c = n.next
	}
	t.link(at).first = first
}

// openObject links members, each key once: where it stood first, with its last value.
func (t *tree) openObject(at, first, last uint32) {
	v := t.v
	v.keys.clear()
	mark := len(v.rows)
	if last-first > fewNodes {
		count := 0
		for c := first; c < last; c = v.nodes[c].next {
			count++
		}
		v.rows = slices.Grow(v.rows, count)
		v.keys.expect(count)
	}
	doubled := false
	for c := first; c < last; c = v.nodes[c].next {
		n := &v.nodes[c]
		n.state = 0
		if i, fresh := v.keys.put(t.bytes(n.key, n.keyEnd), n.escaped); !fresh {
			known := &v.nodes[v.rows[mark+i]]
			n.key, n.keyEnd, n.escaped = known.key, known.keyEnd, known.escaped
			v.rows[mark+i], doubled = c, true
			continue
		}
		v.rows = append(v.rows, c)
	}
	next := uint32(nobody)
	for i := len(v.rows) - 1; i >= mark; i-- {
		c := v.rows[i]
		t.links[c] = link{at, nobody, next}
		next = c
	}
	t.link(at).first = next
	v.rows = v.rows[:mark]
	if doubled {
		t.touch(at)
	}
}

// indexed sees to it that an object or array is indexed, and says which nodes are in it.
func (t *tree) indexed(at uint32) (first, last uint32) {
	v, n := t.v, t.node(at)
	if at < firstTwig && n.open {
		return at + 1, n.next
	}
	base, from := n.at, len(v.nodes)
	t.reserve(int(n.end-n.at)/2 + 2)
	nodes, end, bad := scan(t.bytes(n.at, n.end), t.depth, maxNest, v.nodes, &v.nest)
	if bad == 0 && (crowded(nodes, from, &v.nest) || len(nodes)+t.made > v.nest.bound()) {
		bad = tooMany
	}
	if bad != 0 {
		t.fail(bad.reedited(end))
		return 0, 0
	}
	for i := from; i < len(nodes); i++ {
		n := &nodes[i]
		n.at, n.end = n.at+base, n.end+base
		if n.keyEnd > 0 {
			n.key, n.keyEnd = n.key+base, n.keyEnd+base
		}
	}
	v.nodes = nodes
	if more := len(nodes) - len(t.links); more > cap(t.links)-len(t.links) {
		t.links = slices.Grow(t.links, max(more, cap(nodes)-len(t.links)))
	}
	t.links = t.links[:len(nodes)]
	return uint32(from) + 1, uint32(len(nodes))
}

// reserve makes room for n nodes. One text that is looked into may be one of very many.
func (t *tree) reserve(n int) {
	list := t.v.nodes
	if len(list) < fewNodes || n > fewNodes || cap(list)-len(list) >= n {
		return
	}
	want := min(4*len(list), t.v.nest.bound(), len(list)+int(t.base)/2) // no value has less than two bytes
	t.v.nodes = append(make([]node, 0, max(want, len(list))), list...)
}

// first is the first child of an item that is opened.
func (t *tree) first(at uint32) uint32 { return t.there(t.link(at).first) }

// after is the next child.
func (t *tree) after(c uint32) uint32 { return t.there(t.link(c).next) }

func (t *tree) there(c uint32) uint32 {
	for c != nobody && t.is(c, gone) {
		c = t.link(c).next
	}
	return c
}

// child is the member or element of that name, nobody if there is none.
func (t *tree) child(at uint32, name string) uint32 {
	t.open(at)
	c := t.link(at).first
	if t.node(at).kind == '[' {
		number, ok := position(name)
		if !ok {
			return nobody
		}
		for ; c != nobody && number > 0 && t.step(); number-- {
			c = t.link(c).next
		}
		if c != nobody && t.is(c, gone) {
			return nobody
		}
		return c
	}
	for ; c != nobody && t.step(); c = t.link(c).next {
		if n := t.node(c); n.state&gone == 0 && keyIs(t.bytes(n.key, n.keyEnd), true, name) {
			return c
		}
	}
	return nobody
}

// match is all that a path leads to, in order; * is every child.
func (t *tree) match(path []string) []uint32 {
	t.found = append(t.found[:0], t.top)
	for _, name := range path {
		above := len(t.found)
		for i := range above {
			at := t.found[i]
			if name != "*" {
				if c := t.child(at, name); c != nobody {
					t.find(c)
				}
				continue
			}
			t.open(at)
			for c := t.first(at); c != nobody; c = t.after(c) {
				t.find(c)
			}
		}
		t.found = t.found[:copy(t.found, t.found[above:])]
	}
	return t.found
}

func (t *tree) find(c uint32) {
	if len(t.found) == cap(t.found) && len(t.found) >= fewNodes {
		t.found = slices.Grow(t.found, len(t.v.nodes)+t.made) // no path leads to more
	}
	t.found = append(t.found, c)
}
