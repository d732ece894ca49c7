package backends

import (
	"fmt"
	"slices"
	"strings"

	"gatehouse/internal/conf"
)

// Idle tells what a backend says of its answer's fields and what does nothing, each under its key: what its author believes
// hidden goes to the client. stream: the answer goes through as it comes (no-op).
func (c Config) Idle(stream bool) error {
	var errs []error
	at := func(why string, path ...any) { errs = append(errs, conf.At(fmt.Errorf("%s", why), path...)) }
	flatmap := c.Extra.Proxy != nil && len(c.Extra.Proxy.FlatmapFilter) > 0
	replaced := func(why string, keys ...string) {
		for _, key := range keys {
			if c.shapes(key) {
				at(why, key)
			}
		}
	}
	if stream {
		const why = "no-op hands the answer through as it comes: this does nothing"
		replaced(why, "target", "allow", "deny", "mapping", "group", "is_collection")
		if flatmap {
			at(why, "extra_config", "proxy", "flatmap_filter")
		}
		return conf.Join(errs...)
	}
	if flatmap {
		replaced("there is a flatmap_filter, which is used instead: this does nothing", "allow", "deny", "mapping")
	}
	if !flatmap && len(c.Deny) > 0 && len(c.Allow) > 0 {
		at("there is an allow, which is used instead: this does nothing", "deny")
	}
	if only := c.only(); only != "" && c.hides(only) {
		why, path := fmt.Sprintf("the answer has one field, %q: this hides nothing", only), []any{"deny"}
		if flatmap {
			path = []any{"extra_config", "proxy", "flatmap_filter"}
		} else if only == collection {
			why = fmt.Sprintf("the answer is a list, into which deny does not reach: this hides nothing (a flatmap_filter does: del %q)", collection+".*."+c.Deny[0])
		}
		at(why, path...)
	}
	return conf.Join(errs...)
}

// shapes reports whether something is written under a key.
func (c Config) shapes(key string) bool {
	switch key {
	case "target":
		return c.Target != ""
	case "allow":
		return len(c.Allow) > 0
	case "deny":
		return len(c.Deny) > 0
	case "mapping":
		return len(c.Mapping) > 0
	case "group":
		return c.Group != ""
	}
	return c.IsCollection
}

// The names that an answer without fields gets.
const (
	collection = "collection"
	content    = "content"
)

// only is the one field that an answer has, whatever the backend says; "": it has fields of its own.
func (c Config) only() string {
	switch {
	case c.Encoding == "string":
		return content
	case c.IsCollection && slices.Contains([]string{"", "json", "fast-json", "yaml"}, c.Encoding):
		return collection
	}
	return ""
}

// hides reports whether fields are taken out of an answer by their names, and name is none of them: an answer that has no
// fields, and is given that one, would show what was to be hidden.
func (c Config) hides(name string) bool {
	if c.Target != "" { // which neither is: nothing is left
		return false
	}
	if c.Extra.Proxy == nil || len(c.Extra.Proxy.FlatmapFilter) == 0 {
		return len(c.Deny) > 0 && len(c.Allow) == 0 && !slices.Contains(c.Deny, name)
	}
	deletes := false
	for _, op := range c.Extra.Proxy.FlatmapFilter {
		deletes = deletes || op.Type == "del"
		if slices.ContainsFunc(op.Args, func(path string) bool { first, _, _ := strings.Cut(path, "."); return first == name || first == "*" }) {
			return false
		}
	}
	return deletes
}
