package gatewaytest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rule is one answer of an upstream and which requests get it.
type rule struct {
	method, path string
	conditions   []string
	times, asked int // -1: not written
	used         int

	delay, drip   time.Duration
	status        string
	fields        []Field
	early         []string // "103 Link: </a>"
	trailer       []Field
	body          []byte
	cut           int // -1: whole
	close, reset  bool
	hang, raw     bool
	chunked, echo bool
}

// parseScript reads the rules of an upstream.
func parseScript(text string) ([]*rule, error) {
	var rules []*rule
	var block []string
	flush := func() error {
		if len(block) == 0 {
			return nil
		}
		r, err := parseRule(block)
		if err != nil {
			return fmt.Errorf("%s: %w", block[0], err)
		}
		rules, block = append(rules, r), nil
		return nil
	}
	for _, line := range strings.Split(text, "\n") {
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if line == "" && len(block) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if line != "" && !indented {
			if err := flush(); err != nil {
				return nil, err
			}
		} else if indented && len(block) == 0 {
			return nil, fmt.Errorf("line %q before the first rule, want METHOD /path in the first column", line)
		}
		block = append(block, line)
	}
	return rules, flush()
}

func parseRule(block []string) (*rule, error) {
	method, path, ok := strings.Cut(block[0], " ")
	if !ok || path != "*" && !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("want METHOD /path, or * for either")
	}
	r := &rule{method: method, path: path, times: -1, asked: -1, cut: -1, status: "200 OK"}
	rest := dedent(block[1:])
	for i, line := range rest {
		if line == "" {
			r.body = []byte(strings.Join(rest[i+1:], "\n"))
			break
		}
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
	}
	return r, r.finish()
}

// dedent takes the indent of the first line off all of them, and empty lines off the end.
func dedent(block []string) []string {
	if len(block) == 0 {
		return nil
	}
	indent := block[0][:len(block[0])-len(strings.TrimLeft(block[0], " \t"))]
	out := make([]string, len(block))
	for i, line := range block {
		out[i] = strings.TrimPrefix(line, indent)
	}
	for len(out) > 0 && strings.TrimSpace(out[len(out)-1]) == "" {
		out = out[:len(out)-1]
	}
	return out
}

// line reads one line of a rule above its body.
func (r *rule) line(line string) (err error) {
	word, arg, _ := strings.Cut(line, " ")
	switch word {
	case "if":
		r.conditions = append(r.conditions, arg)
	case "times":
		r.times, err = strconv.Atoi(arg)
	case "asked":
		r.asked, err = strconv.Atoi(arg)
	case "delay":
		r.delay, err = time.ParseDuration(arg)
	case "drip":
		r.drip, err = time.ParseDuration(arg)
		r.chunked = true
	case "cut":
		r.cut, err = strconv.Atoi(arg)
	case "repeat", "gzip":
		r.fields = append(r.fields, Field{word, arg}) // applied to the body, which comes later
	case "early":
		r.early = append(r.early, arg)
	case "trailer":
		r.chunked = true
		r.trailer, err = appendField(r.trailer, arg)
	case "close":
		r.close = true
	case "reset":
		r.reset = true
	case "hang":
		r.hang = true
	case "raw":
		r.raw = true
	case "chunked":
		r.chunked = true
	case "echo":
		r.echo = true
	default:
		if len(word) == 3 && word[0] >= '1' && word[0] <= '9' {
			r.status = line
			return nil
		}
		r.fields, err = appendField(r.fields, line)
	}
	return err
}

func appendField(to []Field, line string) ([]Field, error) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || strings.ContainsAny(name, " \t") {
		return to, fmt.Errorf("unknown line, want a status, a header or one of if, times, asked, delay, drip, cut, repeat, " +
			"gzip, early, trailer, close, reset, hang, raw, chunked, echo")
	}
	return append(to, Field{name, strings.TrimPrefix(value, " ")}), nil
}

// finish applies what changes the body once it is known.
func (r *rule) finish() error {
	var kept []Field
	for _, f := range r.fields {
		switch f.Name {
		case "repeat":
			n, err := strconv.Atoi(f.Value)
			if err != nil || n < 0 {
				return fmt.Errorf("repeat: got %q, want a number", f.Value)
			}
			r.body = bytes.Repeat(r.body, n)
		case "gzip":
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write(r.body)
			if err := z.Close(); err != nil {
				return err
			}
			r.body = b.Bytes()
			kept = append(kept, Field{"Content-Encoding", "gzip"})
		default:
			kept = append(kept, f)
		}
	}
	r.fields = kept
	if r.raw {
		body, err := unescape(string(r.body))
		r.body = body
		return err
	}
	return nil
}

// fits reports whether the rule answers this request.
func (r *rule) fits(s *Seen) bool {
	if r.method != "*" && r.method != s.Method || r.times >= 0 && r.used >= r.times {
		return false
	}
	if !matchAny(r.path, []string{s.Target}) {
		return false
	}
	for _, c := range r.conditions {
		if name, absent := strings.CutPrefix(c, "!"); absent {
			if values(s.Fields, name) != nil {
				return false
			}
			continue
		}
		name, pattern, _ := strings.Cut(c, ":")
		if !matchAny(strings.TrimSpace(pattern), values(s.Fields, name)) {
			return false
		}
	}
	return true
}

// matchAny reports whether one of the values is the pattern, which may end in * for any rest.
func matchAny(pattern string, values []string) bool {
	prefix, any := strings.CutSuffix(pattern, "*")
	for _, v := range values {
		if v == pattern || any && strings.HasPrefix(v, prefix) {
			return true
		}
	}
	return false
}
