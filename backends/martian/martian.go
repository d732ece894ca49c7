// Package martian changes requests as they are sent and answers as they come, by the modifiers of google/martian.
package martian

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// Config is modifier/martian: one modifier by its name, or a group of them, over the request as it is sent and the answer
// as it comes. The modifiers are ours; their names and keys are those of google/martian.
type Config struct{ raw []byte }

// UnmarshalJSON keeps the modifiers; they are compiled with their backend.
func (c *Config) UnmarshalJSON(b []byte) error {
	c.raw = bytes.Clone(b)
	return nil
}

// MarshalJSON is the modifiers as they were written.
func (c *Config) MarshalJSON() ([]byte, error) { return c.raw, nil }

// ConfSchema says what may stand there: a modifier by its name.
func (*Config) ConfSchema() map[string]any {
	return map[string]any{"type": "object", "minProperties": 1, "maxProperties": 1,
		"propertyNames": map[string]any{"enum": names()}}
}

// Call is a request that modifiers change.
type Call interface {
	Out() *outbound.Request // what is sent
	SetBody(body []byte)    // gives it another body, also where it is sent again
}

// Modifier is one compiled modifier; a nil function does nothing there.
type Modifier struct {
	Request  func(c Call) error
	Response func(c Call, out *outbound.Response) error
}

// Compile makes one of all modifiers of a backend. at is its first host, as [Config.Move] has it; the zero Origin where
// there is none.
func (c *Config) Compile(at outbound.Origin) (Modifier, error) {
	k := &compiler{at: at}
	return k.compile(c.raw)
}

// Move changes the hosts of a backend as its modifiers say: martian writes another host into the URL, and here a host is a
// place with connections, so it must be known when the backend is compiled.
func (c *Config) Move(hosts []string) []string {
	k := &compiler{}
	if _, err := k.compile(c.raw); err != nil || k.scheme == "" && k.host == "" && k.port == "" {
		return hosts // a mistake is told when the modifiers are compiled
	}
	list := make([]string, 0, len(hosts))
	for _, written := range hosts {
		if moved, err := k.move(written); err == nil {
			written = moved
		}
		if !slices.Contains(list, written) {
			list = append(list, written)
		}
	}
	return list
}

// compiler compiles, and takes down what modifiers say of the host.
type compiler struct {
	at                 outbound.Origin
	scheme, host, port string
	filtered           bool // inside a filter
}

func (k *compiler) move(written string) (string, error) {
	o, err := outbound.ParseHost(written)
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: o.Scheme, Host: o.Authority()}
	if k.host != "" {
		u.Host = k.host
	}
	if k.scheme != "" {
		u.Scheme = k.scheme
	}
	if k.port != "" {
		u.Host = outbound.Origin{Scheme: u.Scheme, Host: u.Hostname(), Port: k.port}.Authority()
	}
	return u.String(), nil
}

// scope says for which of both a modifier is meant; none means both.
type scope []string

func (s scope) check() error {
	for i, one := range s {
		if one != "request" && one != "response" {
			return conf.At(fmt.Errorf("got %q, want request or response", one), "scope", i)
		}
	}
	return nil
}

func (s scope) of(m Modifier) Modifier {
	if len(s) > 0 && !slices.Contains(s, "request") {
		m.Request = nil
	}
	if len(s) > 0 && !slices.Contains(s, "response") {
		m.Response = nil
	}
	return m
}

// compile reads {"name": {…}}.
func (k *compiler) compile(raw json.RawMessage) (Modifier, error) {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(raw, &named); err != nil || len(named) != 1 {
		return Modifier{}, errors.New(`want one modifier by its name, such as {"header.Modifier": {…}}; several go into a fifo.Group`)
	}
	for name, body := range named {
		build := modifiers()[name]
		if build == nil {
			return Modifier{}, conf.At(noModifier(name), name)
		}
		mod, err := build(k, body)
		return mod, conf.At(err, name)
	}
	return Modifier{}, nil
}

// noModifier says why a name is none of ours.
func noModifier(name string) error {
	switch kind, verb, _ := strings.Cut(name, "."); {
	case verb == "Verifier":
		return errors.New("a verifier refuses nothing: it takes notes that nobody reads in KrakenD; validation/cel refuses")
	case kind == "method", kind == "log", kind == "skip":
		return errors.New("is not served here; KrakenD does not have it either")
	}
	if meant := conf.Nearest(name, names()); meant != "" {
		return fmt.Errorf("no such modifier (did you mean %q?)", meant)
	}
	return fmt.Errorf("no such modifier, want one of %s", strings.Join(names(), ", "))
}

// modifiers is the table of all that there are.
func modifiers() map[string]func(*compiler, json.RawMessage) (Modifier, error) {
	return map[string]func(*compiler, json.RawMessage) (Modifier, error){
		"fifo.Group":           (*compiler).fifo,
		"priority.Group":       (*compiler).priority,
		"header.Modifier":      (*compiler).headerSet,
		"header.Append":        (*compiler).headerAppend,
		"header.Blacklist":     (*compiler).headerBlacklist,
		"header.Copy":          (*compiler).headerCopy,
		"header.Id":            (*compiler).headerID,
		"header.Filter":        (*compiler).headerFilter,
		"header.RegexFilter":   (*compiler).headerRegexFilter,
		"url.Modifier":         (*compiler).urlModifier,
		"url.Filter":           (*compiler).urlFilter,
		"url.RegexFilter":      (*compiler).urlRegexFilter,
		"querystring.Modifier": (*compiler).queryModifier,
		"querystring.Filter":   (*compiler).queryFilter,
		"cookie.Modifier":      (*compiler).cookie,
		"cookie.Filter":        (*compiler).cookieFilter,
		"body.Modifier":        (*compiler).body,
		"status.Modifier":      (*compiler).status,
		"port.Modifier":        (*compiler).portModifier,
		"port.Filter":          (*compiler).portFilter,
		"stash.Modifier":       (*compiler).stash,
		"static.Modifier":      (*compiler).static,
	}
}

func names() []string {
	return slices.Sorted(maps.Keys(modifiers()))
}

// read fills a modifier's keys; one that it does not have is a mistake.
func read(raw json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("%s: got a %s, want another type", wrong.Field, wrong.Value)
	case err != nil:
		return errors.New(strings.Replace(strings.TrimPrefix(err.Error(), "json: "), "unknown field", "unknown key", 1))
	}
	return nil
}

// group is several modifiers, one after another.
func group(list []Modifier) Modifier {
	return Modifier{
		Request: func(c Call) error {
			for i := range list {
				if list[i].Request != nil {
					if err := list[i].Request(c); err != nil {
						return err
					}
				}
			}
			return nil
		},
		Response: func(c Call, out *outbound.Response) error {
			for i := range list {
				if list[i].Response != nil {
					if err := list[i].Response(c, out); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

func (k *compiler) fifo(raw json.RawMessage) (Modifier, error) {
	var cfg struct {
		Scope     scope             `json:"scope"`
		Aggregate bool              `json:"aggregateErrors"`
		Modifiers []json.RawMessage `json:"modifiers"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	errs := []error{cfg.Scope.check()}
	list := make([]Modifier, 0, len(cfg.Modifiers))
	for i, one := range cfg.Modifiers {
		mod, err := k.compile(one)
		errs = append(errs, conf.At(err, "modifiers", i))
		list = append(list, mod)
	}
	return cfg.Scope.of(group(list)), conf.Join(errs...)
}

// priority runs the highest first; equals run in their order.
func (k *compiler) priority(raw json.RawMessage) (Modifier, error) {
	type entry struct {
		Priority int64           `json:"priority"`
		Modifier json.RawMessage `json:"modifier"`
	}
	var cfg struct {
		Scope     scope   `json:"scope"`
		Modifiers []entry `json:"modifiers"`
	}
	if err := read(raw, &cfg); err != nil {
		return Modifier{}, err
	}
	errs := []error{cfg.Scope.check()}
	type ranked struct {
		rank int64
		Modifier
	}
	var all []ranked
	for i, one := range cfg.Modifiers {
		mod, err := k.compile(one.Modifier)
		errs = append(errs, conf.At(err, "modifiers", i, "modifier"))
		all = append(all, ranked{one.Priority, mod})
	}
	slices.SortStableFunc(all, func(a, b ranked) int {
		switch {
		case a.rank > b.rank:
			return -1
		case a.rank < b.rank:
			return 1
		}
		return 0
	})
	list := make([]Modifier, len(all))
	for i := range all {
		list[i] = all[i].Modifier
	}
	return cfg.Scope.of(group(list)), conf.Join(errs...)
}

// branches are the modifiers of a filter.
type branches struct {
	Scope    scope           `json:"scope"`
	Modifier json.RawMessage `json:"modifier"`
	Else     json.RawMessage `json:"else"`
}

// filter runs one of two modifiers.
func (k *compiler) filter(b branches, request func(c Call) bool, response func(c Call, out *outbound.Response) bool) (Modifier, error) {
	own := *k
	own.filtered = true
	var then, otherwise Modifier
	errs := []error{b.Scope.check()}
	var err error
	then, err = own.compile(b.Modifier)
	errs = append(errs, conf.At(err, "modifier"))
	if b.Else != nil {
		otherwise, err = own.compile(b.Else)
		errs = append(errs, conf.At(err, "else"))
	}
	pick := func(yes bool) *Modifier {
		if yes {
			return &then
		}
		return &otherwise
	}
	return b.Scope.of(Modifier{
		Request: func(c Call) error {
			if m := pick(request(c)); m.Request != nil {
				return m.Request(c)
			}
			return nil
		},
		Response: func(c Call, out *outbound.Response) error {
			if m := pick(response(c, out)); m.Response != nil {
				return m.Response(c, out)
			}
			return nil
		},
	}), conf.Join(errs...)
}
