package gatewaytest

import (
	"fmt"
	"strings"
	"time"
)

// seen takes a request from an upstream and holds it against the page.
func (c *client) seen(h heading) error {
	u := c.world.upstreams[h.name()]
	if u == nil {
		return fmt.Errorf("no upstream of this name")
	}
	want := strings.TrimRight(c.world.page.text(h), "\n")
	first, _, _ := strings.Cut(want, "\n")
	line, err := c.world.expand(first)
	if err != nil {
		return err
	}
	var s *Seen
	if line == "nothing" {
		s = u.Take(0, func(*Seen) bool { return true })
	} else if s = u.Take(2*time.Second, func(s *Seen) bool { return s.Method+" "+s.Target == line }); s == nil {
		s = u.Take(0, func(*Seen) bool { return true }) // to show what came instead
	}
	got := message{first: "nothing"}
	if s != nil {
		got = message{first: s.Method + " " + s.Target, fields: append(s.Fields, behind(s.Trailer)...), body: s.Body}
	}
	text, err := hold(c.world, want, got)
	if err != nil {
		return err
	}
	return c.world.settle(h, text)
}

// logged looks for lines in the log. They may come a moment after the answer.
func (c *client) logged(h heading) error {
	wanted, err := c.world.expand(c.world.page.text(h))
	if err != nil {
		return err
	}
	deadline := time.Now().Add(2 * time.Second)
	for _, line := range lines(wanted) {
		if never, is := strings.CutPrefix(line, "!"); is {
			if text := c.log.text(); strings.Contains(text, never) {
				return fmt.Errorf("%q stands in the log:\n%s", never, text)
			}
			continue
		}
		for !strings.Contains(c.log.text(), line) {
			if time.Now().After(deadline) {
				return fmt.Errorf("%q does not stand in the log:\n%s", line, c.log.text())
			}
			c.log.wait(50 * time.Millisecond)
		}
	}
	return nil
}

// then changes the world, a line at a time.
func (c *client) then(h heading) error {
	text, err := c.world.expand(c.world.page.text(h))
	if err != nil {
		return err
	}
	for _, line := range lines(text) {
		if err := c.change(strings.Fields(line)); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}

func (c *client) change(words []string) error {
	verbs := map[string]string{"stop": "upstream", "start": "upstream", "rotate": "keys", "retire": "keys", "answer": "keys"}
	at := 1
	if len(words) > 1 && verbs[words[1]] == "" {
		at = 2
	}
	if len(words) <= at || verbs[words[at]] != words[0] {
		return fmt.Errorf("want upstream NAME stop|start, or keys NAME rotate|retire|answer MODE")
	}
	name := strings.Join(words[1:at], "")
	if words[0] == "upstream" && c.world.upstreams[name] == nil {
		return fmt.Errorf("no upstream of this name")
	}
	switch words[at] {
	case "stop":
		c.world.upstreams[name].Stop()
	case "start":
		c.world.upstreams[name].Start()
	case "rotate":
		c.world.provider(name).Rotate()
	case "retire":
		c.world.provider(name).Retire()
	case "answer":
		c.world.provider(name).Answer(Mode(strings.Join(words[at+1:], "")))
	}
	return nil
}
