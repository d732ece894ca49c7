package gatewaytest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// world is what a page builds around its gateway: upstreams, providers, tokens, files.
type world struct {
	t         testing.TB
	dir       string
	listener  net.Listener // of the gateway
	nobody    string       // the address of nobody
	upstreams map[string]*Upstream
	providers map[string]*KeyServer
	tokens    map[string]string
	page      *page
	update    bool // rewrite what does not hold
	now       time.Time
}

// build makes the world of a page. Everything in it ends with the test.
func build(t testing.TB, p *page) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), page: p, now: time.Now(),
		upstreams: map[string]*Upstream{}, providers: map[string]*KeyServer{}, tokens: map[string]string{}}
	w.listener = reserve(t)
	w.nobody = "http://" + nobody(t)
	for _, h := range p.all("upstream") {
		w.upstreams[h.name()] = nil // known; a script may name the others, but only the address of those before it
	}
	for _, h := range p.all("upstream") {
		w.upstreams[h.name()] = StartUpstream(t, h.name(), w.must(h, p.text(h)))
	}
	for _, h := range p.files {
		if strings.Contains(h.kind, ".") && h.index != p.config {
			w.write(h.kind, w.must(h, p.text(h)))
		}
	}
	return w
}

func reserve(t testing.TB) net.Listener {
	t.Helper()
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// must expands a file of the page, all of it.
func (w *world) must(h heading, text string) string {
	w.t.Helper()
	out, err := w.expand(text)
	if err != nil {
		w.t.Fatalf("%s: -- %s --: %v", w.page.path, w.page.archive.Files[h.index].Name, err)
	}
	return out
}

// expand replaces placeholders. One that is not known is an error.
func (w *world) expand(text string) (string, error) { return w.replace(text, false) }

// replace replaces placeholders; those that are not known may stay, as a template of the configuration's own.
func (w *world) replace(text string, lenient bool) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		inside, after, closed := strings.Cut(rest, "}}")
		value, err := w.placeholder(strings.Fields(inside))
		switch {
		case closed && err == nil:
			b.WriteString(value)
			text = after
		case lenient:
			b.WriteString("{{")
			text = rest
		case !closed:
			return "", fmt.Errorf("{{ without }}")
		default:
			return "", fmt.Errorf("{{%s}}: %w", inside, err)
		}
	}
}

func (w *world) placeholder(words []string) (string, error) {
	if len(words) == 0 {
		return "", fmt.Errorf("empty")
	}
	name := strings.Join(words[1:], " ")
	switch words[0] {
	case "upstream":
		if u := w.upstreams[name]; u != nil {
			return u.URL(), nil
		}
		return "", fmt.Errorf("no upstream of this name, or not yet")
	case "issuer":
		return w.provider(name).Issuer(), nil
	case "jwks":
		return w.provider(name).JWKS(), nil
	case "domain":
		return w.provider(name).Domain(), nil
	case "ca":
		return w.provider(name).WriteCA(w.dir), nil
	case "token":
		return w.token(name)
	case "gateway":
		return "http://" + w.listener.Addr().String(), nil
	case "nobody":
		return w.nobody, nil
	case "dir":
		return w.dir, nil
	case "repeat":
		return repeat(words)
	case "nl", "cr", "sp":
		return map[string]string{"nl": "\n", "cr": "\r", "sp": " "}[words[0]], nil
	}
	if offset, is := strings.CutPrefix(words[0], "now"); is && len(words) == 1 {
		return w.at(offset)
	}
	return "", fmt.Errorf("unknown placeholder")
}

func repeat(words []string) (string, error) {
	if len(words) != 3 {
		return "", fmt.Errorf("want {{repeat N text}}")
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || n < 0 {
		return "", fmt.Errorf("got %q, want a number", words[1])
	}
	return strings.Repeat(words[2], n), nil
}

func (w *world) at(offset string) (string, error) {
	if offset == "" {
		offset = "0s"
	}
	d, err := time.ParseDuration(offset)
	return strconv.FormatInt(w.now.Add(d).Unix(), 10), err
}

// provider is the provider of this name; it starts when it is first named.
func (w *world) provider(name string) *KeyServer {
	if w.providers[name] == nil {
		w.providers[name] = StartKeys(w.t)
	}
	return w.providers[name]
}

// token is signed when it is first named, so that one after a rotation is of the new key.
func (w *world) token(name string) (string, error) {
	if signed, there := w.tokens[name]; there {
		return signed, nil
	}
	for _, h := range w.page.all("token") {
		if h.name() != name {
			continue
		}
		text, err := w.expand(w.page.text(h))
		if err != nil {
			return "", err
		}
		token, keys, err := parseToken(text)
		if err != nil {
			return "", err
		}
		signed, err := w.provider(keys).sign(token)
		w.tokens[name] = signed
		return signed, err
	}
	return "", fmt.Errorf("no token of this name")
}

// contract puts placeholders where their values stand, for messages and -update.
func (w *world) contract(text string) string {
	var pairs []string
	add := func(value, kind, name string) {
		pairs = append(pairs, value, "{{"+strings.TrimSpace(kind+" "+name)+"}}")
	}
	for name, signed := range w.tokens {
		add(signed, "token", name)
	}
	for name, u := range w.upstreams {
		add(u.URL(), "upstream", name)
	}
	for name, k := range w.providers {
		add(k.JWKS(), "jwks", name)
		add(k.Issuer(), "issuer", name)
	}
	add("http://"+w.listener.Addr().String(), "gateway", "")
	add(w.dir, "dir", "")
	return strings.NewReplacer(pairs...).Replace(text)
}
