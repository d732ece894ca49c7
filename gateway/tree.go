package gateway

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"gatehouse/endpoints"
)

// tree holds the routes. At each segment it tries what is more specific first and comes back if that leads nowhere, so the
// most specific route that fits is always found, whatever the order of the file.
type tree struct {
	root   node
	always endpoints.Match // the condition of all endpoints that have none
}

// node is where a path has come to. Of thousands of routes hardly one is in the processor's caches when it is asked for, and
// each line of memory that is looked at costs as much as reading a header: so what most requests need is one line.
type node struct {
	name    string // the literal that leads here, if one does
	next    *node  // behind the only literal that leads on; nil: there is none, or there are several
	param   *node
	entries []entry  // what a path that ends here answers
	further *further // nil: nothing of it
}

// further is what few nodes have.
type further struct {
	literals *literals           // where they are several
	folded   map[string][]string // those with capitals, by them in lower case
	mixed    []*mixedNode        // the most specific first
	rest     []entry             // what a wildcard here answers
}

type mixedNode struct {
	segment endpoints.Segment
	node    node
}

// entry is one endpoint under one condition for one method. Entries are kept in the order in which they are asked.
type entry struct {
	method   string
	match    *endpoints.Match
	endpoint *endpoints.Endpoint
	implied  bool // HEAD, made of a GET
}

// add puts an endpoint in, once for each of its conditions.
func (t *tree) add(method string, e *endpoints.Endpoint) {
	n := &t.root
	list := &n.entries
	for i := range e.Route.Segments {
		s := &e.Route.Segments[i]
		if s.Kind == endpoints.Wildcard {
			list = &n.more().rest
			break
		}
		n = t.child(n, s)
		list = &n.entries
	}
	method = methods()[slices.Index(methods(), method)] // one text for all
	for _, m := range e.Matches {
		if m.Any() {
			m = &t.always
		}
		*list = append(*list, entry{method: method, match: m, endpoint: e, implied: method != e.Method})
	}
	slices.SortStableFunc(*list, func(a, b entry) int {
		if c := b.match.Compare(a.match); c != 0 || a.implied == b.implied {
			return c
		}
		if a.implied {
			return 1
		}
		return -1
	})
}

func (n *node) more() *further {
	if n.further == nil {
		n.further = &further{}
	}
	return n.further
}

func (t *tree) child(n *node, s *endpoints.Segment) *node {
	switch s.Kind {
	case endpoints.Literal:
		return t.literal(n, s.Texts[0])
	case endpoints.Mixed:
		f := n.more()
		for _, m := range f.mixed {
			if slices.Equal(m.segment.Texts, s.Texts) {
				return &m.node
			}
		}
		m := &mixedNode{segment: *s}
		f.mixed = append(f.mixed, m)
		slices.SortStableFunc(f.mixed, func(a, b *mixedNode) int { return weight(b.segment) - weight(a.segment) })
		return &m.node
	}
	if n.param == nil {
		n.param = &node{}
	}
	return n.param
}

// literal is where a literal leads from a node; the second one makes a table of them.
func (t *tree) literal(n *node, text string) *node {
	if child := n.behind(text); child != nil {
		return child
	}
	child := &node{name: text}
	if n.next == nil && (n.further == nil || n.further.literals == nil) {
		n.next = child
		return child
	}
	f := n.more()
	if f.literals == nil {
		f.literals, f.folded = &literals{}, map[string][]string{}
		f.put(n.next)
		n.next = nil
	}
	f.put(child)
	return child
}

func (f *further) put(child *node) {
	f.literals.put(child)
	if folded := strings.ToLower(child.name); folded != child.name {
		f.folded[folded] = append(f.folded[folded], child.name)
	}
}

// pack ends the building: names lie together from now on, equal ones once.
func (t *tree) pack() {
	texts := map[string]string{}
	t.root.each(func(n *node) { texts[n.name] = "" })
	all := slices.Sorted(maps.Keys(texts))
	one := strings.Join(all, "")
	for _, text := range all {
		texts[text], one = one[:len(text)], one[len(text):]
	}
	t.root.each(func(n *node) { n.name = texts[n.name] })
}

// each goes through a node and all behind it.
func (n *node) each(do func(*node)) {
	if n == nil {
		return
	}
	do(n)
	n.next.each(do)
	n.param.each(do)
	if n.further == nil {
		return
	}
	for _, m := range n.further.mixed {
		m.node.each(do)
	}
	if l := n.further.literals; l != nil {
		for _, child := range l.nodes {
			child.each(do)
		}
	}
}

// behind is the node behind a literal, nil if there is none.
func (n *node) behind(text string) *node {
	switch {
	case n.next != nil:
		if n.next.name == text {
			return n.next
		}
	case n.further != nil && n.further.literals != nil:
		return n.further.literals.find(text)
	}
	return nil
}

// spellings are the literals that differ from a text by the case of letters at most. Paths are escaped: all letters are
// those of ASCII.
func (n *node) spellings(text string) []string {
	switch {
	case n.next != nil:
		if strings.EqualFold(n.next.name, text) {
			return []string{n.next.name}
		}
	case n.further != nil && n.further.literals != nil:
		folded := strings.ToLower(text)
		list := n.further.folded[folded]
		if n.further.literals.find(folded) != nil {
			list = append([]string{folded}, list...)
		}
		return list
	}
	return nil
}

func weight(s endpoints.Segment) int { return len(strings.Join(s.Texts, "")) }

// search is one walk through the tree.
type search struct {
	method string
	r      *http.Request
	empty  bool     // a parameter may be empty, but for the last: it is found, and then refused with its reason
	fold   bool     // letters of routes count in any case; spelt is the path as the route has it
	wild   bool     // what was found is a wildcard
	params []string // what has been filled in so far
	spelt  []string // segments
}

// find is the endpoint of a path, nil if there is none.
func (t *tree) find(s *search, path string) *endpoints.Endpoint { return t.root.find(s, path[1:]) }

// find looks for a path without its leading slash.
func (n *node) find(s *search, path string) *endpoints.Endpoint {
	segment, rest, more := strings.Cut(path, "/")
	if e := n.literally(s, segment, rest, more); e != nil {
		return e
	}
	if e := n.mixture(s, segment, rest, more); e != nil {
		return e
	}
	depth := len(s.params)
	if n.param != nil && (segment != "" || more && s.empty) {
		s.params = append(s.params, segment)
		if e := n.param.onward(s, segment, rest, more); e != nil {
			return e
		}
		s.params = s.params[:depth]
	}
	if n.further == nil || len(n.further.rest) == 0 || strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return nil
	}
	e := s.first(n.further.rest)
	if e != nil {
		s.wild = true
		s.params = append(s.params, path)
		if s.fold {
			s.spelt = append(s.spelt, path)
		}
	}
	return e
}

// mixture goes on behind segments that are partly parameters.
func (n *node) mixture(s *search, segment, rest string, more bool) *endpoints.Endpoint {
	if n.further == nil {
		return nil
	}
	depth := len(s.params)
	for _, m := range n.further.mixed {
		var ok bool
		if s.params, ok = m.segment.Fits(s.params, segment, s.fold); ok {
			spelt := segment
			if s.fold {
				spelt = m.segment.Spelt(s.params[depth:])
			}
			if e := m.node.onward(s, spelt, rest, more); e != nil {
				return e
			}
		}
		s.params = s.params[:depth]
	}
	return nil
}

func (n *node) literally(s *search, segment, rest string, more bool) *endpoints.Endpoint {
	if next := n.behind(segment); next != nil {
		if e := next.onward(s, segment, rest, more); e != nil {
			return e
		}
	}
	if !s.fold {
		return nil
	}
	for _, text := range n.spellings(segment) {
		if text == segment {
			continue
		}
		if e := n.behind(text).onward(s, text, rest, more); e != nil {
			return e
		}
	}
	return nil
}

// onward goes on behind a segment that fitted.
func (n *node) onward(s *search, spelt, rest string, more bool) *endpoints.Endpoint {
	depth := len(s.spelt)
	if s.fold {
		s.spelt = append(s.spelt, spelt)
	}
	var e *endpoints.Endpoint
	if more {
		e = n.find(s, rest)
	} else {
		e = s.first(n.entries)
	}
	if e == nil {
		s.spelt = s.spelt[:depth]
	}
	return e
}

func (s *search) first(list []entry) *endpoints.Endpoint {
	for i := range list {
		if list[i].method == s.method && list[i].match.Holds(s.r) {
			return list[i].endpoint
		}
	}
	return nil
}
