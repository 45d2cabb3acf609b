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

// reading is what is made of a reply that could mean several things, read by
// the real classifier and judged by what is seen.
type reading struct {
	name     string
	text     string
	edit     []func(*Subject)
	findings []Finding
	category classify.Category // of the words
	want     Verdict
	as       classify.Category
	party    Party
	advice   string // of the first
	limits   string
	also     string
}

const (
	refusedDialling = "connect to shou.com[203.0.113.25]:25: Connection refused"
	noHost          = "Host or domain name not found. Name service error for name=shou.com type=MX: Host not found"
	onBL            = "554 5.7.1 Service unavailable; Client host [198.51.100.9] blocked using bl.example"
	microsoft       = "550 5.7.1 Unfortunately, messages from [198.51.100.9] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150)."
	proofpoint      = "554 Blocked - see https://ipcheck.proofpoint.com/?ip=198.51.100.9"
	openResolver    = "554 5.7.1 Service unavailable; Client host [198.51.100.9] blocked using bl.example; Error: open resolver; https://bl.example/returnc/pub"
	refusalCode     = "550 5.7.1 198.51.100.9 listed at bl.example (127.255.255.254)"
	noReverse       = "550 5.7.1 Client host rejected: cannot find your reverse hostname, [198.51.100.9]"
	senderRefused   = "553 5.7.1 Envelope sender rejected"
)

func shou(s *Subject) { s.Domain, s.Failure.Recipient = "shou.com", "a@shou.com" }

var (
	elsewhereListed = sweep(rbl.Result{Zone: "big.example", Tier: rbl.Core, Weight: rbl.High, Status: rbl.Listed, Scope: "ip"})
	cleanSweep      = sweep(rbl.Result{Zone: "big.example", Tier: rbl.Core, Weight: rbl.High, Status: rbl.NotListed})
	around          = func(r *rbl.Result) { r.Scope, r.Tier = "asn", rbl.Neighbour }
	noPolicy        = func(r *rbl.Result) { r.Scope, r.Policy = "range", true }
)

var readings = []reading{
	// 5 or 9: does the domain resolve, and does anybody answer?
	{name: "refused dialling, and no such domain", text: refusedDialling, edit: []func(*Subject){shou}, findings: []Finding{noDom}, category: 9, want: Contradicted, as: 5, party: PartySender, advice: "did-you-mean", also: "typo.likely"},
	{name: "refused dialling, and refused again", text: refusedDialling, edit: []func(*Subject){shou}, findings: []Finding{ok1, look(StepSMTP, mx1, refusedTCP), controlUp}, category: 9, want: Confirmed, as: 9, party: PartyRemote, advice: "did-you-mean", also: "typo.likely"},
	{name: "refused dialling, and nobody else answers either", text: refusedDialling, findings: []Finding{ok1, look(StepSMTP, mx1, refusedTCP), controlOff, otherOff}, category: 9, want: Confirmed, as: 9, party: PartyOurServer, advice: "open-port-25"},
	{name: "refused dialling, and it greets", text: refusedDialling, findings: []Finding{ok1, look(StepSMTP, mx1)}, category: 9, want: Cleared, as: 9, party: PartySender, advice: "send-again"},
	{name: "no host, and no such domain", text: noHost, edit: []func(*Subject){shou}, findings: []Finding{noDom}, category: 5, want: Confirmed, as: 5, party: PartySender, advice: "did-you-mean", also: "typo.likely"},
	{name: "no host, and it resolves to where nobody answers", text: noHost, findings: []Finding{ok1, look(StepSMTP, mx1, refusedTCP), controlUp}, category: 5, want: Contradicted, as: 9, party: PartyRemote, advice: "wait-or-call"},
	{name: "no host, and it resolves to a mail server", text: noHost, findings: []Finding{ok1, look(StepSMTP, mx1)}, category: 5, want: Cleared, as: 5, party: PartySender, advice: "send-again"},
	{name: "no host, and the resolver is silent", text: noHost, findings: []Finding{mxOf(dnscheck.Timeout)}, category: 5, want: Inconclusive, as: 5, party: PartyUnknown, advice: "ask-another-resolver"},

	// 8, 11 or 12
	{name: "a named list that has us", text: onBL, findings: []Finding{named(rbl.Listed), elsewhereListed}, category: 11, want: Confirmed, as: 11, party: PartyOurServer, advice: "find-list", also: "lists.listed"},
	{name: "a named list that has us no more, though another has", text: onBL, findings: []Finding{named(rbl.NotListed), elsewhereListed}, category: 11, want: Cleared, as: 11, party: PartySender, advice: "send-again", limits: "caches-lag", also: "lists.listed"},
	{name: "a named list that does not answer us, though another has us", text: onBL, findings: []Finding{named(rbl.Refused), elsewhereListed}, category: 11, want: Inconclusive, as: 11, party: PartyUnknown, advice: "look-later", limits: "lists-did-not-answer", also: "lists.listed"},
	{name: "a named list of the neighbourhood", text: onBL, findings: []Finding{named(rbl.Listed, around)}, category: 11, want: Confirmed, as: 11, party: PartyThird, advice: "ask-provider"},
	{name: "a named list of addresses that should not send", text: onBL, findings: []Finding{named(rbl.Listed, noPolicy)}, category: 11, want: Confirmed, as: 11, party: PartyOurServer, advice: "find-list"},
	{name: "a named list that has closed", text: onBL, findings: []Finding{named(rbl.Dead)}, category: 11, want: Consistent, as: 11, party: PartyRemote, advice: "tell-dead-list", limits: "dead-list"},
	{name: "their resolver is refused", text: openResolver, findings: []Finding{named(rbl.NotListed)}, category: 11, want: Consistent, as: 11, party: PartyRemote, advice: "tell-resolver", limits: "their-resolver"},
	{name: "their resolver is refused, as the code shows", text: refusalCode, findings: []Finding{named(rbl.NotListed)}, category: 11, want: Consistent, as: 11, party: PartyRemote, advice: "tell-resolver", limits: "their-resolver"},
	{name: "no PTR, still", text: noReverse, findings: []Finding{ptr(dnscheck.NXDomain)}, category: 12, want: Confirmed, as: 12, party: PartyOurServer, advice: "set-ptr"},
	{name: "no PTR then, one now", text: noReverse, findings: []Finding{ptr(dnscheck.OK, ptrName(true, false)), elsewhereListed}, category: 12, want: Cleared, as: 12, party: PartySender, advice: "send-again", also: "lists.listed"},
	{name: "refused in words that may mean DNS, and there is no PTR", text: senderRefused, findings: []Finding{ok1, look(StepSMTP, mx1), ptr(dnscheck.NXDomain), cleanSweep}, category: 8, want: Contradicted, as: 12, party: PartyOurServer, advice: "set-ptr"},
	{name: "refused in words that may mean DNS, and there is a PTR", text: senderRefused, findings: []Finding{ok1, look(StepSMTP, mx1), ptr(dnscheck.OK, ptrName(true, false)), elsewhereListed}, category: 8, want: Consistent, as: 8, party: PartyOurServer, advice: "ask-postmaster", also: "lists.listed"},
	{name: "refused in words that may mean DNS, and the PTR lookup failed", text: senderRefused, findings: []Finding{ok1, look(StepSMTP, mx1), ptr(dnscheck.Timeout)}, category: 8, want: Consistent, as: 8, party: PartyOurServer, advice: "ask-postmaster"},

	// Reputations that no DNS query shows.
	{name: "Microsoft's own list, and a public one has us", text: microsoft, findings: []Finding{ok1, look(StepSMTP, mx1), elsewhereListed}, category: 8, want: Consistent, as: 8, party: PartyOurServer, advice: "provider-form", also: "lists.listed"},
	{name: "Microsoft's own list, and no public one has us", text: microsoft, findings: []Finding{ok1, look(StepSMTP, mx1), cleanSweep}, category: 8, want: Consistent, as: 8, party: PartyOurServer, advice: "provider-form"},
	{name: "Proofpoint's reputation", text: proofpoint, findings: []Finding{ok1, look(StepSMTP, mx1), cleanSweep}, category: 8, want: Consistent, as: 8, party: PartyOurServer, advice: "provider-form"},

	// IPv4 and IPv6 are judged apart.
	{name: "only their IPv6 address refuses", text: "connect to mx1.example.net[2001:db8:2::25]:25: Connection refused", edit: []func(*Subject){remote("mx1.example.net", mx6)}, findings: []Finding{ok46, look(StepSMTP, mx1), look(StepSMTP, mx6, refusedTCP), look(StepControl, control6)}, category: 9, want: Consistent, as: 9, party: PartyRemote, advice: "wait-or-call", limits: "hosts-differ"},
	{name: "only IPv6 failed, and we have none here", text: "connect to mx1.example.net[2001:db8:2::25]:25: Connection timed out", edit: []func(*Subject){remote("mx1.example.net", mx6)}, findings: []Finding{ok46, look(StepSMTP, mx1), left(StepSMTP, CheckSMTP, "skipped.no-family")}, category: 9, want: Inconclusive, as: 9, party: PartyUnknown, advice: "look-later", limits: "not-all-seen"},

	// Time.
	{name: "an old refusal that is still so", text: noReverse, edit: []func(*Subject){old}, findings: []Finding{ptr(dnscheck.NXDomain)}, category: 12, want: Confirmed, as: 12, party: PartyOurServer, advice: "set-ptr", limits: "old-bounce"},
	{name: "an old one that is not so any more", text: noReverse, edit: []func(*Subject){old}, findings: []Finding{ptr(dnscheck.OK, ptrName(true, false))}, category: 12, want: Cleared, as: 12, party: PartySender, advice: "send-again", limits: "old-bounce"},
}

func TestRepliesThatCouldMeanSeveralThings(t *testing.T) {
	for _, x := range readings {
		t.Run(x.name, func(t *testing.T) {
			s := subject(append([]func(*Subject){func(s *Subject) {
				if x.text[0] == '5' {
					s.Failure.Reply = bounce.Reply{Code: 550, Status: "5.7.1", Text: x.text}
				} else {
					s.Failure.Text, s.Failure.Stage = x.text, bounce.StageConnect
				}
			}}, x.edit...)...)
			c := refine(shipped.Classify(s.Failure), &s)
			if x.text == noHost {
				s.Failure.Stage = ""
			}
			v := Judge(c, s, x.findings)
			party, advice := Advise(c, s, &v)
			if c.Category != x.category || v.Verdict != x.want || v.Category != x.as || party != x.party || advice[0].Code != x.advice && !(len(advice) > 1 && advice[1].Code == x.advice) {
				t.Errorf("%d (%s, rivals %v): %s as %d because %v, limits %v; %s: %+v", c.Category, c.Reason, c.Rivals, v.Verdict, v.Category, v.Because, v.Limits, party, advice)
			}
			if advice[0].Code == "provider-form" && !strings.HasPrefix(advice[0].Args["reference"], "https://") {
				t.Errorf("no form is named: %v", advice[0].Args)
			}
			missing(t, v.Limits, x.limits)
			missing(t, v.AlsoSeen, x.also)
			for _, l := range v.Limits {
				if l.Code == "old-bounce" && l.Args["days"] != "2" {
					t.Errorf("it is %s days old", l.Args["days"])
				}
			}
		})
	}
}

// No DNS answer, whatever it is, confirms or clears a private reputation.
func TestAPrivateReputationIsNeitherConfirmedNorClearedByTheDNS(t *testing.T) {
	for _, reason := range []classify.Category{classify.Rejected, classify.Blocklisted} {
		c := classify.Classification{Category: reason, Reason: classify.ReasonPrivateList, List: "Microsoft"}
		for _, st := range []rbl.Status{rbl.Listed, rbl.NotListed, rbl.Dead, rbl.Refused, rbl.NotAsked} {
			fs := []Finding{ok1, look(StepSMTP, mx1), named(st), elsewhereListed, ptr(dnscheck.NXDomain)}
			if v := Judge(c, subject(), fs); v.Verdict == Confirmed || v.Verdict == Cleared {
				t.Errorf("%d, %s: %s because %v", reason, st, v.Verdict, v.Because)
			}
		}
	}
}

func TestWhatIsKnownOfANamedListHelpsWithoutLooking(t *testing.T) {
	lists := []rbl.List{
		{Zone: "dead.example", Tier: rbl.DeadTier, Closed: "2024-06-05"},
		{Zone: "around.example", Tier: rbl.Neighbour, Scope: "asn", LookupURL: "https://around.example/?ip={ip}"},
		{Zone: "core.example", Tier: rbl.Core, Scope: "ip", DelistURL: "https://core.example/remove/{ip}"},
	}
	d := diagnoser(nil)
	d.Lists = func() []rbl.List { return lists }
	for zone, want := range map[string]struct {
		party Party
		code  string
		args  map[string]string
	}{
		"dead.example":   {PartyRemote, "tell-dead-list", map[string]string{"closed": "2024-06-05", "list": "dead.example"}},
		"around.example": {PartyThird, "ask-provider", map[string]string{"url": "https://around.example/?ip=198.51.100.9"}},
		"core.example":   {PartyOurServer, "delist", map[string]string{"url": "https://core.example/remove/198.51.100.9"}},
		"other.example":  {PartyOurServer, "find-list", map[string]string{"list": "other.example", "ip": "198.51.100.9"}},
	} {
		rep := sample()
		f := &rep.Failures[0]
		f.Stage, f.Text, f.SendingIP = bounce.StageRcpt, "", netip.MustParseAddr("198.51.100.9")
		f.Reply = bounce.Reply{Code: 554, Status: "5.7.1", Text: "554 5.7.1 Service unavailable; Client host [198.51.100.9] blocked using " + zone}
		if _, err := d.Reports(t.Context(), "in.eml", 1, rep, func(rep Report) error {
			a := rep.Advice[0]
			if rep.Party != want.party || a.Code != want.code {
				t.Errorf("%s: %s, %s", zone, rep.Party, a.Code)
			}
			for k, v := range want.args {
				if a.Args[k] != v {
					t.Errorf("%s: %s = %q", zone, k, a.Args[k])
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheFormIsTakenFromTheReply(t *testing.T) {
	for reply, want := range map[string]string{
		"554 see https://ipcheck.example.net/?ip=198.51.100.9": "https://ipcheck.example.net/?ip=198.51.100.9",
		"554 (http://example.net/form).":                       "http://example.net/form",
		"554 https://":                                         "", "554 httpd": "", "554 http://localhost/x": "", "554 javascript:alert(1)": "", "554 https://\x1b[2J": "", "554 https://[::1]/": "", "": "",
	} {
		if got := linkIn(reply); got != want {
			t.Errorf("linkIn(%q) = %q, want %q", reply, got, want)
		}
	}
}
