package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// identity is a certificate with its key, as files, and what is needed to believe it.
type identity struct {
	cert, key string
	leaf      *x509.Certificate
	private   *ecdsa.PrivateKey
	pool      *x509.CertPool
}

// certificate makes one for localhost that signs itself.
func certificate(t testing.TB) *identity {
	t.Helper()
	dir := t.TempDir()
	id := &identity{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	id.renew(t, "localhost", nil)
	return id
}

// renew writes a new certificate into the files, signed by another identity or by itself.
func (id *identity) renew(t testing.TB, name string, by *identity) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.leaf, by.private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{id.cert: {Type: "CERTIFICATE", Bytes: der}, id.key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if id.leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	id.private, id.pool = key, x509.NewCertPool()
	id.pool.AddCert(id.leaf)
}

// client is the configuration of somebody who believes the identity.
func (id *identity) client(protocols ...string) *tls.Config {
	return &tls.Config{RootCAs: id.pool, ServerName: id.leaf.DNSNames[0], NextProtos: protocols}
}
