package gatewaytest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Listen opens a port of 127.0.0.1 that the system gives to nobody by itself, so that it can be closed and opened again by
// a process that was told its number.
func Listen() (net.Listener, error) {
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 15000+rand.IntN(15000))); err == nil {
			return l, nil
		}
	}
	return nil, err
}
