package bounce

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// forwardOf is a person's mail with a part attached.
func forwardOf(part string) string {
	return "From: Wang <wang@example.org>\nTo: admin@example.org\nSubject: Fwd: see\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee the attached.\n\n--b\n" + part + "\n--b--\n"
}

// Gateways and list managers report under an ordinary header.
func TestAttachedReportWithAnOrdinaryHeaderIsRead(t *testing.T) {
	const trace = "Received: from gw.example.jp (gw.example.jp [192.0.2.7]) by mail.example.org; Mon, 12 Jan 2026 09:30:01 +0900\n"
	for name, mail := range map[string]string{
		"a gateway":         trace + "From: no-reply@example.jp\nTo: wang@example.org\nSubject: minutes\nContent-Type: text/plain\n\nYour mail sent on: Mon, 12 Jan 2026 09:29:59 +0900\nCould not be delivered to: <lee@example.net>\nAs their mailbox is full.\n",
		"a list manager":    trace + "From: cats-admin@example.jp\nTo: wang@example.org\nSubject: NOTICE\n\nI am the manager of the list.\n\nYour mail was not delivered: <lee@example.net>: You are not a member of this mailing list\n",
		"the sender's name": trace + "From: wang@example.org\nTo: wang@example.org\nSubject: Re: minutes\n\nThe following recipients did not receive the message:\n\n lee@example.net\n\n550 Unknown user lee@example.net\n",
		"in several parts":  trace + "From: gw@example.jp\nSubject: minutes\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/plain\n\nYour mail was not delivered to lee@example.net: mailbox full.\n\n--c\nContent-Type: message/rfc822\n\nFrom: wang@example.org\nTo: lee@example.net\nSubject: budget\n\nHi\n--c--\n",
		"in a forward":      "From: kim@example.org\nTo: wang@example.org\nSubject: Fwd: x\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: message/rfc822\n\nFrom: MAILER-DAEMON@mail.example.org\nSubject: failure notice\n\n<lee@example.net>: 550 5.1.1 unknown\n--c--\n",
	} {
		packed := base64.StdEncoding.EncodeToString([]byte(mail))
		for how, part := range map[string]string{
			"as it is":  "Content-Type: message/rfc822\n\n" + mail,
			"in base64": "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + packed,
			"saved":     "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.eml\n\n" + packed,
		} {
			rep, f := first(t, forwardOf(part))
			if rep.Kind != KindBounce || len(rep.Failures) != 1 || f.Recipient != "lee@example.net" {
				t.Errorf("%s, %s: %+v", name, how, rep)
			}
			if name == "in several parts" && rep.Original.Subject != "budget" {
				t.Errorf("%s, %s: the original is %+v", name, how, rep.Original)
			}
		}
	}
}

func TestAttachedMailThatIsNoReportIsLeftAlone(t *testing.T) {
	for name, test := range map[string]struct{ mail, recipient string }{
		"a person's":   {forwardOf("Content-Type: message/rfc822\n\nFrom: kim@example.net\nSubject: lunch\n\nHow about noon? My mail could not be delivered lately; write to lee@example.net.\n"), ""},
		"a newsletter": {forwardOf("Content-Type: message/rfc822\n\nFrom: news@example.net\nList-Id: <n.example.net>\nSubject: mail\n\n550 5.1.1 means that mail was not delivered to lee@example.net.\n"), ""},
		"a digest":     {strings.Replace(forwardOf("Content-Type: message/rfc822\n\nFrom: kim@example.net\nSubject: mail\n\nMail was not delivered to lee@example.net: 550 5.1.1\n"), "Subject", "List-Id: <admins.example.org>\nSubject", 1), ""},
		"the original of a report": {"Return-Path: <>\nFrom: postmaster@mail.example.org\nSubject: hello\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nlee@example.net: 550 5.1.1 unknown\n\n--b\nContent-Type: message/rfc822\n\n" +
			forwardOf("Content-Type: message/rfc822\n\nFrom: MAILER-DAEMON@mail.example.com\nSubject: failure notice\n\n<kim@example.com>: 552 full\n") + "\n--b--\n", "lee@example.net"},
	} {
		rep, err := Read(strings.NewReader(test.mail))
		got := ""
		if err == nil && len(rep.Failures) > 0 {
			got = rep.Failures[0].Recipient
		}
		if got != test.recipient {
			t.Errorf("%s: %s", name, fmt.Sprintf("%+v", rep))
		}
	}
}

// What is looked into is measured like what is not.
func TestSizeOfAnAttachedOriginalIsThatOfItsLines(t *testing.T) {
	const original = "From: wang@example.org\nTo: lee@example.net\nSubject: minutes\n\nHi\n\nWang\n"
	for _, from := range []string{"kim@example.net", "MAILER-DAEMON@example.net"} {
		rep, _ := first(t, "From: "+from+"\nSubject: minutes\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nYour message could not be delivered to lee@example.net: 550 5.1.1\n\n--b\nContent-Type: message/rfc822\n\n"+original+"--b--\n")
		if rep.Original.Size != int64(len(original)) || !rep.Original.Complete || rep.Original.Subject != "minutes" {
			t.Errorf("%s: %+v", from, rep.Original)
		}
	}
}
