package expr

import "fmt"

// maxWeight bounds what is decoded of an answer: decoded, a value takes some 50 bytes, be it one character long, and an
// object several times that besides.
const (
	maxWeight    = 2_000_000
	objectWeight = 6
)

// ErrTooHeavy is an answer that has too much in it to be decoded.
var ErrTooHeavy = fmt.Errorf("the answer has too many values for an expression: more than %d, an object counts as %d besides", maxWeight, objectWeight)

// DecodeAnswer is Decode for what a backend has made as it likes: valid JSON.
func DecodeAnswer(raw []byte) (any, error) {
	if len(raw) > maxWeight && weight(raw) > maxWeight {
		return nil, ErrTooHeavy
	}
	return Decode(raw)
}

// weight counts the values in valid JSON; an empty array or object counts twice.
func weight(raw []byte) (n int) {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case ',', '[':
			n++
		case '{':
			n += 1 + objectWeight
		case '"':
			for i++; raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		}
	}
	return n + 1
}
