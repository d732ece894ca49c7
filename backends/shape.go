package backends

import (
	"fmt"
	"sort"
	"strings"

	"gatehouse/internal/rawjson"
)

// plan compiles target, allow, deny, mapping, group and is_collection into one edit of raw JSON.
func (m *mistakes) plan(cfg Config) *rawjson.Plan {
	spec := rawjson.Spec{Group: cfg.Group, Allow: split(cfg.Allow), Deny: split(cfg.Deny)}
	if cfg.IsCollection || cfg.Encoding == "safejson" {
		spec.Collection = "collection"
	}
	if cfg.Target != "" {
		spec.Target = strings.Split(cfg.Target, ".")
	}
	for from, to := range cfg.Mapping {
		if from == "" || to == "" {
			m.at(fmt.Errorf("renames %q to %q, want two names", from, to), "mapping", from)
		}
		spec.Mapping = append(spec.Mapping, [2]string{from, to})
	}
	sort.Slice(spec.Mapping, func(i, j int) bool { return spec.Mapping[i][0] < spec.Mapping[j][0] })
	plan, err := rawjson.Compile(spec)
	m.at(err)
	return plan
}

func split(paths []string) [][]string {
	var out [][]string
	for _, p := range paths {
		out = append(out, strings.Split(p, "."))
	}
	return out
}

// decoder picks the way the answer is read; depth is what the plan must see of it.
func (m *mistakes) decoder(cfg Config) decoder {
	if cfg.Encoding == "no-op" {
		return nil
	}
	d, err := decoderOf(cfg.Encoding, cfg.IsCollection)
	m.at(err, "encoding")
	return d
}
