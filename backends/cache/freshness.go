package cache

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/outbound"
)

// directives are what Cache-Control says (RFC 9111 5.2). A span that is not there is none.
type directives struct {
	noStore, noCache, private, public      bool
	mustRevalidate, onlyIfCached           bool
	mustUnderstand                         bool
	maxAge, sMaxAge                        time.Duration
	minFresh, maxStale                     time.Duration
	staleWhileRevalidate, staleIfErrorSpan time.Duration
}

// none is a span that nobody has written.
const none = time.Duration(-1)

// longest is what a longer span counts as (RFC 9111 1.2.2).
const longest = 1 << 31 * time.Second

// readDirectives reads every Cache-Control field. Names that we do not know say nothing to us.
func readDirectives(header []outbound.Field) directives {
	d := directives{maxAge: none, sMaxAge: none, minFresh: none, maxStale: none, staleWhileRevalidate: none, staleIfErrorSpan: none}
	for i := range header {
		if strings.EqualFold(header[i].Name, "Cache-Control") {
			for rest := header[i].Value; rest != ""; {
				var name, value string
				name, value, rest = nextDirective(rest)
				d.set(name, value)
			}
		}
	}
	return d
}

// nextDirective takes one directive off a list; commas in quotes part nothing.
func nextDirective(list string) (name, value, rest string) {
	quoted := false
	end := len(list)
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			end = i
		}
		if end == i {
			break
		}
	}
	one := list[:end]
	if end < len(list) {
		rest = list[end+1:]
	}
	name, value, _ = strings.Cut(one, "=")
	return strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`), rest
}

func (d *directives) set(name, value string) {
	switch name {
	case "no-store":
		d.noStore = true
	case "no-cache": // with field names too: revalidating is always allowed
		d.noCache = true
	case "private":
		d.private = true
	case "public":
		d.public = true
	case "must-revalidate", "proxy-revalidate":
		d.mustRevalidate = true
	case "must-understand":
		d.mustUnderstand = true
	case "only-if-cached":
		d.onlyIfCached = true
	case "max-age":
		setOnce(&d.maxAge, value, 0)
	case "s-maxage":
		setOnce(&d.sMaxAge, value, 0)
	case "min-fresh":
		setOnce(&d.minFresh, value, longest)
	case "max-stale":
		if value == "" {
			d.maxStale = longest
		}
		setOnce(&d.maxStale, value, 0)
	case "stale-while-revalidate":
		setOnce(&d.staleWhileRevalidate, value, 0)
	case "stale-if-error":
		setOnce(&d.staleIfErrorSpan, value, 0)
	}
}

// setOnce sets a span unless it was set before (RFC 9111 4.2.1); bad is what a broken one counts as.
func setOnce(d *time.Duration, value string, bad time.Duration) {
	if *d != none {
		return
	}
	span, ok := deltaSeconds(value)
	if !ok {
		span = bad
	}
	*d = span
}

// deltaSeconds reads a number of seconds (RFC 9111 1.2.2).
func deltaSeconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return longest, true
	}
	return time.Duration(n) * time.Second, true
}

// freshness is how long an answer may be used, and how old it was when it came.
type freshness struct {
	directives
	came     time.Time     // when it came
	age      time.Duration // it had then (RFC 9111 4.2.3)
	lifetime time.Duration // it is given (RFC 9111 4.2.1); without a word of the origin: none at all
	explicit bool          // the origin gave it
}

// fresh reads an answer's freshness. We guess none: where the origin says nothing, the answer is asked about every time.
func fresh(header []outbound.Field, asked, came time.Time) freshness {
	f := freshness{directives: readDirectives(header), came: came}
	date, err := http.ParseTime(outbound.Get(header, "Date"))
	if err != nil {
		date = came
	}
	first, _, _ := strings.Cut(outbound.Get(header, "Age"), ",")
	told, _ := deltaSeconds(strings.TrimSpace(first))
	f.age = max(0, came.Sub(date), told+came.Sub(asked))
	switch expires := outbound.Get(header, "Expires"); {
	case f.sMaxAge != none:
		f.lifetime, f.explicit, f.mustRevalidate = f.sMaxAge, true, true
	case f.maxAge != none:
		f.lifetime, f.explicit = f.maxAge, true
	case expires != "":
		f.explicit = true
		if at, err := http.ParseTime(expires); err == nil {
			f.lifetime = max(0, at.Sub(date))
		}
	}
	return f
}

// now is how old the answer is.
func (f *freshness) now(at time.Time) time.Duration { return f.age + max(0, at.Sub(f.came)) }

// usable reports whether an answer may be used without a word of the origin, for a request with these directives
// (RFC 9111 4.2 and 5.2.1); later: it may, but is to be renewed in the background (RFC 5861 3).
func (f *freshness) usable(at time.Time, req *directives) (ok, later bool) {
	if f.noCache || req.noCache {
		return false, false
	}
	age := f.now(at)
	if req.maxAge != none && age > req.maxAge {
		return false, false
	}
	stale := age - f.lifetime
	if req.minFresh != none && -stale < req.minFresh {
		return false, false
	}
	switch {
	case stale < 0:
		return true, false
	case f.mustRevalidate:
		return false, false
	case req.maxStale != none && stale <= req.maxStale:
		return true, false
	case f.staleWhileRevalidate != none && stale <= f.staleWhileRevalidate:
		return true, true
	}
	return false, false
}

// despite reports whether a stale answer may be used because the origin fails (RFC 5861 4).
func (f *freshness) despite(at time.Time, req *directives) bool {
	span := max(f.staleIfErrorSpan, req.staleIfErrorSpan)
	return span != none && !f.mustRevalidate && !f.noCache && !req.noCache && f.now(at)-f.lifetime <= span
}

// storable reports whether a shared cache may keep an answer (RFC 9111 3). credentials says that the request had an
// Authorization.
func (f *freshness) storable(status int, header []outbound.Field, credentials bool) bool {
	switch {
	case status < 200 || status == 206 || status == 304 || status > 599:
		return false
	case f.mustUnderstand && !understood(status), f.noStore && !f.mustUnderstand, f.private:
		return false
	case credentials && !f.public && f.sMaxAge == none && !f.mustRevalidate:
		return false // RFC 9111 3.5
	case outbound.Get(header, "Set-Cookie") != "":
		return false // what sets a cookie is for one client, whatever else it says
	case varies(header, "*"):
		return false
	}
	if f.explicit && (f.lifetime > f.now(f.came) || f.staleWhileRevalidate != none || f.staleIfErrorSpan != none) {
		return true
	}
	return status == 200 && (outbound.Get(header, "Etag") != "" || outbound.Get(header, "Last-Modified") != "")
}

// understood are statuses whose caching we know (RFC 9110 15.1).
func understood(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 451, 501:
		return true
	}
	return false
}

// varies reports whether Vary names a header.
func varies(header []outbound.Field, name string) bool {
	for i := range header {
		if strings.EqualFold(header[i].Name, "Vary") {
			for one := range strings.SplitSeq(header[i].Value, ",") {
				if strings.EqualFold(strings.TrimSpace(one), name) {
					return true
				}
			}
		}
	}
	return false
}
