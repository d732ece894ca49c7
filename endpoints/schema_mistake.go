package endpoints

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"gatehouse/internal/conf"
)

// mistake says in our words what is wrong with a schema, each thing under its key.
func (s *Schema) mistake(err error) error {
	var load *jsonschema.LoadURLError
	var invalid *jsonschema.SchemaValidationError
	var found *jsonschema.ValidationError
	switch {
	case errors.As(err, &load) && s.dialect() == strings.TrimSuffix(load.URL, "#"):
		return conf.At(fmt.Errorf("got %q, want a draft from 4 to 2020-12, such as \"https://json-schema.org/draft/2020-12/schema\"", load.URL), "$schema")
	case errors.As(err, &load):
		return load.Err
	case errors.As(err, &invalid) && errors.As(invalid.Err, &found):
		return s.told(found)
	}
	return misreferred(err)
}

// dialect is what $schema says.
func (s *Schema) dialect() string {
	var said struct {
		Dialect string `json:"$schema"`
	}
	_ = json.Unmarshal(s.raw, &said) // one that is no string is told otherwise
	return strings.TrimSuffix(said.Dialect, "#")
}

// misreferred is a mistake in how a schema's parts are named, or name each other.
func misreferred(err error) error {
	var nowhere *jsonschema.JSONPointerNotFoundError
	var pointer *jsonschema.InvalidJsonPointerError
	var anchor *jsonschema.AnchorNotFoundError
	var badID *jsonschema.ParseIDError
	var badAnchor *jsonschema.ParseAnchorError
	var sameID *jsonschema.DuplicateIDError
	var sameAnchor *jsonschema.DuplicateAnchorError
	own := func(url string) string { return strings.TrimPrefix(url, schemaName) }
	switch {
	case errors.As(err, &nowhere):
		return fmt.Errorf("refers to %q, and there is no such place in it", own(nowhere.URL))
	case errors.As(err, &pointer):
		return fmt.Errorf("refers to %q, which is no JSON pointer: a ~ is written ~0, a / in a name ~1", own(pointer.URL))
	case errors.As(err, &anchor):
		return fmt.Errorf("refers to %q, and there is no such anchor in it", own(anchor.Reference))
	case errors.As(err, &badID):
		return fmt.Errorf("the $id of %s is no URL", partOf(badID.URL))
	case errors.As(err, &badAnchor):
		return fmt.Errorf("the $anchor of %s is none", partOf(badAnchor.URL))
	case errors.As(err, &sameID):
		return same("$id", own(sameID.ID), sameID.Ptr1, sameID.Ptr2)
	case errors.As(err, &sameAnchor):
		return same("$anchor", sameAnchor.Anchor, sameAnchor.Ptr1, sameAnchor.Ptr2)
	}
	return errors.New(strings.ReplaceAll(err.Error(), schemaName, ""))
}

func same(key, value, one, other string) error {
	return fmt.Errorf("%s and %s have the same %s %q, want another one for each", min(one, other), max(one, other), key, value)
}

// partOf is where in a schema something is.
func partOf(url string) string {
	if _, at, _ := strings.Cut(url, "#"); at != "" {
		return at
	}
	return "the schema"
}

// circle finds a schema that is itself and nothing else: no body fits it.
func circle(s *jsonschema.Schema) error {
	var found *jsonschema.ValidationError
	if !errors.As(s.Validate(map[string]any{}), &found) {
		return nil
	}
	for _, e := range leavesOf(found, nil) {
		if cycle, ok := e.ErrorKind.(*kind.RefCycle); ok {
			return errors.New("is no JSON schema: " + words(cycle))
		}
	}
	return nil
}

// told lists what a schema has that none may have. Where one of several things is wanted, the nearest miss is told: what is
// wrong inside of a value, or what else of its type it might be, before that it might be of another type.
func (s *Schema) told(found *jsonschema.ValidationError) error {
	leaves := leavesOf(found, nil)
	nearer := func(e *jsonschema.ValidationError) bool {
		path := e.InstanceLocation
		_, type1 := e.ErrorKind.(*kind.Type)
		return slices.ContainsFunc(leaves, func(other *jsonschema.ValidationError) bool {
			at := other.InstanceLocation
			_, type2 := other.ErrorKind.(*kind.Type)
			return len(at) >= len(path) && slices.Equal(at[:len(path)], path) && (len(at) > len(path) || type1 && !type2)
		})
	}
	var errs []error
	for _, e := range leaves {
		if nearer(e) {
			continue
		}
		errs = append(errs, conf.At(errors.New("is no JSON schema: "+words(e.ErrorKind)), s.place(e.InstanceLocation)...))
	}
	return conf.Join(errs...)
}

func leavesOf(e *jsonschema.ValidationError, list []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	if _, group := e.ErrorKind.(*kind.Group); len(e.Causes) == 0 && !group {
		list = append(list, e)
	}
	for _, cause := range e.Causes {
		list = leavesOf(cause, list)
	}
	return list
}

// place is a path as mistakes have it: items by number.
func (s *Schema) place(path []string) []any {
	at, _ := jsonschema.UnmarshalJSON(bytes.NewReader(s.raw))
	out := make([]any, len(path))
	for i, key := range path {
		out[i] = key
		switch in := at.(type) {
		case []any:
			if n, err := strconv.Atoi(key); err == nil && n < len(in) {
				out[i], at = n, in[n]
			}
		case map[string]any:
			at = in[key]
		}
	}
	return out
}

func each[T any](list []T, f func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

func quoted(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s) // JSON would escape < and >
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func withArticle(name string) string {
	switch name {
	case "null":
		return name
	case "array", "object", "integer":
		return "an " + name
	}
	return "a " + name
}
