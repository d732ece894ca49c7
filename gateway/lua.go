package gateway

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"gatehouse/internal/lua"
	"gatehouse/internal/outbound"
)

// Bounds of what a script asks others for. The request's own deadline ends it as well.
const (
	scriptFetchTime = time.Minute
	scriptFetchSize = 10 << 20
)

// house is what scripts may use: files, the log, and a client for http_response.new.
func (g *Gateway) house(log *slog.Logger) lua.House {
	return lua.House{
		ReadFile: os.ReadFile,
		Print:    func(line string) { log.Info("script", "says", line) },
		Send: func(ctx context.Context, req lua.Outgoing) (*lua.Reply, error) {
			out := outbound.FetchRequest{Method: req.Method, URL: req.URL, Body: []byte(req.Body), Timeout: scriptFetchTime, MaxBytes: scriptFetchSize, Secret: true}
			for _, h := range req.Header {
				out.Header = append(out.Header, outbound.Field{Name: h.Name, Value: h.Value})
			}
			got, err := g.fetcher.Fetch(ctx, out)
			if got == nil {
				return nil, errors.Join(errors.New("no answer"), err)
			}
			reply := &lua.Reply{Status: got.Status, Body: string(got.Body)} // of whatever status: scripts judge that
			for _, f := range got.Header {
				reply.Header = append(reply.Header, lua.Pair{Name: f.Name, Value: f.Value})
			}
			return reply, nil
		},
	}
}
