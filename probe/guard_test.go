package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"diagnose/dnscheck"
	"diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"
)

func TestOnlyPublicUnicastIsPublic(t *testing.T) {
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.171", "192.0.2.1", "192.31.196.1",
		"192.52.193.1", "192.88.99.1", "192.168.1.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
		"203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
		"64:ff9b::808:808", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1",
		"2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1", "2620:4f:8000::1", "3fff::1", "5f00::1",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
	} {
		if addr := netip.MustParseAddr(s); Public(addr) || (Guard{}).Allows(addr) {
			t.Errorf("%s counts as public", s)
		}
	}
	for _, s := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
		"192.0.1.1", "192.0.3.1", "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
		"2001:500::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "2003::1",
	} {
		if addr := netip.MustParseAddr(s); !Public(addr) {
			t.Errorf("%s does not count as public", s)
		}
	}
	if Public(netip.Addr{}) || (Guard{}).Allows(netip.Addr{}) {
		t.Error("no address counts as public")
	}
}

func TestAllowedNetworkOpensNothingElse(t *testing.T) {
	g := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for s, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "fd00:1::5": true, "9.9.9.9": true,
		"10.2.0.1": false, "127.0.0.1": false, "fd00:2::1": false, "169.254.169.254": false, "2002:a01:203::": false,
	} {
		if got := g.Allows(netip.MustParseAddr(s)); got != want {
			t.Errorf("Allows(%s) = %v", s, got)
		}
	}
}

func TestDialerReachesOnlyAllowedAddressesOnNamedPorts(t *testing.T) {
	var dialled []string
	next := smtptest.Dialer(func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return nil, net.ErrClosed
	})
	d := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}.Dialer(next, 25, 2525)
	for address, want := range map[string]bool{
		"9.9.9.9:25": true, "9.9.9.9:2525": true, "[2606:4700::1111]:25": true, "10.1.0.7:25": true, "[::ffff:9.9.9.9]:25": true,
		"9.9.9.9:22": false, "9.9.9.9:0": false, "10.2.0.7:25": false, "[::1]:25": false, "[::ffff:127.0.0.1]:25": false,
		"[64:ff9b::7f00:1]:25": false, "[2002:7f00:1::]:25": false, "[fe80::1%lo]:25": false, "169.254.169.254:80": false,
	} {
		dialled = nil
		_, err := d.DialContext(t.Context(), "tcp", address)
		if got := len(dialled) == 1; got != want || !want && !errors.Is(err, smtpcheck.ErrBlocked) {
			t.Errorf("dial %s: reached %v, error %v", address, got, err)
		}
	}
	// A name could lead elsewhere a second time: only what was judged is dialled.
	for _, address := range []string{"mx.example.net:25", "localhost:25", "9.9.9.9", ""} {
		if _, err := d.DialContext(t.Context(), "tcp", address); err == nil || len(dialled) > 1 {
			t.Errorf("dial %q: no error", address)
		}
	}
}

type answerFunc func(context.Context, dnscheck.Question) (dnscheck.Answer, error)

func (f answerFunc) Lookup(ctx context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	return f(ctx, q)
}

func TestBudgetRefusesFurtherQueries(t *testing.T) {
	asked := 0
	b := newBudget(3)
	first := b.on(answerFunc(func(_ context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
		asked++
		return dnscheck.Answer{Question: q, Status: dnscheck.NXDomain}, nil
	}))
	second := b.on(first.(budgeted).next) // of the same budget
	for i := range 5 {
		r := first
		if i%2 == 1 {
			r = second
		}
		a, err := r.Lookup(t.Context(), dnscheck.Question{Name: "example.net."})
		if asked == 3 && err != nil && a.Status.Known() {
			t.Errorf("a refused query is called %s", a.Status)
		}
	}
	if asked != 3 {
		t.Errorf("%d queries went out", asked)
	}
}
