package rawjson

import (
	"strconv"
	"unicode/utf8"
)

// ParseStrict is Parse for what must not be read in two ways, such as a token: it refuses keys that stand twice in an
// object at any depth, bytes that are not UTF-8, and more than depth containers inside each other. All of it is indexed.
func (v *Value) ParseStrict(data []byte, depth int) error {
	if err := v.parse(data, min(depth, maxDepth), min(depth, maxDepth), 0); err != nil {
		return err
	}
	if !utf8.Valid(data) {
		v.Reset()
		return &SyntaxError{Offset: badUTF8(data), fault: notUTF8}
	}
	for i := range v.nodes {
		if v.nodes[i].kind != '{' {
			continue
		}
		v.keys.reset()
		last := v.nodes[i].next
		for c := uint32(i) + 1; c < last; c = v.nodes[c].next {
			n := &v.nodes[c]
			if _, fresh := v.keys.put(data[n.key:n.keyEnd], n.escaped); !fresh {
				err := &DoubledError{Offset: int(n.key), Key: string(data[n.key:n.keyEnd])}
				v.Reset()
				return err
			}
		}
	}
	return nil
}

// CheckStrict is ParseStrict for one who only wants to know.
func CheckStrict(data []byte, depth int) error { return new(Value).ParseStrict(data, depth) }

// DoubledError is a key that stands twice in one object: where the second one is, and the key as it is spelt there.
type DoubledError struct {
	Offset int
	Key    string
}

func (e *DoubledError) Error() string {
	return "byte " + strconv.Itoa(e.Offset) + ": the key " + e.Key + " stands twice, want it once"
}

// badUTF8 is the offset of the first byte that is not UTF-8.
func badUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(data)
}
