package probe

import (
	"net/netip"
	"strings"
	"testing"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/rbl"
)

func TestWhoActsAndHow(t *testing.T) {
	ours := func(s *Subject) { s.Ours.Domains = []string{"example.org"} }
	code := func(n int) func(*Subject) { return func(s *Subject) { s.Failure.Reply.Code = n } }
	gmial := func(s *Subject) { s.Domain = "gmial.com" }
	local := stage(bounce.StageLocal)
	delayed := func(s *Subject) { s.Failure.Action = bounce.ActionDelayed }
	limited := func(code string) *Verification {
		return &Verification{Verdict: Inconclusive, Limits: []Seen{{code, nil}}}
	}
	with := func(v Verdict, c classify.Category, fs ...Finding) *Verification {
		return &Verification{Verdict: v, Category: c, Findings: fs}
	}
	ranged := func(r *rbl.Result) { r.Scope = "range" }
	policy := func(r *rbl.Result) { r.Scope, r.Policy = "range", true }
	delist := func(r *rbl.Result) { r.DelistURL = "https://bl.example/remove" }
	for _, x := range []struct {
		name     string
		category classify.Category
		reason   string
		subject  []func(*Subject)
		v        *Verification
		party    Party
		advice   string // "party:code ..."
	}{
		{"cleared: send again", 9, "", nil, with(Cleared, 9), PartySender, "sender:send-again"},
		{"1", 1, "", nil, nil, PartyRecipient, "sender:check-address recipient:give-address"},
		{"1 at a near miss", 1, "", []func(*Subject){gmial}, nil, PartySender, "sender:did-you-mean"},
		{"1 contradicted by the DNS", 1, "", nil, with(Contradicted, 5, noDom), PartyRemote, "sender:check-domain remote-server:repair-domain"},
		{"2", 2, "", nil, nil, PartyRecipient, "sender:contact-otherwise recipient:reactivate-mailbox"},
		{"3", 3, "", nil, nil, PartyRecipient, "recipient:clear-mailbox sender:contact-otherwise"},
		{"4", 4, "", nil, nil, PartySender, "sender:change-message recipient:allow-sender"},
		{"5", 5, "", nil, nil, PartyRemote, "sender:check-domain remote-server:repair-domain"},
		{"5 at a near miss", 5, "", []func(*Subject){gmial}, nil, PartySender, "sender:did-you-mean"},
		{"5 with a null MX, as the reply says", 5, classify.ReasonNullMX, nil, nil, PartySender, "sender:other-domain"},
		{"6", 6, "", nil, nil, PartySender, "sender:check-syntax"},
		{"7", 7, "", nil, with(Confirmed, 7, look(StepSMTP, mx1)), PartySender, "sender:make-smaller"},
		{"7 at our own server", 7, "", []func(*Subject){local}, nil, PartyOurServer, "sender:make-smaller our-server:raise-limit"},
		{"7 at their own server", 7, "", []func(*Subject){local, theirs}, nil, PartySender, "sender:make-smaller"},
		{"8", 8, "", nil, nil, PartyOurServer, "our-server:ask-postmaster"},
		{"8 not logged in", 8, classify.ReasonAuthRequired, nil, nil, PartySender, "sender:log-in"},
		{"8 not logged in, says another server to ours", 8, classify.ReasonAuthRequired, []func(*Subject){remote("mx1.example.net", mx1)}, nil, PartyOurServer, "our-server:ask-postmaster"},
		{"8 not logged in, says a server of ours to another of ours", 8, classify.ReasonAuthRequired, []func(*Subject){remote("out.example.org", mx1)}, nil, PartySender, "sender:log-in"},
		{"8 relaying denied by their MX", 8, classify.ReasonRelay, nil, nil, PartyRemote, "remote-server:accept-domain"},
		{"8 relaying denied by our own server", 8, classify.ReasonRelay, []func(*Subject){local}, nil, PartySender, "sender:log-in"},
		{"8 relaying denied by a host that is none of theirs", 8, classify.ReasonRelay, nil, &Verification{Verdict: Consistent, Category: 8, AlsoSeen: []Seen{{"remote.not-mx", nil}}}, PartyOurServer, "our-server:ask-postmaster"},
		{"8 by a private reputation", 8, classify.ReasonPrivateList, nil, nil, PartyOurServer, "our-server:provider-form our-server:ask-postmaster"},
		{"8 between two of their servers", 8, "", []func(*Subject){theirs}, nil, PartyRemote, "our-server:ask-postmaster remote-server:mend-route"},
		{"11 between two of their servers", 11, "", []func(*Subject){theirs}, with(Confirmed, 11, named(rbl.Listed)), PartyRemote, "our-server:ask-postmaster remote-server:mend-route"},
		{"cleared while the server still tries", 9, "", []func(*Subject){delayed}, with(Cleared, 9), PartyUnknown, "unknown:wait"},
		{"9", 9, "", nil, nil, PartyRemote, "sender:wait-or-call remote-server:start-server"},
		{"9 with our port 25 closed", 9, "", nil, &Verification{Verdict: Confirmed, Category: 9, Limits: []Seen{{"port25-closed", nil}}}, PartyOurServer, "our-server:open-port-25"},
		{"10", 10, "", nil, nil, PartySender, "sender:split-recipients"},
		{"10 at our own server", 10, "", []func(*Subject){local}, nil, PartyOurServer, "sender:split-recipients our-server:raise-limit"},
		{"11", 11, "", nil, nil, PartyOurServer, "our-server:find-list"},
		{"11 with a form to fill in", 11, "", nil, with(Confirmed, 11, named(rbl.Listed, delist)), PartyOurServer, "our-server:delist"},
		{"11 of the neighbourhood", 11, "", nil, with(Confirmed, 11, named(rbl.Listed, ranged)), PartyThird, "third-party:ask-provider"},
		{"11 of addresses that should not send", 11, "", nil, with(Confirmed, 11, named(rbl.Listed, policy)), PartyOurServer, "our-server:find-list"},
		{"11 on a dead list", 11, "", nil, with(Consistent, 11, named(rbl.Dead)), PartyRemote, "remote-server:tell-dead-list"},
		{"11 for a resolver's sake", 11, classify.ReasonResolver, nil, nil, PartyRemote, "remote-server:tell-resolver"},
		{"11 of a provider's own", 11, classify.ReasonPrivateList, nil, nil, PartyOurServer, "our-server:provider-form our-server:ask-postmaster"},
		{"8 that is a listing forgets the words' reason", 8, classify.ReasonPrivateList, nil, with(Contradicted, 11, named(rbl.Listed, delist)), PartyOurServer, "our-server:delist"},
		{"12 PTR", 12, classify.ReasonPTR, nil, nil, PartyOurServer, "our-server:set-ptr"},
		{"12 HELO", 12, classify.ReasonHELO, nil, nil, PartyOurServer, "our-server:fix-helo"},
		{"12 sender domain", 12, classify.ReasonSenderDomain, nil, nil, PartyOurServer, "our-server:fix-sender-domain"},
		{"12 MX is an address", 12, classify.ReasonSenderMXIP, nil, nil, PartyOurServer, "our-server:fix-sender-mx"},
		{"12 callout", 12, classify.ReasonCallout, nil, nil, PartyOurServer, "our-server:accept-callout"},
		{"12", 12, "", nil, nil, PartyOurServer, "our-server:check-own-dns"},
		{"13 that is a missing PTR", 13, classify.ReasonGreylist, nil, with(Contradicted, 12), PartyOurServer, "our-server:set-ptr"},
		{"13 for now", 13, "", []func(*Subject){code(451)}, nil, PartyUnknown, "unknown:wait"},
		{"13 for good", 13, "", []func(*Subject){code(550)}, nil, PartyOurServer, "our-server:slow-down"},
		{"14 SPF", 14, classify.ReasonSPF, []func(*Subject){ours}, nil, PartyOurServer, "our-server:extend-spf"},
		{"14", 14, "", nil, nil, PartyOurServer, "our-server:check-authentication"},
		{"14 as a domain that is not ours", 14, classify.ReasonSPF, []func(*Subject){ours, func(s *Subject) { s.SenderDomain = "example.com" }}, nil, PartySender, "sender:own-domain"},
		{"14 From a domain that is not ours", 14, classify.ReasonDMARC, []func(*Subject){ours, original(bounce.Original{From: "them@example.com"})}, nil, PartySender, "sender:own-domain"},
		{"14 with a key that is gone", 14, classify.ReasonDKIM, nil, with(Consistent, 14, dkimIs(dnscheck.DKIM{Status: dnscheck.NXDomain})), PartyOurServer, "our-server:publish-dkim"},
		{"14 with a key of somebody else's that is gone", 14, classify.ReasonDKIM, []func(*Subject){func(s *Subject) { s.SenderDomain, s.Failure.Sender = "example.com", "them@example.com" }}, with(Consistent, 14, dkimIs(dnscheck.DKIM{Status: dnscheck.NXDomain})), PartyOurServer, "our-server:check-authentication"},
		{"14 without a DMARC record", 14, classify.ReasonDMARC, nil, with(Consistent, 14, dmarcIs(dnscheck.DMARC{Status: dnscheck.NXDomain})), PartyOurServer, "our-server:publish-dmarc"},
		{"14 that is not aligned", 14, classify.ReasonDMARC, nil, with(Confirmed, 14, dmarcIs(dnscheck.DMARC{Policy: "reject"})), PartyOurServer, "our-server:align-dmarc"},
		{"5 with dead name servers", 5, "", nil, with(Confirmed, 5, nsIs(nameServers(dnscheck.Lame))), PartyRemote, "sender:check-domain remote-server:repair-name-servers"},
		{"5 at our resolver alone", 5, "", nil, &Verification{Verdict: Confirmed, Category: 5, Limits: []Seen{{"resolvers-differ", nil}}}, PartyOurServer, "our-server:repair-resolver"},
		{"5 at our resolver, and the name servers are dead too", 5, "", nil, &Verification{Verdict: Confirmed, Category: 5, Findings: []Finding{nsIs(nameServers(dnscheck.Lame))}, Limits: []Seen{{"resolvers-differ", nil}}}, PartyRemote, "sender:check-domain remote-server:repair-name-servers"},
		{"5 with a name that can be no domain", 5, "", nil, with(Confirmed, 5, at(StepMX, CheckMX, findMX(dnscheck.MX{Domain: "a..example.net", Status: dnscheck.Failed}))), PartySender, "sender:check-domain"},
		{"15", 15, "", nil, nil, PartyRemote, "remote-server:repair-tls"},
		{"15 they demand TLS", 15, classify.ReasonMustSTARTTLS, nil, nil, PartyOurServer, "our-server:enable-tls"},
		{"16", 16, "", nil, nil, PartyRemote, "unknown:wait remote-server:repair-server"},
		{"unknown", 0, "", nil, nil, PartyUnknown, "unknown:read-reply"},
		{"backscatter", 8, "", []func(*Subject){func(s *Subject) { s.Backscatter = true }}, nil, PartyThird, "sender:ignore-backscatter"},
		{"inconclusive for the place", 1, "", nil, limited("vantage"), PartyUnknown, "unknown:look-from-sender unknown:read-reply"},
		{"inconclusive for our address", 1, "", nil, limited("sending-address-guessed"), PartyUnknown, "unknown:name-sending-ip unknown:read-reply"},
		{"inconclusive for a control", 1, "", nil, limited("no-control"), PartyUnknown, "unknown:name-control unknown:read-reply"},
		{"inconclusive for the resolver", 1, "", nil, limited("ask-another-resolver"), PartyUnknown, "unknown:ask-another-resolver unknown:read-reply"},
		{"inconclusive for now", 1, "", nil, limited("no-answer"), PartyUnknown, "unknown:look-later unknown:read-reply"},
	} {
		t.Run(x.name, func(t *testing.T) {
			party, advice := Advise(classify.Classification{Category: x.category, Reason: x.reason}, subject(x.subject...), x.v)
			var got []string
			for _, a := range advice {
				got = append(got, string(a.Party)+":"+a.Code)
			}
			if party != x.party || strings.Join(got, " ") != x.advice {
				t.Errorf("%s, %s", party, strings.Join(got, " "))
			}
		})
	}
}

func TestAdviceHasTheFactsToFillIn(t *testing.T) {
	s := subject(remote("", mx1), func(s *Subject) {
		s.SendingIP = netip.MustParseAddr("2001:db8::9")
		s.Ours.HELO = "mail.example.org"
		s.Original.Size = 30000
	})
	v := Verification{Verdict: Confirmed, Category: 7, Findings: []Finding{look(StepSMTP, mx1), look(StepSMTP, mx2, size(9000)), look(StepSMTP, mx2, size(40000))}}
	_, advice := Advise(classify.Classification{Category: 7}, s, &v)
	for key, want := range map[string]string{
		"size": "30000", "limit": "9000", "host": mx1, "domain": "example.net", "sender": "example.org", "address": "a@example.net",
		"mechanism": "ip6:2001:db8::9", "helo": "mail.example.org",
	} {
		if got := advice[0].Args[key]; got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
	for key, value := range advice[0].Args {
		if value == "" {
			t.Errorf("%s is empty and there", key)
		}
	}
}

// Whatever came out, somebody is told something to do, and it names what it is
// about.
func TestEveryCategoryAndVerdictHasAPartyAndAdviceThatNamesSomething(t *testing.T) {
	for c := classify.Unknown; c <= classify.RemoteFault; c++ {
		for _, verdict := range []Verdict{"", Confirmed, Consistent, Cleared, Contradicted, Inconclusive} {
			as := c
			if verdict == Contradicted {
				as = map[classify.Category]classify.Category{classify.DNSFailure: classify.ConnectionFailed, classify.ConnectionFailed: classify.DNSFailure, classify.Blocklisted: classify.SenderDNS}[c]
				if as == 0 {
					as = classify.Blocklisted
				}
			}
			var v *Verification
			if verdict != "" {
				v = &Verification{Verdict: verdict, Category: as, Vantage: Vantage{SendingIP: ourIP.String()}}
			}
			s := subject(remote("mx1.example.net", mx1))
			party, advice := Advise(classify.Classification{Category: c, List: "bl.example"}, s, v)
			told := party == PartyUnknown
			for _, a := range advice {
				told = told || a.Party == party
				if len(a.Args) == 0 || a.Args["domain"] != "example.net" || a.Args["host"] != "mx1.example.net" || a.Args["address"] != "a@example.net" {
					t.Errorf("%d, %s: %s names %v", c, verdict, a.Code, a.Args)
				}
			}
			if party == "" || len(advice) == 0 || !told {
				t.Errorf("%d, %s: %s is to act, and told %v", c, verdict, party, advice)
			}
		}
	}
}

func TestRecordsAreReadyToPaste(t *testing.T) {
	s := subject()
	for _, x := range []struct {
		name                     string
		edit                     func(*Subject)
		seen                     string
		reverse, mechanism, helo string
	}{
		{"one address, HELO by the server's name", func(*Subject) {}, "", "9.100.51.198.in-addr.arpa.", "ip4:198.51.100.9", "mail.example.org"},
		{"a configured HELO name", func(s *Subject) { s.Ours.HELO = "out.example.org" }, "", "9.100.51.198.in-addr.arpa.", "ip4:198.51.100.9", "out.example.org"},
		{"addresses from the DNS", machine, "198.51.100.9 2001:db8:1::9", "9.100.51.198.in-addr.arpa.", "ip4:198.51.100.9 ip6:2001:db8:1::9", "mail.example.org"},
		{"an address that no record is for", machine, "10.0.0.5", "", "", "mail.example.org"},
		{"a server of the other side's", func(s *Subject) { s.OurReport, s.ReportingHost = false, "mx.example.net" }, "", "9.100.51.198.in-addr.arpa.", "ip4:198.51.100.9", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			s = subject(x.edit)
			_, advice := Advise(classify.Classification{Category: classify.SenderDNS, Reason: classify.ReasonPTR}, s, &Verification{Verdict: Confirmed, Category: classify.SenderDNS, Vantage: Vantage{SendingIP: x.seen}})
			got := advice[0].Args
			if got["reverse"] != x.reverse || got["mechanism"] != x.mechanism || got["helo"] != x.helo {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestAdviceGivesRecordsThatCanBePasted(t *testing.T) {
	spf := func(result dnscheck.Result, record string) Finding {
		return at(StepSPF, CheckSPF, findSPF(dnscheck.SPF{Domain: "example.org", Result: result, Record: record}, ourIP))
	}
	for _, x := range []struct{ name, key, want string }{
		{"no record yet", "spf", `example.org. TXT "v=spf1 ip4:198.51.100.9 ~all"`},
		{"v=spf1 mx -all", "spf", `example.org. TXT "v=spf1 ip4:198.51.100.9 mx -all"`},
		{"v=spf1", "spf", `example.org. TXT "v=spf1 ip4:198.51.100.9"`},
		{"v=spf1 ip4:198.51.100.9 -all", "spf", ""}, // it is in there already
		{"v=spf1 \" -all", "spf", ""},
		{"v=spf1 " + strings.Repeat("a", 250), "spf", ""},
		{"", "dmarc", `_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:postmaster@example.org"`},
		{"", "key", "s1._domainkey.example.org"},
		{"", "author", "example.org"},
	} {
		f := spf(dnscheck.Fail, x.name)
		if x.name == "no record yet" {
			f = spf(dnscheck.None, "")
		}
		v := Verification{Verdict: Consistent, Category: 14, Findings: []Finding{f, dmarcIs(dnscheck.DMARC{Status: dnscheck.NXDomain}), dkimIs(dnscheck.DKIM{Status: dnscheck.NXDomain})}}
		s := subject(machine, original(bounce.Original{From: "us@example.org"}))
		if _, advice := Advise(classify.Classification{Category: 14}, s, &v); advice[0].Args[x.key] != x.want {
			t.Errorf("%.40s: %s = %q, want %q", x.name, x.key, advice[0].Args[x.key], x.want)
		}
	}
}

// Of several addresses, the records are for the one that lacks them.
func TestRecordsAreForTheAddressThatLacksThem(t *testing.T) {
	v4, v6 := netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("2001:db8:1::9")
	reverse := func(ip netip.Addr, status dnscheck.Status) Finding {
		return at(StepPTR, CheckPTR, findReverse(dnscheck.Reverse{IP: ip, Status: status, Confirmed: status == dnscheck.OK, Names: make([]dnscheck.PTRName, 1)}))
	}
	spf := func(ip netip.Addr, result dnscheck.Result) Finding {
		return at(StepSPF, CheckSPF, findSPF(dnscheck.SPF{Domain: "example.org", Result: result, Record: "v=spf1 ip4:198.51.100.9 -all"}, ip))
	}
	const six = "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
	for _, x := range []struct {
		name      string
		edit      func(*Subject)
		findings  []Finding
		key, want string
	}{
		{"the PTR of IPv6 is missing", machine, []Finding{reverse(v4, dnscheck.OK), reverse(v6, dnscheck.NXDomain)}, "reverse", six},
		{"IPv6 was refused, and nothing is known", func(s *Subject) { machine(s); s.Failure.Remote.IP = netip.MustParseAddr(mx6) }, nil, "reverse", six},
		{"nothing is known", machine, nil, "reverse", "9.100.51.198.in-addr.arpa."},
		{"a relayhost has a name of its own", func(s *Subject) {
			machine(s)
			s.Ours = Our{HELO: "mail.example.org", Relayhost: "relay.example.com:587"}
		}, nil, "helo", "relay.example.com"},
		{"a relayhost whose name nobody knows", func(s *Subject) { machine(s); s.Ours = Our{HELO: "mail.example.org", Relayhost: "[192.0.2.7]:587"} }, nil, "helo", ""},
		{"SPF passes for IPv4 alone", machine, []Finding{spf(v4, dnscheck.Pass), spf(v6, dnscheck.Fail)}, "spf", `example.org. TXT "v=spf1 ip6:2001:db8:1::9 ip4:198.51.100.9 -all"`},
		{"SPF passes", machine, []Finding{spf(v4, dnscheck.Pass)}, "spf", ""},
		{"a broken SPF record stays broken", machine, []Finding{spf(v6, dnscheck.PermError)}, "spf", ""},
		{"a DMARC policy is not to be weakened", machine, []Finding{dmarcIs(dnscheck.DMARC{Policy: "reject", Percent: 100})}, "dmarc", ""},
		{"a DMARC policy is not to be doubled where it was not seen", machine, []Finding{dmarcIs(dnscheck.DMARC{Status: dnscheck.ServFail})}, "dmarc", ""},
	} {
		for _, c := range []classify.Category{classify.SenderDNS, classify.AuthFailed} {
			if (c == classify.AuthFailed) != (x.key == "spf" || x.key == "dmarc") {
				continue
			}
			v := Verification{Verdict: Consistent, Category: c, Findings: x.findings, Vantage: Vantage{SendingIP: v4.String() + " " + v6.String()}}
			if _, advice := Advise(classify.Classification{Category: c}, subject(x.edit), &v); advice[0].Args[x.key] != x.want {
				t.Errorf("%s: %s = %q, want %q", x.name, x.key, advice[0].Args[x.key], x.want)
			}
		}
	}
}
