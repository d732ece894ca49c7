package backends

import (
	"context"
	"fmt"

	"gatehouse/internal/expr"
)

// when is the condition under which a backend is asked at all.
type when struct {
	program *expr.Program
	rules   rules
}

// when compiles it. It is judged before anything is built of the request, so that a step whose values are missing can be
// left out; earlier answers are req_params.RespN_name, and the path at the backend is not yet known.
func (m *mistakes) when(b *backend, cfg Config, env Env) {
	if cfg.When == "" {
		return
	}
	offers := expr.OfRequest &^ expr.Path
	if env.Claim != nil {
		offers |= expr.Claims
	}
	p, err := expr.Compile(cfg.When, offers)
	if m.at(err, "when") {
		return
	}
	if b.raw {
		m.at(fmt.Errorf("an answer that goes through as it is has no parts: a no-op backend is always asked"), "when")
		return
	}
	b.when = &when{program: p, rules: rules{needs: p.Needs(), params: titles(env.Params)}}
}

// asks reports whether the backend is to be asked.
func (w *when) asks(ctx context.Context, c *call) (bool, error) {
	v, err := w.rules.ofRequest(c)
	if err != nil {
		return false, err
	}
	switch err := w.program.Judge(ctx, v); {
	case err == nil:
		return true, nil
	case err == expr.ErrFalse: //nolint:errorlint // it is never wrapped
		return false, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	default:
		return false, &Failure{Reason: ReasonRejected, Err: fmt.Errorf("when: %s: %w", w.program, err)}
	}
}
