//go:build !unix

package outbound

// socketCalls: sockets cannot be asked without waiting here. A dead connection is found when it is used.
const socketCalls = false

func silent(uintptr) bool { return true }

func readSocket(uintptr, []byte) (int, error, bool) { return 0, nil, true }

func writeSocket(uintptr, []byte) int { return 0 }
