package backends

import (
	"fmt"
	"sort"
	"strings"

	"gatehouse/backends/decode"
	"gatehouse/internal/conf"
	"gatehouse/internal/rawjson"
)

// ProxyConfig is the namespace proxy of a backend.
type ProxyConfig struct {
	Shadow        bool           `json:"shadow" doc:"Send a copy of each request and ignore the answer." default:"false"`
	ShadowTimeout *conf.Duration `json:"shadow_timeout" doc:"How long a copy may take." default:"the endpoint's timeout"`
	FlatmapFilter []FlatmapOp    `json:"flatmap_filter" doc:"Edit the answer by these operations, one after another, instead of allow, deny and mapping; they reach into arrays."`
}

// FlatmapOp is one operation of a flatmap_filter (krakend.md 2.6).
type FlatmapOp struct {
	Type string   `json:"type" enum:"move|del|append" doc:"move renames or moves a value, del deletes values, append puts the elements of one array at the end of another."`
	Args []string `json:"args" doc:"Dotted paths; * stands for every key or element, a number for one element. move and append: from and to; del: what goes."`
}

// shape is how a backend's answer is edited: a plan, and what it leaves of null.
type shape struct {
	*rawjson.Plan
	null []rawjson.Member // nil: null
}

// Apply edits an answer in place. null has nothing to edit: only target makes an object of it, and group wraps it.
func (s *shape) Apply(v *rawjson.Value) error {
	if v.Kind() != 'n' {
		return s.Plan.Apply(v)
	}
	if s.null != nil {
		v.SetMembers(s.null)
	}
	return nil
}

// plan compiles target, allow, deny, mapping, group, flatmap_filter and is_collection into one edit of raw JSON.
func (m *mistakes) plan(cfg Config) *shape {
	spec := rawjson.Spec{Group: cfg.Group, Allow: split(cfg.Allow), Deny: split(cfg.Deny)}
	switch {
	case cfg.IsCollection, cfg.Encoding == "safejson", cfg.Encoding == "auto":
		spec.Collection = collection
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
	if cfg.Extra.Proxy != nil {
		var err error
		if spec.Flatmap, err = Flatmap(cfg.Extra.Proxy.FlatmapFilter); m.at(err, "extra_config", "proxy", "flatmap_filter") {
			return nil
		}
	}
	plan, err := rawjson.Compile(spec)
	if m.at(err) {
		return nil
	}
	return &shape{Plan: plan, null: shapedNull(cfg)}
}

func shapedNull(cfg Config) []rawjson.Member {
	value := "null"
	if cfg.Target != "" {
		value = "{}"
	}
	switch {
	case cfg.Group != "":
		return []rawjson.Member{{Key: rawjson.AppendString(nil, cfg.Group), Value: []byte(value)}}
	case cfg.Target != "":
		return []rawjson.Member{}
	}
	return nil
}

// Flatmap reads the operations of a flatmap_filter. Each is checked by itself, so that a mistake has its place.
func Flatmap(ops []FlatmapOp) ([]rawjson.Op, error) {
	var list []rawjson.Op
	var errs []error
	for i, op := range ops {
		read := rawjson.Op{Type: op.Type, Args: split(op.Args)}
		errs = append(errs, conf.At(read.Check(), i))
		list = append(list, read)
	}
	return list, conf.Join(errs...)
}

func split(paths []string) [][]string {
	var out [][]string
	for _, p := range paths {
		out = append(out, strings.Split(p, "."))
	}
	return out
}

// decoder picks the way the answer is read.
func (m *mistakes) decoder(cfg Config) decode.Decoder {
	if cfg.Encoding == "no-op" {
		return decode.Decoder{}
	}
	d, err := decode.New(cfg.Encoding, decode.Options{Collection: cfg.IsCollection, Max: conf.Value(cfg.MaxResponseSize, defaultMaxResponse),
		NoText: cfg.hides(content), NoList: cfg.hides(collection)})
	m.at(err, "encoding")
	return d
}
