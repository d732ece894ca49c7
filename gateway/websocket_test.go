package gateway_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// echoes is a backend of WebSockets: it sends every message back, "bye" ends it from its side, and left hears of the end.
func echoes(t testing.TB) (addr string, left chan time.Time) {
	left = make(chan time.Time, 10)
	ws := websocket.Server{
		Handshake: func(c *websocket.Config, r *http.Request) error {
			if len(c.Protocol) > 0 {
				c.Protocol = c.Protocol[:1]
			}
			if r.Header.Get("X-Refuse") != "" || r.Header.Get("Origin") != "http://pages.example" {
				return websocket.ErrBadWebSocketOrigin
			}
			return nil
		},
		Handler: func(c *websocket.Conn) {
			defer func() { left <- time.Now() }()
			for {
				var message string
				if err := websocket.Message.Receive(c, &message); err != nil || message == "bye" {
					return
				}
				if err := websocket.Message.Send(c, strings.ToUpper(message)); err != nil {
					return
				}
			}
		},
	}
	return upstream(t, ws.ServeHTTP), left
}

// websockets serves "/s" in front of a backend.
func websockets(t testing.TB, backend, service, endpoint string) *site {
	return open(t, fmt.Sprintf(`{"version": 4%s, "endpoints": [{"endpoint": "/s", "output_encoding": "no-op", "websocket": true, "input_headers": ["X-Refuse"]%s,
		"backend": [{"url_pattern": "/ws", "host": [%q]}]}]}`, service, endpoint, backend))
}

func upgrade(t testing.TB, c net.Conn, header http.Header) (*websocket.Conn, error) {
	t.Helper()
	config, err := websocket.NewConfig("ws://gateway.example/s", "http://pages.example")
	if err != nil {
		t.Fatal(err)
	}
	config.Protocol = []string{"chat", "other"}
	config.Header = header
	return websocket.NewClient(config, c)
}

func TestWebSocket(t *testing.T) {
	backend, left := echoes(t)
	pair := certificate(t)
	plain := websockets(t, backend, "", "")
	secure := websockets(t, backend, fmt.Sprintf(`, "tls": {"public_key": %q, "private_key": %q}`, pair.cert, pair.key), "")
	for name, dial := range map[string]func() net.Conn{
		"plain": func() net.Conn { return plain.dial(t, nil) },
		"TLS":   func() net.Conn { return secure.dial(t, pair.client("http/1.1")) },
	} {
		t.Run(name+": messages pass both ways", func(t *testing.T) {
			ws, err := upgrade(t, dial(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if p := ws.Config().Protocol; len(p) != 1 || p[0] != "chat" {
				t.Errorf("got protocols %v, want the one that the backend chose", p)
			}
			for _, message := range []string{"one", "two", strings.Repeat("long ", 100_000)} {
				var answer string
				go func() { _ = websocket.Message.Send(ws, message) }()
				if err := websocket.Message.Receive(ws, &answer); err != nil || answer != strings.ToUpper(message) {
					t.Fatalf("got %.20q and %v", answer, err)
				}
			}
			began := time.Now()
			ws.Close()
			t.Logf("the backend heard of the end after %v", (<-left).Sub(began))
		})
		t.Run(name+": the backend ends", func(t *testing.T) {
			ws, err := upgrade(t, dial(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			_ = websocket.Message.Send(ws, "bye")
			var answer string
			if err := websocket.Message.Receive(ws, &answer); err != io.EOF {
				t.Fatalf("got %q and %v, want the end", answer, err)
			}
			<-left
		})
	}
	t.Run("the backend refuses", func(t *testing.T) {
		_, err := upgrade(t, plain.dial(t, nil), http.Header{"X-Refuse": {"1"}})
		if err == nil || err.Error() != "bad status" {
			t.Fatalf("got %v, want the backend's refusal", err)
		}
	})
	t.Run("a stop ends what is open", func(t *testing.T) {
		s := websockets(t, backend, "", "")
		ws, err := upgrade(t, s.dial(t, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		s.stop()
		var answer string
		if err := websocket.Message.Receive(ws, &answer); err == nil {
			t.Fatalf("got %q, want the end", answer)
		}
		<-left
	})
	t.Run("silence ends it", func(t *testing.T) {
		s := websockets(t, backend, "", `, "idle_timeout": "100ms"`)
		ws, err := upgrade(t, s.dial(t, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		var answer string
		if err := websocket.Message.Receive(ws, &answer); err == nil {
			t.Fatalf("got %q, want the end", answer)
		}
		<-left
	})
}

// TestTunnelIsTransparent plays a protocol that is only WebSocket by name, byte by byte.
func TestTunnelIsTransparent(t *testing.T) {
	backend := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		c, rest, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Go on\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x\r\nX-More: y\r\n\r\nearly\n")
		line, _ := rest.ReadString('\n')
		_, _ = io.WriteString(c, line)
		_, _ = io.Copy(c, rest)
	})
	s := websockets(t, backend, "", "")
	c := s.dial(t, nil)
	_, _ = io.WriteString(c, "GET /s HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n")
	answer := bufio.NewReader(c)
	res, err := http.ReadResponse(answer, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	if got := fmt.Sprint(res.Header); got != "map[Connection:[Upgrade] Sec-Websocket-Accept:[x] Upgrade:[websocket] X-More:[y]]" {
		t.Errorf("got %s", got)
	}
	if line, _ := answer.ReadString('\n'); line != "early\n" {
		t.Errorf("got %q, want what came with the head", line)
	}
	const all = "bare\nGET / HTTP/1.1\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
	_, _ = io.WriteString(c, all)
	got := make([]byte, len(all))
	if _, err := io.ReadFull(answer, got); err != nil || string(got) != all {
		t.Errorf("got %q and %v", got, err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(answer); len(rest) > 0 || err != nil {
		t.Errorf("got %q and %v, want the end", rest, err)
	}
}

// TestATunnelEndsWithItsToken opens two tunnels by one token; the one that may not outlive it is closed when it ends.
func TestATunnelEndsWithItsToken(t *testing.T) {
	backend, left := echoes(t)
	keys := filepath.Join(t.TempDir(), "keys.json")
	set := fmt.Sprintf(`{"keys": [{"kty": "oct", "alg": "HS256", "k": %q}]}`, base64.RawURLEncoding.EncodeToString([]byte(mutationSecret)))
	if err := os.WriteFile(keys, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	auth := fmt.Sprintf(`, "extra_config": {"auth/validator": {"alg": "HS256", "jwk_local_path": %q}}`, keys)
	ends, stays := websockets(t, backend, "", auth), websockets(t, backend, "", auth+`, "websocket_outlives_token": true`)
	token := http.Header{"Authorization": {"Bearer " + signHS(map[string]any{"sub": "ann", "exp": time.Now().Add(time.Second).Unix()}, mutationSecret)}}
	first, err := upgrade(t, ends.dial(t, nil), token)
	if err != nil {
		t.Fatal(err)
	}
	second, err := upgrade(t, stays.dial(t, nil), token)
	if err != nil {
		t.Fatal(err)
	}
	if err := websocket.Message.Receive(first, new(string)); err == nil {
		t.Error("a message came, want the end")
	}
	<-left
	answer := ""
	if err := websocket.Message.Send(second, "still here"); err != nil {
		t.Fatal(err)
	}
	if err := websocket.Message.Receive(second, &answer); err != nil || answer != "STILL HERE" {
		t.Errorf("the other tunnel: %q, %v", answer, err)
	}
}
