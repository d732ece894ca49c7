package conf

import "time"

// Duration is a time span written as Go writes them: "300ms", "3s", "1h30m". A bare number is a mistake that shows "3s".
type Duration time.Duration

// Or is the duration, or d where none was written.
func (d *Duration) Or(other time.Duration) time.Duration {
	if d == nil {
		return other
	}
	return time.Duration(*d)
}

// Value is *p, or other where nothing was written.
func Value[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}
