package endpoints

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatehouse/backends"
	"gatehouse/backends/keep"
	"gatehouse/internal/rawjson"
)

// renderer writes an answer. An error means that nothing was written yet.
type renderer func(e *Endpoint, x *Exchange, w http.ResponseWriter, r *http.Request, res *backends.Response) error

// compileRender makes what writes the answers of an endpoint: their format, the headers of backends that pass, the
// compression.
func (e *Endpoint) compileRender(cfg Config, env Env, at func(error, ...any)) {
	v := env.Voice
	v.negotiated = cfg.OutputEncoding == "negotiate"
	v = v.of(cfg)
	key := fmt.Sprintf("voice %#v %q %#v", v, cfg.OutputEncoding, cfg.OutputHeaders)
	var err error
	v.output, err = newOutputHeaders(cfg.OutputHeaders)
	at(err, "output_headers")
	e.render = renderStream
	if cfg.OutputEncoding != "no-op" {
		v.choose, err = chooserOf(cfg.OutputEncoding, v.OlderYAML)
		at(err, "output_encoding")
		e.compress, err = newCompression(cfg.Compression)
		at(err, "compression")
		e.compress = alike(env.Alike, "compression "+keep.Key(cfg.Compression), e.compress)
		e.render = renderBody
	}
	e.voice = alike(env.Alike, key, &v)
}

// buffers hold bodies while they are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

const keepBuffer = 256 << 10

func giveBack(buf *[]byte, used []byte) {
	if cap(used) <= keepBuffer {
		*buf = used[:0]
		buffers.Put(buf)
	}
}

// renderBody writes a whole body in the format of the endpoint.
func renderBody(e *Endpoint, x *Exchange, w http.ResponseWriter, r *http.Request, res *backends.Response) error {
	status := http.StatusOK
	if e.voice.passStatus && x.Parts == 1 && res.Status/100 == 2 {
		status = res.Status
	}
	complete := res.Complete && (!e.voice.KrakenD || !res.Body.Empty() && res.Body.Kind() != 'n')
	h := w.Header()
	cache := e.voice.cacheable(complete, status)
	if bodyForbidden(status) || e.voice.passStatus && res.Empty && x.Parts == 1 {
		e.voice.output.copy(h, res)
		e.voice.head(h, "", 0, complete, cache, e.voice.varying(cache != "", false))
		x.write(w, status, nil)
		return nil
	}
	f := e.voice.choose(r.Header)
	covered := e.compress.covers(f.contentType) && status != http.StatusPartialContent
	vary := e.voice.varying(cache != "", covered)
	if f == &asJSON && !covered && res.Body.Len() > keepBuffer {
		e.voice.output.copy(h, res)
		e.voice.head(h, f.contentType, res.Body.Len(), complete, cache, vary)
		x.print(w, status, &res.Body)
		return nil
	}
	buf := buffers.Get().(*[]byte)
	body, err := f.append((*buf)[:0], &res.Body)
	if err != nil {
		giveBack(buf, body)
		return &backends.Failure{Reason: backends.ReasonTooLarge, Err: err}
	}
	e.voice.output.copy(h, res)
	if covered {
		if coding := e.compress.choose(r, h, len(body)); coding != "" {
			e.compressed(x, h, body, coding, func(small []byte) {
				e.voice.head(h, f.contentType, len(small), complete, cache, vary)
				x.write(w, status, small)
			})
			giveBack(buf, body)
			return nil
		}
	}
	e.voice.head(h, f.contentType, len(body), complete, cache, vary)
	x.write(w, status, body)
	giveBack(buf, body)
	return nil
}

// compressed hands a body on compressed, and says so, or as it is where that is no larger.
func (e *Endpoint) compressed(x *Exchange, h http.Header, body []byte, coding string, send func([]byte)) {
	buf := buffers.Get().(*[]byte)
	small, ok := e.compress.body((*buf)[:0], body, coding)
	if !ok {
		send(body)
		giveBack(buf, small)
		return
	}
	h["Content-Encoding"] = []string{coding}
	if tag := h["Etag"]; len(tag) == 1 && strings.HasPrefix(tag[0], `"`) {
		h["Etag"] = []string{"W/" + tag[0]} // the bytes are others (RFC 9110 8.8.1)
	}
	send(small)
	giveBack(buf, small)
}

func bodyForbidden(status int) bool { return status == 204 || status == 205 || status == 304 }

// write sends status and body and takes both down.
func (x *Exchange) write(w http.ResponseWriter, status int, body []byte) {
	x.Status = status
	w.WriteHeader(status)
	if len(body) > 0 {
		n, err := x.send(w, body)
		x.Bytes += int64(n)
		if err != nil {
			x.failed("client_gone", err)
		}
	}
}

// print is write of a large body that nobody has in one piece.
func (x *Exchange) print(w http.ResponseWriter, status int, body *rawjson.Value) {
	x.Status = status
	w.WriteHeader(status)
	if err := body.Print(&client{x, w}); err != nil {
		x.failed("client_gone", err)
	}
}

// client is written to, and what it takes is taken down.
type client struct {
	x *Exchange
	w http.ResponseWriter
}

func (c *client) Write(p []byte) (int, error) {
	n, err := c.x.send(c.w, p)
	c.x.Bytes += int64(n)
	return n, err
}

// head sets the headers of an answer of ours; one allocation holds all their values.
func (v *Voice) head(h http.Header, contentType string, length int, complete bool, cache, vary string) {
	values := make([]string, 0, 6)
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	if contentType != "" {
		set("Content-Type", contentType)
	}
	if length > 0 || contentType != "" {
		set("Content-Length", strconv.Itoa(length))
	}
	if complete {
		set(v.Completed, "true")
	} else {
		set(v.Completed, "false")
	}
	if v.Version != "" {
		set("X-Krakend", v.Version)
	}
	if cache != "" {
		set("Cache-Control", cache)
	}
	if vary != "" && h["Vary"] != nil {
		h["Vary"] = append(h["Vary"], vary) // doors and backends have theirs
	} else if vary != "" {
		set("Vary", vary)
	}
}

// varyBy works out what an answer depends on besides its URL: Accept where it is looked at, the token where caches are
// told to keep it, Accept-Encoding where it may be compressed.
func (v *Voice) varyBy(cfg *Config) {
	for i := range v.vary {
		var names []string
		if v.negotiated {
			names = append(names, "Accept")
		}
		if i&1 != 0 && cfg.Protected() {
			names = append(append(names, "Authorization", "Cookie"), cfg.secrets()...)
		}
		if i&2 != 0 {
			names = append(names, "Accept-Encoding")
		}
		v.vary[i] = strings.Join(names, ", ")
	}
}

// varying is the Vary of an answer.
func (v *Voice) varying(cached, compressible bool) string {
	i := 0
	if cached {
		i = 1
	}
	if compressible {
		i |= 2
	}
	return v.vary[i]
}

// cacheable is the Cache-Control of an answer: only complete ones of status 200 have one, and only where cache_ttl says so.
func (v *Voice) cacheable(complete bool, status int) string {
	if complete && status == http.StatusOK {
		return v.cacheControl
	}
	return ""
}

func cacheControl(ttl time.Duration, protected bool) string {
	if ttl < time.Second {
		return ""
	}
	who := "public"
	if protected {
		who = "private"
	}
	return who + ", max-age=" + strconv.Itoa(int(ttl/time.Second))
}
