package probe

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck/smtptest"
)

// ourZones are our domain, as it should be, and another that has little of it.
const ourZones = `
	ours.example.                 300 IN SOA ns.ours.example. admin.ours.example. 1 1 1 1 60
	ours.example.                 300 IN MX  10 mx.ours.example.
	ours.example.                 300 IN TXT "v=spf1 ip4:198.51.100.9 -all"
	mx.ours.example.              300 IN A   203.0.113.30
	_dmarc.ours.example.          300 IN TXT "v=DMARC1; p=reject"
	s1._domainkey.ours.example.   300 IN TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	poor.example.                 300 IN SOA ns.poor.example. admin.poor.example. 1 1 1 1 60
	poor.example.                 300 IN MX  10 mx.poor.example.
	poor.example.                 300 IN MX  20 gone.poor.example.
	mx.poor.example.              300 IN A   203.0.113.31
	control2.example.             300 IN SOA ns.control.example. admin.control.example. 1 1 1 1 60
	control2.example.             300 IN A   203.0.113.201
	113.0.203.in-addr.arpa.       300 IN SOA ns.ours.example. admin.ours.example. 1 1 1 1 60
	example.                      300 IN SOA ns.example. admin.example. 1 1 1 1 60
`

// greetedAs is a control host that sees us by an address.
func greetedAs(t *testing.T, seen string) smtptest.Dialer {
	return smtptest.Pipe(t, smtptest.Send("220 control.example\r\n"), smtptest.Expect("EHLO"),
		smtptest.Send("250 control.example Hello mail.example.org ["+seen+"]\r\n"), smtptest.Expect("QUIT"), smtptest.Send("221 bye\r\n"))
}

// relays is a server that answers a stranger who writes to a stranger.
func relays(t *testing.T, reply string) smtptest.Dialer {
	return smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{Rcpt: func(string) string { return reply }}))
}

// lookAtOurs runs the whole of diagnose server in a network in memory.
func lookAtOurs(t *testing.T, s Server, hosts map[string]smtptest.Dialer, edits ...func(*Runner, *dnstest.Server)) CheckReport {
	t.Helper()
	r, _, _ := testRunner(t, hosts)
	dns := dnstest.New(t, zones, ourZones)
	r.Resolver = dns.Resolver()
	for _, edit := range edits {
		edit(r, dns)
	}
	return r.Server(t.Context(), s)
}

// tasks are the codes of what is to be done, in order.
func tasks(list []Task) string {
	var out []string
	for _, t := range list {
		out = append(out, t.Code)
	}
	return strings.Join(out, " ")
}

func find(t *testing.T, rep CheckReport, step string) Finding {
	t.Helper()
	for _, f := range rep.Findings {
		if f.Step == step {
			return f
		}
	}
	t.Fatalf("no finding of %s: %s", step, summary(rep.Findings))
	return Finding{}
}

var ours = Server{
	Addresses: []OwnAddress{{ourIP, AddressGiven}}, Domains: []string{"ours.example"}, HELO: "mail.example.org", Selectors: []string{"s1"},
}

// onLoopback is a real server: over a pipe in memory the end of TLS takes 5 s.
func onLoopback(t *testing.T, opt smtptest.Options) smtptest.Dialer {
	at := smtptest.Healthy(t, opt).String()
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at)
	}
}

func plain(t *testing.T) smtptest.Dialer {
	return smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{Name: "mx.ours.example"}))
}

func TestServerTellsWhatIsToBeDoneTheMostUrgentFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Server{Addresses: []OwnAddress{{ourIP, AddressGiven}}, Domains: []string{"poor.example"}, HELO: "gone.example.org"}
		rep := lookAtOurs(t, s, map[string]smtptest.Dialer{
			"203.0.113.31:25": smtptest.Refuse, "203.0.113.200:25": greetedAs(t, ourIP.String()),
		})
		const want = "lists.listed smtp.refused helo.none spf.none mx.broken-host dmarc.none"
		if got := tasks(rep.Server.Tasks); got != want || rep.Outcome != Faulty {
			t.Errorf("%s:\ngot  %s\nwant %s", rep.Outcome, got, want)
		}
		for _, task := range rep.Server.Tasks {
			if task.Advice == nil || task.Urgency == "" {
				t.Errorf("%s: no advice or no urgency", task.Code)
			}
		}
		if f := find(t, rep, StepDKIM); f.Outcome != Skipped || f.Code != "dkim.no-selector" {
			t.Errorf("without a selector: %+v", f)
		}
		if f := find(t, rep, StepSeen); f.Code != "vantage.same" {
			t.Errorf("%s %v", f.Code, f.Args)
		}
	})
}

func TestServerFindsAnAddressWhereNoneIsNamed(t *testing.T) {
	for _, x := range []struct {
		name string
		s    Server
		seen string
		want OwnAddress
	}{
		{"of the domain's mail servers", Server{Domains: []string{"ours.example"}}, "", OwnAddress{netip.MustParseAddr("203.0.113.30"), AddressMX}},
		{"by which others see us", Server{}, "203.0.113.77", OwnAddress{netip.MustParseAddr("203.0.113.77"), AddressSeen}},
		{"of this machine", Server{}, "", OwnAddress{ourIP, AddressMachine}},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				control := healthyHost(t)
				if x.seen != "" {
					control = greetedAs(t, x.seen)
				}
				rep := lookAtOurs(t, x.s, map[string]smtptest.Dialer{"203.0.113.30:25": plain(t), "203.0.113.200:25": control})
				if !slices.Equal(rep.Server.Addresses, []OwnAddress{x.want}) {
					t.Errorf("%+v", rep.Server.Addresses)
				}
			})
		})
	}
}

func TestServerIsAskedToRelayOnlyIfItIsOurs(t *testing.T) {
	denied := "554 5.7.1 <relay-test@example.net>: Relay access denied"
	for _, x := range []struct {
		name    string
		by      AddressBy
		seen    string // by the control host
		reply   string
		code    string
		outcome Outcome
	}{
		{"it relays for nobody", AddressGiven, "192.0.2.1", denied, "relay.closed", Healthy},
		{"it relays for strangers", AddressGiven, "192.0.2.1", "250 2.1.5 Ok", "relay.open", Faulty},
		{"it relays for its own network", AddressGiven, ourIP.String(), "250 2.1.5 Ok", "relay.trusted", UnknownOC},
		{"it dislikes the sender, which says nothing", AddressGiven, "192.0.2.1", "550 5.1.8 Sender address rejected: Domain not found", "relay.undecided", UnknownOC},
		{"it sends strangers away for a while", AddressGiven, "192.0.2.1", "450 4.2.0 Greylisted", "relay.undecided", UnknownOC},
		{"only the DNS says that it is ours", AddressMX, "192.0.2.1", "", "relay.not-ours", Skipped},
		{"a NAT says that it is ours", AddressSeen, "192.0.2.1", "", "relay.not-ours", Skipped},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				theirs := netip.MustParseAddr("203.0.113.30")
				if x.code == "relay.trusted" {
					theirs = ourIP
				}
				rep := lookAtOurs(t, Server{Addresses: []OwnAddress{{theirs, x.by}}, OpenRelay: true}, map[string]smtptest.Dialer{
					theirs.String() + ":25": relays(t, x.reply), "203.0.113.200:25": greetedAs(t, x.seen),
				})
				if f := find(t, rep, StepRelay); f.Code != x.code || f.Outcome != x.outcome {
					t.Errorf("%s %s %v", f.Outcome, f.Code, f.Args)
				}
			})
		})
	}
}

func TestARelayIsTriedWithTheNullSenderWhereTheFirstIsDisliked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		server := smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{Rcpt: func(string) string {
			if tries++; tries == 1 {
				return "550 5.7.27 Sender address rejected: Domain example.com does not accept mail"
			}
			return "554 5.7.1 Relay access denied"
		}}))
		rep := lookAtOurs(t, Server{Addresses: []OwnAddress{{ourIP, AddressGiven}}, OpenRelay: true}, map[string]smtptest.Dialer{
			ourIP.String() + ":25": server, "203.0.113.200:25": healthyHost(t),
		})
		if f := find(t, rep, StepRelay); f.Code != "relay.closed" || f.Args["from"] != "<>" || tries != 2 {
			t.Errorf("%s %v after %d tries", f.Code, f.Args, tries)
		}
	})
}

func TestTheWayOutIsClosedOnlyWhereSeveralControlsSaySo(t *testing.T) {
	up, down := "203.0.113.200:25", "203.0.113.201:25"
	for _, x := range []struct {
		name     string
		controls []string
		hosts    func(*testing.T) map[string]smtptest.Dialer
		code     string
		task     string
		outcome  Outcome
	}{
		{"one answers", []string{"control.example", "control2.example"}, func(t *testing.T) map[string]smtptest.Dialer {
			return map[string]smtptest.Dialer{up: greetedAs(t, ourIP.String()), down: smtptest.Refuse}
		}, "vantage.port25-open", "", Healthy},
		{"two do not", []string{"control.example", "control2.example"}, func(*testing.T) map[string]smtptest.Dialer {
			return map[string]smtptest.Dialer{up: smtptest.Refuse, down: smtptest.Drop}
		}, "vantage.port25-closed", "vantage.port25-closed", Faulty},
		{"one, and there is no other", []string{"control.example"}, func(*testing.T) map[string]smtptest.Dialer {
			return map[string]smtptest.Dialer{up: smtptest.Refuse}
		}, "vantage.port25-unknown", "", UnknownOC},
		{"there is none", nil, func(*testing.T) map[string]smtptest.Dialer { return nil }, "vantage.no-control", "", Skipped},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rep := lookAtOurs(t, Server{Addresses: []OwnAddress{{ourIP, AddressConfigured}}}, x.hosts(t), func(r *Runner, _ *dnstest.Server) { r.Controls = x.controls; r.Lists = nil })
				f := find(t, rep, StepOutbound)
				if f.Code != x.code || f.Outcome != x.outcome || f.Target != "IPv4" || !strings.Contains(tasks(rep.Server.Tasks), x.task) {
					t.Errorf("%s %s, to do: %s", f.Outcome, f.Code, tasks(rep.Server.Tasks))
				}
				if six := rep.Findings[len(rep.Findings)-1]; x.name == "two do not" && six.Code != "vantage.no-family" {
					t.Errorf("IPv6: %s", six.Code)
				}
			})
		})
	}
}

func TestAClosedWayOutIsNoFaultOfAServerThatIsElsewhereOrHasARelayhost(t *testing.T) {
	hosts := map[string]smtptest.Dialer{"203.0.113.200:25": smtptest.Refuse, "203.0.113.201:25": smtptest.Refuse}
	for _, s := range []Server{
		{Addresses: []OwnAddress{{netip.MustParseAddr("203.0.113.99"), AddressGiven}}},
		{Addresses: []OwnAddress{{ourIP, AddressGiven}}, Relayhost: "relay.example.org"},
	} {
		synctest.Test(t, func(t *testing.T) {
			rep := lookAtOurs(t, s, hosts, func(r *Runner, _ *dnstest.Server) { r.Controls = []string{"control.example", "control2.example"} })
			if got := tasks(rep.Server.Tasks); strings.Contains(got, "port25") {
				t.Errorf("%+v: %s", s, got)
			}
		})
	}
}

func TestBehindNATOurOwnMailServerIsNotCalledDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ours
		s.Addresses = []OwnAddress{{netip.MustParseAddr("203.0.113.30"), AddressGiven}}
		rep := lookAtOurs(t, s, map[string]smtptest.Dialer{"203.0.113.30:25": smtptest.Drop, "203.0.113.200:25": greetedAs(t, "203.0.113.30")})
		if f := find(t, rep, StepSeen); f.Code != "vantage.nat" {
			t.Error(f.Code)
		}
		if strings.Contains(tasks(rep.Server.Tasks), "smtp.") || !strings.Contains(tasks(rep.Server.Unknown), "smtp.timeout") {
			t.Errorf("to do: %s; unknown: %s", tasks(rep.Server.Tasks), tasks(rep.Server.Unknown))
		}
	})
}

func TestAMailServerThatIsSilentWhileOthersAnswerIsToBeStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, control := range []smtptest.Dialer{healthyHost(t), smtptest.Refuse} {
			rep := lookAtOurs(t, ours, map[string]smtptest.Dialer{"203.0.113.30:25": smtptest.Drop, "203.0.113.200:25": control})
			open := find(t, rep, StepOutbound).Code == "vantage.port25-open"
			if strings.Contains(tasks(rep.Server.Tasks), "smtp.timeout") != open || strings.Contains(tasks(rep.Server.Unknown), "smtp.timeout") == open {
				t.Errorf("open: %v; to do: %s; unknown: %s", open, tasks(rep.Server.Tasks), tasks(rep.Server.Unknown))
			}
		}
	})
}

func TestTwoResolversAreHeldAgainstEachOther(t *testing.T) {
	for name, x := range map[string]struct{ zone, code string }{
		"the same": {"ours.example. 300 IN MX 10 mx.ours.example.\nmx.ours.example. 300 IN A 203.0.113.30", "vantage.dns-same"},
		"another":  {"ours.example. 300 IN MX 10 mx.ours.example.\nmx.ours.example. 300 IN A 203.0.113.99", "vantage.dns-differs"},
		"failing":  {"", "vantage.dns-undecided"},
	} {
		synctest.Test(t, func(t *testing.T) {
			rep := lookAtOurs(t, ours, map[string]smtptest.Dialer{"203.0.113.30:25": plain(t), "203.0.113.200:25": healthyHost(t)}, func(r *Runner, _ *dnstest.Server) {
				outer := dnstest.New(t, "ours.example. 300 IN SOA ns.ours.example. admin.ours.example. 1 1 1 1 60\n"+x.zone)
				if x.zone == "" {
					outer.Fault("ours.example", dnstest.ServFail)
				}
				r.Second = outer.Resolver()
			})
			if f := find(t, rep, StepCompare); f.Code != x.code {
				t.Errorf("%s: %s %v", name, f.Code, f.Args)
			}
			if x.zone == "" && strings.Contains(tasks(rep.Server.Unknown), "dns-undecided") {
				t.Errorf("what cannot be compared must not leave the whole unknown: %s", tasks(rep.Server.Unknown))
			}
		})
	}
}

func TestACertificateOfOursIsJudged(t *testing.T) {
	now := time.Now()
	ca := smtptest.NewAuthority(t)
	for _, x := range []struct {
		name, code string
		server     smtptest.Options
	}{
		{"good", "tls.ok", smtptest.Options{TLS: ca.Issue(t, now.Add(-time.Hour), now.Add(90*24*time.Hour), "mx.ours.example")}},
		{"ends soon", "tls.ends", smtptest.Options{TLS: ca.Issue(t, now.Add(-time.Hour), now.Add(10*24*time.Hour), "mx.ours.example")}},
		{"of another name", "tls.bad", smtptest.Options{TLS: ca.Issue(t, now.Add(-time.Hour), now.Add(90*24*time.Hour), "mx.example.net")}},
		{"none", "tls.none", smtptest.Options{}},
	} {
		t.Run(x.name, func(t *testing.T) {
			rep := lookAtOurs(t, ours, map[string]smtptest.Dialer{
				"203.0.113.30:25": onLoopback(t, x.server), "203.0.113.200:25": greetedAs(t, ourIP.String()),
			}, func(r *Runner, _ *dnstest.Server) { r.Roots, r.Lists = ca.Roots(), nil })
			if f := find(t, rep, StepTLS); f.Code != x.code {
				t.Errorf("%s %v", f.Code, f.Args)
			}
			if got := tasks(rep.Server.Tasks); x.code != "tls.ok" && !strings.Contains(got, x.code) || x.code == "tls.ok" && got != "" {
				t.Errorf("to do: %s", got)
			}
		})
	}
}

func TestServerPlansWaitOnlyForWhatTheyNeed(t *testing.T) {
	s := ours
	s.OpenRelay = true
	ids := map[string]bool{}
	for _, plan := range ServerPlans(s) {
		own := map[string]bool{}
		for _, step := range plan {
			if own[step.ID] {
				t.Errorf("%s stands twice in one plan", step.ID)
			}
			own[step.ID], ids[step.ID] = true, true
		}
		for _, step := range plan {
			for _, need := range append(step.Needs, step.From) {
				if need != "" && !own[need] {
					t.Errorf("%s waits for %s, which is not in its plan", step.ID, need)
				}
			}
		}
	}
	for _, id := range []string{StepLists, StepPTR, StepHELO, StepRelay, StepMX, StepSMTP, StepTLS, StepSPF, StepDKIM, StepDMARC, StepSTS, StepDANE, StepDomainLists} {
		if !ids[id] {
			t.Errorf("%s is not looked at", id)
		}
	}
}

// The order of findings must not change what is to be done.
func TestServerReportsDoNotDependOnTheOrderOfFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Server{Addresses: []OwnAddress{{ourIP, AddressGiven}}, Domains: []string{"poor.example"}, HELO: "gone.example.org"}
		rep := lookAtOurs(t, s, map[string]smtptest.Dialer{"203.0.113.31:25": smtptest.Refuse, "203.0.113.200:25": greetedAs(t, "192.0.2.7")})
		back := slices.Clone(rep.Findings)
		back = slices.DeleteFunc(back, func(f Finding) bool { return f.Step == StepSeen })
		slices.Reverse(back)
		again := NewServerReport(s, back)
		if a, b := tasks(rep.Server.Tasks), tasks(again.Server.Tasks); len(a) != len(b) || rep.Outcome != again.Outcome {
			t.Errorf("%s\n%s", a, b)
		}
	})
}

// --authoritative shows what the name servers say beside what the resolver
// says, whether or not that finds a way.
func TestTheNameServersAreShownBesideTheResolver(t *testing.T) {
	for _, x := range []struct {
		name, zone string
		fault      dnstest.Fault
		code       string
		there      string
	}{
		{name: "they agree", zone: zones, code: "ns.ok"},
		{name: "they know another mail server", zone: "example.net. 300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60\nexample.net. 300 IN MX 5 new.example.net.\nexample.net. 300 IN NS ns.example.net.", code: "ns.differs", there: "5 new.example.net"},
		{name: "they do not hold the zone", fault: dnstest.Lame, code: "ns.dead"},
		{name: "they are silent", fault: dnstest.Silence, code: "ns.unheard"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ns := dnstest.New(t, x.zone)
				if x.fault != 0 {
					ns.Fault("*", x.fault)
				}
				dns := dnstest.New(t, zones+"\nexample.net. 300 IN NS ns.example.net.\nns.example.net. 300 IN A 203.0.113.53")
				r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.53:53": ns.Dial})
				r.Resolver = dns.Resolver()
				fs := run1(t, r, MXPlan("example.net", true, true))
				rep := NewCheckReport("example.net", fs)
				if f := find(t, rep, StepNS); f.Code != x.code || f.Args["there"] != x.there {
					t.Errorf("%s %v", f.Code, f.Args)
				}
				if rep.Outcome != Healthy {
					t.Errorf("the domain takes mail, whatever its name servers: %s", rep.Outcome)
				}
			})
		})
	}
}

func TestADomainThatLeadsInsideANetworkTakesNoMail(t *testing.T) {
	r, _, dns := testRunner(t, nil)
	r.Resolver, r.Guard = dns.Resolver(), Guard{}
	rep := NewCheckReport("inner.example.net", run1(t, r, MXPlan("inner.example.net", true, false)))
	if rep.Outcome != Faulty || rep.Findings[1].Code != "mx.private" || rep.Findings[1].Args["host"] != "hosts.example.net" {
		t.Errorf("%s %s", rep.Outcome, summary(rep.Findings))
	}
	r.Guard = everywhere
	if rep := NewCheckReport("inner.example.net", run1(t, r, MXPlan("inner.example.net", true, false))); rep.Outcome != Healthy {
		t.Errorf("a network that the admin names is reachable: %s", rep.Outcome)
	}
}

func TestAPolicyMustNameEveryMailServer(t *testing.T) {
	sts := dnscheck.STS{Domain: "ours.example", Mode: "enforce", MX: []string{"*.ours.example"}}
	if f := findSTSHosts(sts, []string{"mx.ours.example"}); f.Code != "sts.hosts-ok" || f.Outcome != Healthy {
		t.Errorf("%+v", f)
	}
	if f := findSTSHosts(sts, []string{"mx.ours.example", "a.b.ours.example"}); f.Code != "sts.hosts-missing" || f.Outcome != Faulty || f.Args["missing"] != "a.b.ours.example" {
		t.Errorf("%+v", f)
	}
}
