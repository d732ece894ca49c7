package endpoints

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/rand"
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"gatehouse/internal/rawjson"
)

// formatted is a JSON text in an output encoding.
func formatted(t testing.TB, encoding, text string) string {
	t.Helper()
	choose, err := chooserOf(encoding, false)
	if err != nil {
		t.Fatal(err)
	}
	var v rawjson.Value
	if text != "" {
		if err := v.Parse([]byte(text), 1); err != nil {
			t.Fatal(err)
		}
	}
	out, err := choose(nil).append(nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestFormat(t *testing.T) {
	for _, row := range []struct{ name, encoding, in, want string }{
		{"json stays as it came", "json", `{"b": 1.0, "a": "\u003c"}`, `{"b": 1.0, "a": "\u003c"}`},
		{"fast-json is json", "fast-json", `{"a":1}`, `{"a":1}`},
		{"no answer as json", "json", ``, `{}`},
		{"null as json", "json", `null`, `null`},
		{"a collection", "json-collection", `{"collection":[1, 2],"x":1}`, `[1, 2]`},
		{"no collection", "json-collection", `{"a":1}`, `[]`},
		{"a collection that is none", "json-collection", `{"collection":{"a":1}}`, `[]`},
		{"a string", "string", `{"content":"a\nb\u0041"}`, "a\nbA"},
		{"a number as a string", "string", `{"content":1.50}`, "1.50"},
		{"no string", "string", `{"a":1}`, ""},

		{"a single key is the root", "xml", `{"a":{"b":1.50,"c":true}}`, `<a><b>1.50</b><c>true</c></a>`},
		{"several are in doc", "xml", `{"b":1,"a":"x"}`, `<doc><b>1</b><a>x</a></doc>`},
		{"attributes and text", "xml", `{"a":{"#text":"t","-id":7,"-x":"<\"&\n"}}`, `<a id="7" x="&lt;&quot;&amp;&#xA;">t</a>`},
		{"text and children", "xml", `{"a":{"b":1,"#text":"t"}}`, `<a>t<b>1</b></a>`},
		{"arrays are repeated", "xml", `{"a":{"b":[1,{"c":2},[3,4]]}}`, `<a><b>1</b><b><c>2</c></b><b>3</b><b>4</b></a>`},
		{"an array is no root", "xml", `{"collection":[{"a":1},{"a":2}]}`, `<doc><collection><a>1</a></collection><collection><a>2</a></collection></doc>`},
		{"empty things", "xml", `{"a":"","b":null,"c":{},"d":[],"e":[ ]}`, `<doc><a/><b/><c/><d/><e/></doc>`},
		{"only attributes", "xml", `{"a":{"-x":1}}`, `<a x="1"/>`},
		{"nothing", "xml", `{}`, `<doc/>`},
		{"no answer", "xml", ``, `<doc/>`},
		{"null", "xml", `null`, `<doc/>`},
		{"keys that are no names", "xml", `{"a b":1,"1":2,"":3,"-":4,"#text":[5],"_x0041_":6,"a:b":7,":c":8}`,
			`<doc><a_x0020_b>1</a_x0020_b><_x0031_>2</_x0031_><_x_>3</_x_><_x002D_>4</_x002D_><_x0023_text>5</_x0023_text><_x005F_x0041_>6</_x005F_x0041_><a:b>7</a:b><_x003A_c>8</_x003A_c></doc>`},
		{"an attribute with a value that is none", "xml", `{"a":{"-b":{"c":1},"-d":null}}`, `<a><_x002D_b><c>1</c></_x002D_b><_x002D_d/></a>`},
		{"characters that XML cannot have", "xml", `{"a":"x\u0000\r\uffff😀"}`, "<a>x\ufffd&#xD;\ufffd😀</a>"},
		{"numbers keep their digits in XML", "xml", `{"a":12345678901234567890.10}`, `<a>12345678901234567890.10</a>`},
		{"a key that stands twice", "xml", `{"a":1,"b":2,"a":3}`, `<doc><a>3</a><b>2</b></doc>`},

		{"yaml in blocks", "yaml", `{"b":1,"a":{"c":[1,{"d":2,"e":[3]}],"f":[]},"g":{}}`, "b: 1\na:\n  c:\n  - 1\n  - d: 2\n    e:\n    - 3\n  f: []\ng: {}\n"},
		{"lists in lists", "yaml", `{"a":[[1,2],[[3]],[]]}`, "a:\n- - 1\n  - 2\n- - - 3\n- []\n"},
		{"numbers keep their digits in YAML", "yaml", `{"a":12345678901234567890.10,"b":1e400,"c":-0}`, "a: 12345678901234567890.10\nb: 1e400\nc: -0\n"},
		{"strings that look like something else", "yaml", `{"a":"1","b":"true","c":"","d":"~","e":"a: b","f":"x #y","g":"- z","h":"yes","i":" s","j":"2026-01-01","k":"0x1"}`,
			"a: \"1\"\nb: \"true\"\nc: \"\"\nd: \"~\"\ne: \"a: b\"\nf: \"x #y\"\ng: \"- z\"\nh: \"yes\"\ni: \" s\"\nj: \"2026-01-01\"\nk: \"0x1\"\n"},
		{"plain strings", "yaml", `{"a":"hello world","b":"http://a.test/x","c":"A_b-c.d"}`, "a: hello world\nb: http://a.test/x\nc: A_b-c.d\n"},
		{"strings that need escapes", "yaml", `{"a":"l1\nl2\t\"q\"\\","b":"\u0000\u0085\u2028é😀"}`, "a: \"l1\\nl2\\t\\\"q\\\"\\\\\"\n" + `b: "\x00\u0085\u2028é😀"` + "\n"},
		{"keys that are quoted", "yaml", `{"y":1,"1":2,"a b":3,"":4}`, "\"y\": 1\n\"1\": 2\na b: 3\n\"\": 4\n"},
		{"no answer in YAML", "yaml", ``, "{}\n"},
		{"null in YAML", "yaml", `null`, "null\n"},
	} {
		if got := formatted(t, row.encoding, row.in); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := chooserOf("jsno", false); err == nil || !strings.Contains(err.Error(), "json, json-collection, string, xml, yaml, negotiate or no-op") {
		t.Error(err)
	}
}

func TestNegotiate(t *testing.T) {
	choose, err := chooserOf("negotiate", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, accept, want string }{
		{"nothing asked for", "", typeJSON},
		{"anything", "*/*", typeJSON},
		{"JSON", "application/json", typeJSON},
		{"XML", "application/xml", typeXML},
		{"XML by its other name", "Text/XML; charset=utf-8", typeXML},
		{"YAML", "application/yaml", typeYAML},
		{"plain text is YAML", "text/plain", typeYAML},
		{"the better liked", "application/json;q=0.5, application/xml;q=0.9", typeXML},
		{"of equals the first of ours", "application/yaml, application/xml, application/json", typeJSON},
		{"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", typeXML},
		{"a family", "text/*", typeXML},
		{"anything but JSON", "*/*, application/json;q=0", typeXML},
		{"the more specific range counts", "application/*;q=0.9, application/json;q=0.1, text/*;q=0.2", typeXML},
		{"what we have not", "image/png", typeJSON},
		{"a weight that is none", "application/xml;q=high, application/json;q=0.1", typeJSON},
		{"several lines", "image/png\napplication/yaml", typeYAML},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(row.accept, "\n") {
			if line != "" {
				h.Add("Accept", line)
			}
		}
		if got := choose(h).contentType; got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

func TestOlderYAML(t *testing.T) {
	choose, err := chooserOf("yaml", true)
	if err != nil {
		t.Fatal(err)
	}
	if got := choose(nil).contentType; got != "application/x-yaml; charset=utf-8" {
		t.Error(got)
	}
}

// FuzzFormat: XML is well-formed and YAML means the JSON that it was made of, whatever that is.
func FuzzFormat(f *testing.F) {
	for _, seed := range []string{`{"a":{"-b":1,"#text":"x","c":[1,[2]]}}`, `{"y":"yes","a b":" ","<":"&"}`, `{"collection":[{"a":null}]}`,
		`{"-":{"-":1},"a:b":{"":0},"\ud800":1,"-\ud800":2}`, "{\"-\xff\":1,\"-\xfe\":2}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v rawjson.Value
		if v.Parse([]byte(text), 1) != nil || v.Kind() != '{' {
			return
		}
		checkXML(t, formatted(t, "xml", text))
		checkYAML(t, text, formatted(t, "yaml", text))
	})
}

// checkXML reads a document to its end.
func checkXML(t *testing.T, doc string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(doc))
	depth, roots := 0, 0
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in %q", err, doc)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots++
			}
			seen := map[xml.Name]bool{}
			for _, a := range token.Attr {
				if seen[a.Name] {
					t.Fatalf("attribute %v twice in %q", a.Name, doc)
				}
				seen[a.Name] = true
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 {
				t.Fatalf("text outside in %q", doc)
			}
		}
	}
	if depth != 0 || roots != 1 {
		t.Fatalf("%d roots, %d open in %q", roots, depth, doc)
	}
}

// checkYAML compares what a YAML text means with the JSON that it was made of. Strings lose what is not UTF-8.
func checkYAML(t *testing.T, text, doc string) {
	t.Helper()
	var want any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&want); err != nil {
		t.Fatal(err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(doc), &node); err != nil {
		t.Fatalf("%v\n%s\n%q", err, doc, text)
	}
	got, err := meaning(node.Content[0])
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if !bytes.Equal(a, b) {
		t.Fatalf("got  %s\nwant %s\n%s", b, a, doc)
	}
}

func meaning(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if tag := n.Content[i].ShortTag(); tag != "!!str" {
				return nil, errors.New("a key of type " + tag)
			}
			v, err := meaning(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			v, err := meaning(c)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return n.Value == "true", nil
	case "!!int", "!!float":
		return json.Number(n.Value), nil
	}
	if n.Style == 0 && strings.ContainsAny(n.Value[:1], "-0123456789") {
		return json.Number(n.Value), nil // beyond any float
	}
	return n.Value, nil
}

func TestFormatAnything(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 300 {
		text, err := json.Marshal(map[string]any{"root": anything(r, 4), word(r): anything(r, 3)})
		if err != nil {
			t.Fatal(err)
		}
		checkXML(t, formatted(t, "xml", string(text)))
		checkYAML(t, string(text), formatted(t, "yaml", string(text)))
	}
}

func TestFormatDeep(t *testing.T) {
	text := strings.Repeat(`{"a":[`, 250) + strings.Repeat(`]}`, 250)
	checkXML(t, formatted(t, "xml", text))
	checkYAML(t, text, formatted(t, "yaml", text))
	long := `{"` + strings.Repeat("k", 3000) + `":{"` + strings.Repeat("é", 3000) + `":[1]}}`
	checkYAML(t, long, formatted(t, "yaml", long))
}

func word(r *rand.Rand) string {
	words := []string{"a", "-b", "#text", "c d", "yes", "1", "", "é", "x:y", "\n", "<", "null", "0x1F", "- a", "k: v", "😀", "\u2028", "\\", "'", "\""}
	return words[r.Intn(len(words))]
}

func anything(r *rand.Rand, depth int) any {
	switch n := r.Intn(8); {
	case n < 2 && depth > 0:
		m := map[string]any{}
		for range r.Intn(4) {
			m[word(r)] = anything(r, depth-1)
		}
		return m
	case n < 4 && depth > 0:
		list := []any{}
		for range r.Intn(4) {
			list = append(list, anything(r, depth-1))
		}
		return list
	case n == 5:
		return json.Number("12345678901234567890.5e-7")
	case n == 6:
		return r.Intn(2) == 0
	case n == 7:
		return nil
	}
	return word(r) + word(r)
}

func BenchmarkFormat(b *testing.B) {
	text := `{"users":[` + strings.TrimSuffix(strings.Repeat(`{"id":1234,"name":"Ann Example","tags":["a","b"],"address":{"-kind":"home","#text":"x"}},`, 100), ",") + `]}`
	for _, encoding := range []string{"json", "xml", "yaml"} {
		b.Run(encoding, func(b *testing.B) {
			choose, err := chooserOf(encoding, false)
			if err != nil {
				b.Fatal(err)
			}
			var v rawjson.Value
			if err := v.Parse([]byte(text), 1); err != nil {
				b.Fatal(err)
			}
			var out []byte
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				out, _ = choose(nil).append(out[:0], &v)
			}
		})
	}
	b.Run("negotiate", func(b *testing.B) {
		choose, err := chooserOf("negotiate", false)
		if err != nil {
			b.Fatal(err)
		}
		h := http.Header{"Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}}
		b.ReportAllocs()
		for b.Loop() {
			choose(h)
		}
	})
}
