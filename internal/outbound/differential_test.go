package outbound

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// whim answers as the number in its path decides: all the ways in which a server of net/http frames an answer.
func whim(w http.ResponseWriter, r *http.Request) {
	seed, err := strconv.ParseUint(strings.TrimPrefix(r.URL.Path, "/"), 10, 64)
	if err != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	body, _ := io.ReadAll(r.Body)
	h := w.Header()
	h.Set("X-Got", fmt.Sprint(r.Method, " ", r.URL.RawQuery, " ", len(body), " ", r.Header.Get("X-A")))
	for i := range rnd.IntN(30) {
		h.Add(fmt.Sprint("X-", i%7), strings.Repeat("v", rnd.IntN(200)))
	}
	text := strings.Repeat("0123456789abcdef", rnd.IntN(40000)>>rnd.IntN(16))
	flush := func() { http.NewResponseController(w).Flush() }
	switch rnd.IntN(8) {
	case 0:
		w.WriteHeader([]int{204, 304, 200, 404, 500}[rnd.IntN(5)])
	case 1:
		h.Set("Content-Length", strconv.Itoa(len(text)))
		io.WriteString(w, text)
	case 2:
		w.WriteHeader(103)
		io.WriteString(w, text)
	case 3:
		h.Set("Connection", "close")
		io.WriteString(w, text)
	case 4:
		h.Set("Trailer", "X-Sum")
		io.WriteString(w, text)
		flush()
		h.Set("X-Sum", strconv.Itoa(len(text)))
	case 5:
		flush()
	default:
		for rest := text; rest != ""; {
			n := min(len(rest), 1+rnd.IntN(9000))
			io.WriteString(w, rest[:n])
			if rest = rest[n:]; rnd.IntN(3) == 0 {
				flush()
			}
		}
	}
}

// TestLikeNetHTTP sends the same requests by our client and by net/http, many at once, and compares what comes back.
func TestLikeNetHTTP(t *testing.T) {
	origin := plainServer(t, false, whim)
	ours, err := New(origin, Options{MaxOpen: 4, MaxWait: time.Minute, MaxWaiting: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs := &http.Transport{DisableCompression: true}
	defer theirs.CloseIdleConnections()
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 2))
			for range 60 {
				target := fmt.Sprintf("/%d?q=%d%%20", rnd.Uint64N(1<<40), rnd.IntN(100))
				method := methods[rnd.IntN(len(methods))]
				var body []byte
				if method != "GET" && method != "HEAD" {
					body = bytes.Repeat([]byte("b"), rnd.IntN(200000)>>rnd.IntN(18))
				}
				got, err := askOurs(t.Context(), ours, method, target, body, rnd.IntN(3))
				if err != nil {
					t.Errorf("%s %s: %v", method, target, err)
					continue
				}
				want, err := askTheirs(theirs, origin, method, target, body)
				if err != nil {
					t.Error(err)
				} else if got != want {
					t.Errorf("%s %s: got\n%.500s\nwant\n%.500s", method, target, got, want)
				}
			}
		})
	}
	wg.Wait()
}

func askOurs(ctx context.Context, c Client, method, target string, body []byte, how int) (string, error) {
	req := &Request{Method: method, Target: target, Header: []Field{{"X-A", "a"}}}
	switch {
	case how == 0:
		req.Data = body
	case how == 1:
		req.Body, req.Length = bytes.NewReader(body), int64(len(body))
	case len(body) > 0:
		req.Body, req.Length = iotest.HalfReader(bytes.NewReader(body)), -1
	}
	res, err := c.RoundTrip(ctx, req)
	if err != nil {
		return "", err
	}
	defer res.Release()
	got, err := ReadAll(res, 0, nil)
	return summary(res.Status, res.Header, string(got), res.Trailer), err
}

func askTheirs(tr *http.Transport, origin Origin, method, target string, body []byte) (string, error) {
	req, err := http.NewRequest(method, origin.String()+target, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("X-A", "a")
	res, err := tr.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return summary(res.StatusCode, fieldsOf(res.Header), string(got), fieldsOf(res.Trailer)), err
}

func summary(status int, header []Field, body string, trailer []Field) string {
	header = slices.DeleteFunc(slices.Clone(header), func(f Field) bool { return f.Name == "Date" })
	slices.SortStableFunc(header, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return fmt.Sprintf("%d\n%s\n%s\n%d %s", status, lines(header), lines(trailer), len(body), body)
}
