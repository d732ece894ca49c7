package expr

import (
	"errors"
	"fmt"

	"gatehouse/internal/conf"
)

// Rule is one entry of validation/cel: an expression that must be true.
type Rule struct {
	Check  string `json:"check_expr" doc:"An expression of the Common Expression Language that must be true. Variables: req_method, req_path, req_params, req_headers, req_querystring, req_body, JWT, now, and of the answer resp_completed, resp_metadata_status, resp_metadata_headers, resp_data."`
	Status *int   `json:"status" since:"4" doc:"What a request is told that the rule refuses." default:"403, where it looks at the answer 502 (versions 2 and 3: 500, where it looks at the token 401)"`
}

// Valid is an error for a rule that says something impossible besides its expression.
func (r Rule) Valid() error {
	if r.Check == "" {
		return conf.At(errors.New("is missing, want an expression"), "check_expr")
	}
	if r.Status != nil && (*r.Status < 400 || *r.Status > 599) {
		return conf.At(fmt.Errorf("got %d, want 400 to 599", *r.Status), "status")
	}
	return nil
}
