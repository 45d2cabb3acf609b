package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"diagnose/probe"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// pluginRun is a run of a check with --nagios.
type pluginRun struct {
	name, check string
	reports     []any
}

func pluginRuns() []pluginRun {
	checkOf := func(target string, o probe.Outcome, fs ...probe.Finding) probe.CheckReport {
		return probe.CheckReport{Schema: probe.Schema, Target: target, Outcome: o, Findings: fs}
	}
	mx := func(o probe.Outcome, code string) probe.Finding {
		return finding(probe.StepMX, probe.CheckMX, o, "example.net", code, map[string]string{"domain": "example.net", "hosts": "mx.example.net [203.0.113.25]"})
	}
	smtp := func(address string, o probe.Outcome, code string) probe.Finding {
		f := finding(probe.StepSMTP, probe.CheckSMTP, o, address, code, map[string]string{"host": "mx.example.net", "greeting": "220 mx.example.net ESMTP", "tries": "2", "ip": "203.0.113.25"})
		f.Started = f.Started.Add(20 * time.Millisecond)
		return f
	}
	ptr := func(o probe.Outcome, code string) probe.Finding {
		return finding(probe.StepPTR, probe.CheckPTR, o, "192.0.2.25", code, map[string]string{"ip": "192.0.2.25", "names": "mail.example.org"})
	}
	named := func(r probe.CheckReport, confirmed bool) probe.CheckReport {
		r.PTR = &probe.PTR{Names: []probe.PTRName{{Name: "mail.example.org", Confirms: confirmed}}, Confirmed: confirmed}
		return r
	}
	secured := func(left time.Duration, problem string) probe.CheckReport {
		r := checkOf("mx.example.net", probe.Healthy, smtp("203.0.113.25:25", probe.Healthy, "smtp.greets"))
		until := r.Findings[0].Started.Add(left + time.Second).Format(time.RFC3339)
		r.SMTP = []probe.SMTP{{Address: "203.0.113.25:25", TLS: &probe.TLS{Version: "TLS 1.3", Subject: "mx.example.net", NotAfter: until, Problem: problem}}}
		return r
	}
	list := func(zone string, s rbl.Status, tier rbl.Tier) probe.List {
		return probe.List{Result: rbl.Result{Zone: zone, Status: s, Tier: tier}, TookMS: 210}
	}
	lists := func(target string, v rbl.Verdict, all ...probe.List) probe.ListReport {
		return probe.ListReport{Schema: probe.Schema, Target: target, Asked: 20, Answered: 18, Verdict: v, Lists: all}
	}
	listed := lists("192.0.2.1", rbl.VerdictListed, list("bl.example.com", rbl.Listed, rbl.Core), list("minor.example.com", rbl.Listed, rbl.Minor), list("net.example.com", rbl.Listed, rbl.Neighbour))
	clean := lists("192.0.2.2", rbl.VerdictClean, list("bl.example.com", rbl.NotListed, rbl.Core))
	around := lists("192.0.2.3", rbl.VerdictClean, list("net.example.com", rbl.Listed, rbl.Neighbour))
	unsure := lists("192.0.2.4", rbl.VerdictUnknown, list("bl.example.com", rbl.NoAnswer, rbl.Core), list("net.example.com", rbl.Listed, rbl.Neighbour))
	private := probe.ListReport{Target: "10.0.0.1", Verdict: rbl.VerdictUnknown, Notes: []probe.Seen{{Code: "not-public", Args: map[string]string{"ip": "10.0.0.1"}}}}
	broken := mx(probe.Healthy, "mx.ok")
	broken.Args["broken"] = "mx2.example.net"
	const evil = "220 a|b=1;;\r\n\x1b[2J\u202e"
	hostile := smtp("203.0.113.25:25", probe.Faulty, "smtp.greeting-rejected")
	hostile.Args["greeting"] = evil
	long := smtp("203.0.113.25:25", probe.Faulty, "smtp.greeting-rejected")
	long.Args["greeting"] = strings.Repeat("554 no ", 200)
	return []pluginRun{
		{"listed", "rbl", []any{listed}},
		{"clean", "rbl", []any{clean}},
		{"only neighbours are listed", "rbl", []any{around}},
		{"too few lists answer, whatever the neighbours", "rbl", []any{unsure}},
		{"not asked", "rbl", []any{private}},
		{"several targets", "rbl", []any{clean, around, listed, unsure}},
		{"several targets, seen before unknown", "rbl", []any{unsure, around}},
		{"several targets, unknown before good", "rbl", []any{clean, unsure}},
		{"hostile targets", "rbl", []any{clean, lists("it's=a|b\n\x1b[2J", rbl.VerdictClean)}},
		{"nothing", "rbl", nil},
		{"a domain takes mail", "mx", []any{checkOf("example.net", probe.Healthy, mx(probe.Healthy, "mx.ok"), smtp("203.0.113.25:25", probe.Healthy, "smtp.greets"))}},
		{"one mail server of two fails", "mx", []any{checkOf("example.net", probe.Healthy, mx(probe.Healthy, "mx.ok"), smtp("203.0.113.25:25", probe.Healthy, "smtp.greets"), smtp("203.0.113.26:25", probe.Faulty, "smtp.refused"))}},
		{"one mail server of two is silent", "mx", []any{checkOf("example.net", probe.Healthy, mx(probe.Healthy, "mx.ok"), smtp("203.0.113.25:25", probe.Healthy, "smtp.greets"), smtp("203.0.113.26:25", probe.UnknownOC, "smtp.timeout"))}},
		{"one mail server was left out", "mx", []any{checkOf("example.net", probe.Healthy, mx(probe.Healthy, "mx.ok"), smtp("203.0.113.25:25", probe.Healthy, "smtp.greets"), smtp("2001:db8::25", probe.Skipped, "skipped.no-family"))}},
		{"one mail server has no address", "mx", []any{checkOf("example.net", probe.Healthy, broken, smtp("203.0.113.25:25", probe.Healthy, "smtp.greets"))}},
		{"no mail server", "mx", []any{checkOf("example.net", probe.Faulty, mx(probe.Faulty, "mx.null"))}},
		{"the resolver fails", "mx", []any{checkOf("example.net", probe.UnknownOC, mx(probe.UnknownOC, "mx.servfail"))}},
		{"good reverse DNS", "ptr", []any{named(checkOf("192.0.2.25", probe.Healthy, ptr(probe.Healthy, "ptr.ok")), true)}},
		{"generic reverse DNS", "ptr", []any{named(checkOf("192.0.2.25", probe.Healthy, ptr(probe.Healthy, "ptr.generic")), true)}},
		{"unconfirmed reverse DNS", "ptr", []any{named(checkOf("192.0.2.25", probe.Faulty, ptr(probe.Faulty, "ptr.unconfirmed")), false)}},
		{"no reverse DNS", "ptr", []any{checkOf("192.0.2.25", probe.Faulty, ptr(probe.Faulty, "ptr.none"))}},
		{"a good certificate", "smtp", []any{secured(14*24*time.Hour, "")}},
		{"a certificate that ends soon", "smtp", []any{secured(14*24*time.Hour-time.Second, "")}},
		{"a certificate that has ended", "smtp", []any{secured(-2*time.Second, smtpcheck.ProblemExpired)}},
		{"a certificate of nobody we trust", "smtp", []any{secured(90*24*time.Hour, smtpcheck.ProblemUntrusted)}},
		{"nobody to judge a certificate by", "smtp", []any{secured(90*24*time.Hour, smtpcheck.ProblemNoRoots)}},
		{"nothing was looked at", "smtp", []any{checkOf("203.0.113.25", probe.UnknownOC, smtp("203.0.113.25", probe.Skipped, "skipped.private"))}},
		{"a hostile greeting", "smtp", []any{checkOf("203.0.113.25:25", probe.Faulty, hostile)}},
		{"a long greeting", "smtp", []any{checkOf("203.0.113.25:25", probe.Faulty, long)}},
	}
}

func TestAPluginSaysWhatTheTranscriptsSay(t *testing.T) {
	for _, lang := range Languages() {
		var all strings.Builder
		for _, c := range pluginRuns() {
			var out bytes.Buffer
			p := &Plugin{Check: c.check, Words: words(t, lang)}
			for _, r := range c.reports {
				if err := p.Write(r); err != nil {
					t.Fatal(err)
				}
			}
			status, err := p.Tell(&out)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if want := len(c.reports) + 1; len(c.reports) > 1 && len(lines) != want || len(c.reports) < 2 && len(lines) != 1 {
				t.Errorf("%s: %d lines", c.name, len(lines))
			}
			for i, l := range lines {
				if n := strings.Count(l, "|"); n > 1 || i > 0 && n > 0 {
					t.Errorf("%s: a stray | in %q", c.name, l)
				}
				if strings.ContainsFunc(l, hidden) {
					t.Errorf("%s: a hidden character in %q", c.name, l)
				}
			}
			fmt.Fprintf(&all, "# %s: exit status %d\n%s\n", c.name, status, out.String())
		}
		golden(t, "plugin."+lang+".txt", all.String())
	}
}

func TestAPluginTakesOnlyWhatItCanJudge(t *testing.T) {
	if err := (&Plugin{Check: "rbl", Words: words(t, "en")}).Write(probe.Report{}); err == nil {
		t.Error("no error")
	}
	if _, err := (&Plugin{Check: "rbl", Words: words(t, "en")}).Tell(brokenWriter{}); err == nil {
		t.Error("a failed write: no error")
	}
}
