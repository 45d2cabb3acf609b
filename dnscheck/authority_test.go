package dnscheck_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

// internet is name servers by address; an address that is not listed cannot be
// dialled.
type internet map[string]*dnstest.Server

func (w internet) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, _ := net.SplitHostPort(address)
	if s, ok := w[host]; ok && port == "53" {
		return s.Dial(ctx, network, address)
	}
	return nil, errors.New("not allowed to dial " + address)
}

const delegation = `
	example.net.      300 IN SOA ns1.example.net. admin.example.net. 7 1 1 1 60
	example.net.      300 IN NS  ns1.example.net.
	example.net.      300 IN NS  ns2.example.net.
	example.net.      300 IN MX  10 mx.example.net.
	ns1.example.net.  300 IN A   192.0.2.1
	ns2.example.net.  300 IN A   192.0.2.2
	dept.example.net. 300 IN MX  20 mx.example.net.
	alias.example.net. 300 IN CNAME dept.example.net.
	mx.example.net.   300 IN A   192.0.2.25
`

// seen is what a look at the name servers found, for comparison.
func seen(a dnscheck.Authority) string {
	var lines []string
	for _, s := range a.Servers {
		line := fmt.Sprint(s.Host, " ", s.Service)
		if s.Service == dnscheck.Serves {
			line += fmt.Sprint(" ", s.Serial)
		}
		if s.Differs {
			line += " differs"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func TestCheckAuthoritativeAsksEachServer(t *testing.T) {
	old := strings.Replace(strings.Replace(delegation, " 7 ", " 6 ", 1), "10 mx", "10 former", 1)
	none := strings.Replace(delegation, "example.net.      300 IN MX  10 mx.example.net.\n", "", 1)
	tests := []struct {
		domain, zone string
		second       string // what the second server holds
		fault        dnstest.Fault
		want         string
	}{
		{"example.net", "example.net", delegation, 0, "ns1.example.net serves 7, ns2.example.net serves 7"},
		{"Example.NET.", "example.net", old, 0, "ns1.example.net serves 7, ns2.example.net serves 6 differs"},
		{"example.net", "example.net", none, 0, "ns1.example.net serves 7, ns2.example.net serves 7 differs"},
		{"dept.example.net", "example.net", delegation, 0, "ns1.example.net serves 7, ns2.example.net serves 7"},
		{"alias.example.net", "example.net", delegation, 0, "ns1.example.net serves 7, ns2.example.net serves 7"},
		{"gone.example.net", "example.net", delegation, 0, "ns1.example.net serves 7, ns2.example.net serves 7"},
		{"example.net", "example.net", "", dnstest.Silence, "ns1.example.net serves 7, ns2.example.net silent"},
		{"example.net", "example.net", "", dnstest.Refuse, "ns1.example.net serves 7, ns2.example.net refused"},
		{"example.net", "example.net", "", dnstest.Lame, "ns1.example.net serves 7, ns2.example.net lame"},
		{"example.net", "example.net", "", dnstest.ServFail, "ns1.example.net serves 7, ns2.example.net faulty"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			first, second := dnstest.New(t, delegation), dnstest.New(t, tt.second)
			if tt.fault != 0 {
				second.Fault("*", tt.fault)
			}
			resolver := dnstest.New(t, delegation).Resolver()
			a := dnscheck.CheckAuthoritative(t.Context(), resolver, internet{"192.0.2.1": first, "192.0.2.2": second}, tt.domain)
			if got := seen(a); got != tt.want || a.Zone != tt.zone || a.FromParent || a.Err != "" {
				t.Errorf("%s: %s\nwant %s\n%+v", tt.domain, got, tt.want, a)
			}
			if len(second.Queries()) < 2 || strings.Contains(strings.Join(first.Queries(), ","), " A") {
				t.Errorf("%s: asked %q and %q", tt.domain, first.Queries(), second.Queries())
			}
		})
	}
}

// TestCheckAuthoritativeFindsServersThatTheResolverCannot: every name server
// is down, so that the resolver knows nothing but SERVFAIL.
func TestCheckAuthoritativeFindsServersThatTheResolverCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const top = `
			net.             300 IN SOA ns.tld.example. admin.tld.example. 1 1 1 1 60
			net.             300 IN NS  ns.tld.example.
			ns.tld.example.  300 IN A   198.51.100.1
			example.net.     300 IN NS  ns1.example.net.
			example.net.     300 IN NS  ns2.example.net.
			ns1.example.net. 300 IN A   192.0.2.1
			ns2.example.net. 300 IN A   192.0.2.2`
		resolver, parent, dead := dnstest.New(t, top), dnstest.New(t, top), dnstest.New(t)
		for _, name := range []string{"example.net", "mail.example.net", "ns1.example.net", "ns2.example.net"} {
			resolver.Fault(name, dnstest.ServFail)
		}
		dead.Fault("*", dnstest.Silence)
		lame := dnstest.New(t)
		lame.Fault("*", dnstest.Refuse)
		w := internet{"198.51.100.1": parent, "192.0.2.1": dead, "192.0.2.2": lame}
		for _, domain := range []string{"example.net", "mail.example.net"} {
			a := dnscheck.CheckAuthoritative(t.Context(), resolver.Resolver(), w, domain)
			if got := seen(a); got != "ns1.example.net silent, ns2.example.net refused" || !a.FromParent || a.Zone != "example.net" ||
				a.Resolver.Status != dnscheck.ServFail || a.Serving() != 0 {
				t.Errorf("%s: %s\n%+v", domain, got, a)
			}
		}
	})
}

func TestCheckAuthoritativeSaysWhomItCouldNotAsk(t *testing.T) {
	zone := delegation + `
		example.net.     300 IN NS  ns3.example.net.
		example.net.     300 IN NS  ns4.example.net.
		example.net.     300 IN NS  ns5.example.net.
		ns3.example.net. 300 IN AAAA 2001:db8::3
		ns5.example.net. 300 IN TXT "no address"
	`
	resolver, good := dnstest.New(t, zone), dnstest.New(t, zone)
	resolver.Fault("ns4.example.net", dnstest.ServFail)
	a := dnscheck.CheckAuthoritative(t.Context(), resolver.Resolver(), internet{"192.0.2.1": good, "192.0.2.2": good}, "example.net")
	want := "ns1.example.net serves 7, ns2.example.net serves 7, ns3.example.net not-asked, ns4.example.net not-asked, ns5.example.net no-address"
	if got := seen(a); got != want || !strings.Contains(a.Servers[2].Err, "not allowed") || !strings.Contains(a.Servers[3].Err, "SERVFAIL") {
		t.Errorf("%s\n%+v", got, a)
	}
	if !slices.Equal(a.Serials(), []uint32{7}) || a.Serving() != 2 {
		t.Errorf("%v, %d", a.Serials(), a.Serving())
	}
}

func TestCheckAuthoritativeIsBounded(t *testing.T) {
	var zone strings.Builder
	zone.WriteString("example.net. 300 IN SOA . . 1 1 1 1 60\nexample.net. 300 IN MX 0 .\n")
	for i := range 40 {
		fmt.Fprintf(&zone, "example.net. 300 IN NS n%02d.example.net.\n", i)
		for j := range 3 {
			fmt.Fprintf(&zone, "n%02d.example.net. 300 IN A 192.0.2.%d\n", i, j)
		}
	}
	s := dnstest.New(t, zone.String())
	w := internet{}
	for _, ip := range []string{"192.0.2.0", "192.0.2.1", "192.0.2.2"} {
		w[ip] = s
	}
	a := dnscheck.CheckAuthoritative(t.Context(), s.Resolver(), w, "example.net")
	if len(a.Servers) != 20 || a.Unasked != 27+19 || len(s.Queries()) != 2+26+40 {
		t.Errorf("%d servers, %d unasked, %d queries", len(a.Servers), a.Unasked, len(s.Queries()))
	}
}

func TestCheckAuthoritativeOfWhatIsNoNameAsksNothing(t *testing.T) {
	for _, domain := range []string{"", "..", "a b.net", "fe80::1%eth0"} {
		a := dnscheck.CheckAuthoritative(t.Context(), dnstest.New(t).Resolver(), internet{}, domain)
		if a.Err == "" || len(a.Servers) > 0 {
			t.Errorf("%q: %+v", domain, a)
		}
	}
}

// TestAServerThatIsNotWaitedForIsNotCalledSilent: the time of the run is up
// before the server's.
func TestAServerThatIsNotWaitedForIsNotCalledSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := dnstest.New(t)
		silent.Fault("*", dnstest.Silence)
		ctx, cancel := contextWithin(t, time.Second)
		defer cancel()
		w := internet{"192.0.2.1": silent, "192.0.2.2": silent}
		a := dnscheck.CheckAuthoritative(ctx, dnstest.New(t, delegation).Resolver(), w, "example.net")
		if got := seen(a); got != "ns1.example.net not-asked, ns2.example.net not-asked" || a.Took != time.Second {
			t.Errorf("%s after %v", got, a.Took)
		}
	})
}

var _ dnscheck.Dialer = (*net.Dialer)(nil)

func TestDirectClientAsksWithoutRecursion(t *testing.T) {
	s := dnstest.New(t, `
		example.net.     300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		sub.example.net. 300 IN NS  ns.sub.example.net.
		ns.sub.example.net. 300 IN A 192.0.2.9
		mx.example.net.  300 IN A 192.0.2.25`)
	c := &dnscheck.Client{Servers: []netip.AddrPort{s.Addr()}, Direct: true}
	a, err := c.Lookup(t.Context(), dnscheck.Question{Name: "mx.example.net", Type: dnscheck.TypeA})
	if err != nil || a.Status != dnscheck.OK || !a.Authoritative || len(a.Referral) > 0 {
		t.Errorf("%+v, %v", a, err)
	}
	a, err = c.Lookup(t.Context(), dnscheck.Question{Name: "www.sub.example.net", Type: dnscheck.TypeA})
	if err != nil || a.Status != dnscheck.Failed || a.Authoritative || len(a.Referral) != 2 || a.Referral[0].Host != "ns.sub.example.net" {
		t.Errorf("%+v, %v", a, err)
	}
}
