// Package tokens gets access tokens for backends: our own, by client credentials (RFC 6749 4.4), and those that callers'
// tokens are exchanged for (RFC 8693).
package tokens

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"

	"gatehouse/backends/keep"
	"gatehouse/internal/conf"
	"gatehouse/internal/outbound"
)

// Options is what [New] needs.
type Options struct {
	Log       *slog.Logger
	UserAgent string
	Options   outbound.Options // of the connections to token endpoints
}

// Purse is the tokens that we hold for backends: one for each credential, however many backends use it. They outlive a
// configuration: a reload goes on with what is there.
type Purse struct {
	cfg       Options
	leases    *keep.Shelf[[sha256.Size]byte, *Lease]
	exchanges *keep.Shelf[[sha256.Size]byte, *Exchange]
	fetchers  *keep.Shelf[string, *outbound.Fetcher] // by settings of the connection
}

// New fetches nothing yet.
func New(cfg Options) *Purse {
	return &Purse{
		cfg:       cfg,
		leases:    keep.NewShelf[[sha256.Size]byte](func(l *Lease) { _ = l.cell.Close() }),
		exchanges: keep.NewShelf[[sha256.Size]byte](func(x *Exchange) { x.close() }),
		fetchers:  keep.NewShelf[string](func(f *outbound.Fetcher) { _ = f.Close() }),
	}
}

// Close drops all tokens and ends what runs for them.
func (t *Purse) Close() {
	t.leases.Close()
	t.exchanges.Close()
	t.fetchers.Close()
}

// endpoint is the token endpoint of a client.
func (t *Purse) endpoint(c *Client, life *keep.Life, params ...param) (*endpoint, error) {
	g, err := c.compile(params...)
	opt, badOptions := c.Transport.over(t.cfg.Options)
	opt.MaxOpen, opt.MaxWaiting, opt.MaxWait = exchangesAtATime, exchangesWaiting, c.Timeout.Or(defaultTimeout)
	if err := conf.Join(err, conf.At(badOptions, "client")); err != nil {
		return nil, err
	}
	fetcher, err := t.fetchers.Hold(keep.Key(c.Transport), life, func() (*outbound.Fetcher, error) {
		return outbound.NewFetcher(opt, t.cfg.UserAgent), nil
	})
	return &endpoint{grant: g, fetcher: fetcher, timeout: c.Timeout.Or(defaultTimeout)}, err
}

// Lease is the token of a client's credentials, shared with everybody who has the same: URL, client, secret, style, scopes,
// audience, parameters and connection.
func (t *Purse) Lease(c *Client, life *keep.Life) (*Lease, error) {
	e, err := t.endpoint(c, life, param{"grant_type", "client_credentials"})
	if err != nil {
		return nil, err
	}
	if c.EndpointParams["grant_type"] != nil {
		e.params = e.params[1:]
	}
	return t.leases.Hold(e.digest(c), life, func() (*Lease, error) {
		return newLease(e.url+" "+e.id, e.timeout, t.cfg.Log, func(ctx context.Context) (*Token, error) { return e.ask(ctx) }), nil
	})
}

// digest tells one credential from another.
func (e *endpoint) digest(c *Client) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %t %q %s %s %q %s", e.url, e.style, e.id, e.secret, e.audience, e.json, e.params,
		e.lifetime, e.timeout, c.PrivateKey, keep.Key(c.Transport)))
}
