package gateway

import (
	"slices"

	"gatehouse/internal/conf"
)

// Further tells what else is wrong with a file that could not be read whole, so that its author need not come back for it:
// found is what [Parse] has said, cfg what it could read. What a mistake of found may touch is not judged: the endpoint in
// which it is, or everything, where endpoints inherit from it. Nothing that it builds is ever run.
func Further(cfg Config, shared Shared, found error) error {
	skip, whole := map[int]bool{}, []conf.Path{}
	for _, m := range conf.Flatten(found) {
		switch index, in := endpointOf(m.Path); {
		case in:
			skip[index] = true
		case !apart(m.Path):
			return nil
		default:
			whole = append(whole, m.Path)
		}
	}
	g, err := compile(cfg, shared, skip)
	if err == nil {
		g.Close()
		return nil
	}
	var told []error
	for _, m := range conf.Flatten(err) {
		index, in := endpointOf(m.Path)
		sameNamespace := func(p conf.Path) bool { return len(m.Path) > 1 && m.Path[0] == p[0] && m.Path[1] == p[1] }
		if in && !skip[index] || !in && len(m.Path) > 0 && !slices.ContainsFunc(whole, sameNamespace) {
			told = append(told, m)
		}
	}
	return conf.Join(told...)
}

// endpointOf is the endpoint in which a place is.
func endpointOf(path conf.Path) (index int, in bool) {
	if len(path) < 2 || path[0] != "endpoints" {
		return 0, false
	}
	index, in = path[1].(int)
	return index, in
}

// apart reports whether nothing that endpoints say depends on a place of the service: the namespaces of other things.
func apart(path conf.Path) bool {
	if len(path) < 2 || path[0] != "extra_config" {
		return false
	}
	switch path[1] {
	case "auth/validator", "auth/api-keys", "auth/basic", "auth/revoker", "router", "modifier/lua-endpoint":
		return false
	}
	return true
}
