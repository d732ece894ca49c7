package endpoints

import (
	"context"

	"gatehouse/backends"
	"gatehouse/internal/outbound"
	"gatehouse/internal/rawjson"
)

// sequence asks one backend after another; each sees what the earlier ones said. A first one that fails is the failure of
// the whole; a later one, or one whose answer lacks a part, ends the sequence, and the answer is what there is
// (krakend.md 2.7).
func sequence(parts []part, mode rawjson.Mode, values []backends.Earlier) ask {
	return func(ctx context.Context, x *Exchange, req *backends.Request) (*backends.Response, error) {
		slots := make([]slot, 0, len(parts))
		step := *req
		step.Parts = make([]*backends.Response, 0, len(parts))
		for i := range parts {
			if i > 0 {
				outbound.Look(ctx)
			}
			var s slot
			s.ask(ctx, parts[i].fetch, &step)
			if s.err != nil && i == 0 {
				x.Parts, x.Failed = 1, 1
				return nil, s.err
			}
			slots = append(slots, s)
			if s.err != nil || !s.res.Complete {
				break
			}
			step.Parts = append(step.Parts, s.res)
			step.Propagate(values)
		}
		whole, err := unite(ctx, x, parts, slots, mode)
		if err == nil && len(slots) < len(parts) {
			whole.Complete, x.Partial = false, true
		}
		return whole, err
	}
}
