package bounce

import (
	"strconv"
	"strings"
	"testing"
)

func TestPastedBodyIsWhatItsWordsSay(t *testing.T) {
	for name, c := range map[string]struct {
		in        string
		kind      Kind
		recipient string
		code      int
	}{
		"away":              {"I am out of the office until Monday.\n\nFor urgent matters please write to kim@example.net.\n", KindAutoReply, "", 0},
		"away, Chinese":     {"\u60a8\u597d\uff0c\n\n\u6211\u76ee\u524d\u4e0d\u5728\u8fa6\u516c\u5ba4\u3002\n\u6025\u4e8b\u8acb\u806f\u7d61 kim@example.net\u3002\n", KindAutoReply, "", 0},
		"away and refused":  {"lee@example.net\n550 5.1.1 I am out of here, mailbox closed\n", KindFragment, "lee@example.net", 550},
		"a complaint":       {"Feedback-Type: abuse\nUser-Agent: Some/1.0\nVersion: 1\nOriginal-Mail-From: <wang@example.org>\nOriginal-Rcpt-To: <lee@example.net>\nSource-IP: 192.0.2.9\n", KindFeedbackReport, "", 0},
		"a warning":         {"A message that you sent has not yet been delivered to one or more of its\nrecipients.\n\nThe address to which the message has not yet been delivered is:\n\n  lee@example.net\n    Delay reason: Connection timed out\n\nDelivery attempts will continue for\nsome time.\n", KindDelay, "lee@example.net", 0},
		"a status":          {"Final-Recipient: rfc822; lee@example.net\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n", KindBounce, "lee@example.net", 550},
		"a status, delayed": {"Reporting-MTA: dns; mail.example.org\n\nFinal-Recipient: rfc822; lee@example.net\nAction: delayed\nStatus: 4.4.1\n", KindDelay, "lee@example.net", 0},
		"a header":          {"Return-Path: <>\nFrom: MAILER-DAEMON@mail.example.org\nSubject: Undelivered Mail Returned to Sender\nDate: Mon, 12 Jan 2026 09:30:01 +0800\n", KindNotABounce, "", 0},
		"a page":            {"<div dir=\"ltr\"><h2>Address not found</h2>Your message wasn't delivered to <b>lee@example.net</b> because the address couldn't be found.<br>The response was:<p>550 5.1.1 &lt;lee@example.net&gt; User unknown</p></div>\n", KindFragment, "lee@example.net", 550},
		"a table":           {"<TABLE><TR><TD>Your message to lee@example.net couldn&#8217;t be delivered.</TD></TR>\n<TR><TD>550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found</TD></TR></TABLE>\n", KindFragment, "lee@example.net", 550},
		"no page":           {"<p@example.net>: host mx.example.net[203.0.113.25] said: 550 5.1.1 unknown > here\n", KindFragment, "p@example.net", 550},
	} {
		rep, err := Read(strings.NewReader(c.in))
		if err != nil || rep.Kind != c.kind || len(rep.Failures) > 1 || (len(rep.Failures) == 0) != (c.recipient == "") {
			t.Errorf("%s: %+v, %v", name, rep, err)
			continue
		}
		if c.recipient != "" && (rep.Failures[0].Recipient != c.recipient || rep.Failures[0].Reply.Code != c.code) {
			t.Errorf("%s: %+v", name, rep.Failures[0])
		}
	}
}

// Each recipient is told once, and of the bounce itself, not of what it returns.
func TestRecipientsOfANoticeAreTheReportsOwn(t *testing.T) {
	const head = "From: MAILER-DAEMON@mail.example.org\nTo: wang@example.org\nSubject: failure notice\nContent-Type: text/plain; charset=utf-8\n\n"
	rep, _ := first(t, head+plainNotice+"\n----------\n\n\u60a8\u7684\u90f5\u4ef6\u7121\u6cd5\u9001\u9054\uff1a\n\n<lee@example.net>: \u67e5\u7121\u6b64\u4eba\n")
	if len(rep.Failures) != 1 {
		t.Errorf("two languages: %+v", rep.Failures)
	}
	rep, f := first(t, head+"<ann@example.com>:\n550 5.1.1 unknown\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <>\nReceived: (qmail 1 invoked for bounce); 12 Jan 2026\n"+head+plainNotice)
	if len(rep.Failures) != 1 || f.Recipient != "ann@example.com" {
		t.Errorf("a bounce of a bounce: %+v", rep.Failures)
	}
	var many strings.Builder
	for i := range 400 {
		many.WriteString("<user" + strconv.Itoa(i) + "@example.net>: 550 5.1.1 unknown\n\n")
	}
	if rep, _ = first(t, head+many.String()); len(rep.Failures) != 400 || rep.Failures[399].Reply.Code != 550 {
		t.Errorf("%d of 400", len(rep.Failures))
	}
}
