package lua

import (
	"errors"
	"fmt"
	"strings"
)

// matcher looks for a Lua pattern (reference manual 5.4.1) in a text. The library's own looks for as long as it takes: a
// pattern such as ".-.-.-x" over a long text of a client's would keep a processor for hours. This one counts its steps.
type matcher struct {
	src, pat string
	allowed  *allowance
	captures []capture
	depth    int
	err      error
}

// capture is a part of the text, or what stands in the place of its length.
type capture struct{ start, length int }

const (
	unfinished  = -1
	position    = -2
	maxCaptures = 32
	maxNesting  = 200
)

var (
	errEnded   = errors.New("the pattern took too long")
	errMissing = errors.New("malformed pattern (ends with '%')")
	errSet     = errors.New("malformed pattern (missing ']')")
	errComplex = errors.New("pattern too complex")
)

func (m *matcher) fail(err error) int {
	if m.err == nil {
		m.err = err
	}
	return -1
}

// at is the end of a match that begins at s, -1 if there is none.
func (m *matcher) at(s int) int {
	m.captures, m.depth = m.captures[:0], 0
	p := 0
	if strings.HasPrefix(m.pat, "^") {
		p = 1
	}
	return m.match(s, p)
}

// match follows the pattern from p over the text from s.
func (m *matcher) match(s, p int) int {
	if m.depth++; m.depth > maxNesting {
		return m.fail(errComplex)
	}
	defer func() { m.depth-- }()
	for p < len(m.pat) {
		if m.allowed.over() {
			return m.fail(errEnded)
		}
		switch end, next, special := m.special(s, p); {
		case special && next < 0:
			return end
		case special:
			s, p = end, next
			continue
		}
		ep := m.itemEnd(p)
		if ep < 0 {
			return -1
		}
		if ep < len(m.pat) {
			switch m.pat[ep] {
			case '?':
				if m.single(s, p, ep) {
					if end := m.match(s+1, ep+1); end >= 0 || m.err != nil {
						return end
					}
				}
				p = ep + 1
				continue
			case '*':
				return m.most(s, p, ep)
			case '+':
				if !m.single(s, p, ep) {
					return -1
				}
				return m.most(s+1, p, ep)
			case '-':
				return m.least(s, p, ep)
			}
		}
		if !m.single(s, p, ep) {
			return -1
		}
		s, p = s+1, ep
	}
	return s
}

// special handles what is no class of characters. A next of -1 says that end is the outcome.
func (m *matcher) special(s, p int) (end, next int, special bool) {
	switch m.pat[p] {
	case '(':
		if p+1 < len(m.pat) && m.pat[p+1] == ')' {
			return m.open(s, p+2, position), -1, true
		}
		return m.open(s, p+1, unfinished), -1, true
	case ')':
		return m.close(s, p+1), -1, true
	case '$':
		if p+1 == len(m.pat) {
			if s == len(m.src) {
				return s, -1, true
			}
			return -1, -1, true
		}
	case '%':
		return m.escape(s, p)
	}
	return 0, 0, false
}

func (m *matcher) escape(s, p int) (end, next int, special bool) {
	if p+1 == len(m.pat) {
		return m.fail(errMissing), -1, true
	}
	switch c := m.pat[p+1]; {
	case c == 'b':
		end, next = m.balance(s, p+2), p+4
	case c == 'f':
		end, next = m.frontier(s, p+2)
	case '0' <= c && c <= '9':
		end, next = m.again(s, c), p+2
	default:
		return 0, 0, false
	}
	if end < 0 {
		next = -1
	}
	return end, next, true
}

// itemEnd is where the class of one character that begins at p ends.
func (m *matcher) itemEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p == len(m.pat) {
			return m.fail(errMissing)
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p < len(m.pat) && m.pat[p] != ']'; first = false {
			if p == len(m.pat) {
				return m.fail(errSet)
			}
			if m.pat[p] == '%' {
				p++
			}
			p++
		}
		if p >= len(m.pat) {
			return m.fail(errSet)
		}
		return p + 1
	}
	return p
}

// single reports whether the character at s is one of the class between p and ep.
func (m *matcher) single(s, p, ep int) bool {
	if s >= len(m.src) {
		return false
	}
	c := m.src[s]
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return ofClass(c, m.pat[p+1])
	case '[':
		return ofSet(c, m.pat[p+1:ep-1])
	}
	return m.pat[p] == c
}

// ofSet judges by what stands between brackets.
func ofSet(c byte, set string) bool {
	within := true
	if strings.HasPrefix(set, "^") {
		within, set = false, set[1:]
	}
	for i := 0; i < len(set); i++ {
		switch {
		case set[i] == '%' && i+1 < len(set):
			i++
			if ofClass(c, set[i]) {
				return within
			}
		case i+2 < len(set) && set[i+1] == '-':
			if set[i] <= c && c <= set[i+2] {
				return within
			}
			i += 2
		case set[i] == c:
			return within
		}
	}
	return !within
}

// ofClass judges by a letter: %a and the like; in upper case it means the others.
func ofClass(c, class byte) bool {
	var is bool
	lower, digit := c|0x20, '0' <= c && c <= '9'
	letter := 'a' <= lower && lower <= 'z'
	switch class | 0x20 {
	case 'a':
		is = letter
	case 'c':
		is = c < ' ' || c == 0x7f
	case 'd':
		is = digit
	case 'l':
		is = letter && c == lower
	case 'p':
		is = c > ' ' && c < 0x7f && !letter && !digit
	case 's':
		is = c == ' ' || '\t' <= c && c <= '\r'
	case 'u':
		is = letter && c != lower
	case 'w':
		is = letter || digit
	case 'x':
		is = digit || 'a' <= lower && lower <= 'f'
	case 'z':
		is = c == 0
	default:
		return class == c
	}
	if class < 'A' || class > 'z' || class > 'Z' && class < 'a' {
		return class == c
	}
	return is != (class < 'a')
}

// most takes as many characters as fit, then fewer.
func (m *matcher) most(s, p, ep int) int {
	n := 0
	for m.single(s+n, p, ep) {
		if n++; m.allowed.over() {
			return m.fail(errEnded)
		}
	}
	for ; n >= 0; n-- {
		if end := m.match(s+n, ep+1); end >= 0 || m.err != nil {
			return end
		}
	}
	return -1
}

// least takes as few as it can.
func (m *matcher) least(s, p, ep int) int {
	for {
		if end := m.match(s, ep+1); end >= 0 || m.err != nil {
			return end
		}
		if !m.single(s, p, ep) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p, length int) int {
	if len(m.captures) == maxCaptures {
		return m.fail(errors.New("too many captures"))
	}
	n := len(m.captures)
	m.captures = append(m.captures, capture{s, length})
	end := m.match(s, p)
	if end < 0 {
		m.captures = m.captures[:n]
	}
	return end
}

func (m *matcher) close(s, p int) int {
	for i := len(m.captures) - 1; i >= 0; i-- {
		c := &m.captures[i]
		if c.length != unfinished {
			continue
		}
		c.length = s - c.start
		end := m.match(s, p)
		if end < 0 {
			m.captures[i].length = unfinished
		}
		return end
	}
	return m.fail(errors.New("invalid pattern capture"))
}

// balance is %bxy.
func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		return m.fail(errors.New("unbalanced pattern"))
	}
	begin, end := m.pat[p], m.pat[p+1]
	if s >= len(m.src) || m.src[s] != begin {
		return -1
	}
	for open, i := 1, s+1; i < len(m.src); i++ {
		if m.allowed.over() {
			return m.fail(errEnded)
		}
		switch m.src[i] {
		case end:
			if open--; open == 0 {
				return i + 1
			}
		case begin:
			open++
		}
	}
	return -1
}

// frontier is %f[set]: the set begins here.
func (m *matcher) frontier(s, p int) (end, next int) {
	if p >= len(m.pat) || m.pat[p] != '[' {
		return m.fail(errors.New("missing '[' after '%f' in pattern")), -1
	}
	ep := m.itemEnd(p)
	if ep < 0 {
		return -1, -1
	}
	var before, here byte
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		here = m.src[s]
	}
	if set := m.pat[p+1 : ep-1]; ofSet(before, set) || !ofSet(here, set) {
		return -1, -1
	}
	return s, ep
}

// again is %1: what a capture has taken stands here once more.
func (m *matcher) again(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= len(m.captures) || m.captures[i].length == unfinished {
		return m.fail(errors.New("invalid capture index"))
	}
	c := m.captures[i]
	if c.length < 0 || !strings.HasPrefix(m.src[s:], m.src[c.start:c.start+c.length]) {
		return -1
	}
	return s + c.length
}

// taken is capture i of a match from start to end; without captures the whole match is the first. A position is counted
// from 1.
func (m *matcher) taken(i, start, end int) (text string, pos int, err error) {
	if i >= len(m.captures) {
		if i > 0 {
			return "", 0, fmt.Errorf("invalid capture index")
		}
		return m.src[start:end], 0, nil
	}
	switch c := m.captures[i]; c.length {
	case unfinished:
		return "", 0, errors.New("unfinished capture")
	case position:
		return "", c.start + 1, nil
	default:
		return m.src[c.start : c.start+c.length], 0, nil
	}
}
