package endpoints

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// words are ours for whatever may be wrong with a value; "" for a kind that nobody knows.
func words(k jsonschema.ErrorKind) string {
	for _, say := range []func(jsonschema.ErrorKind) string{wordsOfValues, wordsOfNumbers, wordsOfSizes, wordsOfNames, wordsOfWholes} {
		if text := say(k); text != "" {
			return text
		}
	}
	return ""
}

func wordsOfValues(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.InvalidJsonValue:
		return "is no JSON value"
	case *kind.Type:
		return fmt.Sprintf("got %s, want %s", withArticle(k.Got), strings.Join(each(k.Want, withArticle), " or "))
	case *kind.Enum:
		return fmt.Sprintf("got %s, want one of %s", quoted(k.Got), strings.Join(each(k.Want, quoted), ", "))
	case *kind.Const:
		return fmt.Sprintf("got %s, want %s", quoted(k.Got), quoted(k.Want))
	case *kind.Format:
		want := "a " + k.Want
		if k.Want == "regex" {
			want = "a regular expression"
		}
		return fmt.Sprintf("got %s, want %s: %s", quoted(k.Got), want, strings.TrimPrefix(fmt.Sprint(k.Err), "error parsing regexp: "))
	case *kind.Pattern:
		return fmt.Sprintf("got %q, want what matches %s", k.Got, k.Want)
	case *kind.ContentEncoding:
		return fmt.Sprintf("is not %s: %v", k.Want, k.Err)
	case *kind.ContentMediaType:
		return fmt.Sprintf("is not of the type %s: %v", k.Want, k.Err)
	case *kind.ContentSchema:
		return "does not hold what it is to hold"
	}
	return ""
}

func wordsOfNumbers(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Minimum:
		return fmt.Sprintf("got %s, want %s or more", decimal(k.Got), decimal(k.Want))
	case *kind.Maximum:
		return fmt.Sprintf("got %s, want %s or less", decimal(k.Got), decimal(k.Want))
	case *kind.ExclusiveMinimum:
		return fmt.Sprintf("got %s, want more than %s", decimal(k.Got), decimal(k.Want))
	case *kind.ExclusiveMaximum:
		return fmt.Sprintf("got %s, want less than %s", decimal(k.Got), decimal(k.Want))
	case *kind.MultipleOf:
		return fmt.Sprintf("got %s, want a multiple of %s", decimal(k.Got), decimal(k.Want))
	}
	return ""
}

// decimal is a number as people write it: 1.5, and not 3/2.
func decimal(n *big.Rat) string {
	if n.IsInt() {
		return n.RatString()
	}
	f, _ := n.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func wordsOfSizes(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinItems:
		return fmt.Sprintf("got %d items, want %d or more", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("got %d items, want %d or fewer", k.Got, k.Want)
	case *kind.AdditionalItems:
		return fmt.Sprintf("got %d items too many", k.Count)
	case *kind.UniqueItems:
		return fmt.Sprintf("got items %d and %d that are the same, want each once", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		return "got no item of the kind that is wanted"
	case *kind.MinContains:
		return fmt.Sprintf("got %d items of the kind that is wanted, want %d or more", len(k.Got), k.Want)
	case *kind.MaxContains:
		return fmt.Sprintf("got %d items of the kind that is wanted, want %d or fewer", len(k.Got), k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("got %d characters, want %d or more", k.Got, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("got %d characters, want %d or fewer", k.Got, k.Want)
	case *kind.MinProperties:
		return fmt.Sprintf("got %d keys, want %d or more", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("got %d keys, want %d or fewer", k.Got, k.Want)
	}
	return ""
}

func wordsOfNames(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Required:
		return "lacks " + namesOf(k.Missing)
	case *kind.Dependency:
		return fmt.Sprintf("has %q and lacks %s", k.Prop, namesOf(k.Missing))
	case *kind.DependentRequired:
		return fmt.Sprintf("has %q and lacks %s", k.Prop, namesOf(k.Missing))
	case *kind.AdditionalProperties:
		return fmt.Sprintf("has %s, which may not stand there", namesOf(k.Properties))
	case *kind.PropertyNames:
		return fmt.Sprintf("has %q, which is no name for a key there", k.Property)
	}
	return ""
}

// wordsOfWholes are for what says no more than that something in it is wrong.
func wordsOfWholes(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Not:
		return "is what it must not be"
	case *kind.AnyOf:
		return "is none of what may stand there"
	case *kind.AllOf:
		return "is not all that it must be"
	case *kind.OneOf:
		if len(k.Subschemas) > 1 {
			return "is several of what may stand there, want one"
		}
		return "is none of what may stand there"
	case *kind.FalseSchema:
		return "nothing may stand there"
	case *kind.RefCycle:
		return "refers to itself and says nothing else"
	case *kind.Schema, *kind.Reference, *kind.Group:
		return "does not hold"
	}
	return ""
}

func namesOf(names []string) string {
	return strings.Join(each(names, func(name string) string { return quoted(name) }), ", ")
}
