package endpoints

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gatehouse/backends"
)

// Path is the pattern of a route, between its slashes. The more specific of two that fit a request wins: they are compared
// segment by segment from the left, and text comes before text with a parameter, that before a parameter, and that before
// a wildcard.
type Path struct {
	Text     string
	Segments []Segment
	Names    []string // of the parameters, by position; the wildcard is the last one
	Wild     bool     // the last segment stands for all the rest
}

// Kind is what a segment of a pattern is; greater is more specific.
type Kind uint8

// The kinds.
const (
	Wildcard Kind = iota // /{name...} or /*: all that follows, slashes too
	Param                // {name}
	Mixed                // text with parameters in it: {name}.json
	Literal
)

// Segment is one part of a pattern.
type Segment struct {
	Kind  Kind
	Texts []string // Literal: itself; Mixed: what stands before, between and behind its parameters. Spelt as in [NormalPath]
}

// Rest is the name of the wildcard of a pattern that ends in "/*".
const Rest = "*"

// ParsePath reads a pattern such as "/users/{id}/files/{path...}". With loose, parameters may stand anywhere in a segment.
func ParsePath(text string, loose bool) (*Path, error) {
	p := &Path{Text: text}
	parts := strings.Split(strings.TrimPrefix(text, "/"), "/")
	for i, part := range parts {
		if part == "" && i < len(parts)-1 {
			return nil, errors.New("has an empty segment: nobody can ask for it, since slashes in a row are one")
		}
		s, names, err := parseSegment(part, loose, i == len(parts)-1)
		if err != nil {
			return nil, fmt.Errorf("segment %q: %w", part, err)
		}
		for _, name := range names {
			if slices.Contains(p.Names, name) {
				return nil, fmt.Errorf("parameter {%s} stands twice", name)
			}
			p.Names = append(p.Names, name)
		}
		p.Segments = append(p.Segments, s)
		p.Wild = s.Kind == Wildcard
	}
	return p, nil
}

func parseSegment(text string, loose, last bool) (s Segment, names []string, err error) {
	if text == "." || text == ".." {
		return s, nil, errors.New("nobody can ask for it: dot segments are refused")
	}
	if i := escapeIn(text); i >= 0 {
		return s, nil, fmt.Errorf("has the escape %s, which would be three characters, want what it stands for", text[i:i+3])
	}
	if name := strings.TrimPrefix(text, ":"); name != text && name != "" && !strings.ContainsFunc(name, notInName) {
		return s, nil, fmt.Errorf("would be text and no parameter, want {%s}", name) // gin's spelling, which KrakenD lets through
	}
	if text == Rest {
		text = "{" + Rest + "...}"
	}
	for rest := text; ; {
		before, after, ok := strings.Cut(rest, "{")
		if strings.ContainsAny(before, "}?#*\\") {
			return s, nil, errors.New(`the characters }?#*\ mean something else; a wildcard is the last segment, "/*" or "/{name...}"`)
		}
		s.Texts = append(s.Texts, normalLiteral(before))
		if !ok {
			break
		}
		name, behind, ok := strings.Cut(after, "}")
		if !ok {
			return s, nil, errors.New("has a { without a }")
		}
		names = append(names, name)
		rest = behind
	}
	if err := s.classify(names, loose, last); err != nil {
		return s, nil, err
	}
	if s.Kind == Wildcard {
		names[0] = strings.TrimSuffix(names[0], "...")
	}
	return s, names, checkNames(names)
}

// escapeIn is where a percent escape stands, or -1.
func escapeIn(s string) int {
	for i := 0; i+2 < len(s); i++ {
		if s[i] == '%' && strings.Trim(s[i+1:i+3], "0123456789abcdefABCDEF") == "" {
			return i
		}
	}
	return -1
}

func (s *Segment) classify(names []string, loose, last bool) error {
	wild := slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, "...") })
	switch alone := len(names) == 1 && s.Texts[0] == "" && s.Texts[1] == ""; {
	case len(names) == 0:
		s.Kind = Literal
	case wild && !(alone && last):
		return errors.New("a wildcard stands alone in the last segment")
	case wild:
		s.Kind, s.Texts = Wildcard, nil
	case alone:
		s.Kind, s.Texts = Param, nil
	case !loose:
		return errors.New("a parameter stands alone between slashes, as {name}, unless the service says \"disable_rest\": true")
	case slices.Contains(s.Texts[1:len(s.Texts)-1], ""):
		return errors.New("two parameters need some text between them")
	default:
		s.Kind = Mixed
	}
	return nil
}

func checkNames(names []string) error {
	for _, name := range names {
		if name != Rest && (name == "" || strings.ContainsFunc(name, notInName)) {
			return fmt.Errorf("got parameter {%s}, want a name of letters, digits, _ - . or :", name)
		}
	}
	return nil
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-.:", r))
}

// extend gives backends what the unnamed wildcard "/*" stands for: it follows the path of a url_pattern that does not say
// {*} itself; a "/*" at its end says the same.
func (p *Path) extend(list []backends.Config) []backends.Config {
	if !p.Wild || p.Names[len(p.Names)-1] != Rest {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		path, query, ok := strings.Cut(list[i].URLPattern, "?")
		if !strings.Contains(path, "{"+Rest+"}") {
			path = strings.TrimSuffix(strings.TrimSuffix(path, "/*"), "/") + "/{" + Rest + "}"
		}
		if list[i].URLPattern = path; ok {
			list[i].URLPattern += "?" + query
		}
	}
	return list
}

// Compare tells which of two patterns is more specific: positive, p is. 0: neither; they may still fit the same requests.
func (p *Path) Compare(q *Path) int {
	for i := range min(len(p.Segments), len(q.Segments)) {
		if c := p.Segments[i].compare(&q.Segments[i]); c != 0 {
			return c
		}
	}
	return len(p.Segments) - len(q.Segments)
}

func (s *Segment) compare(t *Segment) int {
	if s.Kind != t.Kind || s.Kind != Mixed {
		return int(s.Kind) - int(t.Kind)
	}
	return s.textLen() - t.textLen()
}

func (s *Segment) textLen() (n int) {
	for _, t := range s.Texts {
		n += len(t)
	}
	return n
}

// Both is a path that two patterns fit which neither is more specific than the other; "" if there is none.
func (p *Path) Both(q *Path) string {
	if len(p.Segments) != len(q.Segments) || p.Compare(q) != 0 {
		return ""
	}
	var example strings.Builder
	next := 0
	for i := range p.Segments {
		s, t := &p.Segments[i], &q.Segments[i]
		example.WriteByte('/')
		switch s.Kind {
		case Literal:
			if s.Texts[0] != t.Texts[0] {
				return ""
			}
			example.WriteString(s.Texts[0])
		case Mixed:
			both, ok := s.both(t)
			if !ok {
				return ""
			}
			example.WriteString(both)
			next += len(s.Texts) - 1
		default:
			example.WriteString(exampleOf(p.Names[next]))
			next++
		}
	}
	return example.String()
}

func exampleOf(name string) string {
	if name == Rest {
		return "a/b"
	}
	return name
}

// both is the shortest text that two mixed segments fit.
func (s *Segment) both(t *Segment) (string, bool) {
	type at struct{ a, b int }
	a, b := s.steps(), t.steps()
	seen := map[at]bool{{}: true}
	queue, found := []at{{}}, []string{""}
	for k := 0; k < len(queue); k++ {
		if queue[k].a == len(a) && queue[k].b == len(b) {
			return found[k], true
		}
		for _, c := range alphabet(a, b) {
			for _, i := range advance(a, queue[k].a, c) {
				for _, j := range advance(b, queue[k].b, c) {
					if n := (at{i, j}); !seen[n] {
						seen[n] = true
						queue, found = append(queue, n), append(found, found[k]+string(c))
					}
				}
			}
		}
	}
	return "", false
}

// steps writes a mixed segment as bytes to be met one by one; 0 is a parameter: any byte, once or more often.
func (s *Segment) steps() (steps []byte) {
	for i, t := range s.Texts {
		if i > 0 {
			steps = append(steps, 0)
		}
		steps = append(steps, t...)
	}
	return steps
}

func alphabet(a, b []byte) []byte {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(c byte) bool { return c == 0 })
	return append([]byte{'x'}, all...)
}

// advance is where a step may lead with c: on, or, in a parameter, also back to it.
func advance(steps []byte, i int, c byte) []int {
	switch {
	case i == len(steps):
		return nil
	case steps[i] == 0:
		return []int{i + 1, i}
	case steps[i] == c:
		return []int{i + 1}
	}
	return nil
}

// Fits appends the values of a mixed segment's parameters if text fits it: each is as short as it can be, none is empty.
func (s *Segment) Fits(dst []string, text string, fold bool) ([]string, bool) {
	first, last := s.Texts[0], s.Texts[len(s.Texts)-1]
	if len(text) < s.textLen()+len(s.Texts)-1 || !equal(text[:len(first)], first, fold) || !equal(text[len(text)-len(last):], last, fold) {
		return dst, false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, between := range s.Texts[1 : len(s.Texts)-1] {
		i := 1
		for ; ; i++ {
			if i+len(between) >= len(text) {
				return dst, false
			}
			if equal(text[i:i+len(between)], between, fold) {
				break
			}
		}
		dst = append(dst, text[:i])
		text = text[i+len(between):]
	}
	return append(dst, text), text != ""
}

// Spelt is a mixed segment with its parameters filled in.
func (s *Segment) Spelt(values []string) string {
	var b strings.Builder
	for i, text := range s.Texts {
		if i > 0 {
			b.WriteString(values[i-1])
		}
		b.WriteString(text)
	}
	return b.String()
}

func equal(a, b string, fold bool) bool { return a == b || fold && strings.EqualFold(a, b) }

// normalLiteral spells text of a pattern as requests do.
func normalLiteral(s string) string {
	return NormalEscapes((&url.URL{Path: "/" + s}).EscapedPath()[1:])
}

// NormalEscapes gives an escaped path one spelling: what a segment may have as it is unescaped, escapes in upper case (RFC
// 3986 6.2.2). Beyond the unreserved bytes that is more than the RFC calls the same, but KrakenD routes by what a path says.
func NormalEscapes(path string) string {
	if strings.IndexByte(path, '%') < 0 {
		return path
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			out = append(out, path[i])
			continue
		}
		if c := unhex(path[i+1])<<4 | unhex(path[i+2]); standsForItself(c) {
			out = append(out, c)
		} else {
			out = append(out, strings.ToUpper(path[i:i+3])...)
		}
		i += 2
	}
	return string(out)
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// standsForItself reports whether servers take a byte of a path as it is: those of a segment (RFC 3986 3.3), and brackets,
// which net/url lets pass.
func standsForItself(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c < 0x80 && strings.IndexByte("-._~!$&'()*+,;=:@[]", c) >= 0
}
