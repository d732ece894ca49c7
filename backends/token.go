package backends

import (
	"errors"
	"log/slog"

	"gatehouse/internal/outbound"
)

// CredentialsConfig is auth/client-credentials: a token of our own for this backend (RFC 6749 4.4).
type CredentialsConfig struct{}

// TokensConfig is what [NewTokens] needs.
type TokensConfig struct {
	Log       *slog.Logger
	UserAgent string
	Options   outbound.Options // of the connections to token endpoints
}

// Tokens are the tokens that we hold for backends. They outlive a configuration.
type Tokens struct {
	log     *slog.Logger
	fetcher *outbound.Fetcher
}

// NewTokens fetches nothing yet.
func NewTokens(cfg TokensConfig) *Tokens {
	return &Tokens{log: cfg.Log, fetcher: outbound.NewFetcher(cfg.Options, cfg.UserAgent)}
}

// Close drops all tokens.
func (t *Tokens) Close() { _ = t.fetcher.Close() }

var errNoTokens = errors.New("nothing keeps tokens here")

func (t *Tokens) wrap(_ *CredentialsConfig, _ sender) (sender, error) {
	return nil, errNoTokens
}
