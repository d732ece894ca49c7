package backends

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gatehouse/backends/martian"
	"gatehouse/internal/lua"
	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// edit changes a request that is ready to be sent, or refuses it. judge does the same with the answer.
type (
	edit  func(ctx context.Context, c *call) error
	judge func(ctx context.Context, c *call, res *Response) error
)

// extensions are what the file adds to an exchange, in KrakenD's order: on the way out Lua, CEL, martian; on the way back
// martian, CEL, Lua (krakend.md 2.1).
func (m *mistakes) extensions(b *backend, cfg Config, env Env) {
	m.when(b, cfg, env)
	post := m.script(b, cfg, env)
	m.rules(b, cfg, env)
	m.martian(b, cfg.Extra.Martian)
	if post != nil {
		b.answers = append(b.answers, post)
	}
}

// martian compiles the modifiers of a backend, if it has any.
func (m *mistakes) martian(b *backend, cfg *martian.Config) {
	if cfg == nil {
		return
	}
	var at outbound.Origin
	if len(b.origins) > 0 {
		at = b.origins[0]
	}
	mod, err := cfg.Compile(at)
	m.at(err, "extra_config", "modifier/martian")
	b.modify = mod
}

// edit has the request changed, or refused.
func (b *backend) edit(ctx context.Context, c *call) error {
	for _, change := range b.edits {
		if err := change(ctx, c); err != nil {
			return err
		}
	}
	if b.modify.Request == nil {
		return nil
	}
	err := b.modify.Request(c)
	c.header = c.out.Header
	return err
}

// judged has the answer changed, or refused.
func (b *backend) judged(ctx context.Context, c *call, res *Response) (*Response, error) {
	for _, weigh := range b.answers {
		if err := weigh(ctx, c, res); err != nil {
			res.Close()
			return nil, err
		}
	}
	return res, nil
}

// script is modifier/lua-backend: pre sees the request as it will be sent, post the answer as it was shaped.
func (m *mistakes) script(b *backend, cfg Config, env Env) (post judge) {
	if cfg.Extra.Lua == nil {
		return nil
	}
	s, err := lua.New(*cfg.Extra.Lua, lua.Backend, env.House)
	if m.at(err, "extra_config", "modifier/lua-backend") {
		return nil
	}
	b.skip = s.SkipNext()
	names := titles(env.Params)
	if s.HasPre() {
		b.edits = append(b.edits, func(ctx context.Context, c *call) error { return scripted(ctx, s, names, b, c) })
	}
	if s.HasPost() {
		post = func(ctx context.Context, _ *call, res *Response) error { return told(RunPost(ctx, s, nil, res)) }
	}
	return post
}

// scripted runs pre. The host is the file's: a script may change path and query, and no more of the URL.
func scripted(ctx context.Context, s *lua.Script, names []string, b *backend, c *call) error {
	origin := ""
	if len(b.origins) > 0 {
		origin = b.origins[0].String()
	}
	path, query, _ := strings.Cut(c.out.Target, "?")
	q := &lua.Request{Method: c.out.Method, Path: path, Query: query, URL: origin + c.out.Target, Header: Pairs(c.header), Load: c.ownBody}
	for i, name := range names {
		if i < len(c.req.Params) {
			q.Params = append(q.Params, lua.Pair{Name: name, Value: c.req.Params[i].Value})
		}
	}
	q.Params = append(append(q.Params, b.target.inPath(c.req)...), c.req.Earlier...)
	before := q.URL
	if err := s.Pre(ctx, q); err != nil {
		return told(err)
	}
	if q.URL != before {
		target, ok := strings.CutPrefix(q.URL, origin)
		if !ok || !strings.HasPrefix(target, "/") || !outbound.IsPlain(target) {
			return told(fmt.Errorf("url %q, want another path or query at %s, escaped", q.URL, origin))
		}
		c.out.Target = target
	}
	c.out.Method = q.Method
	c.header = c.header[:0]
	for _, p := range q.Header {
		c.header = append(c.header, outbound.Field{Name: p.Name, Value: p.Value})
	}
	c.out.Header = c.header
	if q.NewBody {
		c.SetBody([]byte(q.Body))
	}
	return nil
}

// SetBody gives the call, and no other of the same request, another body.
func (c *call) SetBody(body []byte) {
	own := *c.req
	own.Body = Body{Bytes: body, Length: int64(len(body))}
	c.req = &own
	c.rewind()
}

// ownBody is the body as text. One that comes as a stream is read, and sent from memory then.
func (c *call) ownBody() (string, error) {
	body := c.req.Body
	if body.Stream == nil {
		return string(body.Bytes), nil
	}
	text, err := body.Load()
	if err == nil {
		own := *c.req
		own.Body = body
		c.req = &own
		c.rewind()
	}
	return text, err
}

// maxScriptBody bounds bodies that a script reads as a whole.
const maxScriptBody = 10 << 20

var errScriptBody = errors.New("the body is longer than 10485760 bytes")

// Load reads the whole body; from then on it is kept.
func (b *Body) Load() (string, error) {
	if b.Stream != nil {
		read, err := io.ReadAll(io.LimitReader(b.Stream, maxScriptBody+1))
		if err != nil {
			return "", err
		}
		if len(read) > maxScriptBody {
			return "", errScriptBody
		}
		*b = Body{Bytes: read, Length: int64(len(read)), Trailer: b.Trailer}
	}
	return string(b.Bytes), nil
}

// Pairs are header fields as scripts have them.
func Pairs(lists ...[]outbound.Field) []lua.Pair {
	var out []lua.Pair
	for _, list := range lists {
		for _, f := range list {
			out = append(out, lua.Pair{Name: f.Name, Value: f.Value})
		}
	}
	return out
}

// Sort takes header fields from a script back to where they belong: what we say of the client and what claims say stays
// apart from what the client has sent.
func (r *Request) Sort(list []lua.Pair) {
	forwarded, claims := nameSet(r.Forwarded), nameSet(r.Claims)
	r.Header, r.Forwarded, r.Claims = r.Header[:0], r.Forwarded[:0], r.Claims[:0]
	for _, p := range list {
		f := outbound.Field{Name: http.CanonicalHeaderKey(p.Name), Value: p.Value}
		switch {
		case claims[f.Name]:
			r.Claims = append(r.Claims, f)
		case forwarded[f.Name]:
			r.Forwarded = append(r.Forwarded, f)
		default:
			r.Header = append(r.Header, f)
		}
	}
}

func nameSet(list []outbound.Field) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, f := range list {
		set[f.Name] = true
	}
	return set
}

// RunPost runs post over an answer and writes back what it has changed.
func RunPost(ctx context.Context, s *lua.Script, req *lua.Request, res *Response) error {
	a := &lua.Response{Complete: res.Complete, Status: res.Status, Header: Pairs(res.Header)}
	if res.Stream != nil {
		a.Load = func() (string, error) { return loadStream(res.Stream) }
	} else if res.Body.Kind() == '{' {
		a.Data = res.Body.Text()
	}
	if err := s.Post(ctx, req, a); err != nil {
		return err
	}
	res.Complete, res.Status = a.Complete, a.Status
	res.Header = make([]outbound.Field, len(a.Header))
	for i, p := range a.Header {
		res.Header[i] = outbound.Field{Name: http.CanonicalHeaderKey(p.Name), Value: p.Value}
	}
	if out := res.Stream; out != nil {
		out.Status, out.Header = res.Status, res.Header
		if a.NewBody {
			out.Replace(a.Body)
			res.Header = out.Header
		}
		return nil
	}
	if a.NewData != nil {
		res.Empty = false
		if err := res.Body.Parse(a.NewData, 1); err != nil {
			return BadBody(err)
		}
	}
	return nil
}

// loadStream reads the body of a stream and puts a copy in its place.
func loadStream(out *outbound.Response) (string, error) {
	read, err := io.ReadAll(io.LimitReader(out.Body, maxScriptBody+1))
	if err != nil {
		return "", err
	}
	if len(read) > maxScriptBody {
		return "", errScriptBody
	}
	out.Body.Close()
	out.Body, out.Length = io.NopCloser(strings.NewReader(string(read))), int64(len(read))
	return string(read), nil
}

// Told is what a script or a rule of the file says to the client in the place of an answer.
type Told struct {
	Status      int
	Message     string
	ContentType string // of Message; "" for plain text
}

// told makes a failure of what a script says, or of what is wrong with it.
func told(err error) error {
	var said *lua.Error
	var f *Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said):
		return &Failure{Reason: ReasonScript, Err: err, Told: &Told{said.Status, said.Message, said.ContentType}}
	case errors.As(err, &f), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &Failure{Reason: ReasonScript, Err: err, Fits: http.StatusInternalServerError}
}

// blank is the answer of a backend that is not asked: an empty object, or an empty stream.
func (b *backend) blank() *Response {
	res := newResponse()
	res.Status, res.Complete = http.StatusOK, true
	if b.raw {
		res.Stream = &outbound.Response{Status: http.StatusOK, Body: http.NoBody}
	} else {
		res.Body.SetMembers(nil)
	}
	return res
}

// plainMember is a member of an answer as text: a string's value, other scalars as they stand.
func plainMember(key, value []byte) (name, text string, ok bool) {
	name, err := rawjson.Unquote(key)
	if err != nil || len(value) == 0 {
		return "", "", false
	}
	switch value[0] {
	case '"':
		text, err = rawjson.Unquote(value)
		return name, text, err == nil
	case '{', '[', 'n':
		return "", "", false
	}
	return name, string(value), true
}
