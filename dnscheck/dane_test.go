package dnscheck_test

import (
	"fmt"
	"strings"
	"testing"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

func TestCheckTLSA(t *testing.T) {
	zone := `
		example.net.              300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		mx.example.net.           300 IN A   192.0.2.25
		_25._tcp.mx.example.net.  300 IN CNAME tlsa.example.net.
		_25._tcp.bogus.example.net. 300 IN TLSA 3 1 1 00
		tlsa.example.net.         300 IN TLSA 3 1 1 ` + strings.Repeat("ab", 32)
	s := dnstest.New(t, zone)
	s.Sign("_25._tcp.mx.example.net")
	s.Fault("_25._tcp.bogus.example.net", dnstest.Bogus)
	d := dnscheck.CheckTLSA(t.Context(), s.Resolver(), "MX.example.net.", 25)
	if d.Status != dnscheck.OK || !d.Authentic || len(d.Records) != 1 || len(d.Usable()) != 1 || d.Host != "mx.example.net" {
		t.Errorf("%+v", d)
	}
	for host, want := range map[string]dnscheck.Status{
		"gone.example.net": dnscheck.NXDomain, "bogus.example.net": dnscheck.ServFail, "..": dnscheck.Failed, "": dnscheck.Failed,
	} {
		d := dnscheck.CheckTLSA(t.Context(), s.Resolver(), host, 25)
		if d.Status != want || d.Authentic || len(d.Records) > 0 || d.Bogus != (want == dnscheck.ServFail) {
			t.Errorf("%s: %+v", host, d)
		}
	}
}

func TestUsableTLSA(t *testing.T) {
	for _, tt := range []struct {
		usage, selector, matching uint8
		bytes                     int
		want                      bool
	}{
		{3, 1, 1, 32, true}, {2, 0, 2, 64, true}, {3, 0, 0, 500, true},
		{0, 0, 1, 32, false}, {1, 1, 1, 32, false}, {4, 1, 1, 32, false}, {3, 2, 1, 32, false},
		{3, 1, 3, 32, false}, {3, 1, 1, 31, false}, {3, 1, 2, 32, false}, {3, 1, 0, 0, false},
	} {
		d := dnscheck.DANE{Records: []dnscheck.TLSA{{Usage: tt.usage, Selector: tt.selector, Matching: tt.matching, Data: make([]byte, tt.bytes)}}}
		if got := len(d.Usable()) == 1; got != tt.want {
			t.Errorf("%+v", tt)
		}
	}
}

func TestTheADBitIsPassedOn(t *testing.T) {
	for _, signed := range [][]string{{}, {"good.example.net MX"}, {"mx1.example.net A"}, {"*"}} {
		s := dnstest.New(t, routes)
		for _, name := range signed {
			s.Sign(name)
		}
		m := dnscheck.CheckMX(t.Context(), s.Resolver(), "good.example.net")
		all := fmt.Sprint(signed) == "[*]"
		if m.Authentic != (all || fmt.Sprint(signed) == "[good.example.net MX]") || m.Hosts[0].Authentic != all {
			t.Errorf("signed %q: %+v", signed, m)
		}
	}
}
