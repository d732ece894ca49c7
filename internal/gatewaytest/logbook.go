package gatewaytest

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// logbook keeps what the gateway logs.
type logbook struct {
	mu   sync.Mutex
	data bytes.Buffer
	came chan struct{}
}

var _ io.Writer = (*logbook)(nil)

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.came != nil {
		close(l.came)
		l.came = nil
	}
	return l.data.Write(p)
}

func (l *logbook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data.String()
}

func (l *logbook) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.data.Reset()
}

// wait returns when something is logged, or after d.
func (l *logbook) wait(d time.Duration) {
	l.mu.Lock()
	if l.came == nil {
		l.came = make(chan struct{})
	}
	came := l.came
	l.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-came:
	case <-timer.C:
	}
}
