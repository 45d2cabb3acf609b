package smtptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

const day = 24 * time.Hour

// SelfSigned is a server whose certificate for names vouches for itself.
func SelfSigned(t testing.TB, names ...string) *tls.Config {
	t.Helper()
	c := template(names, time.Now().Add(-day), time.Now().Add(90*day))
	return sign(t, c, c, nil)
}

// Authority is a certificate authority.
type Authority struct {
	cert  *x509.Certificate
	key   any
	chain [][]byte // what its servers send besides their own certificate
}

// NewAuthority makes an authority that nobody knows but those who are given
// its Roots.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	c := authority("Test Authority")
	own := sign(t, c, c, nil).Certificates[0]
	return &Authority{cert: own.Leaf, key: own.PrivateKey}
}

// Intermediate is an authority that a vouches for. Its servers send its
// certificate along with theirs.
func (a *Authority) Intermediate(t testing.TB) *Authority {
	t.Helper()
	own := sign(t, authority("Test Intermediate"), a.cert, a.key).Certificates[0]
	return &Authority{own.Leaf, own.PrivateKey, append(own.Certificate, a.chain...)}
}

// Roots holds a alone.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Issue is a server with a certificate from a for names, valid
// between the two times.
func (a *Authority) Issue(t testing.TB, from, to time.Time, names ...string) *tls.Config {
	t.Helper()
	config := sign(t, template(names, from, to), a.cert, a.key)
	own := &config.Certificates[0]
	own.Certificate = append(own.Certificate, a.chain...)
	return config
}

func authority(name string) *x509.Certificate {
	c := template(nil, time.Now().Add(-3650*day), time.Now().Add(3650*day))
	c.Subject.CommonName = name
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	return c
}

func template(names []string, from, to time.Time) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: strings.Join(names, " ")},
		NotBefore:    from,
		NotAfter:     to,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	return c
}

// sign makes a key for c and has it signed; without a signer's key, by itself.
func sign(t testing.TB, c, parent *x509.Certificate, signer any) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}}
}
