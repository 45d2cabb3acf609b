package probe

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/rbl"
	"diagnose/smtpcheck/smtptest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a bounce that says everything that a bounce can.
func sample() *bounce.Report {
	return &bounce.Report{
		Kind: bounce.KindBounce, ReportingHost: "mail.example.org", Date: noon.Add(-time.Hour),
		Original: bounce.Original{MessageID: "<1@mail.example.org>", Subject: "hello", Date: noon.Add(-2 * time.Hour), Size: 1234, Recipients: 1, Complete: true},
		Failures: []bounce.Failure{{
			Recipient: "a@example.net", OriginalRecipient: "b@example.net", Sender: "us@example.org", Action: bounce.ActionFailed,
			Stage: bounce.StageConnect, Text: "connect to mx1.example.net[203.0.113.25]:25: Connection refused",
			Remote: bounce.Host{Name: "mx1.example.net", IP: theirIP},
		}},
	}
}

// shipped are the rules as they are built in.
var shipped, _ = classify.Default()

func diagnoser(r *Runner) *Diagnoser {
	return &Diagnoser{
		Classifier: shipped, Runner: r, Ours: Our{Addresses: []netip.Addr{ourIP}, Domains: []string{"example.org"}},
		Tool: "diagnose 0.0.0", Now: func() time.Time { return noon },
	}
}

func TestReportInJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
		r.Now = func() time.Time { return noon }
		var got []byte
		next, err := diagnoser(r).Reports(t.Context(), "in.eml", 1, sample(), func(rep Report) (err error) {
			rep.Classification = &classify.Classification{Category: classify.ConnectionFailed, Slug: "connection-failed", Evidence: []classify.Evidence{}, Rivals: []classify.Rival{}} // the words are another package's
			got, err = json.MarshalIndent(rep, "", "  ")
			return err
		})
		if err != nil || next != 2 {
			t.Fatal(next, err)
		}
		const golden = "testdata/report.json"
		if *update {
			if err := os.WriteFile(golden, append(got, '\n'), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || strings.TrimSpace(string(want)) != string(got) {
			t.Errorf("%v; it is now:\n%s", err, got)
		}
	})
}

func TestReportsWithoutLooking(t *testing.T) {
	d := diagnoser(nil)
	three := sample()
	three.Failures = append(three.Failures, three.Failures[0], three.Failures[0])
	three.Notes = []bounce.Note{{Code: "damage"}}
	delivered := sample()
	delivered.Kind = bounce.KindDelivered
	scatter := sample()
	scatter.ReportingHost = "mx.example.net"
	scatter.Original.MessageID, scatter.Original.Received = "<1@bot.example>", []bounce.Received{{From: "bot.example", By: "mx.example.net"}}
	for _, x := range []struct {
		name    string
		rep     *bounce.Report
		reports int
		check   func(Report) bool
	}{
		{"one for each failure", three, 3, func(r Report) bool {
			return r.Verification == nil && r.Classification != nil && (len(r.Notes) == 1) == (r.Source.Index == 5)
		}},
		{"one for what is no bounce", &bounce.Report{Kind: bounce.KindNotABounce}, 1, func(r Report) bool { return r.Failure == nil && r.Notes != nil && r.Advice != nil }},
		{"a delivery is not classified", delivered, 1, func(r Report) bool { return r.Failure != nil && r.Classification == nil && r.Party == "" }},
		{"backscatter is called so", scatter, 1, func(r Report) bool { return r.Kind == bounce.KindBackscatter && r.Party == PartyThird }},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := 0
			next, err := d.Reports(t.Context(), "x", 5, x.rep, func(r Report) error {
				if n++; !x.check(r) || r.Source.Name != "x" || r.Schema != Schema || r.Tool == "" {
					t.Errorf("%+v", r)
				}
				return nil
			})
			if err != nil || n != x.reports || next != 5+n {
				t.Errorf("%d reports, next %d, %v", n, next, err)
			}
		})
	}
}

func TestReportsEndEarly(t *testing.T) {
	stop := errors.New("stop")
	if _, err := diagnoser(nil).Reports(t.Context(), "x", 1, sample(), func(Report) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := diagnoser(nil).Reports(ctx, "x", 1, sample(), func(Report) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSingleChecks(t *testing.T) {
	refusing := map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse}
	for _, x := range []struct {
		name  string
		hosts func(*testing.T) map[string]smtptest.Dialer
		plan  []Step
		want  Outcome
		check func(CheckReport) bool
	}{
		{"a domain that takes mail", func(t *testing.T) map[string]smtptest.Dialer {
			return map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)}
		}, MXPlan("example.net", false, false), Healthy, func(r CheckReport) bool {
			return r.MX.Hosts[0].Host == "mx1.example.net" && r.SMTP[0].Greeting == "220 mx.example.net ESMTP Postfix" && r.SMTP[0].Extensions["SIZE"] == "0"
		}},
		{"only its DNS", nil, MXPlan("example.net", true, false), Healthy, func(r CheckReport) bool { return len(r.SMTP) == 0 && !r.MX.Null && !r.MX.Implicit }},
		{"a domain that is not there", nil, MXPlan("gone.example.net", false, false), Faulty, nil},
		{"a server that refuses while the control answers", func(t *testing.T) map[string]smtptest.Dialer {
			return map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse, "203.0.113.200:25": healthyHost(t)}
		}, SMTPPlan("203.0.113.25"), Faulty, func(r CheckReport) bool { return r.SMTP[0].Result == "refused" && r.SMTP[0].Extensions != nil }},
		{"a server that refuses with the control", func(*testing.T) map[string]smtptest.Dialer {
			return map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Refuse, "203.0.113.200:25": smtptest.Refuse}
		}, SMTPPlan("mx1.example.net"), UnknownOC, nil},
		{"a server that does not want us", func(t *testing.T) map[string]smtptest.Dialer {
			return map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Pipe(t, smtptest.Send("554 no\r\n"), smtptest.Expect("QUIT"))}
		}, SMTPPlan("203.0.113.25"), Faulty, func(r CheckReport) bool { return r.SMTP[0].Greeting == "554 no" && r.SMTP[0].TLS == nil }},
		{"a server with TLS", func(t *testing.T) map[string]smtptest.Dialer {
			return map[string]smtptest.Dialer{"203.0.113.25:25": smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{TLS: smtptest.SelfSigned(t, "mx1.example.net")}))}
		}, SMTPPlan("mx1.example.net"), Healthy, func(r CheckReport) bool { return r.SMTP[0].TLS != nil && r.SMTP[0].TLS.Problem == "self-signed" }},
		{"a server that only IPv6 leads to", nil, SMTPPlan("2001:db8:2::26"), UnknownOC, nil},
		{"a server on our own network", nil, SMTPPlan("mx1.example.net"), UnknownOC, nil},
		{"reverse DNS", nil, PTRPlan(ourIP), Healthy, func(r CheckReport) bool {
			return r.PTR.Confirmed && r.PTR.Names[0].Name == "mail.example.org" && r.PTR.Names[0].Addresses[0] == "198.51.100.9"
		}},
		{"no reverse DNS", nil, PTRPlan(netip.MustParseAddr("198.51.100.7")), Faulty, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hosts := refusing
				if x.hosts != nil {
					hosts = x.hosts(t)
				}
				r, _, _ := testRunner(t, hosts)
				if x.name == "a server on our own network" {
					r.Guard = Guard{}
				}
				rep := NewCheckReport("x", run1(t, r.OnPort(25), x.plan))
				if rep.Outcome != x.want || x.check != nil && !x.check(rep) {
					t.Errorf("%+v", rep)
				}
			})
		})
	}
}

func TestHostAndPort(t *testing.T) {
	for s, want := range map[string]struct {
		host string
		port uint16
	}{
		"mx.example.net": {"mx.example.net", 0}, "mx.example.net:587": {"mx.example.net", 587}, "192.0.2.1:2525": {"192.0.2.1", 2525},
		"2001:db8::1": {"2001:db8::1", 0}, "[2001:db8::1]": {"2001:db8::1", 0}, "[2001:db8::1]:26": {"2001:db8::1", 26},
		"mx:smtp": {"mx:smtp", 0}, "mx:99999": {"mx:99999", 0}, "": {"", 0},
	} {
		if host, port := HostPort(s); host != want.host || port != want.port {
			t.Errorf("HostPort(%q) = %q, %d", s, host, port)
		}
	}
}

func TestListings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, dns := testRunner(t, nil)
		r.Guard = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
		listed := r.Listings(t.Context(), "198.51.100.9")
		if listed.Verdict != rbl.VerdictListed || listed.Asked != 1 || listed.Answered != 1 || listed.Lists[0].Reason != "spam seen" {
			t.Errorf("%+v", listed)
		}
		if clean := r.Listings(t.Context(), "::ffff:198.51.100.8"); clean.Verdict != rbl.VerdictClean {
			t.Errorf("%+v", clean)
		}
		asked := len(dns.Queries())
		for target, note := range map[string]string{"127.0.0.1": "not-public", "fe80::1%eth0": "not-public", "*": "no-target", "a b": "no-target"} {
			rep := r.Listings(t.Context(), target)
			if rep.Verdict != rbl.VerdictUnknown || rep.Lists == nil || len(rep.Notes) != 1 || rep.Notes[0].Code != note {
				t.Errorf("%s: %+v", target, rep)
			}
		}
		if len(dns.Queries()) != asked {
			t.Errorf("asked %v", dns.Queries()[asked:])
		}
		if domain := r.Listings(t.Context(), "example.org"); domain.Verdict != rbl.VerdictUnknown || len(domain.Lists) != 0 {
			t.Errorf("%+v", domain)
		}
		r.Resolver = answerFunc(func(_ context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
			return dnscheck.Answer{Question: q, Status: dnscheck.OK, Records: []dnscheck.Record{{Type: dnscheck.TypeA, Addr: netip.MustParseAddr("9.9.9.9")}}}, nil
		})
		if lying := r.Listings(t.Context(), "198.51.100.9"); len(lying.Notes) != 1 || lying.Notes[0].Code != "lying-resolver" {
			t.Errorf("%+v", lying)
		}
	})
}
