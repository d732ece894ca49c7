package validator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/crypto/bcrypt"

	"gatehouse/internal/conf"
)

// BasicConfig is auth/basic as written: users and their passwords (RFC 7617), at the service, at an endpoint, or both.
type BasicConfig struct {
	File  string            `json:"htpasswd_path" doc:"An htpasswd file with bcrypt hashes (htpasswd -B)."`
	Users map[string]string `json:"users" doc:"More users and their bcrypt hashes; they win over the file's." conf:"open,secret"`
	Realm string            `json:"realm" since:"4" doc:"The realm that a refused client is told." default:"gatehouse"`
}

// Inherit fills what an endpoint does not say from the service.
func (c BasicConfig) Inherit(parent *BasicConfig) BasicConfig {
	if parent != nil {
		c = inherit(c, *parent)
	}
	return c
}

// Basic lets in who knows a user's password. bcrypt is slow on purpose, so only so many are tried at a time, and a
// password that was right is known by its digest from then on.
type Basic struct {
	users     map[string]*user
	nobody    []byte // a hash that is compared for users who do not exist, so that they take as long
	digest    *digester
	known     sync.Map // print of user and password -> *Claims; only right ones, so one per user
	working   chan struct{}
	challenge string
}

type user struct {
	hash   []byte
	claims *Claims
}

// NewBasic compiles the users for an endpoint that wants these claims; sub is the user's name.
func NewBasic(cfg BasicConfig, wants *Wants) (*Basic, error) {
	b := &Basic{
		users:     map[string]*user{},
		digest:    newDigester(),
		working:   make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		challenge: "Basic realm=" + quoted(or(cfg.Realm, "gatehouse")) + `, charset="UTF-8"`,
	}
	var errs []error
	if cfg.File != "" {
		data, err := readBounded(cfg.File, maxDocument)
		if err == nil {
			err = b.read(data, wants)
		}
		errs = append(errs, conf.At(err, "htpasswd_path"))
	}
	for name, hash := range cfg.Users {
		errs = append(errs, conf.At(b.add(name, hash, wants), "users", name))
	}
	err := conf.Join(errs...)
	if err == nil && len(b.users) == 0 {
		err = errors.New("no user who could open this door; want htpasswd_path or users")
	}
	return b, err
}

func (b *Basic) read(file []byte, wants *Wants) error {
	lines := bufio.NewScanner(bytes.NewReader(file))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, hash, _ := strings.Cut(line, ":")
		if err := b.add(name, hash, wants); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

func (b *Basic) add(name, hash string, wants *Wants) error {
	cost, err := bcrypt.Cost([]byte(hash))
	switch {
	case name == "":
		return errors.New("a user without a name")
	case err != nil:
		return errors.New("not a bcrypt hash (htpasswd -B makes one)")
	}
	if old, err := bcrypt.Cost(b.nobody); err != nil || old < cost {
		b.nobody = []byte(hash)
	}
	claims, err := said(map[string]any{"sub": name}, "user:"+hex.EncodeToString([]byte(name)), wants)
	b.users[name] = &user{[]byte(hash), claims}
	return err
}

// maxBcrypt is how much of a password bcrypt looks at. What follows makes no other password, and no other entry of known.
const maxBcrypt = 72

// Authenticate judges the user and password of a request. It waits its turn no longer than ctx says.
func (b *Basic) Authenticate(ctx context.Context, r *http.Request) (*Claims, error) {
	name, password, reason := readBasic(r.Header["Authorization"])
	if reason != "" {
		return nil, b.refuse(reason, "one header Authorization: Basic with user:password in base64", unsaid(reason))
	}
	print := b.digest.print(&ruleID{}, name+":"+password[:min(len(password), maxBcrypt)])
	if claims, ok := b.known.Load(print); ok {
		return claims.(*Claims), nil
	}
	select {
	case b.working <- struct{}{}:
		defer func() { <-b.working }()
	case <-ctx.Done():
		busy := b.refuse(CredentialsBusy, fmt.Sprintf("no more than %d passwords at a time", cap(b.working)), "it waited until its request was over")
		busy.RetryIn = 1
		return nil, busy
	}
	u, hash := b.users[name], b.nobody
	if u != nil {
		hash = u.hash
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || u == nil {
		return nil, b.refuse(CredentialsWrong, "a user of the file and the password", map[bool]string{true: "another password", false: "an unknown user"}[u != nil])
	}
	b.known.Store(print, u.claims)
	return u.claims, nil
}

// readBasic takes a Basic header apart (RFC 7617 section 2).
func readBasic(lines []string) (name, password string, reason Reason) {
	if len(lines) == 0 {
		return "", "", CredentialsMissing
	}
	scheme, rest, _ := strings.Cut(lines[0], " ")
	switch {
	case len(lines) > 1:
		return "", "", CredentialsMalformed
	case !strings.EqualFold(scheme, "Basic"):
		return "", "", CredentialsMissing
	case len(rest) > maxToken:
		return "", "", TokenTooLong
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimLeft(rest, " "))
	name, password, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok || strings.ContainsFunc(name+password, unicode.IsControl) {
		return "", "", CredentialsMalformed
	}
	return name, password, ""
}

func (b *Basic) refuse(reason Reason, expected, actual string) *Refusal {
	return &Refusal{Reason: reason, Kind: reason.Kind(), Challenge: b.challenge, Detail: []any{"check", "password", "expected", expected, "actual", actual}}
}

// unsaid is why there are no credentials that could be looked at, in words.
func unsaid(reason Reason) string {
	switch reason {
	case CredentialsMissing:
		return "none, or another scheme"
	case TokenTooLong:
		return unread(reason)
	}
	return "two headers, no base64, no colon, or a control character"
}
