package dnscheck_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const zone = `
	example.net.            300 IN SOA   ns.example.net. admin.example.net. 1 1 1 1 45
	example.net.            300 IN MX    10 mx.example.net.
	mx.example.net.         300 IN A     192.0.2.25
	mx.example.net.         300 IN AAAA  2001:db8::25
	www.example.net.        200 IN CNAME Front.example.net.
	front.example.net.      100 IN CNAME mx.example.net.
	dangling.example.net.   300 IN CNAME gone.example.net.
	barren.example.net.     300 IN CNAME empty.example.net.
	empty.example.net.      300 IN TXT   "nothing else"
	loop.example.net.       300 IN CNAME pool.example.net.
	pool.example.net.       300 IN CNAME loop.example.net.
	text.example.net.       300 IN TXT   "say \"hi\" " "\200\\\009" "123"
	_25._tcp.mx.example.net. 300 IN TLSA 3 1 1 c0ffee
	xn--r8jz45g.example.net. 300 IN A    192.0.2.77
	_dmarc.xn--r8jz45g.example.net. 300 IN TXT "v=DMARC1; p=none"
	1.0/25.2.0.192.in-addr.arpa. 300 IN PTR mx.example.net.
`

// network is every way to a server: in memory, and over loopback.
func network(t *testing.T, test func(*testing.T, *dnstest.Server, *dnscheck.Client)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := dnstest.New(t, zone)
			test(t, s, s.Resolver())
		})
	})
	t.Run("loopback", func(t *testing.T) {
		s := dnstest.New(t, zone)
		test(t, s, &dnscheck.Client{Servers: []netip.AddrPort{s.Addr()}, Try: 300 * time.Millisecond})
	})
}

func TestLookupTellsWhatAnAnswerMeans(t *testing.T) {
	tests := []struct {
		name    string
		typ     dnscheck.Type
		status  dnscheck.Status
		records string
		ttl     time.Duration
	}{
		{"example.net", dnscheck.TypeMX, dnscheck.OK, "example.net MX 10 mx.example.net", 300 * time.Second},
		{"MX.Example.NET.", dnscheck.TypeA, dnscheck.OK, "mx.example.net A 192.0.2.25", 300 * time.Second},
		{"mx.example.net", dnscheck.TypeAAAA, dnscheck.OK, "mx.example.net AAAA 2001:db8::25", 300 * time.Second},
		{"nobody.example.net", dnscheck.TypeA, dnscheck.NXDomain, "", 45 * time.Second},
		{"empty.example.net", dnscheck.TypeA, dnscheck.NoData, "", 45 * time.Second},
		{"_tcp.mx.example.net", dnscheck.TypeA, dnscheck.NoData, "", 45 * time.Second},
		{"www.example.net", dnscheck.TypeA, dnscheck.OK, "www.example.net CNAME front.example.net, front.example.net CNAME mx.example.net, mx.example.net A 192.0.2.25", 100 * time.Second},
		{"www.example.net", dnscheck.TypeCNAME, dnscheck.OK, "www.example.net CNAME front.example.net", 200 * time.Second},
		{"dangling.example.net", dnscheck.TypeA, dnscheck.NXDomain, "dangling.example.net CNAME gone.example.net", 45 * time.Second},
		{"barren.example.net", dnscheck.TypeA, dnscheck.NoData, "barren.example.net CNAME empty.example.net", 45 * time.Second},
		{"loop.example.net", dnscheck.TypeA, dnscheck.ServFail, "", 0},
		{"1.0/25.2.0.192.in-addr.arpa", dnscheck.TypePTR, dnscheck.OK, "1.0/25.2.0.192.in-addr.arpa PTR mx.example.net", 300 * time.Second},
		{"例え.example.net", dnscheck.TypeA, dnscheck.OK, "xn--r8jz45g.example.net A 192.0.2.77", 300 * time.Second},
		{"_dmarc.例え。example．net", dnscheck.TypeTXT, dnscheck.OK, `_dmarc.xn--r8jz45g.example.net TXT "v=DMARC1; p=none"`, 300 * time.Second},
		{"text.example.net", dnscheck.TypeTXT, dnscheck.OK, `text.example.net TXT "say \"hi\" \xc8\\\t123"`, 300 * time.Second},
	}
	network(t, func(t *testing.T, _ *dnstest.Server, c *dnscheck.Client) {
		for _, tt := range tests {
			a, err := c.Lookup(t.Context(), dnscheck.Question{Name: tt.name, Type: tt.typ})
			if err != nil || a.Status != tt.status || show(a.Records) != tt.records || a.TTL != tt.ttl {
				t.Errorf("%s %d: %v %s %q, kept %v (%v)\nwant %s %q, kept %v",
					tt.name, tt.typ, err, a.Status, show(a.Records), a.TTL, a.Err, tt.status, tt.records, tt.ttl)
			}
			if a.Status.Absent() && a.Authority != "example.net" {
				t.Errorf("%s: authority %q", tt.name, a.Authority)
			}
		}
	})
}

func TestLookupReadsTLSA(t *testing.T) {
	s := dnstest.New(t, zone)
	a, _ := s.Resolver().Lookup(t.Context(), dnscheck.Question{Name: "_25._tcp.mx.example.net", Type: dnscheck.TypeTLSA})
	want := dnscheck.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: []byte{0xc0, 0xff, 0xee}}
	if len(a.Records) != 1 || !cmp.Equal(a.Records[0].TLSA, want) {
		t.Error(a)
	}
}

func TestLookupRefusesWhatIsNoName(t *testing.T) {
	s := dnstest.New(t) // knows nothing: any query fails the test
	label := strings.Repeat("a", 63)
	for _, name := range []string{
		"", "..", ".example.net", "a..example.net", "a b.example.net", "a\x00.example.net", "a\nb", `a\.b`,
		"a@example.net", label + "a.example.net", strings.Repeat(label+".", 4) + "net",
		"\u00a0.example.net", "a\u200b b.example.net", "\xff.example.net",
	} {
		a, err := s.Resolver().Lookup(t.Context(), dnscheck.Question{Name: name, Type: dnscheck.TypeA})
		if !errors.Is(err, dnscheck.ErrName) || a.Status != dnscheck.Failed {
			t.Errorf("%q: %v, %v", name, a, err)
		}
	}
}

func TestLookupWithoutServersIsAnError(t *testing.T) {
	_, err := new(dnscheck.Client).Lookup(t.Context(), dnscheck.Question{Name: "example.net", Type: dnscheck.TypeA})
	if err != dnscheck.ErrNoServer {
		t.Error(err)
	}
}

func TestLookupSurvivesFaults(t *testing.T) {
	const asked = "mx.example.net A"
	tests := []struct {
		fault   dnstest.Fault
		status  dnscheck.Status
		queries []string
	}{
		{dnstest.Silence, dnscheck.Timeout, []string{asked, asked}},
		{dnstest.ServFail, dnscheck.ServFail, []string{asked, asked}},
		{dnstest.Refuse, dnscheck.Refused, []string{asked, asked}},
		{dnstest.Lame, dnscheck.Failed, []string{asked, asked}},
		{dnstest.FormErr, dnscheck.OK, []string{asked, asked}},
		{dnstest.Bogus, dnscheck.ServFail, []string{asked, asked}},
		{dnstest.Truncate, dnscheck.OK, []string{asked, asked + " TCP"}},
		{dnstest.WrongID, dnscheck.OK, []string{asked}},
		{dnstest.WrongQuestion, dnscheck.OK, []string{asked}},
		{dnstest.Garbage, dnscheck.OK, []string{asked}},
	}
	for _, tt := range tests {
		network(t, func(t *testing.T, s *dnstest.Server, c *dnscheck.Client) {
			s.Fault(asked, tt.fault)
			a, err := c.Lookup(t.Context(), dnscheck.Question{Name: "mx.example.net", Type: dnscheck.TypeA})
			if err != nil || a.Status != tt.status || a.Status.Known() != (a.Err == "") || a.Server == "" {
				t.Errorf("fault %d: %+v, %v", tt.fault, a, err)
			}
			if a.Status == dnscheck.OK && show(a.Records) != "mx.example.net A 192.0.2.25" {
				t.Errorf("fault %d: %s", tt.fault, show(a.Records))
			}
			if !slices.Equal(s.Queries(), tt.queries) {
				t.Errorf("fault %d: asked %q, want %q", tt.fault, s.Queries(), tt.queries)
			}
		})
	}
}

func TestLongAnswersComeOverTCP(t *testing.T) {
	long := `"` + strings.Repeat("x", 250) + `" `
	s := dnstest.New(t, "long.example.net. 300 IN TXT "+strings.Repeat(long, 100))
	c := &dnscheck.Client{Servers: []netip.AddrPort{s.Addr()}}
	a, err := c.Lookup(t.Context(), dnscheck.Question{Name: "long.example.net", Type: dnscheck.TypeTXT})
	if err != nil || len(a.Records) != 1 || len(a.Records[0].Text) != 25_000 {
		t.Errorf("%s, %v: %d bytes", a.Status, err, len(show(a.Records)))
	}
}

func TestTCPThatFailsIsNoKnowledge(t *testing.T) {
	s := dnstest.New(t, zone)
	s.Fault("mx.example.net", dnstest.Truncate)
	c := s.Resolver()
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network == "tcp" {
			return nil, errors.New("connection refused")
		}
		return s.Dial(ctx, network, address)
	}
	a, err := c.Lookup(t.Context(), dnscheck.Question{Name: "mx.example.net", Type: dnscheck.TypeA})
	if err != nil || a.Status != dnscheck.Failed || !strings.Contains(a.Err, "over TCP: connection refused") {
		t.Errorf("%+v, %v", a, err)
	}
}

// pair is a client of two servers.
func pair(first, second *dnstest.Server) *dnscheck.Client {
	one, two := netip.MustParseAddrPort("192.0.2.1:53"), netip.MustParseAddrPort("192.0.2.2:53")
	return &dnscheck.Client{
		Servers: []netip.AddrPort{one, two},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == one.String() {
				return first.Dial(ctx, network, address)
			}
			return second.Dial(ctx, network, address)
		},
	}
}

func TestTheSecondServerHelpsOut(t *testing.T) {
	for _, fault := range []dnstest.Fault{dnstest.Silence, dnstest.ServFail, dnstest.Refuse, dnstest.Lame} {
		synctest.Test(t, func(t *testing.T) {
			bad, good := dnstest.New(t), dnstest.New(t, zone)
			bad.Fault("*", fault)
			a, _ := pair(bad, good).Lookup(t.Context(), dnscheck.Question{Name: "example.net", Type: dnscheck.TypeMX})
			if a.Status != dnscheck.OK || a.Server != "192.0.2.2:53" || len(bad.Queries()) != 1 {
				t.Errorf("fault %d: %+v", fault, a)
			}
		})
	}
}

func TestASilentServerIsNotWaitedForTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good := dnstest.New(t), dnstest.New(t, zone)
		bad.Fault("*", dnstest.Silence)
		c, start := pair(bad, good), time.Now()
		for range 5 {
			c.Lookup(t.Context(), dnscheck.Question{Name: "example.net", Type: dnscheck.TypeMX})
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestARefusalSaysMoreThanTheSecondServersSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := dnstest.New(t), dnstest.New(t)
		first.Fault("*", dnstest.Refuse)
		second.Fault("*", dnstest.Silence)
		a, err := pair(first, second).Lookup(t.Context(), dnscheck.Question{Name: "example.net", Type: dnscheck.TypeMX})
		if err != nil || a.Status != dnscheck.Refused || a.Server != "192.0.2.1:53" || a.Took != 3*time.Second {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestSilenceEndsAfterTwoTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.New(t)
		s.Fault("*", dnstest.Silence)
		a, err := s.Resolver().Lookup(t.Context(), dnscheck.Question{Name: "example.net", Type: dnscheck.TypeMX})
		if err != nil || a.Status != dnscheck.Timeout || a.Took != 6*time.Second {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestACancelledLookupEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.New(t)
		s.Fault("*", dnstest.Silence)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a, err := s.Resolver().Lookup(ctx, dnscheck.Question{Name: "example.net", Type: dnscheck.TypeMX})
		if !errors.Is(err, context.DeadlineExceeded) || a.Status.Known() || a.Took != time.Second {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestAClosedPortFailsWithoutWaiting(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := &dnscheck.Client{Servers: []netip.AddrPort{l.LocalAddr().(*net.UDPAddr).AddrPort()}}
	a, err := c.Lookup(t.Context(), dnscheck.Question{Name: "example.net", Type: dnscheck.TypeMX})
	if err != nil || a.Status.Known() || a.Err == "" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAFailureIsToldInTheServersOwnWords(t *testing.T) {
	s := dnstest.New(t)
	s.Fault("bogus.example.net", dnstest.Bogus)
	s.Fault("refused.example.net", dnstest.Refuse)
	for name, want := range map[string]string{"bogus.example.net": "SERVFAIL; EDE 6 (DNSSEC Bogus)", "refused.example.net": "REFUSED"} {
		a, _ := s.Resolver().Lookup(t.Context(), dnscheck.Question{Name: name, Type: dnscheck.TypeA})
		if a.Err != want {
			t.Errorf("%s: %q", name, a.Err)
		}
	}
}

func TestCheckingDisabledIsPassedOn(t *testing.T) {
	s := dnstest.New(t, zone)
	s.Fault("example.net", dnstest.Bogus)
	a, err := s.Resolver().Lookup(t.Context(), dnscheck.Question{Name: "example.net", Type: dnscheck.TypeMX, CD: true})
	if err != nil || a.Status != dnscheck.OK || !slices.Equal(s.Queries(), []string{"example.net MX CD"}) {
		t.Errorf("%+v, %v, asked %q", a, err, s.Queries())
	}
}

// unmeasured leaves out what differs from run to run.
var unmeasured = cmp.Options{
	cmpopts.IgnoreFields(dnscheck.Answer{}, "Took"),
	cmpopts.IgnoreFields(dnscheck.Addresses{}, "Took", "Server", "Err"),
	cmpopts.IgnoreFields(dnscheck.MX{}, "Took", "Server", "Err"),
	cmpopts.IgnoreFields(dnscheck.Reverse{}, "Took", "Server", "Err"),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmpopts.EquateEmpty(),
}
