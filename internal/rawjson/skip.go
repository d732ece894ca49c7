package rawjson

// skip validates the object or array at i, which may hold left more levels (itself one of them), and returns its end.
// It is scan without an index, and the reason why scan is fast: most of a text is below what plans look at, and with so
// few variables all of them stay in registers.
func skip(data []byte, i, left int) (int, fault) {
	data = data[:len(data):len(data)]
	open := uint64(1) // one bit for each container, 1 for an array; the first bit is the bottom

container:
	if left == 0 {
		return i, tooDeep
	}
	if open>>63 != 0 {
		end, bad := skip(data, i, left)
		if bad != 0 {
			return end, bad
		}
		i = end
		goto after
	}
	left--
	if data[i] == '{' {
		open <<= 1
		i++
		if i >= len(data) {
			return i, tooShort
		}
		if data[i] == '"' {
			goto key
		}
		if i = space(data, i); i < len(data) && data[i] == '}' {
			goto closed
		}
		goto member
	}
	open = open<<1 | 1
	i++
	if i >= len(data) {
		return i, tooShort
	}
	if data[i] <= ' ' {
		i = space(data, i)
	}
	if i < len(data) && data[i] == ']' {
		goto closed
	}

value:
	if i >= len(data) {
		return i, tooShort
	}
	switch c := data[i]; {
	case c == '"':
		i++
		for {
			if i+8 > len(data) {
				break
			}
			m := special(word(data, i))
			if m == 0 {
				i += 8
				continue
			}
			if i += 1 + lowest(m); data[i-1] == '"' {
				goto after
			}
			i--
			break
		}
		end, bad := str(data, i)
		if bad != 0 {
			return end, bad
		}
		i = end

	case c-'0' <= 9 || c == '-':
		end, bad := number(data, i)
		if bad != 0 {
			return end, bad
		}
		i = end

	case c == '{' || c == '[':
		goto container

	case c <= ' ':
		if j := space(data, i); j > i {
			i = j
			goto value
		}
		return i, noValue

	default:
		end, bad := literal(data, i)
		if bad != 0 {
			return end, bad
		}
		i = end
	}

after:
	if i >= len(data) {
		return i, tooShort
	}
	switch c := data[i]; {
	case c == ',':
		i++
		if open&1 != 0 {
			goto value
		}
		goto member
	case c <= ' ':
		if j := space(data, i); j > i {
			i = j
			goto after
		}
		return i, noComma
	case c != '}' && c != ']' || (c == ']') != (open&1 != 0):
		return i, noComma
	}

closed:
	i++
	left++
	if open >>= 1; open == 1 {
		return i, 0
	}
	goto after

member:
	if i >= len(data) {
		return i, tooShort
	}
	if data[i] != '"' {
		if i = space(data, i); i >= len(data) {
			return i, tooShort
		}
		if data[i] != '"' {
			return i, noKey
		}
	}

key:
	i++
	for {
		if i+8 > len(data) {
			break
		}
		m := special(word(data, i))
		if m == 0 {
			i += 8
			continue
		}
		if i += through(m); data[i-1] == '"' {
			goto colon
		}
		i--
		break
	}
	{
		end, bad := str(data, i)
		if bad != 0 {
			return end, bad
		}
		i = end
	}

colon:
	if i >= len(data) {
		return i, tooShort
	}
	if data[i] != ':' {
		if i = space(data, i); i >= len(data) {
			return i, tooShort
		}
		if data[i] != ':' {
			return i, noColon
		}
	}
	i++
	goto value
}
