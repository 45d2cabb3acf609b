package bounce

import (
	"strings"
	"testing"
)

// plainNotice tells no code: the sentence and the address are all there is.
const plainNotice = "This is the mail system at host mail.example.org.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n<lee@example.net>: unknown user: \"lee\"\n"

func cite(s, mark string) string {
	return mark + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n"+mark) + "\n"
}

// A bounce without any reply is found where it is cited, behind whatever line
// announces that.
func TestCitedBounceWithoutAReplyIsRead(t *testing.T) {
	for name, body := range map[string]string{
		"quoted":                  cite(plainNotice, "> "),
		"quoted without space":    cite(plainNotice, ">"),
		"quoted twice":            "> Ann wrote:\n" + cite(plainNotice, "> > "),
		"quoted three times":      cite(plainNotice, ">>> "),
		"English":                 "On Mon, Jan 12, 2026 at 9:30 AM Mail Delivery System <MAILER-DAEMON@mail.example.org> wrote:\n\n" + cite(plainNotice, "> "),
		"German":                  "Am 12.01.26 um 09:30 schrieb MAILER-DAEMON@mail.example.org:\n" + cite(plainNotice, "> "),
		"French":                  "Le lun. 12 janv. 2026 \u00e0 09:30, <MAILER-DAEMON@mail.example.org> a \u00e9crit :\n\n" + cite(plainNotice, "> "),
		"Chinese":                 "MAILER-DAEMON@mail.example.org \u65bc 2026\u5e741\u670812\u65e5 \u9031\u4e00 \u4e0a\u53489:30\u5beb\u9053\uff1a\n\n" + cite(plainNotice, "> "),
		"answered without quotes": "On Mon, Jan 12, 2026 at 9:30 AM <MAILER-DAEMON@mail.example.org> wrote:\n\n" + plainNotice,
		"Apple Mail":              "Begin forwarded message:\n\nFrom: Mail Delivery System <MAILER-DAEMON@mail.example.org>\nSubject: Undelivered Mail Returned to Sender\nDate: 12 January 2026 at 09:30:05 CST\nTo: wang@example.org\n\n" + plainNotice,
		"Outlook, Chinese":        "-----\u539f\u59cb\u90f5\u4ef6-----\n\u5bc4\u4ef6\u8005: Mail Delivery System\n\u5bc4\u4ef6\u65e5\u671f: 2026\u5e741\u670812\u65e5 \u4e0a\u5348 09:30\n\u6536\u4ef6\u8005: wang@example.org\n\u4e3b\u65e8: \u9000\u4fe1\n\n\u60a8\u7684\u90f5\u4ef6\u7121\u6cd5\u9001\u9054\u4e0b\u5217\u6536\u4ef6\u4eba\uff1a\n\nlee@example.net\n\n\u539f\u56e0\uff1a\u67e5\u7121\u6b64\u4eba\n",
	} {
		rep, f := first(t, "From: Wang <wang@example.org>\nTo: admin@example.org\nSubject: what is this\nContent-Type: text/plain; charset=utf-8\n\nHello,\n\n"+body)
		if rep.Kind != KindBounce || len(rep.Failures) != 1 || f.Recipient != "lee@example.net" || f.Reply.Code != 0 {
			t.Errorf("%s: %+v", name, rep)
		}
	}
}

func TestTalkAboutAnAddressIsNoBounce(t *testing.T) {
	for _, body := range []string{
		"> Please write to\n> lee@example.net\n> My old mailbox: mail could not be delivered.\n",
		"> I could not deliver your message to the printers,\n> so ask kim@example.net instead.\n",
		"On Mon, Jan 12, 2026 Lee <lee@example.net> wrote:\n> kim@example.net\n> is the right one.\n",
		"From: postmaster@example.org\nTo: all@example.org\nSubject: people\n\nNew colleagues:\n\nkim@example.net\n",
		"Your note of Monday (MAILER-DAEMON@mail.example.org) said:\n\nlee@example.net is gone\n",
	} {
		rep, err := Read(strings.NewReader("From: Wang <wang@example.org>\nTo: admin@example.org\nSubject: Re: your address\n\nHi,\n\n" + body))
		if err != nil || rep.Kind != KindNotABounce {
			t.Errorf("%q: %v %v", body, rep.Kind, err)
		}
	}
}

func TestSentenceAboutMailToAnAddressReports(t *testing.T) {
	rep, f := first(t, "From: server@example.net\nSubject: problem\n\nDelivery failed for your mail to lee@example.net\n")
	if rep.Kind != KindBounce || f.Recipient != "lee@example.net" {
		t.Errorf("%+v", rep)
	}
}
