package rawjson

// usual is how many values an index holds where nobody has asked for more: as many as a text of 10 MiB has with one in 8
// bytes. A node takes three times that, and those who attack by the size of an index write two bytes for each.
const usual = 10 << 20 / bytesPerValue

// bytesPerValue is what a text must have on average for each value that is looked into.
const bytesPerValue = 8

// valuesPerMember is how many values may be indexed for each member of the largest object: a member that is told from all
// others takes a multiple of a value.
const valuesPerMember = 5

// fewNodes are not worth a thought.
const fewNodes = 1 << 15

// bound is how many values an answer of size bytes at most may have where it is looked into.
func bound(size int64) int { return int(max(usual, min(size/bytesPerValue, firstTwig/2))) }

func (n *nesting) bound() int { return max(usual, n.most) }

// grown makes the list one longer and gives it room for what, going by the text up to i, is going to be in it or, if that
// was wrong, for what can be: a list that grows step by step is a multiple of itself in the end. nil: there are too many.
func grown(nodes []node, i, size int, nest *nesting) []node {
	n, most := len(nodes), nest.bound()
	if n < fewNodes {
		return append(nodes, node{})
	}
	if n >= most {
		return nil
	}
	want := min(n+(size-i)/2+2, most) // no value has less than a byte and a comma
	if n < 2*fewNodes {
		want = min(want, max(4*n, int(float64(n)/float64(i+1)*float64(size)*1.1)))
	}
	list := make([]node, n+1, max(want, n+1))
	copy(list, nodes)
	return list
}

// crowded reports whether an object, from a node on, has more members than are looked into.
func crowded(nodes []node, from int, nest *nesting) bool {
	most := nest.bound() / valuesPerMember
	if len(nodes)-from <= most {
		return false
	}
	for i := from; i < len(nodes); i++ {
		if n := &nodes[i]; n.kind == '{' && int(n.next)-i > most && members(nodes, i) > most {
			return true
		}
	}
	return false
}

// members is how many members a node has, doubled keys counted twice.
func members(nodes []node, at int) (count int) {
	for c := uint32(at) + 1; c < nodes[at].next; c = nodes[c].next {
		count++
	}
	return count
}
