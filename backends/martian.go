package backends

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// Martian is modifier/martian: one modifier by its name, or a group of them, over the request as it is sent and the answer
// as it comes. The modifiers are ours; their names and keys are those of google/martian.
type Martian struct{ raw []byte }

// UnmarshalJSON keeps the modifiers; they are compiled with their backend.
func (m *Martian) UnmarshalJSON(b []byte) error {
	m.raw = bytes.Clone(b)
	return nil
}

// MarshalJSON is the modifiers as they were written.
func (m *Martian) MarshalJSON() ([]byte, error) { return m.raw, nil }

// ConfSchema says what may stand there: a modifier by its name.
func (*Martian) ConfSchema() map[string]any {
	return map[string]any{"type": "object", "minProperties": 1, "maxProperties": 1,
		"propertyNames": map[string]any{"enum": modifierNames()}}
}

// modifier is one compiled modifier; a nil function does nothing there.
type modifier struct {
	request  func(c *call) error
	response func(c *call, out *outbound.Response) error
}

// martian compiles the modifiers of a backend.
func (m *mistakes) martian(b *backend, cfg Config) {
	if cfg.Extra.Martian == nil {
		return
	}
	k := &martian{backend: b}
	mod, err := k.compile(cfg.Extra.Martian.raw)
	if m.at(err, "extra_config", "modifier/martian") {
		return
	}
	b.modify = mod
}

// elsewhere changes the hosts of a backend as its modifiers say: martian writes another host into the URL, and here a
// host is a place with connections, so it must be known when the backend is compiled.
func elsewhere(cfg Config) Config {
	if cfg.Extra.Martian == nil {
		return cfg
	}
	k := &martian{}
	if _, err := k.compile(cfg.Extra.Martian.raw); err != nil || k.scheme == "" && k.host == "" && k.port == "" {
		return cfg // a mistake is told when the backend is compiled
	}
	hosts := make([]string, 0, len(cfg.Host))
	for _, written := range cfg.Host {
		if moved, err := k.move(written); err == nil {
			written = moved
		}
		if !slices.Contains(hosts, written) {
			hosts = append(hosts, written)
		}
	}
	cfg.Host = hosts
	return cfg
}

// martian compiles, and takes down what modifiers say of the host.
type martian struct {
	backend            *backend
	scheme, host, port string
	filtered           bool // inside a filter
}

func (k *martian) move(written string) (string, error) {
	o, err := ParseHost(written)
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

func (s scope) of(m modifier) modifier {
	if len(s) > 0 && !slices.Contains(s, "request") {
		m.request = nil
	}
	if len(s) > 0 && !slices.Contains(s, "response") {
		m.response = nil
	}
	return m
}

// compile reads {"name": {…}}.
func (k *martian) compile(raw json.RawMessage) (modifier, error) {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(raw, &named); err != nil || len(named) != 1 {
		return modifier{}, errors.New(`want one modifier by its name, such as {"header.Modifier": {…}}; several go into a fifo.Group`)
	}
	for name, body := range named {
		build := modifiers()[name]
		if build == nil {
			return modifier{}, conf.At(noModifier(name), name)
		}
		mod, err := build(k, body)
		return mod, conf.At(err, name)
	}
	return modifier{}, nil
}

// noModifier says why a name is none of ours.
func noModifier(name string) error {
	switch kind, verb, _ := strings.Cut(name, "."); {
	case verb == "Verifier":
		return errors.New("a verifier refuses nothing: it takes notes that nobody reads in KrakenD; validation/cel refuses")
	case kind == "method", kind == "log", kind == "skip":
		return errors.New("is not served here; KrakenD does not have it either")
	}
	if meant := conf.Nearest(name, modifierNames()); meant != "" {
		return fmt.Errorf("no such modifier (did you mean %q?)", meant)
	}
	return fmt.Errorf("no such modifier, want one of %s", strings.Join(modifierNames(), ", "))
}

// modifiers is the table of all that there are.
func modifiers() map[string]func(*martian, json.RawMessage) (modifier, error) {
	return map[string]func(*martian, json.RawMessage) (modifier, error){
		"fifo.Group":           (*martian).fifo,
		"priority.Group":       (*martian).priority,
		"header.Modifier":      (*martian).headerSet,
		"header.Append":        (*martian).headerAppend,
		"header.Blacklist":     (*martian).headerBlacklist,
		"header.Copy":          (*martian).headerCopy,
		"header.Id":            (*martian).headerID,
		"header.Filter":        (*martian).headerFilter,
		"header.RegexFilter":   (*martian).headerRegexFilter,
		"url.Modifier":         (*martian).urlModifier,
		"url.Filter":           (*martian).urlFilter,
		"url.RegexFilter":      (*martian).urlRegexFilter,
		"querystring.Modifier": (*martian).queryModifier,
		"querystring.Filter":   (*martian).queryFilter,
		"cookie.Modifier":      (*martian).cookie,
		"cookie.Filter":        (*martian).cookieFilter,
		"body.Modifier":        (*martian).body,
		"status.Modifier":      (*martian).status,
		"port.Modifier":        (*martian).portModifier,
		"port.Filter":          (*martian).portFilter,
		"stash.Modifier":       (*martian).stash,
		"static.Modifier":      (*martian).static,
	}
}

func modifierNames() []string {
	var names []string
	for name := range modifiers() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
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
func group(list []modifier) modifier {
	return modifier{
		request: func(c *call) error {
			for i := range list {
				if list[i].request != nil {
					if err := list[i].request(c); err != nil {
						return err
					}
				}
			}
			return nil
		},
		response: func(c *call, out *outbound.Response) error {
			for i := range list {
				if list[i].response != nil {
					if err := list[i].response(c, out); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

func (k *martian) fifo(raw json.RawMessage) (modifier, error) {
	var cfg struct {
		Scope     scope             `json:"scope"`
		Aggregate bool              `json:"aggregateErrors"`
		Modifiers []json.RawMessage `json:"modifiers"`
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	errs := []error{cfg.Scope.check()}
	list := make([]modifier, 0, len(cfg.Modifiers))
	for i, one := range cfg.Modifiers {
		mod, err := k.compile(one)
		errs = append(errs, conf.At(err, "modifiers", i))
		list = append(list, mod)
	}
	return cfg.Scope.of(group(list)), conf.Join(errs...)
}

// priority runs the highest first; equals run in their order.
func (k *martian) priority(raw json.RawMessage) (modifier, error) {
	type entry struct {
		Priority int64           `json:"priority"`
		Modifier json.RawMessage `json:"modifier"`
	}
	var cfg struct {
		Scope     scope   `json:"scope"`
		Modifiers []entry `json:"modifiers"`
	}
	if err := read(raw, &cfg); err != nil {
		return modifier{}, err
	}
	errs := []error{cfg.Scope.check()}
	type ranked struct {
		rank int64
		modifier
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
	list := make([]modifier, len(all))
	for i := range all {
		list[i] = all[i].modifier
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
func (k *martian) filter(b branches, request func(c *call) bool, response func(c *call, out *outbound.Response) bool) (modifier, error) {
	own := *k
	own.filtered = true
	var then, otherwise modifier
	errs := []error{b.Scope.check()}
	var err error
	then, err = own.compile(b.Modifier)
	errs = append(errs, conf.At(err, "modifier"))
	if b.Else != nil {
		otherwise, err = own.compile(b.Else)
		errs = append(errs, conf.At(err, "else"))
	}
	pick := func(yes bool) *modifier {
		if yes {
			return &then
		}
		return &otherwise
	}
	return b.Scope.of(modifier{
		request: func(c *call) error {
			if m := pick(request(c)); m.request != nil {
				return m.request(c)
			}
			return nil
		},
		response: func(c *call, out *outbound.Response) error {
			if m := pick(response(c, out)); m.response != nil {
				return m.response(c, out)
			}
			return nil
		},
	}), conf.Join(errs...)
}
