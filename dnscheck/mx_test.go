package dnscheck_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"

	"github.com/google/go-cmp/cmp"
)

const routes = `
	example.net.           300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
	good.example.net.      300 IN MX  20 backup.example.net.
	good.example.net.      300 IN MX  10 MX2.example.net.
	good.example.net.      300 IN MX  10 mx1.example.net.
	mx1.example.net.       300 IN A    192.0.2.1
	mx1.example.net.       300 IN AAAA 2001:db8::1
	mx2.example.net.       300 IN A    192.0.2.2
	backup.example.net.    300 IN AAAA 2001:db8::3
	null.example.net.      300 IN MX  0 .
	heavynull.example.net. 300 IN MX  10 .
	halfnull.example.net.  300 IN MX  0 .
	halfnull.example.net.  300 IN MX  10 mx2.example.net.
	implicit.example.net.  300 IN A   192.0.2.4
	nothing.example.net.   300 IN TXT "no mail here"
	dead.example.net.      300 IN MX  10 gone.example.net.
	address.example.net.   300 IN MX  10 192.0.2.25.
	alias.example.net.     300 IN MX  10 front.example.net.
	front.example.net.     300 IN CNAME mx2.example.net.
	odd.example.net.       300 IN MX  10 a\032b.example.net.
	moved.example.net.     300 IN CNAME good.example.net.
	.                      300 IN SOA . . 1 1 1 1 60
`

func ip(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }

func host(pref uint16, name string, v4, v6 dnscheck.Status, addrs ...netip.Addr) dnscheck.MXHost {
	return dnscheck.MXHost{Preference: pref, Addresses: dnscheck.Addresses{Host: name, V4: v4, V6: v6, Addrs: addrs}}
}

func TestCheckMXFindsTheRoute(t *testing.T) {
	const ok, nodata, nx, failed = dnscheck.OK, dnscheck.NoData, dnscheck.NXDomain, dnscheck.Failed
	both := append(ip("192.0.2.1"), ip("2001:db8::1")...)
	literal := dnscheck.MXHost{Preference: 10, IsAddress: true,
		Addresses: dnscheck.Addresses{Host: "192.0.2.25", V4: ok, V6: nodata, Addrs: ip("192.0.2.25")}}
	alias := host(10, "front.example.net", ok, nodata, ip("192.0.2.2")...)
	alias.CNAME = "mx2.example.net"
	v6literal := dnscheck.MXHost{IsAddress: true,
		Addresses: dnscheck.Addresses{Host: "[IPv6:2001:db8::9]", V4: nodata, V6: ok, Addrs: ip("2001:db8::9")}}
	good := []dnscheck.MXHost{
		host(10, "mx1.example.net", ok, ok, both...),
		host(10, "mx2.example.net", ok, nodata, ip("192.0.2.2")...),
		host(20, "backup.example.net", nodata, ok, ip("2001:db8::3")...),
	}
	tests := []struct {
		domain  string
		want    dnscheck.MX
		routing dnscheck.Routing
	}{
		{"Good.example.net.", dnscheck.MX{Domain: "good.example.net", Status: ok, Hosts: good}, dnscheck.Routable},
		{"moved.example.net", dnscheck.MX{Status: ok, Hosts: good}, dnscheck.Routable},
		{"null.example.net", dnscheck.MX{Status: ok, Null: true}, dnscheck.TakesNoMail},
		{"heavynull.example.net", dnscheck.MX{Status: ok, Null: true}, dnscheck.TakesNoMail},
		{"halfnull.example.net", dnscheck.MX{Status: ok, Hosts: []dnscheck.MXHost{
			host(0, ".", nodata, nodata), host(10, "mx2.example.net", ok, nodata, ip("192.0.2.2")...)}}, dnscheck.Routable},
		{"implicit.example.net", dnscheck.MX{Status: nodata, Implicit: true, Hosts: []dnscheck.MXHost{
			host(0, "implicit.example.net", ok, nodata, ip("192.0.2.4")...)}}, dnscheck.Routable},
		{"nothing.example.net", dnscheck.MX{Status: nodata, Implicit: true, Hosts: []dnscheck.MXHost{
			host(0, "nothing.example.net", nodata, nodata)}}, dnscheck.Unroutable},
		{"missing.example.net", dnscheck.MX{Status: nx}, dnscheck.Unroutable},
		{"dead.example.net", dnscheck.MX{Status: ok, Hosts: []dnscheck.MXHost{host(10, "gone.example.net", nx, nx)}}, dnscheck.Unroutable},
		{"address.example.net", dnscheck.MX{Status: ok, Hosts: []dnscheck.MXHost{literal}}, dnscheck.Routable},
		{"alias.example.net", dnscheck.MX{Status: ok, Hosts: []dnscheck.MXHost{alias}}, dnscheck.Routable},
		{"odd.example.net", dnscheck.MX{Status: ok, Hosts: []dnscheck.MXHost{host(10, `a\ b.example.net`, failed, failed)}}, dnscheck.CannotTell},
		{"no name", dnscheck.MX{Status: failed}, dnscheck.CannotTell},
		{"[IPv6:2001:db8::9]", dnscheck.MX{Status: ok, Implicit: true, Hosts: []dnscheck.MXHost{v6literal}}, dnscheck.Routable},
	}
	for _, tt := range tests {
		if tt.want.Domain == "" {
			tt.want.Domain = tt.domain
		}
		s := dnstest.New(t, routes)
		got := dnscheck.CheckMX(t.Context(), s.Resolver(), tt.domain)
		if diff := cmp.Diff(tt.want, got, unmeasured); diff != "" || got.Outcome() != tt.routing {
			t.Errorf("%s is %s, want %s (-want +got)\n%s", tt.domain, got.Outcome(), tt.routing, diff)
		}
	}
}

func TestCheckMXCannotTellAfterAFailure(t *testing.T) {
	tests := []struct {
		domain, faulty string
		fault          dnstest.Fault
		status         dnscheck.Status
		bogus          bool
		routing        dnscheck.Routing
	}{
		{"good.example.net", "good.example.net MX", dnstest.ServFail, dnscheck.ServFail, false, dnscheck.CannotTell},
		{"good.example.net", "good.example.net MX", dnstest.Bogus, dnscheck.ServFail, true, dnscheck.CannotTell},
		{"good.example.net", "good.example.net MX", dnstest.Silence, dnscheck.Timeout, false, dnscheck.CannotTell},
		{"good.example.net", "good.example.net MX", dnstest.Refuse, dnscheck.Refused, false, dnscheck.CannotTell},
		{"dead.example.net", "gone.example.net AAAA", dnstest.Silence, dnscheck.OK, false, dnscheck.CannotTell},
		{"good.example.net", "mx1.example.net", dnstest.ServFail, dnscheck.OK, false, dnscheck.Routable},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := dnstest.New(t, routes)
			s.Fault(tt.faulty, tt.fault)
			m := dnscheck.CheckMX(t.Context(), s.Resolver(), tt.domain)
			if m.Status != tt.status || m.Bogus != tt.bogus || m.Outcome() != tt.routing || m.Status.Known() != (m.Err == "") {
				t.Errorf("%s with %s %d: %s, %+v", tt.domain, tt.faulty, tt.fault, m.Outcome(), m)
			}
		})
	}
}

func TestCheckAddressesTellsABogusHost(t *testing.T) {
	s := dnstest.New(t, routes)
	s.Fault("mx1.example.net AAAA", dnstest.Bogus)
	a := dnscheck.CheckAddresses(t.Context(), s.Resolver(), "mx1.example.net")
	if a.V6 != dnscheck.ServFail || !a.Bogus || a.Status() != dnscheck.OK || a.Err == "" {
		t.Errorf("%+v", a)
	}
}

// crowd is a domain with n mail servers.
func crowd(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "crowd.example.org. 300 IN MX %d mx%d.example.org.\nmx%d.example.org. 300 IN A 192.0.2.%d\n", n-i, i, i, i+1)
	}
	return b.String()
}

func TestCheckMXTakesTwoRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.New(t, crowd(5))
		s.Slow("*", 100*time.Millisecond)
		m := dnscheck.CheckMX(t.Context(), s.Resolver(), "crowd.example.org")
		if m.Took != 200*time.Millisecond || len(s.Queries()) != 11 {
			t.Errorf("took %v and %d queries", m.Took, len(s.Queries()))
		}
	})
}

func TestCheckMXLooksAtTwentyHosts(t *testing.T) {
	s := dnstest.New(t, crowd(25))
	m := dnscheck.CheckMX(t.Context(), s.Resolver(), "crowd.example.org")
	if len(m.Hosts) != 20 || m.Unasked != 5 || m.Hosts[0].Host != "mx24.example.org" || len(s.Queries()) != 41 {
		t.Errorf("%d hosts, %d unasked, %d queries", len(m.Hosts), m.Unasked, len(s.Queries()))
	}
	for i := range m.Hosts {
		m.Hosts[i].Addresses = dnscheck.Addresses{V4: dnscheck.NXDomain, V6: dnscheck.NXDomain}
	}
	if m.Outcome() != dnscheck.CannotTell {
		t.Error("called unroutable though five hosts were not asked for")
	}
}

func TestChecksAfterTheContextEndedAskNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.New(t, routes)
		s.Fault("*", dnstest.Silence)
		ctx, cancel := contextWithin(t, time.Second)
		defer cancel()
		m := dnscheck.CheckMX(ctx, s.Resolver(), "good.example.net")
		r := dnscheck.CheckReverse(ctx, s.Resolver(), netip.MustParseAddr("192.0.2.1"))
		if m.Status != dnscheck.Timeout || r.Status != dnscheck.Timeout || m.Took != time.Second {
			t.Errorf("%+v, %+v", m, r)
		}
		if want := []string{"good.example.net MX"}; !slices.Equal(s.Queries(), want) {
			t.Errorf("asked %q", s.Queries())
		}
	})
}

func BenchmarkCheckMX(b *testing.B) {
	s := dnstest.New(b, crowd(5)+". 300 IN SOA . . 1 1 1 1 60")
	r := &dnscheck.Client{Servers: []netip.AddrPort{s.Addr()}}
	for b.Loop() {
		if m := dnscheck.CheckMX(b.Context(), r, "crowd.example.org"); m.Outcome() != dnscheck.Routable {
			b.Fatal(m)
		}
	}
}

func TestCheckMXNamesWhatIsNoDomain(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, domain := range []string{
		"", "..", "a..example.net", ".example.net", "a\x00b.example.net", "a\x1b[2J.example.net", "a\r\nb.example.net",
		strings.Repeat("a.", 150), strings.Repeat(label+".", 4) + "net", label + "a.example.net", strings.Repeat("例", 300),
		"fe80::1%eth0", "2001:db8::/32", "2001:db8::1", "user@example.net", "[192.0.2.1", "[fe80::1%eth0]x",
	} {
		m := dnscheck.CheckMX(t.Context(), dnstest.New(t).Resolver(), domain)
		if m.Status != dnscheck.Failed || m.Outcome() != dnscheck.CannotTell || len(m.Hosts) > 0 || !errors.Is(dnscheck.CheckName(domain), dnscheck.ErrName) {
			t.Errorf("%.70q: %+v", domain, m)
		}
	}
}

func TestCheckMXOfAnIPv4AddressOrNetworkDoesNotExist(t *testing.T) {
	for _, domain := range []string{"192.0.2.1", "192.0.2.0/24"} { // names, as far as the DNS is concerned
		m := dnscheck.CheckMX(t.Context(), dnstest.New(t, ". 300 IN SOA . . 1 1 1 1 60").Resolver(), domain)
		if m.Status != dnscheck.NXDomain || m.Outcome() != dnscheck.Unroutable {
			t.Errorf("%s: %+v", domain, m)
		}
	}
}

func TestCheckMXOfAliasesThatGoInACircle(t *testing.T) {
	s := dnstest.New(t, `
		loop.example.net. 300 IN CNAME pool.example.net.
		pool.example.net. 300 IN CNAME loop.example.net.
		example.net.      300 IN MX 10 loop.example.net.`)
	for _, domain := range []string{"loop.example.net", "example.net"} {
		m := dnscheck.CheckMX(t.Context(), s.Resolver(), domain)
		if m.Outcome() != dnscheck.CannotTell {
			t.Errorf("%s: %+v", domain, m)
		}
	}
}

// TestAddressesThatAreNotPublicAreTold: what to think of them, others decide.
func TestAddressesThatAreNotPublicAreTold(t *testing.T) {
	s := dnstest.New(t, `
		example.net.    300 IN MX 10 mx.example.net.
		mx.example.net. 300 IN A    127.0.0.1
		mx.example.net. 300 IN A    10.0.0.1
		mx.example.net. 300 IN AAAA ::1
		mx.example.net. 300 IN AAAA ::ffff:192.0.2.1`)
	m := dnscheck.CheckMX(t.Context(), s.Resolver(), "example.net")
	if len(m.Hosts) != 1 || fmt.Sprint(m.Hosts[0].Addrs) != "[127.0.0.1 10.0.0.1 ::1 ::ffff:192.0.2.1]" {
		t.Errorf("%+v", m)
	}
}

// flaky fails until it has been asked without checking, as a resolver does
// whose first try was lost on the way.
type flaky struct{ warm bool }

func (f *flaky) Lookup(_ context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	if f.warm = f.warm || q.CD; !f.warm {
		return dnscheck.Answer{Question: q, Status: dnscheck.ServFail}, nil
	}
	return dnscheck.Answer{Question: q, Status: dnscheck.NXDomain}, nil
}

func TestAPassingFailureIsNoWrongSignature(t *testing.T) {
	if m := dnscheck.CheckMX(t.Context(), &flaky{}, "example.net"); m.Bogus || m.Status != dnscheck.NXDomain {
		t.Errorf("%s, bogus %v", m.Status, m.Bogus)
	}
}
