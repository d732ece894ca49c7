package expr

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gatehouse/internal/rawjson"
)

// Answer is what a backend has said, a JSON value that is valid, as expressions see it. It is decoded level by level, where
// an expression looks into it: all of it would take many times its length. It is for one evaluation at a time.
type Answer struct {
	part
	room int // bytes that may still be taken by what is decoded and kept
}

// Bounds of what an expression looks into: what is kept of objects and lists once they are decoded. Of half of that also small
// ones are kept; from then on they are decoded anew each time.
const (
	lazyRoom  = 24 << 20
	keptParts = 4 << 10
)

// What decoded values take, about: an element or member with what says its kind, what stands in a map besides, a map.
const (
	valueSize  = 32
	memberSize = 72
	objectSize = 400
)

// ErrTooHeavy is an answer that has too much in it where an expression looks.
var ErrTooHeavy = fmt.Errorf("the answer has too many values for an expression: more than fit into %d MiB once they are decoded", lazyRoom>>20)

// NewAnswer makes an answer of JSON text.
func NewAnswer(text string) *Answer {
	a := &Answer{room: lazyRoom}
	a.part = part{of: a, text: text}
	return a
}

// part is an object or a list in an answer that nobody has looked into.
type part struct {
	of   *Answer
	text string
	seen ref.Val
}

// value is the part as a value of CEL.
func (p *part) value(a types.Adapter) ref.Val {
	if p.seen != nil {
		return p.seen
	}
	before := p.of.room
	v := p.decode(a)
	if len(p.text) > keptParts || p.of.room > lazyRoom/2 {
		p.seen = v
	} else {
		p.of.room = before
	}
	return v
}

func (p *part) decode(a types.Adapter) ref.Val {
	count, cost := 0, 0
	rawjson.Each(p.text, func(_, text string) {
		count++
		if cost += valueSize; text[0] == '{' || text[0] == '[' {
			cost += valueSize
		}
	})
	if p.text[0] == '{' {
		cost += objectSize + count*memberSize
	}
	if p.of.room -= cost; p.of.room < 0 {
		return types.WrapErr(ErrTooHeavy)
	}
	if p.text[0] == '[' {
		list := make([]any, 0, count)
		rawjson.Each(p.text, func(_, text string) { list = append(list, p.of.native(text)) })
		return types.NewDynamicList(a, list)
	}
	return types.NewStringInterfaceMap(a, p.members(count))
}

func (p *part) members(count int) map[string]any {
	m := make(map[string]any, count)
	rawjson.Each(p.text, func(key, text string) { m[unquoted(key)] = p.of.native(text) })
	return m
}

// native is a value as Go has it; what has others in it is a part.
func (a *Answer) native(text string) any {
	switch text[0] {
	case '{', '[':
		return &part{of: a, text: text}
	case '"':
		return unquoted(text)
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	}
	return json.Number(text)
}

func unquoted(s string) string {
	if inner := s[1 : len(s)-1]; strings.IndexByte(inner, '\\') < 0 && utf8.ValidString(inner) {
		return inner
	}
	var out string
	_ = json.Unmarshal([]byte(s), &out)
	return out
}

// adapter makes values of CEL of ours and of those of JSON.
type adapter struct{ types.Adapter }

// NativeToValue is asked for every value that an expression comes to.
func (a adapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case *Answer:
		return a.answer(v)
	case *part:
		return v.value(a)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	}
	return a.Adapter.NativeToValue(v)
}

// answer is an object; anything else counts as an empty one.
func (a adapter) answer(v *Answer) ref.Val {
	if v == nil || v.text == "" || v.text[0] != '{' {
		return types.NewStringInterfaceMap(a, nil)
	}
	return v.value(a)
}
