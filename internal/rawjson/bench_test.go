package rawjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// document is JSON as an API answers it: an object with a list of records, not much shorter than size.
func document(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"id":"5f1b7c","status":"active","total":1284,"secret":"s3cr3t-value","page":{"number":1,"size":20,"next":"/items?page=2"},"items":[`)
	for i := 0; b.Len() < size-40; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"Product number %d","price":%d.99,"in_stock":%v,"tags":["garden","tools"],"owner":{"id":"u%d","email":"user%d@example.com"},"note":null}`,
			100000+i*37, i, 10+i*3%90, i%3 == 0, i*7, i)
	}
	b.WriteString(`],"took_ms":12.5}`)
	return b.Bytes()
}

// indented is the same, for people.
func indented(size int) []byte {
	var b bytes.Buffer
	_ = json.Indent(&b, document(size), "", "  ")
	return b.Bytes()
}

// article is long strings with some escapes and some letters beyond ASCII.
func article(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"title":"On gateways","paragraphs":[`)
	for i := 0; b.Len() < size-40; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"Paragraph %d. Nobody who has seen the café at the harbour forgets it: \"quiet\", they say, and then they say no more about it.\nSo it goes on for a while, in plain words, until the end."`, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// series is numbers, as measurements and coordinates are.
func series(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"unit":"m","points":[`)
	for i := 0; b.Len() < size-40; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `[%d.%06d,-%d.%04d,%d]`, i*7%180, i*104729%1000000, i%90, i*31%10000, i*i%1000)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	for _, row := range []struct {
		name  string
		data  []byte
		depth int
	}{
		{"240B", document(240), 1}, {"1KB", document(1000), 1}, {"10KB", document(10000), 1}, {"10KB validate", document(10000), 0}, {"10KB all", document(10000), 64},
		{"10KB indented", indented(6000), 1}, {"10KB text", article(10000), 1}, {"10KB numbers", series(10000), 1}, {"100KB", document(100000), 1},
	} {
		b.Run(row.name, func(b *testing.B) {
			var v Value
			b.SetBytes(int64(len(row.data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := v.Parse(row.data, row.depth); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseStrict(b *testing.B) {
	for _, size := range []int{240, 1000} {
		data := document(size)
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			var v Value
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := v.ParseStrict(data, 64); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodingJSONValid(b *testing.B) {
	for _, size := range []int{240, 1000, 10000} {
		data := document(size)
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if !json.Valid(data) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, row := range []struct {
		name string
		spec Spec
	}{
		{"nothing", Spec{}},
		{"deny one", Spec{Deny: [][]string{{"secret"}}}},
		{"deny one inside", Spec{Deny: [][]string{{"page", "next"}}}},
		{"allow, mapping, group", Spec{Allow: [][]string{{"id"}, {"items"}, {"page", "number"}}, Mapping: [][2]string{{"id", "key"}}, Group: "part"}},
		{"deny, mapping", Spec{Deny: [][]string{{"secret"}, {"status"}}, Mapping: [][2]string{{"id", "key"}, {"total", "count"}}}},
		{"flatmap", Spec{Flatmap: []Op{{Type: "del", Args: [][]string{{"items", "*", "owner"}}}}}},
	} {
		b.Run(row.name, func(b *testing.B) {
			data := document(10000)
			plan, err := Compile(row.spec)
			if err != nil {
				b.Fatal(err)
			}
			var v Value
			var out []byte
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := v.Parse(data, plan.Depth()); err != nil {
					b.Fatal(err)
				}
				if err := plan.Apply(&v); err != nil {
					b.Fatal(err)
				}
				out = v.Append(out[:0])
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	for _, row := range []struct {
		name  string
		mode  Mode
		group bool
	}{{"grouped", Shallow, true}, {"shallow", Shallow, false}, {"deep", Deep, false}} {
		b.Run("3x1KB "+row.name, func(b *testing.B) {
			data := document(1000)
			var parts []*Value
			var plans []*Plan
			for i := range 3 {
				spec := Spec{}
				if row.group {
					spec.Group = fmt.Sprint("part", i)
				}
				plan, err := Compile(spec)
				if err != nil {
					b.Fatal(err)
				}
				parts, plans = append(parts, new(Value)), append(plans, plan)
			}
			var whole Value
			var out []byte
			b.SetBytes(int64(3 * len(data)))
			b.ReportAllocs()
			for b.Loop() {
				for i := range parts {
					if err := parts[i].Parse(data, max(1, plans[i].Depth())); err != nil {
						b.Fatal(err)
					}
					if err := plans[i].Apply(parts[i]); err != nil {
						b.Fatal(err)
					}
				}
				if err := Merge(&whole, parts, row.mode); err != nil {
					b.Fatal(err)
				}
				out = whole.Append(out[:0])
			}
		})
	}
}
