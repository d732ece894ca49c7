package outbound

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	maxCodings = 2       // content codings on top of each other
	maxWindow  = 8 << 20 // of zstd (RFC 9659)
)

// AcceptEncoding is what Decode understands, the best first.
const AcceptEncoding = "gzip, zstd, br, deflate"

// Decoders undo content codings; what they need is pooled (but for deflate, which hardly anybody speaks). The zero value is ready.
type Decoders struct {
	gzip, zstd, brotli, readers sync.Pool
}

// Decode makes the body of res what it was before its Content-Encoding, and takes that field and Content-Length off. The
// body then gives at most limit bytes (<= 0: any number) and TooLarge instead of more, whether it was encoded or not;
// what cannot be decoded, or goes on after its end, is a BadReply. An error, of a coding we do not know, leaves res as it
// was.
func (d *Decoders) Decode(res *Response, limit int64) error {
	codings, err := codings(res.Header)
	if err != nil {
		return err
	}
	if limit > 0 && len(codings) == 0 && res.Length > limit {
		return tooLarge(limit)
	}
	if len(codings) > 0 {
		// In a slice of its own: res.Header may be shared.
		res.Header = slices.DeleteFunc(slices.Clone(res.Header), func(f Field) bool {
			return strings.EqualFold(f.Name, "Content-Encoding") || strings.EqualFold(f.Name, "Content-Length")
		})
	}
	if res.Length == 0 {
		return nil
	}
	for _, c := range slices.Backward(codings) {
		res.Body, res.Length = &decoded{pools: d, coding: c, src: res.Body}, -1
	}
	if limit > 0 {
		res.Body = &bounded{ReadCloser: res.Body, left: limit, limit: limit}
	}
	return nil
}

// codings are the content codings in the order they were applied.
func codings(header []Field) ([]string, error) {
	var list []string
	for _, f := range header {
		if !strings.EqualFold(f.Name, "Content-Encoding") {
			continue
		}
		for c := range strings.SplitSeq(f.Value, ",") {
			switch c = strings.ToLower(strings.Trim(c, " \t")); c {
			case "", "identity":
			case "gzip", "x-gzip", "deflate", "br", "zstd":
				list = append(list, c)
			default:
				return nil, badReply("got content coding %.40q, want one of %s", c, AcceptEncoding)
			}
		}
	}
	if len(list) > maxCodings {
		return nil, badReply("got %d content codings on top of each other, want at most %d", len(list), maxCodings)
	}
	return list, nil
}

// decoded is a body without one coding. Its decoder is taken when the first byte comes: nothing at all is nothing,
// whatever its coding.
type decoded struct {
	pools  *Decoders
	coding string
	src    io.ReadCloser
	buf    *bufio.Reader // between src and the decoder
	r      io.Reader     // the decoder
	err    error
}

func (b *decoded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.r == nil {
		if err := b.start(); err != nil {
			b.fail(err)
			return 0, b.err
		}
	}
	n, err := b.r.Read(p)
	if err == io.EOF { //nolint:errorlint // a decoder's end is io.EOF itself
		// The end of the coding must be that of the body, and reading it sets the connection free.
		if _, err = b.buf.ReadByte(); err == nil {
			err = errors.New("bytes after the end")
		}
	}
	if err != nil {
		b.fail(err)
		if n > 0 {
			return n, nil
		}
	}
	return n, b.err
}

// fail ends the reading; what the connection says stays as it is, the rest is the decoder's.
func (b *decoded) fail(err error) {
	var own *Error
	if err != io.EOF && !errors.As(err, &own) { //nolint:errorlint // so is this one
		err = &Error{Reason: BadReply, Sent: true, Err: fmt.Errorf("decoding %s: %w", b.coding, err)}
	}
	b.err = err
	b.free()
}

func (b *decoded) start() (err error) {
	b.buf, _ = b.pools.readers.Get().(*bufio.Reader)
	if b.buf == nil {
		b.buf = bufio.NewReader(nil)
	}
	b.buf.Reset(b.src)
	if _, err := b.buf.Peek(1); err != nil {
		return err
	}
	b.r, err = b.pools.open(b.coding, b.buf)
	return err
}

// open takes a decoder from its pool, or makes one. It comes with an error too, so that it finds its way back.
func (d *Decoders) open(coding string, src *bufio.Reader) (io.Reader, error) {
	switch coding {
	case "zstd":
		return d.openZstd(src)
	case "br":
		r, ok := d.brotli.Get().(*brotli.Reader)
		if !ok {
			r = new(brotli.Reader)
		}
		return r, r.Reset(src)
	case "deflate":
		return openDeflate(src)
	}
	r, ok := d.gzip.Get().(*gzip.Reader)
	if !ok {
		r = new(gzip.Reader)
	}
	return r, r.Reset(src)
}

func (d *Decoders) openZstd(src *bufio.Reader) (io.Reader, error) {
	r, ok := d.zstd.Get().(*zstd.Decoder)
	if !ok {
		var err error
		// Concurrency of one: the work is done by whoever reads, and nothing runs beside.
		r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
	}
	return r, r.Reset(src)
}

// openDeflate reads zlib's format (RFC 9110 8.4.1.2), and the bare one that some send in its place.
func openDeflate(src *bufio.Reader) (io.Reader, error) {
	head, err := src.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(src)
	}
	return flate.NewReader(src), nil
}

// free gives decoder and buffer back.
func (b *decoded) free() {
	switch r := b.r.(type) {
	case *gzip.Reader:
		b.pools.gzip.Put(r)
	case *zstd.Decoder:
		if r.Reset(nil) == nil {
			b.pools.zstd.Put(r)
		}
	case *brotli.Reader:
		b.pools.brotli.Put(r)
	}
	if b.buf != nil {
		b.buf.Reset(nil)
		b.pools.readers.Put(b.buf)
	}
	b.r, b.buf = nil, nil
}

func (b *decoded) Close() error {
	if b.err == nil {
		b.fail(errBodyClosed)
	}
	return b.src.Close()
}

// bounded gives at most limit bytes.
type bounded struct {
	io.ReadCloser
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return n - 1, tooLarge(b.limit)
	}
	return n, err
}
