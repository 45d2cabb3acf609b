package dnscheck_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

const reverses = `
	2.0.192.in-addr.arpa.     300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
	example.net.              300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
	1.2.0.192.in-addr.arpa.   300 IN PTR Mail.example.net.
	mail.example.net.         300 IN A    192.0.2.1
	mail.example.net.         300 IN AAAA 2001:db8::1
	2.2.0.192.in-addr.arpa.   300 IN PTR mail.example.net.
	3.2.0.192.in-addr.arpa.   300 IN PTR gone.example.net.
	4.2.0.192.in-addr.arpa.   300 IN PTR gone.example.net.
	4.2.0.192.in-addr.arpa.   300 IN PTR second.example.net.
	second.example.net.       300 IN A   192.0.2.4
	5.2.0.192.in-addr.arpa.   300 IN PTR slow.example.net.
	6.2.0.192.in-addr.arpa.   300 IN CNAME 6.0/25.2.0.192.in-addr.arpa.
	6.0/25.2.0.192.in-addr.arpa. 300 IN PTR six.example.net.
	six.example.net.          300 IN CNAME host6.example.net.
	host6.example.net.        300 IN A   192.0.2.6
	7.2.0.192.in-addr.arpa.   300 IN PTR \000bad\032name.example.net.
	8.2.0.192.in-addr.arpa.   300 IN TXT "no name"
	1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 300 IN PTR mail.example.net.
`

func TestCheckReverseConfirmsForward(t *testing.T) {
	tests := []struct {
		ip     string
		status dnscheck.Status
		names  int
		iprev  dnscheck.Result
	}{
		{"192.0.2.1", dnscheck.OK, 1, dnscheck.Pass},
		{"::ffff:192.0.2.1", dnscheck.OK, 1, dnscheck.Pass},
		{"2001:db8::1", dnscheck.OK, 1, dnscheck.Pass},
		{"2001:db8::1%eth0", dnscheck.OK, 1, dnscheck.Pass},
		{"192.0.2.2", dnscheck.OK, 1, dnscheck.Fail},
		{"192.0.2.3", dnscheck.OK, 1, dnscheck.Fail},
		{"192.0.2.4", dnscheck.OK, 2, dnscheck.Pass},
		{"192.0.2.5", dnscheck.OK, 1, dnscheck.TempError},
		{"192.0.2.6", dnscheck.OK, 1, dnscheck.Pass},
		{"192.0.2.7", dnscheck.OK, 1, dnscheck.Fail},
		{"192.0.2.8", dnscheck.NoData, 0, dnscheck.PermError},
		{"192.0.2.9", dnscheck.NXDomain, 0, dnscheck.PermError},
		{"192.0.2.10", dnscheck.ServFail, 0, dnscheck.TempError},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := dnstest.New(t, reverses)
			s.Fault("slow.example.net", dnstest.Silence)
			s.Fault("10.2.0.192.in-addr.arpa", dnstest.Bogus)
			r := dnscheck.CheckReverse(t.Context(), s.Resolver(), netip.MustParseAddr(tt.ip))
			if r.Status != tt.status || len(r.Names) != tt.names || r.Iprev() != tt.iprev || r.Confirmed != (tt.iprev == dnscheck.Pass) {
				t.Errorf("%s: %s, %+v", tt.ip, r.Iprev(), r)
			}
			if r.Bogus != (tt.status == dnscheck.ServFail && tt.names == 0 && len(s.Queries()) == 5) {
				t.Errorf("%s: bogus %v", tt.ip, r.Bogus)
			}
		})
	}
}

func TestCheckReverseLooksAtTenNames(t *testing.T) {
	var zone strings.Builder
	for i := range 12 {
		fmt.Fprintf(&zone, "1.2.0.192.in-addr.arpa. 300 IN PTR h%d.example.net.\nh%d.example.net. 300 IN A 192.0.2.99\n", i, i)
	}
	s := dnstest.New(t, zone.String())
	r := dnscheck.CheckReverse(t.Context(), s.Resolver(), netip.MustParseAddr("192.0.2.1"))
	if len(r.Names) != 10 || r.Unasked != 2 || len(s.Queries()) != 21 || r.Iprev() != dnscheck.TempError {
		t.Errorf("%d names, %d unasked, %d queries, %s", len(r.Names), r.Unasked, len(s.Queries()), r.Iprev())
	}
}

func TestCheckReverseOfNoAddressFails(t *testing.T) {
	r := dnscheck.CheckReverse(t.Context(), dnstest.New(t).Resolver(), netip.Addr{})
	if r.Status != dnscheck.Failed || r.Err == "" {
		t.Errorf("%+v", r)
	}
}

func TestReverseNames(t *testing.T) {
	tests := []struct{ ip, labels, name string }{
		{"192.0.2.1", "1.2.0.192", "1.2.0.192.in-addr.arpa."},
		{"::ffff:192.0.2.1", "1.2.0.192", "1.2.0.192.in-addr.arpa."},
		{"2001:db8::cafe%eth0",
			"e.f.a.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2",
			"e.f.a.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."},
		{"", "", ""},
	}
	for _, tt := range tests {
		ip, _ := netip.ParseAddr(tt.ip)
		if dnscheck.ReverseLabels(ip) != tt.labels || dnscheck.ReverseName(ip) != tt.name {
			t.Errorf("%s: %s, %s", ip, dnscheck.ReverseLabels(ip), dnscheck.ReverseName(ip))
		}
	}
}

func TestNamesMadeFromTheAddressAreGeneric(t *testing.T) {
	const v4, v6 = "192.0.2.1", "2001:db8::25"
	tests := []struct {
		ip, name string
		generic  bool
	}{
		{v4, "192-0-2-1.example.net", true},
		{v4, "1.2.0.192.example.net", true},
		{v4, "host192-000-002-001.example.net", true},
		{v4, "192000002001.example.net", true},
		{v4, "c0000201.example.net", true},
		{v4, "x1-2-0-192.static.example.net", true},
		{v4, "dynamic-17.example.net", true},
		{v4, "pc7.dhcp.example.co.uk", true},
		{v4, "a1.pool2.example.net", true},
		{v6, "2001-db8--25.example.net", true},
		{v6, "20010db8000000000000000000000025.example.net", true},
		{v4, "mail.example.net", false},
		{v4, "mx1.example.net", false},
		{v4, "mx192.example.net", false},
		{v4, "mail.pool.example", false},
		{v4, "mail.dynamic.example", false},
		{v4, "dynamo.example.net", false},
		{v4, "mail-2-1.example.net", false},
		{v6, "mx25.example.net", false},
		{v4, ".", false},
	}
	for _, tt := range tests {
		ip := netip.MustParseAddr(tt.ip)
		s := dnstest.New(t, dnscheck.ReverseName(ip)+" 300 IN PTR "+strings.TrimSuffix(tt.name, ".")+".", ". 300 IN SOA . . 1 1 1 1 60")
		r := dnscheck.CheckReverse(t.Context(), s.Resolver(), ip)
		if len(r.Names) != 1 || r.Names[0].Generic != tt.generic {
			t.Errorf("%s for %s: %+v", tt.name, tt.ip, r.Names)
		}
	}
}
