package validator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
)

// lookPause is how often a file is looked at for changes.
const lookPause = 2 * time.Second

// local is a key set in a file. It is read when it is made, so that a missing file stops the start, and again when the
// file changes; a version that cannot be used leaves the one before in force.
type local struct {
	src    Source
	log    *slog.Logger
	losses *atomic.Int64 // see Keys
	set    atomic.Pointer[keySet]

	mu     sync.Mutex
	seen   os.FileInfo // of the version that was read last, good or bad
	looked time.Time
	err    error

	begin sync.Once

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

func newLocal(src *Source, log *slog.Logger, losses *atomic.Int64) (*local, error) {
	l := &local{src: *src, losses: losses, log: log.With("keys", src.File)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := l.read(); err != nil {
		l.cancel()
		return nil, err
	}
	return l, nil
}

func (l *local) current() *keySet {
	l.start()
	return l.set.Load()
}

func (l *local) tune(wish) {}

func (l *local) start() <-chan struct{} {
	l.begin.Do(func() { l.tasks.Go(l.watch) })
	return nil
}

func (l *local) stop() {
	l.cancel()
	l.begin.Do(func() {}) // or it will never
	l.tasks.Wait()
	l.set.Swap(nil).retire(nil)
}

// watch looks at the file now and then. Polling sees what notifications miss: mounted secrets and network disks.
func (l *local) watch() {
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
			l.look()
		}
	}
}

// look reads the file again if it has changed.
func (l *local) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looked = time.Now()
	now, err := os.Stat(l.src.File)
	if err == nil && l.seen != nil && os.SameFile(now, l.seen) && now.ModTime().Equal(l.seen.ModTime()) && now.Size() == l.seen.Size() {
		return
	}
	if err == nil {
		err = l.read()
	}
	if err != nil && (l.err == nil || err.Error() != l.err.Error()) {
		l.log.Warn("the key file cannot be used; the keys before stay in force", "why", err)
	}
	l.err = err
}

// read takes the file as it is now.
func (l *local) read() error {
	info, err := os.Stat(l.src.File)
	if err != nil {
		return conf.At(bareError(err), "jwk_local_path")
	}
	l.seen = info
	data, err := l.src.ReadKeys()
	if err != nil {
		return err
	}
	set, err := jose.ParseSet(data, jose.Local)
	if err != nil {
		return conf.At(err, "jwk_local_path")
	}
	for _, odd := range set.Skipped {
		l.log.Warn("a key that cannot be used", "why", odd)
	}
	if len(set.Keys) == 0 {
		return conf.At(errors.Join(append([]error{errors.New("no key that can be used")}, set.Skipped...)...), "jwk_local_path")
	}
	old := l.set.Load()
	next := newKeySet(set.Keys, old, time.Now(), l.losses)
	l.set.Store(next)
	old.retire(next)
	return nil
}

// renew looks at the file on behalf of a token of an unknown key, at most once a second.
func (l *local) renew(_ context.Context, _ *keySet, _ time.Time) (*keySet, error) {
	l.mu.Lock()
	lately := time.Since(l.looked) < time.Second
	l.mu.Unlock()
	if !lately {
		l.look()
	}
	return l.set.Load(), nil
}

func (l *local) status() KeyStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := KeyStatus{From: l.src.File}
	if l.err != nil {
		s.Error = l.err.Error()
	}
	l.set.Load().describe(&s)
	return s
}

// readBounded reads a file of at most so many bytes.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, bareError(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("over %d bytes", most)
	}
	return data, err
}

// bareError is a file error without the path, which stands in the file beside it.
func bareError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return errors.New(strings.TrimSpace(pe.Err.Error()))
	}
	return err
}
