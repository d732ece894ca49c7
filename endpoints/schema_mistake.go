package endpoints

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"gatehouse/internal/conf"
)

// mistake says in our words what is wrong with a schema, each thing under its key.
func (s *Schema) mistake(err error) error {
	var load *jsonschema.LoadURLError
	var nowhere *jsonschema.JSONPointerNotFoundError
	var anchor *jsonschema.AnchorNotFoundError
	var invalid *jsonschema.SchemaValidationError
	var found *jsonschema.ValidationError
	switch {
	case errors.As(err, &load):
		return load.Err
	case errors.As(err, &nowhere):
		return fmt.Errorf("refers to %q, and there is no such place in it", strings.TrimPrefix(nowhere.URL, schemaName))
	case errors.As(err, &anchor):
		return fmt.Errorf("refers to %q, and there is no such anchor in it", strings.TrimPrefix(anchor.Reference, schemaName))
	case errors.As(err, &invalid) && errors.As(invalid.Err, &found):
		return s.told(found)
	}
	return errors.New(strings.ReplaceAll(err.Error(), schemaName, ""))
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

// words are ours for what a schema commonly has wrong, and the library's for the rest.
func words(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("got %s, want %s", withArticle(k.Got), strings.Join(each(k.Want, withArticle), " or "))
	case *kind.Enum:
		return fmt.Sprintf("got %s, want one of %s", quoted(k.Got), strings.Join(each(k.Want, quoted), ", "))
	case *kind.Format:
		want := "a " + k.Want
		if k.Want == "regex" {
			want = "a regular expression"
		}
		return fmt.Sprintf("got %s, want %s: %s", quoted(k.Got), want, strings.TrimPrefix(fmt.Sprint(k.Err), "error parsing regexp: "))
	case *kind.Minimum:
		return fmt.Sprintf("got %s, want %s or more", k.Got.RatString(), k.Want.RatString())
	case *kind.ExclusiveMinimum:
		return fmt.Sprintf("got %s, want more than %s", k.Got.RatString(), k.Want.RatString())
	case *kind.MinItems:
		return fmt.Sprintf("got %d items, want %d or more", k.Got, k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("got items %d and %d that are the same, want each once", k.Duplicates[0], k.Duplicates[1])
	case *kind.Pattern:
		return fmt.Sprintf("got %q, want what matches %s", k.Got, k.Want)
	}
	return k.LocalizedString(message.NewPrinter(language.English))
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
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
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
