package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/outbound"
)

// ask asks the origin: whether v still holds, if there is a v. Whoever waits for f goes on once that is known.
func (k *Cache) ask(ctx context.Context, c Call, q *question, v *stored, f *flight) (*outbound.Response, error) {
	if f != nil {
		defer func() {
			if !f.streams {
				k.Store.land(q.place, f, ctx.Err() != nil)
			}
		}()
	}
	plain := c.Out().Header
	conditional := v.condition(c)
	asked := time.Now()
	res, err := k.Next(ctx, c)
	now := time.Now()
	failed := err != nil && waits(ctx) || err == nil && serverFailed(res.Status)
	if failed && v != nil && v.despite(now, &q.directives) {
		if res != nil {
			res.Body.Close()
		}
		return v.answer(q, c), nil
	}
	if err != nil {
		return nil, err
	}
	if res.Status == http.StatusNotModified && conditional {
		res.Body.Close()
		if tag := outbound.Get(res.Header, "Etag"); tag != "" && tag != outbound.Get(v.header, "Etag") {
			k.Store.replace(v) // it speaks of something else than what we have
			c.Out().Header = plain
			return k.ask(ctx, c, q, nil, nil)
		}
		v = v.freshened(res.Header, asked, now)
		k.Store.put(v)
		return v.answer(q, c), nil
	}
	if v != nil && !serverFailed(res.Status) {
		k.Store.replace(v)
	}
	return k.keep(c, q, plain, res, fresh(res.Header, asked, now), f)
}

// waits reports whether somebody still wants an answer: his time may be up, but he has not left.
func waits(ctx context.Context) bool {
	return ctx.Err() == nil || errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

func serverFailed(status int) bool {
	switch status {
	case 500, 502, 503, 504:
		return true
	}
	return false
}

// condition makes the call one that asks whether v still holds (RFC 9111 4.3.1); false: there is nothing to ask with.
func (v *stored) condition(c Call) bool {
	if v == nil || c.Out().Method != "GET" {
		return false
	}
	tag, modified := outbound.Get(v.header, "Etag"), outbound.Get(v.header, "Last-Modified")
	if tag == "" && modified == "" {
		return false
	}
	header := slices.DeleteFunc(slices.Clone(c.Out().Header), func(f outbound.Field) bool {
		return strings.EqualFold(f.Name, "If-None-Match") || strings.EqualFold(f.Name, "If-Modified-Since")
	})
	if tag != "" {
		header = append(header, outbound.Field{Name: "If-None-Match", Value: tag})
	}
	if modified != "" {
		header = append(header, outbound.Field{Name: "If-Modified-Since", Value: modified})
	}
	c.Out().Header = header
	return true
}

// keep stores an answer if that is allowed, and hands it on. One of unknown length goes on as it comes, and who waits for it
// waits on.
func (k *Cache) keep(c Call, q *question, request []outbound.Field, res *outbound.Response, f freshness, waiting *flight) (*outbound.Response, error) {
	if c.Out().Method != "GET" || !f.storable(res.Status, res.Header, q.credentials) || res.Length > k.Store.Item {
		if c.Out().Method == "GET" {
			k.Store.pass(q.place)
		}
		return res, nil
	}
	kept := &stored{freshness: f, place: q.place, status: res.Status, header: slices.Clone(res.Header), vary: dependsOn(res.Header, request)}
	if outbound.Get(kept.header, "Date") == "" {
		kept.header = append(kept.header, outbound.Field{Name: "Date", Value: f.came.UTC().Format(http.TimeFormat)})
	}
	if res.Length < 0 && k.Streams {
		res.Body = k.Store.record(res, kept, waiting)
		return res, nil
	}
	body, err := outbound.ReadAll(res, k.Store.Item, nil)
	var large *outbound.Error
	switch {
	case errors.As(err, &large) && large.Reason == outbound.TooLarge:
		k.Store.pass(q.place)
		res.Body = &prefixed{Reader: io.MultiReader(bytes.NewReader(body), res.Body), Closer: res.Body}
		return res, nil
	case err != nil:
		res.Body.Close()
		return nil, err
	}
	res.Body.Close()
	if len(res.Trailer) > 0 {
		k.Store.pass(q.place)
		return respond(res.Status, res.Header, body), nil
	}
	kept.body = body
	k.Store.put(kept)
	return kept.answer(q, c), nil
}

// prefixed is a body of which the beginning has been read.
type prefixed struct {
	io.Reader
	io.Closer
}

// renew asks the origin in the background, unless somebody does.
func (k *Cache) renew(c Call, q *question, v *stored) {
	f, leads := k.Store.join(q.place)
	if !leads {
		return
	}
	t, free := c.Apart()
	own := *q
	own.directives, own.conditions = readDirectives(nil), nil
	started := k.Store.background(func(ctx context.Context) {
		defer free()
		if res, err := k.ask(ctx, t, &own, v, f); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
	if !started {
		free()
		k.Store.land(q.place, f, false)
	}
}
