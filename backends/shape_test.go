package backends

import (
	"net/http"
	"testing"
)

func TestNullIsShaped(t *testing.T) {
	rig := newRig(t)
	rig.serve("origin.test:80", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("null")) })
	for _, r := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"a group wraps it", Config{Encoding: "json", Group: "g"}, `{"g":null}`},
		{"a target makes an empty object of it", Config{Encoding: "json", Target: "a"}, `{}`},
		{"both", Config{Encoding: "json", Target: "a", Group: "g"}, `{"g":{}}`},
		{"allow leaves it", Config{Encoding: "json", Allow: []string{"a"}}, `null`},
	} {
		if got := said(rig.backend(r.cfg)(t.Context(), &Request{Method: "GET"})); got != "200 "+r.want {
			t.Errorf("%s: got %s, want %s", r.name, got, r.want)
		}
	}
}
