package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const addressSchema = `{"type":"object","required":["number","street"],"properties":{"number":{"type":"number","maximum":100},"street":{"type":"string","maxLength":20},"tags":{"type":"array","uniqueItems":true}}}`

func ruleOf(t testing.TB, text string) *bodyRule {
	t.Helper()
	s := &Schema{}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	compiled, err := s.Of(false).compile()
	if err != nil {
		t.Fatal(err)
	}
	return &bodyRule{schema: compiled, tell: true}
}

func posted(body string) *http.Request {
	return httptest.NewRequest("POST", "/", strings.NewReader(body))
}

// FuzzWhatPassesFitsItsSchema holds the guard against the library alone, and the body behind it against the one before.
func FuzzWhatPassesFitsItsSchema(f *testing.F) {
	for _, seed := range []string{`{"number":1,"street":"a"}`, `{"number":1,"street":"a","tags":[1,1.0]}`, `{"number":1e-999999,"street":"a"}`, `[]`, ``, `{`, `{"number":101,"street":"a"}`,
		`{"number":1,"street":"a","number":200}`, "\xef\xbb\xbf{}", strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
		f.Add(seed)
	}
	rule := ruleOf(f, addressSchema)
	f.Fuzz(func(t *testing.T, body string) {
		r := posted(body)
		err := rule.guard(context.Background(), nil, nil, r, nil)
		if err != nil {
			var d *Denied
			if !errors.As(err, &d) || d.Status != 400 {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatalf("%q passed and is no JSON: %v", body, err)
		}
		if err := rule.schema.Validate(value); err != nil {
			t.Fatalf("%q passed and does not fit: %v", body, err)
		}
		behind, err := io.ReadAll(r.Body)
		if string(behind) != body || err != nil || r.ContentLength != int64(len(body)) {
			t.Fatalf("%q became %q (%d, %v)", body, behind, r.ContentLength, err)
		}
	})
}

func BenchmarkSchema(b *testing.B) {
	rule := ruleOf(b, addressSchema)
	body := `{"number": 7, "street": "Long Road", "tags": ["a", "b", "c"]}`
	b.ReportAllocs()
	for b.Loop() {
		if err := rule.guard(context.Background(), nil, nil, posted(body), nil); err != nil {
			b.Fatal(err)
		}
	}
}
