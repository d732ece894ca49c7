package martian

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// otherCookies are the client's cookies but those of a name, as they came: of two of one name many servers take the first.
func otherCookies(lines []string, name string) (kept []string) {
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.Trim(pair, " \t")
			if other, _, _ := strings.Cut(pair, "="); pair != "" && strings.Trim(other, " \t") != name {
				kept = append(kept, pair)
			}
		}
	}
	return kept
}

// cookie adds a cookie: to those of the request, in place of what the client sends under its name, or as one that the client
// is to keep.
func (k *compiler) cookie(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope scope `json:"scope"`
		pairConfig
		Path     string    `json:"path"`
		Domain   string    `json:"domain"`
		Expires  time.Time `json:"expires"`
		Secure   bool      `json:"secure"`
		HTTPOnly bool      `json:"httpOnly"`
		MaxAge   int       `json:"maxAge"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	//nolint:gosec // how careful a cookie is, the file says
	one := http.Cookie{Name: cfg.Name, Value: cfg.Value, Path: cfg.Path, Domain: cfg.Domain, Expires: cfg.Expires, Secure: cfg.Secure, HttpOnly: cfg.HTTPOnly, MaxAge: cfg.MaxAge}
	if err := one.Valid(); err != nil {
		return Modifier{}, errors.New(strings.TrimPrefix(err.Error(), "http: "))
	}
	pair := (&http.Cookie{Name: cfg.Name, Value: cfg.Value}).String() //nolint:gosec // a request's cookie has no attributes
	mod := onHeaders(func(f fields) fields { return f.with("Set-Cookie", one.String()) })
	mod.Request = func(c Call) error {
		own := strings.Join(append(otherCookies(fields(c.Out().Header).values("Cookie"), cfg.Name), pair), "; ")
		c.Out().Header = fields(c.Out().Header).without("Cookie").with("Cookie", own)
		return nil
	}
	return cfg.Scope.of(mod), cfg.Scope.check()
}

// body replaces a body, and what was said of the old one.
func (k *compiler) body(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope       scope  `json:"scope"`
		ContentType string `json:"contentType"`
		Body        string `json:"body"`
		Boundary    string `json:"boundary"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	text, err := base64.StdEncoding.DecodeString(cfg.Body)
	if err != nil {
		return Modifier{}, conf.At(errors.New("want it in base64"), "body")
	}
	if !httpguts.ValidHeaderFieldValue(cfg.ContentType) {
		return Modifier{}, conf.At(errors.New("has control characters"), "contentType")
	}
	told := func(f fields) fields {
		f = f.without("Content-Encoding")
		if cfg.ContentType != "" {
			f = f.without("Content-Type").with("Content-Type", cfg.ContentType)
		}
		return f
	}
	return cfg.Scope.of(Modifier{
		Request: func(c Call) error {
			c.SetBody(text)
			c.Out().Header = told(c.Out().Header)
			return nil
		},
		Response: func(_ Call, out *outbound.Response) error {
			out.Replace(string(text))
			out.Header = told(out.Header)
			return nil
		},
	}), cfg.Scope.check()
}

func (k *compiler) status(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope  scope `json:"scope"`
		Status int   `json:"statusCode"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	if cfg.Status < 200 || cfg.Status > 599 {
		return Modifier{}, conf.At(fmt.Errorf("got %d, want 200 to 599", cfg.Status), "statusCode")
	}
	return cfg.Scope.of(Modifier{Response: func(_ Call, out *outbound.Response) error {
		out.Status = cfg.Status
		return nil
	}}), cfg.Scope.check()
}

// portModifier changes the port of the backend's hosts (see [Config.Move]).
func (k *compiler) portModifier(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope   scope `json:"scope"`
		Port    int   `json:"port"`
		Default bool  `json:"defaultForScheme"`
		Remove  bool  `json:"remove"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	switch {
	case k.filtered:
		return Modifier{}, errors.New("a filter cannot choose the host")
	case cfg.Default || cfg.Remove || cfg.Port < 1 || cfg.Port > 65535:
		return Modifier{}, conf.At(errors.New("want a port from 1 to 65535; a host without one has its scheme's own"), "port")
	}
	k.port = strconv.Itoa(cfg.Port)
	return Modifier{}, cfg.Scope.check()
}

// stash keeps the URL of the request in a header.
func (k *compiler) stash(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope scope  `json:"scope"`
		Name  string `json:"headerName"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	at, name := k.at, http.CanonicalHeaderKey(cfg.Name)
	return cfg.Scope.of(Modifier{Request: func(c Call) error {
		c.Out().Header = fields(c.Out().Header).without(name).with(name, whole(at, c))
		return nil
	}}), conf.Join(cfg.Scope.check(), checkField(cfg.Name, ""))
}

// maxStatic bounds the files that static.Modifier serves.
const maxStatic = 10 << 20

// static answers with a file in the place of what the backend said. Nothing outside of its root can be reached.
func (k *compiler) static(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope scope             `json:"scope"`
		Root  string            `json:"rootPath"`
		Paths map[string]string `json:"explicitPaths"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	if info, err := os.Stat(cfg.Root); err != nil || !info.IsDir() {
		return Modifier{}, conf.At(fmt.Errorf("%q is not a directory", cfg.Root), "rootPath")
	}
	return cfg.Scope.of(Modifier{Response: func(c Call, out *outbound.Response) error {
		asked, _, _ := strings.Cut(c.Out().Target, "?")
		if plain, err := url.PathUnescape(asked); err == nil {
			asked = plain
		}
		name := path.Clean("/" + asked)[1:]
		if own, ok := cfg.Paths[asked]; ok {
			name = path.Clean("/" + own)[1:]
		}
		text, err := readIn(cfg.Root, name)
		if err != nil {
			out.Status = http.StatusNotFound
			out.Replace("")
			return nil //nolint:nilerr // there is no such file: that is the answer
		}
		out.Status = http.StatusOK
		out.Replace(text)
		out.Header = fields(out.Header).without("Content-Type").with("Content-Type", cmp.Or(mime.TypeByExtension(path.Ext(name)), "application/octet-stream"))
		return nil
	}}), cfg.Scope.check()
}

func readIn(root, name string) (string, error) {
	f, err := os.OpenInRoot(root, name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxStatic+1))
	if err != nil || len(text) > maxStatic {
		return "", errors.Join(err, errors.New("cannot be read"))
	}
	return string(text), nil
}
