package smtpcheck_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	. "diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"
)

func sha(b []byte) []byte   { s := sha256.Sum256(b); return s[:] }
func sha2x(b []byte) []byte { s := sha512.Sum512(b); return s[:] }

func TestDANE(t *testing.T) {
	authority := smtptest.NewAuthority(t)
	between := authority.Intermediate(t)
	now := time.Now()
	hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	self := smtptest.SelfSigned(t, "other.example.net")
	chained := between.Issue(t, hour(-1), hour(1), "mx.example.net")
	expired := between.Issue(t, hour(-2), hour(-1), "mx.example.net")
	misnamed := between.Issue(t, hour(-1), hour(1), "other.example.net")
	leaf := func(c *tls.Config) *x509.Certificate { return c.Certificates[0].Leaf }
	above, err := x509.ParseCertificate(chained.Certificates[0].Certificate[1])
	if err != nil {
		t.Fatal(err)
	}
	nothing := make([]byte, 32)
	tests := []struct {
		name    string
		server  *tls.Config
		records []TLSA
		dane    bool
		problem string
	}{
		{"no record", self, nil, false, ProblemSelfSigned},
		{"the key's SHA-256, the usual one", self, []TLSA{{3, 1, 1, sha(leaf(self).RawSubjectPublicKeyInfo)}}, true, ""},
		{"the certificate's SHA-512", self, []TLSA{{3, 0, 2, sha2x(leaf(self).Raw)}}, true, ""},
		{"the whole certificate", self, []TLSA{{3, 0, 0, leaf(self).Raw}}, true, ""},
		{"the whole key", self, []TLSA{{3, 1, 0, leaf(self).RawSubjectPublicKeyInfo}}, true, ""},
		{"one of several", self, []TLSA{{2, 1, 1, nothing}, {3, 1, 1, nothing}, {3, 1, 1, sha(leaf(self).RawSubjectPublicKeyInfo)}}, true, ""},
		{"the server's own may have expired", expired, []TLSA{{3, 1, 1, sha(leaf(expired).RawSubjectPublicKeyInfo)}}, true, ""},
		{"another key", self, []TLSA{{3, 1, 1, nothing}}, false, ProblemDANE},
		{"another key, though authorities vouch", chained, []TLSA{{3, 1, 1, nothing}}, false, ProblemDANE},
		{"the certificate's digest for the key", self, []TLSA{{3, 1, 1, sha(leaf(self).Raw)}}, false, ProblemDANE},
		{"an authority", chained, []TLSA{{2, 0, 1, sha(above.Raw)}}, true, ""},
		{"an authority's key", chained, []TLSA{{2, 1, 2, sha2x(above.RawSubjectPublicKeyInfo)}}, true, ""},
		{"an authority does not excuse age", expired, []TLSA{{2, 0, 1, sha(above.Raw)}}, false, ProblemDANE},
		{"an authority does not excuse another name", misnamed, []TLSA{{2, 0, 1, sha(above.Raw)}}, false, ProblemDANE},
		{"an authority that is not in the chain", self, []TLSA{{2, 0, 1, sha(above.Raw)}}, false, ProblemDANE},
		{"the server is no authority", self, []TLSA{{2, 1, 1, sha(leaf(self).RawSubjectPublicKeyInfo)}}, false, ProblemDANE},
		{"usages 0 and 1 are not for mail", self, []TLSA{{0, 1, 1, nothing}, {1, 1, 1, sha(leaf(self).RawSubjectPublicKeyInfo)}}, false, ProblemSelfSigned},
		{"unknown kinds are ignored", self, []TLSA{{4, 1, 1, nothing}, {3, 2, 1, nothing}, {3, 1, 3, nothing}, {3, 1, 3, nil}}, false, ProblemSelfSigned},
		{"digests of the wrong length are ignored", self, []TLSA{{3, 1, 1, nothing[:31]}, {3, 1, 2, nothing}, {3, 1, 0, nil}}, false, ProblemSelfSigned},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opt := Options{HELO: "mail.example.org", Name: "mx.example.net.", Roots: authority.Roots(), TLSA: tt.records, STSHosts: []string{"mx.example.net"}}
			s := Check(t.Context(), &net.Dialer{}, smtptest.Healthy(t, smtptest.Options{TLS: tt.server}), opt)
			if s.TLS.DANE != tt.dane || s.TLS.Problem != tt.problem || (s.TLS.Err != "") != (tt.problem != "") {
				t.Errorf("DANE %v, problem %q (%s), want %v, %q", s.TLS.DANE, s.TLS.Problem, s.TLS.Err, tt.dane, tt.problem)
			}
			if s.Phase != PhaseDone {
				t.Errorf("a certificate ended the session at %s", s.Phase)
			}
		})
	}
}

// An authority that signed nothing in the chain vouches for nothing, though its
// certificate is sent along.
func TestDANEWantsTheAuthorityToHaveSigned(t *testing.T) {
	ours, theirs := smtptest.NewAuthority(t), smtptest.NewAuthority(t).Intermediate(t)
	borrowed := theirs.Issue(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "mx.example.net").Certificates[0].Certificate[1]
	server := ours.Issue(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "mx.example.net")
	server.Certificates[0].Certificate = append(server.Certificates[0].Certificate, borrowed)
	opt := Options{HELO: "mail.example.org", Name: "mx.example.net", Roots: ours.Roots(), TLSA: []TLSA{{2, 0, 1, sha(borrowed)}}}
	s := Check(t.Context(), &net.Dialer{}, smtptest.Healthy(t, smtptest.Options{TLS: server}), opt)
	if s.TLS.DANE || s.TLS.Problem != ProblemDANE {
		t.Errorf("%+v", s.TLS)
	}
}

func TestMTASTS(t *testing.T) {
	authority := smtptest.NewAuthority(t)
	server := authority.Issue(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "mx.example.net", "example.net")
	tests := []struct {
		name     string
		host     string
		patterns []string
		server   *tls.Config
		want     string
	}{
		{"no policy", "mx.example.net", nil, server, ""},
		{"named", "mx.example.net", []string{"mx1.example.net", "MX.Example.net"}, server, ""},
		{"the root's dot", "mx.example.net.", []string{"mx.example.net"}, server, ""},
		{"wildcard", "mx.example.net", []string{"*.example.net"}, server, ""},
		{"a wildcard is one label", "mx.example.net", []string{"*.net", "*", "*."}, server, ProblemSTS},
		{"a wildcard is not none", "example.net", []string{"*.example.net"}, server, ProblemSTS},
		{"a wildcard is a whole label", "mx.example.net", []string{"m*.example.net"}, server, ProblemSTS},
		{"not named", "mx.example.net", []string{"mx1.example.net", ""}, server, ProblemSTS},
		{"no name to look for", "", []string{"mx1.example.net"}, server, ""},
		{"named, but self-signed", "mx.example.net", []string{"mx.example.net"}, smtptest.SelfSigned(t, "mx.example.net"), ProblemSelfSigned},
		{"named, but the certificate is another's", "mx1.example.net", []string{"mx1.example.net"}, server, ProblemName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opt := Options{HELO: "mail.example.org", Name: tt.host, Roots: authority.Roots(), STSHosts: tt.patterns}
			s := Check(t.Context(), &net.Dialer{}, smtptest.Healthy(t, smtptest.Options{TLS: tt.server}), opt)
			if s.TLS.Problem != tt.want || s.TLS.DANE {
				t.Errorf("problem %q (%s), want %q", s.TLS.Problem, s.TLS.Err, tt.want)
			}
		})
	}
}
