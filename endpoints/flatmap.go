package endpoints

import (
	"context"
	"errors"

	"gatehouse/backends"
	"gatehouse/internal/rawjson"
)

// flatmapped edits the merged answer by a flatmap_filter, also where a part of it is missing: what is to go goes. A single
// backend has its own filter; KrakenD passes this one over in silence, and so do we in its files, with a word in the log.
func flatmapped(written []backends.FlatmapOp, parts int, env Env, next ask, at func(error, ...any)) ask {
	if len(written) == 0 {
		return next
	}
	path := []any{"extra_config", "proxy", "flatmap_filter"}
	if parts < 2 {
		if !env.Voice.Older {
			at(errors.New("edits a merged answer, but there is one backend; write it in that backend's extra_config"), path...)
		} else if env.Log != nil {
			env.Log.Warn("flatmap_filter of an endpoint with one backend is passed over; write it in the backend")
		}
		return next
	}
	ops, err := backends.Flatmap(written)
	if err != nil {
		at(err, path...)
		return next
	}
	plan, err := rawjson.Compile(rawjson.Spec{Flatmap: ops})
	if err != nil {
		at(err, path...)
		return next
	}
	return func(ctx context.Context, x *Exchange, req *backends.Request) (*backends.Response, error) {
		res, err := next(ctx, x, req)
		if err != nil || res.Body.Kind() == 0 {
			return res, err
		}
		if err := plan.Apply(&res.Body); err != nil {
			res.Close()
			return nil, backends.BadBody(err)
		}
		return res, nil
	}
}
