package endpoints

import (
	"testing"

	"gatehouse/backends"
)

// TestAFailureHasTheStatusOfThePage: config.md's statuses, in version 4 and in KrakenD's manners.
func TestAFailureHasTheStatusOfThePage(t *testing.T) {
	precise, plain := &Voice{precise: true, JSON: true}, &Voice{}
	for _, row := range []struct {
		reason    backends.Reason
		ours, old int
	}{
		{backends.ReasonStatus, 502, 500},
		{backends.ReasonTimeout, 504, 500},
		{backends.ReasonCanceled, statusClientGone, statusClientGone},
		{backends.ReasonRefused, 502, 500},
		{backends.ReasonReset, 502, 500},
		{backends.ReasonDNS, 502, 500},
		{backends.ReasonTLS, 502, 500},
		{backends.ReasonBadReply, 502, 500},
		{backends.ReasonTooLarge, 502, 500},
		{backends.ReasonBadBody, 502, 500},
		{backends.ReasonOpen, 503, 500},
		{backends.ReasonLimited, 503, 500},
		{backends.ReasonToken, 503, 500},
		{backends.ReasonExchange, 403, 403},
		{backends.ReasonMissingClaim, 403, 403},
		{backends.ReasonMissingValue, 502, 500},
		{backends.ReasonRedirect, 502, 500},
		{backends.ReasonUnfit, 400, 400},
		{backends.ReasonRejected, 502, 500},
	} {
		for voice, want := range map[*Voice]int{precise: row.ours, plain: row.old} {
			got := voice.judge(&backends.Failure{Reason: row.reason})
			if got.status != want || got.code != string(row.reason) {
				t.Errorf("%s: got %d %s, want %d", row.reason, got.status, got.code, want)
			}
			if gone := row.reason == backends.ReasonCanceled; got.gone != gone {
				t.Errorf("%s: the client is gone: got %t", row.reason, got.gone)
			}
			if retry := got.header.Get("Retry-After"); (got.status == 503) != (retry != "") {
				t.Errorf("%s: got Retry-After %q", row.reason, retry)
			}
		}
	}
}

// What a script makes too large is as large as what a backend sends: no mistake in the script.
func TestFailureBehindAScript(t *testing.T) {
	f := &backends.Failure{Reason: backends.ReasonTooLarge}
	if got := scriptError(t.Context(), f); got != error(f) {
		t.Errorf("got %v, want %v", got, f)
	}
}
