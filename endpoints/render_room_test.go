package endpoints

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"gatehouse/backends"
	"gatehouse/backends/decode"
	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

const (
	largeAnswer = 10 << 20  // the default of max_response_size
	mostMemory  = 100 << 20 // for one answer, on top of its text
)

// large is a text of that size: opening, elements made by one for each number, closing.
func large(opening string, one func(i int) string, closing string, most int) []byte {
	var b bytes.Buffer
	b.Grow(largeAnswer + 64)
	b.WriteString(opening)
	for i := 0; i < most; i++ {
		s := one(i)
		if b.Len()+len(s)+len(closing)+1 > largeAnswer {
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s)
	}
	b.WriteString(closing)
	return b.Bytes()
}

func always(s string) func(int) string { return func(int) string { return s } }

// An answer of the usual size in another format takes no more than it may, whatever is in it; what takes more is refused.
func TestLargeAnswersInOtherFormats(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	const all = 1 << 30
	member := func(i int) string { return fmt.Sprintf(`"k%x":1`, i) }
	nested := strings.Repeat(`[`, 31) + strings.Repeat(`123456789012,`, 50) + `1` + strings.Repeat(`]`, 31)
	for _, row := range []struct {
		name    string
		text    []byte
		refused string // in which formats
	}{
		{"records", large(`{"a":[`, func(i int) string {
			return fmt.Sprintf(`{"id":%d,"name":"name %d","price":%d.5,"tags":["x","yy"],"note":null}`, i, i, i%100)
		}, `]}`, all), ""},
		{"a million numbers", large(`{"temperature":[`, func(i int) string { return fmt.Sprint(100_000_000 + i) }, `]}`, 1_000_000), ""},
		{"strings", large(`{"a":[`, func(i int) string { return fmt.Sprintf(`"an entry & its number, \"%d\""`, i) }, `]}`, all), ""},
		{"numbers", large(`{"a":[`, always("1"), `]}`, all), "xml yaml"},
		{"arrays", large(`{"a":[`, always("[]"), `]}`, all), "xml yaml"},
		{"objects", large(`{"a":[`, always(`{"a":1}`), `]}`, all), "xml yaml"},
		{"members", large(`{`, member, `}`, all), "xml yaml"},
		{"many members", large(`{`, member, `}`, 260_000), ""},
		{"attributes", large(`{"a":{`, func(i int) string { return fmt.Sprintf(`"-\u006b%x":1`, i) }, `}}`, 260_000), ""},
		{"an array under a long key", large(`{"`+strings.Repeat("k", 60_000)+`":[`, always("1"), `]}`, 1_000_000), "xml"},
		{"a key that is too long for a name", large(`{"`+strings.Repeat("k", 70_000)+`":[`, always("1"), `]}`, 10), "xml"},
		{"the same as an attribute", large(`{"-`+strings.Repeat("k", 70_000)+`":`, always("1"), `}`, 1), "xml"},
		{"deep arrays", large(`{"a":[`, always(nested), `]}`, 26_000), "yaml"},
		{"a long string that is escaped", large(`{"a":"`, always(strings.Repeat("&", largeAnswer-100)), `"}`, 1), "xml"},
		{"a string with long escapes", large(`{"a":"`, always(strings.Repeat("\x7f", largeAnswer-100)), `"}`, 1), "yaml"},
		{"half dense", large(`{"a":["`+strings.Repeat("x", largeAnswer/2)+`",`, func(i int) string { return `""` }, `]}`, 1_300_000), ""},
	} {
		for _, encoding := range []string{"xml", "yaml"} {
			t.Run(row.name+" as "+encoding, func(t *testing.T) {
				choose, err := chooserOf(encoding, false)
				if err != nil {
					t.Fatal(err)
				}
				plan, err := rawjson.Compile(rawjson.Spec{Deny: [][]string{{"k1"}, {"a", "k1"}}, Group: "group"})
				if err != nil {
					t.Fatal(err)
				}
				size := 0
				took := allocated(func() {
					var v rawjson.Value
					if err = v.ParseWithin(row.text, plan.Depth(), largeAnswer); err == nil {
						err = plan.Apply(&v)
					}
					if err == nil {
						var out []byte
						out, err = choose(nil).append(nil, &v)
						size = len(out)
					}
				})
				if want := strings.Contains(row.refused, encoding); (err != nil) != want {
					t.Errorf("got %v, want an error: %v", err, want)
				}
				if took > mostMemory {
					t.Errorf("took %d MB for %d MB, want 100 at most", took>>20, size>>20)
				}
				t.Logf("%d MB for %d MB", took>>20, size>>20)
			})
		}
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

// In two halves a long text is the same.
func TestLongStringsInPieces(t *testing.T) {
	for _, s := range []string{"", "é", "日本", "\U0001f600", "a&\"\u0085"} {
		for pad := range 5 {
			said := strings.Repeat("x", pad) + strings.Repeat(s, 2*pieceSize)
			text := string(rawjson.AppendString(nil, said))
			if got, want := formatted(t, "xml", `{"a":`+text+`}`), string(append(appendXMLText([]byte("<a>"), []byte(said), false), "</a>"...)); s != "" && got != want {
				t.Errorf("%q as XML: got something else in pieces", s)
			}
			if got, want := formatted(t, "yaml", `[`+text+`]`), "- "+string(appendYAMLString(nil, []byte(said)))+"\n"; got != want {
				t.Errorf("%q as YAML: got something else in pieces", s)
			}
		}
	}
}

// What is refused is the backend's fault, and the headers of its answer do not pass.
func TestAnswersTooLargeForAFormat(t *testing.T) {
	text := "[" + strings.Repeat("1,", 2_000_000) + "1]"
	for encoding, want := range map[string]bool{"json": true, "xml": false, "yaml": false} {
		e := rendering(t, Config{OutputEncoding: encoding, OutputHeaders: []string{"X-A"}}, Voice{})
		res, err := reading(text)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		err = e.render(e, NewExchange(), w, httptest.NewRequest("GET", "/", nil), res)
		var f *backends.Failure
		switch {
		case want && (err != nil || w.Body.Len() != len(text)):
			t.Errorf("%s: got %v and %d bytes, want the text", encoding, err, w.Body.Len())
		case !want && (!errors.As(err, &f) || f.Reason != backends.ReasonTooLarge || len(w.Header()) > 0):
			t.Errorf("%s: got %v and %v, want upstream_too_large", encoding, err, w.Header())
		}
	}
}

// reading is an answer as a backend reads it that only hands it on.
func reading(text string) (*backends.Response, error) {
	d, err := decode.New("json", decode.Options{Collection: true, Max: largeAnswer})
	if err != nil {
		return nil, err
	}
	res := backends.NewResponse()
	res.Status, res.Complete = 200, true
	res.Header = []outbound.Field{{Name: "X-A", Value: "1"}}
	_, err = d.Decode(&res.Body, decode.Answer{Text: []byte(text)}, 0)
	return res, err
}
