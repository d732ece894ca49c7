package gateway

import (
	"time"

	"gatehouse/backends"
	"gatehouse/endpoints"
	"gatehouse/internal/conf"
	"gatehouse/validator"
)

// manners are the defaults that depend on the file's version (config.md, "Defaults that depend on the version"). Every
// other default stands next to its field. There is no second code path: each row has a key.
type manners struct {
	successStatus   []string
	failureStatus   []string            // of a breaker
	success         *backends.StatusSet // successStatus; thousands of backends share it
	failure         *backends.StatusSet // failureStatus
	onError         string
	followRedirects int
	retries         int
	shedLoad        bool
	passStatus      bool
	errorStatuses   string
	errorFormat     string
	headersPrefix   string
	audienceMatch   string
	signerTyp       string // in the header of what is signed
	authMatch       string // several ways in
	keyHash         string // how API keys are written
	requireExp      bool
	requireBearer   bool
	algs            []string // nil: alg must be written
	autoHead        bool
	autoOptions     bool
	pathDecoding    bool // false: encoded URL characters in a parameter are refused
	versionHeader   bool
	olderYAML       bool          // YAML is application/x-yaml
	limitStatus     int           // of a rate limit for all together
	leastEvery      conf.Duration // of a rate limit
	preflight       int           // CORS: options_success_status
	badHost         int           // security/http: bad_host_status
	olderSchemas    bool          // a JSON schema without $schema is one of draft 7, or 4
	minTLS          string
	version         int
}

func mannersOf(version int) manners {
	m := tableOf(version)
	m.success, m.failure = backends.Statuses(m.successStatus...), backends.Statuses(m.failureStatus...)
	return m
}

func tableOf(version int) manners {
	switch version {
	case 2, 3:
		return manners{
			successStatus: []string{"200", "201"}, failureStatus: []string{"5xx"}, onError: "fail", followRedirects: 10, retries: 0, shedLoad: false,
			passStatus: false, errorStatuses: "500", errorFormat: "krakend", headersPrefix: "X-Krakend",
			audienceMatch: "all", authMatch: "all", keyHash: "plain", signerTyp: map[int]string{3: "JWT"}[version], requireExp: false, requireBearer: version == 2,
			autoHead: false, autoOptions: false, pathDecoding: false, versionHeader: true, olderYAML: version == 2,
			limitStatus: 503, leastEvery: conf.Duration(time.Second), preflight: map[int]int{2: 200, 3: 204}[version], badHost: 500, minTLS: "TLS13", olderSchemas: true, version: version,
		}
	}
	return manners{
		successStatus: []string{"2xx"}, failureStatus: []string{"5xx", "429"}, onError: "pass", followRedirects: 0, retries: 1, shedLoad: true,
		passStatus: true, errorStatuses: "precise", errorFormat: "json", headersPrefix: "X-Gateway",
		audienceMatch: "any", authMatch: "any", keyHash: "sha256", signerTyp: "JWT", requireExp: true, requireBearer: true, algs: []string{"RS256", "ES256"},
		autoHead: true, autoOptions: true, pathDecoding: true, versionHeader: false,
		limitStatus: 429, preflight: 204, badHost: 421, minTLS: "TLS12", olderSchemas: false, version: version,
	}
}

// endpoint fills what neither the endpoint nor the service says.
func (m manners) endpoint(c endpoints.Config) endpoints.Config {
	c.PassStatus = or(c.PassStatus, m.passStatus)
	c.ErrorStatuses = or(c.ErrorStatuses, m.errorStatuses)
	c.AuthMatch = or(c.AuthMatch, m.authMatch)
	if k := c.Extra.Signer; k != nil {
		own := *k
		own.Typ = or(own.Typ, m.signerTyp)
		c.Extra.Signer = &own
	}
	if k := c.Extra.APIKeys; k != nil {
		own := *k
		own.Hash = or(own.Hash, m.keyHash)
		c.Extra.APIKeys = &own
	}
	if c.Extra.Validator != nil {
		v := m.validator(*c.Extra.Validator)
		c.Extra.Validator = &v
	}
	for i := range c.Backend {
		c.Backend[i] = m.backend(c.Backend[i])
	}
	return m.limited(c)
}

func (m manners) backend(c backends.Config) backends.Config {
	if c.SuccessStatus == nil {
		c.SuccessStatus = m.success
	}
	c.OnError = or(c.OnError, m.onError)
	c.FollowRedirects = or(c.FollowRedirects, m.followRedirects)
	c.Retries = or(c.Retries, m.retries)
	c.ShedLoad = or(c.ShedLoad, m.shedLoad)
	if b := c.Extra.Breaker; b != nil && b.FailureStatus == nil {
		own := *b
		own.FailureStatus = m.failure
		c.Extra.Breaker = &own
	}
	return c
}

func (m manners) validator(c validator.Config) validator.Config {
	c.AudienceMatch = or(c.AudienceMatch, m.audienceMatch)
	c.RequireExp = or(c.RequireExp, m.requireExp)
	c.RequireBearer = or(c.RequireBearer, m.requireBearer)
	if c.Alg == "" && len(c.Algs) == 0 {
		c.Algs = m.algs
	}
	return c
}

func or[T any](p *T, v T) *T {
	if p != nil {
		return p
	}
	return &v
}
