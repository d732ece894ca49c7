package endpoints

import (
	"net/http"

	"gatehouse/validator"
)

// guard is a check before any backend is asked: nil lets the request pass. Guards before the token are given no claims.
type guard func(x *Exchange, r *http.Request, claims *validator.Claims) error

// Denied is a refusal of ours that has nothing to do with the token.
type Denied struct {
	Status int
	Reason string      // a code of the closed list
	Detail string      // for the client: what is wrong with its request
	Header http.Header // further headers of the answer; may be nil
}

func (d *Denied) Error() string { return d.Reason }
