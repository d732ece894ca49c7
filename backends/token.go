package backends

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"

	"gatehouse/backends/keep"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// TokensConfig is what [NewTokens] needs.
type TokensConfig struct {
	Log       *slog.Logger
	UserAgent string
	Options   outbound.Options // of the connections to token endpoints
}

// Tokens are the tokens that we hold for backends: one for each credential, however many backends use it. They outlive a
// configuration: a reload goes on with what is there.
type Tokens struct {
	cfg       TokensConfig
	leases    *keep.Shelf[[sha256.Size]byte, *lease]
	exchanges *keep.Shelf[[sha256.Size]byte, *exchange]
	fetchers  *keep.Shelf[string, *outbound.Fetcher] // by settings of the connection
}

// NewTokens fetches nothing yet.
func NewTokens(cfg TokensConfig) *Tokens {
	return &Tokens{
		cfg:       cfg,
		leases:    keep.NewShelf[[sha256.Size]byte](func(l *lease) { _ = l.Close() }),
		exchanges: keep.NewShelf[[sha256.Size]byte](func(x *exchange) { x.close() }),
		fetchers:  keep.NewShelf[string](func(f *outbound.Fetcher) { _ = f.Close() }),
	}
}

// Close drops all tokens and ends what runs for them.
func (t *Tokens) Close() {
	t.leases.Close()
	t.exchanges.Close()
	t.fetchers.Close()
}

// endpoint is the token endpoint of a client.
func (t *Tokens) endpoint(c *TokenClient, life *keep.Life, params ...param) (*tokenEndpoint, error) {
	g, err := c.compile(params...)
	opt, badOptions := c.Transport.options(t.cfg.Options)
	opt.MaxOpen, opt.MaxWait = exchangesAtATime, c.Timeout.Or(defaultTokenTimeout)
	if err := conf.Join(err, conf.At(badOptions, "client")); err != nil {
		return nil, err
	}
	fetcher, err := t.fetchers.Hold(keep.Key(c.Transport), life, func() (*outbound.Fetcher, error) {
		return outbound.NewFetcher(opt, t.cfg.UserAgent), nil
	})
	return &tokenEndpoint{grant: g, fetcher: fetcher, timeout: c.Timeout.Or(defaultTokenTimeout)}, err
}

// lease is the token of a client's credentials, shared with everybody who has the same: URL, client, secret, style, scopes,
// audience, parameters and connection.
func (t *Tokens) lease(c *TokenClient, life *keep.Life) (*lease, error) {
	e, err := t.endpoint(c, life, param{"grant_type", "client_credentials"})
	if err != nil {
		return nil, err
	}
	if c.EndpointParams["grant_type"] != nil {
		e.params = e.params[1:]
	}
	return t.leases.Hold(e.digest(c), life, func() (*lease, error) {
		return newLease(e.url+" "+e.id, e.timeout, t.cfg.Log, func(ctx context.Context) (*token, error) { return e.ask(ctx) }), nil
	})
}

// digest tells one credential from another.
func (e *tokenEndpoint) digest(c *TokenClient) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %t %q %s %s %q %s", e.url, e.style, e.id, e.secret, e.audience, e.json, e.params,
		e.lifetime, e.timeout, c.PrivateKey, keep.Key(c.Transport)))
}
