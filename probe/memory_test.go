package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/classify"
	"diagnose/dnscheck"
	"diagnose/smtpcheck/smtptest"
)

// notebook is a Memory for tests.
type notebook struct {
	mu      sync.Mutex
	entries map[string][]byte
	until   map[string]time.Time
}

func (n *notebook) Recall(key string) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Now().After(n.until[key]) {
		return nil
	}
	return n.entries[key]
}

func (n *notebook) Keep(key string, value []byte, until time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.entries == nil {
		n.entries, n.until = map[string][]byte{}, map[string]time.Time{}
	}
	n.entries[key], n.until[key] = value, until
}

func TestAThousandProbesOfADomainCostTheQueriesOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, dns := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		r.Resolver = &dnscheck.Cache{Resolver: dns.Resolver()}
		r.ListDNS = &dnscheck.Cache{Resolver: dns.Resolver()}
		c := classify.Classification{Category: classify.Blocklisted, List: "bl.example"}
		probe := func() {
			s := subject()
			v := Judge(c, s, run1(t, r, Plan(c, s)))
			if v.Verdict != Confirmed {
				t.Errorf("%s: %s", v.Verdict, summary(v.Findings))
			}
		}
		probe()
		one, queries := len(network.dialed), len(dns.Queries())
		if one != 1 || queries == 0 {
			t.Fatalf("the first made %d connections and %d queries", one, queries)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 125 {
					probe()
				}
			})
		}
		all.Wait()
		if n, q := len(network.dialed), len(dns.Queries()); n != one || q != queries {
			t.Errorf("1000 more made %d connections and %d queries, one made %d and %d", n-one, q-queries, one, queries)
		}
	})
}

func TestAThousandProbesAtOnceCostTheQueriesOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count := func(probes int) (connections, queries int) {
			r, network, dns := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse, "203.0.113.200:25": healthyHost(t)})
			r.Resolver = &dnscheck.Cache{Resolver: dns.Resolver()}
			c := classify.Classification{Category: classify.Rejected, List: "bl.example"}
			var all sync.WaitGroup
			for range probes {
				all.Go(func() { s := subject(); run1(t, r, Plan(c, s)) })
			}
			all.Wait()
			return len(network.dialed), len(dns.Queries())
		}
		oneConn, oneQuery := count(1)
		manyConn, manyQuery := count(1000)
		if oneConn != 3 || manyConn != oneConn || manyQuery != oneQuery {
			t.Errorf("%d connections and %d queries, of one %d and %d", manyConn, manyQuery, oneConn, oneQuery)
		}
	})
}

func TestWhatWasCutShortIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Pipe(t, smtptest.Silence())})
		r.Policy.Total = time.Second
		if got := summary(run1(t, r, planFor("example.net", classify.Rejected)[:2])); got != "mx:mx.ok smtp:smtp.greeting-failed" {
			t.Error(got)
		}
		network.hosts["203.0.113.25:25"] = healthyHost(t)
		if got := summary(run1(t, r, planFor("example.net", classify.Rejected)[:2])); got != "mx:mx.ok smtp:smtp.greets" {
			t.Error(got)
		}
	})
}

func TestAServerIsRememberedUnderTheNameThatItWasJudgedBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		run1(t, r, SMTPPlan("203.0.113.25"))
		fs := run1(t, r, MXPlan("example.net", false, false))
		if len(network.dialed) != 2 || fs[1].Args["host"] != "mx1.example.net" {
			t.Errorf("dialled %v, as %s", network.dialed, fs[1].Args["host"])
		}
	})
}

func TestWhatIsRememberedIsShownAsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		first := run1(t, r, MXPlan("example.net", false, false))[1]
		time.Sleep(time.Minute)
		if again := run1(t, r, MXPlan("example.net", false, false))[1]; !again.Started.Equal(first.Started) {
			t.Errorf("seen at %s, said to be at %s", first.Started, again.Started)
		}
	})
}

func TestTheServersRememberedAreBounded(t *testing.T) {
	r := new(Runner)
	for i := range 3 * maxRemembered {
		recollection(r, &r.mailboxes, fmt.Sprint(i))
	}
	if len(r.mailboxes) != maxRemembered {
		t.Errorf("%d are remembered", len(r.mailboxes))
	}
}

func TestAMailboxIsAskedForOnceADayAcrossRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := &notebook{}
		p := &postOffice{}
		ask := func() Verification {
			r, _ := p.runner(t)
			r.Memory = memory
			s := subject(remote("mx1.example.net", mx1))
			c := classify.Classification{Category: classify.UnknownRecipient}
			return Judge(c, s, run1(t, r, append(Plan(c, s), PlanRcpt(c, s)...)))
		}
		p.replies = map[string]string{"a@example.net": unknownUser, "postmaster@example.net": taken}
		first := ask()
		time.Sleep(time.Hour)
		second := ask()
		if len(p.asked) != 2 || first.Verdict != Confirmed || second.Verdict != Confirmed {
			t.Errorf("asked for %v: %s, then %s", p.asked, first.Verdict, second.Verdict)
		}
		missing(t, second.Limits, "remembered")
		if slices.ContainsFunc(first.Limits, func(s Seen) bool { return s.Code == "remembered" }) {
			t.Error("what was just heard is called remembered")
		}
		time.Sleep(24 * time.Hour)
		if ask(); len(p.asked) != 4 {
			t.Errorf("a day later: %v", p.asked)
		}
		for _, value := range memory.entries {
			if len(value) > 4<<10 {
				t.Errorf("%d bytes are kept", len(value))
			}
		}
	})
}

func TestControlsAreRememberedAcrossRunsForTheAddressThatAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := &notebook{}
		dialled := func(route func(netip.Addr) (netip.Addr, error)) int {
			r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse, "203.0.113.200:25": healthyHost(t)})
			r.Memory, r.Route = memory, route
			if got := summary(run1(t, r, planFor("example.net", classify.ConnectionFailed))); got != "mx:mx.ok smtp:smtp.refused control:control.ok" {
				t.Error(got)
			}
			return len(network.dialed)
		}
		elsewhere := func(netip.Addr) (netip.Addr, error) { return netip.MustParseAddr("198.51.100.200"), nil }
		if n := dialled(onlyIPv4); n != 3 {
			t.Errorf("first %d connections", n)
		}
		if n := dialled(onlyIPv4); n != 2 {
			t.Errorf("then %d", n)
		}
		if n := dialled(elsewhere); n != 3 {
			t.Errorf("from elsewhere %d", n)
		}
		time.Sleep(11 * time.Minute)
		if n := dialled(onlyIPv4); n != 3 {
			t.Errorf("eleven minutes later %d", n)
		}
	})
}

func TestAControlThatFailedIsAskedAgainInTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := &notebook{}
		for _, control := range []smtptest.Dialer{smtptest.Refuse, healthyHost(t)} {
			r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse, "203.0.113.200:25": control})
			r.Memory = memory
			run1(t, r, planFor("example.net", classify.ConnectionFailed))
		}
		if len(memory.entries) != 1 {
			t.Errorf("%d entries are kept", len(memory.entries))
		}
	})
}

// scribble is a Memory that somebody else wrote in.
type scribble string

func (s scribble) Recall(string) []byte         { return []byte(s) }
func (scribble) Keep(string, []byte, time.Time) {}

func TestABrokenMemoryIsNoMemory(t *testing.T) {
	future := time.Now().Add(time.Hour).Format(time.RFC3339)
	for _, s := range []string{"", "{", "null", "[]", `{"at":"x"}`, `{"at":"1990-01-01T00:00:00Z","session":{"Addr":"203.0.113.25:25","Phase":"done"}}`,
		`{"at":"` + future + `","session":{"Addr":"203.0.113.25:25"}}`, `{"at":"2000-01-01T00:00:00Z","session":{"Addr":7}}`} {
		synctest.Test(t, func(t *testing.T) {
			p := &postOffice{replies: map[string]string{"a@example.net": unknownUser, "postmaster@example.net": taken}}
			r, _ := p.runner(t)
			r.Memory = scribble(s)
			su := subject(remote("mx1.example.net", mx1))
			c := classify.Classification{Category: classify.UnknownRecipient}
			if v := Judge(c, su, run1(t, r, append(Plan(c, su), PlanRcpt(c, su)...))); v.Verdict != Confirmed || len(p.asked) != 2 {
				t.Errorf("%q: %s, asked for %v", s, v.Verdict, p.asked)
			}
		})
	}
}
