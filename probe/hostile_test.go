package probe

import (
	"strings"
	"testing"
	"testing/synctest"

	"diagnose/classify"
	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck"
)

// What a remote server says of our address must not find its way into a record
// that the admin is told to publish.
func TestAStrangersWordForOurAddressIsNotToBePublished(t *testing.T) {
	const theirs = "203.0.113.66"
	s := subject(machine)
	c := classify.Classification{Category: classify.AuthFailed, Reason: classify.ReasonSPF}
	lying := look(StepSMTP, mx1, from("10.0.0.5"), seenBy(theirs))
	v := Judge(c, s, []Finding{ok1, lying, left(StepSPF, CheckSPF, "skipped.private")})
	_, advice := Advise(c, s, &v)
	for _, a := range advice {
		for key, value := range a.Args {
			if key != "outbound" && strings.Contains(value, theirs) {
				t.Errorf("%s: %s = %s", a.Code, key, value)
			}
		}
	}
	if strings.Contains(v.Vantage.SendingIP, theirs) {
		t.Errorf("sent from %s", v.Vantage.SendingIP)
	}
}

func TestAnAddressThatCarriersShareIsNoSighting(t *testing.T) {
	if a := sighting(look(StepSMTP, mx1, seenBy("100.64.1.2"))); a.IsValid() {
		t.Errorf("seen as %s", a)
	}
	if a := sighting(look(StepSMTP, mx1, func(s *smtpcheck.Session) {})); a.IsValid() {
		t.Errorf("seen as %s", a)
	}
}

func TestAHELONameThatTheResolverMadeUpIsNotMended(t *testing.T) {
	for _, x := range []struct{ name, zone, code string }{
		{"made up", "*.example.com. 300 IN A 203.0.113.80\n*.invalid. 300 IN A 203.0.113.80", "address.invented"},
		{"there, beside what is made up", "*.example.com. 300 IN A 198.51.100.9\n*.invalid. 300 IN A 203.0.113.80", "address.ok"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, _, _ := testRunner(t, nil)
			r.Resolver = dnstest.New(t, zones, x.zone).Resolver()
			s := subject(reply("450 4.7.1 <gone.example.com>: Helo command rejected: Host not found"))
			c := classify.Classification{Category: classify.SenderDNS, Reason: classify.ReasonHELO}
			var p planner
			p.helo(c, s)
			v := Judge(c, s, run1(t, r, p.steps))
			if v.Findings[0].Code != x.code || (v.Verdict == Cleared) != (x.code == "address.ok") {
				t.Errorf("%s: %s, %s", x.name, v.Findings[0].Code, v.Verdict)
			}
		})
	}
}

func TestTheNameOfTheRefusingServerIsNotOurHELOName(t *testing.T) {
	for text, want := range map[string]string{
		"550 HELO rejected by mx9.example.net":        "mail.example.org",
		"550 bad HELO, ask postmaster.mx.example.com": "mail.example.org",
		"550 HELO gw.example.org does not resolve":    "gw.example.org",
	} {
		var p planner
		p.helo(classify.Classification{Reason: classify.ReasonHELO}, subject(reply(text), remote("mx.example.com", ""), func(s *Subject) { s.Ours.HELO = "mail.example.org" }))
		if p.steps[0].Target != want {
			t.Errorf("%s: %s", text, p.steps[0].Target)
		}
	}
}
