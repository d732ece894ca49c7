package validator

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
)

const (
	fetchTimeout = 5 * time.Second // of one fetch, discovery and redirects too
	maxDocument  = 1 << 20         // bytes of one document
	minFresh     = time.Minute     // what Cache-Control may shorten freshness to
)

// fetcher gets the key set of one source over the network. It is used by one goroutine at a time.
type fetcher struct {
	src    Source
	agent  string
	client *http.Client
	found  string // the jwks_uri of the last discovery; "" to ask again
}

func newFetcher(src *Source, cfg KeysConfig) (*fetcher, error) {
	tlsConfig, err := src.tls()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DialContext: cfg.Dial, TLSClientConfig: tlsConfig, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second}
	if src.Proxy != "" {
		proxy, err := url.Parse(src.Proxy)
		if err != nil {
			return nil, conf.At(err, "jwk_proxy")
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	return &fetcher{src: *src, agent: cfg.UserAgent, client: &http.Client{Transport: transport, CheckRedirect: sameOrigin}}, nil
}

// sameOrigin lets a fetch follow redirects within the origin that the operator trusts, and nowhere else.
func sameOrigin(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > 3 || next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// tls are the source's settings for whom to trust and what to show.
func (s *Source) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.skipVerify()}
	for _, suite := range s.CipherSuites {
		c.CipherSuites = append(c.CipherSuites, uint16(suite))
	}
	if s.LocalCA != "" {
		pem, err := os.ReadFile(s.LocalCA)
		if err != nil {
			return nil, conf.At(err, "jwk_local_ca")
		}
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			c.RootCAs = x509.NewCertPool()
		}
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, conf.At(errors.New("no certificate in it, want PEM"), "jwk_local_ca")
		}
	}
	if s.ClientCert != "" {
		cert, err := tls.LoadX509KeyPair(s.ClientCert, s.ClientKey)
		if err != nil {
			return nil, conf.At(err, "jwk_client_cert")
		}
		c.Certificates = []tls.Certificate{cert}
	}
	if len(s.Fingerprints) > 0 {
		c.VerifyConnection = s.pinned
	}
	return c, nil
}

// pinned wants one certificate of the chain to have one of the pinned public keys. It runs on resumed connections too.
func (s *Source) pinned(state tls.ConnectionState) error {
	for _, cert := range state.PeerCertificates {
		sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
		for _, pin := range s.Fingerprints {
			if raw, err := decodePin(pin); err == nil && string(raw) == string(sum[:]) {
				return nil
			}
		}
	}
	return errors.New("no certificate of the server has one of the pinned fingerprints")
}

// name is where the keys come from, as an operator may see it.
func (f *fetcher) name() string {
	if f.src.URL != "" {
		return bare(f.src.URL)
	}
	return bare(f.src.Issuer)
}

// bare is a URL without what may be secret.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(not a URL)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// fetch gets the key set, and for how long its server calls it fresh; 0: it does not say.
func (f *fetcher) fetch(ctx context.Context) (*jose.Set, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	address := f.src.URL
	if address == "" {
		var err error
		if address, err = f.discover(ctx); err != nil {
			return nil, 0, err
		}
	}
	body, header, err := f.get(ctx, address, maxDocument, isJSON)
	if err != nil {
		f.found = ""
		return nil, 0, err
	}
	set, err := jose.ParseSet(body, jose.Fetched)
	if err != nil {
		f.found = ""
		return nil, 0, fmt.Errorf("%s: %w", bare(address), err)
	}
	if len(set.Keys) == 0 {
		return set, 0, fmt.Errorf("%s: no key that can be used", bare(address))
	}
	return set, freshness(header), nil
}

// discover asks the issuer where its keys are (OpenID Connect Discovery 1.0 section 4.3): the answer must name the issuer
// that was asked, byte for byte.
func (f *fetcher) discover(ctx context.Context) (string, error) {
	if f.found != "" {
		return f.found, nil
	}
	address := strings.TrimRight(f.src.Issuer, "/") + discoveryPath
	body, _, err := f.get(ctx, address, maxDocument, isJSON)
	if err != nil {
		return "", err
	}
	var doc struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", fmt.Errorf("%s: not a discovery document", bare(address))
	}
	if doc.Issuer != f.src.Issuer {
		return "", fmt.Errorf("%s: speaks for issuer %q, want %q", bare(address), clip(doc.Issuer), f.src.Issuer)
	}
	if err := f.src.mayFetch(doc.Keys); err != nil {
		return "", fmt.Errorf("%s: jwks_uri: %w", bare(address), err)
	}
	f.found = doc.Keys
	return doc.Keys, nil
}

// list gets a deny-list, JSON or text.
func (f *fetcher) list(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	body, _, err := f.get(ctx, f.src.URL, maxList, func(kind string) bool {
		return isJSON(kind) || strings.HasPrefix(kind, "text/plain")
	})
	return body, err
}

// get fetches one document within bounds.
func (f *fetcher) get(ctx context.Context, address string, most int64, takes func(kind string) bool) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: not a URL that can be fetched", bare(address))
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", f.agent)
	for name, value := range f.src.Headers {
		req.Header.Set(name, value)
	}
	res, err := f.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // url.Error quotes the whole URL
		}
		return nil, nil, fmt.Errorf("%s: %w", bare(address), err)
	}
	defer res.Body.Close()
	kind := res.Header.Get("Content-Type")
	body, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	switch {
	case res.StatusCode != http.StatusOK:
		err = fmt.Errorf("answered %d, want 200", res.StatusCode)
	case !takes(kind):
		err = fmt.Errorf("answered with content type %q, which is not what is wanted", clip(kind))
	case err == nil && int64(len(body)) > most:
		err = fmt.Errorf("answered with more than %d bytes", most)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", bare(address), err)
	}
	return body, res.Header, nil
}

// isJSON takes every media type of JSON, and servers that do not name one.
func isJSON(kind string) bool {
	if kind == "" {
		return true
	}
	got, _, err := mime.ParseMediaType(kind)
	return err == nil && (got == "application/json" || got == "text/json" || strings.HasSuffix(got, "+json"))
}

// freshness is what Cache-Control says of a document, never under a minute; 0: nothing.
func freshness(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return minFresh
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return minFresh
			}
			age, _ := strconv.ParseUint(h.Get("Age"), 10, 31)
			return max(minFresh, time.Duration(int64(seconds)-int64(age))*time.Second)
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
