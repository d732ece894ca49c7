package backends

import "errors"

// CredentialsConfig is auth/client-credentials.
type CredentialsConfig struct{}

// Tokens are the tokens that we hold for backends.
type Tokens struct{}

func (t *Tokens) wrap(*CredentialsConfig, sender) (sender, error) { return nil, errors.New("todo") }
