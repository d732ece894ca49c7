package endpoints

import (
	"net/http"
	"reflect"
	"testing"

	"gatehouse/backends"
	"gatehouse/internal/outbound"
)

func TestOutputHeaders(t *testing.T) {
	one := &backends.Response{Header: []outbound.Field{{Name: "X-A", Value: "1"}, {Name: "set-cookie", Value: "a=1, b"}, {Name: "X-A", Value: "2"},
		{Name: "Content-Type", Value: "text/html"}, {Name: "Set-Cookie", Value: "c=2"}, {Name: "X-Hidden", Value: "h"}, {Name: "Access-Control-Allow-Origin", Value: "theirs"},
		{Name: "Access-Control-Allow-Origin", Value: "again"}}}
	two := &backends.Response{Header: []outbound.Field{{Name: "X-A", Value: "3"}, {Name: "X-B", Value: "4"}, {Name: "Set-Cookie", Value: "d=3"}}}
	whole := &backends.Response{}
	whole.Adopt(one, two)
	for _, row := range []struct {
		name  string
		names []string
		res   *backends.Response
		want  http.Header
	}{
		{"nothing is listed", nil, one, http.Header{}},
		{"an empty list", []string{}, one, http.Header{}},
		{"several values are kept", []string{"x-a"}, one, http.Header{"X-A": {"1", "2"}}},
		{"Set-Cookie is kept whole", []string{"Set-Cookie"}, one, http.Header{"Set-Cookie": {"a=1, b", "c=2"}}},
		{"the first backend that says it counts", []string{"X-A", "X-B"}, whole, http.Header{"X-A": {"1", "2"}, "X-B": {"4"}}},
		{"the cookies of all", []string{"Set-Cookie"}, whole, http.Header{"Set-Cookie": {"a=1, b", "c=2", "d=3"}}},
		{"all but what is of the body", []string{"*"}, one, http.Header{"X-A": {"1", "2"}, "Set-Cookie": {"a=1, b", "c=2"}, "X-Hidden": {"h"}}},
	} {
		o, err := newOutputHeaders(row.names)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{"Access-Control-Allow-Origin": {"ours"}}
		o.copy(h, row.res)
		if got := h["Access-Control-Allow-Origin"]; len(got) != 1 || got[0] != "ours" {
			t.Errorf("%s: what is ours became %q", row.name, got)
		}
		delete(h, "Access-Control-Allow-Origin")
		if !reflect.DeepEqual(h, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, h, row.want)
		}
	}
}

func TestOutputHeadersOfStreams(t *testing.T) {
	fields := []outbound.Field{{Name: "content-type", Value: "text/html"}, {Name: "X-A", Value: "1"}, {Name: "X-B", Value: "2"}, {Name: "Content-Encoding", Value: "br"}}
	for _, row := range []struct {
		name  string
		names []string
		want  http.Header
	}{
		{"all without a list", nil, http.Header{"Content-Type": {"text/html"}, "X-A": {"1"}, "X-B": {"2"}, "Content-Encoding": {"br"}}},
		{"those of the list, and what the body needs", []string{"X-B"}, http.Header{"Content-Type": {"text/html"}, "X-B": {"2"}, "Content-Encoding": {"br"}}},
	} {
		o, err := newOutputHeaders(row.names)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		o.stream(h, fields)
		if !reflect.DeepEqual(h, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, h, row.want)
		}
	}
}

func TestOutputHeadersMistakes(t *testing.T) {
	for name, want := range map[string]string{
		"content-length": "[0]: Content-Length is about the body, which we write, or about one connection; it never passes",
		"Connection":     "[0]: Connection is about the body, which we write, or about one connection; it never passes",
		"a b":            `[0]: got "a b", want the name of a header, or *`,
	} {
		if _, err := newOutputHeaders([]string{name}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
