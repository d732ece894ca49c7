package decode

import (
	"math/big"
	"strings"

	"go.yaml.in/yaml/v3"

	"gatehouse/internal/rawjson"
)

// appendYAMLScalar prints what a plain, quoted or tagged scalar means.
func appendYAMLScalar(dst []byte, n *yaml.Node) []byte {
	switch n.ShortTag() {
	case "!!str":
		if n.Style == 0 && validNumber(n.Value) { // beyond any float, and a number still
			return append(dst, n.Value...)
		}
	case "!!null":
		return append(dst, "null"...)
	case "!!bool":
		if strings.EqualFold(n.Value, "true") {
			return append(dst, "true"...)
		}
		if strings.EqualFold(n.Value, "false") {
			return append(dst, "false"...)
		}
	case "!!int", "!!float":
		if number, ok := jsonNumber(n.Value); ok {
			return append(dst, number...)
		}
	}
	return rawjson.AppendString(dst, n.Value)
}

// jsonNumber spells a YAML number as JSON does; the digits of a decimal one stay.
func jsonNumber(s string) (string, bool) {
	s = strings.ReplaceAll(strings.TrimPrefix(s, "+"), "_", "")
	if validNumber(s) {
		return s, true
	}
	digits, minus := strings.CutPrefix(s, "-")
	if len(digits) > 1 && digits[0] == '0' && !strings.ContainsAny(digits, ".") {
		if n, ok := new(big.Int).SetString(s, 0); ok && len(s) < 1000 {
			return n.String(), true
		}
	}
	if strings.HasPrefix(digits, ".") {
		digits = "0" + digits
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" || digits[0] < '0' || digits[0] > '9' {
		digits = "0" + digits
	}
	mantissa, exponent := digits, ""
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		mantissa, exponent = digits[:i], digits[i:]
	}
	s = strings.TrimSuffix(mantissa, ".") + exponent
	if minus {
		s = "-" + s
	}
	return s, validNumber(s)
}

// validNumber reports whether s is a number of JSON (RFC 8259 6).
func validNumber(s string) bool {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return false
	}
	var v rawjson.Value
	return v.Parse([]byte(s), 0) == nil
}
