package gatewaytest

import (
	"fmt"
	"strings"
)

// forms are strings that are no token, or no longer the one that was signed (security.md 2, 13).
func (w *Armoury) forms() {
	w.line = 2
	parts := strings.Split(w.good, ".")
	h, p, s := parts[0], parts[1], parts[2]
	for name, token := range w.notTokens(h, p, s) {
		w.add(name, token, 401, 400)
	}
	// Spare bits: the last character of a part with one bit flipped that no byte uses.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, part := range parts {
		if spare := len(part) % 4; spare == 2 || spare == 3 {
			last := strings.IndexByte(alphabet, part[len(part)-1])
			w.add("spare bits are not zero", strings.Replace(w.good, part, part[:len(part)-1]+string(alphabet[last|1]), 1))
		}
	}
	for i := 0; i < len(s); i += 23 {
		flipped := []byte(s)
		if flipped[i] = 'A'; s[i] == 'A' {
			flipped[i] = 'B'
		}
		w.add(fmt.Sprintf("signature changed at %d", i), h+"."+p+"."+string(flipped))
	}
	w.line = 13
	w.add("sixteen thousand dots", strings.Repeat(".", 16_000), 401)
	w.add("a hundred thousand dots", strings.Repeat(".", 100_000), 431)
	w.add("a long token", h+"."+strings.Repeat("A", 16<<10)+"."+s, 431)
	w.add("one byte too long", strings.Repeat("a", 16<<10+1), 431)
	w.add("as long as it may be", strings.Repeat("a", 16<<10), 401)
}

func (w *Armoury) notTokens(h, p, s string) map[string]string {
	return map[string]string{
		"no signature":                h + "." + p + ".",
		"no second dot":               h + "." + p,
		"one part":                    h,
		"a dot":                       ".",
		"two dots":                    "..",
		"three dots":                  "...",
		"no header":                   "." + p + "." + s,
		"no payload":                  h + ".." + s,
		"an empty part in front":      "." + w.good,
		"an empty part behind":        w.good + ".",
		"four parts":                  w.good + "." + s,
		"five parts":                  h + "." + p + "." + s + "." + s + "." + s,
		"padded header":               h + "=." + p + "." + s,
		"padded signature":            w.good + "=",
		"doubly padded signature":     w.good + "==",
		"half a signature":            h + "." + p + "." + s[:len(s)/2],
		"a longer signature":          w.good + "AAAA",
		"signature cut by one":        w.good[:len(w.good)-1],
		"signature of another token":  h + "." + p + "." + strings.Split(w.sign(w.rsa, nil, string(w.claimsOf("mallory"))), ".")[2],
		"header and payload swapped":  p + "." + h + "." + s,
		"payload of another token":    h + "." + b64(`{"iss":"x"}`) + "." + s,
		"the other alphabet":          h + "." + p + ".+" + s[1:],
		"the other alphabet, a slash": h + "." + p + "./" + s[1:],
		"percent-encoded dots":        strings.ReplaceAll(w.good, ".", "%2E"),
		"a line break in the middle":  h + "." + p[:4] + "\n" + p[4:] + "." + s,
		"a carriage return":           h + "." + p + "." + s[:9] + "\r" + s[9:],
		"a space in the middle":       h + "." + p[:4] + " " + p[4:] + "." + s,
		"a tab in the middle":         h + "." + p[:4] + "\t" + p[4:] + "." + s,
		"a NUL behind":                w.good + "\x00",
		"quotes around":               `"` + w.good + `"`,
		"a non-ASCII letter":          h + "." + p + "." + s[:9] + "é" + s[9:],
		"a comma behind":              w.good + ",",
		"two tokens":                  w.good + "," + w.good,
		"two tokens, spaced":          w.good + " " + w.good,
		"JSON serialisation":          fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, h, p, s),
		"JSON serialisation, encoded": b64(fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, h, p, s)),
		"a token in a token":          b64(w.good) + "." + p + "." + s,
		"the word undefined":          "undefined",
		"the word null":               "null",
		"only padding":                "====",
		"a JWE":                       "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji.XFBoMYUZodetZdvTiFvSkQ",
	}
}
