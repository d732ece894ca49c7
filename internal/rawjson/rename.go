package rawjson

import (
	"errors"
	"fmt"
	"strings"
)

// renames is a compiled mapping. All of it happens at once, so names can be swapped.
type renames struct {
	from *branch  // old names
	to   []int    // for each old name: which of keys
	into *branch  // new names
	keys [][]byte // the same, quoted
}

// compileMapping takes pairs of old and new name. An old name is a key of the object itself, dots and all; a new name
// ends at its first dot, as in KrakenD. Of several old names with one new name the last that is there wins.
func compileMapping(pairs [][2]string) (*renames, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	r := &renames{from: &branch{}, into: &branch{}}
	var mistakes []error
	for _, pair := range pairs {
		name, _, _ := strings.Cut(pair[1], ".")
		if name == "" {
			mistakes = append(mistakes, fmt.Errorf("mapping %q: the new name %q is empty up to its first dot, want a name", pair[0], pair[1]))
			continue
		}
		if r.from.find([]byte(pair[0])) >= 0 {
			mistakes = append(mistakes, fmt.Errorf("mapping %q: given twice, want one new name", pair[0]))
			continue
		}
		r.from.add(pair[0])
		id := r.into.find([]byte(name))
		if id < 0 {
			id = r.into.add(name)
			r.keys = append(r.keys, quoted(name))
		}
		r.to = append(r.to, id)
	}
	return r, errors.Join(mistakes...)
}

// apply renames v's members in place and reports whether it did. A member that had the new name already goes.
func (r *renames) apply(v *Value) bool {
	// On the stack: for each new name the member that gets it, then for each member which old name it has; all plus one.
	base := len(v.rows)
	for range r.keys {
		v.rows = append(v.rows, 0)
	}
	pairs := len(v.rows)
	renamed := false
	for i := range v.members {
		at := r.from.findRaw(v.members[i].Key, v.escaped)
		v.rows = append(v.rows, uint32(at+1))
		if at < 0 {
			continue
		}
		renamed = true
		if winner := &v.rows[base+r.to[at]]; *winner == 0 || int(v.rows[pairs+int(*winner)-1]) <= at {
			*winner = uint32(i + 1)
		}
	}
	if renamed {
		kept := v.members[:0]
		for i, m := range v.members {
			if at := int(v.rows[pairs+i]) - 1; at >= 0 {
				if v.rows[base+r.to[at]] != uint32(i+1) {
					continue
				}
				m.Key = r.keys[r.to[at]]
			} else if id := r.into.findRaw(m.Key, v.escaped); id >= 0 && v.rows[base+id] != 0 {
				continue
			}
			kept = append(kept, m)
		}
		v.members = kept
		v.escaped = true
	}
	v.rows = v.rows[:base]
	return renamed
}
