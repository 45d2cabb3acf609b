package dnscheck_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

const announcements = `
	example.com.                  300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60
	example.org.                  300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60
	_mta-sts.example.com.         300 IN TXT "unrelated"
	_mta-sts.example.com.         300 IN TXT "v=STSv1; id=20260102T030405;"
	mta-sts.example.com.          300 IN A   192.0.2.80
	_mta-sts.example.org.         300 IN CNAME _mta-sts.example.com.
	mta-sts.example.org.          300 IN A   192.0.2.80
	_mta-sts.two.example.com.     300 IN TXT "v=STSv1; id=1"
	_mta-sts.two.example.com.     300 IN TXT "v=STSv1; id=2"
	_mta-sts.noid.example.com.    300 IN TXT "v=STSv1;"
	_mta-sts.longid.example.com.  300 IN TXT "v=STSv1; id=123456789012345678901234567890123"
	_mta-sts.other.example.com.   300 IN TXT "v=STSv2; id=1"
	_mta-sts.nohost.example.com.  300 IN TXT "v=STSv1; id=1"
	_mta-sts.a/b.example.com.     300 IN TXT "v=STSv1; id=1"
`

// policyServer is the policy host of example.com, and a client that trusts it.
func policyServer(t *testing.T, handler http.HandlerFunc) (*dnscheck.Client, *http.Client) {
	web := httptest.NewUnstartedServer(handler)
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it are meant
	web.StartTLS()
	t.Cleanup(web.Close)
	dns := dnstest.New(t, announcements)
	dial := dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != "192.0.2.80:443" {
			return nil, errors.New("not allowed to dial " + address)
		}
		return new(net.Dialer).DialContext(ctx, network, web.Listener.Addr().String())
	})
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	return dns.Resolver(), dnscheck.PolicyClient(dns.Resolver(), dial, roots)
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

const policyText = "version: STSv1\r\nmode: enforce\r\nmx: MX.example.com\r\nmx: *.mail.example.com\r\nmax_age: 604800\r\n"

func TestCheckSTSFetchesThePolicy(t *testing.T) {
	r, fetch := policyServer(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Host != "mta-sts.example.com" || req.URL.Path != "/.well-known/mta-sts.txt" || req.TLS.ServerName != req.Host {
			t.Errorf("asked for %s of %s", req.URL, req.Host)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, policyText)
	})
	s := dnscheck.CheckSTS(t.Context(), r, fetch, "Example.com.")
	if s.Status != dnscheck.OK || s.ID != "20260102T030405" || s.Mode != "enforce" || s.MaxAge != 7*24*time.Hour || s.Problem != "" || s.Err != "" ||
		!slices.Equal(s.MX, []string{"mx.example.com", "*.mail.example.com"}) {
		t.Errorf("%+v", s)
	}
	for host, want := range map[string]bool{
		"mx.example.com": true, "MX.Example.Com.": true, "a.mail.example.com": true,
		"mail.example.com": false, "a.b.mail.example.com": false, "example.com": false, "": false, "com": false,
	} {
		if s.Covers(host) != want {
			t.Errorf("covers %q: %v", host, !want)
		}
	}
}

func TestCheckSTSNamesWhatIsWrong(t *testing.T) {
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, body)
		}
	}
	tests := []struct {
		name, domain string
		web          http.HandlerFunc
		status       dnscheck.Status
		problem      dnscheck.Problem
	}{
		{"no announcement", "gone.example.com", nil, dnscheck.NXDomain, ""},
		{"another version", "other.example.com", nil, dnscheck.NoData, ""},
		{"two announcements", "two.example.com", nil, dnscheck.NoData, dnscheck.STSManyRecords},
		{"no id", "noid.example.com", nil, dnscheck.NoData, dnscheck.STSRecord},
		{"an id too long", "longid.example.com", nil, dnscheck.NoData, dnscheck.STSRecord},
		{"no name", "..", nil, dnscheck.Failed, ""},
		{"a name that is no host's", "a/b.example.com", nil, dnscheck.OK, dnscheck.STSUnreachable},
		{"no policy host", "nohost.example.com", nil, dnscheck.OK, dnscheck.STSUnreachable},
		{"a certificate for another name", "example.org", text(policyText), dnscheck.OK, dnscheck.STSCertificate},
		{"a redirect", "example.com", http.RedirectHandler("https://mta-sts.example.com/elsewhere", http.StatusFound).ServeHTTP, dnscheck.OK, dnscheck.STSRefused},
		{"not found", "example.com", http.NotFound, dnscheck.OK, dnscheck.STSRefused},
		{"a web page", "example.com", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, dnscheck.OK, dnscheck.STSType},
		{"endless", "example.com", text(policyText + strings.Repeat("x: y\n", 20_000)), dnscheck.OK, dnscheck.STSTooLong},
		{"cut off", "example.com", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, policyText)
		}, dnscheck.OK, dnscheck.STSUnreachable},
		{"empty", "example.com", text(""), dnscheck.OK, dnscheck.STSPolicy},
		{"no version", "example.com", text("mode: none\nmax_age: 1\n"), dnscheck.OK, dnscheck.STSPolicy},
		{"an unknown mode", "example.com", text("version: STSv1\nmode: maybe\nmx: mx.example.com\nmax_age: 1\n"), dnscheck.OK, dnscheck.STSPolicy},
		{"no servers", "example.com", text("version: STSv1\nmode: enforce\nmax_age: 1\n"), dnscheck.OK, dnscheck.STSPolicy},
		{"a server that is none", "example.com", text("version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n"), dnscheck.OK, dnscheck.STSPolicy},
		{"a wildcard inside a name", "example.com", text("version: STSv1\nmode: enforce\nmx: mx.*.example.com\nmax_age: 1\n"), dnscheck.OK, dnscheck.STSPolicy},
		{"an age that is none", "example.com", text("version: STSv1\nmode: none\nmax_age: -1\n"), dnscheck.OK, dnscheck.STSPolicy},
		{"a line that is none", "example.com", text("version: STSv1\nmode: none\nmax_age: 1\nhello\n"), dnscheck.OK, dnscheck.STSPolicy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, fetch := policyServer(t, func(w http.ResponseWriter, req *http.Request) {
				if tt.web == nil || req.URL.Path == "/elsewhere" {
					t.Errorf("asked for %s", req.URL)
					return
				}
				tt.web(w, req)
			})
			s := dnscheck.CheckSTS(t.Context(), r, fetch, tt.domain)
			if s.Status != tt.status || s.Problem != tt.problem || s.Mode != "" || s.MX != nil || s.Covers("mx.example.com") {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestCheckSTSToleratesWhatTheRFCDoes(t *testing.T) {
	for _, text := range []string{
		"mode:none\nversion:STSv1\nmax_age:9999999999",
		"version: STSv1\nmode: none\nmode: enforce\nfuture: field: x\n\nmax_age: 31557601\n",
	} {
		r, fetch := policyServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, text)
		})
		s := dnscheck.CheckSTS(t.Context(), r, fetch, "example.com")
		if s.Mode != "none" || s.MaxAge != 31_557_600*time.Second || s.Problem != "" {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

func TestASilentPolicyHostIsGivenUp(t *testing.T) {
	block := make(chan struct{})
	r, fetch := policyServer(t, func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-block:
		case <-req.Context().Done():
		}
	})
	defer close(block)
	ctx, cancel := contextWithin(t, 200*time.Millisecond)
	defer cancel()
	s := dnscheck.CheckSTS(ctx, r, fetch, "example.com")
	if s.Problem != dnscheck.STSUnreachable || fetch.Timeout != 10*time.Second {
		t.Errorf("%+v", s)
	}
}
