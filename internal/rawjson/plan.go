package rawjson

import (
	"errors"
	"slices"
)

// Spec says what a Plan does, in this order (krakend.md 2.6): collection, target, then flatmap if there is any, else allow
// (or deny) and mapping, then group. Paths are split at dots by the caller.
type Spec struct {
	Collection string     // a top-level array becomes {Collection: [...]}; "": an array is a mistake of the part
	Target     []string   // go down to this object; missing or not an object: {}
	Allow      [][]string // keep only these; objects only, never into arrays
	Deny       [][]string // drop these; ignored where Allow is not empty
	Mapping    [][2]string
	Group      string
	Flatmap    []Op
}

// Op is one flatmap operation: move, del or append; Args are dotted paths with * and indices, split.
type Op struct {
	Type string
	Args [][]string
}

// Plan is a compiled Spec; it is safe for concurrent use.
type Plan struct {
	array   bool   // a top-level array is taken
	wrapped []byte // the key that it gets; nil if the plan drops it
	target  []string
	filter  *branch // of allow or deny; nil: neither
	allow   bool
	rename  *renames // nil: none
	flat    []operation
	group   []byte // quoted
	depth   int
}

// What Apply says of a value that cannot be shaped.
var (
	errKind  = errors.New("not an object, want one")
	errDepth = errors.New("edits have made this more than 1024 deep")
)

// Compile builds a plan; what can never work is a mistake. All mistakes are reported.
func Compile(s Spec) (*Plan, error) {
	if s.nothing() {
		return &nothing, nil
	}
	p := &Plan{target: s.Target, depth: 1}
	if len(s.Target) == 1 && s.Target[0] == "" {
		p.target = nil
	}
	var mistakes []error
	if len(s.Flatmap) > 0 {
		p.flat, p.depth, mistakes = compileFlatmap(s.Flatmap)
	} else {
		p.allow = len(s.Allow) > 0
		paths, name := s.Deny, "deny"
		if p.allow {
			paths, name = s.Allow, "allow"
		}
		var deep int
		var err error
		if p.filter, deep, err = compilePaths(paths, name); err != nil {
			mistakes = append(mistakes, err)
		}
		p.depth = max(p.depth, deep)
		if p.rename, err = compileMapping(s.Mapping); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if s.Group != "" {
		p.group = quoted(s.Group)
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	p.depth += len(p.target)
	p.compileCollection(s.Collection)
	return p, nil
}

// nothing is the plan of most backends; it never changes.
var nothing = Plan{depth: 1}

func (s *Spec) nothing() bool {
	return s.Collection == "" && len(s.Target)+len(s.Allow)+len(s.Deny)+len(s.Mapping)+len(s.Flatmap) == 0 && s.Group == ""
}

// compileCollection works out what becomes of {name: [...]}: nothing in it depends on the array, but for flatmap.
func (p *Plan) compileCollection(name string) {
	if name == "" {
		return
	}
	p.array = true
	if len(p.target) > 0 {
		return
	}
	if p.filter != nil {
		at := p.filter.find([]byte(name))
		whole := at >= 0 && p.filter.below[at] == nil
		if p.allow && !whole || !p.allow && whole {
			return
		}
	}
	if p.rename != nil {
		if at := p.rename.from.find([]byte(name)); at >= 0 {
			p.wrapped = p.rename.keys[p.rename.to[at]]
			return
		}
	}
	p.wrapped = quoted(name)
}

// Depth is how deep Parse must index for Apply, 0 if it need not. With less Apply has to look again. Members, and so Merge,
// want 1 at least.
func (p *Plan) Depth() int {
	if p.shapeless() && len(p.flat) == 0 {
		return 0
	}
	return p.depth
}

// Nothing reports whether the plan changes no object.
func (p *Plan) Nothing() bool { return p.shapeless() && len(p.flat) == 0 && p.group == nil }

// shapeless reports whether the plan needs no index.
func (p *Plan) shapeless() bool { return len(p.target) == 0 && p.filter == nil && p.rename == nil }

// Apply edits v in place. Errors: a value that is not an object (nor a collection where one is wanted).
func (p *Plan) Apply(v *Value) error {
	switch {
	case v.kind == '{':
		if err := p.shape(v); err != nil {
			return err
		}
	case v.kind == '[' && p.array:
		v.members = v.members[:0]
		if p.wrapped != nil {
			v.members = append(v.members, Member{p.wrapped, v.raw})
		}
		v.become()
		v.escaped = p.wrapped != nil
	default:
		return errKind
	}
	if len(p.flat) > 0 {
		if err := v.flatten(p.flat, p.depth-len(p.target)); err != nil {
			return err
		}
	}
	if p.group != nil {
		whole := v.whole()
		v.members = append(v.members[:0], Member{p.group, whole})
		v.become()
		v.escaped = true
	}
	return nil
}

// shape goes to the target, filters and renames.
func (p *Plan) shape(v *Value) error {
	if p.shapeless() {
		return nil
	}
	if v.edited {
		v.raw, v.edited = v.whole(), false
	}
	if err := v.index(p.depth); err != nil {
		return err
	}
	for _, key := range p.target {
		at := step(v.src, v.nodes, v.root, key)
		if at < 0 || v.nodes[at].kind != '{' {
			v.members = v.members[:0]
			v.become()
			return nil
		}
		v.setRoot(at)
		v.depth--
	}
	changed := false
	if p.filter != nil {
		if p.filter.deep() {
			v.reserve(len(v.raw))
		}
		changed = v.filter(p.filter, p.allow)
	} else if p.rename != nil {
		changed = v.list()
	}
	if p.rename != nil && p.rename.apply(v) || changed {
		escaped := v.escaped
		v.become()
		v.escaped = escaped
	}
	return nil
}

// quoted is a key for many values: nobody can append to it.
func quoted(name string) []byte { return slices.Clip(AppendString(nil, name)) }
