package endpoints

import (
	"context"
	"fmt"
	"net/http"

	"gatehouse/validator"
)

// RouterConfig is what an endpoint may say in the namespace router.
type RouterConfig struct {
	MaxPayload *int64 `json:"max_payload" doc:"Bytes of a request's body at most; 0: no limit." default:"the service's"`
}

// size is the limit on bodies: one that says that it is longer is refused before anything else is done for it, any other
// when it turns out to be.
func (c *guardCompiler) size() {
	r := c.cfg.Extra.Router
	if r == nil || r.MaxPayload == nil || *r.MaxPayload == 0 {
		return
	}
	limit := *r.MaxPayload
	if limit < 0 {
		c.mistake(fmt.Errorf("got %d, want 0 (no limit) or more", limit), "router", "max_payload")
		return
	}
	c.endpoint.early = append(c.endpoint.early, func(_ context.Context, _ *Exchange, w http.ResponseWriter, r *http.Request, _ *validator.Claims) error {
		if r.ContentLength > limit {
			w.Header()["Connection"] = []string{"close"} // nobody is going to read it
			return tooLarge(limit)
		}
		if r.ContentLength != 0 && r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		return nil
	})
}

func tooLarge(limit int64) *Denied {
	return &Denied{Status: http.StatusRequestEntityTooLarge, Reason: "body_too_large", Detail: fmt.Sprintf("the body is longer than %d bytes", limit)}
}
