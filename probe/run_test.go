package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
	"diagnose/rbl"
	"diagnose/smtpcheck/smtptest"
)

const zones = `
	example.net.      300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
	example.net.      300 IN MX  10 mx1.example.net.
	mx1.example.net.  300 IN A   203.0.113.25
	pool.example.net. 300 IN MX  10 mx2.example.net.
	mx2.example.net.  300 IN A   203.0.113.26
	mx2.example.net.  300 IN AAAA 2001:db8:2::26
	inner.example.net. 300 IN MX 10 hosts.example.net.
	hosts.example.net. 300 IN A  127.0.0.1
	hosts.example.net. 300 IN A  169.254.169.254
	hosts.example.net. 300 IN A  10.0.0.1
	hosts.example.net. 300 IN AAAA ::ffff:10.0.0.1
	hosts.example.net. 300 IN AAAA 64:ff9b::7f00:1
	hosts.example.net. 300 IN AAAA 2002:7f00:1::
	many.example.net. 300 IN MX 10 crowd.example.net.
	example.org.      300 IN SOA ns.example.org. admin.example.org. 1 1 1 1 60
	example.org.      300 IN MX  10 mail.example.org.
	example.org.      300 IN TXT "v=spf1 ip4:198.51.100.9 -all"
	mail.example.org. 300 IN A   198.51.100.9
	100.51.198.in-addr.arpa.   300 IN SOA ns.example.org. admin.example.org. 1 1 1 1 60
	9.100.51.198.in-addr.arpa. 300 IN PTR mail.example.org.
	control.example.  300 IN SOA ns.control.example. admin.control.example. 1 1 1 1 60
	control.example.  300 IN A   203.0.113.200
	bl.example.       300 IN SOA ns.bl.example. admin.bl.example. 1 1 1 1 60
	2.0.0.127.bl.example.     300 IN A 127.0.0.2
	9.100.51.198.bl.example.  300 IN A 127.0.0.2
	9.100.51.198.bl.example.  300 IN TXT "spam seen"
	example.com.      300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60
	invalid.          300 IN SOA ns.invalid. admin.invalid. 1 1 1 1 60
`

// everywhere lets the documentation addresses of the tests be looked at.
var everywhere = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}

// net4 is a network that counts who is dialled, and from which we have IPv4
// only.
type net4 struct {
	t      *testing.T
	hosts  map[string]smtptest.Dialer
	mu     sync.Mutex
	dialed []string
}

func (n *net4) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, address)
	n.mu.Unlock()
	return smtptest.Network(n.t, n.hosts)(ctx, network, address)
}

func onlyIPv4(there netip.Addr) (netip.Addr, error) {
	if there.Is4() {
		return ourIP, nil
	}
	return netip.Addr{}, net.ErrClosed
}

func testRunner(t *testing.T, hosts map[string]smtptest.Dialer) (*Runner, *net4, *dnstest.Server) {
	dns := dnstest.New(t, zones)
	network := &net4{t: t, hosts: hosts}
	list := rbl.List{
		Zone: "bl.example", Kinds: []rbl.Kind{rbl.IPv4}, Tier: rbl.Core, Weight: rbl.High, Scope: "ip",
		Codes: []rbl.Code{{Span: rbl.Span{From: netip.MustParseAddr("127.0.0.2"), To: netip.MustParseAddr("127.0.0.2")}, Effect: rbl.MeansListing, Label: "spam"}},
	}
	return &Runner{
		Resolver: dns.Resolver(), Dialer: network, Guard: everywhere, Lists: []rbl.List{list},
		Controls: []string{"control.example"}, HELO: "mail.example.org", Route: onlyIPv4,
	}, network, dns
}

func healthyHost(t *testing.T) smtptest.Dialer {
	return smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{}))
}

func run1(t *testing.T, r *Runner, plan []Step) []Finding {
	return r.Begin().Run(t.Context(), plan)
}

func summary(fs []Finding) string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Step+":"+f.Code)
	}
	return strings.Join(out, " ")
}

// planFor is what the bounce of a recipient at domain leads to.
func planFor(domain string, c classify.Category, edits ...func(*Subject)) []Step {
	return Plan(classify.Classification{Category: c}, subject(append([]func(*Subject){func(s *Subject) { s.Domain = domain }}, edits...)...))
}

func TestHealthyDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		var mu sync.Mutex
		var told []Progress
		r.Progress = func(p Progress) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, p)
		}
		fs := run1(t, r, planFor("example.net", classify.DNSFailure))
		if got := summary(fs); got != "mx:mx.ok smtp:smtp.greets" {
			t.Error(got)
		}
		smtp := fs[1]
		if smtp.Args["host"] != "mx1.example.net" || smtp.Target != "203.0.113.25:25" || smtp.Check != CheckSMTP || smtp.Args["local"] != ourIP.String() {
			t.Errorf("%+v", smtp)
		}
		want := []Progress{
			{Step: "mx", Target: "example.net"}, {Step: "mx", Target: "example.net", Ended: true},
			{Step: "smtp", Target: "mx1.example.net"}, {Step: "smtp", Target: "mx1.example.net", Ended: true},
		}
		if !slices.Equal(told, want) {
			t.Errorf("progress %v", told)
		}
	})
}

func TestEveryCheckOfOurSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		for _, x := range []struct {
			c       classify.Classification
			subject []func(*Subject)
			want    string
		}{
			{classify.Classification{Category: 11, List: "bl.example"}, nil, "mx:mx.ok smtp:smtp.greets named:named.listed lists:lists.unknown ptr:ptr.ok"},
			{classify.Classification{Category: 11}, []func(*Subject){machine, by(ByReportingHost)}, "mx:mx.ok smtp:smtp.greets sending:address.ok lists:lists.listed ptr:ptr.ok"},
			{classify.Classification{Category: 11}, []func(*Subject){machine}, "mx:mx.ok smtp:smtp.greets lists:lists.listed ptr:ptr.ok"},
			{classify.Classification{Category: 12}, nil, "mx:mx.ok smtp:smtp.greets ptr:ptr.ok sender-mx:mx.ok helo:address.ok"},
			{classify.Classification{Category: 14}, nil, "mx:mx.ok smtp:smtp.greets sender-mx:mx.ok spf:spf.pass"},
			{classify.Classification{Category: 11, List: "bl.example", Reason: classify.ReasonDomainList}, nil, "mx:mx.ok smtp:smtp.greets named:named.not-asked ptr:ptr.ok"},
			{classify.Classification{Category: 11, List: "no zone"}, nil, "mx:mx.ok smtp:smtp.greets named:named.not-asked lists:lists.listed ptr:ptr.ok"},
		} {
			s := subject(append([]func(*Subject){func(s *Subject) { s.Ours.HELO = "mail.example.org" }}, x.subject...)...)
			if got := summary(run1(t, r, Plan(x.c, s))); got != x.want {
				t.Errorf("%+v:\ngot  %s\nwant %s", x.c, got, x.want)
			}
		}
	})
}

func TestControlsAreAskedOnlyAfterAFailureAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := map[string]smtptest.Dialer{
			"203.0.113.25:25":  smtptest.Refuse,
			"203.0.113.200:25": healthyHost(t),
		}
		r, network, _ := testRunner(t, hosts)
		began := time.Now()
		if got := summary(run1(t, r, planFor("example.net", classify.ConnectionFailed))); got != "mx:mx.ok smtp:smtp.refused control:control.ok" {
			t.Error(got)
		}
		if got := time.Since(began); got < time.Second || got > 1100*time.Millisecond {
			t.Errorf("a refusal and the second try took %s", got)
		}
		if want := []string{"203.0.113.25:25", "203.0.113.25:25", "203.0.113.200:25"}; !slices.Equal(network.dialed, want) {
			t.Errorf("dialled %v", network.dialed)
		}
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { run1(t, r, planFor("example.net", classify.ConnectionFailed)) })
		}
		both.Wait()
		if n := len(network.dialed); n != 3 {
			t.Errorf("within minutes the same servers were asked again: %v", network.dialed)
		}
		time.Sleep(6 * time.Minute)
		run1(t, r, planFor("example.net", classify.ConnectionFailed))
		if n := len(network.dialed); n != 3+2 {
			t.Errorf("within ten minutes the control was asked again: %v", network.dialed)
		}
		time.Sleep(11 * time.Minute)
		for range 2 {
			both.Go(func() { run1(t, r, planFor("example.net", classify.ConnectionFailed)) })
		}
		both.Wait()
		if n := len(network.dialed); n != 5+3 {
			t.Errorf("two at once should ask each server once: %v", network.dialed[5:])
		}
	})
}

func TestSecondTryMaySucceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, tries := healthyHost(t), 0
		r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": func(ctx context.Context, n, a string) (net.Conn, error) {
			if tries++; tries == 1 {
				return smtptest.Refuse(ctx, n, a)
			}
			return up(ctx, n, a)
		}})
		fs := run1(t, r, planFor("example.net", classify.ConnectionFailed))
		if got := summary(fs); got != "mx:mx.ok smtp:smtp.greets" || fs[1].Args["tries"] != "2" || len(network.dialed) != 2 {
			t.Errorf("%s after %s tries, dialled %v", got, fs[1].Args["tries"], network.dialed)
		}
	})
}

func TestSilentServerCostsItsGreetingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, dns := testRunner(t, map[string]smtptest.Dialer{
			"203.0.113.26:25": smtptest.Pipe(t, smtptest.Silence()), "203.0.113.25:25": healthyHost(t),
		})
		dns.Slow("9.100.51.198.in-addr.arpa", 2*time.Second)
		began := time.Now()
		fs := run1(t, r, planFor("pool.example.net", classify.Rejected, remote("", mx1)))
		if got := time.Since(began); got != 30*time.Second {
			t.Errorf("the slowest chain is 30 s, the run took %s", got)
		}
		if got := summary(fs); got != "mx:mx.ok smtp:smtp.silent smtp:skipped.no-family refuser:smtp.greets lists:lists.listed ptr:ptr.ok" {
			t.Error(got)
		}
		if fs[1].TookMS != 30000 || !strings.Contains(fs[2].Target, "2001:db8:2::26") {
			t.Errorf("took %d ms, left out %s", fs[1].TookMS, fs[2].Target)
		}
	})
}

func TestDroppedConnectionsAreTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Drop, "203.0.113.200:25": smtptest.Drop, "203.0.113.201:25": smtptest.Drop})
		r.Controls = []string{"control.example", "203.0.113.201"}
		s := subject(stage(bounce.StageConnect))
		c := classify.Classification{Category: classify.ConnectionFailed}
		fs := run1(t, r, Plan(c, s))
		v := Judge(c, s, fs)
		if got := summary(fs); got != "mx:mx.ok smtp:smtp.timeout control:control.failed control:control.failed" || v.Verdict != Confirmed || v.Limits[0].Code != "port25-closed" {
			t.Errorf("%s: %s %v", got, v.Verdict, v.Limits)
		}
	})
}

func TestControlThatIsCutShortProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse, "203.0.113.200:25": smtptest.Drop})
		r.Policy.Total = 3 * time.Second
		s := subject(stage(bounce.StageConnect))
		c := classify.Classification{Category: classify.ConnectionFailed}
		fs := run1(t, r, Plan(c, s))
		if v := Judge(c, s, fs); summary(fs) != "mx:mx.ok smtp:smtp.refused control:smtp.failed" || v.Verdict != Inconclusive {
			t.Errorf("%s: %s", summary(fs), v.Verdict)
		}
		r.Policy.Total = 0
		network.hosts["203.0.113.200:25"] = healthyHost(t)
		if got := summary(run1(t, r, Plan(c, s))); !strings.HasSuffix(got, "control:control.ok") {
			t.Errorf("what was cut short was remembered: %s", got)
		}
	})
}

func TestOneTryIsShownAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse})
		r.Policy.Total = time.Second / 2
		fs := run1(t, r, planFor("example.net", classify.ConnectionFailed))
		if fs[1].Args["tries"] != "1" || unconnected(fs[1]) {
			t.Errorf("%s in %s tries", fs[1].Code, fs[1].Args["tries"])
		}
	})
}

func TestSkippedFindingsSayWhy(t *testing.T) {
	for _, x := range []struct {
		name   string
		edit   func(*Runner)
		plan   []Step
		want   string
		dialed int
	}{
		{"no control host", func(r *Runner) { r.Controls = nil }, planFor("example.net", 9), "mx:mx.ok smtp:smtp.refused control:skipped.no-control", 2},
		{"no address for SMTP", nil, planFor("gone.example.net", 9), "mx:mx.nxdomain smtp:skipped.no-target", 0},
		{"budget of steps", func(r *Runner) { r.Policy.Steps = 1 }, planFor("example.net", 9), "mx:mx.ok smtp:skipped.limit", 0},
		{"budget of hosts", func(r *Runner) { r.Policy.Hosts = 1 }, []Step{{ID: StepSMTP, Check: CheckSMTP, From: StepRemote}, {ID: StepRemote, Check: CheckAddress, Target: "two.example.net"}}, "smtp:smtp.refused smtp:skipped.hosts remote:address.ok", 2},
		{"nothing public", func(r *Runner) { r.Guard = Guard{} }, planFor("inner.example.net", 9), "mx:mx.ok smtp:skipped.private smtp:skipped.private smtp:skipped.private smtp:skipped.private smtp:skipped.private", 0},
		{"no route to our own address", func(r *Runner) {
			r.Route = func(netip.Addr) (netip.Addr, error) { return netip.Addr{}, net.ErrClosed }
		}, []Step{{ID: StepPTR, Check: CheckPTR, From: StepSending}}, "ptr:skipped.no-target", 0},
		{"a control that is not public", func(r *Runner) {
			r.Guard = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.25/32")}}
		}, planFor("example.net", 9), "mx:mx.ok smtp:smtp.refused control:skipped.private", 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse, "203.0.113.26:25": smtptest.Refuse})
				r.Resolver = dnstest.New(t, zones+"\ntwo.example.net. 60 IN A 203.0.113.25\ntwo.example.net. 60 IN A 203.0.113.26").Resolver()
				if x.edit != nil {
					x.edit(r)
				}
				fs := run1(t, r, x.plan)
				if got := summary(fs); got != x.want || len(network.dialed) != x.dialed {
					t.Errorf("%s, dialled %v", got, network.dialed)
				}
				for _, f := range fs {
					if f.Args == nil || f.Started.IsZero() || f.Step == "" {
						t.Errorf("%+v", f)
					}
				}
			})
		})
	}
}

func TestNoTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, dns := testRunner(t, nil)
		look := r.Begin()
		time.Sleep(2 * time.Minute)
		got := summary(look.Run(t.Context(), planFor("example.net", 9)))
		if got != "mx:skipped.time smtp:skipped.time control:skipped.time ns:skipped.time second:skipped.time" || len(network.dialed)+len(dns.Queries()) > 0 {
			t.Errorf("%s, dialled %v, asked %v", got, network.dialed, dns.Queries())
		}
	})
}

func TestFailuresOfOneBounceShareTheirLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, dns := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		look := r.Begin()
		plan := planFor("example.net", classify.Rejected, remote("gw.example.net", mx1))
		first := summary(look.Run(t.Context(), plan))
		asked := len(dns.Queries())
		if second := summary(look.Run(t.Context(), plan)); second != first || len(network.dialed) != 1 || len(dns.Queries()) != asked {
			t.Errorf("%s, then %s; dialled %v, %d queries and then %d", first, second, network.dialed, asked, len(dns.Queries()))
		}
	})
}

func TestHostileBounceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, dns := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		r.Guard = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
		r.Controls = nil
		look := r.Begin()
		hosts := []string{"169.254.169.254", "127.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", mx1}
		began := time.Now()
		for i := range 10_000 {
			s := subject(remote("mx\x1b[2J\r\nQUIT", hosts[i%len(hosts)]), stage(bounce.StageConnect), func(s *Subject) {
				s.Domain = fmt.Sprintf("d%d.example.net", i)
				if i%3 == 0 {
					s.Domain = "inner.example.net"
				}
			})
			c := classify.Classification{Category: classify.Rejected, List: fmt.Sprintf("l%d.bl.example", i)}
			Judge(c, s, look.Run(t.Context(), Plan(c, s)))
		}
		for _, a := range network.dialed {
			if a != "203.0.113.25:25" {
				t.Errorf("dialled %s", a)
			}
		}
		if n := len(dns.Queries()); n > 120 {
			t.Errorf("%d queries", n)
		}
		if len(network.dialed) > 32 || time.Since(began) > 90*time.Second {
			t.Errorf("%d connections in %s", len(network.dialed), time.Since(began))
		}
	})
}

func TestNameThatChangesItsMindIsJudgedAsDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, dns := testRunner(t, nil)
		r.Guard, r.Controls = Guard{}, nil
		asked := 0
		r.Resolver = answerFunc(func(ctx context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
			if q.Type != dnscheck.TypeA {
				return dns.Resolver().Lookup(ctx, q)
			}
			ip := "127.0.0.1"
			if asked++; asked == 1 {
				ip = "9.9.9.9"
			}
			return dnscheck.Answer{Question: q, Status: dnscheck.OK, Records: []dnscheck.Record{{Type: dnscheck.TypeA, Addr: netip.MustParseAddr(ip)}}}, nil
		})
		network.hosts = map[string]smtptest.Dialer{"9.9.9.9:25": healthyHost(t)}
		run1(t, r, planFor("example.net", classify.Rejected, func(s *Subject) { s.Failure.Remote.Name = "mx1.example.net" })[:3])
		for _, a := range network.dialed {
			if a != "9.9.9.9:25" {
				t.Errorf("dialled %s", a)
			}
		}
	})
}

func TestCertificateIsJudgedByTheNameOfTheRefusingHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := smtptest.SelfSigned(t, "elsewhere.example")
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{TLS: config}))})
		fs := run1(t, r, planFor("example.net", classify.TLSFailed, remote("mx1.example.net", mx1)))
		for _, f := range fs[1:3] {
			if f.Args["host"] != "mx1.example.net" || f.Session.TLS.Problem == "" {
				t.Errorf("%s: host %s, problem %q", f.Step, f.Args["host"], f.Session.TLS.Problem)
			}
		}
	})
}

// Some providers' resolvers answer with a web server of theirs where there is
// nothing.
func TestAnAddressThatTheResolverMadeUpIsNoMailServer(t *testing.T) {
	for _, x := range []struct{ name, zone, want string }{
		{"made up", "*.example.com. 300 IN A 203.0.113.80\n*.invalid. 300 IN A 203.0.113.80", "mx:mx.invented smtp:skipped.no-target"},
		{"the domain's own", "*.example.com. 300 IN A 203.0.113.80", "mx:mx.implicit smtp:smtp.refused control:control.ok"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.80:25": smtptest.Refuse, "203.0.113.200:25": healthyHost(t)})
				r.Resolver = dnstest.New(t, zones, x.zone).Resolver()
				s := subject(func(s *Subject) { s.Domain = "gone.example.com" })
				c := classify.Classification{Category: classify.DNSFailure}
				v := Judge(c, s, run1(t, r, Plan(c, s)))
				if got := summary(v.Findings); got != x.want || v.Verdict == Cleared {
					t.Errorf("%s: %s", v.Verdict, got)
				}
				if x.name == "made up" && (v.Verdict != Inconclusive || len(network.dialed) > 0) {
					t.Errorf("%s, dialled %v", v.Verdict, network.dialed)
				}
				if rep := NewCheckReport("gone.example.com", run1(t, r, MXPlan("gone.example.com", true, false))); (rep.Outcome == UnknownOC) != (x.name == "made up") {
					t.Errorf("its DNS is %s", rep.Outcome)
				}
			})
		})
	}
}

// What the resolver refuses to say is not asked of it for each of many domains.
func TestAResolverThatRefusesToMakeUpAddressesIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := dnstest.New(t, "example.com. 300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 300\n*.example.com. 300 IN A 203.0.113.80")
		r := &Runner{Resolver: dns.Resolver()}
		dns.Fault(r.nobody()+".invalid", dnstest.Refuse)
		look := func(domain string) (asked int) {
			before := len(dns.Queries())
			if rep := NewCheckReport(domain, run1(t, r, MXPlan(domain, true, false))); rep.Outcome != Healthy {
				t.Errorf("%s: %+v", domain, rep.Findings)
			}
			for _, q := range dns.Queries()[before:] {
				if strings.Contains(q, ".invalid") {
					asked++
				}
			}
			return asked
		}
		if first, second := look("one.example.com"), look("two.example.com"); first == 0 || second != 0 {
			t.Errorf("asked %d times, and %d times again", first, second)
		}
		time.Sleep(2 * inventionMemory)
		if look("three.example.com") == 0 {
			t.Error("it is remembered for ever")
		}
	})
}

func TestQueryBudgetLeavesTheRestUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, dns := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		r.Policy.Queries = 1
		if got := summary(run1(t, r, planFor("example.net", 5))); got != "mx:mx.failed smtp:skipped.no-target" || len(dns.Queries()) != 1 {
			t.Errorf("%s after %v", got, dns.Queries())
		}
	})
}

func TestPolicyDefaults(t *testing.T) {
	p := Policy{Steps: 5, Greeting: -1}.Defaults()
	if p.Steps != 5 || p.Queries != 120 || p.Total != 90*time.Second || p.Greeting != 30*time.Second || p.Controls != 2 {
		t.Errorf("%+v", p)
	}
}

func TestSystemRouteIsAskedWithoutSending(t *testing.T) {
	here, err := new(Runner).route(netip.MustParseAddr("127.0.0.1"))
	if err != nil || !here.IsLoopback() {
		t.Errorf("%v, %v", here, err)
	}
}
