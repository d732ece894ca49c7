package validator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mark is a claim and a value of it that is revoked.
type mark struct{ claim, value string }

// denylist is an exact set of marks as one file or fetch has brought it. It never changes. The nil list has nothing.
type denylist struct {
	refs  []Ref // the claims that are looked at
	marks map[mark]moment
}

// names reports whether the list has one of the claims.
func (d *denylist) names(c *Claims, now moment) bool {
	if d == nil || len(d.marks) == 0 {
		return false
	}
	claims, err := parseObject(c.Payload())
	return err != nil || d.has(claims, now) != ""
}

// has is the first claim that is on the list, "" if none is. A claim of several values is on it with any of them.
func (d *denylist) has(claims object, now moment) string {
	if d == nil {
		return ""
	}
	for _, ref := range d.refs {
		raw, there := ref.find(claims)
		if !there {
			continue
		}
		values := []string{scalar(raw)}
		if items, isList := elements(raw); isList {
			values = values[:0]
			for _, item := range items {
				values = append(values, scalar(item))
			}
		}
		for _, value := range values {
			if until, there := d.marks[mark{ref.String(), value}]; there && now < until {
				return ref.String()
			}
		}
	}
	return ""
}

func (v *Validator) checkRevoked(a *attempt) Reason {
	list, ok := v.revoked.current()
	if !ok {
		a.note = "it has not come yet; the log says why"
		return RevocationUnavailable
	}
	if name := list.has(a.claims, momentOf(a.came)); name != "" {
		a.note = "its " + name + " is on it"
		return TokenRevoked
	}
	return ""
}

func (v *Validator) sayRevoked(a *attempt) (string, string) {
	return "a deny-list, and the token not on it", or(a.note, "so it is")
}

// revocation is one entry of a list in JSON.
type revocation struct {
	Claim string          `json:"claim"`
	Value json.RawMessage `json:"value"`
	Exp   json.RawMessage `json:"exp"` // until when it holds; missing: as long as it is listed
	At    json.RawMessage `json:"at"`  // when it was made; it then holds for the TTL
}

// parseDenylist reads a list: JSON, an array (or {"revoked": array}) of {"claim","value","exp"} and of KrakenD's
// "claim-value" strings; or text, a "claim-value" a line, with the time until which it holds behind it. One broken entry
// breaks the list: nobody would notice the one that is missing.
func parseDenylist(data []byte, keys []string, ttl time.Duration) (*denylist, error) {
	d := &denylist{marks: map[mark]moment{}}
	data = bytes.TrimSpace(data)
	var err error
	if len(data) > 0 && (data[0] == '[' || data[0] == '{') {
		err = d.readJSON(data, keys, ttl)
	} else {
		err = d.readText(data, keys)
	}
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for m := range d.marks {
		if !seen[m.claim] {
			seen[m.claim] = true
			d.refs = append(d.refs, ParseRef(m.claim))
		}
	}
	slices.SortFunc(d.refs, func(a, b Ref) int { return strings.Compare(a.literal, b.literal) })
	return d, nil
}

func (d *denylist) readJSON(data []byte, keys []string, ttl time.Duration) error {
	var list []json.RawMessage
	if data[0] == '{' {
		var whole struct {
			Revoked []json.RawMessage `json:"revoked"`
		}
		if err := json.Unmarshal(data, &whole); err != nil || whole.Revoked == nil {
			return errors.New(`want an array of entries, or an object with such an array in "revoked"`)
		}
		list = whole.Revoked
	} else if err := json.Unmarshal(data, &list); err != nil {
		return errors.New("broken JSON")
	}
	for i, raw := range list {
		if err := d.readEntry(raw, keys, ttl); err != nil {
			return fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	return nil
}

func (d *denylist) readEntry(raw json.RawMessage, keys []string, ttl time.Duration) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return d.addText(text, lastMoment, keys)
	}
	var r revocation
	if err := json.Unmarshal(raw, &r); err != nil || r.Claim == "" || len(r.Value) == 0 || string(r.Value) == "null" {
		return errors.New(`want {"claim", "value"} or "claim-value"`)
	}
	until := lastMoment
	for _, t := range []struct {
		raw  json.RawMessage
		more time.Duration
	}{{r.At, ttl}, {r.Exp, 0}} {
		if t.raw == nil || string(t.raw) == "null" {
			continue
		}
		m, ok := parseMoment(strings.Trim(string(t.raw), `"`))
		if !ok {
			return errors.New("want seconds since 1970 or an RFC 3339 time")
		}
		if t.more > 0 || len(r.Exp) > 0 {
			until = m + span(t.more)
		}
	}
	d.add(r.Claim, scalar(r.Value), until)
	return nil
}

func (d *denylist) readText(data []byte, keys []string) error {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 64<<10)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		until := lastMoment
		if i := strings.LastIndexAny(line, " \t"); i >= 0 {
			var ok bool
			if until, ok = parseMoment(line[i+1:]); !ok {
				return fmt.Errorf("line %d: want claim-value and, if anything, the time until which it holds", n)
			}
			line = strings.TrimSpace(line[:i])
		}
		if err := d.addText(line, until, keys); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if lines.Err() != nil {
		return errors.New("a line that is too long")
	}
	return nil
}

// addText takes KrakenD's spelling, claim-value. A claim with a dash in its name must be one of token_keys.
func (d *denylist) addText(text string, until moment, keys []string) error {
	for _, key := range keys {
		if value, ok := strings.CutPrefix(text, key+"-"); ok && value != "" {
			d.add(key, value, until)
			return nil
		}
	}
	claim, value, ok := strings.Cut(text, "-")
	if !ok || claim == "" || value == "" {
		return errors.New("want claim-value, such as jti-3f2c")
	}
	d.add(claim, value, until)
	return nil
}

// add takes an entry; of two for the same thing the one that holds longer counts.
func (d *denylist) add(claim, value string, until moment) {
	m := mark{claim, value}
	d.marks[m] = max(d.marks[m], until)
}

// parseMoment reads seconds since 1970 or an RFC 3339 time.
func parseMoment(text string) (moment, bool) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		if seconds < 0 || moment(seconds) > lastMoment/1e6 {
			return lastMoment, seconds > 0
		}
		return moment(seconds) * 1e6, true
	}
	t, err := time.Parse(time.RFC3339, text)
	return momentOf(t), err == nil
}
