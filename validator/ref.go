package validator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Ref points at a claim: a literal name first, then a dotted path; or exact segments ("roles", "realm_access.roles",
// ["https://foo.com","roles"]). In a file it is a string or a list of strings. The zero Ref points nowhere.
type Ref struct {
	literal  string   // as written; "" where exact segments are meant
	segments []string // the way down
}

// NewRef reads a reference that is written as one string.
func NewRef(text string) (Ref, error) {
	if text == "" {
		return Ref{}, errors.New("an empty claim name")
	}
	r := Ref{literal: text, segments: strings.Split(text, ".")}
	if slices.Contains(r.segments, "") {
		r.segments = []string{text} // "a..b" is no path, but it may be a name
	}
	return r, nil
}

// ParseRef is NewRef for a text that is known not to be empty; of an empty one it makes a reference to nowhere.
func ParseRef(text string) Ref {
	r, _ := NewRef(text)
	return r
}

// Path is a reference of exact segments.
func Path(segments ...string) (Ref, error) {
	if len(segments) == 0 {
		return Ref{}, errors.New("an empty list of segments, want the way to a claim")
	}
	return Ref{segments: slices.Clone(segments)}, nil
}

// UnmarshalJSON reads a string or a list of strings.
func (r *Ref) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil && string(data) != "null" {
		got, err := NewRef(text)
		*r = got
		return err
	}
	var list []*string
	if err := json.Unmarshal(data, &list); err != nil || slices.Contains(list, nil) {
		return fmt.Errorf(`got %s, want a claim: "name", "path.to.it" or ["exact","segments"]`, data)
	}
	segments := make([]string, len(list))
	for i, s := range list {
		segments[i] = *s
	}
	got, err := Path(segments...)
	*r = got
	return err
}

// MarshalJSON writes the reference as it was read.
func (r Ref) MarshalJSON() ([]byte, error) {
	if r.literal != "" {
		return json.Marshal(r.literal)
	}
	return json.Marshal(r.segments)
}

// IsZero reports whether the reference points nowhere.
func (r Ref) IsZero() bool { return len(r.segments) == 0 }

// String is the reference as people write it.
func (r Ref) String() string {
	if r.literal != "" || r.IsZero() {
		return r.literal
	}
	return fmt.Sprintf("%q", r.segments)
}

// find is the raw value of the claim; false if it is missing or null.
func (r Ref) find(claims object) ([]byte, bool) {
	if r.literal != "" {
		if raw, there := claims.get(r.literal); there {
			return raw, raw[0] != 'n'
		}
		if len(r.segments) == 1 {
			return nil, false
		}
	}
	for i, segment := range r.segments {
		raw, there := claims.get(segment)
		if !there || i == len(r.segments)-1 {
			return raw, there && raw[0] != 'n'
		}
		claims = members(raw)
	}
	return nil, false
}
