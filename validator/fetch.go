package validator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
	"gatehouse/internal/outbound"
)

const (
	fetchTimeout = 5 * time.Second // of one fetch, discovery and redirects too
	maxDocument  = 1 << 20         // bytes of one document
	minFresh     = time.Minute     // what Cache-Control may shorten freshness to
)

// fetcher gets the documents of one source over the network. It is used by one goroutine at a time.
type fetcher struct {
	src   Source
	http  *outbound.Fetcher
	found string // the jwks_uri of the last discovery; "" to ask again

	shelf *shelf
	at    string    // the address of doc
	doc   *document // what was last asked for; nil: nothing yet
}

func newFetcher(src *Source, cfg KeysConfig) (*fetcher, error) {
	tls, err := src.tls().Compile()
	if err != nil {
		return nil, renamed(err)
	}
	// A connection serves one fetch: between two of them minutes pass.
	opt := outbound.Options{Dial: cfg.Dial, TLS: tls, Proxy: src.Proxy, MaxIdle: -1}
	return &fetcher{src: *src, http: outbound.NewFetcher(opt, cfg.UserAgent), shelf: &shelf{}}, nil
}

// tls are the source's settings for whom to trust and what to show, in the words of package outbound.
func (s *Source) tls() outbound.TLSConfig {
	c := outbound.TLSConfig{DangerouslySkipVerify: s.skipVerify(), CipherSuites: s.CipherSuites, Fingerprints: s.Fingerprints}
	if s.LocalCA != "" {
		c.CA = []string{s.LocalCA}
	}
	if s.ClientCert != "" {
		c.Certificates = []outbound.KeyPair{{Certificate: s.ClientCert, PrivateKey: s.ClientKey}}
	}
	return c
}

// renamed puts mistakes in those settings under the keys of the source.
func renamed(err error) error {
	names := map[any]conf.Path{"ca_certs": {"jwk_local_ca"}, "client_certs": {"jwk_client_cert"}}
	var errs []error
	for _, m := range conf.Flatten(err) {
		path := m.Path
		if len(path) > 0 {
			switch name := path[0]; {
			case names[name] != nil:
				path = names[name]
			case name == "fingerprints":
				path = append(conf.Path{"jwk_fingerprints"}, path[1:]...)
			}
		}
		errs = append(errs, conf.At(m.Err, path...))
	}
	return conf.Join(errs...)
}

func (f *fetcher) close() {
	_ = f.http.Close()
	if f.doc != nil {
		f.shelf.leave(f.doc)
	}
}

// name is where the documents come from, as an operator may see it.
func (f *fetcher) name() string { return bare(or(f.src.URL, f.src.Issuer)) }

// bare is a URL without what may be secret.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(not a URL)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// fetch gets an edition of the key set that began after a certain time. Within the window, what somebody else has fetched
// from the same address will do.
func (f *fetcher) fetch(ctx context.Context, after time.Time, window time.Duration) edition {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	address := f.src.URL
	if address == "" {
		began := time.Now()
		var err error
		if address, err = f.discover(ctx); err != nil {
			return edition{began: began, err: err}
		}
	}
	if err := f.turnTo(address); err != nil {
		return edition{began: time.Now(), err: err}
	}
	got := f.doc.newer(ctx, after, window, f.keys)
	if got.err != nil {
		f.found = "" // they may have moved
	}
	return got
}

// turnTo takes the document of an address.
func (f *fetcher) turnTo(address string) error {
	if f.doc != nil && f.at == address {
		return nil
	}
	src := f.src
	src.URL = address
	doc, err := f.shelf.take(&src)
	if err != nil {
		return err
	}
	if f.doc != nil {
		f.shelf.leave(f.doc)
	}
	f.at, f.doc = address, doc
	return nil
}

// keys gets the key set itself.
func (f *fetcher) keys(ctx context.Context) (e edition) {
	doc, err := f.get(ctx, f.at, maxDocument)
	if err != nil {
		return edition{err: err}
	}
	e.says = freshness(doc)
	if e.set, err = jose.ParseSet(doc.Body, jose.Fetched); err != nil {
		e.err = fmt.Errorf("GET %s: %w", doc.URL, err)
	} else if len(e.set.Keys) == 0 {
		e.err = fmt.Errorf("GET %s: no key that can be used", doc.URL)
	}
	return e
}

// discover asks the issuer where its keys are (OpenID Connect Discovery 1.0 section 4.3): the answer must name the issuer
// that was asked, byte for byte.
func (f *fetcher) discover(ctx context.Context) (string, error) {
	if f.found != "" {
		return f.found, nil
	}
	got, err := f.get(ctx, strings.TrimRight(f.src.Issuer, "/")+discoveryPath, maxDocument)
	if err != nil {
		return "", err
	}
	var doc struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	err = json.Unmarshal(got.Body, &doc)
	switch {
	case err != nil:
		err = errors.New("not a discovery document")
	case doc.Issuer != f.src.Issuer:
		err = fmt.Errorf("speaks for issuer %q, want %q", clip(doc.Issuer), f.src.Issuer)
	default:
		err = f.src.mayFetch(doc.Keys)
	}
	if err != nil {
		return "", fmt.Errorf("GET %s: %w", got.URL, err)
	}
	f.found = doc.Keys
	return doc.Keys, nil
}

// list gets a deny-list.
func (f *fetcher) list(ctx context.Context) ([]byte, error) {
	doc, err := f.get(ctx, f.src.URL, maxList)
	if err != nil {
		return nil, err
	}
	return doc.Body, nil
}

// get fetches one document within bounds. Redirects are followed within the origin alone. Servers that do not know the
// types of JSON call it text or bytes, or nothing; a page is refused by its type.
func (f *fetcher) get(ctx context.Context, address string, most int64) (*outbound.Fetched, error) {
	req := outbound.FetchRequest{
		URL: address, Timeout: fetchTimeout, MaxBytes: most, Redirects: 3,
		Accept: []string{"json", "text/plain", "application/octet-stream", ""},
	}
	for name, value := range f.src.Headers {
		req.Header = append(req.Header, outbound.Field{Name: name, Value: value})
	}
	doc, err := f.http.Fetch(ctx, req)
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// freshness is what Cache-Control says of a document, never under a minute; 0: nothing.
func freshness(doc *outbound.Fetched) time.Duration {
	for _, field := range doc.Header {
		if !strings.EqualFold(field.Name, "Cache-Control") {
			continue
		}
		for directive := range strings.SplitSeq(field.Value, ",") {
			name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
			switch name {
			case "no-store", "no-cache":
				return minFresh
			case "max-age":
				seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
				if err != nil {
					return minFresh
				}
				age, _ := strconv.ParseUint(doc.Get("Age"), 10, 31)
				return max(minFresh, time.Duration(int64(seconds)-int64(age))*time.Second)
			}
		}
	}
	return 0
}

// clip shortens a text of somebody else's for an error or a log.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
