package endpoints

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"gatehouse/internal/conf"
)

// CompressionConfig says which answers are compressed for clients that take it. Streams (no-op) go through as they come.
type CompressionConfig struct {
	Types     []string `json:"types" since:"4" doc:"Media types that are compressed; text/* is a family, *+json all with that end." default:"text/*, application/json, application/xml, application/yaml, *+json, *+xml"`
	MinSize   *int     `json:"min_size" since:"4" doc:"Bytes that a body must have." default:"1024"`
	Encodings []string `json:"encodings" since:"4" enum:"zstd|br|gzip" doc:"What clients may have, ours to prefer first among what they like equally." default:"zstd, br, gzip"`
	Disabled  *bool    `json:"disabled" since:"4" doc:"Compress nothing." default:"false"`
}

// inherit fills what an endpoint does not say from the service.
func (c *CompressionConfig) inherit(s *CompressionConfig) *CompressionConfig {
	if c == nil || s == nil {
		return first(c, s)
	}
	merged := *c
	if c.Types == nil {
		merged.Types = s.Types
	}
	if c.Encodings == nil {
		merged.Encodings = s.Encodings
	}
	merged.MinSize = first(c.MinSize, s.MinSize)
	merged.Disabled = first(c.Disabled, s.Disabled)
	return &merged
}

// compression is a compiled CompressionConfig; nil compresses nothing.
type compression struct {
	types   []string
	min     int
	codings []string
}

func newCompression(cfg *CompressionConfig) (*compression, error) {
	if cfg == nil || conf.Value(cfg.Disabled, false) {
		return nil, nil
	}
	c := &compression{types: cfg.Types, min: conf.Value(cfg.MinSize, 1024), codings: cfg.Encodings}
	if c.types == nil {
		c.types = []string{"text/*", "application/json", "application/xml", "application/yaml", "*+json", "*+xml"}
	}
	if c.codings == nil {
		c.codings = []string{"zstd", "br", "gzip"}
	}
	var errs []error
	for i, t := range c.types {
		family, kind, ok := strings.Cut(strings.TrimPrefix(t, "*+"), "/")
		if strings.HasPrefix(t, "*+") == ok || family == "" || ok && kind == "" || strings.ContainsAny(t, " ;,") {
			errs = append(errs, conf.At(fmt.Errorf("got %q, want a media type, a family (text/*) or an end (*+json)", t), "types", i))
		}
	}
	if c.min < 0 {
		errs = append(errs, conf.At(fmt.Errorf("got %d, want 0 or more", c.min), "min_size"))
	}
	if len(c.codings) == 0 {
		errs = append(errs, conf.At(errors.New("is empty, want zstd, br or gzip (or disabled: true)"), "encodings"))
	}
	return c, conf.Join(errs...)
}

// Check says what is wrong with it; nil is fine.
func (c *CompressionConfig) Check() error {
	_, err := newCompression(c)
	return err
}

// covers reports whether answers of a type are compressed at all.
func (c *compression) covers(contentType string) bool {
	if c == nil || contentType == "" {
		return false
	}
	kind, _, _ := strings.Cut(contentType, ";")
	for _, t := range c.types {
		switch {
		case strings.EqualFold(t, kind), t == "*/*",
			strings.HasPrefix(t, "*+") && len(kind) >= len(t) && strings.EqualFold(kind[len(kind)-len(t)+1:], t[1:]),
			strings.HasSuffix(t, "/*") && len(kind) >= len(t) && strings.EqualFold(kind[:len(t)-1], t[:len(t)-1]):
			return true
		}
	}
	return false
}

// choose is the coding that a client gets for a body of some size: the one that it likes best, the first of ours among
// equals; "" for none.
func (c *compression) choose(r *http.Request, h http.Header, size int) string {
	accept := r.Header["Accept-Encoding"]
	if len(accept) == 0 || size < c.min || h["Content-Encoding"] != nil || noTransform(h) {
		return ""
	}
	best, liked := "", 0
	for _, coding := range c.codings {
		if q, _ := codingQuality(accept, coding); q > liked {
			best, liked = coding, q
		}
	}
	if q, said := codingQuality(accept, "identity"); said && q > liked {
		return ""
	}
	return best
}

func noTransform(h http.Header) bool {
	return slices.ContainsFunc(h["Cache-Control"], func(v string) bool { return strings.Contains(strings.ToLower(v), "no-transform") })
}

// codingQuality is how much a client wants a coding, in thousandths, and whether it names it.
func codingQuality(accept []string, coding string) (quality int, named bool) {
	for _, line := range accept {
		for rest := line; rest != ""; {
			var item string
			item, rest, _ = strings.Cut(rest, ",")
			switch name, q := weighed(item); {
			case strings.EqualFold(name, coding), coding == "gzip" && strings.EqualFold(name, "x-gzip"):
				return q, true
			case name == "*":
				quality = q
			}
		}
	}
	return quality, false
}

// body compresses a whole body into dst; false if that makes it no smaller.
func (c *compression) body(dst, body []byte, coding string) ([]byte, bool) {
	var out []byte
	var err error
	switch coding {
	case "zstd":
		out, err = zstdBody(dst, body)
	case "br":
		out, err = written(&brotlis, dst, body)
	default:
		out, err = written(&gzips, dst, body)
	}
	return out, err == nil && len(out) < len(body)
}

// The levels are those where more time gains little: a body is compressed while its client waits.
var (
	gzips   = sync.Pool{New: func() any { return newGzip() }}
	brotlis = sync.Pool{New: func() any { return brotli.NewWriterLevel(nil, 4) }}
	zstds   = sync.Pool{New: func() any { return newZstd() }}
)

func newGzip() *gzip.Writer {
	w, err := gzip.NewWriterLevel(nil, 5)
	if err != nil {
		return gzip.NewWriter(nil)
	}
	return w
}

// newZstd makes an encoder of whole bodies; nil cannot be: its options are right.
func newZstd() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil
	}
	return e
}

func zstdBody(dst, body []byte) ([]byte, error) {
	e := zstds.Get().(*zstd.Encoder)
	if e == nil {
		return nil, errors.New("no encoder")
	}
	defer zstds.Put(e)
	return e.EncodeAll(body, dst), nil
}

// compressor is a writer that compresses.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

func written(pool *sync.Pool, dst, body []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w := pool.Get().(compressor)
	defer pool.Put(w)
	w.Reset(out)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}
