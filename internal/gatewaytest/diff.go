package gatewaytest

import "strings"

// diff shows what has to change in want to make it got: lines with - and +, the others as they are. Long runs of equal
// lines are left out.
func diff(want, got string) string {
	a, b := lines(want), lines(got)
	common := longest(a, b)
	var out []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return strings.Join(fold(out), "\n")
}

func lines(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

// longest[i][j] is the length of the longest common subsequence of a[i:] and b[j:].
func longest(a, b []string) [][]int {
	t := make([][]int, len(a)+1)
	for i := range t {
		t[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				t[i][j] = t[i+1][j+1] + 1
			} else {
				t[i][j] = max(t[i+1][j], t[i][j+1])
			}
		}
	}
	return t
}

// fold keeps three equal lines around each change.
func fold(diff []string) []string {
	const around = 3
	near := make([]bool, len(diff))
	for i, line := range diff {
		if line[0] != ' ' {
			for k := max(0, i-around); k <= min(len(diff)-1, i+around); k++ {
				near[k] = true
			}
		}
	}
	var out []string
	for i, line := range diff {
		if near[i] {
			out = append(out, line)
		} else if i == 0 || near[i-1] {
			out = append(out, "  …")
		}
	}
	return out
}
