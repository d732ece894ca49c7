package endpoints

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"gatehouse/backends"
	"gatehouse/internal/conf"
	"gatehouse/internal/rawjson"
	"gatehouse/validator"
)

// compileSigner makes tokens of parts of the answer, once everything else has been done to it. Guards and limits of the
// endpoint stand before it as before any answer (krakend.md 3.4 has what KrakenD skips).
func (e *Endpoint) compileSigner(cfg Config, env Env, at func(error, ...any)) {
	c := cfg.Extra.Signer
	if c == nil {
		return
	}
	if e.stream {
		at(errors.New("no-op hands the answer through as it is; nothing in it can be signed"), "output_encoding")
		return
	}
	at(signs(c), "extra_config", "auth/signer")
	signer, err := validator.NewSigner(*c, env.Auth.Keys)
	if at(err, "extra_config", "auth/signer"); err != nil {
		return
	}
	e.closers = append(e.closers, signer.Close)
	e.answers = append(e.answers, func(ctx context.Context, x *Exchange, _ *http.Request, _ *validator.Claims, res *backends.Response) error {
		if !res.Complete { // the part that failed may be the one that checks the password
			return &backends.Failure{Reason: backends.ReasonRejected, Err: fmt.Errorf("an answer that lacks a part is not signed (%w)", cmp.Or(x.Err, errors.New("a part is incomplete")))}
		}
		return sign(ctx, signer, res)
	})
}

// sign replaces the objects under the signer's keys; others, and what is no object, stay.
func sign(ctx context.Context, signer *validator.Signer, res *backends.Response) error {
	if res.Body.Kind() != '{' {
		return nil
	}
	if err := res.Body.Index(); err != nil {
		return backends.BadBody(err)
	}
	members := slices.Clone(res.Body.Members())
	for i := range members {
		name, err := rawjson.Unquote(members[i].Key)
		if err != nil || !slices.Contains(signer.Keys(), name) || members[i].Value[0] != '{' {
			continue
		}
		token, err := signer.Sign(ctx, members[i].Value)
		if err != nil {
			return &backends.Failure{Reason: backends.ReasonToken, Err: err}
		}
		members[i].Value = token
	}
	res.Body.SetMembers(members)
	return nil
}

// signs reports mistakes of a signer that would sign nothing.
func signs(c *validator.SignerConfig) error {
	if c != nil && len(c.KeysToSign) == 0 {
		return conf.At(errors.New("is empty: nothing would be signed"), "keys_to_sign")
	}
	return nil
}
