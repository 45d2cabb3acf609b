package report

import (
	"bytes"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"diagnose/classify"
	"diagnose/probe"
)

// private is a report that has what must not be shown wherever it can stand.
func private() probe.Report {
	r := probed()
	r.Source.Name = "/home/lee.wong/bounce.eml"
	f := r.Failure
	f.Recipient, f.OriginalRecipient, f.Sender = "lee.wong@example.net", `"o'brien, pat"@example.net`, "VERP+lee=example.net@example.org"
	f.ReportingHost, f.SendingIP = "Mail.Example.org", "192.0.2.225"
	f.Original = probe.Original{MessageID: "<20260115.7@desk7.corp.example.org>", Subject: "Your salary", Size: 1200}
	f.Reply.Text = "550 5.1.1 <lee.wong@example.net>: user Lee.Wong, unknown (o'brien, pat); client mail.example.org[192.0.2.225] see " +
		"https://example.net/?to=lee.wong%40example.net&ip=192.0.2.225 225.2.0.192.bl.example.com 2001:DB8:0:9::25."
	f.Text = f.Reply.Text
	r.Classification.Evidence[0].Quote = f.Reply.Text
	v := r.Verification
	v.Vantage.SendingIP, v.Vantage.OutboundIP, v.Vantage.Resolver = "192.0.2.225", "2001:db8:0:9::25", "10.7.7.7:53"
	v.Findings = append(v.Findings,
		finding(probe.StepPTR, probe.CheckPTR, probe.Healthy, "192.0.2.225", "ptr.ok", map[string]string{"ip": "192.0.2.225", "names": "mail.example.org, out7.example.org"}),
		finding(probe.StepSMTP, probe.CheckSMTP, probe.Faulty, "203.0.113.25:25", "smtp.greeting-rejected", map[string]string{"host": "mx.example.net", "greeting": "554 out7.example.org go away", "local": "192.0.2.225"}),
		finding(probe.StepRcpt, probe.CheckSMTP, probe.Faulty, "lee.wong@example.net", "rcpt.refused", map[string]string{"host": "mx.example.net", "mailbox": "lee.wong@example.net", "reply": "550 no lee.wong here"}),
	)
	r.Advice = append(r.Advice, probe.Advice{Party: probe.PartyOurServer, Code: "set-ptr", Args: map[string]string{"reverse": "225.2.0.192.in-addr.arpa.", "helo": "mail.example.org"}},
		probe.Advice{Party: probe.PartyOurServer, Code: "set-ptr", Args: map[string]string{"reverse": nibbles(netip.MustParseAddr("2001:db8:0:9::25")) + ".ip6.arpa."}})
	return r
}

func TestWhatIsRedactedIsNowhere(t *testing.T) {
	secret := regexp.MustCompile(`(?i)lee\.wong|o'brien|verp|192\.0\.2\.225|225\.2\.0\.192|2001:db8:0:9|5\.2\.0\.0\.0\.0|mail\.example\.org|out7|desk7|20260115\.7|salary|10\.7\.7\.7`)
	r := private()
	before := asJSON(t, []any{r})
	if n := len(secret.FindAllString(before, -1)); n < 20 {
		t.Fatalf("only %d secrets", n)
	}
	told := Redact(r, probe.Our{})
	forms := map[string]string{"JSON": asJSON(t, []any{told})}
	for _, lang := range Languages() {
		w := words(t, lang)
		var letter, page, brief bytes.Buffer
		for _, out := range []interface {
			Write(any) error
			Close() error
		}{&Letter{Out: &letter, To: Remote, Words: []*Words{w}}, &HTML{Out: &page, Words: w}, &Brief{Out: &brief, Words: w}} {
			if err := out.Write(told); err != nil {
				t.Fatal(err)
			}
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
		}
		forms["text "+lang] = asText(t, lang, []any{told})
		forms["letter "+lang], forms["page "+lang], forms["brief "+lang] = letter.String(), page.String(), brief.String()
	}
	for form, text := range forms {
		if found := secret.FindAllString(text, -1); found != nil {
			t.Errorf("%s still has %q", form, found)
		}
	}
	if d := cmp.Diff(before, asJSON(t, []any{r})); d != "" {
		t.Errorf("the report itself was changed:\n%s", d)
	}
	reply := told.(probe.Report).Failure.Reply.Text
	const want = `550 5.1.1 <l***@example.net>: user L***, unknown (o***); client our-host-1.example[192.0.2.1] see ` +
		`https://example.net/?t***%40example.net&ip=192.0.2.1 1.2.0.192.bl.example.com 2001:db8::2.`
	if reply != want {
		t.Errorf("%q, want %q", reply, want)
	}
}

// What the diagnosis rests on stays, and so do all codes.
func TestRedactingLeavesTheDiagnosis(t *testing.T) {
	r := report(classify.UnknownRecipient, "550 5.1.1 <user@example.net>: user unknown (mx.example.net)")
	r.Failure.Recipient, r.Failure.Sender = "user@example.net", "a@example.org"
	r.Classification.Evidence[0].Rule = "unknown-recipient.user-unknown"
	got := Redact(r, probe.Our{}).(probe.Report)
	if got.Classification.Evidence[0].Rule != r.Classification.Evidence[0].Rule || got.Failure.Remote != r.Failure.Remote || got.Failure.Reply.Status != "5.1.1" ||
		got.Failure.Recipient != "u***@example.net" || got.Failure.Sender != "a***@example.org" || got.Failure.Reply.Text != "550 5.1.1 <u***@example.net>: u*** unknown (mx.example.net)" {
		t.Errorf("%+v", got.Failure)
	}
}

func TestWhatIsConfiguredAsOursIsRedacted(t *testing.T) {
	ours := probe.Our{
		Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.77")}, Domains: []string{"Example.org"}, HELO: "smtp.example.com", Relayhost: "[relay.example.com]:587",
	}
	r := report(classify.Rejected, "554 198.51.100.77 smtp.example.com relay.example.com www.example.org, example.org; 198.51.100.7 notexample.org")
	got := Redact(r, ours).(probe.Report).Failure
	if want := "554 192.0.2.1 our-host-1.example our-host-2.example our-host-3.example, our-domain-1.example; 198.51.100.7 notexample.org"; got.Reply.Text != want {
		t.Errorf("%q, want %q", got.Reply.Text, want)
	}
	if got.Sender != "w***@our-domain-1.example" {
		t.Error(got.Sender)
	}
}

func TestNoTranscriptKeepsWhatIsRedacted(t *testing.T) {
	mailbox := regexp.MustCompile(`[^\s"<@*]{2,}@`)
	for name, reports := range goldens {
		for _, v := range reports {
			r, ok := v.(probe.Report)
			if !ok {
				continue // of targets that the admin named
			}
			var ours []string
			if r.Failure != nil {
				ours = append(ours, r.Failure.SendingIP, r.Failure.ReportingHost)
			}
			if r.Verification != nil {
				ours = append(ours, r.Verification.Vantage.SendingIP, r.Verification.Vantage.OutboundIP)
			}
			text := asJSON(t, []any{Redact(v, probe.Our{})})
			for _, secret := range slices.Compact(slices.Sorted(slices.Values(ours))) {
				if secret != "" && name != "hostile" && strings.Contains(text, secret) {
					t.Errorf("%s: still has %s", name, secret)
				}
			}
			if m := mailbox.FindString(text); m != "" && m != "postmaster@" {
				t.Errorf("%s: still has %s", name, m)
			}
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("lee@example.net", "550 <lee@example.net> lee")
	f.Add("\"a@b\"@example.net", "x%40y@")
	f.Add("\xff@x", "192.0.2.225 ::ffff:192.0.2.225 .")
	f.Fuzz(func(t *testing.T, recipient, text string) {
		r := report(classify.Rejected, text)
		r.Failure.Recipient, r.Failure.SendingIP = recipient, "192.0.2.225"
		once := Redact(r, probe.Our{}).(probe.Report)
		if regexp.MustCompile(`(^|[^0-9.])192\.0\.2\.225($|[^0-9.])`).MatchString(once.Failure.Reply.Text) {
			t.Errorf("%q keeps our address", once.Failure.Reply.Text)
		}
	})
}
