package bounce

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

const notice = "This is the mail system at host mail.example.org.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n" +
	"<lee@example.net>: host mx.example.net[203.0.113.25] said: 552 5.2.2 Mailbox\n    full (in reply to RCPT TO command)\n"

// A bounce is found in what a colleague forwards, whatever the mail program
// and its language, also to a group.
func TestForwardedBounceIsRead(t *testing.T) {
	const daemon = "Mail Delivery System <MAILER-DAEMON@mail.example.org>"
	for name, heading := range map[string]string{
		"Gmail":             "---------- Forwarded message ---------\nFrom: " + daemon + "\nDate: Mon, Jan 12, 2026 at 9:30 AM\nSubject: Undelivered Mail Returned to Sender\nTo: <wang@example.org>\n\n\n",
		"Thunderbird":       "\n-------- Forwarded Message --------\nSubject: \tUndelivered Mail Returned to Sender\nDate: \tMon, 12 Jan 2026 09:30:05 +0800 (CST)\nFrom: \t" + daemon + "\nTo: \twang@example.org\n\n",
		"Outlook, German":   "Bitte pr\u00fcfen.\n\n-----Urspr\u00fcngliche Nachricht-----\nVon: " + daemon + " \nGesendet: Montag, 12. Januar 2026 09:30\nAn: Wang <wang@example.org>\nBetreff: Unzustellbar\n\n",
		"Outlook, French":   "Bonjour,\n\nDe : " + daemon + "\nEnvoy\u00e9 : lundi 12 janvier 2026 09:30\n\u00c0 : Wang\nObjet : Undelivered Mail Returned to Sender\n\n",
		"Outlook, Chinese":  "\u8acb\u770b\n\n\u5bc4\u4ef6\u8005\uff1a " + daemon + "\n\u5bc4\u4ef6\u65e5\u671f\uff1a 2026\u5e741\u670812\u65e5\n\u6536\u4ef6\u8005\uff1a Wang\n\u4e3b\u65e8\uff1a Undelivered Mail Returned to Sender\n\n",
		"Foxmail":           "------------------ \u539f\u59cb\u90ae\u4ef6 ------------------\n\u53d1\u4ef6\u4eba: \"MAILER-DAEMON\" <MAILER-DAEMON@mail.example.org>;\n\n\u53d1\u9001\u65f6\u95f4: 2026\u5e741\u670812\u65e5\n\n\u6536\u4ef6\u4eba: \"wang\" <wang@example.org>;\n\n\u4e3b\u9898: \u7cfb\u7edf\u9000\u4fe1\n\n\n",
		"Outlook, Japanese": "\u5dee\u51fa\u4eba: " + daemon + "\n\u9001\u4fe1\u65e5\u6642: 2026\u5e741\u670812\u65e5 9:30\n\u5b9b\u5148: Wang\n\u4ef6\u540d: Undelivered Mail Returned to Sender\n\n",
	} {
		for how, body := range map[string]string{"plain": heading + notice, "cited": "> " + strings.ReplaceAll(heading+notice, "\n", "\n> ")} {
			checkFound(t, name+", "+how, "List-Id: <helpdesk.example.org>\nFrom: Wang <wang@example.org>\nTo: admin@example.org\nSubject: Fwd: help\nContent-Type: text/plain; charset=utf-8\n\n"+body)
		}
	}
}

func TestAttachedBounceIsRead(t *testing.T) {
	bounce := "From: MAILER-DAEMON@mail.example.org\nSubject: failure notice\n\n" + notice
	packed := base64.StdEncoding.EncodeToString([]byte(bounce))
	for name, part := range map[string]string{
		"as it is":               "Content-Type: message/rfc822\n\n" + bounce,
		"in base64":              "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + packed,
		"base64 in name only":    "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + bounce,
		"in quoted-printable":    "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.ReplaceAll(strings.ReplaceAll(bounce, "=", "=3D"), "delivered to", "delivered=\n to"),
		"saved, in base64":       "Content-Type: application/octet-stream; name=\"bounce.EML\"\nContent-Transfer-Encoding: base64\n\n" + packed,
		"saved, named elsewhere": "Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=\"a b.eml\"\n\n" + bounce,
	} {
		checkFound(t, name, "From: Wang <wang@example.org>\nSubject: please look\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nplease look\n\n--b\n"+part+"\n--b--\n")
	}
}

func checkFound(t *testing.T, name, in string) {
	t.Helper()
	rep, err := Read(strings.NewReader(in))
	if err != nil || rep.Kind != KindBounce || len(rep.Failures) != 1 {
		t.Errorf("%s: %+v, %v", name, rep, err)
		return
	}
	if f := rep.Failures[0]; f.Recipient != "lee@example.net" || f.Reply != (Reply{552, "5.2.2", "552 5.2.2 Mailbox full"}) || f.Stage != StageRcpt || f.Remote.Name != "mx.example.net" {
		t.Errorf("%s: %+v", name, f)
	}
}

// Mail about bounces, and answers of machines, are no bounces.
func TestMailAboutBouncesIsNone(t *testing.T) {
	const title = "Subject: 3 reasons why mail bounced (\u9000\u4fe1)\n"
	const lesson = "550 5.1.1 User unknown and 552 5.2.2 Mailbox full are returned to sender.\nQuestions? Write to lee@example.net\n"
	for name, test := range map[string]struct {
		in   string
		kind Kind
	}{
		"a newsletter":           {"From: news@example.org\nList-Unsubscribe: <https://example.org/u>\n" + title + "\n" + lesson, KindNotABounce},
		"a list":                 {"From: news@example.org\nList-Id: <admins.example.org>\n" + title + "\n" + lesson, KindNotABounce},
		"a question":             {"From: Wang <wang@example.org>\nTo: admin@example.org\n" + title + "\nWhat does 550 5.1.1 mean?\n", KindNotABounce},
		"a question, forwarded":  {"From: Wang <wang@example.org>\nSubject: Fwd: help\n\nFrom: Lee <lee@example.net>\nTo: postmaster@example.org\nSubject: help\n\nWhat does 550 5.1.1 mean? lee@example.net\n", KindNotABounce},
		"a postmaster's message": {"From: postmaster@example.org\nSubject: maintenance\n\nMail to lee@example.net waits until noon.\n", KindNotABounce},
		"a vacation notice":      {"From: Lee <lee@example.net>\nReturn-Path: <>\nAuto-Submitted: auto-replied\nSubject: Out of office: mail could not be delivered\n\nI am away; write to kim@example.net\n", KindAutoReply},
		"a complaint":            {"From: staff@example.net\nSubject: complaint about message from 192.0.2.9\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nFrom: news@example.org\n" + title + "\n" + lesson + "\n--b--\n", KindFeedbackReport},
	} {
		rep, err := Read(strings.NewReader(test.in))
		if err != nil || rep.Kind != test.kind || len(rep.Failures) > 0 {
			t.Errorf("%s: %s", name, fmt.Sprintf("%+v, %v", rep, err))
		}
	}
}

func TestEveryAddressHasItsOwnReason(t *testing.T) {
	for name, test := range map[string]struct{ in, first, second string }{
		"reasons before the addresses": {"User mailbox exceeds allowed size: lee@example.net\nUnknown user: kim@example.net\n", "exceeds allowed size", "Unknown user"},
		"a sentence after a session":   {"Recipient: <lee@example.net>\n>>> RCPT TO:<lee@example.net>\n<<< 550 <lee@example.net>: User unknown\n\nCould not be delivered to: <kim@example.net>\nAs their mailbox is full.\n", "550", "mailbox is full"},
	} {
		rep, err := Read(strings.NewReader("From: postmaster@example.org\nTo: wang@example.org\nSubject: Undeliverable Mail\n\n" + test.in))
		if err != nil || len(rep.Failures) != 2 {
			t.Errorf("%s: %+v, %v", name, rep, err)
			continue
		}
		a, b := rep.Failures[0], rep.Failures[1]
		if a.Recipient != "lee@example.net" || b.Recipient != "kim@example.net" || !strings.Contains(a.Text+a.Reply.Text, test.first) || !strings.Contains(b.Text, test.second) || strings.Contains(a.Text, test.second) {
			t.Errorf("%s: %+v", name, rep.Failures)
		}
	}
}
