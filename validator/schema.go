package validator

// ConfSchema says what a reference looks like in a file.
func (Ref) ConfSchema() map[string]any {
	return map[string]any{"title": "claim", "anyOf": []any{
		map[string]any{"type": "string", "minLength": 1},
		map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "minItems": 1},
	}}
}

// ConfSchema says what a propagated claim looks like in a file: a pair, or an object.
func (Propagate) ConfSchema() map[string]any {
	claim := Ref{}.ConfSchema()
	return map[string]any{"title": "claim and header", "anyOf": []any{
		map[string]any{"type": "array", "prefixItems": []any{claim, map[string]any{"type": "string"}}, "minItems": 2, "maxItems": 2},
		map[string]any{"type": "object", "additionalProperties": false, "required": []any{"claim", "header"}, "properties": map[string]any{
			"claim":  claim,
			"header": map[string]any{"type": "string"},
			"format": map[string]any{"enum": []any{"joined", "repeat", "json", "base64"}},
		}},
	}}
}
