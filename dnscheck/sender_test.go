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

const senders = `
	example.net.           300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
	example.org.           300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
	2.0.192.in-addr.arpa.  300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
	example.net.           300 IN TXT "some-verification=1"
	example.net.           300 IN TXT "v=spf1 mx include:other.example.net" " -all"
	example.net.           300 IN MX  10 mx.example.net.
	mx.example.net.        300 IN A    192.0.2.1
	mx.example.net.        300 IN AAAA 2001:db8::1
	other.example.net.     300 IN TXT "v=spf1 ip4:192.0.2.128/25 -all"
	soft.example.net.      300 IN TXT "v=spf1 ~all"
	neutral.example.net.   300 IN TXT "v=spf1 ?all"
	twice.example.net.     300 IN TXT "v=spf1 -all"
	twice.example.net.     300 IN TXT "v=spf1 +all"
	typo.example.net.      300 IN TXT "v=spf1 ipv4:192.0.2.1 -all"
	broken.example.net.    300 IN TXT "v=spf1 a:fails.example.net -all"
	greedy.example.net.    300 IN TXT "v=spf1 include:greedy.example.net -all"
	helo.example.net.      300 IN TXT "v=spf1 ip4:192.0.2.1 -all"
	exists.example.net.    300 IN TXT "v=spf1 exists:%{i}._spf.example.net -all"
	1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2._spf.example.net. 300 IN A 127.0.0.2
	ptr.example.net.       300 IN TXT "v=spf1 ptr:example.net -all"
	1.2.0.192.in-addr.arpa. 300 IN PTR mx.example.net.
	xn--r8jz45g.example.net. 300 IN TXT "v=spf1 +all"
`

func TestCheckSPF(t *testing.T) {
	tests := []struct {
		ip, sender string
		result     dnscheck.Result
		record     string
	}{
		{"192.0.2.1", "user@example.net", dnscheck.Pass, "v=spf1 mx include:other.example.net -all"},
		{"::ffff:192.0.2.1", "user@EXAMPLE.net", dnscheck.Pass, "v=spf1 mx include:other.example.net -all"},
		{"2001:db8::1", "user@example.net", dnscheck.Pass, "v=spf1 mx include:other.example.net -all"},
		{"192.0.2.200", "user@example.net", dnscheck.Pass, "v=spf1 mx include:other.example.net -all"},
		{"192.0.2.66", "user@example.net", dnscheck.Fail, "v=spf1 mx include:other.example.net -all"},
		{"2001:db8::66", "user@example.net", dnscheck.Fail, "v=spf1 mx include:other.example.net -all"},
		{"192.0.2.1", "user@soft.example.net", dnscheck.SoftFail, "v=spf1 ~all"},
		{"192.0.2.1", "user@neutral.example.net", dnscheck.Neutral, "v=spf1 ?all"},
		{"192.0.2.1", "user@mx.example.net", dnscheck.None, ""},
		{"192.0.2.1", "user@missing.example.net", dnscheck.None, ""},
		{"192.0.2.1", "user@no name", dnscheck.None, ""},
		{"192.0.2.1", "user@twice.example.net", dnscheck.PermError, ""},
		{"192.0.2.1", "user@typo.example.net", dnscheck.PermError, "v=spf1 ipv4:192.0.2.1 -all"},
		{"192.0.2.1", "user@greedy.example.net", dnscheck.PermError, "v=spf1 include:greedy.example.net -all"},
		{"192.0.2.1", "user@broken.example.net", dnscheck.TempError, "v=spf1 a:fails.example.net -all"},
		{"2001:db8::1", "user@broken.example.net", dnscheck.TempError, "v=spf1 a:fails.example.net -all"},
		{"192.0.2.1", "user@fails.example.net", dnscheck.TempError, ""},
		{"192.0.2.1", "", dnscheck.Pass, "v=spf1 ip4:192.0.2.1 -all"},
		{"192.0.2.2", "<>", dnscheck.Fail, "v=spf1 ip4:192.0.2.1 -all"},
		{"2001:db8::1", "user@exists.example.net", dnscheck.Pass, "v=spf1 exists:%{i}._spf.example.net -all"},
		{"192.0.2.1", "user@ptr.example.net", dnscheck.Pass, "v=spf1 ptr:example.net -all"},
		{"192.0.2.1", "user@例え.example.net", dnscheck.Pass, "v=spf1 +all"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := dnstest.New(t, strings.ReplaceAll(senders, "%{i}._spf", "%{ir}._spf"))
			s.Fault("fails.example.net", dnstest.Silence)
			s.Fault("broken.example.net AAAA", dnstest.ServFail)
			got := dnscheck.CheckSPF(t.Context(), s.Resolver(), netip.MustParseAddr(tt.ip), "helo.example.net", tt.sender)
			want := strings.ReplaceAll(tt.record, "%{i}._spf", "%{ir}._spf")
			if got.Result != tt.result || got.Record != want {
				t.Errorf("%s from %s: %+v", tt.sender, tt.ip, got)
			}
		})
	}
}

func TestCheckSPFCannotTellWhereOneFamilyFails(t *testing.T) {
	s := dnstest.New(t, senders)
	s.Fault("mx.example.net AAAA", dnstest.ServFail)
	got := dnscheck.CheckSPF(t.Context(), s.Resolver(), netip.MustParseAddr("2001:db8::1"), "", "user@example.net")
	if got.Result != dnscheck.TempError {
		t.Errorf("%+v", got)
	}
}

func TestCheckDMARC(t *testing.T) {
	const zone = `
		example.net.           300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		uk.                    300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		net.                   300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		bank.                  300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		_dmarc.bank.           300 IN TXT "v=DMARC1; p=reject; psd=y"
		_dmarc.big.bank.       300 IN TXT "v=DMARC1; p=none"
		_dmarc.fails.net.      300 IN TXT "unrelated"
		_dmarc.dept.example.net. 300 IN TXT "v=DMARC1; p=none; psd=n"
		_dmarc.example.net.    300 IN TXT "unrelated"
		_dmarc.example.net.    300 IN TXT "v=DMARC1; p=Reject; sp = quarantine; rua=mailto:d@example.net"
		_dmarc.own.example.net. 300 IN TXT "v=DMARC1;p=none"
		_dmarc.two.example.net. 300 IN TXT "v=DMARC1; p=none"
		_dmarc.two.example.net. 300 IN TXT "v=DMARC1; p=reject"
		_dmarc.odd.example.net. 300 IN TXT "v=DMARC1; p=maybe"
		_dmarc.example.co.uk.  300 IN TXT "v=DMARC1; p=quarantine"
	`
	tests := []struct {
		domain, at string
		status     dnscheck.Status
		policy     string
	}{
		{"example.net", "example.net", dnscheck.OK, "reject"},
		{"sub.Example.NET.", "example.net", dnscheck.OK, "quarantine"},
		{"a.b.example.co.uk", "example.co.uk", dnscheck.OK, "quarantine"},
		{"own.example.net", "own.example.net", dnscheck.OK, "none"},
		{"two.example.net", "two.example.net", dnscheck.NoData, ""},
		{"odd.example.net", "odd.example.net", dnscheck.OK, ""},
		{"other.co.uk", "other.co.uk", dnscheck.NXDomain, ""},
		{"a.other.co.uk", "other.co.uk", dnscheck.NXDomain, ""},
		{"a.b.c.d.e.f.g.h.i.j.example.co.uk", "example.co.uk", dnscheck.OK, "quarantine"},
		{"small.bank", "bank", dnscheck.OK, "reject"},
		{"a.big.bank", "big.bank", dnscheck.OK, "none"},
		{"a.dept.example.net", "dept.example.net", dnscheck.OK, "none"},
		{"a.fails.net", "net", dnscheck.Refused, ""},
		{"fails.example.net", "fails.example.net", dnscheck.Refused, ""},
		{"no name", "no name", dnscheck.Failed, ""},
		{"", "", dnscheck.Failed, ""},
	}
	for _, tt := range tests {
		s := dnstest.New(t, zone)
		s.Fault("_dmarc.fails.example.net", dnstest.Refuse)
		s.Fault("_dmarc.net", dnstest.Refuse)
		d := dnscheck.CheckDMARC(t.Context(), s.Resolver(), tt.domain)
		if d.Domain != tt.at || d.Status != tt.status || d.Policy != tt.policy || (d.Policy != "") == (d.Err != "" || d.Status != dnscheck.OK) {
			t.Errorf("%s: %+v", tt.domain, d)
		}
		if n := len(s.Queries()); n > 8 {
			t.Errorf("%s took %d questions", tt.domain, n)
		}
	}
}

func TestDMARCAlignment(t *testing.T) {
	relaxed, strict := dnscheck.DMARC{}, dnscheck.DMARC{StrictSPF: true, StrictDKIM: true}
	tests := []struct {
		from, passed    string
		relaxed, strict bool
	}{
		{"example.net", "example.net", true, true},
		{"Example.net.", "example.NET", true, true},
		{"news.example.net", "bounce.example.net", true, false},
		{"example.net", "mail.example.net", true, false},
		{"example.co.uk", "other.co.uk", false, false},
		{"co.uk", "co.uk", true, true},
		{"example.net", "example.org", false, false},
		{"myexample.net", "example.net", false, false},
		{"例え.example.net", "xn--r8jz45g.example.net", true, true},
		{"example.net", "", false, false},
		{"", "", false, false},
		{"no name", "no name", false, false},
	}
	for _, tt := range tests {
		for d, want := range map[dnscheck.DMARC]bool{relaxed: tt.relaxed, strict: tt.strict} {
			if spf, dkim := d.Aligned(tt.from, tt.passed, ""); spf != want || dkim {
				t.Errorf("From %s, SPF for %s, strict %v: %v %v", tt.from, tt.passed, d.StrictSPF, spf, dkim)
			}
			if spf, dkim := d.Aligned(tt.from, "", tt.passed); spf || dkim != want {
				t.Errorf("From %s, DKIM of %s, strict %v: %v %v", tt.from, tt.passed, d.StrictDKIM, spf, dkim)
			}
		}
	}
}

// Names that exist go by sp, those that do not by np, else by sp, else by p.
func TestDMARCOfSubdomains(t *testing.T) {
	const zone = `
		example.net.      300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		net.              300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		real.example.net. 300 IN TXT "here, without an address"
		below.empty.example.net. 300 IN A 192.0.2.1
	`
	tests := []struct {
		tags, domain string
		status       dnscheck.Status
		policy       string
	}{
		{"p=none; sp=quarantine; np=reject", "example.net", dnscheck.OK, "none"},
		{"p=none; sp=quarantine; np=reject", "real.example.net", dnscheck.OK, "quarantine"},
		{"p=none; sp=quarantine; np=reject", "empty.example.net", dnscheck.OK, "quarantine"},
		{"p=none; sp=quarantine; np=Reject", "gone.example.net", dnscheck.OK, "reject"},
		{"p=reject; np=none", "a.gone.example.net", dnscheck.OK, "none"},
		{"p=reject; np=none", "real.example.net", dnscheck.OK, "reject"},
		{"p=reject; np=perhaps", "gone.example.net", dnscheck.OK, "reject"},
		{"p=none; sp=reject", "gone.example.net", dnscheck.OK, "reject"},
		{"p=none; np=reject", "fails.example.net", dnscheck.ServFail, ""},
		{"p=none; np=none", "fails.example.net", dnscheck.OK, "none"},
	}
	for _, tt := range tests {
		s := dnstest.New(t, zone+`_dmarc.example.net. 300 IN TXT "v=DMARC1; t=y; `+tt.tags+`"`)
		s.Fault("fails.example.net", dnstest.ServFail)
		d := dnscheck.CheckDMARC(t.Context(), s.Resolver(), tt.domain)
		if d.Status != tt.status || d.Policy != tt.policy || d.Testing != (d.Record != "") {
			t.Errorf("%s of %q: %+v", tt.domain, tt.tags, d)
		}
	}
}

func TestDMARCTags(t *testing.T) {
	tests := []struct {
		tags                  string
		percent               int
		strictSPF, strictDKIM bool
	}{
		{"", 100, false, false},
		{"; pct=20; aspf=s; adkim=r", 20, true, false},
		{";pct=0;adkim = S", 0, false, true},
		{"; t=n; pct=101; aspf=strict", 100, false, false},
		{"; pct=-1; pct=50", 100, false, false},
	}
	for _, tt := range tests {
		s := dnstest.New(t, `_dmarc.example.net. 300 IN TXT "v=DMARC1; p=reject`+tt.tags+`"`)
		d := dnscheck.CheckDMARC(t.Context(), s.Resolver(), "example.net")
		if d.Policy != "reject" || d.Percent != tt.percent || d.StrictSPF != tt.strictSPF || d.StrictDKIM != tt.strictDKIM {
			t.Errorf("%q: %+v", tt.tags, d)
		}
	}
}

// The limits of RFC 7208 section 4.6.4: terms that ask the DNS are counted,
// with those of included records, and neither questions nor all, ip4, ip6, exp.
func TestSPFLimits(t *testing.T) {
	const base = `
		example.net.        300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		2.0.192.in-addr.arpa. 300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		h1.example.net.     300 IN A   192.0.2.101
		h2.example.net.     300 IN A   192.0.2.102
		mx3.example.net.    300 IN MX  1 h1.example.net.
		mx3.example.net.    300 IN MX  2 h2.example.net.
		mx3.example.net.    300 IN MX  3 none.example.net.
		ten._spf.example.net. 300 IN TXT "v=spf1 a:h1.example.net a:h1.example.net a:h1.example.net a:h1.example.net a:h1.example.net a:h1.example.net a:h1.example.net a:h1.example.net a:h1.example.net ?all"
		two._spf.example.net. 300 IN TXT "v=spf1 a:h1.example.net exists:h2.example.net.example.net -all"
		1.2.0.192.in-addr.arpa. 300 IN PTR h1.example.net.
		1.2.0.192.in-addr.arpa. 300 IN PTR h2.example.net.
	`
	const a = " a:h1.example.net"
	many := ""
	for i := range 10 {
		many += fmt.Sprintf("ten.example.net. 300 IN MX %d h1.example.net.\neleven.example.net. 300 IN MX %d h1.example.net.\n", i, i)
	}
	many += "eleven.example.net. 300 IN MX 10 h1.example.net.\n"
	tests := []struct {
		name, record string
		result       dnscheck.Result
		terms, voids int
		problem      dnscheck.Problem
	}{
		{"what asks nothing is no term", "ip4:192.0.2.9 ip6:2001:db8::/32 exp=why.example.net x=y -all", dnscheck.Fail, 0, 0, ""},
		{"one term each", "a:h1.example.net mx:mx3.example.net exists:h1.example.net -all", dnscheck.Pass, 3, 0, ""},
		{"an mx is one, whatever its hosts, which are no void lookups", "mx:mx3.example.net -all", dnscheck.Fail, 1, 0, ""},
		{"a ptr is one, whatever its names", "ptr:example.org" + a + " -all", dnscheck.Fail, 2, 0, ""},
		{"those of an included record count, and itself", "include:two._spf.example.net -all", dnscheck.Fail, 3, 1, ""},
		{"so does a redirect", "redirect=two._spf.example.net", dnscheck.Fail, 3, 1, ""},
		{"ten are allowed", strings.Repeat(a, 10)[1:] + " -all", dnscheck.Fail, 10, 0, ""},
		{"the eleventh is not", strings.Repeat(a, 11)[1:] + " -all", dnscheck.PermError, 10, 0, dnscheck.SPFTerms},
		{"ten with an include", "include:ten._spf.example.net -all", dnscheck.Fail, 10, 0, ""},
		{"eleven with an include", "include:ten._spf.example.net" + a + " -all", dnscheck.PermError, 10, 0, dnscheck.SPFTerms},
		{"what comes before the limit decides", a[1:] + " ip4:192.0.2.1" + strings.Repeat(a, 11), dnscheck.Pass, 1, 0, ""},
		{"a circle is stopped", "include:example.net -all", dnscheck.PermError, 10, 0, dnscheck.SPFTerms},
		{"two void lookups are allowed", "a:no1.example.net mx:no2.example.net -all", dnscheck.Fail, 2, 2, ""},
		{"the third is not", "a:no1.example.net mx:no2.example.net exists:h1.no3.example.net -all", dnscheck.PermError, 3, 3, dnscheck.SPFVoids},
		{"a name without an address is void, too", "a:mx3.example.net a:mx3.example.net a:mx3.example.net -all", dnscheck.PermError, 3, 3, dnscheck.SPFVoids},
		{"an mx of ten hosts", "mx:ten.example.net -all", dnscheck.Fail, 1, 0, ""},
		{"an mx of eleven", "mx:eleven.example.net -all", dnscheck.PermError, 1, 0, dnscheck.SPFHosts},
		{"an included domain without a record", "include:h1.example.net -all", dnscheck.PermError, 1, 0, dnscheck.SPFMissing},
		{"a redirect to nowhere", "redirect=no.example.net", dnscheck.PermError, 1, 0, dnscheck.SPFMissing},
		{"a word that SPF does not know", "ip4:192.0.2.9 everything", dnscheck.PermError, 0, 0, dnscheck.SPFSyntax},
		{"no address", "ip4:192.0.2.256 -all", dnscheck.PermError, 0, 0, dnscheck.SPFSyntax},
	}
	for _, tt := range tests {
		s := dnstest.New(t, base+many+`example.net. 300 IN TXT "v=spf1 `+tt.record+`"`)
		got := dnscheck.CheckSPF(t.Context(), s.Resolver(), netip.MustParseAddr("192.0.2.1"), "", "user@example.net")
		if got.Result != tt.result || got.Terms != tt.terms || got.Voids != tt.voids || got.Problem != tt.problem {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
