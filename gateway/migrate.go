package gateway

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gatehouse/backends"
	"gatehouse/endpoints"
	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// Migrate writes a file of version 2 or 3 as the one of version 4 that behaves the same: today's names, and every default
// that is another one in version 4 written out where it matters. Order, remarks and white space stay. The notes say what
// was changed and why. A file with mistakes is not migrated: they are the error.
func Migrate(file string, data []byte) (out []byte, notes []string, err error) {
	cfg, doc, err := Parse(file, data, nil)
	if err != nil {
		return nil, nil, located(doc, err)
	}
	if cfg.Version >= 4 {
		return nil, nil, fmt.Errorf("%s is of version %d already", file, cfg.Version)
	}
	g := &migration{rewrite: doc.Modernize(), from: mannersOf(cfg.Version), to: mannersOf(4)}
	g.rewrite.Set("4", "version")
	g.service(cfg)
	for i, e := range cfg.Endpoints {
		g.endpoint(cfg, e, i)
	}
	out = g.rewrite.Bytes()
	if _, again, err := Parse(file, out, func(string) (string, bool) { return "", false }); err != nil {
		return nil, nil, fmt.Errorf("version 4 would not take it; change this first: %w", located(again, err))
	}
	for _, n := range g.rewrite.Notes() {
		notes = append(notes, n.Error())
	}
	return out, append(notes, g.notes()...), nil
}

func located(doc *conf.Document, err error) error {
	if doc == nil {
		return err
	}
	var list []error
	for _, m := range doc.Locate(err) {
		list = append(list, m)
	}
	return conf.Join(list...)
}

// migration collects what one file needs.
type migration struct {
	rewrite  *conf.Rewrite
	from, to manners
	wrote    []*wrote
	others   []string
}

// wrote is one default that was written out, perhaps in many places.
type wrote struct {
	what, why string
	places    []string
}

// set writes a key that is not in the file.
func (g *migration) set(why, value string, path ...any) {
	g.rewrite.Set(value, path...)
	g.take(fmt.Sprintf("%v: %s", path[len(path)-1], value), why, path[:len(path)-1])
}

// remark turns a key into a remark: version 4 refuses what it says.
func (g *migration) remark(why string, path ...any) {
	g.rewrite.Remark(path...)
	g.take(fmt.Sprintf("%v: now a remark", path[len(path)-1]), why, path[:len(path)-1])
}

func (g *migration) take(what, why string, at conf.Path) {
	place := at.String()
	if place == "" {
		place = "the top level"
	}
	for _, w := range g.wrote {
		if w.what == what && w.why == why {
			w.places = append(w.places, place)
			return
		}
	}
	g.wrote = append(g.wrote, &wrote{what, why, []string{place}})
}

// notes tell each change once, however often it was made.
func (g *migration) notes() []string {
	var list []string
	for _, w := range g.wrote {
		where := w.places[0]
		if more := len(w.places) - 1; more > 0 {
			where += fmt.Sprintf(" and %d more", more)
		}
		list = append(list, fmt.Sprintf("%s (%s): %s", w.what, where, w.why))
	}
	return append(list, g.others...)
}

func (g *migration) service(cfg Config) {
	if cfg.ErrorFormat == nil {
		g.set("errors of ours have a JSON body in version 4", quote(g.from.errorFormat), "error_format")
	}
	if cfg.HeadersPrefix == nil {
		g.set("version 4 says X-Gateway-Completed, and is right for every encoding", `"X-KrakenD"`, "headers_prefix")
	}
	g.router(routerOf(cfg))
	if t := cfg.ServerConfig.TLS; t != nil && t.MinVersion == nil {
		g.set("version 4 takes TLS 1.2 as well", `"TLS13"`, "tls", "min_version")
	}
	if c := cfg.Extra.CORS; c != nil && c.OptionsSuccessStatus == nil && g.from.preflight != g.to.preflight {
		g.set("a preflight is answered with 204 since version 3", fmt.Sprint(g.from.preflight), "extra_config", "security/cors", "options_success_status")
	}
	if c := cfg.Extra.CORS; c != nil && c.AllowCredentials && (len(c.AllowOrigins) == 0 || slices.Contains(c.AllowOrigins, "*")) {
		g.remark("browsers send no credentials where any origin may ask, whatever it says; name the origins to have them", "extra_config", "security/cors", "allow_credentials")
	}
	if s := cfg.Extra.Secure; s != nil && s.BadHostStatus == nil {
		g.set("version 4 answers 421 for a Host that is not allowed", fmt.Sprint(g.from.badHost), "extra_config", "security/http", "bad_host_status")
	}
	if k := cfg.Extra.APIKeys; k != nil && k.Hash == nil {
		g.set(keysAreHashed, quote(g.from.keyHash), "extra_config", "auth/api-keys", "hash")
	}
	if !routerOf(cfg).DisableHealth {
		g.others = append(g.others, "health: version 4 serves /livez and /readyz as well, and all of them say {\"status\":\"ok\"}; no key changes that")
	}
	if g.from.olderYAML && writesYAML(cfg) {
		g.others = append(g.others, "YAML: its Content-Type is application/yaml, no longer application/x-yaml; no key changes that")
	}
}

func writesYAML(cfg Config) bool {
	for _, e := range cfg.Endpoints {
		if encoding := cmp.Or(e.OutputEncoding, cfg.OutputEncoding); encoding == "yaml" || encoding == "negotiate" {
			return true
		}
	}
	return false
}

const keysAreHashed = "version 4 expects the SHA-256 of keys"

func (g *migration) router(r RouterConfig) {
	at := func(key string) []any { return []any{"extra_config", "router", key} }
	if r.AutoHead == nil {
		g.set("version 4 answers HEAD where there is a GET", fmt.Sprint(g.from.autoHead), at("auto_head")...)
	}
	if r.AutoOptions == nil {
		g.set("version 4 answers OPTIONS", fmt.Sprint(g.from.autoOptions), at("auto_options")...)
	}
	if r.DisablePathDecoding == nil {
		g.set("version 4 escapes what KrakenD refuses in a path parameter", fmt.Sprint(g.from.pathDecoding), at("disable_path_decoding")...)
	}
	if r.HideVersionHeader == nil {
		g.set("version 4 does not tell its version", fmt.Sprint(!g.from.versionHeader), at("hide_version_header")...)
	}
}

func (g *migration) endpoint(cfg Config, e endpoints.Config, i int) {
	at := func(keys ...any) []any { return append([]any{"endpoints", i}, keys...) }
	raw := e.OutputEncoding == "no-op" || e.OutputEncoding == "" && cfg.OutputEncoding == "no-op"
	if e.PassStatus == nil && !raw {
		g.set("version 4 hands on a success's own status (201, 204)", fmt.Sprint(g.from.passStatus), at("pass_status")...)
	}
	if e.ErrorStatuses == nil {
		g.set("version 4 tells 502, 503 and 504 apart", quote(g.from.errorStatuses), at("error_statuses")...)
	}
	x := e.Extra
	if e.AuthMatch == nil && countTrue(x.Validator != nil, x.APIKeys != nil, x.Basic != nil) > 1 {
		g.set("one of several ways in is enough in version 4", quote(g.from.authMatch), at("auth_match")...)
	}
	if x.APIKeys != nil && x.APIKeys.Hash == nil && cfg.Extra.APIKeys == nil {
		g.set(keysAreHashed, quote(g.from.keyHash), at("extra_config", "auth/api-keys", "hash")...)
	}
	if x.Validator != nil {
		g.validator(x.Validator, at("extra_config", "auth/validator"))
	}
	if l := x.RateLimit; l != nil {
		switch {
		case l.MaxRate == 0 && l.ClientMaxRate == 0:
			g.remark("it limits nothing, which version 4 refuses", at("extra_config", "qos/ratelimit/router")...)
		case l.MaxRate > 0 && l.Status == nil:
			g.set("version 4 answers 429 beyond max_rate", fmt.Sprint(g.from.limitStatus), at("extra_config", "qos/ratelimit/router", "status")...)
		}
	}
	if l := x.RateLimit; l != nil && g.from.shortened(l) {
		g.set("version 4 takes less than a second as it is written", quote(g.from.leastEvery.String()), at("extra_config", "qos/ratelimit/router", "every")...)
	}
	if x.Schema != nil {
		g.schema(x.Schema, at("extra_config", "validation/json-schema"))
	}
	if x.Proxy != nil && len(x.Proxy.Flatmap) > 0 && answering(e.Backend) < 2 {
		g.remark("it edits a merged answer, and there is one backend: it does nothing, which version 4 refuses", at("extra_config", "proxy", "flatmap_filter")...)
	}
	for n, b := range e.Backend {
		g.backend(cfg, b, raw, at("backend", n))
	}
	for _, m := range conf.Flatten(idleShapes(cfg, e)) {
		g.remark(m.Err.Error(), at(m.Path...)...)
	}
}

func (g *migration) backend(cfg Config, b backends.Config, raw bool, at []any) {
	put := func(why, value string, keys ...any) { g.set(why, value, append(at[:len(at):len(at)], keys...)...) }
	if b.SuccessStatus == nil && !raw {
		put("every 2xx is a success in version 4", "["+strings.Join(g.from.successStatus, ", ")+"]", "success_status")
	}
	if b.OnError == nil && !raw {
		put("version 4 hands on the status of an only backend that fails", quote(g.from.onError), "on_error")
	}
	if b.FollowRedirects == nil && (b.Extra.Client == nil || !b.Extra.Client.NoRedirect) {
		put("version 4 hands redirects to the client", fmt.Sprint(g.from.followRedirects), "follow_redirects")
	}
	hosts := b.Host
	if len(hosts) == 0 {
		hosts = cfg.Host
	}
	if b.Retries == nil && (len(hosts) > 1 || b.SD == "dns") {
		put("version 4 asks another host where that does no harm", fmt.Sprint(g.from.retries), "retries")
	}
	if c := b.Extra.Breaker; c != nil && c.FailureStatus == nil {
		put("429 counts in breakers of version 4", "["+quote(strings.Join(g.from.failureStatus, `", "`))+"]", "extra_config", "qos/circuit-breaker", "failure_status")
	}
}

func (g *migration) validator(v *validator.Config, at []any) {
	put := func(why, value, key string) { g.set(why, value, append(at[:len(at):len(at)], key)...) }
	if v.AudienceMatch == nil && len(v.Audience) > 1 {
		put("one of several audiences is enough in version 4", quote(g.from.audienceMatch), "audience_match")
	}
	if v.RequireExp == nil {
		put("version 4 refuses tokens that never expire; true is better", fmt.Sprint(g.from.requireExp), "require_exp")
	}
	if v.RequireBearer == nil && !g.from.requireBearer {
		put("version 4 wants Bearer before the token", "false", "require_bearer")
	}
	for key, list := range map[string][]string{"audience": v.Audience, "roles": v.Roles, "scopes": v.Scopes} {
		if list != nil && len(list) == 0 {
			g.remark("an empty list asks for nothing, which version 4 refuses", append(at[:len(at):len(at)], key)...)
		}
	}
}

func (g *migration) schema(s *endpoints.Schema, at []any) {
	raw, err := s.MarshalJSON()
	if err != nil || !strings.HasPrefix(strings.TrimSpace(string(raw)), "{") || strings.Contains(string(raw), `"$schema"`) {
		return
	}
	draft := "07"
	// booleans where later drafts have numbers and lists
	if older, _ := regexp.Match(`"(exclusiveMinimum|exclusiveMaximum|required)"\s*:\s*(true|false)`, raw); older {
		draft = "04"
	}
	g.set("without it version 4 reads a schema as one of 2020-12", quote("http://json-schema.org/draft-"+draft+"/schema#"), append(at, "$schema")...)
}

// answering counts the backends whose answers somebody gets.
func answering(list []backends.Config) (n int) {
	for _, b := range list {
		if b.Extra.Proxy == nil || !b.Extra.Proxy.Shadow {
			n++
		}
	}
	return n
}

func countTrue(list ...bool) (n int) {
	for _, yes := range list {
		if yes {
			n++
		}
	}
	return n
}

// quote writes a word as JSON.
func quote(word string) string { return `"` + word + `"` }
