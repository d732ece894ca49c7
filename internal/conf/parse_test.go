package conf

import (
	"strings"
	"testing"
)

func TestParseSaysWhatIsWrong(t *testing.T) {
	deep := strings.Repeat(`{"a":`, maxDepth) + "{"
	rows := []struct{ name, file, data, want string }{
		{"an empty file", "g.json", "", "g.json: the file is empty, want a JSON object"},
		{"a file of white space", "g.json", " \n\t ", "g.json: the file is empty, want a JSON object"},
		{"a byte order mark", "g.json", "\xef\xbb\xbf{}", "g.json: the file begins with a byte order mark, want plain UTF-8 without one"},
		{"UTF-16", "g.json", "\xff\xfe{\x00}\x00", "g.json: the file is UTF-16, want UTF-8"},
		{"a YAML file by its name", "conf/g.yml", "version: 3", "conf/g.yml: files are JSON: a .yml file is not read"},
		{"a YAML file by its other name", "g.YAML", "{}", "g.YAML: files are JSON: a .yaml file is not read"},
		{"a TOML file by its name", "g.toml", "", "g.toml: files are JSON: a .toml file is not read"},
		{"YAML in a file called JSON", "g.json", "version: 3", "g.json:1:1: got version, want a value"},
		{"a list at the root", "g.json", " [1]", "g.json:1:2: got a list, want one object: { … }"},
		{"a string at the root", "g.json", `"x"`, "g.json:1:1: got a string, want one object: { … }"},
		{"something behind the object", "g.json", "{}\n{}", "g.json:2:1: got '{', want nothing more: the value that began the file is complete"},
		{"a comma before the brace", "g.json", "{\"a\": 1,\n}", "g.json:2:1: got '}', want a key (JSON takes no comma before '}')"},
		{"a comma before the bracket", "g.json", "{\"a\": [1, ]}", "g.json:1:11: got ']', want a value (JSON takes no comma before ']')"},
		{"no comma between keys", "g.json", "{\"a\": 1\n \"b\": 2}", "g.json:2:2: got '\"', want ',' or '}'"},
		{"no comma between items", "g.json", "{\"a\": [1 2]}", "g.json:1:10: got '2', want ',' or ']'"},
		{"the wrong bracket", "g.json", "{\"a\": [1}", "g.json:1:9: got '}', want ',' or ']'"},
		{"no colon", "g.json", `{"a" 1}`, `g.json:1:6: got '1', want ':' after the key "a"`},
		{"an equals sign", "g.json", `{"a" = 1}`, `g.json:1:6: got '=', want ':' after the key "a" (JSON parts key and value by ':')`},
		{"a key without quotes", "g.json", `{port: 1}`, "g.json:1:2: got port, want a key in double quotes"},
		{"single quotes", "g.json", `{'a': 1}`, `g.json:1:2: got '\'', want a key in double quotes (JSON strings stand in double quotes)`},
		{"a line comment", "g.json", "{\n// x\n}", `g.json:2:1: got '/', want a key in double quotes (JSON has no comments: write a key such as "@comment")`},
		{"a block comment", "g.json", "{\"a\": /* x */ 1}", `g.json:1:7: got '/', want a value (JSON has no comments: write a key such as "@comment")`},
		{"Python's True", "g.json", `{"a": True}`, "g.json:1:7: got True, want a value (JSON writes true)"},
		{"YAML's no", "g.json", `{"a": no}`, "g.json:1:7: got no, want a value (JSON writes false)"},
		{"Python's None", "g.json", `{"a": None}`, "g.json:1:7: got None, want a value (JSON writes null)"},
		{"a word that begins like true", "g.json", `{"a": trueish}`, "g.json:1:7: got trueish, want a value"},
		{"not a number", "g.json", `{"a": NaN}`, "g.json:1:7: got NaN, want a value"},
		{"a plus sign", "g.json", `{"a": +1}`, "g.json:1:7: got '+', want a value (JSON numbers begin with a digit or '-')"},
		{"a leading point", "g.json", `{"a": .5}`, "g.json:1:7: got '.', want a value (JSON numbers begin with a digit or '-')"},
		{"a trailing point", "g.json", `{"a": 1.}`, "g.json:1:9: got '}', want a digit after the decimal point"},
		{"an empty exponent", "g.json", `{"a": 1e+}`, "g.json:1:10: got '}', want a digit in the exponent"},
		{"a leading zero", "g.json", `{"a": 007}`, "g.json:1:7: got 007, want a number without leading zeros"},
		{"a lone minus", "g.json", `{"a": -}`, "g.json:1:8: got '}', want a digit after '-'"},
		{"a hexadecimal number", "g.json", `{"a": 0x1F}`, "g.json:1:8: got x1F, want ',' or '}'"},
		{"an unclosed object", "g.json", "{\n \"a\": {\n  \"b\": 1\n", "g.json:4:1: the file ends here, want ',' or '}' (the '{' of 2:7 is not closed)"},
		{"an unclosed list", "g.json", `{"a": [1,`, "g.json:1:10: the file ends here, want a value (the '[' of 1:7 is not closed)"},
		{"an unclosed string", "g.json", `{"a": "b}`, `g.json:1:10: the file ends here, want '"' (the string of 1:7 is not closed)`},
		{"an unclosed escape", "g.json", `{"a": "b\`, `g.json:1:9: got an unknown escape, want one of \" \\ \/ \b \f \n \r \t \uXXXX (a backslash itself is \\)`},
		{"a quote forgotten at the end of a line", "g.json", "{\"a\": \"b,\n \"c\": 1}", `g.json:1:7: the string is not closed on its line, want '"' (a line break in a string is \n)`},
		{"a tab in a string", "g.json", "{\"a\": \"b\tc\"}", `g.json:1:9: got a tab inside a string, want \t`},
		{"a control character in a string", "g.json", "{\"a\": \"b\x00c\"}", `g.json:1:9: got the control character 0x00 inside a string, want \u0000`},
		{"a Windows path", "g.json", `{"a": "C:\dir"}`, `g.json:1:10: got an unknown escape, want one of \" \\ \/ \b \f \n \r \t \uXXXX (a backslash itself is \\)`},
		{"three hexadecimal digits", "g.json", `{"a": "\u12G4"}`, `g.json:1:8: got \u without four hexadecimal digits`},
		{"half a surrogate pair", "g.json", `{"a": "\ud83d"}`, "g.json:1:8: got half a surrogate pair, want both halves"},
		{"two first halves", "g.json", `{"a": "\ud83d\ud83d"}`, "g.json:1:8: got half a surrogate pair, want both halves"},
		{"a byte that is not UTF-8 in a string", "g.json", "{\"a\": \"\xff\"}", "g.json:1:8: got the byte 0xff, want UTF-8"},
		{"a byte that is not UTF-8 outside", "g.json", "{\xff}", "g.json:1:2: got the byte 0xff, want a key in double quotes"},
		{"a no-break space", "g.json", "{\u00a0}", `g.json:1:2: got '\u00a0', want a key in double quotes`},
		{"typographic quotes", "g.json", "{“a”: 1}", "g.json:1:2: got '“', want a key in double quotes"},
		{"too deep", "g.json", deep, "g.json:1:641: nested more than 128 deep"},
		{"Windows line ends", "g.json", "{\r\n  \"a\": x\r\n}", "g.json:2:8: got 'x', want a value"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			d, err := Parse(row.file, []byte(row.data))
			if err == nil || err.Error() != row.want {
				t.Errorf("got %v\nwant %s", err, row.want)
			}
			if d != nil {
				t.Error("got a document with a mistake in it")
			}
		})
	}
}

func TestParseReadsStrings(t *testing.T) {
	rows := map[string]string{
		`"plain"`:                     "plain",
		`"\"\\\/\b\f\n\r\t"`:          "\"\\/\b\f\n\r\t",
		`"\u0041\u00e9\u20AC"`:        "Aé€",
		`"\ud83d\ude00 \uD83D\uDE00"`: "😀 😀",
		`"ä€😀"`:                       "ä€😀",
		`"\u2028\u007f"`:              "\u2028\x7f",
		`""`:                          "",
	}
	for data, want := range rows {
		n, err := (&parser{data: []byte(data)}).document()
		if err != nil || n.text != want {
			t.Errorf("%s: got %q, %v, want %q", data, n.text, err, want)
		}
	}
}

func TestVersion(t *testing.T) {
	rows := []struct {
		data string
		want int
		err  string
	}{
		{`{"version": 2}`, 2, ""},
		{`{"version": 3}`, 3, ""},
		{`{"version": 4}`, 4, ""},
		{`{"version": "3"}`, 3, ""},
		{`{"version": 3.0}`, 3, ""},
		{`{"version": "4"}`, 0, `g.json:1:13: version: got a string, want the number 4`},
		{`{"version": 1}`, 0, "g.json:1:13: version: got 1, want 2, 3 or 4"},
		{`{"version": 5}`, 0, "g.json:1:13: version: got 5, want 2, 3 or 4"},
		{`{"version": 3.5}`, 0, "g.json:1:13: version: got 3.5, want 2, 3 or 4"},
		{`{"version": 99999999999999999999}`, 0, "g.json:1:13: version: got 99999999999999999999, want 2, 3 or 4"},
		{`{"version": "three"}`, 0, `g.json:1:13: version: got "three", want 2, 3 or 4`},
		{`{"version": null}`, 0, "g.json:1:13: version: got null, want 2, 3 or 4"},
		{`{"version": [3]}`, 0, "g.json:1:13: version: got a list, want 2, 3 or 4"},
		{` {}`, 0, "g.json:1:2: version: missing, want 2, 3 or 4"},
		{`{"Version": 3}`, 0, "g.json:1:1: version: missing, want 2, 3 or 4"},
	}
	for _, row := range rows {
		t.Run(row.data, func(t *testing.T) {
			d, err := Parse("g.json", []byte(row.data))
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Version()
			text := ""
			if err != nil {
				text = err.Error()
			}
			if got != row.want || text != row.err {
				t.Errorf("got %d, %q, want %d, %q", got, text, row.want, row.err)
			}
		})
	}
}

func TestRaw(t *testing.T) {
	d, err := Parse("g.json", []byte(`{"a": [ {"b" : 1.50} ]}`))
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		path Path
		want string
		ok   bool
	}{
		{Path{}, `{"a": [ {"b" : 1.50} ]}`, true},
		{Path{"a"}, `[ {"b" : 1.50} ]`, true},
		{Path{"a", 0, "b"}, `1.50`, true},
		{Path{"a", 1}, ``, false},
		{Path{"a", -1}, ``, false},
		{Path{"a", "b"}, ``, false},
		{Path{"x"}, ``, false},
	}
	for _, row := range rows {
		if got, ok := d.Raw(row.path...); string(got) != row.want || ok != row.ok {
			t.Errorf("%v: got %s, %v, want %s, %v", row.path, got, ok, row.want, row.ok)
		}
	}
}
