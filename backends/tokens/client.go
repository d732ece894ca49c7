package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"gatehouse/internal/conf"
	"gatehouse/internal/jose"
)

// CredentialsConfig is auth/client-credentials: a token of our own for this backend (RFC 6749 4.4; krakend.md 4).
type CredentialsConfig struct {
	Client
	Disabled bool `json:"is_disabled" doc:"Take this block for absent." default:"false"`
}

// On reports whether the block is there and means it.
func (c *CredentialsConfig) On() bool { return c != nil && !c.Disabled }

// Client is how a token endpoint is asked: what client credentials and token exchange have in common.
type Client struct {
	TokenURL       string             `json:"token_url" doc:"The token endpoint; https, or http on this machine."`
	ClientID       string             `json:"client_id" doc:"Who we are there."`
	ClientSecret   string             `json:"client_secret" conf:"secret" doc:"What proves it; in version 4 better as \"${ENV}\" or \"${file:/run/secrets/x}\"."`
	AuthStyle      string             `json:"auth_style" since:"4" enum:"auto|basic|post|private_key_jwt|tls" doc:"How we prove who we are: in a header, in the body, by a signed assertion (RFC 7523), by a client certificate (RFC 8705); auto: basic, and post where that is answered with 400 or 401." default:"auto"`
	PrivateKey     string             `json:"private_key" since:"4" conf:"secret" doc:"A file with the JSON Web Key that signs assertions, or the key itself; for private_key_jwt."`
	AssertionFor   string             `json:"assertion_audience" since:"4" doc:"Whom assertions are made out to." default:"token_url"`
	Scopes         Scopes             `json:"scopes" doc:"What the token is to allow: a list, or one string with commas or spaces between." default:"none are asked for"`
	Audience       Several            `json:"audience" since:"4" doc:"Whom the token is for: one or a list."`
	Resource       Several            `json:"resource" since:"4" doc:"Where the token is to be used (RFC 8707): one URL or a list."`
	EndpointParams map[string]Several `json:"endpoint_params" conf:"open,secret" doc:"Further parameters of the token request: name to list of values."`
	RequestFormat  string             `json:"request_format" since:"4" enum:"form|json" doc:"How the token request is written." default:"form"`
	ForwardAs      string             `json:"forward_as" since:"4" doc:"Hand the client's own Authorization on under this name, such as \"X-Forwarded-Authorization\"." default:"it is dropped"`
	Timeout        *conf.Duration     `json:"timeout" since:"4" doc:"How long one token request may take; callers leave at their own deadline." default:"5s"`
	Lifetime       *conf.Duration     `json:"token_lifetime" since:"4" doc:"For how long a token is used whose issuer does not say." default:"5m"`
	AllowHTTP      bool               `json:"dangerously_allow_http" since:"4" doc:"Send the secret over an unencrypted connection to another machine." default:"false"`
	Transport      Connection         `json:"client" since:"4" doc:"Connections to the token endpoint: certificates, proxy."`
}

// Scopes are scope names (RFC 6749 3.3), written as a list or as one string with commas or spaces between them.
type Scopes []string

// UnmarshalJSON reads either form.
func (s *Scopes) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = strings.FieldsFunc(one, func(r rune) bool { return r == ',' || r == ' ' })
		return s.check()
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New(`want scopes as a list, or as one string with commas or spaces between`)
	}
	*s = list
	return s.check()
}

func (s *Scopes) check() error {
	for _, name := range *s {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return fmt.Errorf("got scope %q, want printable ASCII without spaces, quotes and backslashes", name)
		}
	}
	return nil
}

// ConfSchema tells the JSON Schema of scopes.
func (*Scopes) ConfSchema() map[string]any { return oneOrMany() }

// Several are one string or a list of them.
type Several []string

// UnmarshalJSON reads either form.
func (s *Several) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = Several{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New("want a string or a list of strings")
	}
	*s = list
	return nil
}

// ConfSchema tells the JSON Schema of one string or many.
func (*Several) ConfSchema() map[string]any { return oneOrMany() }

func oneOrMany() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{"anyOf": []any{text, map[string]any{"type": "array", "items": text}}}
}

// How we prove who we are.
const (
	styleAuto  = "auto"
	styleBasic = "basic"
	stylePost  = "post"
	styleJWT   = "private_key_jwt"
	styleTLS   = "tls"
)

// grant is a compiled Client: all that does not change from one token request to the next.
type grant struct {
	url      string
	style    string
	id       string
	secret   string
	key      *jose.PrivateKey
	audience string // of assertions
	json     bool
	params   []param
	lifetime time.Duration
}

type param struct{ name, value string }

// compile checks what is written. params are those of the grant itself.
func (c *Client) compile(params ...param) (*grant, error) {
	var errs []error
	g := &grant{url: c.TokenURL, style: c.AuthStyle, id: c.ClientID, secret: c.ClientSecret, json: c.RequestFormat == "json",
		audience: c.AssertionFor, lifetime: c.Lifetime.Or(lifeAsked)}
	errs = append(errs, conf.At(checkTokenURL(c.TokenURL, c.AllowHTTP), "token_url"))
	if g.audience == "" {
		g.audience = c.TokenURL
	}
	if c.Timeout.Or(time.Second) <= 0 {
		errs = append(errs, conf.At(fmt.Errorf("got %s, want more than nothing", c.Timeout), "timeout"))
	}
	if g.lifetime < minLife {
		errs = append(errs, conf.At(fmt.Errorf("got %s, want at least %s", g.lifetime, minLife), "token_lifetime"))
	}
	if c.ForwardAs != "" && (!httpguts.ValidHeaderFieldName(c.ForwardAs) || strings.EqualFold(c.ForwardAs, "Authorization")) {
		errs = append(errs, conf.At(fmt.Errorf("got %q, want the name of another header", c.ForwardAs), "forward_as"))
	}
	errs = append(errs, c.proof(g))
	g.params = append(params, c.parameters()...)
	if _, ok := c.EndpointParams["scope"]; ok && len(c.Scopes) > 0 {
		errs = append(errs, conf.At(errors.New("scopes says it already"), "endpoint_params", "scope"))
	}
	return g, conf.Join(errs...)
}

// proof checks that there is what the style needs, and nothing that it would leave unused.
func (c *Client) proof(g *grant) error {
	var errs []error
	_, own := c.EndpointParams["client_secret"]
	switch {
	case g.style == "" && c.PrivateKey != "":
		g.style = styleJWT
	case (g.style == "" || g.style == styleAuto) && own:
		g.style = stylePost // the file itself puts the secret into the body, as KrakenD's page for Auth0 does
	case g.style == "":
		g.style = styleAuto
	}
	if c.ClientID == "" && c.EndpointParams["client_id"] == nil {
		errs = append(errs, conf.At(errors.New("is missing"), "client_id"))
	}
	switch g.style {
	case styleJWT:
		key, err := signingKey(c.PrivateKey)
		errs = append(errs, conf.At(err, "private_key"))
		g.key = key
	case styleTLS:
		if len(c.Transport.TLS.Certificates) == 0 {
			errs = append(errs, conf.At(errors.New("tls needs a client certificate"), "client", "client_tls", "client_certs"))
		}
	default:
		if c.ClientSecret == "" && !own {
			errs = append(errs, conf.At(errors.New("is missing"), "client_secret"))
		}
		if c.PrivateKey != "" {
			errs = append(errs, conf.At(fmt.Errorf("is for auth_style private_key_jwt, got %s", g.style), "private_key"))
		}
	}
	return conf.Join(errs...)
}

// parameters are those of the request besides the grant's own, sorted, so that the same request is the same text.
func (c *Client) parameters() (list []param) {
	if len(c.Scopes) > 0 {
		list = append(list, param{"scope", strings.Join(c.Scopes, " ")})
	}
	for _, v := range c.Audience {
		list = append(list, param{"audience", v})
	}
	for _, v := range c.Resource {
		list = append(list, param{"resource", v})
	}
	names := make([]string, 0, len(c.EndpointParams))
	for name := range c.EndpointParams {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range c.EndpointParams[name] {
			list = append(list, param{name, v})
		}
	}
	return list
}

// checkTokenURL lets secrets travel encrypted, or within this machine.
func checkTokenURL(written string, allowHTTP bool) error {
	u, err := url.Parse(written)
	switch {
	case written == "":
		return errors.New("is missing")
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("got %q, want https://host/path", written)
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("got %q, want no user name and no fragment", u.Redacted())
	case u.Scheme == "http" && !allowHTTP && !loopback(u.Hostname()):
		return fmt.Errorf("got %q, want https: a secret would travel unencrypted (dangerously_allow_http allows it)", written)
	}
	return nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// signingKey reads a JSON Web Key from a file, or from the text itself.
func signingKey(written string) (*jose.PrivateKey, error) {
	data := []byte(strings.TrimSpace(written))
	if len(data) == 0 {
		return nil, errors.New("is missing: private_key_jwt signs with it")
	}
	if data[0] != '{' {
		read, err := os.ReadFile(written)
		if err != nil {
			return nil, err
		}
		data = read
	}
	key, err := jose.ParsePrivate(data)
	if err == nil && key.Alg().Symmetric() {
		return nil, errors.New("is a shared secret, want a private key")
	}
	return key, err
}

// ForwardName is the canonical name for the client's own Authorization, "" if it is dropped.
func (c *Client) ForwardName() string { return http.CanonicalHeaderKey(c.ForwardAs) }
