package endpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"gatehouse/internal/rawjson"
	"gatehouse/validator"
)

// Schema is validation/json-schema: the namespace is the schema itself. Without "$schema" it is read as one of 2020-12, in
// files of versions 2 and 3 as one of draft 7 or, where it can only be that, draft 4.
type Schema struct {
	raw    []byte
	drafts []*jsonschema.Draft
}

// UnmarshalJSON keeps the schema; it is compiled with its endpoint.
func (s *Schema) UnmarshalJSON(b []byte) error {
	s.raw = bytes.Clone(b)
	return nil
}

// MarshalJSON is the schema as it was written.
func (s *Schema) MarshalJSON() ([]byte, error) { return s.raw, nil }

// ConfSchema says what may stand there: any schema.
func (*Schema) ConfSchema() map[string]any { return map[string]any{"type": []any{"object", "boolean"}} }

// Of is the schema, read by an older draft where it does not say its own.
func (s *Schema) Of(older bool) *Schema {
	if s == nil {
		return nil
	}
	own := &Schema{raw: s.raw, drafts: []*jsonschema.Draft{jsonschema.Draft2020}}
	if older {
		own.drafts = []*jsonschema.Draft{jsonschema.Draft7, jsonschema.Draft4}
	}
	return own
}

// compile fetches nothing: a schema that refers to another document is a mistake. Formats are asserted, as KrakenD does.
func (s *Schema) compile() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.raw))
	if err != nil {
		return nil, err
	}
	drafts := s.drafts
	if drafts == nil {
		drafts = []*jsonschema.Draft{jsonschema.Draft2020}
	}
	var first error
	for _, d := range drafts {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(d)
		c.AssertFormat()
		c.UseLoader(nowhere{})
		if err := c.AddResource(schemaName, doc); err != nil {
			return nil, err
		}
		compiled, err := c.Compile(schemaName)
		if err == nil {
			return compiled, circle(compiled)
		}
		if first == nil {
			first = s.mistake(err)
		}
	}
	return nil, first
}

// schemaName is what the schema is called, where it must have a name.
const schemaName = "schema:///"

// nowhere loads no other documents.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("other documents are not fetched, and it refers to %s", strings.TrimPrefix(url, schemaName))
}

// fault is one way in which a body differs from its schema.
type fault struct {
	Pointer string `json:"pointer"` // of the value (RFC 6901), "" for the whole
	Message string `json:"message"`
}

// Bounds: how many faults are told, and how deep a body may be nested.
const (
	maxFaults      = 20
	maxSchemaDepth = 64
)

// flatten lists what is wrong, innermost first, in the order of places: the library's own is that of a map.
func flatten(e *jsonschema.ValidationError) []fault {
	var leaves []*jsonschema.ValidationError
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		_, group := e.ErrorKind.(*kind.Group)
		if len(e.Causes) == 0 && !group {
			leaves = append(leaves, e)
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(e)
	slices.SortStableFunc(leaves, func(a, b *jsonschema.ValidationError) int {
		return slices.Compare(a.InstanceLocation, b.InstanceLocation)
	})
	leaves = leaves[:min(len(leaves), maxFaults)] // a body of a megabyte has a hundred thousand
	english := message.NewPrinter(language.English)
	list := make([]fault, len(leaves))
	for i, leaf := range leaves {
		list[i] = fault{pointer(leaf.InstanceLocation), leaf.ErrorKind.LocalizedString(english)}
	}
	return list
}

func pointer(path []string) string {
	var b strings.Builder
	for _, one := range path {
		b.WriteByte('/')
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(one, "~", "~0"), "/", "~1"))
	}
	return b.String()
}

// schema holds bodies against the schema.
func (c *guardCompiler) schema() {
	s := c.cfg.Extra.Schema
	if s == nil {
		return
	}
	compiled, err := s.compile()
	if c.mistake(err, "validation/json-schema") {
		return
	}
	rule := &bodyRule{schema: compiled, tell: c.cfg.ErrorDetails || c.env.Voice.Message}
	c.judge(rule.guard, true)
}

// bodyRule is a compiled schema and how much is said of what it finds.
type bodyRule struct {
	schema *jsonschema.Schema
	tell   bool
}

// guard reads the body, judges it, and puts what was judged in its place: nothing else can reach a backend.
func (s *bodyRule) guard(_ context.Context, _ *Exchange, _ http.ResponseWriter, r *http.Request, _ *validator.Claims) error {
	body, err := wholeBody(r)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return s.refuse("could not validate an empty body", nil)
	}
	// A name that stands twice would be read as one thing here and as another behind us.
	if err := rawjson.CheckStrict(body, maxSchemaDepth); err != nil {
		return s.refuse("the body is not JSON: "+err.Error(), nil)
	}
	if len(body) > maxWeight && weight(body) > maxWeight {
		return tooHeavy()
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return s.refuse("the body is not JSON: "+err.Error(), nil)
	}
	if hugeNumbers(value) {
		return s.refuse("the body has a number beyond all bounds", nil)
	}
	var found *jsonschema.ValidationError
	switch err := s.schema.Validate(value); {
	case err == nil:
		return nil
	case errors.As(err, &found) && s.tell:
		return s.refuse("the body does not fit its schema", flatten(found))
	case found != nil:
		return s.refuse("the body does not fit its schema", nil)
	}
	return s.refuse("the body cannot be judged", nil)
}

func (s *bodyRule) refuse(what string, faults []fault) error {
	d := &Denied{Status: http.StatusBadRequest, Reason: "schema_mismatch", Detail: "the body does not fit its schema", Marked: true}
	if !s.tell {
		return d
	}
	d.Detail, d.Text = what, what
	if len(faults) > 0 {
		lines := make([]string, len(faults))
		for i, f := range faults {
			lines[i] = fmt.Sprintf("- at '%s': %s", f.Pointer, f.Message)
		}
		d.Text = strings.Join(lines, "\n")
		if details, err := json.Marshal(faults); err == nil {
			d.Details = details
		}
	}
	return d
}

func tooHeavy() *Denied {
	return &Denied{Status: http.StatusRequestEntityTooLarge, Reason: "body_too_large",
		Detail: fmt.Sprintf("the body has more values than are held against a schema: %d, where an object counts as %d besides", maxWeight, objectWeight)}
}

// wholeBody reads the body of a request and puts a copy in its place.
func wholeBody(r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := readUpTo(nil, r.Body, r.ContentLength, maxFanOutBody)
	if errors.Is(err, errMore) {
		return nil, tooLarge(maxFanOutBody)
	}
	if err != nil {
		return nil, badBody(err)
	}
	setBody(r, body)
	return body, nil
}

// setBody gives a request another body.
func setBody(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
}

// maxDigits is how long a number may be: the time that arithmetic takes grows faster than its digits.
const maxDigits = 2000

// hugeNumbers finds numbers whose exact value fills pages: judging one would cost more than the whole request.
func hugeNumbers(v any) bool {
	switch v := v.(type) {
	case json.Number:
		if len(v) > maxDigits {
			return true
		}
		i := strings.IndexAny(string(v), "eE")
		if i < 0 {
			return false
		}
		exponent, err := strconv.Atoi(string(v[i+1:]))
		return err != nil || exponent > 400 || exponent < -400
	case []any:
		for _, item := range v {
			if hugeNumbers(item) {
				return true
			}
		}
	case map[string]any:
		for _, item := range v {
			if hugeNumbers(item) {
				return true
			}
		}
	}
	return false
}
