package bounce

import (
	"strings"
	"testing"
)

func TestNamesAmongAddresses(t *testing.T) {
	const failed = "This is the mail system.\n\nA message that you sent could not be delivered. The following address(es) failed:\n\n"
	for name, c := range map[string]struct{ notice, want, last string }{
		"sendmail":            {"   ----- The following addresses had permanent fatal errors -----\njan\n    (reason: 550 5.1.1 User unknown)\n<lee@example.net>\n    (reason: 552 5.2.2 mailbox full)\n\n   ----- Transcript of session follows -----\n550 jan... User unknown\n", "jan|lee@example.net", "mailbox full"},
		"sendmail, last":      {"   ----- The following addresses had permanent fatal errors -----\n<lee@example.net>\n    (reason: 552 5.2.2 mailbox full)\njan\n    (reason: 550 5.1.1 User unknown)\n", "lee@example.net|jan", "User unknown"},
		"exim":                {failed + "  jan\n    Unrouteable address\n  lee@example.net\n    Mailbox full\n  eva\n    Account closed\n", "jan|lee@example.net|eva", "Account closed"},
		"qmail":               {"Hi. I'm afraid I wasn't able to deliver your message to the following addresses:\n\n<jan>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n<lee@example.net>:\nunreachable\n", "jan|lee@example.net", "unreachable"},
		"notes, on one line":  {"Your message\n\n  Subject: minutes\n\nwas not delivered to:\n\n  Jane Doe/Sales/Example, lee@example.net, jdoe\n\nbecause:\n\n  not listed in Domino Directory\n", "Jane Doe/Sales/Example|lee@example.net|jdoe", "not listed"},
		"notes, each on its":  {"Your message was not delivered to:\n\n  CN=Jane Doe/OU=Sales/O=Example\n  lee@example.net\n\nbecause:\n\n  not listed in Domino Directory\n", "CN=Jane Doe/OU=Sales/O=Example|lee@example.net", "not listed"},
		"groupwise":           {"The message could not be delivered to the following recipients:\n\n   jdoe\n   lee@example.net (550 5.1.1 User unknown)\n", "jdoe|lee@example.net", "User unknown"},
		"not indented":        {"Your mail was not delivered to:\njdoe\nlee@example.net\n\nGoodbye\n", "jdoe|lee@example.net", ""},
		"a greeting below":    {"Your mail was not delivered to:\n\nlee@example.net\n550 5.1.1 User unknown\n\nRegards\n", "lee@example.net", "User unknown"},
		"a word below":        {"Your mail was not delivered to:\n\nlee@example.net\n\nUnknown\n", "lee@example.net", "Unknown"},
		"qmail, one word":     {"Hi. I wasn't able to deliver your message to the following addresses:\n\n<lee@example.net>:\nunreachable\n\n<kim@example.net>:\nfull\n", "lee@example.net|kim@example.net", "full"},
		"reasons of one word": {failed + "  lee@example.net\n    unreachable\n  kim@example.net\n    full\n", "lee@example.net|kim@example.net", "full"},
		"a choice":            {failed + "  lee@example.net\n  Mailbox and/or domain unknown\n", "lee@example.net", "unknown"},
	} {
		rep, err := Read(strings.NewReader("From: MAILER-DAEMON@mail.example.org\nTo: wang@example.org\nSubject: Returned mail\n\n" + c.notice))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var all []string
		last := Failure{}
		for _, f := range rep.Failures {
			all, last = append(all, f.Recipient), f
		}
		if strings.Join(all, "|") != c.want || !strings.Contains(last.Reply.Text+last.Text, c.last) {
			t.Errorf("%s: %q: %+v", name, all, last)
		}
	}
}
