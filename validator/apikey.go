package validator

import (
	"context"
	"crypto/sha1" //nolint:gosec // KrakenD's files have it
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/conf"
)

// APIKeysConfig is auth/api-keys as written: at the service the keys, at an endpoint who of them may pass.
type APIKeysConfig struct {
	Keys          []APIKey `json:"keys" doc:"The keys that there are (at the service)."`
	File          string   `json:"file" since:"4" doc:"A JSON file with an array of more keys (at the service)."`
	Hash          *string  `json:"hash" enum:"sha256|plain|sha1|fnv128" doc:"How keys are written here: sha256 is the hexadecimal SHA-256 of salt and key." default:"sha256 (versions 2 and 3: plain)"`
	Salt          *string  `json:"salt" doc:"Stands before each key when it is hashed." default:"none" conf:"secret"`
	Strategy      *string  `json:"strategy" enum:"header|query_string" doc:"Where clients put their key." default:"header"`
	Identifier    *string  `json:"identifier" doc:"The name of the header or query parameter." default:"Authorization, or key"`
	Roles         []string `json:"roles" doc:"One of these must be among the key's roles (at an endpoint)." default:"every key may pass"`
	PropagateRole *string  `json:"propagate_role" doc:"A header in which backends are told the first role that fits." default:"none"`
	Realm         string   `json:"realm" since:"4" doc:"The realm that a refused client is told." default:"gatehouse"`
}

// APIKey is one key. Two entries of one name are two keys of one client, while it changes from one to the other.
type APIKey struct {
	Name  string   `json:"name" since:"4" doc:"Who has this key; propagated as the claim sub." default:"its place in the list"`
	Key   string   `json:"key" doc:"The key, as hash says." conf:"secret"`
	Roles []string `json:"roles" doc:"What its owner may do."`
}

// Inherit fills what an endpoint does not say from the service.
func (c APIKeysConfig) Inherit(parent *APIKeysConfig) APIKeysConfig {
	if parent != nil {
		c = inherit(c, *parent)
	}
	return c
}

// Warnings are settings that work and deserve a second thought.
func (c *APIKeysConfig) Warnings() error {
	switch conf.Value(c.Hash, "sha256") {
	case "plain":
		return conf.At(errors.New("whoever reads this file can use the keys; want sha256"), "hash")
	case "sha1", "fnv128":
		return conf.At(errors.New("is too weak to hide a key; want sha256"), "hash")
	}
	return nil
}

// Propagated are the headers that backends are told of a key's owner.
func (c *APIKeysConfig) Propagated() []Propagate {
	if name := conf.Value(c.PropagateRole, ""); name != "" {
		return []Propagate{{Claim: ParseRef("role"), Header: name}}
	}
	return nil
}

// APIKeys lets in who shows a key that is known here. Keys are held as digests.
type APIKeys struct {
	query     bool
	name      string // of the header (canonical) or the parameter
	salt      []byte
	hash      string
	owners    map[[sha256.Size]byte]*owner
	roles     []string // what the log is told that a key must have
	challenge string
}

// owner is who has a key: what is said of him, or why he may not pass here.
type owner struct {
	name   string
	roles  []string
	claims *Claims
	denied bool
}

// NewAPIKeys compiles the keys for an endpoint that wants these claims: sub, roles, and role, the first one that fits.
func NewAPIKeys(cfg APIKeysConfig, wants *Wants) (*APIKeys, error) {
	k := &APIKeys{
		query:     conf.Value(cfg.Strategy, "header") == "query_string",
		hash:      conf.Value(cfg.Hash, "sha256"),
		salt:      []byte(conf.Value(cfg.Salt, "")),
		owners:    map[[sha256.Size]byte]*owner{},
		roles:     slices.Clone(cfg.Roles),
		challenge: "ApiKey realm=" + quoted(or(cfg.Realm, "gatehouse")),
	}
	if k.query {
		k.name = conf.Value(cfg.Identifier, "key")
	} else if k.name = http.CanonicalHeaderKey(conf.Value(cfg.Identifier, "Authorization")); !isHeaderName(k.name) {
		return nil, conf.At(fmt.Errorf("%q is not the name of a header", k.name), "identifier")
	}
	list := slices.Clone(cfg.Keys)
	if cfg.File != "" {
		more, err := readAPIKeys(cfg.File)
		if err != nil {
			return nil, conf.At(err, "file")
		}
		list = append(list, more...)
	}
	var errs []error
	for i, entry := range list {
		errs = append(errs, conf.At(k.add(i, entry, cfg.Roles, wants), "keys", i))
	}
	if len(list) == 0 {
		errs = append(errs, conf.At(errors.New("no key that could open this door"), "keys"))
	}
	return k, conf.Join(errs...)
}

func readAPIKeys(path string) ([]APIKey, error) {
	data, err := readBounded(path, maxDocument)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	var list []APIKey
	if err := dec.Decode(&list); err != nil || dec.More() {
		return nil, errors.New(`want a JSON array of {"name", "key", "roles"}`)
	}
	return list, nil
}

// add takes one entry of the list.
func (k *APIKeys) add(i int, entry APIKey, roles []string, wants *Wants) error {
	stored, err := k.stored(entry.Key)
	if err != nil {
		return conf.At(err, "key")
	}
	print := sha256.Sum256(stored)
	if _, twice := k.owners[print]; twice {
		return conf.At(errors.New("stands twice"), "key")
	}
	fit := slices.IndexFunc(roles, func(role string) bool { return slices.Contains(entry.Roles, role) })
	o := &owner{name: or(entry.Name, fmt.Sprint("key-", i+1)), roles: slices.Clone(entry.Roles), denied: len(roles) > 0 && fit < 0}
	say := map[string]any{"sub": o.name, "roles": append([]string{}, entry.Roles...)}
	if fit >= 0 {
		say["role"] = roles[fit]
	} else if len(roles) == 0 && len(entry.Roles) > 0 {
		say["role"] = entry.Roles[0]
	}
	o.claims, err = said(say, "key:"+hex.EncodeToString(print[:16]), wants)
	k.owners[print] = o
	return err
}

// said makes claims of what we know of somebody ourselves.
func said(of map[string]any, id string, wants *Wants) (*Claims, error) {
	payload, err := json.Marshal(of)
	if err != nil {
		return nil, err
	}
	parsed, err := parseObject(payload)
	if err != nil {
		return nil, err
	}
	values, bad := wants.compile(parsed)
	if bad != nil {
		return nil, fmt.Errorf("%s cannot be handed on: %w", bad.ref, bad.err)
	}
	return &Claims{rest: &rest{id, payload, values}}, nil
}

// stored is what the file holds of a key, as bytes.
func (k *APIKeys) stored(text string) ([]byte, error) {
	size := map[string]int{"sha256": sha256.Size, "sha1": sha1.Size, "fnv128": 16}[k.hash]
	if size == 0 {
		if text == "" {
			return nil, errors.New("an empty key")
		}
		return k.digest(text), nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != size {
		return nil, fmt.Errorf("want the %s of a key, %d hexadecimal digits", k.hash, 2*size)
	}
	return raw, nil
}

// digest is a shown key in the form in which keys are held.
func (k *APIKeys) digest(shown string) []byte {
	salted := append(slices.Clone(k.salt), shown...)
	switch k.hash {
	case "sha1":
		sum := sha1.Sum(salted) //nolint:gosec // KrakenD's files have it
		return sum[:]
	case "fnv128":
		h := fnv.New128()
		h.Write(salted)
		return h.Sum(nil)
	}
	sum := sha256.Sum256(salted)
	return sum[:]
}

// Authenticate judges the key of a request. Keys are found by a digest of their digest, which tells nothing of how near a
// guess was.
func (k *APIKeys) Authenticate(_ context.Context, r *http.Request) (*Claims, error) {
	shown, reason := k.find(r)
	if reason != "" {
		return nil, k.refuse(reason, k.say(), unshown(reason))
	}
	o := k.owners[sha256.Sum256(k.digest(shown))]
	switch {
	case o == nil:
		return nil, k.refuse(APIKeyUnknown, "one of the keys of the file", "another one")
	case o.denied:
		return nil, k.refuse(RoleMissing, fmt.Sprintf("any of %q", k.roles), fmt.Sprintf("%q of %s", o.roles, o.name))
	}
	return o.claims, nil
}

// find is the one key of a request.
func (k *APIKeys) find(r *http.Request) (string, Reason) {
	values := r.Header[k.name]
	if k.query {
		values = parameters(r.URL, k.name)
	}
	switch len(values) {
	case 0:
		return "", APIKeyMissing
	case 1:
	default:
		return "", APIKeyMalformed
	}
	shown := values[0]
	if scheme, rest, ok := strings.Cut(shown, " "); ok && k.name == "Authorization" {
		if !strings.EqualFold(scheme, "Bearer") {
			return "", APIKeyMissing
		}
		shown = strings.TrimLeft(rest, " ")
	}
	switch {
	case shown == "":
		return "", APIKeyMissing
	case len(shown) > maxToken:
		return "", TokenTooLong
	}
	return shown, ""
}

// parameters are the values of a query parameter. Nothing but & parts them, and what cannot be decoded is nobody's key.
func parameters(u *url.URL, name string) []string {
	var list []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(key); err != nil || decoded != name {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil {
			list = append(list, value)
		}
	}
	return list
}

func (k *APIKeys) refuse(reason Reason, expected, actual string) *Refusal {
	return &Refusal{Reason: reason, Kind: reason.Kind(), Challenge: k.challenge, Detail: []any{"check", "api key", "expected", expected, "actual", actual}}
}

// say is where a key may come from, in words.
func (k *APIKeys) say() string {
	if k.query {
		return "one key in the query parameter " + k.name
	}
	return "one key in the header " + k.name
}

// unshown is why there is no key that could be looked at, in words.
func unshown(reason Reason) string {
	switch reason {
	case APIKeyMissing:
		return "none"
	case TokenTooLong:
		return unread(reason)
	}
	return "more than one"
}
