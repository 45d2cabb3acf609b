package probe

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/idna"

	"diagnose/classify"
	"diagnose/classify/bounce"
)

var (
	ourIP   = netip.MustParseAddr("198.51.100.9")
	ourIP6  = netip.MustParseAddr("2001:db8:1::9")
	theirIP = netip.MustParseAddr("203.0.113.25")
	noon    = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
)

func TestSendingAddressByOrderOfTrust(t *testing.T) {
	failure := bounce.Failure{Recipient: "a@example.net", Sender: "us@example.org"}
	said := failure
	said.SendingIP = ourIP
	from4 := failure
	from4.Remote.IP = theirIP
	for _, c := range []struct {
		name string
		rep  bounce.Report
		f    bounce.Failure
		ours Our
		ip   netip.Addr
		by   SendingBy
		sure bool
	}{
		{"the reply's word first", bounce.Report{}, said, Our{Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.1")}, Relayhost: "relay.example"}, ourIP, ByReply, true},
		{"then the configuration", bounce.Report{ReportingHost: "mail.example.org"}, failure, Our{Addresses: []netip.Addr{ourIP}}, ourIP, ByConfiguration, true},
		{"one of several is a guess", bounce.Report{}, failure, Our{Addresses: []netip.Addr{ourIP, ourIP6}}, ourIP, ByConfiguration, false},
		{"the remote's family picks one", bounce.Report{}, from4, Our{Addresses: []netip.Addr{ourIP6, ourIP}}, ourIP, ByConfiguration, true},
		{"a relayhost sends from its own", bounce.Report{}, failure, Our{Addresses: []netip.Addr{ourIP}, Relayhost: "[relay.example]:587"}, netip.Addr{}, ByRelayhost, false},
		{"a relayhost by address", bounce.Report{}, failure, Our{Relayhost: "[198.51.100.77]"}, netip.MustParseAddr("198.51.100.77"), ByRelayhost, false},
		{"our server wrote the bounce", bounce.Report{ReportingHost: "mail.example.org"}, failure, Our{}, netip.Addr{}, ByReportingHost, false},
		{"the newest public hop", bounce.Report{ReportingHost: "mx.example.net", Original: bounce.Original{Received: []bounce.Received{
			{IP: netip.MustParseAddr("10.0.0.1")}, {IP: netip.MustParseAddr("9.9.9.9")}, {IP: netip.MustParseAddr("8.8.8.8")},
		}}}, failure, Our{}, netip.MustParseAddr("9.9.9.9"), ByReceived, false},
		{"else this machine", bounce.Report{}, failure, Our{}, netip.Addr{}, ByMachine, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rep.Failures = []bounce.Failure{c.f}
			s := NewSubject(&c.rep, 0, c.ours, noon)
			if s.SendingIP != c.ip || s.SendingBy != c.by || s.sure(s.SendingBy) != c.sure {
				t.Errorf("%v by %q, sure %v", s.SendingIP, s.SendingBy, s.sure(s.SendingBy))
			}
		})
	}
}

func TestBackscatterNeedsATraceWithoutUs(t *testing.T) {
	ours := Our{Domains: []string{"example.org"}, Addresses: []netip.Addr{ourIP}}
	stranger := bounce.Received{From: "bot.example", By: "mx.example.net", IP: netip.MustParseAddr("9.9.9.9")}
	for _, c := range []struct {
		name string
		ours Our
		rep  bounce.Report
		want bool
	}{
		{"a stranger's trace and Message-ID", ours, bounce.Report{Original: bounce.Original{MessageID: "<1@bot.example>", Received: []bounce.Received{stranger}}}, true},
		{"our Message-ID", ours, bounce.Report{Original: bounce.Original{MessageID: "<1@mail.example.org>", Received: []bounce.Received{stranger}}}, false},
		{"our address in the trace", ours, bounce.Report{Original: bounce.Original{Received: []bounce.Received{{IP: ourIP, By: "mx.example.net"}}}}, false},
		{"our host in the trace", ours, bounce.Report{Original: bounce.Original{Received: []bounce.Received{stranger, {By: "mail.example.org"}}}}, false},
		{"a mail program's Message-ID alone", ours, bounce.Report{Original: bounce.Original{MessageID: "<1@desktop.example>"}}, false},
		{"our own server wrote it", ours, bounce.Report{ReportingHost: "mail.example.org", Original: bounce.Original{Received: []bounce.Received{stranger}}}, false},
		{"our domains are not known", Our{}, bounce.Report{Original: bounce.Original{Received: []bounce.Received{stranger}}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rep.Failures = []bounce.Failure{{Recipient: "a@example.net", Sender: "us@example.org"}}
			s := NewSubject(&c.rep, 0, c.ours, noon)
			if s.Backscatter != c.want {
				t.Errorf("backscatter %v", s.Backscatter)
			}
			if c.want && Plan(classify.Classification{Category: classify.Rejected}, s) != nil {
				t.Error("it is probed")
			}
		})
	}
}

func TestWhoseReport(t *testing.T) {
	for _, c := range []struct {
		host, recipient, sender string
		ours                    Our
		want                    bool
	}{
		{"gw.example.net", "a@example.net", "us@example.org", Our{}, true},
		{"mail.example.org", "a@example.net", "us@example.org", Our{}, false},
		{"gw.example.net", "a@mail.example.net", "us@example.net", Our{}, false},
		{"gw.example.net", "a@example.net", "us@example.org", Our{Domains: []string{"example.net"}}, false},
		{"gw.example.net", "a@example.net", "us@example.org", Our{HELO: "GW.example.net"}, false},
		{"", "a@example.net", "us@example.org", Our{}, false},
	} {
		s := NewSubject(&bounce.Report{ReportingHost: c.host, Failures: []bounce.Failure{{Recipient: c.recipient, Sender: c.sender}}}, 0, c.ours, noon)
		if s.TheirReport != c.want {
			t.Errorf("%+v: their report %v", c, s.TheirReport)
		}
	}
}

func TestDomainOf(t *testing.T) {
	for address, want := range map[string]string{
		"a@Example.NET.": "example.net", "a@ mail.example.net ": "mail.example.net", "a@b--c.example": "b--c.example", "a@例え.example": "xn--r8jz45g.example", "a@b@example.net": "example.net", "a@[192.0.2.1]": "",
		"a": "", "a@": "", "a@ex ample": "", "a@ex\x1b[31m.example": "", "a@ex\x00.example": "", "a@exam\tple": "", "a@*.example": "",
	} {
		if got := domainOf(address); got != want {
			t.Errorf("domainOf(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestSubjectFallsBackToWhatTheSenderTyped(t *testing.T) {
	s := NewSubject(&bounce.Report{Original: bounce.Original{From: "me@example.com"}, Failures: []bounce.Failure{{OriginalRecipient: "a@example.net"}}}, 0, Our{}, noon)
	if s.Domain != "example.net" || s.SenderDomain != "example.com" || s.senderKnown() {
		t.Errorf("domain %q, sender %q, known %v", s.Domain, s.SenderDomain, s.senderKnown())
	}
}

func TestMentionsWholeNamesOnly(t *testing.T) {
	for text, want := range map[string]bool{
		"name=mx.example.net type=a": true, "mx.example.net. not found": true, "host mx.example.net[203.0.113.25]": true, "mx.example.net": true,
		"amx.example.net": false, "a.mx.example.net": false, "mx.example.network": false, "mx.example.net.au": false, "": false,
		"a.mx.example.net or mx.example.net": true,
	} {
		if got := mentions(text, "mx.example.net"); got != want {
			t.Errorf("mentions(%q) = %v", text, got)
		}
	}
	if mentions("anything", "") {
		t.Error("an empty name is mentioned")
	}
}

func TestAPlainNameIsItsOwnASCIIForm(t *testing.T) {
	const letters = "abcxyz019-._* :@"
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		name := make([]byte, rnd.IntN(12))
		for i := range name {
			name[i] = letters[rnd.IntN(len(letters))]
		}
		if a, err := idna.Lookup.ToASCII(string(name)); err == nil && isPlain(string(name)) && a != string(name) {
			t.Errorf("%q becomes %q", name, a)
		}
	}
	for _, name := range []string{"b\u00fccher.example", "xn--bcher-kva.example", "a.xn--"} {
		if isPlain(name) {
			t.Errorf("%q is left as it is", name)
		}
	}
}

func TestHostsOfOneOrganisation(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"mx1.example.com", "example.com", true},
		{"mx1.example.com", "mail.EXAMPLE.com", true},
		{"example.com", "example.org", false},
		{"mx.example.co.uk", "other.co.uk", false},
		{"mx.example.co.uk", "example.co.uk", true},
		{"co.uk", "co.uk", true}, // a suffix is nobody's, and only itself
		{"a.co.uk", "co.uk", false},
		{"localhost", "localhost", true},
		{"localhost", "mail.localhost", false},
		{"", "", true},
		{"", "example.com", false},
		{"a..com", "b..com", false},
	} {
		if got := sameOrganisation(tt.a, tt.b); got != tt.want || got != (organisation(tt.a) == organisation(tt.b)) {
			t.Errorf("%q and %q: %v", tt.a, tt.b, got)
		}
	}
}
