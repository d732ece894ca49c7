package outbound

import (
	"net"
	"sync/atomic"
)

// tunnel is a connection after an upgrade: what came with the head is read first.
type tunnel struct {
	net.Conn
	early  []byte
	pool   *Pool
	closed atomic.Bool
}

func (t *tunnel) Read(p []byte) (int, error) {
	if len(t.early) > 0 {
		n := copy(p, t.early)
		t.early = t.early[n:]
		return n, nil
	}
	return t.Conn.Read(p)
}

// CloseWrite says that nothing more will be written, where the connection can.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (t *tunnel) Close() error {
	if t.closed.Swap(true) {
		return nil
	}
	err := t.Conn.Close()
	t.pool.freeSlot()
	return err
}
