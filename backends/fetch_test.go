package backends

import (
	"net/http"
	"testing"
)

func TestFetch(t *testing.T) {
	r := newRig(t)
	r.serve("origin.test:80", func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(200)
		_, _ = w.Write([]byte(`{"path":"` + req.URL.RequestURI() + `","method":"` + req.Method + `"}`))
	})
	fetch := r.backend(Config{URLPattern: "/a?b=c"})
	res, err := fetch(t.Context(), &Request{Method: "GET"})
	if got := said(res, err); got != `200 {"path":"/a?b=c","method":"GET"}` {
		t.Error(got)
	}
}
