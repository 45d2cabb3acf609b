package bounce

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files anew")

const samples = "../../testdata/bounces"

func sampleFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(samples, "*.eml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	return files
}

func readSample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(samples, name+".eml"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func collect(t testing.TB, seq iter.Seq2[*Report, error]) []*Report {
	t.Helper()
	var all []*Report
	for rep, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rep)
	}
	return all
}

// Every sample is read into the report that stands beside it.
func TestSamplesReadAsRecorded(t *testing.T) {
	for _, file := range sampleFiles(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".eml")
		t.Run(name, func(t *testing.T) {
			rep, err := Read(bytes.NewReader(readSample(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, name, []*Report{rep})
		})
	}
}

// checkGolden compares reports with those on record, one after the other.
func checkGolden(t *testing.T, name string, reps []*Report) {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	for _, rep := range reps {
		if err := enc.Encode(rep); err != nil {
			t.Fatal(err)
		}
	}
	golden := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
}

var sameReport = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	cmpopts.IgnoreFields(Original{}, "Size"), // counts the bytes of newlines
}

func TestNewlinesAndChunksMakeNoDifference(t *testing.T) {
	for _, file := range sampleFiles(t) {
		if name := filepath.Base(file); name == "utf16.eml" || name == "cr-only.eml" {
			continue
		}
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Read(bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		for what, r := range map[string]io.Reader{
			"CRLF":         bytes.NewReader(bytes.ReplaceAll(in, []byte("\n"), []byte("\r\n"))),
			"CR":           bytes.NewReader(bytes.ReplaceAll(in, []byte("\n"), []byte("\r"))),
			"byte by byte": iotest.OneByteReader(bytes.NewReader(in)),
			"BOM":          bytes.NewReader(append([]byte("\ufeff"), in...)),
			"mbox":         bytes.NewReader(append([]byte("From MAILER-DAEMON Mon Jan 12 09:30:05 2026\n"), in...)),
		} {
			got, err := Read(r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, sameReport); diff != "" {
				t.Errorf("%s, %s: %s", filepath.Base(file), what, diff)
			}
		}
	}
}

func TestReplyIsToldFromTheReportsOwnWords(t *testing.T) {
	ip := netip.MustParseAddr
	tests := []struct {
		in   string
		want Failure
	}{
		{"550 5.1.1 <a@example.net>... User unknown",
			Failure{Recipient: "a@example.net", Reply: Reply{550, "5.1.1", "550 5.1.1 <a@example.net>... User unknown"}}},
		{"host mx.example.net[203.0.113.25] said: 554 5.7.1 Client host [192.0.2.9] blocked (in reply to MAIL FROM command)",
			Failure{Stage: StageMail, Reply: Reply{554, "5.7.1", "554 5.7.1 Client host [192.0.2.9] blocked"}, Text: "host mx.example.net[203.0.113.25] said (in reply to MAIL FROM command)",
				Remote: Host{"mx.example.net", ip("203.0.113.25")}, SendingIP: ip("192.0.2.9")}},
		{"host mx.example.net[203.0.113.25] refused to talk\n    to me: 554 No service", // folded by Postfix
			Failure{Action: ActionFailed, Stage: StageGreeting, Reply: Reply{554, "", "554 No service"}, Text: "host mx.example.net[203.0.113.25] refused to talk to me",
				Remote: Host{"mx.example.net", netip.MustParseAddr("203.0.113.25")}}},
		{"host mx.example.net[203.0.113.25] said: 451 4.7.1 Wait (in reply\n    to RCPT TO command)",
			Failure{Action: ActionFailed, Stage: StageRcpt, Reply: Reply{451, "4.7.1", "451 4.7.1 Wait"}, Text: "host mx.example.net[203.0.113.25] said (in reply to RCPT TO command)",
				Remote: Host{"mx.example.net", netip.MustParseAddr("203.0.113.25")}}},
		{"host mx.example.net[203.0.113.25] refused to talk to me: 450 4.7.1 [EAB] 554 too many",
			Failure{Stage: StageGreeting, Reply: Reply{450, "4.7.1", "450 4.7.1 [EAB] 554 too many"}, Text: "host mx.example.net[203.0.113.25] refused to talk to me",
				Remote: Host{"mx.example.net", ip("203.0.113.25")}}},
		{"a@example.net ; Failure reply of RCPT to a@example.net from 203.0.113.25, 451 Mail from 192.0.2.9 refused",
			Failure{Recipient: "a@example.net", Stage: StageRcpt, Reply: Reply{451, "", "451 Mail from 192.0.2.9 refused"}, Text: "Failure reply of RCPT to a@example.net from 203.0.113.25,",
				Remote: Host{IP: ip("203.0.113.25")}, SendingIP: ip("192.0.2.9")}},
		{"<a@example.net>: connect to mx.example.net[2001:db8::25]:25: No route to host",
			Failure{Recipient: "a@example.net", Stage: StageConnect, Text: "connect to mx.example.net[2001:db8::25]:25: No route to host", Remote: Host{"mx.example.net", ip("2001:db8::25")}}},
		// A chain: the reply of the server behind counts.
		{"host mx1.example.net said: 550 5.7.1 no relay for a@example.com:host mx2.example.com said: 550 5.1.1 not a valid mailbox",
			Failure{Reply: Reply{550, "5.1.1", "550 5.1.1 not a valid mailbox"}, Text: "host mx1.example.net said: 550 5.7.1 no relay for a@example.com:host mx2.example.com said", Remote: Host{Name: "mx2.example.com"}}},
		{"554 4.4.7 Message expired: unable to deliver in 840 minutes.<421 4.4.2 Connection timed out>",
			Failure{Stage: StageQueue, Reply: Reply{421, "4.4.2", "421 4.4.2 Connection timed out"}, Text: "554 4.4.7 Message expired: unable to deliver in 840 minutes."}},
		{"550-5.7.1 Our system has detected that this message is\u00a0likely 550-5.7.1 suspicious. 550 5.7.1 See our help",
			Failure{Reply: Reply{550, "5.7.1", "550-5.7.1 Our system has detected that this message is likely suspicious. See our help"}}},
		{"554 5.7.1 client [IPv6:2001:db8::9] blocked",
			Failure{Reply: Reply{554, "5.7.1", "554 5.7.1 client [IPv6:2001:db8::9] blocked"}, SendingIP: ip("2001:db8::9")}},
		{"550 550 5.7.1 refused", Failure{Reply: Reply{550, "5.7.1", "550 550 5.7.1 refused"}}},
		{"421, \"4.7.0\", closing connection", Failure{Reply: Reply{421, "4.7.0", "421, \"4.7.0\", closing connection"}}},
		{"553 sorry, not in my list (#5.7.1)", Failure{Reply: Reply{553, "5.7.1", "553 sorry, not in my list (#5.7.1)"}}},
		{"50 5.7.1 Relaying denied", Failure{Reply: Reply{0, "5.7.1", "50 5.7.1 Relaying denied"}}},
		{"said:552 too big", Failure{Reply: Reply{552, "", "552 too big"}, Text: "said"}},
		{"550 5.9.12.3 is no status", Failure{Reply: Reply{550, "", "550 5.9.12.3 is no status"}}},
		{"mailbox is full", Failure{Text: "mailbox is full"}},
		{"the limit is 550 bytes", Failure{Text: "the limit is 550 bytes"}},
	}
	for _, test := range tests {
		rep, err := Read(strings.NewReader(test.in))
		if err != nil || len(rep.Failures) != 1 {
			t.Errorf("%q: %v, %v", test.in, rep, err)
			continue
		}
		if diff := cmp.Diff(test.want, rep.Failures[0], sameReport); diff != "" {
			t.Errorf("%q: %s", test.in, diff)
		}
		if rep.Kind != KindFragment {
			t.Errorf("%q: kind %s", test.in, rep.Kind)
		}
	}
}

const postfixLog = `Jan 12 09:30:05 mail postfix/qmgr[11]: 4Zk2: from=<wang@example.org>, size=2048, nrcpt=3 (queue active)
Jan 12 09:30:06 mail postfix/smtp[12]: 4Zk2: to=<ok@example.net>, relay=mx.example.net[203.0.113.25]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 77)
Jan 12 09:30:06 mail postfix/smtp[12]: 4Zk2: to=<no@example.net>, orig_to=<list@example.org>, relay=mx.example.net[203.0.113.25]:25, delay=1, dsn=5.1.1, status=bounced (host mx.example.net[203.0.113.25] said: 550 5.1.1 unknown (in reply to RCPT TO command))
Jan 12 09:30:06 mail postfix/smtp[12]: 4Zk2: to=<late@example.com>, relay=none, delay=30, dsn=4.4.1, status=deferred (connect to mx.example.com[198.51.100.7]:25: Connection timed out)
`

func TestLogGivesOneReportForEachFailedDelivery(t *testing.T) {
	got := collect(t, All(strings.NewReader(postfixLog)))
	if len(got) != 2 {
		t.Fatalf("%d reports", len(got))
	}
	no, late := got[0].Failures[0], got[1].Failures[0]
	if no.Recipient != "no@example.net" || no.OriginalRecipient != "list@example.org" || no.Reply.Code != 550 || no.Stage != StageRcpt || got[0].ReportingHost != "mail" {
		t.Errorf("%+v", no)
	}
	if got[1].Kind != KindDelay || late.Recipient != "late@example.com" || late.Remote.Name != "mx.example.com" || late.Reply.Status != "4.4.1" || late.Reply.Text != "" {
		t.Errorf("%+v", late)
	}
}

func TestLogWithoutFailureTellsTheHandOver(t *testing.T) {
	lines := strings.SplitAfter(postfixLog, "\n")
	got := collect(t, All(strings.NewReader(lines[0]+lines[1])))
	if len(got) != 1 || got[0].Kind != KindDelivered || got[0].Failures[0].Reply.Code != 250 || got[0].Failures[0].Action != ActionDelivered {
		t.Errorf("%+v", got)
	}
}

func TestLinesGivesOneReportForEachLine(t *testing.T) {
	in := []struct {
		line, recipient string
		kind            Kind
		code            int
	}{
		{"550 5.1.1 User unknown", "", KindFragment, 550},
		{"", "", KindNotABounce, 0},
		{strings.Repeat("x", 3*maxLine), "", KindFragment, 0},
		{"postfix-1  | Jan 12 09:30:06 mail postfix/smtp[12]: 4Zk2: to=<no@example.net>, relay=none, dsn=5.4.4, status=bounced (Host not found)", "no@example.net", KindBounce, 0},
		{"2026-01-12 09:30:06 1tVxyz-0003aB-1X ** a@example.net R=dnslookup T=remote_smtp H=mx.example.net [203.0.113.25]: SMTP error from remote mail server after RCPT TO:<a@example.net>: 550 unknown", "a@example.net", KindBounce, 550},
		{"2026-01-12 09:30:06 1tVxyz-0003aB-1X == b@example.net R=dnslookup T=remote_smtp defer (111): Connection refused", "b@example.net", KindDelay, 0},
		{"2026-01-12 09:30:06 1tVxyz-0003aB-1X => c@example.net R=dnslookup T=remote_smtp H=mx.example.net [203.0.113.25] C=\"250 OK id=1\"", "c@example.net", KindDelivered, 250},
		{"Jan 12 09:30:06 mail sendmail[9]: 60C1: to=<d@example.net>, delay=00:00:01, relay=mx.example.net. [203.0.113.25], dsn=5.1.1, stat=User unknown", "d@example.net", KindBounce, 0},
		{"Jan 12 09:30:06 mail sendmail[9]: 60C1: to=<d@example.net>, relay=mx.example.net. [203.0.113.25], dsn=5.7.1, reply=554 5.7.1 Blocked, see http://example.net/, stat=Service unavailable", "d@example.net", KindBounce, 554},
		{"\xac\x64\xb5\x4c\xa6\xb9\xa4\x48", "", KindFragment, 0}, // Big5
		{"552 mailbox full", "", KindFragment, 552},
	}
	var text strings.Builder
	for _, l := range in {
		text.WriteString(l.line + "\n")
	}
	got := collect(t, Lines(strings.NewReader(strings.TrimSuffix(text.String(), "\n"))))
	if len(got) != len(in) {
		t.Fatalf("%d reports for %d lines", len(got), len(in))
	}
	for i, rep := range got {
		var f Failure
		if len(rep.Failures) > 0 {
			f = rep.Failures[0]
		}
		if rep.Kind != in[i].kind || f.Recipient != in[i].recipient || f.Reply.Code != in[i].code {
			t.Errorf("%.80q: %s %+v", in[i].line, rep.Kind, f)
		}
	}
}

func TestMboxGivesEveryMessageAndUnquotesFrom(t *testing.T) {
	var mbox bytes.Buffer
	files := []string{"winmail-em-dash", "postfix-rbl", "not-a-bounce", "qmail-no-mailbox"}
	for _, name := range files {
		fmt.Fprintf(&mbox, "From MAILER-DAEMON Mon Jan 12 09:30:05 2026\n%s\n>From here on it is quoted\n\n", readSample(t, name))
	}
	got := collect(t, All(&mbox))
	if len(got) != len(files) {
		t.Fatalf("%d reports", len(got))
	}
	for i, want := range []int{1, 1, 0, 2} {
		if len(got[i].Failures) != want {
			t.Errorf("%s: %d failures", files[i], len(got[i].Failures))
		}
	}
}

func TestAttachmentsHideNoMessageOfAnMbox(t *testing.T) {
	letter := "From MAILER-DAEMON Mon Jan 12 09:30:05 2026\nFrom: mailer-daemon@example.net\nSubject: failure notice\n\n<a@example.net>:\n550 5.1.1 unknown user\n\n" +
		"--- Below this line is a copy of the message.\n\nReturn-Path: <b@example.org>\n\n"
	for _, newline := range []string{"\n", "\r\n", "\r"} {
		for lines := range 120 {
			packed := strings.Repeat(strings.Repeat("QUJD", 19)+"\n", lines*19)
			mbox := strings.ReplaceAll(strings.Repeat(letter+packed+"\n", 3), "\n", newline)
			n := 0
			for rep, err := range All(strings.NewReader(mbox)) {
				if n++; err != nil || len(rep.Failures) != 1 || rep.Original.EnvelopeSender != "b@example.org" {
					t.Fatalf("%q, %d lines: %+v, %v", newline, lines*19, rep, err)
				}
			}
			if n != 3 {
				t.Fatalf("%q, %d lines: %d messages", newline, lines*19, n)
			}
		}
	}
}

func TestPastedPiecesAreFragments(t *testing.T) {
	status := "Reporting-MTA: dns; mail.example.org\n\nFinal-Recipient : rfc822; a@example.net\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 full\n" +
		"Final-Recipient: rfc822; b@example.net\nAction: delayed\nStatus: 4.4.1\n"
	rep, err := Read(strings.NewReader(status))
	if err != nil || len(rep.Failures) != 2 || rep.Failures[0].Reply.Code != 552 || rep.Failures[1].Action != ActionDelayed || rep.ReportingHost != "mail.example.org" {
		t.Errorf("delivery status: %+v, %v", rep, err)
	}
	rep, err = Read(strings.NewReader("<a@example.net>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 no\n\n<b@example.net>:\nSorry, no mailbox here by that name. (#5.1.1)\n"))
	if err != nil || rep.Kind != KindFragment || len(rep.Failures) != 2 || rep.Failures[1].Reply.Status != "5.1.1" {
		t.Errorf("qmail: %+v, %v", rep, err)
	}
}

func TestNothingReadIsAnError(t *testing.T) {
	broken := errors.New("broken")
	for in, want := range map[io.Reader]error{
		strings.NewReader(""):          ErrEmpty,
		strings.NewReader(" \r\n\n\t"): ErrEmpty,
		iotest.ErrReader(broken):       broken,
	} {
		if rep, err := Read(in); rep != nil || !errors.Is(err, want) {
			t.Errorf("%v, %v; want %v", rep, err, want)
		}
	}
	for range Lines(strings.NewReader("")) {
		t.Error("a report of no line")
	}
}

func TestStatusInsideTheOriginalIsNotTheReports(t *testing.T) {
	inner := strings.ReplaceAll(string(readSample(t, "postfix-unknown-user")), "4Zk2Xq0abcz9rxT.", "inner.")
	in := strings.ReplaceAll(string(readSample(t, "postfix-refused")), "The price list is attached.\n", "")
	in = strings.Replace(in, "Content-Type: text/plain; charset=utf-8\n\n\n--", inner+"\n--", 1)
	rep, err := Read(strings.NewReader(in))
	if err != nil || len(rep.Failures) != 1 || rep.Failures[0].Recipient != "kim@example.net" {
		t.Errorf("%+v, %v", rep, err)
	}
}

// Whatever a stranger writes, reading takes time in proportion to its length
// and keeps a bounded part of it.
// hostile are inputs of n bytes, each of a shape that a careless reader would
// go over again and again.
func hostile(n int) map[string]string {
	top := "From: x@example.net\nSubject: s\nContent-Type: multipart/report; boundary=b\n\n"
	var nest strings.Builder
	for i := range n / 84 {
		fmt.Fprintf(&nest, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	const daemon = "From: mailer-daemon@example.net\n\n"
	const page = "From: mailer-daemon@example.net\nContent-Type: text/html\n\n"
	return map[string]string{
		"boundaries": top + strings.Repeat("--b\n", n/4),
		"almost":     top + strings.Repeat("--bx\n", n/5),
		"nested":     nest.String(),
		"folded":     "Subject: x\n" + strings.Repeat(" y\n", n/3) + "\nbody\n",
		"fields":     "Subject: x\n" + strings.Repeat("X: y\n", n/5) + "\nbody\n",
		"one line":   "Subject: " + strings.Repeat("a", n),
		"addresses":  daemon + strings.Repeat("a@a.a ", n/6),
		"at signs":   daemon + strings.Repeat("a@", n/2),
		"quotes":     daemon + strings.Repeat(`"@`, n/2),
		"codes":      daemon + strings.Repeat("<550 5.1.1 ", n/11),
		"html":       page + strings.Repeat("<td>&amp;", n/9),
		"transcript": daemon + strings.Repeat("<<< 550-a\n>>> RCPT TO:<a@a.a>\n", n/30),
		"tags":       page + strings.Repeat("<a b=\"", n/6),
		"script":     page + "<script>" + strings.Repeat("</", n/2),
		"comments":   page + strings.Repeat("<!--", n/4),
		"parameters": "Subject: x\nContent-Type: multipart/report; " + strings.Repeat("boundary =", n/10),
		"recipients": top + "--b\nContent-Type: message/delivery-status\n\n" + strings.Repeat("Final-Recipient: rfc822; a@b.c\nStatus: 5.1.1\n\n", n/46),
	}
}

func TestHostileInputIsReadInBounds(t *testing.T) {
	for name, in := range hostile(4 << 20) {
		start := time.Now()
		rep, err := Read(strings.NewReader(in))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if took := time.Since(start); took > 5*time.Second { // some ten milliseconds, unless something is quadratic
			t.Errorf("%s: %v", name, took)
		}
		if len(rep.Failures) > maxFailures {
			t.Errorf("%s: %d failures", name, len(rep.Failures))
		}
	}
}

func TestLongLinesStayWhole(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	rep, err := Read(strings.NewReader("From: mailer-daemon@example.net\nX-Long: " + long + "\nSubject: failure notice\n\n<a@example.net>:\n550 5.1.1 no\n\n" + long + "\n"))
	if err != nil || len(rep.Failures) != 1 || rep.Failures[0].Reply.Code != 550 || rep.Subject != "failure notice" {
		t.Errorf("%.2000v, %v", rep, err)
	}
}

func TestFailuresAreCapped(t *testing.T) {
	in := "From: x@example.net\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n" +
		strings.Repeat("Final-Recipient: rfc822; a@example.net\nStatus: 5.1.1\n\n", maxFailures+7)
	rep, err := Read(strings.NewReader(in))
	want := []Note{{"failures.capped", map[string]string{"more": "7"}}}
	if err != nil || len(rep.Failures) != maxFailures || !cmp.Equal(rep.Notes, want) {
		t.Errorf("%d failures, %v, %v", len(rep.Failures), rep.Notes, err)
	}
}

// A Reader keeps memory, and nothing else, from one input to the next.
func TestReaderReadsEveryInputAsIfItWereTheFirst(t *testing.T) {
	var r Reader
	for range 2 {
		for _, file := range sampleFiles(t) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, got := collect(t, All(bytes.NewReader(in))), collect(t, r.All(bytes.NewReader(in)))
			if diff := cmp.Diff(want, got, sameReport); diff != "" {
				t.Errorf("%s: %s", filepath.Base(file), diff)
			}
		}
	}
}

func TestSizeThatTheReportTellsWinsOverTheReturnedCopy(t *testing.T) {
	for words, want := range map[string]int64{
		"message size 30224 exceeds size limit 20000 of server mx.example.net[192.0.2.1]": 30224,
		"SMTP error after MAIL FROM:<b@example.org> SIZE=4096: 552 too big":               4096,
		"552 5.2.3 message exceeds maximum message size 20000":                            0,
		"552 message size 35 MB is too much":                                              0,
	} {
		in := "From: mailer-daemon@example.org\nContent-Type: multipart/report; boundary=b\n\n--b\n\n<a@example.net>: " + words +
			"\n--b\nContent-Type: message/rfc822\n\nSubject: x\n\nbody\n--b--\n"
		const copied = int64(len("Subject: x\n\nbody\n"))
		rep, err := Read(strings.NewReader(in))
		if err != nil || rep.Original.Size != max(want, copied) && want > 0 || want == 0 && rep.Original.Size != copied {
			t.Errorf("%q: size %d, %v", words, rep.Original.Size, err)
		}
	}
}

// What no remote said is the report's own text, however it is wrapped up.
func TestOwnWordsOfTheServerReachTheText(t *testing.T) {
	exim := "From: mailer-daemon@example.org\nX-Failed-Recipients: a@example.net\nSubject: Mail delivery failed\n\nThe following address(es) failed:\n\n  pipe to |/usr/bin/sort a@example.net\n    generated by a@example.net\n"
	sendmail := "From: MAILER-DAEMON@example.org\nSubject: Returned mail\n\n   ----- The following addresses had permanent fatal errors -----\n<a@example.net>\n    (reason: 255)\n\n   ----- Transcript of session follows -----\n"
	status := "Final-Recipient: rfc822; a@example.net\nAction: failed\nStatus: 4.4.1\nDiagnostic-Code: "
	for _, test := range []struct {
		name, in, text string // text: a part of it
		reply          Reply
	}{
		{"exim, a pipe", exim + "\nThe following text was generated during the delivery attempt:\n\n------ pipe to |/usr/bin/sort a@example.net\n       generated by a@example.net ------\n\nsort: disk full\n",
			"pipe to |/usr/bin/sort a@example.net The following text was generated during the delivery attempt: sort: disk full", Reply{}},
		{"exim, a command", exim + "    Child process of address_pipe transport returned 127 (could not exec command) from command: /usr/bin/sort\n",
			"returned 127 (could not exec command)", Reply{}},
		{"a reason before the announcement", "From: postmaster@example.net\nSubject: Mail System Error\n\nNot delivered within 1 hours.\nRemote host is not responding.\n\nThe following recipients did not receive this message:\n\n<a@example.net>\n",
			"Remote host is not responding.", Reply{}},
		{"sendmail, an exit status", sendmail + "554 5.3.0 unknown mailer error 255\n\n" + status + "X-Unix; 255\n",
			"255", Reply{554, "5.3.0", "554 5.3.0 unknown mailer error 255"}},
		{"sendmail, a local mailer", sendmail + "mail.local: unknown user: a\n550 <a@example.net>... User unknown\n",
			"mail.local: unknown user: a", Reply{550, "", "550 <a@example.net>... User unknown"}},
		{"nobody spoke", status + "smtp; The recipient server did not accept our requests to connect. [192.0.2.1: timed out]\n",
			"did not accept our requests to connect", Reply{Status: "4.4.1"}},
		{"nobody spoke, with a status", "4.4.1 connect to mx.example.net[192.0.2.1]:25: Connection refused", "connect to mx.example.net", Reply{Status: "4.4.1"}},
	} {
		rep, err := Read(strings.NewReader(test.in))
		if err != nil || len(rep.Failures) != 1 {
			t.Errorf("%s: %+v, %v", test.name, rep, err)
			continue
		}
		if f := rep.Failures[0]; !strings.Contains(f.Text, test.text) || f.Reply != test.reply {
			t.Errorf("%s: %+v", test.name, f)
		}
	}
}

func TestDamagedQuotedPrintableKeepsWhatIsNoEscape(t *testing.T) {
	for in, want := range map[string]string{
		"a=3Db=\nc \nd\n":  "a=bc\nd\n",
		"50=off =zz=3d=\n": "50=off =zz=",
		"=E9=80=80":        "\u9000",
		"=":                "",
		"a  \n\n":          "a\n\n",
	} {
		if got, _ := decodeQuoted([]byte(in)); string(got) != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestPhrasesAreFoundInEitherCase(t *testing.T) {
	p := newPhrases("data", "data block", "\u9000\u4fe1", "end")
	for in, want := range map[string]string{
		"": "", "da": "", "xDATA block": "data", "the END": "end", "\u9000\u4fe1": "\u9000\u4fe1", "dat\u0001": "", "d\x01ta": "", "ends data": "end",
	} {
		got := ""
		if at, w := p.find(in, 0); at >= 0 {
			got = p.words[w]
		}
		if got != want {
			t.Errorf("%q: found %q, want %q", in, got, want)
		}
	}
}

// Wherever words begin, the first is found, and of several there the one named
// first.
func TestPhrasesAreFoundWhereverTheyBegin(t *testing.T) {
	for _, words := range [][]string{{"abc", "bcab"}, {"abca", "abcab", "cabca"}, {"abcabc", "bcabca", "aabbcc"}, {"cabcabca", "bcabcabc", "bcabca"}} {
		p := newPhrases(words...)
		for seed := range uint64(2000) {
			text := make([]byte, seed%40)
			for i, r := 0, rand.New(rand.NewPCG(seed, 0)); i < len(text); i++ {
				text[i] = "abcABCab"[r.IntN(8)]
			}
			s, from := string(text), int(seed%3)
			wantAt, wantWord := -1, -1
			for at := from; at < len(s) && wantAt < 0; at++ {
				if w := slices.IndexFunc(words, func(w string) bool { return hasPrefixFold(s[at:], w) }); w >= 0 {
					wantAt, wantWord = at, w
				}
			}
			if at, w := p.find(s, from); at != wantAt || w != wantWord {
				t.Fatalf("%q from %d in %q: %d, %d; want %d, %d", words, from, s, at, w, wantAt, wantWord)
			}
		}
	}
}

// endless is a message without an end.
type endless struct{ begun bool }

func (e *endless) Read(p []byte) (int, error) {
	if !e.begun {
		e.begun = true
		return copy(p, "From: mailer-daemon@example.net\nSubject: failure notice\n\n<a@example.net>:\n550 no\n\n"), nil
	}
	for i := range p {
		p[i] = "0123456789abcde\n"[i%16]
	}
	return len(p), nil
}

func TestEndlessMessageIsCut(t *testing.T) {
	rep, err := Read(new(endless))
	if err != nil || len(rep.Notes) != 1 || rep.Notes[0].Code != "input.truncated" || len(rep.Failures) != 1 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// FuzzRead: no input makes reading panic, every report keeps its bounds, and a
// reader with a memory says the same the third time.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"postfix-rbl", "sendmail-transcript", "exchange-online", "winmail-unknown-user", "forwarded-quoted", "utf16"} {
		f.Add(readSample(f, name))
	}
	f.Add([]byte("550-5.7.1 a\n550 5.7.1 b"))
	f.Add([]byte("From: a@example.org\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString(readSample(f, "qmail-no-mailbox"))))
	f.Add([]byte("Subject: Fwd: x\n\nVon: mailer-daemon@example.org\nAn: a@example.org\nBetreff: Unzustellbar\n\n<b@example.net>:\n550 no\n"))
	f.Add([]byte(postfixLog))
	f.Fuzz(func(t *testing.T, in []byte) {
		for rep, err := range All(bytes.NewReader(in)) {
			if err == nil {
				checkBounds(t, rep)
			}
		}
		rep, err := Read(bytes.NewReader(in))
		if err == nil {
			checkBounds(t, rep)
		}
		known := Reader{Memory: new(Memory)}
		for range 3 {
			if again, errAgain := known.Read(bytes.NewReader(in)); !reflect.DeepEqual(again, rep) || (err == nil) != (errAgain == nil) {
				t.Fatalf("%+v, %v; without a memory %+v, %v", again, errAgain, rep, err)
			}
		}
	})
}

// FuzzLines: as many reports as lines.
func FuzzLines(f *testing.F) {
	f.Add([]byte("550 5.1.1 <a@example.net>... User unknown\n\n<b@example.net>: host mx.example.net[192.0.2.1] said: 552 full"))
	f.Add([]byte(postfixLog))
	f.Fuzz(func(t *testing.T, in []byte) {
		got := 0
		for rep, err := range Lines(bytes.NewReader(in)) {
			if err != nil {
				t.Fatal(err)
			}
			checkBounds(t, rep)
			got++
		}
		if bytes.IndexByte(in, 0) >= 0 || bytes.IndexByte(in, '\r') >= 0 || bytes.HasPrefix(in, []byte{0xFE, 0xFF}) || bytes.HasPrefix(in, []byte{0xFF, 0xFE}) || bytes.HasPrefix(in, []byte("\ufeff")) {
			return
		}
		want := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			want++
		}
		if got != want {
			t.Errorf("%d reports for %d lines", got, want)
		}
	})
}

func checkBounds(t *testing.T, rep *Report) {
	t.Helper()
	if len(rep.Failures) > maxFailures || len(rep.Original.Received) > maxHops || rep.Kind == "" {
		t.Errorf("%+v", rep)
	}
	for _, fl := range rep.Failures {
		if len(fl.Text) > maxValue+8 || len(fl.Reply.Text) > maxReply || fl.Reply.Code < 0 || fl.Reply.Code > 599 || fl.Reply.Code > 0 && fl.Reply.Code < 200 {
			t.Errorf("%+v", fl)
		}
		if fl.SendingIP.IsValid() && fl.SendingIP == fl.Remote.IP {
			t.Errorf("the remote's address is not ours: %+v", fl)
		}
	}
}

func TestNoiseIsNoReply(t *testing.T) {
	random := make([]byte, 1<<16)
	g := rand.New(rand.NewPCG(3, 4))
	for i := range random {
		random[i] = byte(g.Uint32())
	}
	for name, in := range map[string][]byte{
		"random bytes": random,
		"a picture":    append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), bytes.Repeat([]byte{0, 1, 'a', 0xff}, 100)...),
	} {
		r, err := Read(bytes.NewReader(in))
		if err != nil || r.Kind != KindFragment || len(r.Failures) != 0 || len(r.Notes) != 1 || r.Notes[0].Code != "binary" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	r, err := Read(strings.NewReader("550 5.1.1 <a\x00b@example.net> User\x00 unknown, and more words that make it long enough to be looked at"))
	if err != nil || len(r.Failures) != 1 {
		t.Errorf("a reply with two NUL bytes: %+v, %v", r, err)
	}
}
