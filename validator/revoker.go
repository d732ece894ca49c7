package validator

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/conf"
)

// RevokerConfig is auth/revoker as written: which tokens are refused although everything else about them is right.
// KrakenD's keys are accepted. Its bloom filters and its RPC port, which asks nobody who they are, are not served.
type RevokerConfig struct {
	File      string            `json:"file" since:"4" doc:"A file with the deny-list; read again when it changes."`
	URL       string            `json:"url" since:"4" doc:"Where the deny-list is fetched from, https."`
	Poll      *conf.Duration    `json:"poll_interval" since:"4" doc:"How often the list is looked at." default:"30s"`
	AllowHTTP *bool             `json:"dangerously_allow_http" since:"4" doc:"Fetch the list without TLS. Loopback needs no permission." default:"false"`
	LocalCA   string            `json:"local_ca" since:"4" doc:"A file with certificates to trust besides the system's."`
	Headers   map[string]string `json:"headers" since:"4" doc:"Headers to send when the list is fetched." conf:"open,secret"`

	TokenKeys []string `json:"token_keys" doc:"The claims that entries of the form claim-value begin with; needed for names with a dash." default:"whatever stands before the first dash"`
	TTL       *int     `json:"TTL" doc:"Seconds for which an entry holds that says when it was made (at) and not until when (exp)." default:"as long as it is listed"`
	N         *int     `json:"N" doc:"Accepted for KrakenD's sake; the list is exact."`
	P         *float64 `json:"P" doc:"Accepted for KrakenD's sake; the list is exact."`
	HashName  *string  `json:"hash_name" doc:"Accepted for KrakenD's sake; the list is exact."`
	Port      *int     `json:"port" doc:"Accepted for KrakenD's sake; no port is opened, since anybody could revoke everybody there."`
}

// Warnings are settings that do not do what their author may expect.
func (c *RevokerConfig) Warnings() error {
	var errs []error
	if c.File == "" && c.URL == "" {
		errs = append(errs, errors.New("nothing is ever revoked: no list comes from anywhere; want file or url"))
	}
	if c.Port != nil {
		errs = append(errs, conf.At(errors.New("is not opened: there, anybody could revoke everybody; want file or url"), "port"))
	}
	if conf.Value(c.AllowHTTP, false) {
		errs = append(errs, conf.At(errors.New("the list may be fetched without TLS: whoever is on the way can take entries off it"), "dangerously_allow_http"))
	}
	return conf.Join(errs...)
}

// Revoked is the deny-list of a configuration, kept up to date.
type Revoked struct {
	cfg  RevokerConfig
	log  *slog.Logger
	read func(context.Context) ([]byte, error) // nil: there is no list
	from *fetcher                              // nil: the list is a file
	list atomic.Pointer[denylist]

	sum    [sha256.Size]byte // of the version that was read last
	failed bool

	cancel context.CancelFunc
	ready  chan struct{} // closed when the first list is there
	tasks  sync.WaitGroup
}

// NewRevoked compiles a deny-list. A file is read at once; an address is asked when [Revoked.Start] says so. Mistakes are
// under their keys.
func NewRevoked(cfg RevokerConfig, keys KeysConfig) (*Revoked, error) {
	if keys.Log == nil {
		keys.Log = slog.New(slog.DiscardHandler)
	}
	r := &Revoked{cfg: cfg, log: keys.Log, ready: make(chan struct{})}
	if d := cfg.Poll.Or(30 * time.Second); d < time.Second {
		return nil, conf.At(errors.New("want at least 1s"), "poll_interval")
	}
	switch {
	case cfg.File != "" && cfg.URL != "":
		return nil, conf.At(errors.New("stands beside url; want one or the other"), "file")
	case cfg.File != "":
		r.read = func(context.Context) ([]byte, error) { return readBounded(cfg.File, maxList) }
		return r, conf.At(r.load(context.Background()), "file")
	case cfg.URL != "":
		src := &Source{URL: cfg.URL, AllowHTTP: cfg.AllowHTTP, LocalCA: cfg.LocalCA, Headers: cfg.Headers}
		if err := src.mayFetch(cfg.URL); err != nil {
			return nil, conf.At(err, "url")
		}
		f, err := newFetcher(src, keys)
		if err != nil {
			return nil, err
		}
		r.from, r.read = f, f.list
		return r, nil
	}
	r.take(&denylist{})
	return r, nil
}

// maxList is the most bytes that a deny-list may have.
const maxList = 64 << 20

// Ready is closed when the list is there.
func (r *Revoked) Ready() <-chan struct{} { return r.ready }

// Start begins to look after the list.
func (r *Revoked) Start() {
	if r == nil || r.read == nil {
		return
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.tasks.Go(func() { r.watch(ctx) })
}

// Close ends what Start began and waits for it.
func (r *Revoked) Close() {
	if r == nil {
		return
	}
	if r.cancel != nil {
		r.cancel()
		r.tasks.Wait()
	}
	if r.from != nil {
		r.from.close()
	}
}

func (r *Revoked) watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := r.load(ctx)
		if err != nil && !r.failed {
			r.log.Warn("the deny-list cannot be read; the one before stays in force", "why", err)
		}
		r.failed = err != nil
		pause := r.cfg.Poll.Or(30 * time.Second)
		if r.list.Load() == nil {
			pause = firstPause
		}
		timer.Reset(pause)
	}
}

// load takes the list as it is now. The one before stays in force where that fails, or where nothing has changed.
func (r *Revoked) load(ctx context.Context) error {
	data, err := r.read(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	if sum == r.sum && r.list.Load() != nil {
		return nil
	}
	list, err := parseDenylist(data, r.cfg.TokenKeys, time.Duration(conf.Value(r.cfg.TTL, 0))*time.Second)
	if err != nil {
		return err
	}
	r.sum = sum
	r.take(list)
	return nil
}

func (r *Revoked) take(list *denylist) {
	if r.list.Swap(list) == nil {
		close(r.ready)
	}
	r.log.Info("deny-list read", "entries", len(list.marks))
}

// current is the list in force; false: there should be one and it has not come yet.
func (r *Revoked) current() (*denylist, bool) {
	if r == nil {
		return nil, true
	}
	list := r.list.Load()
	return list, list != nil
}
