package conf

import (
	"strings"
	"unicode"
)

// nearEdits is how many edits make one known key of another: config.md calls a key that near a misspelling.
const nearEdits = 2

// nearest is the known name that was most likely meant, and whether it is near enough to be a misspelling for certain:
// the same but for case, '-' and '_', or at most two edits away. It is "" where nothing comes close; what is taken for
// close grows with the names, and does not count case, '-' and '_'. A name that another begins with is short for it, and of
// two that are as near the one with the same first letter was meant.
func nearest(name string, known []string) (meant string, misspelt bool) {
	bare, best := squash(name), -1
	for _, k := range known {
		if squash(k) == bare {
			return k, true
		}
		d := edits(name, k)
		misspelt = misspelt || d <= nearEdits
		d = min(d, edits(bare, squash(k)))
		switch {
		case len(bare) >= minShort && strings.HasPrefix(squash(k), bare):
			d = 0 // short for it
		case d > 1 && len(k) <= maxTerse:
			continue // two edits of three or four letters leave little of them
		}
		d *= 2
		if bare == "" || bare[0] != squash(k)[0] {
			d++
		}
		if d/2 > max(nearEdits, min(len(name), len(k))/3) || d/2 >= max(len(name), len(k)) {
			continue
		}
		if best < 0 || d < best {
			meant, best = k, d
		}
	}
	return meant, misspelt
}

// Nearest is the known name that was most likely meant by another, "" where nothing comes close.
func Nearest(name string, known []string) string {
	meant, _ := nearest(name, known)
	return meant
}

const (
	minShort = 3 // letters that a short name has
	maxTerse = 4 // letters of a name that is hardly misspelt by two of them
)

// squash drops what people mix up: case, dashes and underscores.
func squash(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// edits counts the letters to insert, drop, replace or swap with their neighbour to make b of a (optimal string
// alignment).
func edits(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(s); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(t); j++ {
			replace := 1
			if s[i-1] == t[j-1] {
				replace = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+replace)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(t)]
}

// didYouMean is the tail of a message about a name that nobody knows.
func didYouMean(meant string) string {
	if meant == "" {
		return ""
	}
	return ` (did you mean "` + meant + `"?)`
}
