package gatewaytest

import (
	"fmt"
	"strconv"
	"strings"
)

// unescape reads a raw text: line ends of the page are dropped, \r \n \t \0 \\ and \xHH are what they mean.
func unescape(text string) ([]byte, error) {
	var out []byte
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\n':
		case text[i] != '\\':
			out = append(out, text[i])
		case i+1 == len(text):
			return nil, fmt.Errorf(`a \ at the end, want \\`)
		case text[i+1] == 'x':
			if i+4 > len(text) {
				return nil, fmt.Errorf(`\x wants two hexadecimal digits`)
			}
			b, err := strconv.ParseUint(text[i+2:i+4], 16, 8)
			if err != nil {
				return nil, fmt.Errorf(`\x%s: want two hexadecimal digits`, text[i+2:i+4])
			}
			out = append(out, byte(b))
			i += 3
		default:
			at := strings.IndexByte(`rnt0\`, text[i+1])
			if at < 0 {
				return nil, fmt.Errorf(`unknown escape \%c, want one of \r \n \t \0 \\ \xHH`, text[i+1])
			}
			out = append(out, "\r\n\t\x00\\"[at])
			i++
		}
	}
	return out, nil
}
