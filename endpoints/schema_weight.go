package endpoints

// maxWeight bounds what is decoded to be held against a schema: decoded, a value takes some 50 bytes, be it one character
// long, an object several times that besides, and what does not fit as much again.
const (
	maxWeight    = 2_000_000
	objectWeight = 6
)

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
