package realtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authorityFile holds the authority that our servers, and diagnose, trust.
var authorityFile = filepath.Join(workDir, "tls/ca.pem")

// makeCertificates writes an authority and, in a file each with its key: a
// certificate in order for the hosts named, one that has expired, and one for
// another host.
func makeCertificates(t *testing.T, hosts ...string) {
	t.Helper()
	const year = 365 * 24 * time.Hour
	ca := certificate(t, nil, year)
	write(t, authorityFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]})))
	for name, cert := range map[string]tls.Certificate{
		"good":    certificate(t, &ca, year, hosts...),
		"expired": certificate(t, &ca, -24*time.Hour, hosts...),
		"another": certificate(t, &ca, year, "mx.elsewhere.example"),
	} {
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		// Exim reads it as a user of its own.
		write(t, filepath.Join(workDir, "tls", name+".pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))+
			string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})))
	}
}

// startPolicies starts the web server with the MTA-STS policies of all domains:
// each has its mx, and enforces.
func startPolicies(t *testing.T) {
	t.Helper()
	pair := filepath.Join(workDir, "tls/good.pem")
	l, err := net.Listen("tcp", policiesAddr+":443")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		domain, ok := strings.CutPrefix(r.Host, "mta-sts.")
		if !ok || r.URL.Path != "/.well-known/mta-sts.txt" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "version: STSv1\r\nmode: enforce\r\nmx: mx.%s\r\nmax_age: 86400\r\n", domain)
	})}
	go server.ServeTLS(l, pair, pair)
	t.Cleanup(func() { server.Close() })
}

// makeDKIM writes the key that our Exim signs with and returns its record.
func makeDKIM(t *testing.T) (record string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) // its record fits into one string
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(workDir, "tls/dkim.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	return `lab._domainkey TXT "v=DKIM1; k=rsa; p=` + base64.StdEncoding.EncodeToString(public) + `"`
}

// certificate makes a certificate that is valid for as long as left; without an
// authority it is one itself.
func certificate(t *testing.T, authority *tls.Certificate, left time.Duration, hosts ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "lab"},
		NotBefore:    time.Now().Add(-48 * time.Hour),
		NotAfter:     time.Now().Add(left),
		DNSNames:     hosts,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	parent, signer := template, any(key)
	if authority == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		template.ExtKeyUsage = nil
		template.Subject.CommonName = "lab authority"
	} else {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
