package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
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

// TestWordsForEveryKind walks all that the library may find wrong, by its source, and wants words of ours for each.
func TestWordsForEveryKind(t *testing.T) {
	one := big.NewRat(1, 1)
	kinds := map[string]jsonschema.ErrorKind{}
	for _, k := range []jsonschema.ErrorKind{&kind.InvalidJsonValue{}, &kind.Schema{}, &kind.Group{}, &kind.Not{}, &kind.AllOf{}, &kind.AnyOf{}, &kind.OneOf{},
		&kind.FalseSchema{}, &kind.RefCycle{}, &kind.Type{Got: "null", Want: []string{"array"}}, &kind.Enum{}, &kind.Const{}, &kind.Format{}, &kind.Reference{},
		&kind.MinProperties{}, &kind.MaxProperties{}, &kind.MinItems{}, &kind.MaxItems{}, &kind.AdditionalItems{}, &kind.Required{}, &kind.Dependency{},
		&kind.DependentRequired{}, &kind.AdditionalProperties{}, &kind.PropertyNames{}, &kind.UniqueItems{}, &kind.Contains{}, &kind.MinContains{},
		&kind.MaxContains{}, &kind.MinLength{}, &kind.MaxLength{}, &kind.Pattern{}, &kind.ContentEncoding{}, &kind.ContentMediaType{}, &kind.ContentSchema{},
		&kind.Minimum{Got: one, Want: one}, &kind.Maximum{Got: one, Want: one}, &kind.ExclusiveMinimum{Got: one, Want: one}, &kind.ExclusiveMaximum{Got: one, Want: one},
		&kind.MultipleOf{Got: one, Want: one}} {
		kinds[reflect.TypeOf(k).Elem().Name()] = k
	}
	where, err := build.Import("github.com/santhosh-tekuri/jsonschema/v6/kind", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	source, err := parser.ParseFile(token.NewFileSet(), filepath.Join(where.Dir, "kind.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(source, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			found++
			if k := kinds[spec.Name.Name]; k == nil || words(k) == "" {
				t.Errorf("%s: no words for it", spec.Name.Name)
			}
		}
		return true
	})
	if found != len(kinds) {
		t.Errorf("the library has %d kinds, and here are %d", found, len(kinds))
	}
}

// A body of very many values is refused before it is decoded, one of as many bytes in usual records is not.
func TestHeavyBodies(t *testing.T) {
	for text, want := range map[string]int{`1`: 1, `"a,[{\\\","`: 1, `[1,2,3]`: 4, `{"a,b":"\\","c":[true]}`: 4 + objectWeight} {
		if got := weight([]byte(text)); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
	s := &Schema{raw: []byte(`{"type":"array"}`)}
	compiled, err := s.compile()
	if err != nil {
		t.Fatal(err)
	}
	rule := &bodyRule{schema: compiled}
	for one, heavy := range map[string]bool{`[],`: true, `{"a":{}},`: true, `{"id":1234567,"name":"a name like others","price":12.5,"note":null},`: false} {
		text := "[" + strings.Repeat(one, 3_900_000/len(one)) + "1]"
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
		err := rule.guard(t.Context(), nil, nil, r, nil)
		var d *Denied
		if refused := errors.As(err, &d) && d.Status == http.StatusRequestEntityTooLarge; refused != heavy || err != nil && !heavy {
			t.Errorf("%.20s: got %v, want it refused: %v", one, err, heavy)
		}
	}
}

func TestNumbersAreTold(t *testing.T) {
	for got, want := range map[string]string{"3/2": "got 1.5, want 2 or more", "-1/10": "got -0.1, want 2 or more", "100000000000000000000": "got 100000000000000000000, want 2 or more"} {
		n, _ := new(big.Rat).SetString(got)
		if text := words(&kind.Minimum{Got: n, Want: big.NewRat(2, 1)}); text != want {
			t.Errorf("got %q, want %q", text, want)
		}
	}
}
