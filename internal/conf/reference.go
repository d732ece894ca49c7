package conf

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// Reference prints the grammar that root (a struct or a pointer to one) describes as Markdown, a table of keys for each
// object: first the file, level by level, then the namespaces in the order of their names. An object that may stand in
// several places is told once. It is an error if a field has no doc.
func Reference(w io.Writer, root any) error {
	t := bare(reflect.TypeOf(root))
	if t == nil || t.Kind() != reflect.Struct {
		return fmt.Errorf("got %T, want a struct", root)
	}
	var order []reflect.Type
	byType := map[reflect.Type][]place{}
	for _, p := range (shapes{}).places(t) {
		if byType[p.typ] == nil {
			order = append(order, p.typ)
		}
		byType[p.typ] = append(byType[p.typ], p)
	}
	slices.SortStableFunc(order, func(a, b reflect.Type) int {
		return cmp.Compare(chapter(byType[a][0]), chapter(byType[b][0]))
	})
	out := bufio.NewWriter(w)
	for i, t := range order {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := section(out, byType[t]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// chapter is "" for the levels of the file, and then the namespace.
func chapter(p place) string {
	if p.begin == 0 {
		return ""
	}
	return wording(p.path[p.begin : p.begin+1])
}

// section prints one object: its name, where it stands, and its keys.
func section(out io.Writer, places []place) error {
	first := places[0]
	fmt.Fprintf(out, "## %s\n\n", title(first))
	if len(places) > 1 || first.level {
		var where []string
		for _, p := range places {
			where = append(where, "`"+wording(p.path)+"`")
		}
		fmt.Fprintf(out, "Stands in %s.\n\n", strings.Join(where, ", "))
	}
	fmt.Fprintln(out, "| key | type | default | since | what it is |\n|---|---|---|---|---|")
	for _, f := range first.shape.fields {
		if f.doc == "" {
			return fmt.Errorf("%v: the key %q has no doc", first.typ, f.name)
		}
		words := f.doc
		if len(f.old) > 0 {
			words += " Formerly `" + strings.Join(f.old, "`, `") + "`."
		}
		def := ""
		if f.def != "" {
			def = "`" + f.def + "`"
			if strings.Contains(f.def, " ") {
				def = f.def
			}
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s | %s |\n", f.name, cell(typeName(f.typ, f)), cell(def), f.since, cell(words))
	}
	return nil
}

// title names an object by what people call it: a namespace by its name, any other by its path.
func title(p place) string {
	if len(p.path) == 0 {
		return "The file"
	}
	if p.level {
		return "Namespaces of " + cmp.Or(wording(p.path[:len(p.path)-1]), "the file")
	}
	return "`" + wording(p.path[p.begin:]) + "`"
}

// wording is a path of the grammar: endpoints[].backend[], providers.NAME.
func wording(path Path) string {
	var b strings.Builder
	for _, segment := range path {
		name := "NAME"
		switch s := segment.(type) {
		case anyIndex:
			b.WriteString("[]")
			continue
		case string:
			name = s
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(name)
	}
	return b.String()
}

// typeName is what a key takes, in words.
func typeName(t reflect.Type, f *field) string {
	t = bare(t)
	if described, ok := reflect.New(t).Interface().(Described); ok {
		return describedName(described.ConfSchema())
	}
	switch readsHow(t) {
	case asAny, asRaw, byReader, byJSON:
		return "any"
	case asDuration:
		return "duration"
	case asDigits:
		return "number"
	case byText:
		return stringName(f)
	}
	switch t.Kind() {
	case reflect.Struct:
		return "object"
	case reflect.Map:
		return "object of " + several(typeName(t.Elem(), f))
	case reflect.Slice:
		return "list of " + several(typeName(t.Elem(), f))
	case reflect.Array:
		return fmt.Sprintf("list of %d %s", t.Len(), several(typeName(t.Elem(), f)))
	case reflect.String:
		return stringName(f)
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return "whole number"
}

// several puts a type's name into the plural, where it is an English word.
func several(name string) string {
	switch {
	case name == "any":
		return "anything"
	case strings.Contains(name, " or "):
		return "(" + name + ")"
	case strings.HasSuffix(name, "`"), strings.Contains(name, " of "):
		return name
	}
	return name + "s"
}

func stringName(f *field) string {
	if f.enum == nil {
		return "string"
	}
	return "`\"" + strings.Join(f.enum, "\"`, `\"") + "\"`"
}

// describedName is what a schema calls itself, or else the kinds of JSON values that it takes.
func describedName(schema map[string]any) string {
	names := describedNames(schema)
	if len(names) == 0 {
		return "any"
	}
	return strings.Join(names, " or ")
}

func describedNames(schema map[string]any) (names []string) {
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if name, ok := schema["title"].(string); ok {
		return []string{name}
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		choices, _ := schema[word].([]any)
		for _, choice := range choices {
			one, _ := choice.(map[string]any)
			for _, name := range describedNames(one) {
				add(name)
			}
		}
	}
	switch kinds := schema["type"].(type) {
	case string:
		add(kindName(kinds, schema))
	case []any:
		for _, kind := range kinds {
			add(kindName(fmt.Sprint(kind), schema))
		}
	}
	return names
}

func kindName(kind string, schema map[string]any) string {
	switch kind {
	case "array":
		if items, ok := schema["items"].(map[string]any); ok {
			return "list of " + several(describedName(items))
		}
		return "list"
	case "integer":
		return "whole number"
	}
	return kind
}

// cell keeps a text within its cell.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
