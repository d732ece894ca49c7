package martian

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// fields is a header that modifiers change.
type fields []outbound.Field

func (f fields) values(name string) (list []string) {
	for i := range f {
		if strings.EqualFold(f[i].Name, name) {
			list = append(list, f[i].Value)
		}
	}
	return list
}

func (f fields) without(names ...string) fields {
	return slices.DeleteFunc(f, func(one outbound.Field) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(one.Name, name) })
	})
}

func (f fields) with(name string, values ...string) fields {
	for _, v := range values {
		f = append(f, outbound.Field{Name: name, Value: v})
	}
	return f
}

// onHeaders is a modifier that does the same to both headers. Host is no field of a request.
func onHeaders(change func(fields) fields) Modifier {
	return Modifier{
		Request: func(c Call) error {
			out := c.Out()
			f := change(out.Header)
			if host := f.values("Host"); len(host) > 0 {
				out.Host = host[len(host)-1]
				f = f.without("Host")
			}
			out.Header = f
			return nil
		},
		Response: func(_ Call, out *outbound.Response) error {
			out.Header = change(out.Header)
			return nil
		},
	}
}

func checkField(name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) || slices.Contains([]string{"Connection", "Transfer-Encoding", "Content-Length", "Upgrade", "Keep-Alive", "Te", "Trailer"}, http.CanonicalHeaderKey(name)) {
		return conf.At(fmt.Errorf("%q is not the name of an end-to-end header", name), "name")
	}
	if !httpguts.ValidHeaderFieldValue(value) {
		return conf.At(errors.New("has control characters"), "value")
	}
	return nil
}

type headerConfig struct {
	Scope scope  `json:"scope"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (k *compiler) header(raw json.RawMessage, change func(f fields, name, value string) fields) (Modifier, error) {
	var cfg headerConfig
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	name := http.CanonicalHeaderKey(cfg.Name)
	mod := onHeaders(func(f fields) fields { return change(f, name, cfg.Value) })
	return cfg.Scope.of(mod), conf.Join(cfg.Scope.check(), checkField(cfg.Name, cfg.Value))
}

func (k *compiler) headerSet(raw json.RawMessage) (Modifier, error) {
	return k.header(raw, func(f fields, name, value string) fields { return f.without(name).with(name, value) })
}

func (k *compiler) headerAppend(raw json.RawMessage) (Modifier, error) {
	return k.header(raw, func(f fields, name, value string) fields { return f.with(name, value) })
}

func (k *compiler) headerBlacklist(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope scope    `json:"scope"`
		Names []string `json:"names"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	return cfg.Scope.of(onHeaders(func(f fields) fields { return f.without(cfg.Names...) })), cfg.Scope.check()
}

func (k *compiler) headerCopy(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope scope  `json:"scope"`
		From  string `json:"from"`
		To    string `json:"to"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	name := http.CanonicalHeaderKey(cfg.To)
	return cfg.Scope.of(onHeaders(func(f fields) fields {
		return f.without(name).with(name, f.values(cfg.From)...)
	})), conf.Join(cfg.Scope.check(), checkField(cfg.To, ""))
}

// headerID gives each request an identifier, unless it has one.
func (k *compiler) headerID(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope scope `json:"scope"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	mod := onHeaders(func(f fields) fields {
		if len(f.values("X-Martian-Id")) > 0 {
			return f
		}
		var id [8]byte
		rand.Read(id[:])
		return f.with("X-Martian-Id", hex.EncodeToString(id[:]))
	})
	mod.Response = nil
	return cfg.Scope.of(mod), cfg.Scope.check()
}

func (k *compiler) headerFilter(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		branches
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	has := func(f fields) bool {
		values := f.values(cfg.Name)
		return cfg.Value == "" && len(values) > 0 || slices.Contains(values, cfg.Value)
	}
	return k.filter(cfg.branches, func(c Call) bool { return has(c.Out().Header) }, func(_ Call, out *outbound.Response) bool { return has(out.Header) })
}

func (k *compiler) headerRegexFilter(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		branches
		Header string `json:"header"`
		Regex  string `json:"regex"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	pattern, err := regexp.Compile(cfg.Regex)
	if err != nil {
		return Modifier{}, conf.At(err, "regex")
	}
	has := func(f fields) bool { return slices.ContainsFunc(f.values(cfg.Header), pattern.MatchString) }
	return k.filter(cfg.branches, func(c Call) bool { return has(c.Out().Header) }, func(_ Call, out *outbound.Response) bool { return has(out.Header) })
}
