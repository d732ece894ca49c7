package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tell runs an errand in this process against a handler.
func tell(t *testing.T, h http.HandlerFunc, e errand) (outcome, error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	e.Port = server.Listener.Addr().(*net.TCPAddr).Port
	e.PIDs = []int{os.Getpid()}
	e.Requests = filepath.Join(t.TempDir(), "requests.tsv")
	if err := os.WriteFile(e.Requests, []byte("/one\ta-token\n/two\t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := runLoader(bytes.NewReader(text), &out); err != nil {
		return outcome{}, err
	}
	var res outcome
	return res, json.Unmarshal(out.Bytes(), &res)
}

func TestOpenLoopCountsWhatRequestsWaitForASlowServer(t *testing.T) {
	const each = 10 * time.Millisecond
	res, err := tell(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(each)
		w.Write([]byte("late"))
	}, errand{Connections: 1, Rate: 400, Window: 200 * time.Millisecond, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	// Some 80 requests are planned within 200 ms and cannot be served in less than 10 ms each: a loader that waits for
	// answers before it asks again would see 10 ms and few requests.
	if res.Most < 20*each {
		t.Errorf("the slowest request took %s, want at least %s, counted from its planned time", res.Most, 20*each)
	}
	if res.Total < 40 {
		t.Errorf("%d requests were sent, want all that were planned (about 80)", res.Total)
	}
}

func TestTheSameSeedPlansTheSameTimes(t *testing.T) {
	var counts []int64
	for range 2 {
		res, err := tell(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("x")) },
			errand{Connections: 4, Rate: 500, Window: 200 * time.Millisecond, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, res.Total)
	}
	// The window opens and closes a moment earlier or later: one request more or less.
	if d := counts[0] - counts[1]; d > 2 || d < -2 {
		t.Errorf("%d and %d requests were sent with the same seed", counts[0], counts[1])
	}
}

func TestClosedLoopAsksInTurnAndWaitsForWhatComesBefore(t *testing.T) {
	seen := make(chan string, 1<<16)
	body := strings.Repeat("x", 300<<10) // more than one read
	res, err := tell(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case seen <- r.URL.Path + " " + r.Header.Get("Authorization"):
		default:
		}
		w.Header().Set("Content-Length", "307200")
		w.Write([]byte(body))
	}, errand{Connections: 2, Prior: 10, Window: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if res.Requests < 8 || res.Total < res.Requests+10 {
		t.Errorf("%d requests in the window and %d in all, want at least four of each connection, and ten before", res.Requests, res.Total)
	}
	if res.CPU <= 0 || res.Elapsed <= 0 {
		t.Errorf("processor time %s over %s, want more than nothing", res.CPU, res.Elapsed)
	}
	count := map[string]int{}
	for len(seen) > 0 {
		count[<-seen]++
	}
	if one, two := count["/one Bearer a-token"], count["/two "]; one == 0 || two == 0 || len(count) != 2 {
		t.Errorf("asked %v, want the two lines in turn", count)
	}
}

func TestTheLoaderStopsAtAnAnswerThatIsNo200(t *testing.T) {
	_, err := tell(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		errand{Connections: 1, Window: time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("got %v, want an error that names 502", err)
	}
}
