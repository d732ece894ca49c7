//go:build !amd64

package jose

func vectors() bool { return false }

func multiply(_, _, _, _ []uint64) {} // without vectors nobody gets here
