package rawjson

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// keyIs reports whether a quoted key says name.
func keyIs(raw []byte, escaped bool, name string) bool {
	if escaped && bytes.IndexByte(raw, '\\') >= 0 {
		var room [64]byte
		return string(unescape(room[:0], raw[1:len(raw)-1])) == name
	}
	return len(raw) == len(name)+2 && string(raw[1:len(raw)-1]) == name
}

// few is how many keys are compared one by one; more are hashed.
const few = 48

// keySet tells new keys from those that were there. Memory is kept.
type keySet struct {
	said  [][]byte  // what each key says: a slice of the text, or decoded
	seen  [4]uint64 // one bit for a rough hash: most new keys are told from all others by it
	table []uint32  // open addressing, number of the key + 1; empty while there are few
	room  []byte    // decoded keys
	seed  maphash.Seed
	made  bool // seed
	most  int  // how many keys are expected
}

func (s *keySet) reset() {
	s.clear()
	s.said, s.table, s.room = kept(s.said, 1<<15), kept(s.table, 1<<18), kept(s.room, 1<<20)
}

// clear forgets the keys.
func (s *keySet) clear() {
	clear(s.said)
	s.said, s.table, s.room, s.most = s.said[:0], s.table[:0], s.room[:0], 0
	s.seen = [4]uint64{}
}

// expect makes room for n more keys.
func (s *keySet) expect(n int) {
	s.said = slices.Grow(s.said, n)
	s.most = max(s.most, len(s.said)+n)
}

// put takes a quoted key, which has a backslash only if it may be escaped, and says the how manyth it is and whether it
// is new.
func (s *keySet) put(raw []byte, escaped bool) (int, bool) {
	key := raw[1 : len(raw)-1]
	if escaped && bytes.IndexByte(key, '\\') >= 0 {
		mark := len(s.room)
		s.room = unescape(s.room, key)
		key = s.room[mark:len(s.room):len(s.room)]
	}
	n := len(s.said)
	if n >= few {
		return s.putMany(key)
	}
	rough := uint(len(key))
	if len(key) > 0 {
		rough = rough*7 + uint(key[0])*31 + uint(key[len(key)/2])*61 + uint(key[len(key)-1])*17
	}
	word, bit := &s.seen[rough>>6&3], uint64(1)<<(rough&63)
	if *word&bit != 0 {
		for i, k := range s.said {
			if bytes.Equal(k, key) {
				return i, false
			}
		}
	}
	*word |= bit
	s.said = append(s.said, key)
	return n, true
}

func (s *keySet) putMany(key []byte) (int, bool) {
	if len(s.table) < 2*(len(s.said)+1) {
		s.grow()
	}
	at := s.slot(key)
	if s.table[at] != 0 {
		return int(s.table[at]) - 1, false
	}
	s.said = append(s.said, key)
	s.table[at] = uint32(len(s.said))
	return len(s.said) - 1, true
}

// slot is where a key is in the table, or would be.
func (s *keySet) slot(key []byte) int {
	mask := len(s.table) - 1
	at := int(maphash.Bytes(s.seed, key)) & mask
	for s.table[at] != 0 && !bytes.Equal(s.said[s.table[at]-1], key) {
		at = (at + 1) & mask
	}
	return at
}

// grow makes the table a power of two, four times the keys at least, or twice what is expected.
func (s *keySet) grow() {
	if !s.made {
		s.seed, s.made = maphash.MakeSeed(), true
	}
	size := 256
	for size < max(4*(len(s.said)+1), 2*(s.most+1)) {
		size *= 2
	}
	if cap(s.table) < size {
		s.table = make([]uint32, size)
	}
	s.table = s.table[:size]
	clear(s.table)
	for i, k := range s.said {
		s.table[s.slot(k)] = uint32(i) + 1
	}
}
