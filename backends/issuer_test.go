package backends

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/backends/tokens"
)

// issuer is a token endpoint in memory, at issuer.test.
type issuer struct {
	*rig
	mu     sync.Mutex
	asked  []time.Time
	forms  []url.Values
	last   *http.Request
	body   string
	answer func(n int, w http.ResponseWriter, r *http.Request) // nil: a token that lives for an hour
	live   map[string]bool                                     // tokens that the backend accepts; nil: all
	hits   atomic.Int64                                        // of the backend
	seen   []http.Header                                       // by the backend
}

// newIssuer serves tokens "t1", "t2", … and a backend at origin.test that wants one.
func newIssuer(t testing.TB) *issuer {
	i := &issuer{rig: newRig(t)}
	i.serve("issuer.test:443", i.token)
	i.serve("issuer.test:80", i.token)
	i.serve("origin.test:80", i.backendAnswer)
	return i
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	i.mu.Lock()
	i.asked = append(i.asked, time.Now())
	i.forms = append(i.forms, form)
	i.last, i.body = r, string(body)
	n, answer := len(i.asked), i.answer
	i.mu.Unlock()
	if answer == nil {
		answer = living("3600")
	}
	answer(n, w, r)
}

// living answers with token number n that lives for so many seconds, as JSON has it.
func living(expires string) func(n int, w http.ResponseWriter, r *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"t%d","token_type":"bearer","expires_in":%s}`, n, expires)
	}
}

// failing answers with a status and an error code.
func failing(status int, code string) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":%q,"error_description":"the secret is s3cr3t"}`, code)
	}
}

// hanging answers nothing until the client leaves.
func hanging(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func (i *issuer) says(answer func(n int, w http.ResponseWriter, r *http.Request)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.asked)
}

// form is that of token request n, counted from 1.
func (i *issuer) form(n int) url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.forms[n-1]
}

// accept makes the backend refuse all tokens but these.
func (i *issuer) accept(tokens ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.live = map[string]bool{}
	for _, t := range tokens {
		i.live["Bearer "+t] = true
	}
}

func (i *issuer) backendAnswer(w http.ResponseWriter, r *http.Request) {
	i.hits.Add(1)
	i.mu.Lock()
	ok := i.live == nil || i.live[r.Header.Get("Authorization")]
	i.seen = append(i.seen, r.Header.Clone())
	i.mu.Unlock()
	if !ok {
		w.WriteHeader(401)
		return
	}
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, `{"auth":%q,"body":%q}`, r.Header.Get("Authorization"), body)
}

// over is the plain HTTP of tests: what is encrypted in life goes to issuer.test over http here, since the certificate is
// nothing that these tests are about.
func over(c tokens.Client) *tokens.CredentialsConfig {
	if c.TokenURL == "" {
		c.TokenURL = "http://issuer.test/token"
	}
	c.AllowHTTP = true
	if c.ClientID == "" {
		c.ClientID = "me"
	}
	if c.ClientSecret == "" && c.PrivateKey == "" {
		c.ClientSecret = "s3cr3t"
	}
	return &tokens.CredentialsConfig{Client: c}
}

// asking compiles a backend with credentials and returns a way to ask it once, within a time.
func (i *issuer) asking(c tokens.Client) func(within time.Duration, req ...*Request) string {
	i.t.Helper()
	fetch := i.backend(Config{URLPattern: "/", Extra: Extra{Credentials: over(c)}})
	return func(within time.Duration, req ...*Request) string {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if len(req) == 0 {
			req = []*Request{{Method: "GET"}}
		}
		return said(fetch(ctx, req[0]))
	}
}
