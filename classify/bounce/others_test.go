package bounce

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// bounceOf is a server's report about one recipient, with the header of the
// original.
func bounceOf(rcpt, subject string) string {
	return "Return-Path: <>\nFrom: MAILER-DAEMON@mail.example.org\nTo: wang@example.org\nSubject: Undelivered Mail\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n" +
		"--r\n\nThis is the mail system. Your message could not be delivered.\n\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mail.example.org\n\nFinal-Recipient: rfc822; " + rcpt +
		"\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 <" + rcpt + "> unknown\n\n--r\nContent-Type: text/rfc822-headers\n\nFrom: wang@example.org\nTo: " + rcpt + "\nSubject: " + subject + "\n\n--r--\n"
}

func qmailOf(rcpt string) string {
	return "Return-Path: <>\nFrom: MAILER-DAEMON@mail.example.org\nTo: wang@example.org\nSubject: failure notice\n\nHi. This is the qmail-send program at mail.example.org.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<" + rcpt + ">:\n192.0.2.1 failed after I sent the message.\nRemote host said: 552 5.2.2 mailbox full\n"
}

// mailWith is a person's mail with parts.
func mailWith(media string, parts ...string) string {
	mail := "From: Wang <wang@example.org>\nTo: admin@example.org\nSubject: Fwd: see\nMIME-Version: 1.0\nContent-Type: multipart/" + media + "; boundary=b\n\n"
	for _, p := range parts {
		mail += "--b\n" + p + "\n"
	}
	return mail + "--b--\n"
}

func recipients(t *testing.T, mail string) (all []string) {
	t.Helper()
	for rep, err := range All(strings.NewReader(mail)) {
		if err != nil {
			t.Fatal(err)
		}
		if len(rep.Others) > 0 {
			t.Errorf("a report among others has others: %+v", rep)
		}
		for _, f := range rep.Failures {
			all = append(all, f.Recipient+" of "+rep.Original.Subject)
		}
	}
	return all
}

func TestEveryAttachedBounceIsRead(t *testing.T) {
	const text = "Content-Type: text/plain\n\nSee the attached.\n"
	whole := "Content-Type: message/rfc822\n\n"
	packed := func(mail string) string {
		return "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.eml\n\n" + base64.StdEncoding.EncodeToString([]byte(mail))
	}
	a, b, c := bounceOf("a@example.net", "one"), bounceOf("b@example.net", "two"), qmailOf("c@example.net")
	const gateway = "Received: from gw.example.jp (gw.example.jp [192.0.2.7]) by mail.example.org; Mon, 12 Jan 2026 09:30:01 +0900\nFrom: no-reply@example.jp\nTo: wang@example.org\nSubject: minutes\n\nYour mail was not delivered to %@example.net: mailbox full.\n"
	by := func(user string) string { return strings.Replace(gateway, "%", user, 1) }
	for name, test := range map[string]struct{ mail, want string }{
		"attached":               {mailWith("mixed", text, whole+a, whole+b, whole+c), "a@example.net of one, b@example.net of two, c@example.net of "},
		"saved to files":         {mailWith("mixed", text, packed(a), packed(b), packed(c)), "a@example.net of one, b@example.net of two, c@example.net of "},
		"a digest":               {mailWith("digest", "\n"+a, "\n"+c, "\n"+b), "a@example.net of one, c@example.net of , b@example.net of two"},
		"text first":             {mailWith("mixed", text, whole+c, whole+a), "c@example.net of , a@example.net of one"},
		"with other mail":        {mailWith("mixed", text, whole+a, whole+"From: kim@example.net\nSubject: lunch\n\nNoon?\n", whole+b), "a@example.net of one, b@example.net of two"},
		"of an ordinary header":  {mailWith("mixed", text, whole+by("lee"), whole+by("kim")), "lee@example.net of , kim@example.net of "},
		"one that is wrapped":    {mailWith("mixed", text, whole+strings.NewReplacer("=b\n", "=w\n", "--b", "--w").Replace(mailWith("mixed", text, whole+a)), whole+b), "a@example.net of one, b@example.net of two"},
		"the original of one":    {mailWith("mixed", text, whole+strings.Replace(a, "text/rfc822-headers\n\nFrom: wang@example.org\nTo: a@example.net\nSubject: one\n", "message/rfc822\n\n"+c, 1)), "a@example.net of failure notice"},
		"of a report, not given": {strings.Replace(a, "--r--\n", "--r\nContent-Type: message/rfc822\n\n"+strings.NewReplacer("=r\n", "=s\n", "--r", "--s").Replace(b)+"--r--\n", 1), "a@example.net of one"},
	} {
		if got := strings.Join(recipients(t, test.mail), ", "); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestReadGivesTheFirstAttachedBounceAndTheOthers(t *testing.T) {
	rep, err := Read(strings.NewReader(mailWith("digest", "\n"+bounceOf("a@example.net", "one"), "\n"+bounceOf("b@example.net", "two"))))
	if err != nil || rep.Original.Subject != "one" || len(rep.Others) != 1 || rep.Others[0].Original.Subject != "two" || rep.Others[0].Kind != KindBounce {
		t.Errorf("%v %+v", err, rep)
	}
}

func TestAttachedBouncesAreBounded(t *testing.T) {
	var parts []string
	for i := range maxOthers + 50 {
		parts = append(parts, "\n"+qmailOf(fmt.Sprintf("u%d@example.net", i)))
	}
	rep, err := Read(strings.NewReader(mailWith("digest", parts...)))
	if err != nil || len(rep.Others) != maxOthers || len(rep.Notes) != 1 || rep.Notes[0].Code != "failures.capped" || rep.Notes[0].Args["more"] != "49" {
		t.Errorf("%v, %d others, %v", err, len(rep.Others), rep.Notes)
	}
	two := "From wang@example.org Mon Jan 12 09:30:01 2026\n" + mailWith("digest", "\n"+qmailOf("a@example.net"), "\n"+qmailOf("b@example.net")) + "\n"
	if got := recipients(t, two+two); len(got) != 4 {
		t.Errorf("in an mbox: %q", got)
	}
}
