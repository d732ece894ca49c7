package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// upstream is the service behind the gateway, a process of its own. Its answers are made once:
//
//	/flat/N      a JSON object of about N bytes with few, long members
//	/list/N      a JSON object of about N bytes as services send them: a list of small objects and some members beside it
//	/items/…     the same as /flat/240
//	/wait/N      the same, N milliseconds after it was asked
//	/keys/NAME   the key set of an issuer, read from a file of that name
//	/token       a token endpoint for client credentials
type upstream struct {
	keys string // the directory of key sets
}

// serveUpstream answers until ctx ends.
func serveUpstream(ctx context.Context, port, keys string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	u := &upstream{keys: keys}
	mux := http.NewServeMux()
	for _, n := range []int{100, 240, 1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20} {
		mux.Handle(fmt.Sprintf("GET /flat/%d", n), fixed(flat(n)))
		mux.Handle(fmt.Sprintf("GET /list/%d", n), fixed(list(n)))
	}
	mux.Handle("GET /items/", fixed(flat(240)))
	mux.HandleFunc("GET /wait/{ms}", wait(fixed(flat(240))))
	mux.Handle("GET /products", fixed(flat(240))) // gateway.json of the root asks for it
	mux.HandleFunc("GET /keys/{name}", u.keySet)
	mux.Handle("POST /token", fixed([]byte(`{"access_token":"a-token-for-the-bench","token_type":"Bearer","expires_in":3600}`)))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = s.Close()
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (u *upstream) keySet(w http.ResponseWriter, r *http.Request) {
	data, err := os.ReadFile(u.keys + "/" + r.PathValue("name"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	fixed(data)(w, r)
}

// wait answers late.
func wait(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ms, err := strconv.Atoi(r.PathValue("ms"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		time.Sleep(time.Duration(ms) * time.Millisecond)
		answer(w, r)
	}
}

func fixed(body []byte) http.HandlerFunc {
	length := []string{strconv.Itoa(len(body))}
	kind := []string{"application/json"}
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = kind, length
		_, _ = w.Write(body) // a client that leaves is not told
	}
}

func flat(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"id":4711,"name":"a thing","active":true,"price":12.50,"text":"`)
	b.WriteString(strings.Repeat("x", max(0, n-b.Len()-2)))
	b.WriteString(`"}`)
	return b.Bytes()
}

func list(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"id":4711,"name":"a thing","password":"nobody may see this","owner":{"id":"u-17","mail":"a@example.com","secret":"nor this"},"items":[`)
	for i := 0; ; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"sku":"AB-%05d","title":"Article number %d","price":%d.%02d,"tags":["new","sale"],"stock":{"here":%d,"there":null},"active":%t}`,
			i, i*7, i, i%90, i%100, i%13, i%3 == 0)
		if b.Len() > n-160 {
			break
		}
	}
	b.WriteString(`],"total":4711,"next":"/list?page=2"}`)
	return b.Bytes()
}
