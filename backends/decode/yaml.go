package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"

	"gatehouse/internal/rawjson"
)

// The bounds of a YAML answer. Its tree takes up to a hundred times its size in memory. Aliases are printed where they stand,
// so that a small text can stand for a large one: what it becomes is bounded, too.
const (
	maxYAMLSize  = 512 << 10
	maxYAMLDepth = 250
	maxYAMLJSON  = 10 << 20
	maxYAMLSteps = 4 << 20 // nodes looked at, those behind aliases each time
)

// yaml makes JSON of one document (YAML 1.2, its core schema). JSON is YAML, and is taken as it is. Numbers keep their
// digits; what JSON has no number for (.inf, .nan) and dates are strings. Keys become strings.
func (o Options) yaml(v *rawjson.Value, a Answer, depth int) ([]byte, error) {
	if c := firstByte(a.Text); c == '{' || c == '[' {
		text, err := o.parse(v, a.Text, depth)
		var bad *rawjson.SyntaxError
		switch {
		case err == nil:
			return text, o.kind(v)
		case errors.As(err, &bad) && bad.TooMany():
			return a.Text, err
		}
	}
	if len(a.Text) > maxYAMLSize {
		return a.Text, fmt.Errorf("over %d bytes of YAML", maxYAMLSize)
	}
	root, err := parseYAML(a.Text)
	if err != nil {
		return a.Text, err
	}
	p := yamlPrinter{max: maxYAMLJSON}
	if o.Max > 0 {
		p.max = min(p.max, int(min(o.Max, maxYAMLJSON)))
	}
	out, err := p.value(nil, root, 0)
	if err != nil {
		return a.Text, err
	}
	if err := v.ParseWithin(out, depth, o.size()); err != nil {
		return out, err
	}
	return out, o.kind(v)
}

// kind checks that the answer is what is_collection says.
func (o Options) kind(v *rawjson.Value) error {
	switch k := v.Kind(); {
	case k == '[' && o.NoList && o.anyKind:
		return fieldless("a sequence")
	case o.Collection && k != '[':
		return fmt.Errorf("got %s, want a sequence (is_collection is set)", rawjson.KindName(k))
	case !o.Collection && k != '{' && (!o.anyKind || k != '['):
		return fmt.Errorf("got %s, want a mapping (is_collection takes a sequence)", rawjson.KindName(k))
	}
	return nil
}

func firstByte(text []byte) byte {
	if text = bytes.TrimLeft(text, " \t\r\n"); len(text) > 0 {
		return text[0]
	}
	return 0
}

// parseYAML reads one document and nothing after it.
func parseYAML(text []byte) (root *yaml.Node, err error) {
	defer recovered(&err)
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("an empty document")
	case err != nil:
		return nil, err
	case doc.Kind != yaml.DocumentNode || len(doc.Content) != 1:
		return nil, errors.New("an empty document")
	}
	switch err := d.Decode(&more); {
	case err == nil:
		return nil, errors.New("a second document, want one")
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return doc.Content[0], nil
}

// yamlPrinter prints a tree as JSON.
type yamlPrinter struct{ max, steps int }

// step counts a node and says when it is enough.
func (p *yamlPrinter) step(dst []byte, depth int) error {
	p.steps++
	switch {
	case depth > maxYAMLDepth:
		return fmt.Errorf("more than %d deep", maxYAMLDepth)
	case len(dst) > p.max:
		return fmt.Errorf("over %d bytes as JSON", p.max)
	case p.steps > maxYAMLSteps:
		return fmt.Errorf("more than %d nodes, aliases followed", maxYAMLSteps)
	}
	return nil
}

func (p *yamlPrinter) value(dst []byte, n *yaml.Node, depth int) ([]byte, error) {
	if err := p.step(dst, depth); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.MappingNode:
		return p.mapping(dst, n, depth)
	case yaml.SequenceNode:
		return p.sequence(dst, n, depth)
	case yaml.AliasNode:
		return p.value(dst, n.Alias, depth+1)
	}
	return appendYAMLScalar(dst, n), nil
}

func (p *yamlPrinter) sequence(dst []byte, n *yaml.Node, depth int) (_ []byte, err error) {
	dst = append(dst, '[')
	for _, item := range n.Content {
		if dst, err = p.value(rawjson.Comma(dst), item, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func (p *yamlPrinter) mapping(dst []byte, n *yaml.Node, depth int) (_ []byte, err error) {
	own := keyNames{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, err := yamlKey(n.Content[i])
		switch {
		case err != nil:
			return nil, err
		case isMerge(n.Content[i]):
		case !own.add(key):
			return nil, fmt.Errorf("line %d: the key %q stands twice", n.Content[i].Line, key)
		}
	}
	dst = append(dst, '{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if isMerge(key) {
			dst, err = p.merge(dst, value, &own, depth+1)
		} else {
			dst, err = p.pair(dst, key, value, depth)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func (p *yamlPrinter) pair(dst []byte, key, value *yaml.Node, depth int) ([]byte, error) {
	name, err := yamlKey(key)
	if err != nil {
		return nil, err
	}
	dst = rawjson.AppendString(rawjson.Comma(dst), name)
	return p.value(append(dst, ':'), value, depth+1)
}

// merge prints the pairs of "<<" that the mapping has not itself; of several mappings the first has precedence.
func (p *yamlPrinter) merge(dst []byte, from *yaml.Node, own *keyNames, depth int) (_ []byte, err error) {
	if err := p.step(dst, depth); err != nil {
		return nil, err
	}
	switch from.Kind {
	case yaml.AliasNode:
		return p.merge(dst, from.Alias, own, depth+1)
	case yaml.SequenceNode:
		for _, one := range from.Content {
			if dst, err = p.merge(dst, one, own, depth+1); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case yaml.MappingNode:
	default:
		return nil, fmt.Errorf("line %d: << merges mappings only", from.Line)
	}
	for i := 0; i+1 < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		p.steps++
		if isMerge(key) {
			dst, err = p.merge(dst, value, own, depth+1)
		} else if name, bad := yamlKey(key); bad != nil {
			err = bad
		} else if own.add(name) {
			dst, err = p.pair(dst, key, value, depth)
		}
		if err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func isMerge(key *yaml.Node) bool { return key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" }

func yamlKey(n *yaml.Node) (string, error) {
	for hops := 0; n.Kind == yaml.AliasNode && hops < maxYAMLDepth; hops++ {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("line %d: a key that is a mapping or a sequence, want a scalar", n.Line)
	}
	return n.Value, nil
}

// keyNames tells new keys from those that were there.
type keyNames struct {
	few  []string
	many map[string]bool
}

func (k *keyNames) add(name string) bool {
	if k.many == nil && len(k.few) < manyNames {
		if slices.Contains(k.few, name) {
			return false
		}
		k.few = append(k.few, name)
		return true
	}
	if k.many == nil {
		k.many = make(map[string]bool, 2*manyNames)
		for _, n := range k.few {
			k.many[n] = true
		}
	}
	if k.many[name] {
		return false
	}
	k.many[name] = true
	return true
}
