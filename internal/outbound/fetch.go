package outbound

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// FetchRequest asks for one small document: a key set, a token, a discovery document, a list.
type FetchRequest struct {
	Method    string        // "": GET
	URL       string        // absolute, http or https
	Header    []Field       // User-Agent and Accept are added where they are missing
	Body      []byte        // sent with its length
	Timeout   time.Duration // for everything, redirects too; 0: 5 s
	MaxBytes  int64         // of the decoded document; 0: 1 MiB
	Accept    []string      // media types that are fine: "application/json", "+json" (that suffix), "json" (any of JSON's); nil: all
	Statuses  []int         // statuses that are fine; nil: 200
	Redirects int           // followed within scheme, host and port, of GET and HEAD only; 0: none, at most 3
	Secret    bool          // the document may hold a secret: no excerpt of it in errors
}

// Fetched is a small document.
type Fetched struct {
	Status int
	Header []Field
	Body   []byte
	URL    string // the last one, without user, password and query
}

// Get is the first value of a field, names compared without case.
func (f *Fetched) Get(name string) string { return Get(f.Header, name) }

// FetchError says what is wrong with a document. Its text names URL, status and content type and fits an operator's log;
// Excerpt is for debug logs alone.
type FetchError struct {
	Method      string
	URL         string // without user, password and query
	Status      int    // 0: there was no answer
	ContentType string
	Excerpt     string // the first 200 bytes of the body, escaped; "" of a secret
	Err         error  // an *Error where there was no whole answer
}

func (e *FetchError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("%s %s: %v", e.Method, e.URL, e.Err)
	}
	return fmt.Sprintf("%s %s: answered %d with content type %q: %v", e.Method, e.URL, e.Status, e.ContentType, e.Err)
}

func (e *FetchError) Unwrap() error { return e.Err }

// Fetcher fetches small documents, each within bounds of size and time. It keeps a client per origin.
type Fetcher struct {
	opt       Options
	userAgent string
	decoders  Decoders

	mu      sync.Mutex
	clients map[Origin]Client
	closed  bool
}

// NewFetcher makes a fetcher whose connections have the settings of opt.
func NewFetcher(opt Options, userAgent string) *Fetcher {
	return &Fetcher{opt: opt, userAgent: userAgent, clients: make(map[Origin]Client)}
}

// Close lets running fetches end and refuses new ones.
func (f *Fetcher) Close() error {
	f.mu.Lock()
	clients := f.clients
	f.clients, f.closed = nil, true
	f.mu.Unlock()
	var errs []error
	for _, c := range clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func (f *Fetcher) client(origin Origin) (Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, &Error{Reason: Canceled, Err: ErrClosed}
	}
	if c := f.clients[origin]; c != nil {
		return c, nil
	}
	c, err := New(origin, f.opt)
	if err == nil {
		f.clients[origin] = c
	}
	return c, err
}

// Fetch asks once and reads the whole answer. An error is a [*FetchError]; where there was an answer of another status or
// type, the document comes with it.
func (f *Fetcher) Fetch(ctx context.Context, req FetchRequest) (*Fetched, error) {
	req = req.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, req.Timeout)
	defer cancel()
	u, err := url.Parse(req.URL)
	if err != nil {
		return nil, &FetchError{Method: req.Method, URL: "(not a URL)", Err: unfit("the URL cannot be parsed")}
	}
	for hop := 0; ; hop++ {
		got, err := f.once(ctx, u, &req)
		if err != nil {
			return nil, &FetchError{Method: req.Method, URL: bareURL(u), Err: err}
		}
		if next := req.redirect(got, u, hop); next != nil {
			u = next
			continue
		}
		return got, req.judge(got)
	}
}

func (req FetchRequest) withDefaults() FetchRequest {
	if req.Method == "" {
		req.Method = "GET"
	}
	if req.Timeout <= 0 {
		req.Timeout = 5 * time.Second
	}
	if req.MaxBytes <= 0 {
		req.MaxBytes = 1 << 20
	}
	if req.Statuses == nil {
		req.Statuses = []int{200}
	}
	return req
}

// bareURL is u without what may be secret.
func bareURL(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return bare.String()
}

func (f *Fetcher) once(ctx context.Context, u *url.URL, req *FetchRequest) (*Fetched, error) {
	origin, err := OriginOf(u)
	if err != nil {
		return nil, &Error{Reason: Unfit, Err: err}
	}
	client, err := f.client(origin)
	if err != nil {
		return nil, err
	}
	res, err := client.RoundTrip(ctx, &Request{Method: req.Method, Target: u.RequestURI(), Header: f.header(req), Data: req.Body})
	if err != nil {
		return nil, err
	}
	defer func() { res.Body.Close() }() // the body that Decode may have put there
	if err := f.decoders.Decode(res, req.MaxBytes); err != nil {
		return nil, err
	}
	body, err := ReadAll(res, req.MaxBytes, nil)
	if err != nil {
		return nil, err
	}
	return &Fetched{Status: res.Status, Header: slices.Clone(res.Header), Body: body, URL: bareURL(u)}, nil
}

func (f *Fetcher) header(req *FetchRequest) []Field {
	h := slices.Clone(req.Header)
	if Get(h, "User-Agent") == "" && f.userAgent != "" {
		h = append(h, Field{"User-Agent", f.userAgent})
	}
	if Get(h, "Accept") == "" {
		h = append(h, Field{"Accept", "application/json, */*;q=0.5"})
	}
	return h
}

// redirect is where to go on, nil if nowhere.
func (req *FetchRequest) redirect(got *Fetched, from *url.URL, hop int) *url.URL {
	switch got.Status {
	case 301, 302, 303, 307, 308:
	default:
		return nil
	}
	if hop >= min(req.Redirects, 3) || req.Method != "GET" && req.Method != "HEAD" {
		return nil
	}
	to, err := from.Parse(got.Get("Location"))
	if err != nil || got.Get("Location") == "" || to.User != nil {
		return nil
	}
	a, err := OriginOf(from)
	if b, err2 := OriginOf(to); err != nil || err2 != nil || a != b {
		return nil
	}
	return to
}

// judge checks status and type.
func (req *FetchRequest) judge(got *Fetched) error {
	kind := got.Get("Content-Type")
	e := &FetchError{Method: req.Method, URL: got.URL, Status: got.Status, ContentType: kind}
	switch {
	case !slices.Contains(req.Statuses, got.Status):
		e.Err = fmt.Errorf("want status %s", list(req.Statuses))
		if got.Status/100 == 3 {
			e.Err = fmt.Errorf("a redirect to where we do not follow, %w", e.Err)
		}
	case len(req.Accept) > 0 && !accepts(req.Accept, kind):
		e.Err = fmt.Errorf("want content type %s", strings.Join(req.Accept, " or "))
	default:
		return nil
	}
	if !req.Secret {
		e.Excerpt = excerpt(got.Body)
	}
	return e
}

func list(statuses []int) string {
	parts := make([]string, len(statuses))
	for i, s := range statuses {
		parts[i] = fmt.Sprint(s)
	}
	return strings.Join(parts, " or ")
}

func accepts(wanted []string, kind string) bool {
	got, _, err := mime.ParseMediaType(kind)
	if err != nil {
		got, _, _ = strings.Cut(kind, ";")
		got = strings.ToLower(strings.TrimSpace(got))
	}
	for _, w := range wanted {
		switch {
		case w == "json" && (got == "application/json" || got == "text/json" || strings.HasSuffix(got, "+json")),
			strings.HasPrefix(w, "+") && strings.HasSuffix(got, w),
			strings.EqualFold(w, got):
			return true
		}
	}
	return false
}

// excerpt is the beginning of a body, fit for a log.
func excerpt(body []byte) string {
	quoted := fmt.Sprintf("%q", body[:min(len(body), 200)])
	return quoted[1 : len(quoted)-1]
}
