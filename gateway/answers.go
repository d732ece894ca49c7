package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"gatehouse/endpoints"
)

// answers are what clients are told where there is no endpoint for them.
type answers struct {
	voice       endpoints.Voice
	autoOptions bool
	notFound    text
	notAllowed  text
}

// text is a fixed body.
type text struct {
	contentType string
	body        []byte
}

// newAnswers takes KrakenD's words in versions 2 and 3, or those that the file wants.
func newAnswers(rc RouterConfig, voice endpoints.Voice, autoOptions bool) answers {
	a := answers{voice: voice, autoOptions: autoOptions}
	if !voice.JSON {
		a.notFound = text{"text/plain", []byte("404 page not found")}
		a.notAllowed = text{"text/plain", []byte("405 method not allowed")}
	}
	if e := rc.ErrorBody; e != nil && e.NotFound != nil {
		a.notFound = jsonText(e.NotFound)
	}
	if e := rc.ErrorBody; e != nil && e.MethodNotAllowed != nil {
		a.notAllowed = jsonText(e.MethodNotAllowed)
	}
	return a
}

func jsonText(v any) text {
	b, err := json.Marshal(v)
	if err != nil {
		return text{}
	}
	return text{"application/json; charset=utf-8", b}
}

// nothing says that there is no such route.
func (a *answers) nothing(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) {
	a.missing(x, w, r, http.StatusNotFound, "not_found", "there is nothing at this path", a.notFound)
}

func (a *answers) badPath(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "*" && r.Method == http.MethodOptions && a.autoOptions {
		a.allow(x, w, methods())
		return
	}
	if r.Method == http.MethodConnect {
		w.Header().Set("Connection", "close") // what follows is not meant for us
		a.otherMethod(x, w, r, nil)
		return
	}
	a.voice.Fail(x, w, r, &endpoints.Denied{Status: http.StatusBadRequest, Reason: "bad_path",
		Detail: "the target is no path, or has a backslash or a control character"})
}

// optionsOf reports whether a request asks what it may ask, and is to be told.
func (a *answers) optionsOf(r *http.Request) bool {
	return r.Method == http.MethodOptions && a.autoOptions
}

// otherMethod answers a method that the path does not have: with Allow, and for OPTIONS with nothing else.
func (a *answers) otherMethod(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, allow []string) {
	if a.optionsOf(r) {
		if !slices.Contains(allow, http.MethodOptions) {
			allow = append(allow, http.MethodOptions)
		}
		a.allow(x, w, allow)
		return
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	a.missing(x, w, r, http.StatusMethodNotAllowed, "method_not_allowed", "this path does not take the method "+methodName(r.Method), a.notAllowed)
}

func (a *answers) allow(x *endpoints.Exchange, w http.ResponseWriter, allow []string) {
	w.Header().Set("Allow", strings.Join(allow, ", "))
	w.Header().Set("Content-Length", "0")
	x.Status = http.StatusOK
	w.WriteHeader(http.StatusOK)
}

func methodName(m string) string {
	if len(m) > 20 {
		return "asked for"
	}
	return m
}

// missing says that there is no such route: as JSON in version 4, in KrakenD's words in 2 and 3.
func (a *answers) missing(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, status int, reason, detail string, body text) {
	if body.body == nil {
		a.voice.Fail(x, w, r, &endpoints.Denied{Status: status, Reason: reason, Detail: detail})
		return
	}
	x.Reason = reason
	a.voice.Plain(x, w, status, body.contentType, body.body)
}

// redirect sends the client to the path as it should be spelt: by 301 for GET, by 307 for all else. Never to another host.
func (a *answers) redirect(x *endpoints.Exchange, w http.ResponseWriter, r *http.Request, location string) {
	if !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") || strings.ContainsAny(location, "\\\r\n") {
		a.nothing(x, w, r)
		return
	}
	if r.URL.RawQuery != "" {
		location += "?" + r.URL.RawQuery
	}
	x.Status = http.StatusTemporaryRedirect
	if r.Method == http.MethodGet {
		x.Status = http.StatusMovedPermanently
	}
	http.Redirect(w, r, location, x.Status) //nolint:gosec // a path of ours, checked above
}
