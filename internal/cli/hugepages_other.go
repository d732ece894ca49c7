//go:build !linux

package cli

// hugePages is for Linux alone.
func hugePages() int { return 0 }
