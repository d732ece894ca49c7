package endpoints

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/backends"
	"gatehouse/internal/outbound"
	"gatehouse/validator"
)

// upgrade asks the backend for a WebSocket, where the endpoint offers one and the client asks for it: its handshake goes
// along with the request, whatever input_headers says. Any other upgrade is ignored (RFC 9110 7.8).
func (e *Endpoint) upgrade(q *backends.Request, r *http.Request) {
	if !e.websocket || r.ProtoMajor != 1 || r.ProtoMinor < 1 || r.Method != http.MethodGet {
		return
	}
	if !named(r.Header["Connection"], "upgrade") || !named(r.Header["Upgrade"], "websocket") {
		return
	}
	q.Upgrade = "websocket"
	q.Header = slices.DeleteFunc(q.Header, func(f outbound.Field) bool { return handshake(f.Name) })
	for _, name := range [...]string{"Origin", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"} {
		for _, v := range r.Header[name] {
			q.Header = append(q.Header, outbound.Field{Name: name, Value: v})
		}
	}
}

func handshake(canonical string) bool {
	return canonical == "Origin" || strings.HasPrefix(canonical, "Sec-Websocket-")
}

// named reports whether a list in a header has a member, in any case of letters.
func named(values []string, member string) bool {
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(item), member) {
				return true
			}
		}
	}
	return false
}

// tunnel joins the client's connection and the backend's after a 101, until one side ends or both are silent for too long.
func (e *Endpoint) tunnel(x *Exchange, w http.ResponseWriter, out *outbound.Response) error {
	backend, ok := out.Conn.(net.Conn)
	if !ok {
		return errors.New("an upgraded connection that is none")
	}
	defer backend.Close()
	head := e.switching(w, out)
	client, rest, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer client.Close()
	x.Status = http.StatusSwitchingProtocols
	if _, err := client.Write(head); err != nil {
		x.failed("client_gone", err)
		return nil
	}
	t := &tunnel{idle: e.idle}
	t.moved.Store(time.Now().UnixNano())
	if !x.Until.IsZero() {
		last := time.AfterFunc(time.Until(x.Until), func() {
			t.expired.Store(true)
			_ = client.Close()
			_ = backend.Close()
		})
		defer last.Stop()
	}
	up := make(chan error, 1)
	go func() {
		err := t.pump(backend, client, rest.Reader, nil)
		time.AfterFunc(farewell, func() { _ = backend.Close() })
		up <- err
	}()
	err = t.pump(client, backend, nil, &x.Bytes)
	end := time.AfterFunc(farewell, func() { _ = client.Close() })
	defer end.Stop()
	if sent := <-up; err == nil {
		err = sent
	}
	switch {
	case t.expired.Load():
		x.failed("token_expired", errOutlived)
	case err != nil:
		x.failed("stream_cut", err)
	}
	return nil
}

// errOutlived is why a tunnel was closed from our side.
var errOutlived = errors.New("the token that the tunnel was opened with has ended")

// expiry is when a token ends; zero if it says nothing of that.
func expiry(claims *validator.Claims) time.Time {
	var times struct {
		Exp *float64 `json:"exp"`
	}
	if claims == nil || len(claims.Payload()) == 0 || json.Unmarshal(claims.Payload(), &times) != nil || times.Exp == nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(*times.Exp * 1000))
}

// farewell is how long a side may take to end after the other has: it has been told, and closing at once could take back
// what it has not read yet.
const farewell = time.Second

// switching is the head of the 101.
func (e *Endpoint) switching(w http.ResponseWriter, out *outbound.Response) []byte {
	h := w.Header()
	e.voice.output.stream(h, out.Header)
	for _, f := range out.Header {
		if name := http.CanonicalHeaderKey(f.Name); strings.HasPrefix(name, "Sec-Websocket-") {
			h[name] = []string{f.Value}
		}
	}
	for _, name := range []string{"Content-Length", "Upgrade", "Connection"} {
		delete(h, name)
	}
	var b strings.Builder
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
	_ = h.Write(&b) // a builder takes everything
	b.WriteString("\r\n")
	return []byte(b.String())
}

// tunnel is what both directions share: when anything last moved.
type tunnel struct {
	idle    time.Duration
	moved   atomic.Int64
	expired atomic.Bool // it was ended, since its token had
}

var errIdle = errors.New("nothing has moved for the idle timeout")

// pump moves bytes one way until they end; early is what was read of them already.
func (t *tunnel) pump(to, from net.Conn, early *bufio.Reader, count *int64) error {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	defer closeWrite(to)
	for {
		n, err := t.read(from, early, *buf)
		if n > 0 {
			if _, err := to.Write((*buf)[:n]); err != nil {
				return err
			}
			if count != nil {
				*count += int64(n)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tunnel) read(from net.Conn, early *bufio.Reader, p []byte) (int, error) {
	if early != nil && early.Buffered() > 0 {
		return early.Read(p[:min(len(p), early.Buffered())])
	}
	for {
		began := time.Now()
		if t.idle > 0 {
			_ = from.SetReadDeadline(began.Add(t.idle))
		}
		n, err := from.Read(p)
		if n > 0 {
			t.moved.Store(time.Now().UnixNano())
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if time.Since(time.Unix(0, t.moved.Load())) >= t.idle {
			return 0, errIdle
		}
	}
}

// closeWrite tells the other side that nothing more comes; a connection that cannot say so is closed.
func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		return
	}
	_ = c.Close()
}
