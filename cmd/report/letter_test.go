package report

import (
	"bytes"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/probe"
)

func letter(t *testing.T, to Addressee, m *Mail, r probe.Report, langs ...string) string {
	t.Helper()
	var out bytes.Buffer
	l := &Letter{Out: &out, To: to, Mail: m}
	for _, lang := range langs {
		l.Words = append(l.Words, words(t, lang))
	}
	if err := l.Write(r); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestLettersReadAsTheTranscriptsSay(t *testing.T) {
	for _, lang := range Languages() {
		var all strings.Builder
		for _, group := range []string{"categories", "verdicts", "kinds"} {
			for _, r := range goldens[group] {
				all.WriteString(letter(t, Colleague, nil, r.(probe.Report), lang) + strings.Repeat("=", 60) + "\n")
			}
		}
		golden(t, "letters."+lang+".txt", all.String())
	}
	var all strings.Builder
	for _, r := range goldens["verdicts"] {
		all.WriteString(letter(t, Remote, nil, r.(probe.Report), "en", "zh-TW") + strings.Repeat("=", 60) + "\n")
	}
	golden(t, "letters-remote.txt", all.String())
}

// Whatever a bounce leaves out, for every category and verdict.
func TestALetterHasNoHoleInItsSentences(t *testing.T) {
	holes := regexp.MustCompile(`[{}]|<<|>>|(^|\n) *[-.,:;。，：]+ *(\n|$)|「」|""|\(\)|（）| [.,;:]( |\n|$)|。。|\.\. |letter\.|advice\.|finding\.`)
	for _, lang := range Languages() {
		for _, to := range []Addressee{Colleague, Remote} {
			for c := classify.Unknown; c <= classify.RemoteFault; c++ {
				for _, v := range []probe.Verdict{"", probe.Confirmed, probe.Consistent, probe.Cleared, probe.Contradicted, probe.Inconclusive} {
					for _, bare := range []bool{false, true} {
						r := report(c, "550 5.0.0 no")
						if v != "" {
							r.Verification = &probe.Verification{Verdict: v, Category: c, JudgedAt: "2026-01-16T08:00:05Z"}
						}
						if bare {
							r.Failure, r.Classification.Evidence = &probe.Failure{}, nil
						}
						if text := letter(t, to, nil, r, lang); holes.MatchString(text) {
							t.Errorf("%s to %s, %s %s: %q in\n%s", lang, to, c.Slug(), v, holes.FindString(text), text)
						}
					}
				}
			}
		}
	}
}

func TestALetterClaimsNoCheckThatWasNotMade(t *testing.T) {
	offline := letter(t, Colleague, nil, report(classify.MailboxFull, "552 full"), "en")
	if !strings.Contains(offline, "nothing has been checked") || strings.Contains(offline, "Checked at") {
		t.Error(offline)
	}
	undecided := goldens["verdicts"][4].(probe.Report)
	if text := letter(t, Colleague, nil, undecided, "en"); !strings.Contains(text, "does not settle it") || strings.Contains(text, "this is what we found") {
		t.Error(text)
	}
}

func TestALetterIsAMessageThatCausesNoBounceAndNoReply(t *testing.T) {
	r := report(classify.UnknownRecipient, "550 5.1.1 no")
	r.Failure.Original = probe.Original{MessageID: "<1@example.org>", Subject: "報價"}
	m := &Mail{Now: time.Date(2026, 1, 16, 8, 0, 0, 0, time.UTC)}
	msg, err := mail.ReadMessage(strings.NewReader(letter(t, Colleague, m, r, "zh-TW")))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": "postmaster@example.org", "To": "wang@example.org", "In-Reply-To": "<1@example.org>", "References": "<1@example.org>",
		"Auto-Submitted": "auto-replied", "Date": "Fri, 16 Jan 2026 08:00:00 +0000",
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || !strings.Contains(subject, "lee@example.net") {
		t.Errorf("%q, %v", subject, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	if err != nil || !strings.Contains(string(body), "報價") {
		t.Errorf("%q, %v", body, err)
	}
	remote, err := mail.ReadMessage(strings.NewReader(letter(t, Remote, m, r, "en", "zh-TW")))
	if err != nil || remote.Header.Get("To") != "postmaster@example.net" {
		t.Errorf("%v, %v", remote.Header, err)
	}
}

func TestABounceCannotWriteALettersHeader(t *testing.T) {
	for _, evil := range []string{
		"a@example.org\r\nBcc: all@example.com", "a@example.org>, b@example.com", "\"a\r\n b\"@example.org", "a@example.org\x00", "報@example.org",
		"=?utf-8?q?a=0D=0ABcc:x?=@example.org", strings.Repeat("a", 300) + "@example.org",
	} {
		r := report(classify.UnknownRecipient, evil)
		r.Failure.Sender, r.Failure.Recipient = evil, evil
		r.Failure.Original = probe.Original{MessageID: "<" + evil + ">", Subject: evil}
		for _, to := range []Addressee{Colleague, Remote} {
			msg, err := mail.ReadMessage(strings.NewReader(letter(t, to, &Mail{Now: time.Unix(0, 0)}, r, "en")))
			if err != nil {
				t.Fatalf("%q: %v", evil, err)
			}
			for name, values := range msg.Header {
				if !slices.Contains([]string{"From", "To", "Subject", "Date", "Message-Id", "In-Reply-To", "References", "Auto-Submitted",
					"X-Auto-Response-Suppress", "Mime-Version", "Content-Type", "Content-Transfer-Encoding"}, name) || len(values) != 1 {
					t.Errorf("%q wrote %s: %q", evil, name, values)
				}
			}
			if to := msg.Header.Get("To"); strings.Contains(to, "example.com") || strings.Contains(to, ",") {
				t.Errorf("%q: To: %s", evil, to)
			}
		}
	}
}

func TestALetterOfBackscatterAsksNothing(t *testing.T) {
	r := report(classify.UnknownRecipient, "550 no")
	r.Kind = bounce.KindBackscatter
	if text := letter(t, Colleague, nil, r, "en"); !strings.Contains(text, "not sent by our mail server") || strings.Contains(text, "Please do this") {
		t.Error(text)
	}
}
