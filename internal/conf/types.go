package conf

import (
	"fmt"
	"time"
)

// Duration is a time span written as Go writes them: "300ms", "3s", "1h30m". A bare number is a mistake that shows "3s".
type Duration time.Duration

// Or is the duration, or d where none was written.
func (d *Duration) Or(other time.Duration) time.Duration {
	if d == nil {
		return other
	}
	return time.Duration(*d)
}

// String writes a duration as a file would have it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText is String, for printing a configuration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "3s".
func (d *Duration) UnmarshalText(text []byte) error {
	span, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("got %s, %s", quoted(string(text)), wantDuration)
	}
	*d = Duration(span)
	return nil
}

const wantDuration = `want a duration with its unit, such as "3s"`

// Value is *p, or other where nothing was written.
func Value[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}
