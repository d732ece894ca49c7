package endpoints

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/rawjson"
)

// static puts data of the file into an answer, over what backends say. Where everything failed and the strategy still
// holds, the data alone is the answer: status 200, incomplete (krakend.md 2.7).
func static(cfg StaticConfig, next ask) (ask, error) {
	var compact bytes.Buffer // how the file is laid out is nothing to clients
	data := new(rawjson.Value)
	if err := cmp.Or(json.Compact(&compact, cfg.Data), data.Parse(compact.Bytes(), 1)); err != nil || data.Kind() != '{' || data.Empty() {
		return next, conf.At(errors.New("want an object with at least one key"), "data")
	}
	data.Members() // indexed now: from here on it is only read
	return func(ctx context.Context, x *Exchange, req *backends.Request) (*backends.Response, error) {
		res, err := next(ctx, x, req)
		if !cfg.applies(res, err) || clientGone(err) {
			return res, err
		}
		whole := backends.NewResponse()
		whole.Status = 200
		values := []*rawjson.Value{data}
		if err == nil {
			whole.Status, whole.Complete = res.Status, res.Complete
			if bodyForbidden(res.Status) { // what had nothing to say has something now
				whole.Status = 200
			}
			whole.Adopt(res)
			values = []*rawjson.Value{&res.Body, data}
		} else {
			x.Partial = true
			x.failed(reasonOf(err), err)
			closeFailure(err)
		}
		if err := rawjson.Merge(&whole.Body, values, rawjson.Shallow); err != nil {
			whole.Close()
			return nil, backends.BadBody(err)
		}
		return whole, nil
	}, nil
}

func (c StaticConfig) applies(res *backends.Response, err error) bool {
	switch c.Strategy {
	case "success":
		return err == nil
	case "errored":
		return err != nil
	case "complete":
		return err == nil && res.Complete
	case "incomplete":
		return err != nil || !res.Complete
	}
	return true
}

func clientGone(err error) bool {
	var f *backends.Failure
	return errors.As(err, &f) && f.Reason == backends.ReasonCanceled
}

// closeFailure gives back the answer that came with a failure nobody will tell.
func closeFailure(err error) {
	var f *backends.Failure
	if errors.As(err, &f) {
		f.Response.Close()
		f.Response = nil
	}
}

// reasonOf is the reason behind an error of backends.
func reasonOf(err error) string {
	var f *backends.Failure
	if errors.As(err, &f) {
		return string(f.Reason)
	}
	return "all_failed"
}
