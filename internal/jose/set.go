package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// Origin says where a key set came from, and so what it may hold.
type Origin int

const (
	// Fetched sets are published. A private key in one is skipped: whoever can read the set could sign with it.
	Fetched Origin = iota
	// Local sets are files of the operator. Of a private key the public half is used.
	Local
)

// Set is a JSON Web Key set as far as we can use it.
type Set struct {
	Keys    []*Key  // in the order of the document
	Skipped []error // a warning for each key that cannot be used, without any of its material
}

// ParseSet reads a JWK set (RFC 7517 section 5). A key of an unknown type, on an unsupported curve, for another use, too
// weak or broken is skipped with a warning; the others work. A document that is not a set is an error; a set without a
// usable key is not.
func ParseSet(data []byte, from Origin) (*Set, error) {
	top, err := members(data)
	if err != nil {
		return nil, fmt.Errorf("not a JSON Web Key set: %w", err)
	}
	list, there := top["keys"]
	if !there {
		return nil, errors.New(`not a JSON Web Key set: no "keys"`)
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(list, &raws); err != nil || raws == nil {
		return nil, errors.New(`not a JSON Web Key set: "keys" is not an array`)
	}
	set := &Set{}
	for i, raw := range raws {
		key, err := parseKey(raw, from)
		if err != nil {
			set.Skipped = append(set.Skipped, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		set.Keys = append(set.Keys, key)
	}
	return set, nil
}

// parseKey reads one key of a set. What it is for is read here, strictly; its material is jwx's business.
func parseKey(raw []byte, from Origin) (*Key, error) {
	fields, err := members(raw)
	if err != nil {
		return nil, err
	}
	key := &Key{}
	if key.ID, key.HasID, err = text(fields, "kid"); err != nil {
		return nil, err
	}
	if key.X5T, _, err = text(fields, "x5t"); err != nil {
		return nil, err
	}
	if key.X5TS256, _, err = text(fields, "x5t#S256"); err != nil {
		return nil, err
	}
	private, err := key.material(fields)
	if err != nil {
		return nil, err
	}
	if private && from == Fetched {
		return nil, errors.New("a private key in a published set: whoever reads it can sign")
	}
	if err := key.purpose(fields, private); err != nil {
		return nil, err
	}
	key.fingerprint()
	if public, ok := key.public.(*rsa.PublicKey); ok {
		key.rsa = ready(public)
	}
	return key, nil
}

// material reads the key itself and reports whether it came with its private half.
func (k *Key) material(fields map[string]json.RawMessage) (private bool, err error) {
	// Only these go to jwx: a certificate that it cannot read must not cost us the key.
	bare := map[string]json.RawMessage{}
	for _, name := range []string{"kty", "crv", "x", "y", "n", "e", "k", "d", "p", "q", "dp", "dq", "qi"} {
		if value, there := fields[name]; there {
			bare[name] = value
		}
	}
	text, err := json.Marshal(bare)
	if err != nil {
		return false, errors.New("not a key")
	}
	parsed, err := jwk.ParseKey(text)
	if err != nil {
		return false, errUnreadable()
	}
	_, private = bare["d"]
	if parsed, err = parsed.PublicKey(); err != nil {
		return false, errors.New("a key without a public half")
	}
	if key, ok := parsed.(jwk.RSAPublicKey); ok && new(big.Int).SetBytes(key.E()).BitLen() > 31 {
		return false, errors.New("an RSA exponent over 31 bits")
	}
	var public any
	if err := parsed.Raw(&public); err != nil {
		return false, errUnreadable()
	}
	switch public := public.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, []byte:
		k.public = public
	case ed25519.PublicKey:
		if len(public) != ed25519.PublicKeySize {
			return false, fmt.Errorf("an Ed25519 key of %d bytes, want %d", len(public), ed25519.PublicKeySize)
		}
		k.public = public
	default:
		return false, fmt.Errorf("a key of type %s cannot verify a signature", parsed.KeyType())
	}
	return private, nil
}

func errUnreadable() error {
	return errors.New("not a key that we can read: unknown type, unknown curve, missing or broken members")
}

// purpose finds the algorithms that the key may be used with: "use", "key_ops" and "alg" narrow what type, curve and
// length allow (RFC 7517 sections 4.2 to 4.4).
func (k *Key) purpose(fields map[string]json.RawMessage, private bool) error {
	use, there, err := text(fields, "use")
	if err != nil {
		return err
	}
	if there && use != "sig" {
		return fmt.Errorf("its use is %q, not \"sig\"", use)
	}
	if err := operations(fields["key_ops"], private); err != nil {
		return err
	}
	candidates := Algs()
	name, there, err := text(fields, "alg")
	if err != nil {
		return err
	}
	if there {
		alg, err := ParseAlg(name)
		if err != nil {
			return err
		}
		candidates = []Alg{alg}
	}
	for _, alg := range candidates {
		misfit := fits(k.public, alg)
		if misfit == nil {
			k.algs = append(k.algs, alg)
		} else if err == nil {
			err = misfit
		}
	}
	if len(k.algs) == 0 {
		return err
	}
	return nil
}

// operations refuses a key whose "key_ops" do not let it verify.
func operations(raw json.RawMessage, private bool) error {
	if raw == nil {
		return nil
	}
	var ops []string
	if err := json.Unmarshal(raw, &ops); err != nil || ops == nil {
		return errors.New(`"key_ops" is not an array of strings`)
	}
	if slices.Contains(ops, "verify") || private && slices.Contains(ops, "sign") {
		return nil
	}
	return fmt.Errorf("its key_ops are %q, without \"verify\"", ops)
}

func (k *Key) fingerprint() {
	h := sha256.New()
	fmt.Fprintf(h, "%q %v %q %q %v ", k.ID, k.HasID, k.X5T, k.X5TS256, k.algs)
	switch public := k.public.(type) {
	case []byte:
		h.Write(public)
	case *rsa.PublicKey:
		fmt.Fprintf(h, "rsa %x %d", public.N, public.E)
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // purpose has seen that the point is on its curve
		fmt.Fprintf(h, "%s %x", public.Curve.Params().Name, point)
	case ed25519.PublicKey:
		fmt.Fprintf(h, "ed25519 %x", []byte(public))
	}
	h.Sum(k.print[:0])
}

// text reads a member that must be a string if it is there.
func text(fields map[string]json.RawMessage, name string) (value string, there bool, err error) {
	raw, there := fields[name]
	if !there {
		return "", false, nil
	}
	if raw[0] != '"' || json.Unmarshal(raw, &value) != nil {
		return "", false, fmt.Errorf("%q is not a string", name)
	}
	return value, true, nil
}

// members splits a JSON object. A name that stands twice is an error: parsers differ in which of the two they take.
func members(data []byte) (map[string]json.RawMessage, error) {
	if !json.Valid(data) {
		return nil, errors.New("not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errors.New("broken JSON")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errors.New("broken JSON")
		}
		if _, twice := fields[name.(string)]; twice {
			return nil, fmt.Errorf("%q stands twice", name)
		}
		fields[name.(string)] = value
	}
	return fields, nil
}
