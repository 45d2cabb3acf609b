package smtpcheck_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	. "diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"
)

func TestCertificates(t *testing.T) {
	ours, theirs := smtptest.NewAuthority(t), smtptest.NewAuthority(t)
	now := time.Now()
	hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	between := ours.Intermediate(t)
	cut := between.Issue(t, hour(-1), hour(1), "mx.example.net")
	cut.Certificates[0].Certificate = cut.Certificates[0].Certificate[:1]
	tests := []struct {
		name   string
		server *tls.Config
		host   string
		want   string
	}{
		{"good", ours.Issue(t, hour(-1), hour(1), "mx.example.net"), "mx.example.net", ""},
		{"good for one of several names", ours.Issue(t, hour(-1), hour(1), "a.example.net", "mx.example.net"), "mx.example.net", ""},
		{"good, the name with the root's dot", ours.Issue(t, hour(-1), hour(1), "mx.example.net"), "MX.example.net.", ""},
		{"good for an address", ours.Issue(t, hour(-1), hour(1), "192.0.2.25"), "192.0.2.25", ""},
		{"name not judged", ours.Issue(t, hour(-1), hour(1), "other.example.net"), "", ""},
		{"other name", ours.Issue(t, hour(-1), hour(1), "other.example.net"), "mx.example.net", ProblemName},
		{"expired", ours.Issue(t, hour(-2), hour(-1), "mx.example.net"), "mx.example.net", ProblemExpired},
		{"expired and other name", ours.Issue(t, hour(-2), hour(-1), "other.example.net"), "mx.example.net", ProblemExpired},
		{"from the future", ours.Issue(t, hour(1), hour(2), "mx.example.net"), "mx.example.net", ProblemNotYetValid},
		{"unknown authority", theirs.Issue(t, hour(-1), hour(1), "mx.example.net"), "mx.example.net", ProblemUntrusted},
		{"good over an intermediate", between.Issue(t, hour(-1), hour(1), "mx.example.net"), "mx.example.net", ""},
		{"the intermediate was not sent", cut, "mx.example.net", ProblemUntrusted},
		{"self-signed", smtptest.SelfSigned(t, "mx.example.net"), "mx.example.net", ProblemSelfSigned},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := smtptest.Healthy(t, smtptest.Options{TLS: tt.server})
			s := Check(t.Context(), &net.Dialer{}, addr, Options{HELO: "mail.example.org", Name: tt.host, Roots: ours.Roots()})
			if s.Phase != PhaseDone || s.Result != Accepted || s.TLS.Result != Accepted || s.TLS.Version != "TLS 1.3" {
				t.Fatalf("a certificate ended the session: %+v", s)
			}
			if s.TLS.Problem != tt.want || (s.TLS.Err != "") != (tt.want != "") {
				t.Errorf("problem %q (%s), want %q", s.TLS.Problem, s.TLS.Err, tt.want)
			}
			leaf := tt.server.Certificates[0].Leaf
			if s.TLS.Subject == "" || s.TLS.Issuer != leaf.Issuer.CommonName || !s.TLS.NotAfter.Equal(leaf.NotAfter) {
				t.Errorf("certificate %+v", s.TLS)
			}
			if last := s.Transcript[len(s.Transcript)-1]; last != "S: 221 2.0.0 Bye" {
				t.Errorf("last words %q", last)
			}
		})
	}
}

func TestSystemAuthoritiesDoNotKnowOurs(t *testing.T) {
	server := smtptest.NewAuthority(t).Issue(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "mx.example.net")
	s := Check(t.Context(), &net.Dialer{}, smtptest.Healthy(t, smtptest.Options{TLS: server}), polite)
	if s.TLS.Problem != ProblemUntrusted && s.TLS.Problem != ProblemNoRoots { // the latter in a bare container
		t.Errorf("problem %q (%s)", s.TLS.Problem, s.TLS.Err)
	}
}

func TestTLSInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{Size: 10240000, TLS: smtptest.SelfSigned(t, "mx.example.net")}))
		s := Check(t.Context(), d, somewhere, polite)
		if s.Phase != PhaseDone || s.TLS.Problem != ProblemSelfSigned || s.Size != 10240000 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTLSIsNotTriedUnasked(t *testing.T) {
	addr := smtptest.Healthy(t, smtptest.Options{TLS: smtptest.SelfSigned(t, "mx.example.net")})
	s := Check(t.Context(), &net.Dialer{}, addr, Options{HELO: "mail.example.org", NoTLS: true})
	if s.Phase != PhaseDone || !s.TLS.Offered || s.TLS.Result != "" {
		t.Errorf("NoTLS: %+v", s.TLS)
	}
	s = Check(t.Context(), &net.Dialer{}, smtptest.Healthy(t, smtptest.Options{}), polite)
	if s.Phase != PhaseDone || s.TLS.Offered || s.TLS.Result != "" {
		t.Errorf("not offered: %+v", s.TLS)
	}
}

func TestHandshakesThatFail(t *testing.T) {
	offered := []smtptest.Step{send("220 x\r\n"), expect("EHLO"), send("250-x\r\n250 STARTTLS\r\n"), expect("STARTTLS")}
	tests := []struct {
		name string
		then []smtptest.Step
		want Result
	}{
		{"closed", []smtptest.Step{send("220 go\r\n"), smtptest.Close()}, Closed},
		{"no TLS", []smtptest.Step{send("220 go\r\n"), sleep(time.Millisecond), send("500 what is this\r\n"), smtptest.Silence()}, Failed},
		{"no common cipher", []smtptest.Step{send("220 go\r\n"), smtptest.StartTLS(&tls.Config{})}, Failed},
		{"words in the clear that would pass for encrypted", []smtptest.Step{send("220 go\r\n250 injected\r\n"), smtptest.Silence()}, NotSMTP},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := smtptest.Serve(t, append(offered, tt.then...)...)
			s := Check(t.Context(), &net.Dialer{}, addr, polite)
			if s.Phase != PhaseSTARTTLS || s.Result != tt.want || s.TLS.Result != tt.want {
				t.Errorf("%s, %s, TLS %s (%s), want %s", s.Phase, s.Result, s.TLS.Result, s.Err, tt.want)
			}
			if s.TLS.Problem != ProblemHandshake || s.TLS.Err == "" {
				t.Errorf("problem %q (%s)", s.TLS.Problem, s.TLS.Err)
			}
		})
	}
}

// Mail servers grow old. What their peers still manage, we must not call a
// failure of theirs.
func TestOldServersAreUnderstood(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		key    any
		pub    any
		max    uint16
		cipher uint16
	}{
		{"TLS 1.0", ec, &ec.PublicKey, tls.VersionTLS10, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		{"key exchange by RSA", old, &old.PublicKey, tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{"triple DES", old, &old.PublicKey, tls.VersionTLS12, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.net"}, NotAfter: time.Now().Add(time.Hour)}
			der, err := x509.CreateCertificate(rand.Reader, c, c, tt.pub, tt.key)
			if err != nil {
				t.Fatal(err)
			}
			server := &tls.Config{
				Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: tt.key}},
				MinVersion:   tls.VersionTLS10, MaxVersion: tt.max, CipherSuites: []uint16{tt.cipher},
			}
			s := Check(t.Context(), &net.Dialer{}, smtptest.Healthy(t, smtptest.Options{TLS: server}), polite)
			if s.TLS.Result != Accepted || s.TLS.Version != tls.VersionName(tt.max) || s.TLS.Subject != "mx.example.net" {
				t.Errorf("%+v", s.TLS)
			}
		})
	}
}

// A server may announce less to strangers than over TLS, or the other way round.
func TestWhatIsSaidOverTLSCounts(t *testing.T) {
	offered := []smtptest.Step{
		send("220 x\r\n"), expect("EHLO"), send("250-x\r\n250-SIZE 1000\r\n250-SMTPUTF8\r\n250-LIMITS RCPTMAX=5\r\n250 STARTTLS\r\n"),
		expect("STARTTLS"), send("220 go\r\n"), smtptest.StartTLS(smtptest.SelfSigned(t, "mx.example.net")), expect("EHLO mail.example.org"),
	}
	tests := []struct {
		name   string
		then   []smtptest.Step
		phase  Phase
		result Result
		code   int
		size   int64
		limits Limits
	}{
		{"other limits", []smtptest.Step{send("250-x\r\n250-LIMITS RCPTMAX=9\r\n250 SIZE 2000\r\n"), expect("QUIT")}, PhaseDone, Accepted, 250, 2000, Limits{RcptMax: 9}},
		{"no limits", []smtptest.Step{send("250 x\r\n"), expect("QUIT")}, PhaseDone, Accepted, 250, 0, Limits{}},
		{"refused", []smtptest.Step{send("550 no\r\n"), expect("HELO"), send("550 no\r\n"), expect("QUIT")}, PhaseEHLO, Rejected, 550, 0, Limits{}},
		{"only HELO", []smtptest.Step{send("550 no\r\n"), expect("HELO"), send("250 x\r\n"), expect("QUIT")}, PhaseDone, Accepted, 250, 0, Limits{}},
		{"hung up: the last word stands", []smtptest.Step{smtptest.Close()}, PhaseEHLO, Closed, 250, 1000, Limits{RcptMax: 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Check(t.Context(), &net.Dialer{}, smtptest.Serve(t, append(slices.Clone(offered), tt.then...)...), polite)
			if s.Phase != tt.phase || s.Result != tt.result || s.EHLO.Code != tt.code || s.Size != tt.size || s.Limits != tt.limits {
				t.Errorf("%s, %s, EHLO %+v, size %d, limits %+v", s.Phase, s.Result, s.EHLO, s.Size, s.Limits)
			}
			if !s.TLS.Offered || s.TLS.Result != Accepted {
				t.Errorf("TLS %+v", s.TLS)
			}
		})
	}
}
