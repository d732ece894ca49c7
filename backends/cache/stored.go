package cache

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/outbound"
)

// stored is one answer that is kept. It never changes: a fresher one takes its place.
type stored struct {
	freshness
	place
	status int
	header []outbound.Field
	body   []byte
	vary   []outbound.Field // the request's fields that the answer depends on, as they were
	size   int64
}

// place is what an answer is an answer to. The identity is part of it: what one caller is told is for that caller alone
// (security.md 31).
type place struct {
	url      string
	identity [sha256.Size]byte // zero: nothing of the caller reaches the backend
}

// fits compares the fields that the answer depends on (RFC 9111 4.1).
func (v *stored) fits(header []outbound.Field) bool {
	for i := range v.vary {
		if combined(header, v.vary[i].Name) != v.vary[i].Value {
			return false
		}
	}
	return true
}

// named are fields that say under what name a client knows us. Backends make links of them and seldom say so: what one client
// writes there must not reach another.
var named = [...]string{"X-Forwarded-Host", "X-Forwarded-Proto"}

// dependsOn is what of a request an answer depends on.
func dependsOn(answer, request []outbound.Field) (vary []outbound.Field) {
	for _, name := range named {
		vary = append(vary, outbound.Field{Name: name, Value: combined(request, name)})
	}
	for i := range answer {
		if strings.EqualFold(answer[i].Name, "Vary") {
			for name := range strings.SplitSeq(answer[i].Value, ",") {
				if name = strings.TrimSpace(name); name != "" {
					vary = append(vary, outbound.Field{Name: name, Value: combined(request, name)})
				}
			}
		}
	}
	return vary
}

// combined is all values of a field, white space around list members taken off.
func combined(header []outbound.Field, name string) string {
	var out string
	first := true
	for i := range header {
		if len(header[i].Name) != len(name) || !strings.EqualFold(header[i].Name, name) {
			continue
		}
		for one := range strings.SplitSeq(header[i].Value, ",") {
			if first {
				out, first = strings.TrimSpace(one), false
			} else {
				out += "," + strings.TrimSpace(one)
			}
		}
	}
	return out
}

// freshened is v with what a 304 says of it (RFC 9111 3.2 and 4.3.4).
func (v *stored) freshened(header []outbound.Field, asked, now time.Time) *stored {
	out := *v
	out.header = slices.DeleteFunc(slices.Clone(v.header), func(f outbound.Field) bool {
		return updatable(f.Name) && outbound.Get(header, f.Name) != ""
	})
	for _, f := range header {
		if updatable(f.Name) {
			out.header = append(out.header, f)
		}
	}
	out.freshness = fresh(out.header, asked, now)
	return &out
}

// updatable reports whether a 304 may change a field: not those that describe the body that we have.
func updatable(name string) bool {
	switch strings.ToLower(name) {
	case "content-length", "content-encoding", "content-range", "content-md5", "transfer-encoding":
		return false
	}
	return true
}

// answer is what is kept, as an answer of the origin to this call.
func (v *stored) answer(q *question, c Call) *outbound.Response {
	header := make([]outbound.Field, 0, len(v.header)+1)
	for _, f := range v.header {
		if !strings.EqualFold(f.Name, "Age") {
			header = append(header, f)
		}
	}
	header = append(header, outbound.Field{Name: "Age", Value: strconv.Itoa(int(v.now(time.Now()).Seconds()))})
	if v.status == http.StatusOK && v.matches(q.conditions) {
		return respond(http.StatusNotModified, slices.DeleteFunc(header, func(f outbound.Field) bool {
			return strings.EqualFold(f.Name, "Content-Length")
		}), nil)
	}
	if c.Out().Method == "HEAD" {
		return respond(v.status, header, nil)
	}
	return respond(v.status, header, v.body)
}

// matches judges the client's own conditions (RFC 9110 13.2.2): If-None-Match, or else If-Modified-Since.
func (v *stored) matches(conditions []outbound.Field) bool {
	tags := combined(conditions, "If-None-Match")
	if tags != "" {
		own := strings.TrimPrefix(outbound.Get(v.header, "Etag"), "W/")
		for tag := range strings.SplitSeq(tags, ",") {
			if tag == "*" || own != "" && strings.TrimPrefix(tag, "W/") == own {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(outbound.Get(conditions, "If-Modified-Since"))
	if err != nil {
		return false
	}
	modified, err := http.ParseTime(outbound.Get(v.header, "Last-Modified"))
	if err != nil {
		modified, err = http.ParseTime(outbound.Get(v.header, "Date")) // RFC 9111 4.3.2
	}
	return err == nil && !modified.After(since)
}

// respond makes an answer of what is in memory.
func respond(status int, header []outbound.Field, body []byte) *outbound.Response {
	return &outbound.Response{Status: status, Header: header, Length: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}
}
