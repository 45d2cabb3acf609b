package bounce

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMDaemonSessionTellsItsFailures(t *testing.T) {
	for _, test := range []struct {
		name, log string
		want      []Failure
	}{
		{"each recipient once", "--> RCPT To:<a@example.net>\n<-- 550 5.1.1 User unknown\n--> RCPT To:<b@example.net>\n<-- 452 4.2.2 full\n--> DATA\n<-- 503 no recipients", []Failure{
			{Recipient: "a@example.net", Action: ActionFailed, Stage: StageRcpt, Reply: Reply{550, "5.1.1", "550 5.1.1 User unknown"}},
			{Recipient: "b@example.net", Action: ActionDelayed, Stage: StageRcpt, Reply: Reply{452, "4.2.2", "452 4.2.2 full"}},
		}},
		{"refused by the greeting", "*  From: wang@example.org\n*  To: a@example.net\nAttempting SMTP connection to [mx.example.net:25]\n<-- 554 go away", []Failure{
			{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionFailed, Stage: StageGreeting, Reply: Reply{554, "", "554 go away"}, Remote: Host{Name: "mx.example.net"}},
		}},
		{"not reached", "*  To: a@example.net\nAttempting SMTP connection to [203.0.113.25:25]\n*  Winsock Error 10061 Connection refused.", []Failure{
			{Recipient: "a@example.net", Action: ActionDelayed, Stage: StageConnect, Text: "Winsock Error 10061 Connection refused.", Remote: Host{IP: netip.MustParseAddr("203.0.113.25")}},
		}},
		{"EHLO is not known there", "--> EHLO mail.example.org\n<-- 502 unimplemented\n--> HELO mail.example.org\n<-- 250 ok", nil},
		{"what comes in", "--> 220 mail.example.org\n<-- MAIL From:<a@example.net>\n--> 550 5.1.1 not here", nil},
	} {
		var got []Failure
		var book logbook
		for line := range strings.Lines(test.log) {
			rep, ok := book.read("Mon 2026-01-12 09:30:05.101: 05: [771:1] " + line)
			if !ok {
				t.Fatalf("%s: %q is no line of a log", test.name, line)
			}
			got = append(got, rep.Failures...)
		}
		if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

func TestMDaemonSessionsAreForgotten(t *testing.T) {
	var book logbook
	for i := range 3 * maxFailures {
		book.read("Mon 2026-01-12 09:30:05: [" + strings.Repeat("1", i%40) + string(rune('0'+i%10)) + "] *  To: a@example.net")
		if len(book.sessions) > maxFailures {
			t.Fatalf("%d sessions", len(book.sessions))
		}
	}
}

func TestLinesLikeMDaemonsAreNone(t *testing.T) {
	for _, line := range []string{
		"", "Mon 2026-01-12 09:30:05", "Mon, 12 Jan 2026 09:30:05 +0800: no", "2026-01-12 09:30:05 1vfABC-000001-1X <= a@example.net",
		"Jan 12 09:30:06 mail postfix/smtp[12]: 4Zk2: hello", "Mon 2026-01-12 at noon:: x",
	} {
		if _, _, ok := cutMDaemon(line); ok {
			t.Errorf("%q is taken for one", line)
		}
	}
}
