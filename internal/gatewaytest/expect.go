package gatewaytest

import (
	"fmt"
	"regexp"
	"strings"
)

// message is what came: an answer, or a request at an upstream, in the words of a page.
type message struct {
	first  string // "HTTP/1.1 200 OK", "GET /path", "closed", "nothing"
	fields []Field
	body   []byte
}

// words turns text of a page into what it means, and back.
type words interface {
	expand(text string) (string, error) // placeholders into what they stand for
	contract(text string) string        // the other way round, for messages and -update
}

// hold compares a message with its expectation. It returns the expectation as it would have to be for the message: lines
// that hold stay as they are, so that equal texts mean that all is well.
func hold(w words, want string, got message) (string, error) {
	want = strings.TrimRight(want, "\n")
	head, body, hasBody := strings.Cut(want, "\n\n")
	var out []string
	used := map[string]int{}
	for i, line := range strings.Split(head, "\n") {
		text, err := w.expand(line)
		if err != nil {
			return "", err
		}
		switch {
		case i == 0 && sameFirst(text, got.first):
			out = append(out, line)
		case i == 0:
			out = append(out, w.contract(got.first))
		default:
			kept, err := holdField(text, got.fields, used)
			if err != nil {
				return "", fmt.Errorf("%s: %w", line, err)
			}
			if kept == text {
				kept = line
			} else {
				kept = w.contract(kept)
			}
			if kept != "" {
				out = append(out, kept)
			}
		}
	}
	out = append(out, surplus(w, got.fields, used)...)
	if !hasBody {
		return strings.Join(out, "\n"), nil
	}
	kept, err := holdBody(w, body, got.body)
	return strings.Join(out, "\n") + "\n\n" + kept, err
}

// sameFirst compares first lines: the whole line, or only the status; alternatives are parted by |.
func sameFirst(want, got string) bool {
	for _, one := range strings.Split(want, " | ") {
		one = strings.TrimSpace(one)
		if one == got {
			return true
		}
		if code, is := strings.CutPrefix(got, "HTTP/1.1 "); is {
			code, _, _ = strings.Cut(code, " ")
			one = strings.TrimPrefix(one, "HTTP/1.1 ")
			if one == code {
				return true
			}
		}
	}
	return false
}

// holdField returns the line if it holds, and otherwise what it would have to be; "" drops it.
func holdField(line string, fields []Field, used map[string]int) (string, error) {
	if name, never := strings.CutPrefix(line, "!"); never {
		name = strings.TrimSpace(name)
		if values(fields, name) == nil {
			return line, nil
		}
		used[strings.ToLower(name)] += 0 // named: all of them are shown as surplus
		return "", nil
	}
	name, want, ok := strings.Cut(line, ":")
	if !ok {
		return "", fmt.Errorf("want Name: value, or !Name")
	}
	name, want = strings.TrimSpace(name), strings.TrimSpace(want)
	key := strings.ToLower(name)
	all := values(fields, name)
	if used[key] >= len(all) {
		if used[key] > 0 {
			return "", nil
		}
		return "!" + name, nil
	}
	got := all[used[key]]
	used[key]++
	holds, err := matches(want, got)
	if holds || err != nil {
		return line, err
	}
	return name + ": " + got, nil
}

func matches(want, got string) (bool, error) {
	if want == "*" {
		return true, nil
	}
	expr, is := strings.CutPrefix(want, "~")
	if !is {
		return want == got, nil
	}
	re, err := regexp.Compile(`^(?s:` + expr + `)$`)
	if err != nil {
		return false, err
	}
	return re.MatchString(got), nil
}

// surplus are the fields of a name that the page knows, beyond those that it lists.
func surplus(w words, fields []Field, used map[string]int) []string {
	var out []string
	count := map[string]int{}
	for _, f := range fields {
		key := strings.ToLower(f.Name)
		named, known := used[key]
		if count[key]++; known && count[key] > named {
			out = append(out, w.contract(f.Name+": "+f.Value))
		}
	}
	return out
}
