package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"diagnose/classify"
	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"
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

// flood answers every question with as much as fits.
type flood struct{ public bool }

func (d flood) Lookup(_ context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	a := dnscheck.Answer{Question: q, Status: dnscheck.OK}
	for i := range 1000 {
		rec := dnscheck.Record{Name: q.Name, Type: q.Type, Text: fmt.Sprint("v=DMARC1; p=none; n=", i), Host: fmt.Sprintf("mx%d.example.net", i)}
		rec.Addr = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		if d.public {
			rec.Addr = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
		}
		if q.Type == dnscheck.TypeAAAA {
			rec.Addr = netip.MustParseAddr(fmt.Sprintf("fd00::%x", i+1))
		}
		a.Records = append(a.Records, rec)
	}
	return a, nil
}

func TestAFloodOfRecordsIsBounded(t *testing.T) {
	for c := classify.Unknown; c <= classify.RemoteFault; c++ {
		for _, public := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				hosts := map[string]smtptest.Dialer{}
				for i := range 256 {
					hosts[fmt.Sprintf("203.0.113.%d:25", i)] = smtptest.Refuse
				}
				r, network, _ := testRunner(t, hosts)
				r.Resolver, r.Controls = flood{public}, nil
				r.Guard = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
				s := subject()
				fs := run1(t, r, Plan(classify.Classification{Category: c}, s))
				out, err := json.Marshal(Judge(classify.Classification{Category: c}, s, fs))
				if err != nil || len(out) > 64<<10 || len(network.dialed) > 2*defaultHosts {
					t.Errorf("%d: %d findings, %d bytes, %d connections, %v", c, len(fs), len(out), len(network.dialed), err)
				}
			})
		}
	}
}

func TestOneControlHostUnderTwoNamesIsOneWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse, "203.0.113.200:25": smtptest.Refuse})
		r.Controls = []string{"control.example", "203.0.113.200"}
		c, s := classify.Classification{Category: classify.ConnectionFailed}, subject(stage("connect"))
		if v := Judge(c, s, run1(t, r, Plan(c, s))); v.Verdict == Confirmed {
			t.Errorf("%s: %s", v.Verdict, summary(v.Findings))
		}
	})
}
