package gateway

import (
	"net/http"
	"slices"
	"strings"

	"gatehouse/endpoints"
)

// tree holds the routes. At each segment it tries what is more specific first and comes back if that leads nowhere, so the
// most specific route that fits is always found, whatever the order of the file.
type tree struct{ root node }

type node struct {
	literal map[string]*node
	folded  map[string][]string // the spellings of literals, by them in lower case
	mixed   []*mixedNode        // the most specific first
	param   *node
	rest    []entry // what a wildcard here answers
	entries []entry // what a path that ends here answers
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
			list = &n.rest
			break
		}
		n = n.child(s)
		list = &n.entries
	}
	for _, m := range e.Matches {
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

func (n *node) child(s *endpoints.Segment) *node {
	switch s.Kind {
	case endpoints.Literal:
		return n.literalChild(s.Texts[0])
	case endpoints.Mixed:
		for _, m := range n.mixed {
			if slices.Equal(m.segment.Texts, s.Texts) {
				return &m.node
			}
		}
		m := &mixedNode{segment: *s}
		n.mixed = append(n.mixed, m)
		slices.SortStableFunc(n.mixed, func(a, b *mixedNode) int { return weight(b.segment) - weight(a.segment) })
		return &m.node
	}
	if n.param == nil {
		n.param = &node{}
	}
	return n.param
}

func (n *node) literalChild(text string) *node {
	if child := n.literal[text]; child != nil {
		return child
	}
	if n.literal == nil {
		n.literal, n.folded = map[string]*node{}, map[string][]string{}
	}
	child, folded := &node{}, strings.ToLower(text)
	n.literal[text] = child
	n.folded[folded] = append(n.folded[folded], text)
	return child
}

func weight(s endpoints.Segment) int { return len(strings.Join(s.Texts, "")) }

// search is one walk through the tree.
type search struct {
	method string
	r      *http.Request
	empty  bool     // a parameter may be empty, but for the last: it is found, and then refused with its reason
	fold   bool     // letters of routes count in any case; spelt is the path as the route has it
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
	depth := len(s.params)
	for _, m := range n.mixed {
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
	if n.param != nil && (segment != "" || more && s.empty) {
		s.params = append(s.params, segment)
		if e := n.param.onward(s, segment, rest, more); e != nil {
			return e
		}
		s.params = s.params[:depth]
	}
	if len(n.rest) > 0 && !strings.HasPrefix(path, "/") && !strings.Contains(path, "//") {
		if e := s.first(n.rest); e != nil {
			s.params = append(s.params, path)
			if s.fold {
				s.spelt = append(s.spelt, path)
			}
			return e
		}
	}
	return nil
}

func (n *node) literally(s *search, segment, rest string, more bool) *endpoints.Endpoint {
	if next := n.literal[segment]; next != nil {
		if e := next.onward(s, segment, rest, more); e != nil {
			return e
		}
	}
	if !s.fold {
		return nil
	}
	for _, text := range n.folded[strings.ToLower(segment)] { // paths are escaped: all letters are those of ASCII
		if text == segment {
			continue
		}
		if e := n.literal[text].onward(s, text, rest, more); e != nil {
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
