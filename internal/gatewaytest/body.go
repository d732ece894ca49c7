package gatewaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// holdBody returns the expected body if it holds, and otherwise what it would have to be.
func holdBody(w words, want string, got []byte) (string, error) {
	first, rest, _ := strings.Cut(want, "\n")
	text, err := w.expand(want)
	if err != nil {
		return "", err
	}
	_, arg, _ := strings.Cut(text, "\n")
	kind, number, _ := strings.Cut(first, " ")
	var holds bool
	switch kind {
	case "~json":
		if holds, err = sameJSON([]byte(arg), got); err == nil && !holds && json.Valid(got) {
			return "~json\n" + w.contract(pretty(got)), nil
		}
	case "~contains":
		holds = containsAll(string(got), arg)
	case "~regexp":
		holds, err = matches("~"+arg, string(got))
	case "~empty":
		holds = len(got) == 0
	case "~length":
		var n int
		if n, err = strconv.Atoi(number); err == nil && n != len(got) {
			return fmt.Sprintf("~length %d", len(got)), nil
		}
		holds = err == nil
	default:
		holds = text == string(got)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%s %s: %w", first, rest, err)
	case holds:
		return want, nil
	case len(got) == 0:
		return "~empty", nil
	}
	return printBody(w, got), nil
}

func containsAll(text, wanted string) bool {
	for _, line := range strings.Split(wanted, "\n") {
		if !strings.Contains(text, line) {
			return false
		}
	}
	return true
}

// sameJSON compares two JSON texts as values; numbers are compared digit by digit. What came may be no JSON at all.
func sameJSON(want, got []byte) (bool, error) {
	a, err := decode(want)
	if err != nil {
		return false, err
	}
	b, err := decode(got)
	return err == nil && reflect.DeepEqual(a, b), nil
}

func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return v, nil
}

func pretty(text []byte) string {
	var b bytes.Buffer
	_ = json.Indent(&b, text, "", "  ") // it is valid
	return strings.TrimRight(b.String(), "\n")
}

// printBody shows a body on a page: what the page would lose (line ends at the end, CR) becomes a placeholder.
func printBody(w words, body []byte) string {
	const most = 8 << 10
	text := string(body)
	if len(text) > most {
		return fmt.Sprintf("~length %d", len(text))
	}
	end := len(text) - len(strings.TrimRight(text, "\n"))
	text = w.contract(strings.ReplaceAll(text[:len(text)-end], "\r", "{{cr}}"))
	return text + strings.Repeat("{{nl}}", end)
}
