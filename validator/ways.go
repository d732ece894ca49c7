package validator

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// Any lets in who may pass by one of several ways (version 4). The first way that finds something of its own in the
// request decides: a bad token is not forgiven for the sake of a good key. If none finds anything, the door stays closed
// and names all ways, unless one of them takes guests.
func Any(ways ...Authenticator) Authenticator { return anyOf(ways) }

type anyOf []Authenticator

func (ways anyOf) Authenticate(ctx context.Context, r *http.Request) (*Claims, error) {
	var first *Refusal
	var challenges []string
	guest, stranger := false, false
	for _, way := range ways {
		claims, err := way.Authenticate(ctx, r)
		var refusal *Refusal
		switch {
		case err == nil && claims == nil:
			guest = true
			continue
		case err == nil:
			return claims, nil
		case !errors.As(err, &refusal) || !refusal.Reason.missing():
			return nil, err
		}
		if first == nil || first.Reason == SchemeWrong {
			first = refusal
		}
		stranger = stranger || refusal.Reason == SchemeWrong
		challenges = append(challenges, refusal.Challenge)
	}
	if guest && !stranger {
		return nil, nil
	}
	if first == nil {
		return nil, &Refusal{Reason: TokenMissing}
	}
	all := *first
	all.Challenge = strings.Join(challenges, ", ")
	return nil, &all
}

// All lets in who may pass by every one of several ways (KrakenD's reading, versions 2 and 3). The claims are those of
// the first way that has any.
func All(ways ...Authenticator) Authenticator { return allOf(ways) }

type allOf []Authenticator

func (ways allOf) Authenticate(ctx context.Context, r *http.Request) (*Claims, error) {
	var first *Claims
	for _, way := range ways {
		claims, err := way.Authenticate(ctx, r)
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = claims
		}
	}
	if len(ways) == 0 {
		return nil, &Refusal{Reason: TokenMissing}
	}
	return first, nil
}
