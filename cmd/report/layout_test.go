package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/probe"
	"diagnose/rbl"
)

func TestLinesBreakWhereTheirScriptAllows(t *testing.T) {
	for _, tt := range []struct {
		lang, text string
		width      int
		want       []string
	}{
		{"en", "one two three", 7, []string{"one two", "three"}},
		{"en", "one two three", 0, []string{"one two three"}},
		{"en", "see https://example.com/a/long/way now", 10, []string{"see", "https://example.com/a/long/way", "now"}},
		{"zh-TW", "收件者信箱空間不足", 8, []string{"收件者信", "箱空間不", "足"}},
		{"zh-TW", "收件者信箱，空間", 10, []string{"收件者信", "箱，空間"}}, // no line begins with a comma,
		{"zh-TW", "請寄（信箱）", 6, []string{"請寄", "（信", "箱）"}},  // or ends with a bracket that opens
		{"zh-TW", "網域 mx.example.net 查不到", 12, []string{"網域", "mx.example.net", "查不到"}},
	} {
		if got := words(t, tt.lang).Wrap(tt.text, tt.width); !slices.Equal(got, tt.want) {
			t.Errorf("%q in %d: %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

// Nothing is lost by wrapping, and nothing that can be broken is too wide.
func TestAReportFitsIntoEveryTerminal(t *testing.T) {
	for _, lang := range Languages() {
		for _, columns := range []int{40, 60, 80, 132} {
			w := words(t, lang)
			var out, whole bytes.Buffer
			wrapped, plain := &Text{Out: &out, Words: w, Columns: columns, Trace: true}, &Text{Out: &whole, Words: w, Trace: true}
			for _, r := range slices.Concat(goldens["verdicts"], goldens["codes"], goldens["lists"], goldens["checks"]) {
				for _, text := range []*Text{wrapped, plain} {
					if err := text.Write(r); err != nil {
						t.Fatal(err)
					}
				}
			}
			if letters(out.String()) != letters(whole.String()) {
				t.Errorf("%s in %d columns: wrapping changes the text", lang, columns)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				if w.Width(line) > columns && len(w.pieces(strings.TrimSpace(line))) > 1 && columns >= 80 {
					t.Errorf("%s: more than %d columns: %s", lang, columns, line)
				}
			}
		}
	}
}

// letters are a text without what wrapping may change.
func letters(s string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(s) }

// probed is a probe as they mostly are: the bounce of a blocked server.
func probed() probe.Report {
	r := report(classify.Blocklisted, "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using bl.example.com")
	r.Classification.List, r.Party = "bl.example.com", probe.PartyOurServer
	r.Advice = []probe.Advice{{Party: probe.PartyOurServer, Code: "delist", Args: map[string]string{"ip": "192.0.2.25", "url": "https://bl.example.com/remove"}}}
	at := func(f probe.Finding, began, took int) probe.Finding {
		f.Started, f.TookMS = started.Add(time.Duration(began)*time.Millisecond), int64(took)
		return f
	}
	sweep := finding(probe.StepLists, probe.CheckRBL, probe.Faulty, "192.0.2.25", "lists.listed", map[string]string{"listed": "xbl.example.org", "asked": "2", "answered": "2"})
	sweep.Lists = []probe.List{
		{Result: rbl.Result{Zone: "xbl.example.org", Status: rbl.Listed}, TookMS: 210},
		{Result: rbl.Result{Zone: "quiet.example.org", Status: rbl.NotListed}, TookMS: 35},
	}
	named := finding(probe.StepNamed, probe.CheckRBL, probe.Faulty, "192.0.2.25", "named.listed", map[string]string{"list": "bl.example.com", "reason": "spam seen on 2026-01-15"})
	control := finding(probe.StepControl, probe.CheckControl, probe.Healthy, "203.0.113.251:25", "control.ok", nil)
	r.Verification = &probe.Verification{
		Verdict: probe.Confirmed, Category: classify.Blocklisted, Because: []string{"named.listed"},
		Findings: []probe.Finding{
			at(finding(probe.StepMX, probe.CheckMX, probe.Healthy, "example.net", "mx.ok", map[string]string{"hosts": "mx.example.net [203.0.113.25]"}), 0, 31),
			at(finding(probe.StepSMTP, probe.CheckSMTP, probe.Healthy, "203.0.113.25:25", "smtp.greets", map[string]string{"host": "mx.example.net", "greeting": "220 mx.example.net ESMTP"}), 32, 640),
			at(control, -300000, 12), at(named, 1, 88), at(sweep, 2, 230),
			at(finding(probe.StepPTR, probe.CheckPTR, probe.Healthy, "192.0.2.25", "ptr.ok", map[string]string{"ip": "192.0.2.25", "names": "mail.example.org"}), 1, 40),
			at(finding(probe.StepSPF, probe.CheckSPF, probe.Skipped, "example.org", "skipped.time", nil), 700, 0),
		},
		AlsoSeen: []probe.Seen{}, Limits: []probe.Seen{{Code: "caches-lag", Args: map[string]string{"list": "bl.example.com"}}},
		JudgedAt: "2026-01-16T08:00:01Z", Bounced: "2026-01-15T01:02:03Z",
		Vantage: probe.Vantage{OutboundIP: "192.0.2.25", SendingIP: "192.0.2.25", SendingBy: string(probe.ByReply), Resolver: "127.0.0.1:53", Port25: "open"},
	}
	return r
}

func TestATerminalIsFilledAsTheTranscriptsSay(t *testing.T) {
	for _, lang := range Languages() {
		w := words(t, lang)
		var screen, traced bytes.Buffer
		for _, text := range []*Text{{Out: &screen, Words: w, Columns: 80}, {Out: &traced, Words: w, Columns: 100, Trace: true}} {
			if err := text.Write(probed()); err != nil {
				t.Fatal(err)
			}
			if err := text.Close(); err != nil {
				t.Fatal(err)
			}
		}
		golden(t, "screen."+lang+".txt", screen.String())
		golden(t, "trace."+lang+".txt", traced.String())
		if lines := strings.Count(screen.String(), "\n"); lines > 40 {
			t.Errorf("%s: %d lines are no screen", lang, lines)
		}
		if answer, _, _ := strings.Cut(screen.String(), "\n\n"); strings.Count(answer, "\n") > 7 {
			t.Errorf("%s: the answer is not short:\n%s", lang, answer)
		}
	}
}

func TestABriefReportIsALineForEachFailure(t *testing.T) {
	var reports []any
	for _, name := range []string{"verdicts", "categories", "kinds"} {
		reports = append(reports, goldens[name]...)
	}
	reports = append(reports, probed(), hostileReport())
	for _, lang := range Languages() {
		var out, narrow bytes.Buffer
		w := words(t, lang)
		brief, cut := &Brief{Out: &out, Words: w}, &Brief{Out: &narrow, Words: w, Columns: 80, Colours: NewColours(true)}
		for _, r := range reports {
			for _, b := range []*Brief{brief, cut} {
				if err := b.Write(r); err != nil {
					t.Fatal(err)
				}
			}
		}
		golden(t, "brief."+lang+".txt", out.String())
		if n := strings.Count(out.String(), "\n"); n != len(reports) {
			t.Errorf("%s: %d lines for %d reports", lang, n, len(reports))
		}
		for line := range strings.Lines(narrow.String()) {
			if n := w.Width(strings.TrimSuffix(line, "\n")); n > 80 && !strings.ContainsAny(line, `"\\`) {
				t.Errorf("%s: %d columns: %q", lang, n, line)
			}
		}
	}
}

func TestBackscatterIsNamedInBrief(t *testing.T) {
	r := report(classify.UnknownRecipient, "550 5.1.1 no")
	r.Kind = bounce.KindBackscatter
	var out bytes.Buffer
	if err := (&Brief{Out: &out, Words: words(t, "en")}).Write(r); err != nil || !strings.Contains(out.String(), "forged sender") {
		t.Error(out.String(), err)
	}
}

func TestAWordIsNoPartOfALongerOne(t *testing.T) {
	for text, want := range map[string]bool{
		"the MX of it": true, "MX": true, "查MX紀錄": true, "(MX)": true, "MX.": true,
		"MXA": false, "LMX": false, "MX-1": false, "a@MX": false, "AMX MX": true,
	} {
		if got := hasWord(text, "MX"); got != want {
			t.Errorf("MX in %q: %v", text, got)
		}
	}
}
