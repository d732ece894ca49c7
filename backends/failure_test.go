package backends

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/outbound"
)

// TestWhatFailsOutsideHasAName: every reason of an exchange is one of ours, and tells breaker and health of a host whose
// fault it is.
func TestWhatFailsOutsideHasAName(t *testing.T) {
	for _, row := range []struct {
		outside outbound.Reason
		want    Reason
		counts  bool // in a breaker
		blame   blamed
	}{
		{outbound.Timeout, ReasonTimeout, true, blameStrike},
		{outbound.Canceled, ReasonCanceled, false, blameNobody},
		{outbound.Refused, ReasonRefused, true, blameGone},
		{outbound.Reset, ReasonReset, true, blameStrike},
		{outbound.DNS, ReasonDNS, true, blameGone},
		{outbound.TLS, ReasonTLS, true, blameGone},
		{outbound.BadReply, ReasonBadReply, true, blameStrike},
		{outbound.TooLarge, ReasonTooLarge, true, blameNobody},
		{outbound.Busy, ReasonLimited, false, blameNobody},
		{outbound.Unfit, ReasonUnfit, false, blameNobody},
		{outbound.Upload, ReasonCanceled, false, blameNobody},
	} {
		err := &outbound.Error{Reason: row.outside, Err: errors.New("x")}
		f := failed(t.Context(), err)
		if f.Reason != row.want || !errors.Is(f, err) {
			t.Errorf("%s: got %s, want %s", row.outside, f.Reason, row.want)
		}
		if got := blame(t.Context(), err); got != row.blame {
			t.Errorf("%s: the host is blamed with %d, want %d", row.outside, got, row.blame)
		}
		if got := !errors.Is(judged(f), errNeutral); got != row.counts {
			t.Errorf("%s: counts in a breaker: got %t", row.outside, !row.counts)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	late, end := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer end()
	reset := &outbound.Error{Reason: outbound.Reset, Err: errors.New("x")}
	if f := failed(gone, reset); f.Reason != ReasonCanceled {
		t.Errorf("of a client that has left: got %s", f.Reason)
	}
	if f := failed(late, reset); f.Reason != ReasonTimeout {
		t.Errorf("past the deadline: got %s", f.Reason)
	}
}
