package decode

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/clbanning/mxj/v2"

	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// decoded is what becomes of a body in this encoding: JSON, or "error: …".
func decoded(encoding string, collection bool, contentType, body string) string {
	d, err := New(encoding, Options{Collection: collection, Max: 10 << 20})
	if err != nil {
		return "error: " + err.Error()
	}
	a := Answer{Text: []byte(body)}
	if contentType != "" {
		a.Header = []outbound.Field{{Name: "Content-Type", Value: contentType}}
	}
	spec := rawjson.Spec{}
	if collection || encoding == "safejson" || encoding == "auto" {
		spec.Collection = "collection"
	}
	plan, err := rawjson.Compile(spec)
	if err != nil {
		return "error: " + err.Error()
	}
	var v rawjson.Value
	if _, err := d.Decode(&v, a, plan.Depth()); err != nil {
		return "error: " + err.Error()
	}
	if v.Kind() != 'n' {
		if err := plan.Apply(&v); err != nil {
			return "error: " + err.Error()
		}
	}
	return string(v.Append(nil))
}

type decodeRow struct {
	name, encoding, body, want string
	collection                 bool
	contentType                string
}

func (r decodeRow) run(t *testing.T) {
	t.Helper()
	got := decoded(r.encoding, r.collection, r.contentType, r.body)
	if strings.HasPrefix(r.want, "error: ") && strings.HasSuffix(r.want, "…") {
		if !strings.HasPrefix(got, strings.TrimSuffix(r.want, "…")) {
			t.Errorf("%s:\n got %s\nwant %s", r.name, got, r.want)
		}
		return
	}
	if got != r.want {
		t.Errorf("%s:\n got %s\nwant %s", r.name, got, r.want)
	}
}

func TestDecodeJSON(t *testing.T) {
	for _, r := range []decodeRow{
		{name: "an object stays as it came", encoding: "json", body: `{"b":1.0,"a":12345678901234567890}`, want: `{"b":1.0,"a":12345678901234567890}`},
		{name: "fast-json is json", encoding: "fast-json", body: `{"a":1}`, want: `{"a":1}`},
		{name: "an array is a mistake", encoding: "json", body: `[1]`, want: `error: got an array, want an object…`},
		{name: "an array of a collection", encoding: "json", collection: true, body: `[1,{"a":2}]`, want: `{"collection":[1,{"a":2}]}`},
		{name: "an object is no collection", encoding: "json", collection: true, body: `{}`, want: `error: got an object, want an array…`},
		{name: "null stays null", encoding: "json", body: ` null `, want: `null`},
		{name: "null as a collection", encoding: "json", collection: true, body: `null`, want: `{"collection":null}`},
		{name: "bytes that are no UTF-8", encoding: "json", body: "{\"a\xff\":\"\xc3(\xe2\x82\",\"b\":\"\u20ac\\ud800\"}", want: "{\"a\ufffd\":\"\ufffd(\ufffd\ufffd\",\"b\":\"\u20ac\\ud800\"}"},
		{name: "such a byte outside a string", encoding: "json", body: "{\"a\":1}\xff", want: `error: …`},
		{name: "safejson with such bytes", encoding: "safejson", body: "\"\xff\"", want: "{\"content\":\"\ufffd\"}"},
		{name: "JSON as YAML with such bytes", encoding: "yaml", body: "{\"a\":\"\xff\"}", want: "{\"a\":\"\ufffd\"}"},
		{name: "more of them than an answer may be long", encoding: "json", body: "{\"a\":\"" + strings.Repeat("\xff", 4<<20) + "\"}", want: "error: over 10485760 bytes…"},
		{name: "an empty body", encoding: "json", body: ``, want: `error: …`},
		{name: "a broken object", encoding: "json", body: `{"a":`, want: `error: …`},
		{name: "a second value", encoding: "json", body: `{"a":1} {"b":2}`, want: `error: …`},
		{name: "safejson takes an object", encoding: "safejson", body: `{"a":1}`, want: `{"a":1}`},
		{name: "safejson takes an array", encoding: "safejson", body: `[1, 2]`, want: `{"collection":[1, 2]}`},
		{name: "safejson takes a number", encoding: "safejson", body: `1e400`, want: `{"content":1e400}`},
		{name: "safejson takes a string", encoding: "safejson", body: `"a\u0041"`, want: `{"content":"a\u0041"}`},
		{name: "safejson takes null", encoding: "safejson", body: `null`, want: `{"content":null}`},
		{name: "safejson takes no rubbish", encoding: "safejson", body: `oops`, want: `error: …`},
		{name: "string", encoding: "string", body: "a \"b\"\n\xff", want: `{"content":"a \"b\"\n` + "\ufffd" + `"}`},
		{name: "string of nothing", encoding: "string", want: `{"content":""}`},
		{name: "an unknown encoding", encoding: "jsno", want: `error: got "jsno", want json, safejson, string, xml, rss, atom, yaml, auto or no-op`},
	} {
		r.run(t)
	}
}

func TestDecodeXML(t *testing.T) {
	for _, r := range []decodeRow{
		{name: "an element is its text", body: `<?xml version="1.0"?><a> x </a>`, want: `{"a":"x"}`},
		{name: "an empty element", body: `<a/>`, want: `{"a":""}`},
		{name: "attributes and text", body: `<a id="1" n=" y ">x</a>`, want: `{"a":{"-id":"1","-n":" y ","#text":"x"}}`},
		{name: "children in their order", body: `<r><b>1</b><a>2</a></r>`, want: `{"r":{"b":"1","a":"2"}}`},
		{name: "children of one name, also apart", body: `<r><b>1</b><a/><b>2</b><b/></r>`, want: `{"r":{"b":["1","2",""],"a":""}}`},
		{name: "lists in lists", body: `<r><b><c>1</c><c>2</c></b><b><c>3</c></b></r>`, want: `{"r":{"b":[{"c":["1","2"]},{"c":"3"}]}}`},
		{name: "prefixes go, declarations are attributes", body: `<s:r xmlns:s="u" xmlns="v"><s:a>1</s:a><a>2</a></s:r>`, want: `{"r":{"-s":"u","-xmlns":"v","a":["1","2"]}}`},
		{name: "of two attributes of one name the last", body: `<r x:a="1" a="2" b=""/>`, want: `{"r":{"-a":"2","-b":""}}`},
		{name: "text in several pieces is whole", body: `<a>one <!-- c -->two<![CDATA[ <3]]></a>`, want: `{"a":"one two <3"}`},
		{name: "mixed content keeps all of its text", body: `<p>Hello <b>big</b> world</p>`, want: `{"p":{"#text":"Hello  world","b":"big"}}`},
		{name: "mixed content with attributes", body: `<p x="1"><b/>t</p>`, want: `{"p":{"-x":"1","#text":"t","b":""}}`},
		{name: "entities of XML", body: `<a>&lt;&amp;&#65;"</a>`, want: `{"a":"<&A\""}`},
		{name: "a byte order mark", body: "\ufeff<a>1</a>", want: `{"a":"1"}`},
		{name: "another character set", body: "<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", want: `{"a":"é"}`},
		{name: "numbers keep their digits", body: `<a>12345678901234567890.10</a>`, want: `{"a":"12345678901234567890.10"}`},
		{name: "a collection", collection: true, body: `<r><a>1</a></r>`, want: `{"collection":{"r":{"a":"1"}}}`},
		{name: "no element", body: `3`, want: `error: text outside of the root element`},
		{name: "nothing", body: ``, want: `error: unexpected EOF`},
		{name: "only a comment", body: `<!-- x -->`, want: `error: unexpected EOF`},
		{name: "not closed", body: `<a><b></b>`, want: `error: unexpected EOF`},
		{name: "closed by another", body: `<a><b></a></b>`, want: `error: </a> closes nothing`},
		{name: "closed by another prefix", body: `<x:a></y:a>`, want: `error: </a> closes nothing`},
		{name: "closed twice", body: `<a></a></a>`, want: `error: </a> closes nothing`},
		{name: "two roots", body: `<a/><b/>`, want: `error: a second root element, want one`},
		{name: "text after the root", body: `<a/>x`, want: `error: text outside of the root element`},
		{name: "JSON is no XML", body: `{"a":1}`, want: `error: …`},
		{name: "a name that looks like an attribute", body: `<r><x:-a/></r>`, want: `error: <x:-a> is no name`},
		{name: "entities of the document", body: `<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;">]><a>&m;</a>`, want: `error: …`},
		{name: "too deep", body: strings.Repeat("<a>", maxXMLDepth+1), want: `error: elements more than 250 deep`},
		{name: "too many elements", body: "<r>" + strings.Repeat("<a/>", maxXMLNodes) + "</r>", want: "error: more than 524288 elements…"},
		{name: "too many names", body: manyNamed(maxXMLNames + 1), want: "error: more than 524288 elements…"},
		{name: "too many attributes", body: "<r><a" + strings.Repeat(" a='>'", maxXMLAttrs+1) + "/></r>", want: "error: an element with more than 4096 attributes"},
		{name: "as deep as may be", body: strings.Repeat("<a>", maxXMLDepth) + strings.Repeat("</a>", maxXMLDepth), want: strings.Repeat(`{"a":`, maxXMLDepth) + `""` + strings.Repeat("}", maxXMLDepth)},
	} {
		r.encoding = "xml"
		r.run(t)
	}
}

func TestCrowdedTags(t *testing.T) {
	many := strings.Repeat(" a=''", 3*maxXMLAttrs)
	for text, want := range map[string]bool{
		"<r><a" + many + "/></r>":                                              true,
		"<r><a" + strings.ReplaceAll(many, " ", "") + "/></r>":                 true,
		"<r><a" + strings.ReplaceAll(many, "''", "'>'") + "/></r>":             true,
		"<r><a" + strings.Repeat(" word", 3*maxXMLAttrs) + "/></r>":            true, // in a feed, which need not be well-formed
		"<r><a" + strings.Repeat(" a = ''", maxXMLAttrs-1) + "/><b/>":          false,
		"<r>" + many + "<a b='" + strings.Repeat("= ", 9999) + "'/><b/>":       false,
		"<r><!--" + many + "--><![CDATA[" + many + "]]><?p " + many + "?></r>": false,
		"<": false,
		"":  false,
	} {
		if got := crowded([]byte(text)); got != want {
			t.Errorf("%.40s… of %d bytes: got %t", text, len(text), got)
		}
	}
}

func manyNamed(n int) string {
	var b strings.Builder
	b.WriteString("<r>")
	for i := range n {
		fmt.Fprintf(&b, "<n%d/>", i)
	}
	return b.String() + "</r>"
}

func TestDecodeXMLOfManyNames(t *testing.T) {
	var doc, want strings.Builder
	doc.WriteString("<r>")
	for i := range 100 {
		fmt.Fprintf(&doc, "<n%d>a</n%d>", i, i)
		fmt.Fprintf(&want, `,"n%d":["a","b"]`, i)
	}
	for i := range 100 {
		fmt.Fprintf(&doc, "<n%d>b</n%d>", i, i)
	}
	doc.WriteString("</r>")
	decodeRow{name: "many names", encoding: "xml", body: doc.String(), want: `{"r":{` + want.String()[1:] + `}}`}.run(t)
}

// TestDecodeXMLAsMxj compares with the library whose maps KrakenD's users know, where it loses nothing.
func TestDecodeXMLAsMxj(t *testing.T) {
	for _, doc := range []string{
		`<Person id="1"><FullName>Alice</FullName><Email where="home"><Addr>a@b.c</Addr></Email><Email where='work'><Addr>d@e.f</Addr></Email></Person>`,
		`<a><b><c/></b><b>x</b><d e="f"/></a>`,
		`<soap:Envelope xmlns:soap="http://x"><soap:Body><r xmlns="u">1</r></soap:Body></soap:Envelope>`,
		`<a x="1"> t </a>`, `<a>
			<b>  spaced  out </b>
		</a>`, `<a><![CDATA[ x < y ]]></a>`,
	} {
		m, err := mxj.NewMapXml([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		ours := decoded("xml", false, "", doc)
		if a, b := canonical(t, string(theirs)), canonical(t, ours); a != b {
			t.Errorf("%s:\n mxj %s\nours %s", doc, a, b)
		}
	}
}

// canonical is a JSON text with sorted keys.
func canonical(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDecodeYAML(t *testing.T) {
	for _, r := range []decodeRow{
		{name: "a mapping in its order", body: "b: 1\na:\n  - x\n  - y: true\n", want: `{"b":1,"a":["x",{"y":true}]}`},
		{name: "numbers keep their digits", body: "a: 12345678901234567890\nb: 1.10\nc: -0\nd: 1e400\ne: 0.10e+5", want: `{"a":12345678901234567890,"b":1.10,"c":-0,"d":1e400,"e":0.10e+5}`},
		{name: "numbers that JSON spells otherwise", body: "a: 0x1F\nb: 0o17\nc: +1\nd: .5\ne: 1.\nf: 1_000\ng: -.5e3\nh: 1.e3\ni: 0b11\nj: 007.50", want: `{"a":31,"b":15,"c":1,"d":0.5,"e":1,"f":1000,"g":-0.5e3,"h":1e3,"i":3,"j":7.50}`},
		{name: "what JSON has no number for", body: "a: .inf\nb: .nan\nc: 2026-11-21", want: `{"a":".inf","b":".nan","c":"2026-11-21"}`},
		{name: "nulls and booleans", body: "a:\nb: ~\nc: null\nd: True\ne: false\nf: yes\ng: no", want: `{"a":null,"b":null,"c":null,"d":true,"e":false,"f":"yes","g":"no"}`},
		{name: "strings", body: "a: \"1\"\nb: 'x y'\nc: |\n  l1\n  l2\nd: >\n  f1\n  f2\ne: !!str 5", want: `{"a":"1","b":"x y","c":"l1\nl2\n","d":"f1 f2\n","e":"5"}`},
		{name: "keys become strings", body: "1: a\ntrue: b\nnull: c\n1.50: d", want: `{"1":"a","true":"b","null":"c","1.50":"d"}`},
		{name: "anchors", body: "a: &x {b: 1}\nc: *x", want: `{"a":{"b":1},"c":{"b":1}}`},
		{name: "merge keys", body: "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  b: 9\n  <<: [*y, *x]", want: `{"x":{"a":1,"b":2},"y":{"b":3,"c":4},"z":{"b":9,"c":4,"a":1}}`},
		{name: "an own key wins over a merged one before it", body: "x: &x {a: 1}\nz:\n  <<: *x\n  a: 2", want: `{"x":{"a":1},"z":{"a":2}}`},
		{name: "a custom tag", body: "a: !thing v", want: `{"a":"v"}`},
		{name: "binary stays text", body: "a: !!binary aGk=", want: `{"a":"aGk="}`},
		{name: "JSON as it came", body: `{"b": 1.0, "a": "\u0041"}`, want: `{"b": 1.0, "a": "\u0041"}`},
		{name: "a flow mapping", body: "{a: 1, b: [x, y]}", want: `{"a":1,"b":["x","y"]}`},
		{name: "a sequence of a collection", collection: true, body: "- 1\n- a", want: `{"collection":[1,"a"]}`},
		{name: "a sequence without is_collection", body: "- 1", want: `error: got an array, want a mapping…`},
		{name: "a mapping with is_collection", collection: true, body: "a: 1", want: `error: got an object, want a sequence…`},
		{name: "plain text is no mapping", body: "Internal Server Error", want: `error: got a string, want a mapping…`},
		{name: "nothing", body: "", want: "error: an empty document"},
		{name: "only a comment", body: "# x\n", want: "error: an empty document"},
		{name: "two documents", body: "a: 1\n---\nb: 2", want: "error: a second document, want one"},
		{name: "a doubled key", body: "a: 1\na: 2", want: `error: line 2: the key "a" stands twice`},
		{name: "a mapping as a key", body: "? {a: 1}\n: b", want: `error: line 1: a key that is a mapping or a sequence…`},
		{name: "broken", body: "a: [1", want: "error: …"},
		{name: "an unknown alias", body: "a: *x", want: "error: …"},
		{name: "an anchor inside itself", body: "a: &x\n  b: *x", want: "error: more than 250 deep"},
		{name: "an anchor merged into itself", body: "a: &x\n  <<: *x\n  b: 1", want: "error: more than 250 deep"},
		{name: "a bomb", body: bomb(9, "lol"), want: "error: over 10485760 bytes as JSON"},
		{name: "a bomb of empty merges", body: mergeBomb(9), want: "error: more than 4194304 nodes, aliases followed"},
		{name: "too deep", body: strings.Repeat("[", 300) + strings.Repeat("]", 300) + " # no JSON", want: "error: more than 250 deep"},
		{name: "far too deep", body: strings.Repeat("- ", 100000) + "a", want: "error: …"},
		{name: "too large", body: "a: |\n" + strings.Repeat("  xxxxxxxxxxxxxxxxxxxx\n", 60000), want: "error: over 524288 bytes of YAML"},
	} {
		r.encoding = "yaml"
		r.run(t)
	}
}

// bomb is a text whose aliases stand for 9^n words.
func bomb(n int, word string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a0: &a0 [%s]\n", strings.TrimSuffix(strings.Repeat(word+",", 9), ","))
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	return b.String()
}

func mergeBomb(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 {x: 1}\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "a%d: &a%d\n  <<: [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 20), ","))
	}
	return b.String()
}

const rss = `<?xml version="1.0"?><rss version="2.0"><channel><title>News &amp; more</title><link>https://a.test</link>
<description>All of it</description><language>en</language><copyright>us</copyright><pubDate>Mon, 02 Jan 2026 15:04:05 GMT</pubDate>
<category>one</category><image><url>https://a.test/i.png</url></image>
<item><title>First</title><link>https://a.test/1</link><guid>1</guid></item><item><title>Second</title></item></channel></rss>`

const atom = `<feed xmlns="http://www.w3.org/2005/Atom"><title>Atomic</title><updated>2026-01-02T15:04:05Z</updated>
<author><name>Ann</name><email>ann@a.test</email></author><entry><title>E</title><id>urn:1</id><summary>S</summary></entry></feed>`

func TestDecodeFeed(t *testing.T) {
	for _, r := range []decodeRow{
		{name: "RSS has KrakenD's fields", encoding: "rss", body: rss, want: `{"author":null,"categories":["one"],"copyright":"us","custom":null,"description":"All of it","img_url":"https://a.test/i.png",` +
			`"items":[{"title":"First","link":"https://a.test/1","links":["https://a.test/1"],"guid":"1"},{"title":"Second"}],"language":"en","published":"Mon, 02 Jan 2026 15:04:05 GMT","title":"News & more","type":"rss","updated":""}`},
		{name: "Atom by the name rss", encoding: "rss", body: atom, want: `{"author":{"name":"Ann","email":"ann@a.test"},"categories":null,"copyright":"","custom":null,"description":"",` +
			`"items":[{"title":"E","description":"S","guid":"urn:1"}],"language":"","published":"","title":"Atomic","type":"atom","updated":"2026-01-02T15:04:05Z"}`},
		{name: "a JSON feed", encoding: "atom", body: `{"version":"https://jsonfeed.org/version/1","title":"J","items":[]}`, want: `{"author":null,"categories":null,"copyright":"","custom":null,"description":"","items":[],"language":"","published":"","title":"J","type":"json","updated":""}`},
		{name: "nothing", encoding: "rss", want: "error: failed to detect feed type"},
		{name: "a page", encoding: "rss", body: "<html></html>", want: "error: failed to detect feed type"},
		{name: "cut short", encoding: "rss", body: rss[:300], want: "error: …"},
		{name: "too many attributes", encoding: "rss", body: `<rss version="2.0"><channel>` + "<a" + strings.Repeat(" b", 2*maxXMLAttrs+1) + "/></channel></rss>", want: "error: an element with more than 4096 attributes"},
		{name: "too deep", encoding: "rss", body: `<rss version="2.0"><channel>` + strings.Repeat("<x:a>", 300), want: "error: elements more than 250 deep"},
		{name: "too many elements", encoding: "rss", body: `<rss version="2.0"><channel>` + strings.Repeat("<item/>", maxFeedElements), want: "error: more than 30000 elements"},
		{name: "a JSON feed with too many objects", encoding: "rss", body: `{"version":"https://jsonfeed.org/version/1","items":[` + strings.Repeat("{},", maxFeedElements), want: "error: more than 30000 objects"},
		{name: "a JSON feed that is too large", encoding: "rss", body: `{"x":"` + strings.Repeat("x", 2<<20), want: "error: over 2097152 bytes of JSON feed"},
		{name: "in too many pieces", encoding: "rss", body: `<rss version="2.0"><channel><x:a>` + strings.Repeat("aaaaaaaa<b/>", 20000) + "</x:a></channel></rss>", want: "error: text in too many pieces"},
	} {
		r.run(t)
	}
}

func TestDecodeAuto(t *testing.T) {
	for _, r := range []decodeRow{
		{name: "JSON", contentType: "application/json; charset=utf-8", body: `{"a":1}`, want: `{"a":1}`},
		{name: "no type is JSON", body: `{"a":1}`, want: `{"a":1}`},
		{name: "a JSON array", contentType: "application/json", body: `[1]`, want: `{"collection":[1]}`},
		{name: "a suffix", contentType: "Application/Problem+JSON", body: `{"title":"x"}`, want: `{"title":"x"}`},
		{name: "XML", contentType: "text/xml", body: `<a>1</a>`, want: `{"a":"1"}`},
		{name: "SOAP", contentType: "application/soap+xml;charset=utf-8", body: `<a>1</a>`, want: `{"a":"1"}`},
		{name: "YAML", contentType: "application/yaml", body: "a: 1", want: `{"a":1}`},
		{name: "a YAML sequence", contentType: "application/x-yaml", body: "- 1", want: `{"collection":[1]}`},
		{name: "text", contentType: "text/plain", body: "hi", want: `{"content":"hi"}`},
		{name: "another type", contentType: "image/png", body: "x", want: `error: content type "image/png" is none that encoding auto reads…`},
		{name: "JSON that is none", contentType: "application/json", body: "<html>", want: `error: …`},
	} {
		r.encoding = "auto"
		r.run(t)
	}
	got := decoded("auto", false, "application/rss+xml", rss)
	if !strings.Contains(got, `"title":"News & more","type":"rss"`) {
		t.Error(got)
	}
}

// FuzzDecode holds every decoder against one rule: valid JSON of the right kind, or an error.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `[1]`, `null`, `<a b="c">d<e/>d</a>`, "a: &x 1\nb: *x\nc: 0x1F\n<<: {d: .5}", rss, atom, `{"version":"https://jsonfeed.org/version/1","items":[{}]}`} {
		for i := range 7 {
			f.Add(byte(i), seed)
		}
	}
	encodings := []string{"json", "safejson", "string", "xml", "rss", "yaml", "auto"}
	f.Fuzz(func(t *testing.T, pick byte, body string) {
		if len(body) > 16<<10 {
			return
		}
		encoding := encodings[int(pick)%len(encodings)]
		got := decoded(encoding, pick >= 128, []string{"", "text/xml", "application/yaml", "application/atom+xml"}[pick>>5&3], body)
		if strings.HasPrefix(got, "error: ") {
			return
		}
		var v rawjson.Value
		if err := v.Parse([]byte(got), 0); err != nil {
			t.Fatalf("%s of %q: %s: %v", encoding, body, got, err)
		}
		if k := v.Kind(); k != '{' && !(k == 'n' && encoding == "json") {
			t.Fatalf("%s of %q: %s", encoding, body, got)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var doc, list strings.Builder
	for i := range 200 {
		fmt.Fprintf(&doc, `<user id="%d"><name>user %d</name><tags><tag>a</tag><tag>b</tag></tags></user>`, i, i)
		fmt.Fprintf(&list, "- id: %d\n  name: user %d\n  tags: [a, b]\n", i, i)
	}
	for _, r := range []decodeRow{
		{name: "json", encoding: "json", body: `{"id":7,"name":"user 7","tags":["a","b"]}`},
		{name: "string", encoding: "string", body: strings.Repeat("hello ", 100)},
		{name: "xml", encoding: "xml", body: "<users>" + doc.String() + "</users>"},
		{name: "yaml", encoding: "yaml", body: list.String(), collection: true},
		{name: "rss", encoding: "rss", body: rss},
	} {
		b.Run(r.name, func(b *testing.B) {
			d, err := New(r.encoding, Options{Collection: r.collection, Max: 10 << 20})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(r.body)))
			b.ReportAllocs()
			var v rawjson.Value
			var text []byte
			for b.Loop() {
				v.Reset()
				if text, err = d.Decode(&v, Answer{Text: append(text[:0], r.body...)}, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
