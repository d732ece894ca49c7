package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// PrivateKey signs with one algorithm and is named by one kid. It is safe for concurrent use and never changes.
type PrivateKey struct {
	id     string
	alg    Alg
	signer crypto.Signer // nil for HMAC
	secret []byte        // HMAC only
}

// GenerateKey makes a fresh key for an algorithm: RSA of 2048 bits, the curve that belongs to the algorithm, Ed25519, or a
// secret as long as the hash. Its kid is its thumbprint (RFC 7638); see [PrivateKey.WithID].
func GenerateKey(alg Alg) (*PrivateKey, error) {
	k := &PrivateKey{alg: alg}
	var err error
	switch alg.family() {
	case hmacs:
		k.secret = make([]byte, alg.hash().Size())
		_, err = rand.Read(k.secret)
	case pkcs1, pss:
		k.signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case ecdsas:
		k.signer, err = ecdsa.GenerateKey(alg.curve(), rand.Reader)
	case edwards:
		_, k.signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		_, err = ParseAlg(string(alg))
	}
	if err != nil {
		return nil, err
	}
	return k.named("")
}

// ParsePrivate reads one private or symmetric JWK. Its algorithm is its "alg", or the usual one of its type: RS256, the
// one of its curve, EdDSA, or HS256 and up by the length of the secret. Without a "kid" it is named by its thumbprint.
func ParsePrivate(data []byte) (*PrivateKey, error) {
	parsed, err := jwk.ParseKey(data)
	if err != nil {
		return nil, errors.New("not a JSON Web Key that can sign") // jwx's own error may quote the key
	}
	k := &PrivateKey{}
	var raw any
	if err := parsed.Raw(&raw); err != nil {
		return nil, errors.New("a broken JSON Web Key")
	}
	switch raw := raw.(type) {
	case []byte:
		k.secret = raw
	case *rsa.PrivateKey:
		if err := raw.Validate(); err != nil {
			return nil, fmt.Errorf("a broken RSA key: %w", err)
		}
		k.signer = raw
	case *ecdsa.PrivateKey:
		if _, err := raw.ECDH(); err != nil {
			return nil, fmt.Errorf("a broken EC key: %w", err)
		}
		k.signer = raw
	case ed25519.PrivateKey:
		k.signer = raw
	default:
		return nil, fmt.Errorf("a key of type %s cannot sign; a private or symmetric key is wanted", parsed.KeyType())
	}
	alg := Alg(parsed.Algorithm().String())
	if alg == "" {
		alg = k.usual()
	}
	if k, err = k.ForAlg(alg); err != nil {
		return nil, err
	}
	return k.named(parsed.KeyID())
}

// ParsePrivateSet reads a JWK set, or one bare JWK, and returns the keys of it that can sign, in order. It is an error if
// there is none.
func ParsePrivateSet(data []byte) ([]*PrivateKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, errors.New("not a JSON Web Key set")
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{data}
	}
	var keys []*PrivateKey
	var errs []error
	for i, raw := range set.Keys {
		k, err := ParsePrivate(raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.Join(append([]error{errors.New("no key that can sign")}, errs...)...)
	}
	return keys, nil
}

// usual is the algorithm of a key that does not name one.
func (k *PrivateKey) usual() Alg {
	switch s := k.signer.(type) {
	case *rsa.PrivateKey:
		return RS256
	case *ecdsa.PrivateKey:
		switch s.Curve {
		case elliptic.P384():
			return ES384
		case elliptic.P521():
			return ES512
		}
		return ES256
	case ed25519.PrivateKey:
		return EdDSA
	}
	switch n := len(k.secret); {
	case n >= 64:
		return HS512
	case n >= 48:
		return HS384
	}
	return HS256
}

// ForAlg is the same key signing with another algorithm. It must fit the key's type, curve and length.
func (k *PrivateKey) ForAlg(alg Alg) (*PrivateKey, error) {
	if _, err := ParseAlg(string(alg)); err != nil {
		return nil, err
	}
	if err := fits(k.public(), alg); err != nil {
		return nil, err
	}
	other := *k
	other.alg = alg
	return &other, nil
}

// WithID is the same key under another kid; the empty kid is none at all.
func (k *PrivateKey) WithID(kid string) *PrivateKey {
	other := *k
	other.id = kid
	return &other
}

// ID is the key's kid.
func (k *PrivateKey) ID() string { return k.id }

// Alg is the algorithm that the key signs with.
func (k *PrivateKey) Alg() Alg { return k.alg }

// Public is the key that verifies: *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, or the secret itself ([]byte).
func (k *PrivateKey) public() any {
	if k.signer == nil {
		return k.secret
	}
	return k.signer.Public()
}

func (k *PrivateKey) named(kid string) (*PrivateKey, error) {
	if kid == "" {
		parsed, err := k.jwk()
		if err != nil {
			return nil, err
		}
		sum, err := parsed.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, err
		}
		kid = encoding().EncodeToString(sum)
	}
	return k.WithID(kid), nil
}

// Sign makes a token in compact serialisation. The header has "alg" and, unless it is empty, "kid"; extra adds members
// and replaces those two, so that tests can say anything. The payload goes in as it is.
func (k *PrivateKey) Sign(extra map[string]any, payload []byte) (string, error) {
	header := map[string]any{"alg": string(k.alg)}
	if k.id != "" {
		header["kid"] = k.id
	}
	for name, value := range extra {
		header[name] = value
	}
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	return k.SignParts(head, payload)
}

// SignParts signs exactly these bytes of header and payload, whatever they are.
func (k *PrivateKey) SignParts(header, payload []byte) (string, error) {
	enc := encoding()
	input := enc.AppendEncode(nil, header)
	input = append(input, '.')
	input = enc.AppendEncode(input, payload)
	sig, err := k.SignBytes(input)
	if err != nil {
		return "", err
	}
	return string(enc.AppendEncode(append(input, '.'), sig)), nil
}

// SignBytes is the bare signature of a message, as JOSE writes it (ECDSA: r and s, each of the curve's length).
func (k *PrivateKey) SignBytes(message []byte) ([]byte, error) {
	digest := message
	if h := k.alg.hash(); h != 0 && k.alg.family() != hmacs {
		d := h.New()
		d.Write(message)
		digest = d.Sum(nil)
	}
	switch k.alg.family() {
	case hmacs:
		m := hmac.New(k.alg.hash().New, k.secret)
		m.Write(message)
		return m.Sum(nil), nil
	case pss:
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: k.alg.hash()}
		return k.signer.Sign(rand.Reader, digest, opts)
	case ecdsas:
		key := k.signer.(*ecdsa.PrivateKey)
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil, err
		}
		n := (key.Params().BitSize + 7) / 8
		sig := make([]byte, 2*n)
		r.FillBytes(sig[:n])
		s.FillBytes(sig[n:])
		return sig, nil
	default:
		return k.signer.Sign(rand.Reader, digest, k.alg.hash())
	}
}

// JWK is the whole key as JSON, its private members too.
func (k *PrivateKey) JWK() ([]byte, error) {
	parsed, err := k.jwk()
	if err != nil {
		return nil, err
	}
	return json.Marshal(parsed)
}

// jwk dresses the key for printing.
func (k *PrivateKey) jwk() (jwk.Key, error) {
	var raw any = k.secret
	if k.signer != nil {
		raw = k.signer
	}
	parsed, err := jwk.FromRaw(raw)
	if err != nil {
		return nil, err
	}
	return dress(parsed, k)
}

func dress(parsed jwk.Key, k *PrivateKey) (jwk.Key, error) {
	members := map[string]any{jwk.AlgorithmKey: jwa.SignatureAlgorithm(k.alg), jwk.KeyUsageKey: string(jwk.ForSignature)}
	if k.id != "" {
		members[jwk.KeyIDKey] = k.id
	}
	for name, value := range members {
		if err := parsed.Set(name, value); err != nil {
			return nil, err
		}
	}
	return parsed, nil
}

// PublicSet is the JWK set that lets others verify what these keys sign. Symmetric keys are left out: who could verify
// with them could sign.
func PublicSet(keys ...*PrivateKey) ([]byte, error) {
	set := jwk.NewSet()
	for _, k := range keys {
		if k.alg.Symmetric() {
			continue
		}
		parsed, err := jwk.FromRaw(k.signer.Public())
		if err != nil {
			return nil, err
		}
		if parsed, err = dress(parsed, k); err != nil {
			return nil, err
		}
		if err := set.AddKey(parsed); err != nil {
			return nil, err
		}
	}
	return json.Marshal(set)
}

// PrivateSet is the JWK set of whole keys, symmetric ones too: a local key file.
func PrivateSet(keys ...*PrivateKey) ([]byte, error) {
	set := struct {
		Keys []json.RawMessage `json:"keys"`
	}{Keys: []json.RawMessage{}}
	for _, k := range keys {
		one, err := k.JWK()
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, one)
	}
	return json.Marshal(set)
}
