//go:build !unix

package outbound

// silent cannot look without waiting here; a dead connection is found when it is used.
func silent(uintptr) bool { return true }
