package validator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// KeysConfig is what key sets need of the process.
type KeysConfig struct {
	Dial      outbound.DialFunc // nil: the network
	Log       *slog.Logger      // nil: nobody is told
	UserAgent string            // sent with each fetch
}

// Keys are the key sets of the process: one per URL and TLS settings, one per file, whatever configuration uses them. They
// outlive a configuration, are counted by those who use them, and start with the first token that needs them, or with
// [Keys.Start].
type Keys struct {
	cfg KeysConfig

	shelf  shelf
	losses atomic.Int64 // grows after keys have gone: as long as it does not, no verdict needs to ask for its own

	mu    sync.Mutex
	rings map[ringID]*ring

	ctx    context.Context
	cancel context.CancelFunc
	starts sync.WaitGroup
}

// ringID is the content of a source: equal sources share a key set.
type ringID [sha256.Size]byte

// ring is one shared key set and what its users want of it.
type ring struct {
	keyring
	id     ringID
	wishes []wish // one for each user
}

// wish is how fresh a user wants the keys, and how old he takes them when their provider is away.
type wish struct{ fresh, stale time.Duration }

// strictest is what satisfies everybody.
func strictest(wishes []wish) wish {
	w := wishes[0]
	for _, other := range wishes[1:] {
		w.fresh, w.stale = min(w.fresh, other.fresh), min(w.stale, other.stale)
	}
	return w
}

// keyring is a key set that keeps itself fresh.
type keyring interface {
	// current is the set as it is known, nil if none ever came or it is too old. It never waits.
	current() *keySet
	// renew looks for a set that is newer than seen, on behalf of a request that came at a certain time. It returns seen
	// itself where there is none and none may be asked for, and an error where waiting for one has taken too long.
	renew(ctx context.Context, seen *keySet, came time.Time) (*keySet, error)
	// start begins to fetch or to watch; more than once is once. The channel is closed when the first attempt has ended;
	// nil: there is none to wait for.
	start() <-chan struct{}
	// stop ends what start began and waits for it.
	stop()
	// tune tells what the users want by now.
	tune(wish)
	status() KeyStatus
}

// KeyStatus is a key set as an operator sees it.
type KeyStatus struct {
	From  string    // its URL without user, password and query, or its file
	Kids  []string  // the keys that can be used, by name
	Since time.Time // when it was fetched; zero if never
	Error string    // why the last attempt failed; "" if it did not
}

// NewKeys makes an empty registry. Nothing is started.
func NewKeys(cfg KeysConfig) *Keys {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keys{cfg: cfg, rings: map[ringID]*ring{}}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// startsAtOnce is how many first fetches run at a time: a thousand of them would keep the first token waiting. One that a
// token needs is made at once, whatever its turn.
const startsAtOnce = 32

// Start begins to fetch every key set that is in use, so that the first token need not wait.
func (k *Keys) Start() {
	list := k.all()
	var next atomic.Int64
	next.Store(startsAtOnce)
	for i := range min(len(list), startsAtOnce) {
		done := list[i].start()
		if len(list) <= startsAtOnce {
			continue
		}
		k.starts.Go(func() {
			for k.over(done) {
				n := int(next.Add(1) - 1)
				if n >= len(list) {
					return
				}
				done = list[n].start()
			}
		})
	}
}

// over waits for an attempt; false: everything ends.
func (k *Keys) over(done <-chan struct{}) bool {
	if done == nil {
		return k.ctx.Err() == nil
	}
	select {
	case <-done:
		return true
	case <-k.ctx.Done():
		return false
	}
}

// Close stops everything. Nothing of it may be used afterwards.
func (k *Keys) Close() {
	k.cancel()
	k.starts.Wait()
	for _, r := range k.all() {
		r.stop()
	}
}

// Status lists the key sets in use.
func (k *Keys) Status() []KeyStatus {
	var list []KeyStatus
	for _, r := range k.all() {
		list = append(list, r.status())
	}
	return list
}

// lost counts how often keys have gone.
func (k *Keys) lost() int64 {
	if k == nil {
		return 0
	}
	return k.losses.Load()
}

func (k *Keys) all() []*ring {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []*ring
	for _, r := range k.rings {
		list = append(list, r)
	}
	return list
}

// acquire is the key set of a source, made where nobody uses it yet. Mistakes are those of the source. Whoever acquires
// must release.
func (k *Keys) acquire(src *Source) (*ring, error) {
	id, err := src.id()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rings[id]
	if r == nil {
		made, err := k.open(src)
		if err != nil {
			return nil, err
		}
		r = &ring{keyring: made, id: id}
		k.rings[id] = r
	}
	r.wishes = append(r.wishes, src.wish())
	r.tune(strictest(r.wishes))
	return r, nil
}

// release gives the key set of a source back; the last user's stops it.
func (k *Keys) release(r *ring, w wish) {
	k.mu.Lock()
	if i := slices.Index(r.wishes, w); i >= 0 {
		r.wishes = slices.Delete(r.wishes, i, i+1)
	}
	last := len(r.wishes) == 0
	if last {
		delete(k.rings, r.id)
	} else {
		r.tune(strictest(r.wishes))
	}
	k.mu.Unlock()
	if last {
		r.stop()
	}
}

func (k *Keys) open(src *Source) (keyring, error) {
	if src.File != "" {
		return newLocal(src, k.cfg.Log, &k.losses)
	}
	fetch, err := newFetcher(src, k.cfg)
	if err != nil {
		return nil, err
	}
	fetch.shelf = &k.shelf
	return newRemote(fetch, k.cfg.Log, &k.losses), nil
}

// id is what makes two sources one: everything that decides what is fetched and whom we trust, not how fresh it must be.
func (s *Source) id() (ringID, error) {
	same := *s
	same.Duration, same.MaxStale, same.Cache, same.Identify = nil, nil, nil, nil
	if same.URL != "" || same.File != "" {
		same.Issuer = ""
	}
	if same.File != "" {
		same = Source{File: same.File, SecretURL: same.SecretURL, CypherKey: same.CypherKey}
	}
	allow, skip := s.allowHTTP(), s.skipVerify()
	same.AllowHTTP, same.SkipVerify, same.DisableSecurity = &allow, &skip, nil
	text, err := json.Marshal(same) //nolint:gosec // it is hashed and goes nowhere
	if err != nil {
		return ringID{}, err
	}
	h := sha256.New()
	h.Write(text)
	// The same path may hold another certificate by the time of a reload.
	for _, file := range [][2]string{{"jwk_local_ca", same.LocalCA}, {"jwk_client_cert", same.ClientCert}, {"jwk_client_key", same.ClientKey}} {
		if file[1] == "" {
			continue
		}
		content, err := os.ReadFile(file[1])
		if err != nil {
			return ringID{}, conf.At(bareError(err), file[0])
		}
		sum := sha256.Sum256(content)
		h.Write(sum[:])
	}
	return ringID(h.Sum(nil)), nil
}

func errWaited() error { return errors.New("waiting for keys took too long") }

// Config is what the key sets were given of the process, for others that fetch as they do.
func (k *Keys) Config() KeysConfig { return k.cfg }
