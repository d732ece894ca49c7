package rawjson

import "strconv"

// fault is what is wrong with a text; 0 is nothing.
type fault uint8

const (
	tooShort fault = iota + 1
	tooLong
	tooDeep
	noValue
	noKey
	noColon
	noComma
	badNumber
	badEscape
	rawControl
	tooBig
	notString
	notUTF8
	tooMany
)

// String says it, then what was wanted.
func (f fault) String() string {
	switch f {
	case tooShort:
		return "the text ends inside a value"
	case tooLong:
		return "a second value, want one"
	case tooDeep:
		return "too deep"
	case noValue:
		return "not JSON, want a value"
	case noKey:
		return "not a key, want one in quotes"
	case noColon:
		return "no colon after a key"
	case noComma:
		return "neither a comma nor the end of the object or array"
	case badNumber:
		return "not a number, want digits without a leading zero"
	case badEscape:
		return "an escape that JSON does not have"
	case rawControl:
		return "a control character in a string, want it escaped"
	case notString:
		return "not a string, want one in quotes"
	case notUTF8:
		return "not UTF-8"
	case tooMany:
		return "more values, or members of an object, than are looked into"
	default:
		return "longer than 4 GiB"
	}
}

// SyntaxError is what is wrong with a text and where: the offset of a byte, from 0.
type SyntaxError struct {
	Offset int
	fault  fault
}

// reedited is the error for what was valid once, nil if it still is. It may have become too deep, by edits.
func (f fault) reedited(offset int) error {
	switch f {
	case 0:
		return nil
	case tooMany:
		return &SyntaxError{Offset: offset, fault: f}
	}
	return errDepth
}

// TooMany reports whether the text is valid so far, but has more values than are looked into (ParseWithin).
func (e *SyntaxError) TooMany() bool { return e.fault == tooMany }

// Error gives place and reason, nothing of the text: it may be a secret.
func (e *SyntaxError) Error() string {
	return "byte " + strconv.Itoa(e.Offset) + ": " + e.fault.String()
}
