package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// signer is the identity provider of one algorithm.
type signer struct {
	alg    string
	issuer string
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	secret []byte
}

func newSigner(alg, issuer string) (*signer, error) {
	s := &signer{alg: alg, issuer: issuer}
	var err error
	switch alg {
	case "RS256", "PS256":
		s.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		s.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "HS256":
		s.secret = make([]byte, 32)
		rand.Read(s.secret)
	default:
		err = fmt.Errorf("no signer for %s", alg)
	}
	return s, err
}

// publish writes the key set, and for RSA the PEM that HAProxy wants.
func (s *signer) publish(dir, name string) error {
	key := map[string]string{"kid": "bench", "alg": s.alg, "use": "sig"}
	switch {
	case s.rsa != nil:
		key["kty"], key["n"], key["e"] = "RSA", b64(s.rsa.N.Bytes()), b64(big.NewInt(int64(s.rsa.E)).Bytes())
		der, err := x509.MarshalPKIXPublicKey(&s.rsa.PublicKey)
		if err != nil {
			return err
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		if err := os.WriteFile(filepath.Join(dir, name+".pem"), text, 0o600); err != nil {
			return err
		}
	case s.ec != nil:
		point, err := s.ec.PublicKey.Bytes() // 4, x, y
		if err != nil {
			return err
		}
		key["kty"], key["crv"], key["x"], key["y"] = "EC", "P-256", b64(point[1:33]), b64(point[33:])
	default:
		key["kty"], key["k"] = "oct", b64(s.secret)
	}
	set, err := json.Marshal(map[string]any{"keys": []any{key}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), set, 0o600)
}

// token is what a usual provider says of user number i.
func (s *signer) token(i int) (string, error) {
	now := time.Now().Unix()
	claims, err := json.Marshal(map[string]any{
		"iss": s.issuer, "sub": fmt.Sprintf("auth0|%016d", i), "aud": []string{"https://api.example.com", "https://example.com/userinfo"},
		"iat": now, "exp": now + 24*3600, "azp": "my_client_id", "scope": "openid profile orders:read orders:write",
		"https://example.com/roles": []string{"user", "admin"}, "email": fmt.Sprintf("user%d@example.com", i),
	})
	if err != nil {
		return "", err
	}
	head := fmt.Sprintf(`{"alg":%q,"typ":"JWT","kid":"bench"}`, s.alg)
	signed := b64([]byte(head)) + "." + b64(claims)
	signature, err := s.sign([]byte(signed))
	return signed + "." + b64(signature), err
}

func (s *signer) sign(text []byte) ([]byte, error) {
	digest := sha256.Sum256(text)
	switch s.alg {
	case "RS256":
		return rsa.SignPKCS1v15(rand.Reader, s.rsa, crypto.SHA256, digest[:])
	case "PS256":
		return rsa.SignPSS(rand.Reader, s.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		r, q, err := ecdsa.Sign(rand.Reader, s.ec, digest[:])
		if err != nil {
			return nil, err
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		q.FillBytes(out[32:])
		return out, nil
	}
	mac := hmac.New(sha256.New, s.secret)
	mac.Write(text)
	return mac.Sum(nil), nil
}

// tokens makes n tokens of different users, on all processors.
func (s *signer) tokens(n int) ([]string, error) {
	list := make([]string, n)
	errs := make([]error, runtime.NumCPU())
	var wg sync.WaitGroup
	for worker := range errs {
		wg.Go(func() {
			for i := worker; i < n && errs[worker] == nil; i += len(errs) {
				list[i], errs[worker] = s.token(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
