package rawjson

// maxDepth is how many objects and arrays may stand inside each other in what Parse takes; maxNest (a power of two)
// leaves room for what plans put around it.
const (
	maxDepth = 512
	maxNest  = 1024
)

// nesting is scan's stack: for each container that is open its node and, in the lowest bit, whether it is an array. It is
// also how many nodes there may be; 0 is usual.
type nesting struct {
	stack [maxNest]uint32
	most  int
}

// maxLen keeps offsets in 32 bits.
const maxLen = 1<<32 - 1

// node is one indexed value: where its key and its bytes are in the text.
type node struct {
	key, keyEnd uint32 // with quotes; both 0 for an element or the whole text
	at, end     uint32
	next        uint32 // the node after this one and everything in it
	kind        byte   // as Value.Kind
	escaped     bool   // the key has a backslash
	open        bool   // its members or elements are the nodes up to next
	state       uint8  // in a tree
}

// scan validates one JSON text and appends to nodes what is not deeper than want: the value itself (0), then, in the
// order of the text, every value in it. What is deeper it leaves to skip. limit is how deep the text may be; nest is room
// for the containers that are open.
//
// It is one function with labels, against the rule of short functions: each step falls into the likeliest next one, and
// a call for each token would cost as much as the token.
func scan(data []byte, want, limit int, nodes []node, nest *nesting) ([]node, int, fault) {
	var (
		i, at, level int
		key, keyEnd  int
		escaped      bool
		closer       byte // of the innermost container
		kind         byte
	)

value:
	if i >= len(data) {
		return nodes, i, tooShort
	}
	kind = data[i]
	if kind <= ' ' {
		if i = space(data, i); i >= len(data) {
			return nodes, i, tooShort
		}
		kind = data[i]
	}
	at = i
	switch {
	case kind == '"':
		i++
		for {
			if i+8 > len(data) {
				goto slowString
			}
			if m := special(word(data, i)); m != 0 {
				if i += lowest(m); data[i] != '"' {
					goto slowString
				}
				i++
				goto complete
			}
			i += 8
		}
	slowString:
		end, bad := str(data, i)
		if bad != 0 {
			return nodes, end, bad
		}
		i = end

	case kind-'0' <= 9 || kind == '-':
		kind = '0'
		end, bad := number(data, i)
		if bad != 0 {
			return nodes, end, bad
		}
		i = end

	case level >= want && (kind == '{' || kind == '['):
		end, bad := skip(data, i, limit-level)
		if bad != 0 {
			return nodes, end, bad
		}
		i = end

	case kind == '{':
		if level == limit {
			return nodes, i, tooDeep
		}
		if len(nodes) < cap(nodes) {
			nodes = nodes[:len(nodes)+1]
		} else if nodes = grown(nodes, i, len(data), nest); nodes == nil {
			return nil, i, tooMany
		}
		n := &nodes[len(nodes)-1] // what it was before is still in it: fields are set one by one, which is quicker than a copy
		n.key, n.keyEnd, n.at = uint32(key), uint32(keyEnd), uint32(at)
		n.kind, n.escaped, n.open = '{', escaped, true
		nest.stack[level&(maxNest-1)] = uint32(len(nodes)) << 1
		level++
		closer = '}'
		i++
		if i < len(data) && data[i] == '"' {
			goto member
		}
		if i = space(data, i); i < len(data) && data[i] == '}' {
			goto closed
		}
		goto member

	case kind == '[':
		if level == limit {
			return nodes, i, tooDeep
		}
		if len(nodes) < cap(nodes) {
			nodes = nodes[:len(nodes)+1]
		} else if nodes = grown(nodes, i, len(data), nest); nodes == nil {
			return nil, i, tooMany
		}
		n := &nodes[len(nodes)-1] // what it was before is still in it: fields are set one by one, which is quicker than a copy
		n.key, n.keyEnd, n.at = uint32(key), uint32(keyEnd), uint32(at)
		n.kind, n.escaped, n.open = '[', escaped, true
		nest.stack[level&(maxNest-1)] = uint32(len(nodes))<<1 | 1
		level++
		closer = ']'
		key, keyEnd, escaped = 0, 0, false
		i++
		if i = space(data, i); i < len(data) && data[i] == ']' {
			goto closed
		}
		goto value

	default:
		end, bad := literal(data, i)
		if bad != 0 {
			return nodes, end, bad
		}
		i = end
	}

complete:
	if len(nodes) < cap(nodes) {
		nodes = nodes[:len(nodes)+1]
	} else if nodes = grown(nodes, i, len(data), nest); nodes == nil {
		return nil, i, tooMany
	}
	{
		n := &nodes[len(nodes)-1]
		n.key, n.keyEnd, n.at, n.end, n.next = uint32(key), uint32(keyEnd), uint32(at), uint32(i), uint32(len(nodes))
		n.kind, n.escaped, n.open = kind, escaped, false
	}

after:
	if level == 0 {
		if i = space(data, i); i < len(data) {
			return nodes, i, tooLong
		}
		return nodes, i, 0
	}
	if i >= len(data) {
		return nodes, i, tooShort
	}
	if data[i] <= ' ' {
		if i = space(data, i); i >= len(data) {
			return nodes, i, tooShort
		}
	}
	if data[i] == ',' {
		i++
		if closer == ']' {
			goto value
		}
		goto member
	}
	if data[i] != closer {
		return nodes, i, noComma
	}

closed:
	i++
	level--
	{
		n := &nodes[nest.stack[level&(maxNest-1)]>>1-1]
		n.end, n.next = uint32(i), uint32(len(nodes))
	}
	if level > 0 {
		closer = '}'
		if nest.stack[(level-1)&(maxNest-1)]&1 != 0 {
			closer = ']'
			key, keyEnd, escaped = 0, 0, false
		}
	}
	goto after

member:
	if i < len(data) && data[i] <= ' ' {
		i = space(data, i)
	}
	if i >= len(data) {
		return nodes, i, tooShort
	}
	if data[i] != '"' {
		return nodes, i, noKey
	}
	key, escaped = i, false
	i++
	for {
		if i+8 > len(data) {
			goto slowKey
		}
		if m := special(word(data, i)); m != 0 {
			if i += lowest(m); data[i] != '"' {
				goto slowKey
			}
			i++
			goto colon
		}
		i += 8
	}
slowKey:
	{
		end, bad := str(data, i)
		if bad != 0 {
			return nodes, end, bad
		}
		for _, c := range data[i:end] {
			if c == '\\' {
				escaped = true
				break
			}
		}
		i = end
	}

colon:
	keyEnd = i
	if i < len(data) && data[i] <= ' ' {
		i = space(data, i)
	}
	if i >= len(data) {
		return nodes, i, tooShort
	}
	if data[i] != ':' {
		return nodes, i, noColon
	}
	i++
	goto value
}

// space is the first byte at or after i that is not white space.
func space(data []byte, i int) int {
	for i < len(data) {
		switch data[i] {
		case ' ':
			if i+8 <= len(data) {
				i += blanks(word(data, i))
				continue
			}
			i++
		case '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
	return i
}

// str goes on with a string at i, somewhere inside it, and returns where it is behind its closing quote.
func str(data []byte, i int) (int, fault) {
	for i < len(data) {
		if i+8 <= len(data) {
			m := special(word(data, i))
			if i += lowest(m); m == 0 {
				continue
			}
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1, 0
		case c < ' ':
			return i, rawControl
		case c == '\\':
			n := escape(data[i:])
			if n == 0 {
				return i, badEscape
			}
			i += n
		default:
			i++
		}
	}
	return i, tooShort
}

// escape is the length of the escape that s begins with, 0 if it is none.
func escape(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s); ok {
			return 6
		}
	}
	return 0
}

// number returns the end of the number that begins at i.
func number(data []byte, i int) (int, fault) {
	if data[i] == '-' {
		i++
	}
	first := i
	if i = run(data, i); i == first {
		return i, badNumber
	}
	if data[first] == '0' && i > first+1 {
		return first + 1, badNumber
	}
	if i < len(data) && data[i] == '.' {
		first = i + 1
		if i = run(data, first); i == first {
			return i, badNumber
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		first = i
		if i = run(data, first); i == first {
			return i, badNumber
		}
	}
	return i, 0
}

// run is the first byte at or after i that is not a digit.
func run(data []byte, i int) int {
	for i+8 <= len(data) {
		n := digits(word(data, i))
		if i += n; n < 8 {
			return i
		}
	}
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

// literal returns the end of the true, false or null that begins at i.
func literal(data []byte, i int) (int, fault) {
	rest := data[i:]
	switch {
	case len(rest) >= 4 && string(rest[:4]) == "true", len(rest) >= 4 && string(rest[:4]) == "null":
		return i + 4, 0
	case len(rest) >= 5 && string(rest[:5]) == "false":
		return i + 5, 0
	}
	return i, noValue
}
