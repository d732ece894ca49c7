package rawjson

// Each goes through the members of an object, or the elements of an array, without an index and without memory of its own:
// their texts, keys in their quotes. s is valid JSON without white space around it.
func Each(s string, do func(key, text string)) {
	i := afterBlank(s, 1)
	for s[i] != '}' && s[i] != ']' {
		key := ""
		if s[0] == '{' {
			end := stringEnd(s, i)
			key = s[i:end]
			i = afterBlank(s, afterBlank(s, end)+1)
		}
		end := valueEnd(s, i)
		do(key, s[i:end])
		if i = afterBlank(s, end); s[i] == ',' {
			i = afterBlank(s, i+1)
		}
	}
}

// afterBlank is where white space ends that begins at i, stringEnd where the string does.
func afterBlank(s string, i int) int {
	for s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t' {
		i++
	}
	return i
}

func stringEnd(s string, i int) int {
	for i++; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd is where the value ends that begins at i.
func valueEnd(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i = stringEnd(s, i) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// DeeperThan reports whether valid JSON is nested deeper than so many levels.
func DeeperThan(s string, levels int) bool {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = stringEnd(s, i) - 1
		case '{', '[':
			if depth++; depth > levels {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}
