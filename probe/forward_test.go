package probe

import (
	"net/netip"
	"strings"
	"testing"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/rbl"
)

func TestAddressesThatAreWrappedIntoOthers(t *testing.T) {
	for address, want := range map[string]string{
		"SRS0=HHHH=TT=example.org=alice@forwarder.example":                  "alice@example.org srs",
		"srs0+HHHH=TT=example.org=alice@forwarder.example":                  "alice@example.org srs",
		"SRS0-HHHH=TT=example.org=alice=b@forwarder.example":                "alice=b@example.org srs",
		"SRS1=HHHH=first.example==HHHH=TT=example.org=alice@second.example": "alice@example.org srs",
		"SRS1=HHHH=first.example=+HHHH=TT=example.org=alice@second.example": "alice@example.org srs",
		"prvs=1234567890=alice@example.org":                                 "alice@example.org batv",
		"list-return-12-bob=example.net@lists.example":                      "bob@example.net verp",
		"bounces+bob=example.net@lists.example":                             "bob@example.net verp",
		"alice@example.org":                                                 "",
		"alice+tag@example.org":                                             "",
		"a=b@example.org":                                                   "",
		"x-a=b@example.org":                                                 "",
		"SRS0=HHHH=TT=example.org@forwarder.example":                        "",
		"SRS0=HHHH=TT=localhost=alice@forwarder.example":                    "",
		"SRS0":                                   "",
		"SRS0=@forwarder.example":                "",
		"SRS1=a=b@forwarder.example":             "",
		"SRS1=a=b=@forwarder.example":            "",
		"prvs=12=alice@example.org":              "",
		"prvs=1234567890=@example.org":           "",
		"list-bo\x1bb=example.net@lists.example": "",
		"list-" + strings.Repeat("x", 600) + "=example.net@lists.example": "",
		"": "",
	} {
		inner, how := unwrap(address)
		if got := strings.TrimSpace(inner + " " + how); got != want {
			t.Errorf("unwrap(%q) = %q, want %q", address, got, want)
		}
	}
}

func FuzzUnwrap(f *testing.F) {
	for _, s := range []string{"SRS0=a=b=c.d=e@f", "SRS1=a=b==c=d=e.f=g@h", "prvs=1234567890=a@b", "a-b=c.d@e", "a+b=c.d@e", "@", "SRS1="} {
		f.Add(s, "b@example.net")
	}
	f.Fuzz(func(t *testing.T, sender, recipient string) {
		inner, how := unwrap(sender)
		if (inner == "") != (how == "") || inner != "" && !strings.Contains(inner, "@") {
			t.Errorf("%q: %q, %q", sender, inner, how)
		}
		s := NewSubject(&bounce.Report{Failures: []bounce.Failure{{Recipient: recipient, Sender: sender}}}, 0, Our{}, noon)
		s.near()
		s.forwarded()
	})
}

// via is a bounce of what went over a server in the middle.
func via(reporter, original, recipient, sender string, ours Our) Subject {
	return NewSubject(&bounce.Report{ReportingHost: reporter, Failures: []bounce.Failure{{
		Recipient: recipient, OriginalRecipient: original, Sender: sender, Stage: bounce.StageRcpt,
		Remote: bounce.Host{Name: "mx1.example.net", IP: theirIP},
	}}}, 0, ours, noon)
}

func TestWhoseServerTheRemoteSpokeWith(t *testing.T) {
	ours := Our{Domains: []string{"example.org"}, Addresses: []netip.Addr{ourIP}}
	const us, srs = "us@example.org", "SRS0=HHHH=TT=example.org=us@forwarder.example"
	for _, x := range []struct {
		name, reporter, original, recipient, sender string
		ours                                        Our
		forwarder                                   string
		forwarded                                   bool
		by                                          SendingBy
	}{
		{"A forwards to B", "mx.forwarder.example", "a@forwarder.example", "b@example.net", us, ours, "forwarder.example", true, ByReportingHost},
		{"A forwards to B, whose server wrote the bounce", "gw.example.net", "a@forwarder.example", "b@example.net", us, ours, "forwarder.example", true, ByNobody},
		{"only the sender's address shows it", "mx.forwarder.example", "", "b@example.net", srs, ours, "forwarder.example", true, ByReportingHost},
		{"A forwards within its own domain", "mx.example.net", "a@example.net", "b@inner.example.net", us, ours, "", false, ByConfiguration},
		{"nothing is forwarded", "mail.example.org", "", "b@example.net", us, ours, "", false, ByConfiguration},
		{"we forward: an alias of ours", "mail.example.org", "office@example.org", "b@example.net", "x@example.com", ours, "example.org", false, ByConfiguration},
		{"we forward: our SRS", "mail.example.org", "", "b@example.net", "SRS0=HHHH=TT=example.com=x@example.org", ours, "example.org", false, ByConfiguration},
		{"we forward, and nothing is configured", "mail.example.org", "office@example.org", "b@example.net", us, Our{}, "example.org", false, ByReportingHost},
		{"a list's own address", "mail.example.org", "", "b@example.net", "list-return-1-bob=example.com@example.org", ours, "example.com", false, ByConfiguration},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := via(x.reporter, x.original, x.recipient, x.sender, x.ours)
			if s.Forwarder != x.forwarder || s.forwarded() != x.forwarded || s.SendingBy != x.by {
				t.Errorf("forwarder %q, %v, sending by %q", s.Forwarder, s.forwarded(), s.SendingBy)
			}
		})
	}
}

func TestAVERPAddressNamesTheRecipientThatTheBounceDoesNot(t *testing.T) {
	s := via("mail.example.org", "", "", "list-return-12-bob=example.net@lists.example.org", Our{})
	if s.Failure.Recipient != "bob@example.net" || s.Domain != "example.net" || s.Forwarder != "" {
		t.Errorf("recipient %q, domain %q, forwarder %q", s.Failure.Recipient, s.Domain, s.Forwarder)
	}
}

func TestAdviceForWhatWasForwardedGoesToTheRightParty(t *testing.T) {
	ours := Our{Domains: []string{"example.org"}, Addresses: []netip.Addr{ourIP}}
	byThem := via("mx.forwarder.example", "a@forwarder.example", "b@example.net", "us@example.org", ours)
	byUs := via("mail.example.org", "office@example.org", "b@example.net", "x@example.com", ours)
	wrapped := via("mail.example.org", "", "b@example.net", "prvs=1234567890=us@example.org", ours)
	for _, x := range []struct {
		name     string
		s        Subject
		category classify.Category
		findings []Finding
		want     Verdict
		limits   string
		also     string
		party    Party
		advice   string
	}{
		{"B does not exist", byThem, 1, []Finding{ok1, look(StepSMTP, mx1)}, Consistent, "forwarded", "forwarded", PartyRecipient, "mend-forward contact-otherwise"},
		{"B is full", byThem, 3, []Finding{ok1, look(StepSMTP, mx1)}, Consistent, "forwarded", "forwarded", PartyRecipient, "mend-forward contact-otherwise"},
		{"B's domain is gone", byThem, 5, []Finding{noDom}, Consistent, "forwarded", "forwarded", PartyRecipient, "mend-forward contact-otherwise"},
		{"B refuses the forwarder", byThem, 8, []Finding{ok1, look(StepSMTP, mx1)}, Consistent, "stage forwarded", "forwarded", PartyThird, "tell-forwarder write-directly"},
		{"the forwarder is listed, and our address would not show it", byThem, 11, []Finding{ok1, named(rbl.NotListed)}, Inconclusive, "", "forwarded", PartyUnknown, "name-sending-ip tell-forwarder write-directly"},
		{"SPF does not survive the forward", byThem, 14, []Finding{spfIs("fail")}, Consistent, "", "forwarded", PartyThird, "tell-forwarder write-directly"},
		{"the forwarder sends too much", byThem, 13, []Finding{ok1, look(StepSMTP, mx1)}, Consistent, "wait", "forwarded", PartyThird, "tell-forwarder write-directly"},
		{"B does not exist, and we forward", byUs, 1, []Finding{ok1, look(StepSMTP, mx1)}, Consistent, "needs-rcpt", "forwarded", PartyRecipient, "mend-forward contact-otherwise"},
		{"B refuses us, who forward", byUs, 8, []Finding{ok1, look(StepSMTP, mx1)}, Consistent, "stage", "forwarded", PartyOurServer, "ask-postmaster"},
		{"a signed sender address", wrapped, 8, []Finding{ok1, look(StepSMTP, mx1)}, Consistent, "stage", "sender-wrapped", PartyOurServer, "ask-postmaster"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := classify.Classification{Category: x.category, List: "bl.example"}
			if x.category != classify.Blocklisted {
				c.List = ""
			}
			v := Judge(c, x.s, x.findings)
			party, advice := Advise(c, x.s, &v)
			var got []string
			for _, a := range advice {
				got = append(got, a.Code)
			}
			if v.Verdict != x.want || party != x.party || strings.Join(got, " ") != x.advice {
				t.Errorf("%s, limits %v; %s: %v", v.Verdict, v.Limits, party, got)
			}
			missing(t, v.Limits, x.limits)
			missing(t, v.AlsoSeen, x.also)
		})
	}
}

func TestTheForwardersAddressIsLookedAtAndNeverOurs(t *testing.T) {
	c := classify.Classification{Category: classify.Blocklisted, List: "bl.example"}
	for reporter, want := range map[string]string{
		"mx.forwarder.example": "mx address sending ptr named lists smtp control",
		"gw.example.net":       "mx smtp control",
	} {
		steps := map[string]bool{}
		for _, s := range Plan(c, via(reporter, "a@forwarder.example", "b@example.net", "us@example.org", Our{Addresses: []netip.Addr{ourIP}})) {
			steps[s.ID] = true
			if s.Target == ourIP.String() {
				t.Errorf("%s: our address in %s", reporter, shown(s))
			}
		}
		for _, id := range []string{StepSending, StepPTR, StepNamed, StepLists} {
			if steps[id] != strings.Contains(" "+want+" ", " "+id+" ") {
				t.Errorf("%s: step %s is %v", reporter, id, steps[id])
			}
		}
	}
}
