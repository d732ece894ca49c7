package rawjson

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

const (
	answerSize = 10 << 20    // the default of max_response_size
	mostMemory = 100 << 20   // for one answer, on top of its text (TestLargeAnswers)
	ordinary   = 1_000_000   // values, in an answer of that size
	perMember  = 1 << 20 / 4 // members of the largest object that is looked into
)

// full is a text of answerSize: opening, elements made by one for each number, closing.
func full(opening string, one func(b *bytes.Buffer, i int), closing string, most int) []byte {
	var b bytes.Buffer
	b.Grow(answerSize + 64)
	b.WriteString(opening)
	for i := 0; i < most && b.Len() < answerSize-64; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		one(&b, i)
	}
	b.WriteString(closing)
	return b.Bytes()
}

func text(s string) func(*bytes.Buffer, int) {
	return func(b *bytes.Buffer, _ int) { b.WriteString(s) }
}

func member(b *bytes.Buffer, i int) { fmt.Fprintf(b, `"%x":1`, i) }

const all = 1 << 30

// larges are answers of attackers and of others.
func larges() map[string][]byte {
	return map[string][]byte{
		"numbers":                   full(`{"a":[`, text("1"), `]}`, all),
		"arrays":                    full(`{"a":[`, text("[]"), `]}`, all),
		"objects":                   full(`{"a":[`, text(`{"a":1}`), `]}`, all),
		"members":                   full(`{"a":{`, member, `}}`, all),
		"members at the top":        full(`{`, member, `}`, all),
		"as many members as may be": full(`{"a":{`, member, `}}`, perMember),
		"as many at the top":        full(`{`, member, `}`, perMember),
		"objects at the top":        full(`{`, func(b *bytes.Buffer, i int) { fmt.Fprintf(b, `"%x":{"n":1}`, i) }, `}`, perMember),
		"doubled members":           full(`{"a":[`, text(`{"":1,"":1}`), `]}`, usual/3),
		"embedded already":          full(`{"a":[`, text(`{"a":1,"b":{"c":[[]]}}`), `]}`, all),
		"objects of members": full(`{"a":[{`, func(b *bytes.Buffer, i int) {
			if i%200_000 == 199_999 {
				b.WriteString(`"":1},{`)
			}
			member(b, i)
		}, `}]}`, 1_000_000),
		"many at the end": full(`{"a":["`+strings.Repeat("x", answerSize-2*(usual-9)-200)+`",`, text("1"), `]}`, usual-9),
		"records": full(`{"a":[`, func(b *bytes.Buffer, i int) {
			fmt.Fprintf(b, `{"id":%d,"n":"name %d","p":%d.5,"t":["x","yy"],"q":null}`, i, i, i%100)
		}, `]}`, all),
	}
}

// allocated is how many bytes f allocates, those that are garbage at once, too: no peak can be higher.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// shaped reads an answer, edits it and prints it.
func shaped(p *Plan, data []byte) error {
	var v Value
	if err := v.ParseWithin(data, p.Depth(), answerSize); err != nil {
		return err
	}
	if err := p.Apply(&v); err != nil {
		return err
	}
	v.Append(nil)
	return nil
}

// merged reads an answer twice, or it and a small one, and prints what they are together.
func merged(mode Mode, texts ...[]byte) error {
	whole, err := united(mode, texts...)
	if err != nil {
		return err
	}
	whole.Append(nil)
	return nil
}

func united(mode Mode, texts ...[]byte) (*Value, error) {
	var parts []*Value
	for _, text := range texts {
		v := new(Value)
		if err := v.ParseWithin(text, 0, answerSize); err != nil {
			return nil, err
		}
		parts = append(parts, v)
	}
	whole := new(Value)
	return whole, Merge(whole, parts, mode)
}

// No answer takes more than it may, and what is usual is not refused.
func TestLargeAnswers(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	small := []byte(`{"a":{"x":1},"b":2}`)
	for name, data := range larges() {
		for _, row := range []struct {
			name string
			do   func() error
		}{
			{"target", func() error { return shaped(plan(t, Spec{Target: []string{"a"}}), data) }},
			{"target inside", func() error { return shaped(plan(t, Spec{Target: []string{"a", "b"}}), data) }},
			{"deny", func() error { return shaped(plan(t, Spec{Deny: [][]string{{"1"}}}), data) }},
			{"deny inside", func() error { return shaped(plan(t, Spec{Deny: [][]string{{"a", "1"}}}), data) }},
			{"allow inside", func() error { return shaped(plan(t, Spec{Allow: [][]string{{"a", "1"}}}), data) }},
			{"mapping", func() error { return shaped(plan(t, Spec{Mapping: [][2]string{{"a", "b"}}}), data) }},
			{"target, mapping", func() error {
				return shaped(plan(t, Spec{Target: []string{"a"}, Mapping: [][2]string{{"1", "b"}}}), data)
			}},
			{"group", func() error { return shaped(plan(t, Spec{Group: "g"}), data) }},
			{"flatmap, del", func() error { return shaped(flat(t, "del a.*.n"), data) }},
			{"flatmap, del of all", func() error { return shaped(flat(t, "del a.*"), data) }},
			{"flatmap, move", func() error { return shaped(flat(t, "move a.*.a a.*.name; move a.*.id a.*.key"), data) }},
			{"flatmap, embed", func() error { return shaped(flat(t, "move a.*.a a.*.b.c; move a.*.id a.*.b.c; del a.*.b"), data) }},
			{"flatmap, promote", func() error { return shaped(flat(t, "move *.*.a *.b; move a.*.n name"), data) }},
			{"flatmap, append", func() error { return shaped(flat(t, "append a.*.a b; append a b"), data) }},
			{"flatmap in a group", func() error { return shaped(flat(t, "del *.*.n; group g"), data) }},
			{"flatmap of a merge", func() error { return shapedTogether(flat(t, "del *.n *.*.n"), []byte(`{"b":2}`), data) }},
			{"merge", func() error { return merged(Shallow, data, small) }},
			{"deep merge", func() error { return merged(Deep, data, small) }},
			{"deep merge, the other way", func() error { return merged(Deep, small, data) }},
		} {
			t.Run(name+", "+row.name, func(t *testing.T) {
				var err error
				took := allocated(func() { err = row.do() })
				var bad *SyntaxError
				refused := errors.As(err, &bad) && bad.TooMany()
				if err != nil && (!refused || name == "records") {
					t.Error(err)
				}
				if took > mostMemory {
					t.Errorf("took %d MB, want 100 at most", took>>20)
				}
				t.Logf("%d MB, refused: %v", took>>20, refused)
			})
		}
	}
}

// flat is a plan of operations.
func flat(t *testing.T, ops string) *Plan {
	t.Helper()
	return plan(t, *specOf(ops))
}

// shapedTogether edits what answers are together.
func shapedTogether(p *Plan, texts ...[]byte) error {
	whole, err := united(Shallow, texts...)
	if err != nil {
		return err
	}
	if err := p.Apply(whole); err != nil {
		return err
	}
	whole.Append(nil)
	return nil
}

func plan(t *testing.T, s Spec) *Plan {
	t.Helper()
	p, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
