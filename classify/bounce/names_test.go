package bounce

import (
	"strings"
	"testing"
)

// The address is told where there is one; else the name, as it stands.
func TestRecipientOfAStatusThatIsNoAddress(t *testing.T) {
	for fields, want := range map[string]string{
		"Final-Recipient: rfc822;CN=Jan Novak/OU=Sales/O=Example\n":                                                         "CN=Jan Novak/OU=Sales/O=Example",
		"Final-Recipient: x-notes; Jan Novak/Sales/Ex@EX\nOriginal-Recipient: rfc822;jan@example.net\n":                     "jan@example.net",
		"Final-Recipient: X400; /o=Example/ou=Prague/cn=Recipients/cn=jan\n":                                                "/o=Example/ou=Prague/cn=Recipients/cn=jan",
		"Final-Recipient: x400; /G=Jan/S=Novak/ADMD= /C=CZ/\nOriginal-Recipient: rfc822; jan@example.net\n":                 "jan@example.net",
		"Final-Recipient: rfc822;IMCEAEX-_O=EX_CN=jan@example.com\nOriginal-Recipient: rfc822;j@example.net\n":              "j@example.net",
		"Final-Recipient: rfc822;IMCEAEX-_O=EX_CN=jan@example.com\n":                                                        "IMCEAEX-_O=EX_CN=jan@example.com",
		"Final-Recipient: rfc822;IMCEASMTP-jan+2Enovak+40example+2Enet@example.com\n":                                       "jan.novak@example.net",
		"Final-Recipient: rfc822;IMCEASMTP-jan+zz@example.com\n":                                                            "IMCEASMTP-jan+zz@example.com",
		"Final-Recipient: rfc822; \"Novak, Jan\" <jan@example.net>\n":                                                       "jan@example.net",
		"Final-Recipient: rfc822; Jan Novak <jan@example.net> (gone)\n":                                                     "jan@example.net",
		"Final-Recipient: utf-8; \u738bwang@example.net\nDiagnostic-Code: smtp; 550 5.1.1 \u738bwang@example.net unknown\n": "\u738bwang@example.net",
		"Final-Recipient: LOCAL;\\jan\n":                                                                                    "\\jan",
		"Final-Recipient: x-local; jan\n":                                                                                   "jan",
		"Final-Recipient: system; jan\nOriginal-Recipient: rfc822; jan@example.net\n":                                       "jan@example.net",
		"Final-Recipient: unknown;\nDiagnostic-Code: smtp; 550 5.1.1 <jan@example.net> unknown\n":                           "jan@example.net",
		"Final-Recipient: x-uucp; relay!hermes!jan\n":                                                                       "relay!hermes!jan",
	} {
		_, f := first(t, strings.Replace(statusReport("", fields+"Status: 5.1.1\n"), "Final-Recipient: rfc822; a@example.net\n", "", 1))
		if f.Recipient != want || f.OriginalRecipient != "" {
			t.Errorf("%s%q, originally %q", fields, f.Recipient, f.OriginalRecipient)
		}
	}
}

func TestNamesInANotice(t *testing.T) {
	for name, c := range map[string]struct{ notice, want, says string }{
		"sendmail":         {"   ----- The following addresses had permanent fatal errors -----\njan\n    (reason: 550 5.1.1 User unknown)\n\n   ----- Transcript of session follows -----\n550 5.1.1 jan... User unknown\n", "jan", "User unknown"},
		"a path":           {"   ----- The following addresses had permanent fatal errors -----\nrelay!hermes!jan\n\n   ----- Transcript of session follows -----\n550 relay!hermes!jan... Host unknown\n", "relay!hermes!jan", "Host unknown"},
		"exim":             {"A message that you sent could not be delivered. The following address(es) failed:\n\n  jan\n    Unrouteable address\n  eva\n    Mailbox full\n", "jan eva", "Unrouteable"},
		"qmail":            {"Hi. I'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error.\n\n<jan>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n<eva>:\nfull\n", "jan eva", "no mailbox"},
		"notes":            {"Your message\n\n  Subject: minutes\n\nwas not delivered to:\n\n  CN=Jan Novak/OU=Sales/O=Example@EXAMPLE\n\nbecause:\n\n  User CN=Jan Novak/OU=Sales/O=Example not listed in Domino Directory\n", "CN=Jan Novak/OU=Sales/O=Example@EXAMPLE", "not listed"},
		"exchange, x.400":  {"did not reach the following recipient(s):\n\nc=US;a= ;p=Example;o=Prague;dda:SMTP=jan@example.net; on Mon, 12 Jan 2026 09:30:05 +0800\n    The recipient name is not recognized\n", "jan@example.net", "not recognized"},
		"exchange, a name": {"did not reach the following recipient(s):\n\nNovak, Jan on Mon, 12 Jan 2026 09:30:05 +0800\n    The e-mail account does not exist.\n    <mail.example.net #5.1.1>\n", "Novak,Jan", "does not exist"},
		"reason before":    {"Your mail to the following recipients could not be delivered because they are full:\n\n abbie\n", "abbie", "they are full"},
		"no name":          {"Nothing could be delivered to:\n\nThis is a long sentence that says nothing of anybody at all.\n", "", ""},
	} {
		rep, err := Read(strings.NewReader("From: MAILER-DAEMON@mail.example.org\nTo: wang@example.org\nSubject: Returned mail\n\n" + c.notice))
		if err != nil || len(rep.Failures) == 0 {
			t.Errorf("%s: %v %+v", name, err, rep)
			continue
		}
		var all []string
		for _, f := range rep.Failures {
			all = append(all, strings.ReplaceAll(f.Recipient, ", ", ","))
		}
		f := rep.Failures[0]
		if strings.Join(all, " ") != c.want && name != "notes" || name == "notes" && f.Recipient != c.want || !strings.Contains(f.Reply.Text+f.Text, c.says) {
			t.Errorf("%s: %q: %+v", name, all, f)
		}
	}
}

func TestAddressToldElsewhereWinsOverAName(t *testing.T) {
	const head = "From: MAILER-DAEMON@mail.example.org\nTo: wang@example.org\nSubject: Returned mail\n\n"
	for name, mail := range map[string]string{
		"mentioned":       head + "The following address failed:\n\nReason: full\n\nNothing was left for lee@example.net today.\n",
		"of the original": head + "The following address failed:\n\n  lee\n    full\n\n--- Below this line is a copy of the message.\n\nFrom: wang@example.org\nTo: lee@example.net\nSubject: minutes\n",
	} {
		if rep, f := first(t, mail); len(rep.Failures) != 1 || f.Recipient != "lee@example.net" {
			t.Errorf("%s: %+v", name, rep.Failures)
		}
	}
}
