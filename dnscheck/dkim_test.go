package dnscheck_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

// modulus makes a public key of so many bits; no signature is ever made, so
// that any odd number will do.
func modulus(t *testing.T, bits int) *rsa.PublicKey {
	t.Helper()
	key := &rsa.PublicKey{E: 65537}
	b := make([]byte, bits/8)
	rand.Read(b)
	b[0] |= 0x80
	b[len(b)-1] |= 1
	key.N = new(big.Int).SetBytes(b)
	return key
}

// quoted writes a text as the strings of a TXT record.
func quoted(text string) string {
	var parts []string
	for len(text) > 250 {
		parts = append(parts, fmt.Sprintf("%q", text[:250]))
		text = text[250:]
	}
	return strings.Join(append(parts, fmt.Sprintf("%q", text)), " ")
}

func TestCheckDKIM(t *testing.T) {
	spki, err := x509.MarshalPKIXPublicKey(modulus(t, 2048))
	if err != nil {
		t.Fatal(err)
	}
	rsa2048 := base64.StdEncoding.EncodeToString(spki)
	rsa1024 := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(modulus(t, 1024)))
	rsa512 := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(modulus(t, 512)))
	ed := base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize))
	const ok, none, gone = dnscheck.OK, dnscheck.NoData, dnscheck.NXDomain
	tests := []struct {
		records   []string
		status    dnscheck.Status
		algorithm string
		bits      int
		problem   dnscheck.Problem
		usable    bool
	}{
		{[]string{"v=DKIM1; k=rsa; p=" + rsa2048}, ok, "rsa", 2048, "", true},
		{[]string{"p=" + rsa1024}, ok, "rsa", 1024, "", true},
		{[]string{" v = DKIM1 ; h=sha1 : sha256 ; s=* ; n=a note ; p=" + rsa2048[:30] + "  " + rsa2048[30:] + " ;"}, ok, "rsa", 2048, "", true},
		{[]string{"v=DKIM1; k=ed25519; p=" + ed}, ok, "ed25519", 256, "", true},
		{[]string{"some-verification=1", "v=DKIM1; p=" + rsa2048}, ok, "rsa", 2048, "", true},
		{[]string{"v=DKIM1; p="}, ok, "rsa", 0, "", false},
		{[]string{"v=DKIM1; k=rsa"}, ok, "rsa", 0, dnscheck.DKIMSyntax, false},
		{[]string{"v=DKIM1; p=" + rsa2048 + "; p="}, ok, "rsa", 0, dnscheck.DKIMSyntax, false},
		{[]string{"v=DKIM1; nonsense; p=" + rsa2048}, ok, "rsa", 0, dnscheck.DKIMSyntax, false},
		{[]string{"v=DKIM2; p=" + rsa2048}, ok, "rsa", 0, dnscheck.DKIMVersion, false},
		{[]string{"v=DKIM1; k=dsa; p=" + rsa2048}, ok, "dsa", 0, dnscheck.DKIMAlgorithm, false},
		{[]string{"v=DKIM1; p=!!"}, ok, "rsa", 0, dnscheck.DKIMKey, false},
		{[]string{"v=DKIM1; p=" + ed}, ok, "rsa", 0, dnscheck.DKIMKey, false},
		{[]string{"v=DKIM1; k=ed25519; p=" + rsa1024}, ok, "ed25519", 0, dnscheck.DKIMKey, false},
		{[]string{"v=DKIM1; p=" + rsa512}, ok, "rsa", 512, dnscheck.DKIMShortKey, false},
		{[]string{"v=DKIM1; h=sha1; p=" + rsa2048}, ok, "rsa", 0, dnscheck.DKIMHash, false},
		{[]string{"v=DKIM1; s=other; p=" + rsa2048}, ok, "rsa", 0, dnscheck.DKIMService, false},
		{[]string{"v=DKIM1; p=" + rsa2048, "v=DKIM1; p=" + rsa1024}, ok, "", 0, dnscheck.DKIMManyRecords, false},
		{[]string{"v=spf1 -all"}, none, "", 0, "", false},
		{nil, gone, "", 0, "", false},
	}
	for _, tt := range tests {
		zone := "example.net. 300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60\n"
		for _, rec := range tt.records {
			zone += "s1._domainkey.example.net. 300 IN TXT " + quoted(rec) + "\n"
		}
		k := dnscheck.CheckDKIM(t.Context(), dnstest.New(t, zone).Resolver(), "Example.net.", "S1")
		if k.Status != tt.status || k.Algorithm != tt.algorithm || k.KeyBits != tt.bits || k.Problem != tt.problem || k.Usable() != tt.usable ||
			k.Revoked != (tt.status == ok && !tt.usable && tt.problem == "") || k.Domain != "example.net" || k.Selector != "s1" {
			t.Errorf("%.70q: %+v", tt.records, k)
		}
	}
}

func TestDKIMTestingIsTold(t *testing.T) {
	for flags, want := range map[string]bool{"y": true, "s : y": true, "s": false, "yes": false, "": false} {
		zone := `s1._domainkey.example.net. 300 IN TXT "v=DKIM1; p=; t=` + flags + `"`
		if k := dnscheck.CheckDKIM(t.Context(), dnstest.New(t, zone).Resolver(), "example.net", "s1"); k.Testing != want || !k.Revoked {
			t.Errorf("t=%s: %+v", flags, k)
		}
	}
}

func TestCheckDKIMCannotTellAfterAFailure(t *testing.T) {
	s := dnstest.New(t, `s1._domainkey.example.net. 300 IN TXT "v=DKIM1; p="`)
	s.Fault("s1._domainkey.example.net", dnstest.Bogus)
	for domain, want := range map[string]dnscheck.Status{"example.net": dnscheck.ServFail, "no name": dnscheck.Failed, "": dnscheck.Failed, "..": dnscheck.Failed} {
		k := dnscheck.CheckDKIM(t.Context(), s.Resolver(), domain, "s1")
		if k.Status != want || k.Usable() || k.Err == "" {
			t.Errorf("%s: %+v", domain, k)
		}
	}
	if k := dnscheck.CheckDKIM(t.Context(), s.Resolver(), "example.net", ""); k.Status != dnscheck.Failed {
		t.Errorf("without a selector: %+v", k)
	}
}
