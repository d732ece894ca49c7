package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// hold says whether an answer is what the row promises to measure.
type hold func(body []byte) error

// same holds if the answer is the upstream's, as bytes or as JSON.
func same(want []byte) hold {
	return func(body []byte) error {
		if bytes.Equal(body, want) {
			return nil
		}
		var text any
		if err := json.Unmarshal(want, &text); err != nil {
			return err
		}
		return equalJSON(body, text)
	}
}

func equalJSON(body []byte, want any) error {
	var got any
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("it is not what was configured: %.200s", body)
	}
	return nil
}

func object(text []byte) map[string]any {
	var m map[string]any
	if json.Unmarshal(text, &m) != nil {
		return nil
	}
	return m
}

func threeGrouped(body []byte) error {
	return equalJSON(body, map[string]any{"one": object(list(1 << 10)), "two": object(list(1 << 10)), "three": object(list(1 << 10))})
}

func threeShaped(body []byte) error {
	one, two, three := object(list(10<<10)), object(list(10<<10)), object(list(10<<10))
	allowed := map[string]any{"id": one["id"], "name": one["name"], "items": one["items"]}
	two["title"], two["count"] = two["name"], two["total"]
	delete(two, "name")
	delete(two, "total")
	delete(three, "password")
	if owner, ok := three["owner"].(map[string]any); ok {
		delete(owner, "secret")
	}
	return equalJSON(body, map[string]any{"one": allowed, "two": two, "three": three})
}

func oneDenied(body []byte) error {
	want := object(list(10 << 10))
	delete(want, "password")
	return equalJSON(body, want)
}

// verify asks a side once before it is measured: the answer is right, and who has to show a token is refused without one
// and with one that was tampered with.
func (w *world) verify(ctx context.Context, s side) error {
	t, err := w.target(ctx, s.target)
	if err != nil {
		return err
	}
	list, err := w.asked(s)
	if err != nil {
		return err
	}
	first := list[0]
	status, body, err := ask(ctx, t.url+first.path, first.token)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s %s: it answers %d: %.200s", s.target, first.path, status, body)
	}
	if s.hold != nil {
		if err := s.hold(body); err != nil {
			return fmt.Errorf("%s %s: %w", s.target, first.path, err)
		}
	}
	if first.token == "" {
		return nil
	}
	for what, token := range map[string]string{"no token": "", "a forged token": forged(first.token)} {
		status, _, err := ask(ctx, t.url+first.path, token)
		if err != nil {
			return err
		}
		if status != http.StatusUnauthorized {
			return fmt.Errorf("%s %s: with %s it answers %d, want 401", s.target, first.path, what, status)
		}
	}
	return nil
}

// forged is a token with another signature.
func forged(token string) string {
	signed := token[:strings.LastIndexByte(token, '.')+1]
	return signed + strings.Repeat("A", len(token)-len(signed))
}

func ask(ctx context.Context, url, token string) (status int, body []byte, err error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}
