package endpoints

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"gatehouse/backends"
	"gatehouse/internal/rawjson"
)

// renderer writes an answer. An error means that nothing was written yet.
type renderer func(e *Endpoint, x *Exchange, w http.ResponseWriter, r *http.Request, res *backends.Response) error

// rendererOf is the table of output encodings (krakend.md 2.5).
func rendererOf(cfg Config, protected bool) (renderer, error) {
	switch cfg.OutputEncoding {
	case "json":
		return renderBody("application/json; charset=utf-8", appendJSON), nil
	case "json-collection":
		return renderBody("application/json; charset=utf-8", appendCollection), nil
	case "string":
		return renderBody("text/plain; charset=utf-8", appendText), nil
	case "no-op":
		return renderStream, nil
	}
	return nil, fmt.Errorf("got %q, want json, json-collection, string or no-op", cfg.OutputEncoding)
}

// buffers hold bodies while they are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

const keepBuffer = 256 << 10

// renderBody writes a whole body made by one function.
func renderBody(contentType string, make func([]byte, *rawjson.Value) []byte) renderer {
	return func(e *Endpoint, x *Exchange, w http.ResponseWriter, _ *http.Request, res *backends.Response) error {
		status := http.StatusOK
		if e.voice.passStatus && x.Parts == 1 && res.Status/100 == 2 {
			status = res.Status
		}
		complete := res.Complete && (!e.voice.KrakenD || !res.Body.Empty())
		buf := buffers.Get().(*[]byte)
		body := (*buf)[:0]
		if !bodyForbidden(status) && !(e.voice.passStatus && res.Empty && x.Parts == 1) {
			body = make(body, &res.Body)
		} else {
			contentType = ""
		}
		e.voice.head(w.Header(), contentType, len(body), complete, e.voice.cacheable(complete, status))
		x.write(w, status, body)
		if cap(body) <= keepBuffer {
			*buf = body
			buffers.Put(buf)
		}
		return nil
	}
}

func bodyForbidden(status int) bool { return status == 204 || status == 205 || status == 304 }

// write sends status and body and takes both down.
func (x *Exchange) write(w http.ResponseWriter, status int, body []byte) {
	x.Status = status
	w.WriteHeader(status)
	if len(body) > 0 {
		n, err := w.Write(body)
		x.Bytes += int64(n)
		if err != nil {
			x.failed("client_gone", err)
		}
	}
}

func appendJSON(dst []byte, v *rawjson.Value) []byte {
	if v.Kind() == 0 {
		return append(dst, "{}"...)
	}
	return v.Append(dst)
}

func appendCollection(dst []byte, v *rawjson.Value) []byte {
	raw, ok := v.Get("collection")
	if !ok || raw[0] != '[' {
		return append(dst, "[]"...)
	}
	return append(dst, raw...)
}

func appendText(dst []byte, v *rawjson.Value) []byte {
	raw, ok := v.Get("content")
	if !ok {
		return dst
	}
	if raw[0] != '"' {
		return append(dst, raw...)
	}
	s, err := rawjson.Unquote(raw)
	if err != nil {
		return dst
	}
	return append(dst, s...)
}

// head sets the headers of an answer of ours; one allocation holds all their values.
func (v *Voice) head(h http.Header, contentType string, length int, complete bool, cache string) {
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
		if v.vary != "" {
			set("Vary", v.vary)
		}
	}
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
