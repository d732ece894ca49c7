package tokens

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"gatehouse/backends/keep"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// ExchangeConfig is auth/token-exchange: the caller's token is exchanged for one that the backend accepts (RFC 8693).
type ExchangeConfig struct {
	Client
	Disabled      bool   `json:"is_disabled" doc:"Take this block for absent." default:"false"`
	SubjectType   string `json:"subject_token_type" doc:"What the caller's token is: access_token, id_token, jwt, or a URI." default:"access_token"`
	RequestedType string `json:"requested_token_type" doc:"What is asked for: access_token, id_token, jwt, or a URI." default:"the endpoint decides"`
	MaxCallers    *int   `json:"max_callers" doc:"For how many callers tokens are kept; the one that has not asked for longest goes first." default:"10000"`
	MaxSize       *int64 `json:"max_size" doc:"Bytes of tokens that are kept at most." default:"33554432"`
}

const (
	grantExchange    = "urn:ietf:params:oauth:grant-type:token-exchange"
	tokenTypePrefix  = "urn:ietf:params:oauth:token-type:"
	defaultCallers   = 10000
	defaultTokens    = 32 << 20
	exchangedSize    = 512              // what a caller costs besides the token
	exchangePause    = 30 * time.Second // between two exchanges for one caller that a backend's 401 has forced
	exchangesAtATime = 64
	exchangesWaiting = 10_000 // beyond those: everybody comes at once after a start, and leaves at his own deadline
)

// On reports whether the block is there and means it.
func (c *ExchangeConfig) On() bool { return c != nil && !c.Disabled }

func tokenType(word string) string {
	switch word {
	case "access_token", "id_token", "jwt", "refresh_token":
		return tokenTypePrefix + word
	}
	return word
}

// Exchange keeps the tokens that callers' tokens were exchanged for, each for its own caller (security.md 31).
type Exchange struct {
	name    string
	timeout time.Duration // of one exchange
	swap    func(ctx context.Context, subject string) (*Token, error)
	max     int
	maxSize int64
	ctx     context.Context
	end     context.CancelFunc
	wg      sync.WaitGroup

	mu      sync.Mutex
	size    int64
	callers map[[sha256.Size]byte]*list.Element // of *exchanged
	recent  *list.List                          // the one who asked last is in front
}

// exchanged is what one caller's token was exchanged for.
type exchanged struct {
	key      [sha256.Size]byte
	token    *Token
	replaced time.Time     // when a 401 forced an exchange
	flight   chan struct{} // closed when the exchange that runs has ended; nil: none runs
	err      error         // of the last one
	failed   time.Time     // when it ended with err
}

// Exchange is the shared exchange of a configuration.
func (t *Purse) Exchange(c *ExchangeConfig, life *keep.Life) (*Exchange, error) {
	var errs []error
	subject := c.SubjectType
	if subject == "" {
		subject = "access_token"
	}
	params := []param{{"grant_type", grantExchange}, {"subject_token_type", tokenType(subject)}}
	if c.RequestedType != "" {
		params = append(params, param{"requested_token_type", tokenType(c.RequestedType)})
	}
	for _, p := range params[1:] {
		if !strings.Contains(p.value, ":") {
			errs = append(errs, conf.At(fmt.Errorf("got %q, want access_token, id_token, jwt or a URI", p.value), p.name))
		}
	}
	most := conf.Value(c.MaxCallers, defaultCallers)
	if most < 1 {
		errs = append(errs, conf.At(fmt.Errorf("got %d, want at least 1", most), "max_callers"))
	}
	size := conf.Value(c.MaxSize, defaultTokens)
	if size < 1 {
		errs = append(errs, conf.At(fmt.Errorf("got %d, want at least 1", size), "max_size"))
	}
	e, err := t.endpoint(&c.Client, life, params...)
	if err := conf.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%x %d %d", e.digest(&c.Client), most, size))
	return t.exchanges.Hold(key, life, func() (*Exchange, error) {
		swap := func(ctx context.Context, subject string) (*Token, error) {
			return e.ask(ctx, param{"subject_token", subject})
		}
		return newExchange(e.url, e.timeout, most, size, swap), nil
	})
}

// newExchange keeps tokens of so many callers and so many bytes; swap exchanges one.
func newExchange(name string, timeout time.Duration, most int, size int64, swap func(ctx context.Context, subject string) (*Token, error)) *Exchange {
	x := &Exchange{name: name, timeout: timeout, swap: swap, max: most, maxSize: size, callers: map[[sha256.Size]byte]*list.Element{}, recent: list.New()}
	x.ctx, x.end = context.WithCancel(context.Background())
	return x
}

func (x *Exchange) close() {
	x.mu.Lock()
	x.end()
	x.mu.Unlock()
	x.wg.Wait()
}

var errNoCaller = errors.New("the caller has no token that could be exchanged")

// Get is the token that the caller's was exchanged for.
func (x *Exchange) Get(ctx context.Context, caller string) (*Token, error) {
	return x.fetch(ctx, caller, nil)
}

// Replace is another one than that which a backend has refused; nil if none may be asked for again so soon.
func (x *Exchange) Replace(ctx context.Context, caller string, refused *Token) (*Token, error) {
	t, err := x.fetch(ctx, caller, refused)
	if t == refused {
		return nil, err
	}
	return t, err
}

// fetch is the caller's token; if it is the refused one, another is asked for, unless that was done a moment ago.
func (x *Exchange) fetch(ctx context.Context, caller string, refused *Token) (*Token, error) {
	if caller == "" {
		return nil, &Failure{Refused: true, Err: errNoCaller}
	}
	x.mu.Lock()
	e := x.entry(caller)
	if t := e.token; t != nil && t.Age() < t.life*19/20 {
		if t != refused || e.flight == nil && time.Since(e.replaced) < exchangePause {
			x.mu.Unlock()
			return t, nil
		}
	}
	if e.flight == nil {
		switch {
		case x.ctx.Err() != nil:
			x.mu.Unlock()
			return nil, &Failure{Err: outbound.ErrClosed}
		case e.err != nil && time.Since(e.failed) < pace:
			defer x.mu.Unlock()
			return nil, e.err
		}
		if refused != nil {
			e.replaced = time.Now()
		}
		e.flight = make(chan struct{})
		x.wg.Go(func() { x.ask(e, caller) })
	}
	flight := e.flight
	x.mu.Unlock()
	select {
	case <-flight:
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			return nil, &Failure{RetryAfter: pace, Err: fmt.Errorf("no token of %s in time", x.name)}
		}
		return nil, ctx.Err()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.err != nil {
		return nil, e.err
	}
	return e.token, nil
}

// entry is the caller's, made if there is none, in place of the one that has not asked for longest; the lock is held.
func (x *Exchange) entry(subject string) *exchanged {
	key := sha256.Sum256([]byte(subject))
	if at := x.callers[key]; at != nil {
		x.recent.MoveToFront(at)
		return at.Value.(*exchanged)
	}
	e := &exchanged{key: key}
	x.callers[key] = x.recent.PushFront(e)
	x.size += exchangedSize
	x.shrink()
	return e
}

// shrink drops those who have not asked for longest, until what is kept is within its bounds; the lock is held.
func (x *Exchange) shrink() {
	for len(x.callers) > x.max || x.size > x.maxSize && len(x.callers) > 1 {
		last := x.recent.Remove(x.recent.Back()).(*exchanged)
		delete(x.callers, last.key)
		x.size -= last.size()
	}
}

func (e *exchanged) size() int64 {
	if e.token == nil {
		return exchangedSize
	}
	return exchangedSize + int64(len(e.token.Value))
}

// ask exchanges once, for everybody who waits.
func (x *Exchange) ask(e *exchanged, subject string) {
	ctx, cancel := context.WithTimeout(x.ctx, x.timeout)
	defer cancel()
	t, err := x.swap(ctx, subject)
	x.mu.Lock()
	defer x.mu.Unlock()
	kept := x.callers[e.key] != nil && x.callers[e.key].Value == e
	if e.err = refusal(err); err == nil {
		before := e.size()
		e.token = t
		if kept {
			x.size += e.size() - before
			x.shrink()
		}
	} else {
		e.failed = time.Now()
	}
	close(e.flight)
	e.flight = nil
}

// refusal tells a caller whose token is not taken (RFC 8693 2.2.2) from an endpoint that cannot be asked.
func refusal(err error) error {
	if err == nil {
		return nil
	}
	var coded *codedError
	if errors.As(err, &coded) {
		switch coded.code {
		case "invalid_request", "invalid_grant", "invalid_token", "access_denied":
			return &Failure{Refused: true, Err: err}
		}
	}
	return &Failure{RetryAfter: pace, Err: err}
}
