package tokens

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

const (
	maxTokenAnswer = 256 << 10 // bytes of what a token endpoint says
	maxToken       = 16 << 10  // bytes of a token, which goes into a header
	assertionLife  = time.Minute
	defaultTimeout = 5 * time.Second // of one token request
)

// endpoint asks one token endpoint for one kind of token.
type endpoint struct {
	*grant
	fetcher *outbound.Fetcher
	timeout time.Duration
	worked  atomic.Value // string: the style to begin with, once both were tried or one has worked
}

// ask sends one token request; where it is not known how the secret is wanted, and the first way is answered with 400 or
// 401, a second one. After both have failed each attempt tries one, in turn.
func (e *endpoint) ask(ctx context.Context, extra ...param) (*Token, error) {
	if e.style != styleAuto {
		return e.once(ctx, e.style, extra)
	}
	style, known := e.worked.Load().(string)
	if !known {
		style = styleBasic
	}
	t, err := e.once(ctx, style, extra)
	if err != nil && !unwelcome(err) {
		return nil, err
	}
	if err != nil && !known {
		style = stylePost
		t, err = e.once(ctx, style, extra)
	}
	if unwelcome(err) {
		style = other(style)
	}
	if err == nil || unwelcome(err) {
		e.worked.Store(style)
	}
	return t, err
}

func other(style string) string {
	if style == styleBasic {
		return stylePost
	}
	return styleBasic
}

// unwelcome reports whether the endpoint may have wanted the secret in another way.
func unwelcome(err error) bool {
	var f *outbound.FetchError
	return errors.As(err, &f) && (f.Status == 400 || f.Status == 401)
}

func (e *endpoint) once(ctx context.Context, style string, extra []param) (*Token, error) {
	req := outbound.FetchRequest{Method: "POST", URL: e.url, Timeout: e.timeout, MaxBytes: maxTokenAnswer, Statuses: []int{200, 201}, Secret: true}
	params := append(append([]param(nil), extra...), e.params...)
	switch style {
	case styleBasic:
		// RFC 6749 2.3.1: both are form-encoded before they are joined.
		pair := url.QueryEscape(e.id) + ":" + url.QueryEscape(e.secret)
		req.Header = append(req.Header, outbound.Field{Name: "Authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))})
	case stylePost:
		params = lacking(params, param{"client_id", e.id}, param{"client_secret", e.secret})
	case styleJWT:
		assertion, err := e.assertion()
		if err != nil {
			return nil, err
		}
		params = lacking(params, param{"client_id", e.id},
			param{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, param{"client_assertion", assertion})
	case styleTLS:
		params = lacking(params, param{"client_id", e.id})
	}
	contentType := "application/x-www-form-urlencoded"
	if e.json {
		contentType, req.Body = "application/json", jsonParams(params)
	} else {
		req.Body = formParams(params)
	}
	req.Header = append(req.Header, outbound.Field{Name: "Content-Type", Value: contentType}, outbound.Field{Name: "Accept", Value: "application/json"})
	got, err := e.fetcher.Fetch(ctx, req)
	if err != nil {
		return nil, explained(got, err)
	}
	return e.read(got)
}

// lacking adds those of more that are not there yet: what the file says in endpoint_params goes first.
func lacking(params []param, more ...param) []param {
	for _, m := range more {
		if !has(params, m.name) {
			params = append(params, m)
		}
	}
	return params
}

func has(params []param, name string) bool {
	for _, p := range params {
		if p.name == name {
			return true
		}
	}
	return false
}

func formParams(params []param) []byte {
	var b []byte
	for _, p := range params {
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = append(b, url.QueryEscape(p.name)...)
		b = append(b, '=')
		b = append(b, url.QueryEscape(p.value)...)
	}
	return b
}

// jsonParams writes an object; a name that stands several times becomes an array.
func jsonParams(params []param) []byte {
	b := []byte{'{'}
	for i, p := range params {
		if has(params[:i], p.name) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(rawjson.AppendString(b, p.name), ':')
		if !has(params[i+1:], p.name) {
			b = rawjson.AppendString(b, p.value)
			continue
		}
		open := byte('[')
		for _, q := range params[i:] {
			if q.name == p.name {
				b = rawjson.AppendString(append(b, open), q.value)
				open = ','
			}
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// assertion is a fresh proof of who we are (RFC 7523 3).
func (e *endpoint) assertion() (string, error) {
	now := time.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": e.id, "sub": e.id, "aud": e.audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	return e.key.Sign(nil, payload)
}

// explained adds the endpoint's error code (RFC 6749 5.2) to an error, if it is one: a word and nothing else, since
// whatever else stands there may repeat the secret.
func explained(got *outbound.Fetched, err error) error {
	if got == nil {
		return err
	}
	var v rawjson.Value
	if v.Parse(got.Body, 1) != nil {
		return err
	}
	raw, ok := v.Get("error")
	if !ok {
		return err
	}
	code, bad := rawjson.Unquote(raw)
	if bad != nil || len(code) == 0 || len(code) > 40 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return err
	}
	return &codedError{code, err}
}

// codedError is an error with the code that the endpoint gave for it.
type codedError struct {
	code string
	err  error
}

func (e *codedError) Error() string { return e.err.Error() + " (" + e.code + ")" }
func (e *codedError) Unwrap() error { return e.err }

// read makes a token of an answer (RFC 6749 5.1), however odd.
func (e *endpoint) read(got *outbound.Fetched) (*Token, error) {
	get, err := answer(got)
	if err != nil {
		return nil, fmt.Errorf("%s answered %d: %w", got.URL, got.Status, err)
	}
	value, _ := get("access_token")
	kind, typed := get("token_type")
	switch {
	case value == "":
		return nil, fmt.Errorf("%s answered %d without an access_token", got.URL, got.Status)
	case len(value) > maxToken:
		return nil, fmt.Errorf("%s gave a token of %d bytes, want at most %d", got.URL, len(value), maxToken)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, fmt.Errorf("%s gave a token that cannot stand in a header", got.URL)
	case typed && kind != "" && !strings.EqualFold(kind, "Bearer"):
		// RFC 6749 7.1: a client does not use a token whose type it does not understand.
		return nil, fmt.Errorf("%s gave a token of type %.40q, want Bearer", got.URL, kind)
	}
	life, ok := get("expires_in")
	return newToken("Bearer "+value, e.life(life, ok)), nil
}

// answer is a way to ask for the members of an answer: JSON, or a form as some endpoints send it. Numbers are texts;
// whatever is neither a text nor a number is not there.
func answer(got *outbound.Fetched) (func(name string) (string, bool), error) {
	if strings.HasPrefix(strings.ToLower(got.Get("Content-Type")), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(got.Body))
		return func(name string) (string, bool) { return form.Get(name), form.Has(name) }, err
	}
	var v rawjson.Value
	if err := v.Parse(got.Body, 1); err != nil {
		return nil, errors.New("what it said is not JSON")
	}
	if v.Kind() != '{' {
		return nil, errors.New("what it said is not a JSON object")
	}
	return func(name string) (string, bool) {
		raw, ok := v.Get(name)
		switch {
		case !ok:
			return "", false
		case raw[0] == '"':
			text, err := rawjson.Unquote(raw)
			return text, err == nil
		case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
			return string(raw), true
		}
		return "", false
	}, nil
}

// life is how long a token is used: what its issuer says in seconds, within reason.
func (e *endpoint) life(written string, there bool) time.Duration {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(written), 64)
	switch {
	case !there, math.IsNaN(seconds), err != nil && !errors.Is(err, strconv.ErrRange):
		return e.lifetime
	case seconds >= maxLife.Seconds():
		return maxLife
	case seconds <= minLife.Seconds():
		return minLife
	}
	return time.Duration(seconds * float64(time.Second))
}
