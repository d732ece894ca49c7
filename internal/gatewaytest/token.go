package gatewaytest

import (
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"time"

	"gatehouse/internal/jose"
)

// RSA keys take long to make, under the race detector above all. These guard nothing but tests.
//
//go:embed testdata/rsa-*.json
var rsaKeys embed.FS

func makeKey(alg jose.Alg, round int) (*jose.PrivateKey, error) {
	name := string(alg)
	data, err := rsaKeys.ReadFile(fmt.Sprintf("testdata/rsa-%d.json", round))
	if err != nil || !strings.HasPrefix(name, "RS") && !strings.HasPrefix(name, "PS") {
		key, err := jose.GenerateKey(alg)
		if err != nil {
			return nil, err
		}
		return key.WithID(kid(alg, round)), nil
	}
	key, err := jose.ParsePrivate(data)
	if err != nil {
		return nil, err
	}
	if key, err = key.ForAlg(alg); err != nil {
		return nil, err
	}
	return key.WithID(kid(alg, round)), nil
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// Token says what a token is to be; the zero value is one that a careful provider would sign, with Claims "{}".
type Token struct {
	Alg       string   // RS256 unless written
	Kid       string   // another kid than the key's; "-" for none
	Header    string   // the whole header as JSON, as it stands
	Secret    string   // for HS
	Signature string   // "none" leaves it out, "broken" flips a bit
	Claims    string   // a JSON object
	Exactly   bool     // nothing is added to Claims; otherwise iss, iat and exp (an hour from now) are, unless written
	Without   []string // claims that are not added
}

// Sign makes a token; what cannot be signed fails the test.
func (k *KeyServer) Sign(token Token) string {
	k.t.Helper()
	signed, err := k.sign(token)
	if err != nil {
		k.t.Fatalf("token: %v", err)
	}
	return signed
}

func (k *KeyServer) sign(token Token) (string, error) {
	alg := jose.Alg(token.Alg)
	if alg == "" {
		alg = jose.RS256
	}
	key, err := k.signer(alg, token)
	if err != nil {
		return "", err
	}
	header := []byte(token.Header)
	if len(header) == 0 {
		id := key.ID()
		if token.Kid != "" {
			id = strings.TrimPrefix(token.Kid, "-")
		}
		if header, err = json.Marshal(head{Alg: string(alg), Typ: "JWT", Kid: id}); err != nil {
			return "", err
		}
	}
	claims, err := token.claims(k.Issuer(), time.Now())
	if err != nil {
		return "", err
	}
	signed, err := key.SignParts(header, claims)
	if err != nil {
		return "", err
	}
	return spoil(signed, token.Signature)
}

// head is a token's header, its members in the usual order.
type head struct {
	Alg string `json:"alg"`
	Typ string `json:"typ"`
	Kid string `json:"kid,omitempty"`
}

func (k *KeyServer) signer(alg jose.Alg, token Token) (*jose.PrivateKey, error) {
	if token.Secret == "" {
		if alg.Symmetric() {
			return nil, fmt.Errorf("%s wants a secret", alg)
		}
		return k.key(alg), nil
	}
	jwk, err := json.Marshal(map[string]string{
		"kty": "oct", "kid": "secret", "alg": string(alg), "k": base64.RawURLEncoding.EncodeToString([]byte(token.Secret)),
	})
	if err != nil {
		return nil, err
	}
	return jose.ParsePrivate(jwk)
}

// claims are the claims of the token; those that are added stand behind the written ones.
func (t Token) claims(issuer string, now time.Time) ([]byte, error) {
	text := strings.TrimSpace(t.Claims)
	if text == "" {
		text = "{}"
	}
	if t.Exactly {
		return []byte(text), nil
	}
	var written map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &written); err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	var more []string
	for _, c := range []struct {
		name  string
		value any
	}{{"iss", issuer}, {"iat", now.Unix()}, {"exp", now.Add(time.Hour).Unix()}} {
		if _, there := written[c.name]; there || slices.Contains(t.Without, c.name) {
			continue
		}
		value, err := json.Marshal(c.value)
		if err != nil {
			return nil, err
		}
		more = append(more, fmt.Sprintf("%q:%s", c.name, value))
	}
	if len(more) == 0 {
		return []byte(text), nil
	}
	inside := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}"))
	if inside != "" {
		more = append([]string{inside}, more...)
	}
	return []byte("{" + strings.Join(more, ",") + "}"), nil
}

// spoil takes the signature off, or breaks it.
func spoil(signed, how string) (string, error) {
	at := strings.LastIndexByte(signed, '.') + 1
	switch how {
	case "":
		return signed, nil
	case "none":
		return signed[:at], nil
	case "broken":
		raw, err := base64.RawURLEncoding.DecodeString(signed[at:])
		if err != nil {
			return "", err
		}
		raw[len(raw)/2] ^= 1
		return signed[:at] + base64.RawURLEncoding.EncodeToString(raw), nil
	}
	return "", fmt.Errorf("signature: unknown word %q, want none or broken", how)
}

// parseToken reads a token file of a page: lines that say how, then the claims. It returns the provider's name too.
func parseToken(text string) (t Token, keys string, err error) {
	for {
		line, rest, _ := strings.Cut(text, "\n")
		name, value, ok := strings.Cut(line, ":")
		if strings.HasPrefix(strings.TrimSpace(line), "{") || !ok && strings.TrimSpace(line) != "" {
			t.Claims = strings.TrimSpace(text)
			return t, keys, nil
		}
		value = strings.TrimSpace(value)
		switch name {
		case "alg":
			t.Alg = value
		case "keys":
			keys = value
		case "kid":
			t.Kid = value
		case "header":
			t.Header = value
		case "secret":
			t.Secret = value
		case "signature":
			t.Signature = value
		case "claims":
			if t.Exactly = value == "exactly"; !t.Exactly {
				return t, keys, fmt.Errorf("claims: unknown word %q, want exactly", value)
			}
		case "without":
			for _, w := range strings.Split(value, ",") {
				t.Without = append(t.Without, strings.TrimSpace(w))
			}
		case "":
		default:
			return t, keys, fmt.Errorf("unknown line %q, want alg, keys, kid, header, secret, signature, claims or without", line)
		}
		if rest == "" {
			return t, keys, nil
		}
		text = rest
	}
}
