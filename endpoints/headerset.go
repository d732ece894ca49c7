package endpoints

// HeaderSet is a set of header names whose spellings count as one (see [FoldHeader]). The zero set is empty; nil too.
type HeaderSet struct {
	folded  map[string]bool
	lengths uint64 // bit n: a name of n bytes is in it; the last one stands for all longer ones
}

// Add puts a name in.
func (s *HeaderSet) Add(name string) {
	if s.folded == nil {
		s.folded = map[string]bool{}
	}
	s.folded[FoldHeader(name)] = true
	s.lengths |= 1 << min(len(name), 63)
}

// Empty reports whether no name is in it.
func (s *HeaderSet) Empty() bool { return s == nil || len(s.folded) == 0 }

// Has reports whether a name is in it, in whatever spelling. Most names are seen not to be by their length.
func (s *HeaderSet) Has(name string) bool {
	if s == nil || s.lengths&(1<<min(len(name), 63)) == 0 {
		return false
	}
	var room [64]byte
	return s.folded[string(appendFolded(room[:0], name))]
}

// FoldHeader makes the spellings of a header name one: case, and "_" for "-". The other signs that a name may have are
// taken for "-" too, since servers exist that make one variable of all of them.
func FoldHeader(name string) string { return string(appendFolded(nil, name)) }

func appendFolded(dst []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		default:
			c = '-'
		}
		dst = append(dst, c)
	}
	return dst
}
