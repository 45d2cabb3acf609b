package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/probe"
	"diagnose/rbl"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// goldens are transcripts: each a run of reports, worded in each language.
var goldens = map[string][]any{
	"categories": perCategory(),
	"verdicts":   perVerdict(),
	"kinds":      perKind(),
	"codes":      {everyCode()},
	"hostile":    {hostileReport()},
	"checks":     checkReports(),
	"lists":      listReports(),
	"server":     serverReports(),
}

func TestReportsReadAsTheTranscriptsSay(t *testing.T) {
	for name, reports := range goldens {
		saved := asJSON(t, reports)
		golden(t, name+".json", saved)
		for _, lang := range Languages() {
			text := asText(t, lang, reports)
			golden(t, name+"."+lang+".txt", text)
			if d := cmp.Diff(text, asText(t, lang, loaded(t, saved, reports))); d != "" {
				t.Errorf("%s in %s: what was saved as JSON reads otherwise:\n%s", name, lang, d)
			}
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("../../testdata/golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (go test ./cmd/report -update writes it anew):\n%s", name, d)
	}
}

func asJSON(t *testing.T, reports []any) string {
	t.Helper()
	var out bytes.Buffer
	j := NewJSON(&out, true)
	for _, r := range reports {
		if err := j.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func asText(t *testing.T, lang string, reports []any) string {
	t.Helper()
	var out bytes.Buffer
	text := &Text{Out: &out, Words: words(t, lang)}
	for _, r := range reports {
		if err := text.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := text.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// loaded reads reports back, each as what it was.
func loaded(t *testing.T, saved string, reports []any) []any {
	t.Helper()
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(saved), &raw); err != nil {
		t.Fatal(err)
	}
	out := make([]any, len(raw))
	for i := range raw {
		var err error
		switch reports[i].(type) {
		case probe.Report:
			out[i], err = read[probe.Report](raw[i])
		case probe.CheckReport:
			out[i], err = read[probe.CheckReport](raw[i])
		case probe.ListReport:
			out[i], err = read[probe.ListReport](raw[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func read[T any](raw json.RawMessage) (v T, err error) {
	err = json.Unmarshal(raw, &v)
	return v, err
}

var started = time.Date(2026, 1, 16, 8, 0, 0, 0, time.UTC)

// report is a bounce of one category, read offline.
func report(c classify.Category, reply string) probe.Report {
	return probe.Report{
		Schema: probe.Schema, Tool: "diagnose test", Source: probe.Source{Name: "in/x.eml", Index: 1}, Kind: bounce.KindBounce,
		Failure: &probe.Failure{
			Recipient: "lee@example.net", Sender: "wang@example.org", Action: bounce.ActionFailed, Stage: bounce.StageRcpt,
			Reply: probe.Reply{Code: 550, Status: "5.1.1", Text: reply}, Remote: probe.Remote{Host: "mx.example.net", IP: "203.0.113.25"},
			SendingIP: "192.0.2.25",
		},
		Classification: &classify.Classification{
			Category: c, Slug: c.Slug(), Confidence: classify.Certain,
			Evidence: []classify.Evidence{{Rule: c.Slug() + ".test", Quote: reply, From: classify.FromReply}},
			Rivals:   []classify.Rival{},
		},
		Party: probe.PartyRecipient, Advice: []probe.Advice{}, Notes: []bounce.Note{},
	}
}

func perCategory() (out []any) {
	for c := classify.Unknown; c <= classify.RemoteFault; c++ {
		r := report(c, "550 5.0.0 no")
		r.Party = []probe.Party{probe.PartyRecipient, probe.PartySender, probe.PartyOurServer, probe.PartyRemote, probe.PartyThird, probe.PartyUnknown}[int(c)%6]
		r.Classification.Confidence = []classify.Confidence{classify.Certain, classify.Likely, classify.Weak}[int(c)%3]
		switch c {
		case classify.Unknown:
			r.Classification.Evidence = []classify.Evidence{}
		case classify.Blocklisted:
			r.Classification.List = "bl.example.com"
			r.Classification.Reference = "https://bl.example.com/lookup"
		case classify.MailboxFull:
			r.Failure.OriginalRecipient = "office@example.org"
			r.Classification.Rivals = []classify.Rival{{Category: classify.TooLarge, Slug: "too-large"}, {Category: classify.RateLimited, Slug: "rate-limited"}}
		case classify.RateLimited: // nobody's: it is waited out
			r.Kind, r.Party = bounce.KindDelay, probe.PartyUnknown
			r.Failure.RetryUntil = "2026-01-17T08:00:00Z"
			r.Advice = []probe.Advice{{Party: probe.PartyUnknown, Code: "wait"}}
		case classify.RemoteFault:
			r.Advice = []probe.Advice{{Party: probe.PartyUnknown, Code: "wait"}, {Party: probe.PartyRemote, Code: "repair-server", Args: map[string]string{"host": "mx.example.net"}}}
		case classify.ConnectionFailed: // the reporting server's own words
			r.Failure.Reply = probe.Reply{}
			r.Failure.Text = "connect to mx.example.net[203.0.113.25]:25: Connection refused"
		}
		out = append(out, r)
	}
	bare := report(classify.UnknownRecipient, "")
	bare.Failure = &probe.Failure{}
	return append(out, bare)
}

func finding(step string, check probe.Check, o probe.Outcome, target, code string, args map[string]string) probe.Finding {
	return probe.Finding{Step: step, Check: check, Target: target, Outcome: o, Code: code, Args: args, Started: started, TookMS: 12}
}

func perVerdict() (out []any) {
	for _, v := range []probe.Verdict{probe.Confirmed, probe.Consistent, probe.Cleared, probe.Contradicted, probe.Inconclusive} {
		r := report(classify.Blocklisted, "554 5.7.1 blocked using bl.example.com")
		r.Classification.List = "bl.example.com"
		r.Party = probe.PartyOurServer
		r.Verification = &probe.Verification{
			Verdict: v, Category: classify.Blocklisted, Because: []string{},
			Findings: []probe.Finding{
				finding(probe.StepMX, probe.CheckMX, probe.Healthy, "example.net", "mx.ok", map[string]string{"hosts": "mx.example.net [203.0.113.25]"}),
				finding(probe.StepSMTP, probe.CheckSMTP, probe.UnknownOC, "[2001:db8::25]:25", "smtp.silent", map[string]string{"host": "mx.example.net"}),
				finding(probe.StepPTR, probe.CheckPTR, probe.Faulty, "192.0.2.25", "ptr.none", map[string]string{"ip": "192.0.2.25"}),
				finding(probe.StepLists, probe.CheckRBL, probe.Skipped, "192.0.2.25", "skipped.time", nil),
			},
			AlsoSeen: []probe.Seen{{Code: "ptr.none", Args: map[string]string{"ip": "192.0.2.25"}}},
			Limits:   []probe.Seen{{Code: "vantage", Args: map[string]string{"outbound": "198.51.100.9", "sending": "192.0.2.25"}}},
			JudgedAt: "2026-01-16T08:00:05Z", Bounced: "2026-01-15T01:02:03Z",
			Vantage: probe.Vantage{OutboundIP: "198.51.100.9", SendingIP: "192.0.2.25", SendingBy: string(probe.ByReply), Resolver: "127.0.0.1:53", Port25: "open"},
		}
		switch v {
		case probe.Contradicted:
			r.Verification.Category = classify.SenderDNS
		case probe.Inconclusive:
			r.Party, r.Verification.Bounced = probe.PartyUnknown, ""
			r.Advice = []probe.Advice{{Party: probe.PartyUnknown, Code: "look-later"}, {Party: probe.PartyOurServer, Code: "find-list", Args: map[string]string{"ip": "192.0.2.25"}}}
		}
		out = append(out, r)
	}
	return out
}

func perKind() (out []any) {
	for _, k := range []bounce.Kind{
		bounce.KindBounce, bounce.KindDelay, bounce.KindDelivered, bounce.KindAutoReply,
		bounce.KindFeedbackReport, bounce.KindNotABounce, bounce.KindFragment,
	} {
		r := report(classify.Unknown, "")
		r.Kind, r.Failure, r.Classification = k, nil, nil
		out = append(out, r)
	}
	delivered := report(classify.Unknown, "250 2.0.0 Ok: queued")
	delivered.Kind, delivered.Classification = bounce.KindDelivered, nil
	forged := report(classify.UnknownRecipient, "550 5.1.1 no")
	forged.Kind, forged.Party = bounce.KindBackscatter, probe.PartyThird
	forged.Notes = []bounce.Note{{Code: "failures.capped", Args: map[string]string{"more": "3"}}, {Code: "input.truncated"}}
	return append(out, delivered, forged)
}

// everyCode shows every sentence of the catalogue once, so that a reviewer
// reads them where they will stand.
func everyCode() probe.Report {
	r := report(classify.Unknown, "554 no")
	v := &probe.Verification{Verdict: probe.Consistent, JudgedAt: "2026-01-16T08:00:05Z"}
	w, err := Load("en")
	if err != nil {
		return r // which the transcript will not match
	}
	args := map[string]string{
		"time": "2026-01-16T07:00:00Z", "days": "4", "forwarder": "forwarder.example", "from": "wang@example.org", "how": "SRS", "inner": "wang@example.org",
		"local": "10.0.0.5", "original": "office@forwarder.example", "reporter": "mail.example.org", "seen": "198.51.100.9", "until": "2026-01-17T08:00:00Z",
		"address": "lee@example.net", "answered": "12", "asked": "14", "broken": "mx2.example.net", "by": "reply", "bounced": "2026-01-15T01:02:03Z",
		"domain": "example.net", "error": "connection reset", "fault": "syntax", "greeting": "220 mx.example.net ESMTP", "helo": "mail.example.org",
		"host": "mx.example.net", "hosts": "mx.example.net [203.0.113.25]", "ip": "192.0.2.25", "ips": "203.0.113.25 2001:db8::25",
		"limit": "20971520", "list": "bl.example.com", "listed": "bl.example.com", "meaning": "over-limit", "mechanism": "ip4:192.0.2.25",
		"mailbox": "lee@example.net", "more": "3", "names": "mail.example.org", "near": "example.com", "neighbour": "net.example.com", "outbound": "198.51.100.9",
		"port": "25", "postmaster": "250 2.1.5 Ok", "provider": "Example Mail", "random": "450 4.1.1 later", "reason": "see https://bl.example.com", "recipients": "120", "record": "v=spf1 -all",
		"reference": "https://example.com/form", "relayhost": "relay.example.org", "reply": "550 no", "reverse": "25.2.0.192.in-addr.arpa.",
		"terms": "4", "up": "192.0.2.1:25", "down": "192.0.2.2:25", "family": "IPv4", "here": "10 a.example.net", "there": "10 b.example.net", "other": "192.0.2.53:53",
		"version": "TLS 1.3", "subject": "mx.example.net", "issuer": "Example CA", "to": "relay-test@example.net", "missing": "mx2.example.net",
		"sender": "example.org", "sending": "192.0.2.25", "server": "127.0.0.1:53", "silent": "slow.example.com", "size": "31457280",
		"selector": "s1", "algorithm": "rsa", "bits": "2048", "at": "example.net", "status": "servfail", "name": "_25._tcp.mx.example.net",
		"zone": "example.net", "servers": "6", "serving": "2", "lame": "ns1.example.net [192.0.2.1]", "faulty": "ns2.example.net [192.0.2.2]",
		"key": "s1._domainkey.example.org", "spf": `example.org. TXT "v=spf1 ip4:192.0.2.25 -all"`, "author": "example.org",
		"dmarc": `_dmarc.example.org. TXT "v=DMARC1; p=none"`, "ours": "127.0.0.1:53", "second": "192.0.2.53:53",
		"homeless": "ns3.example.net", "unasked": "ns4.example.net [2001:db8::4]",
		"target": "x y", "tls": "expired", "tries": "2", "url": "https://bl.example.com/lookup",
	}
	for _, key := range slices.Sorted(maps.Keys(w.text)) {
		family, code, _ := strings.Cut(key, ".")
		switch family {
		case "finding":
			v.Findings = append(v.Findings, finding("mx", probe.CheckMX, probe.UnknownOC, "example.net", code, args))
		case "also":
			v.AlsoSeen = append(v.AlsoSeen, probe.Seen{Code: code, Args: args})
		case "limit":
			v.Limits = append(v.Limits, probe.Seen{Code: code, Args: args})
		case "advice":
			r.Advice = append(r.Advice, probe.Advice{Party: probe.PartySender, Code: code, Args: args})
		}
	}
	r.Verification = v
	return r
}

func hostileReport() probe.Report {
	const evil = "\x1b[2J\u009b31m\u202egro.elpmaxe\xff\x00"
	r := report(classify.Rejected, "554 "+evil)
	r.Source.Name = evil
	r.Failure.Recipient, r.Failure.OriginalRecipient = evil+"@example.net", evil
	r.Classification.List, r.Classification.Reference = evil, evil
	r.Advice = []probe.Advice{{Party: probe.PartySender, Code: "check-address", Args: map[string]string{"address": evil}}}
	r.Notes = []bounce.Note{{Code: "failures.capped", Args: map[string]string{"more": evil}}}
	list := probe.List{Result: rbl.Result{Zone: evil, Status: rbl.Listed, Reason: evil, Meaning: evil, LookupURL: evil}}
	f := finding(probe.StepLists, probe.CheckRBL, probe.Faulty, evil, "lists.listed", map[string]string{"listed": evil, "asked": "1", "answered": "1"})
	f.Lists = []probe.List{list}
	r.Verification = &probe.Verification{
		Verdict: probe.Consistent, Category: classify.Rejected, Findings: []probe.Finding{f}, Because: []string{},
		AlsoSeen: []probe.Seen{{Code: "typo.likely", Args: map[string]string{"domain": evil, "near": evil}}}, Limits: []probe.Seen{},
		JudgedAt: "2026-01-16T08:00:05Z", Vantage: probe.Vantage{SendingIP: evil, SendingBy: "machine", Resolver: evil, OutboundIP: evil},
	}
	return r
}

func checkReports() []any {
	check := func(target string, o probe.Outcome, fs ...probe.Finding) probe.CheckReport {
		return probe.CheckReport{Schema: probe.Schema, Target: target, Outcome: o, Findings: fs}
	}
	mx := func(o probe.Outcome, code string) probe.Finding {
		return finding(probe.StepMX, probe.CheckMX, o, "example.net", code, map[string]string{"domain": "example.net", "hosts": "mx.example.net [203.0.113.25]"})
	}
	ptr := func(o probe.Outcome, code string) probe.Finding {
		return finding(probe.StepPTR, probe.CheckPTR, o, "192.0.2.25", code, map[string]string{"ip": "192.0.2.25", "names": "mail.example.org"})
	}
	smtp := func(o probe.Outcome, code string) probe.Finding {
		return finding(probe.StepSMTP, probe.CheckSMTP, o, "203.0.113.25:25", code, map[string]string{"host": "mx.example.net", "greeting": "220 mx.example.net ESMTP", "tries": "2", "size": "20971520"})
	}
	good := check("mx.example.net", probe.Healthy, smtp(probe.Healthy, "smtp.greets"))
	good.SMTP = []probe.SMTP{
		{Address: "203.0.113.25:25", STARTTLS: probe.Encrypted, TLS: &probe.TLS{Version: "TLS 1.3", Subject: "mx.example.net", Issuer: "Example CA", NotAfter: "2027-01-01T00:00:00Z"}},
		{Address: "203.0.113.26:25", STARTTLS: probe.Encrypted, TLS: &probe.TLS{Version: "TLS 1.2", Subject: "mx.example.net", NotAfter: "2025-01-01T00:00:00Z", Problem: "expired"}},
		{Address: "203.0.113.27:25", STARTTLS: probe.TLSBroken, TLS: &probe.TLS{Problem: "handshake", Error: "EOF"}},
		{Address: "203.0.113.28:25", STARTTLS: probe.TLSRefused, TLS: &probe.TLS{Error: "454 TLS not available"}},
		{Address: "203.0.113.29:25", STARTTLS: probe.NotOffered},
		{Address: "203.0.113.28:25"},
	}
	return []any{
		check("example.net", probe.Healthy, mx(probe.Healthy, "mx.ok")), check("example.net", probe.Faulty, mx(probe.Faulty, "mx.null")), check("example.net", probe.UnknownOC, mx(probe.UnknownOC, "mx.timeout")),
		check("192.0.2.25", probe.Healthy, ptr(probe.Healthy, "ptr.ok")), check("192.0.2.25", probe.Faulty, ptr(probe.Faulty, "ptr.unconfirmed")), check("192.0.2.25", probe.UnknownOC, ptr(probe.UnknownOC, "ptr.servfail")),
		good, check("203.0.113.25", probe.Faulty, smtp(probe.Faulty, "smtp.refused")), check("203.0.113.25", probe.UnknownOC, smtp(probe.UnknownOC, "smtp.timeout")),
	}
}

func listReports() []any {
	list := func(zone string, s rbl.Status, meaning, scope string) probe.List {
		return probe.List{Result: rbl.Result{Zone: zone, Status: s, Meaning: meaning, Scope: scope, Codes: []netip.Addr{netip.MustParseAddr("127.0.0.2")}, LookupURL: "https://" + zone + "/lookup"}}
	}
	every := probe.ListReport{Schema: probe.Schema, Target: "192.0.2.25", Asked: 10, Answered: 3, Verdict: rbl.VerdictListed, Notes: []probe.Seen{{Code: "lying-resolver"}}}
	for _, s := range []rbl.Status{rbl.NotListed, rbl.NotProven, rbl.Refused, rbl.NoAnswer, rbl.Dead, rbl.LyingDNS, rbl.UnknownCode, rbl.NotAsked, rbl.AllowListed, rbl.Listed} {
		every.Lists = append(every.Lists, list(string(s)+".example.com", s, "over-limit", "ip"))
	}
	every.Lists = append(every.Lists, list("range.example.com", rbl.Listed, "spam source; botnet", "range"), list("asn.example.com", rbl.Listed, "", "asn"))
	return []any{
		every,
		probe.ListReport{Schema: probe.Schema, Target: "example.org", Asked: 4, Answered: 4, Verdict: rbl.VerdictClean, Lists: []probe.List{}},
		probe.ListReport{Schema: probe.Schema, Target: "10.0.0.1", Verdict: rbl.VerdictUnknown, Lists: []probe.List{}, Notes: []probe.Seen{{Code: "not-public", Args: map[string]string{"ip": "10.0.0.1"}}}},
	}
}

func TestColourNeverChangesTheText(t *testing.T) {
	var plain, coloured bytes.Buffer
	for _, r := range goldens["verdicts"] {
		if err := (&Text{Out: &plain, Words: words(t, "zh-TW")}).Report(r.(probe.Report)); err != nil {
			t.Fatal(err)
		}
		if err := (&Text{Out: &coloured, Words: words(t, "zh-TW"), Colours: NewColours(true)}).Report(r.(probe.Report)); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(coloured.String(), "\x1b[") {
		t.Error("no colour")
	}
	stripped := coloured.String()
	for _, code := range []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[22m", "\x1b[31m", "\x1b[32m", "\x1b[33m"} {
		stripped = strings.ReplaceAll(stripped, code, "")
	}
	if d := cmp.Diff(plain.String(), stripped); d != "" {
		t.Error(d)
	}
}

func TestColumnsAreAlignedByWidth(t *testing.T) {
	w := words(t, "zh-TW")
	for s, want := range map[string]int{"abc": 3, "收件者": 6, "（）": 4, "é": 2, "e\u0301": 1, "": 0} {
		if got := w.Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
	if got := words(t, "en").Width("é"); got != 1 {
		t.Errorf("é is %d wide in English", got)
	}
	if got := w.Pad("收件", 6) + "|" + w.Pad("收件者收件者", 6) + "|"; got != "收件  |收件者收件者|" {
		t.Errorf("%q", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestAFailedWriteIsReported(t *testing.T) {
	text := &Text{Out: brokenWriter{}, Words: words(t, "en")}
	if err := text.Report(report(classify.Unknown, "no")); err == nil {
		t.Error("text: no error")
	}
	if err := NewJSON(brokenWriter{}, true).Write(1); err == nil {
		t.Error("JSON: no error")
	}
}

// serverReports are of a server of ours that is well, of one that is not, and
// of one about which little could be told.
func serverReports() []any {
	ours := probe.Server{
		Addresses: []probe.OwnAddress{{IP: netip.MustParseAddr("192.0.2.25"), By: probe.AddressConfigured}}, Domains: []string{"example.org"}, HELO: "mail.example.org",
	}
	at := func(step string, check probe.Check, o probe.Outcome, target, code string, args map[string]string) probe.Finding {
		args["ip"], args["domain"], args["host"], args["helo"] = "192.0.2.25", "example.org", "mail.example.org", "mail.example.org"
		return finding(step, check, o, target, code, args)
	}
	open := at(probe.StepOutbound, probe.CheckOutbound, probe.Healthy, "IPv4", "vantage.port25-open", map[string]string{"family": "IPv4", "up": "203.0.113.200:25", "local": "10.0.0.25", "seen": "192.0.2.25", "by": "203.0.113.200:25"})
	listed := at(probe.StepLists, probe.CheckRBL, probe.Faulty, "192.0.2.25", "lists.listed", map[string]string{"listed": "bl.example.com", "asked": "18", "answered": "17"})
	listed.Lists = []probe.List{{Result: rbl.Result{Zone: "bl.example.com", Tier: rbl.Core, Weight: rbl.High, Status: rbl.Listed, Codes: []netip.Addr{netip.MustParseAddr("127.0.0.2")}, DelistURL: "https://bl.example.com/remove", DelistRule: "by form"}}}
	well := []probe.Finding{
		at(probe.StepLists, probe.CheckRBL, probe.Healthy, "192.0.2.25", "lists.clean", map[string]string{"asked": "18", "answered": "18"}),
		at(probe.StepPTR, probe.CheckPTR, probe.Healthy, "192.0.2.25", "ptr.ok", map[string]string{"names": "mail.example.org"}),
		at(probe.StepHELO, probe.CheckHELO, probe.Healthy, "192.0.2.25", "helo.ok", map[string]string{}),
		at(probe.StepRelay, probe.CheckRelay, probe.Healthy, "192.0.2.25:25", "relay.closed", map[string]string{"reply": "554 5.7.1 Relay access denied"}),
		at(probe.StepSTS, probe.CheckSTS, probe.Healthy, "example.org", "sts.none", map[string]string{}),
		open,
	}
	ill := []probe.Finding{
		at(probe.StepDMARC, probe.CheckDMARC, probe.Faulty, "example.org", "dmarc.none", map[string]string{}),
		at(probe.StepPTR, probe.CheckPTR, probe.Faulty, "192.0.2.25", "ptr.none", map[string]string{}),
		at(probe.StepHELO, probe.CheckHELO, probe.Healthy, "192.0.2.25", "helo.ok", map[string]string{}),
		at(probe.StepSPF, probe.CheckSPF, probe.Faulty, "192.0.2.25", "spf.softfail", map[string]string{"record": "v=spf1 mx ~all"}),
		at(probe.StepTLS, probe.CheckTLS, probe.Faulty, "192.0.2.25:25", "tls.ends", map[string]string{"subject": "mail.example.org", "days": "9", "until": "2026-01-25T08:00:00Z"}),
		at(probe.StepSTSHosts, probe.CheckSTSHosts, probe.Faulty, "example.org", "sts.hosts-missing", map[string]string{"missing": "mail.example.org", "hosts": "old.example.org"}),
		at(probe.StepDANE, probe.CheckDANE, probe.UnknownOC, "mail.example.org", "dane.undecided", map[string]string{"status": "servfail", "server": "127.0.0.1:53"}),
		at(probe.StepDKIM, probe.CheckDKIM, probe.Faulty, "s1._domainkey.example.org", "dkim.none", map[string]string{"selector": "s1"}),
		at(probe.StepRelay, probe.CheckRelay, probe.Faulty, "192.0.2.25:25", "relay.open", map[string]string{"from": "relay-test@example.com", "to": "relay-test@example.net", "local": "198.51.100.7", "reply": "250 2.1.5 Ok \x1b[2J"}),
		listed,
		at(probe.StepOutbound, probe.CheckOutbound, probe.Healthy, "IPv4", "vantage.port25-open", map[string]string{"family": "IPv4", "up": "203.0.113.200:25", "local": "198.51.100.7", "seen": "198.51.100.7", "by": "203.0.113.200:25"}),
		at(probe.StepOutbound, probe.CheckOutbound, probe.Skipped, "IPv6", "vantage.no-family", map[string]string{"family": "IPv6"}),
	}
	return []any{
		probe.NewServerReport(ours, well), probe.NewServerReport(ours, ill),
		probe.NewServerReport(probe.Server{Domains: []string{"example.org"}}, []probe.Finding{
			at(probe.StepMX, probe.CheckMX, probe.UnknownOC, "example.org", "mx.timeout", map[string]string{"server": "127.0.0.1:53"}),
			at(probe.StepDKIM, probe.CheckDKIM, probe.Skipped, "example.org", "dkim.no-selector", map[string]string{"target": "example.org"}),
		}),
	}
}
