package validator

import (
	"math"
	"strconv"
	"time"
)

// moment is a time in microseconds since 1970: fine enough for fractions of a NumericDate, and wide enough for year 9999.
type moment int64

// lastMoment is the end of the year 9999 (security.md 9).
const lastMoment moment = 253402300800 * 1e6

func momentOf(t time.Time) moment { return moment(t.UnixMicro()) }

func span(d time.Duration) moment { return moment(d.Microseconds()) }

// String is the moment as people read it.
func (m moment) String() string { return time.UnixMicro(int64(m)).UTC().Format(time.RFC3339) }

// numericDate reads a NumericDate (RFC 7519 section 2): a finite JSON number, not negative, before the year 10000.
// Fractions are cut to microseconds.
func numericDate(raw []byte) (moment, bool) {
	if len(raw) == 0 || raw[0] < '0' || raw[0] > '9' {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsInf(f, 0) || f >= float64(lastMoment/1e6) {
		return 0, false
	}
	whole, rest := math.Modf(f)
	return moment(whole)*1e6 + moment(rest*1e6), true
}
