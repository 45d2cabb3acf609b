package bounce

import (
	"strings"
	"testing"
)

// first reads a message and gives its report and the first failure.
func first(t *testing.T, mail string) (*Report, Failure) {
	t.Helper()
	rep, err := Read(strings.NewReader(mail))
	if err != nil || len(rep.Failures) == 0 {
		t.Fatalf("no failure was read: %v %+v", err, rep)
	}
	return rep, rep.Failures[0]
}

func statusReport(message, recipient string) string {
	return "From: MAILER-DAEMON@mail.example.org\nSubject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n" +
		"Reporting-MTA: dns; mail.example.org\n" + message + "\nFinal-Recipient: rfc822; a@example.net\nAction: failed\n" + recipient + "\n--b--\n"
}

func TestSenderAndDateComeFromTheReportWhereNothingElseCameBack(t *testing.T) {
	for field, want := range map[string]string{
		"X-Postfix-Sender: rfc822; wang@example.org":   "wang@example.org",
		"X-Yandex-Sender: rfc822; wang@example.org":    "wang@example.org",
		"X-SendGrid-Sender: <bounces@example.org>":     "bounces@example.org",
		"X-Postfix-Sender: utf-8; \u738b@example.org":  "\u738b@example.org",
		"X-Postfix-Sender: rfc822; <>":                 "",
		"X-Postfix-Queue-ID: 4Zk2Xq0abcz9rxT":          "",
		"X-Sender: wang@example.org":                   "",
		"X-Original-Sender-Note: see wang@example.org": "",
	} {
		rep, f := first(t, statusReport(field+"\nArrival-Date: Mon, 12 Jan 2026 09:30:01 +0800\n", "Status: 5.1.1\n"))
		if f.Sender != want || rep.Original.EnvelopeSender != want {
			t.Errorf("%s: %q", field, f.Sender)
		}
		if got := rep.Original.Date.UTC().Format("2006-01-02 15:04:05"); got != "2026-01-12 01:30:01" {
			t.Errorf("the message arrived at %s", got)
		}
	}
}

func TestReturnedHeaderWinsOverWhatTheReportTells(t *testing.T) {
	mail := strings.Replace(statusReport("X-Postfix-Sender: rfc822; list@example.org\nArrival-Date: Mon, 12 Jan 2026 09:30:01 +0800\n", "Status: 5.1.1\n"), "\n--b--",
		"\n--b\nContent-Type: text/rfc822-headers\n\nReturn-Path: <wang@example.org>\nFrom: wang@example.org\nDate: Sun, 11 Jan 2026 08:00:00 +0800\n\n--b--", 1)
	rep, f := first(t, mail)
	if f.Sender != "wang@example.org" || rep.Original.Date.Day() != 11 {
		t.Errorf("%q, %v", f.Sender, rep.Original.Date)
	}
}

func TestWordsCompleteTheCommentOfAStatus(t *testing.T) {
	mail := strings.Replace(statusReport("", "Status: 4.4.7 (given up after 7 days)\n"), "\n--b\n",
		"\n--b\nContent-Type: text/plain\n\nUndeliverable for 7 days:\n\n  Recipient address: a@example.net\n  Reason: given up after 7 days\n  Failed gethostbyname() on example.net\n\n--b\n", 1)
	if _, f := first(t, mail); !strings.Contains(f.Text, "gethostbyname") {
		t.Errorf("the cause is not in %q", f.Text)
	}
}

func TestOfficeWithoutATitleReports(t *testing.T) {
	for name, c := range map[string]struct {
		mail string
		kind Kind
	}{
		"listed with a reply": {"From: postmaster@example.it\nSubject: Non recapitabile: Ciao\n\nRecapito non riuscito:\n\nluca@example.it\n#550 5.2.2 mailbox full ##\n", KindBounce},
		"transfer without code": {"From: postmaster@example.jp\nSubject: Error processing a message\n\nError message below:\nConnection refused\n\nMessage details:\n" +
			"  MAIL FROM: wang@example.org\n  RCPT TO: mike@example.jp\n  From: wang@example.org\n", KindBounce},
		"no sender in the envelope": {"Return-Path: <>\nFrom: server@example.cz\nSubject: Zpr\u00e1va\n\nNelze doru\u010dit:\n\npetr@example.cz: 550 5.1.1 Neexistuje\n", KindBounce},
		"a person answers":          {"From: postmaster@example.it\nSubject: Re: Ciao\n\nTry this one:\n\nluca@example.it\nThe old one gave 550 5.2.2\n", KindNotABounce},
		"a person writes":           {"From: postmaster@example.it\nSubject: New address\n\nPlease write to\n\nluca@example.it\n\nfrom Monday on.\n", KindNotABounce},
		"somebody is away":          {"Return-Path: <>\nFrom: ann@example.net\nSubject: away\n\nAsk my colleague:\n\nluca@example.it\n", KindNotABounce},
	} {
		rep, err := Read(strings.NewReader(c.mail))
		if err != nil || rep.Kind != c.kind {
			t.Errorf("%s: %v %v", name, rep.Kind, err)
		}
		if name == "transfer without code" && !strings.Contains(rep.Failures[0].Text, "Connection refused") {
			t.Errorf("the reason is not in %q", rep.Failures[0].Text)
		}
	}
}

func TestOriginalIsFoundBelowAHeadingOfSeveralLines(t *testing.T) {
	for _, heading := range []string{
		"------ This is a copy of your message, including all the headers.\n------ No more than 100K characters of the body are included.\n\n",
		"------ This is a copy of the message, including all the headers. ------\n------ The body of the message is 33554432 characters long; only the first\n------ 106496 or so are included here.\n\n",
		"--- Original message follows.\n\n",
	} {
		rep, _ := first(t, "From: Mailer-Daemon@mail.example.org\nSubject: Mail delivery failed\n\nA message that you sent was rejected:\n\n  Attachments are not accepted\n\n"+heading+
			"Received: from pc.example.org\nFrom: wang@example.org\nTo: a@example.net\nSubject: minutes\n\nHello\n")
		if rep.Original.Subject != "minutes" || rep.Failures[0].Recipient != "a@example.net" {
			t.Errorf("%q: %+v", heading, rep.Original)
		}
	}
}

func TestIndentedOriginalKeepsItsFieldsApart(t *testing.T) {
	rep, _ := first(t, "From: Mailer-Daemon@mail.example.org\nSubject: Mail delivery failed\n\na@example.net: 550 5.1.1 unknown\n\nOriginal mail as follows:\n\n"+
		"   Return-Path: <wang@example.org>\n   Received: from pc.example.org\n   \tby mail.example.org\n   From: wang@example.org\n   Subject: minutes\n")
	if rep.Original.Subject != "minutes" || rep.Original.EnvelopeSender != "wang@example.org" {
		t.Errorf("%+v", rep.Original)
	}
}

func TestSectionAfterATranscriptListsAddresses(t *testing.T) {
	rep, _ := first(t, "From: MAILER-DAEMON@mail.example.jp\nSubject: Returned mail: User unknown\n\n   ----- Transcript of session follows -----\nWhile talking to mx.example.org:\n"+
		">>> RCPT To:<kim@example.org>\n<<< 550 <kim@example.org>, User Unknown\n550 <kim@example.org>... User unknown\n"+
		"421 slow.example.com (smtp)... Deferred: Connection timed out during user open with slow.example.com\n\n"+
		"   ----- Recipients of this delivery -----\nBounced, cannot deliver:\n   <kim@example.org>\n   <mike@slow.example.com>\n")
	if len(rep.Failures) != 2 || rep.Failures[0].Reply.Code != 550 || rep.Failures[1].Recipient != "mike@slow.example.com" || rep.Failures[1].Reply.Code != 421 {
		t.Errorf("%+v", rep.Failures)
	}
}

func TestLabelledReasonStandsAlone(t *testing.T) {
	_, f := first(t, "From: PostMaster@example.cn\nSubject: =?utf-8?B?57O757uf6YCA5L+h?=\nContent-Type: text/html; charset=utf-8\n\n<table><tr><td>\u65e0\u6cd5\u53d1\u9001\u5230</td><td>li@example.cn</td></tr>"+
		"<tr><td>\u9000\u4fe1\u539f\u56e0</td><td>\u6536\u4ef6\u4eba\u90ae\u7bb1\u5bb9\u91cf\u5df2\u6ee1\u3002</td></tr></table>\n")
	if f.Recipient != "li@example.cn" || f.Text != "\u6536\u4ef6\u4eba\u90ae\u7bb1\u5bb9\u91cf\u5df2\u6ee1\u3002" {
		t.Errorf("%q: %q", f.Recipient, f.Text)
	}
}

func TestStatusFirstOnALineIsTheStatus(t *testing.T) {
	_, f := first(t, "From: mailer-daemon@example.de\nSubject: Mail delivery failed\n\nThe following address failed:\n\n\"li@example.jp\":\nSMTP error from remote server after RCPT command:\nhost: mx.example.jp\n5.1.1 <li@example.jp>... Gone away\n")
	if f.Reply.Status != "5.1.1" {
		t.Errorf("%+v", f)
	}
}

func TestAttachedTextWithoutATypeIsTheReport(t *testing.T) {
	rep, f := first(t, "From: ann@example.org\nSubject: Fwd: what is this\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee below.\n\n"+
		"--b\nContent-Type: message/rfc822\n\nReceived: (qmail 1 invoked for bounce)\nFrom: MAILER-DAEMON@mail.example.org\nSubject: failure notice\n\n"+
		"<a@example.net>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--b--\n")
	if rep.Kind != KindBounce || f.Recipient != "a@example.net" || f.Reply.Status != "5.1.1" {
		t.Errorf("%+v", rep)
	}
}

func TestCitedRefusalIsRead(t *testing.T) {
	for cited, want := range map[string]Kind{
		"> \u9001\u4fe1\u306b\u5931\u6557\u3057\u307e\u3057\u305f\u3002\n> a@example.net\n>\n> -------server message\n> 550 a@example.net... No such user\n": KindBounce,
		"> I moved.\n> ann@example.net\n": KindNotABounce,
	} {
		rep, err := Read(strings.NewReader("From: ann@example.org\nSubject: what is this\n\nHello,\n\n" + cited))
		if err != nil || rep.Kind != want {
			t.Errorf("%q: %v %v", cited, rep.Kind, err)
		}
	}
}

func TestMailingListIsNoDaemon(t *testing.T) {
	rep, err := Read(strings.NewReader("From: cats-bounces@lists.example.org\nSubject: Your message to Cats awaits moderator approval\n\nYour mail is being held until the moderator can review it.\n"))
	if err != nil || rep.Kind != KindNotABounce {
		t.Errorf("%v %v", rep.Kind, err)
	}
}

// The parts are read although the field that announces them is lost; those of
// an original are not taken for the report's.
func TestPartsAreReadWithoutTheirHeader(t *testing.T) {
	parts := "This is a MIME-encapsulated message.\n\n--b1/mail.example.org\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" +
		"PGFAZXhhbXBsZS5uZXQ+OiA1NTIgNS4yLjIgRnVsbAo=\n\n--b1/mail.example.org\nContent-Type: message/rfc822\n\nFrom: wang@example.org\nSubject: minutes\n\nHello\n\n--b1/mail.example.org--\n"
	for name, mail := range map[string]string{
		"the field is lost":  "From: MAILER-DAEMON@mail.example.org\nSubject: Undelivered Mail Returned to Sender\n\n" + parts,
		"the header is lost": parts,
		"carriage returns":   strings.ReplaceAll(parts, "\n", "\r"),
	} {
		rep, f := first(t, mail)
		if f.Recipient != "a@example.net" || f.Reply.Status != "5.2.2" || rep.Original.Subject != "minutes" {
			t.Errorf("%s: %+v", name, rep)
		}
	}
	_, f := first(t, "From: MAILER-DAEMON@mail.example.org\nSubject: failure notice\n\n<a@example.net>:\n552 5.2.2 Full\n\nBelow this line is a copy of the message.\n\n"+
		"Received: from pc.example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b1\n\n--b1\nContent-Type: text/plain\n\nWrite to b@example.net\n--b1--\n")
	if f.Recipient != "a@example.net" || f.Reply.Code != 552 {
		t.Errorf("%+v", f)
	}
}

func TestBareAddressesShareTheReasonBeforeThem(t *testing.T) {
	rep, _ := first(t, "From: MailMarshal <postmaster@mail.example.org>\nSubject: Undeliverable Mail\n\nCould not be delivered because of\n\nThe name is gone from the DNS\n\nThe following recipients were affected:\n"+
		"    a@example.net\n    b@example.net\n\nAdditional Information\n======================\nReporting-MTA: <mail.example.org>\n")
	if len(rep.Failures) != 2 {
		t.Fatalf("%+v", rep.Failures)
	}
	for _, f := range rep.Failures {
		if !strings.Contains(f.Text, "gone from the DNS") {
			t.Errorf("%s: %q", f.Recipient, f.Text)
		}
	}
}

func TestOfficeMayMentionTheAddress(t *testing.T) {
	_, f := first(t, "Return-Path: <>\nFrom: postmaster@mail.example.org\nSubject: There was an error sending your mail\n\nWe had trouble.\n\n"+
		"SMTP Server <mx.example.net> rejected your message for <a@example.net>\n  It responded as follows: [552 5.3.4 Message too big]\n")
	if f.Recipient != "a@example.net" || f.Reply.Code != 552 || f.Reply.Status != "5.3.4" {
		t.Errorf("%+v", f)
	}
}
