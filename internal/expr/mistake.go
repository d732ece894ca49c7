package expr

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
)

// placed makes one error of all that the compiler found, each with its place in the text. Of what does not parse only the
// first is told: the others follow from it.
func placed(found []*cel.Error) error {
	var list []error
	for _, one := range found {
		text, syntax := said(one.Message)
		where := fmt.Sprintf("character %d", max(one.Location.Column(), 0)+1)
		if one.Location.Line() > 1 {
			where = fmt.Sprintf("line %d, %s", one.Location.Line(), where)
		}
		list = append(list, fmt.Errorf("%s: %s", where, text))
		if syntax {
			break
		}
	}
	return errors.Join(list...)
}

// said is a message of the compiler in our words.
func said(message string) (text string, syntax bool) {
	message = strings.TrimSuffix(message, " (in container '')")
	if grammar, is := strings.CutPrefix(message, "Syntax error: "); is {
		return ofGrammar(grammar), true
	}
	if name, is := strings.CutPrefix(message, "found no matching overload for '"); is {
		name, types, _ := strings.Cut(name, "' applied to '")
		return operator(name) + " takes no " + strings.TrimSuffix(types, "'"), false
	}
	return message, false
}

// ofGrammar says in our words where the parser stopped.
func ofGrammar(message string) string {
	what, _, _ := strings.Cut(message, " expecting ")
	if want, at, is := strings.Cut(strings.TrimPrefix(what, "missing "), " at "); is && strings.HasPrefix(what, "missing ") {
		if strings.Contains(at, "<EOF>") {
			return "ends too early, want " + strings.Trim(want, "'")
		}
		return fmt.Sprintf("want %s before %q", strings.Trim(want, "'"), strings.Trim(at, "'"))
	}
	if strings.Contains(what, "<EOF>") {
		return "ends too early, want a value"
	}
	_, got, _ := strings.Cut(what, "'")
	got = strings.TrimSpace(strings.TrimSuffix(got, "'"))
	if strings.HasPrefix(what, "token recognition error") {
		return unknownToken(got)
	}
	return fmt.Sprintf("%q does not belong here", got)
}

// unknownToken is for what is no word of the language; some of it is of another one.
func unknownToken(got string) string {
	switch got[:min(1, len(got))] {
	case "'", `"`:
		return "a string begins here and does not end"
	case "=", "&", "|":
		return fmt.Sprintf("%q is no operator (did you mean %q?)", got[:1], got[:1]+got[:1])
	}
	return fmt.Sprintf("%q is not understood", got)
}

// operator is the compiler's name of a function or an operator as it is written.
func operator(name string) string {
	switch name {
	case "_[_]":
		return "[]"
	case "_?_:_":
		return "?:"
	case "@in":
		return "in"
	}
	if bare := strings.Trim(name, "_"); bare != "" && !strings.ContainsAny(bare, "_abcdefghijklmnopqrstuvwxyz") {
		return bare
	}
	return name
}
