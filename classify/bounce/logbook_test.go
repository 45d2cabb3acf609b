package bounce

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Every log gives one report for each delivery that failed, and only those.
func TestLogsReadAsRecorded(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(samples, "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".log")
		t.Run(name, func(t *testing.T) { checkGolden(t, name, collect(t, All(bytes.NewReader(in)))) })
		if got, want := len(collect(t, Lines(bytes.NewReader(in)))), bytes.Count(in, []byte("\n")); got != want {
			t.Errorf("%s: %d reports for %d lines", name, got, want)
		}
	}
}

func TestLogLineTellsItsDelivery(t *testing.T) {
	ip := netip.MustParseAddr
	mx := Host{"mx.example.net", ip("203.0.113.25")}
	unknown := Reply{550, "5.1.1", "550 5.1.1 User unknown"}
	for _, test := range []struct {
		name, line string
		want       Failure
	}{
		{"KumoMTA, refused", `{"type":"Bounce","id":"1","sender":"wang@example.org","recipient":"a@example.net","queue":"example.net","size":2048,"response":{"code":550,"enhanced_code":{"class":5,"subject":1,"detail":1},"content":"User unknown","command":"RCPT TO:<a@example.net>\r\n"},"peer_address":{"name":"mx.example.net.","addr":"203.0.113.25"},"timestamp":1768181406,"source_address":{"address":"192.0.2.9:41234"}}`,
			Failure{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionFailed, Stage: StageRcpt, Reply: unknown, Remote: mx, SendingIP: ip("192.0.2.9")}},
		{"KumoMTA, no server spoke", `{"type":"TransientFailure","sender":"","recipient":["a@example.net"],"response":{"code":400,"enhanced_code":null,"content":"KumoMTA internal: failed to connect to any candidate hosts: mx.example.net: connection refused","command":null},"peer_address":null}`,
			Failure{Recipient: "a@example.net", Action: ActionDelayed, Stage: StageConnect, Text: "failed to connect to any candidate hosts: mx.example.net: connection refused"}},
		{"KumoMTA, expired", `{"type":"Expiration","sender":"wang@example.org","recipient":"a@example.net","response":{"code":551,"enhanced_code":{"class":5,"subject":4,"detail":7},"content":"Next delivery time would be after the expiry","command":null},"peer_address":{"name":"","addr":"0.0.0.0"}}`,
			Failure{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionFailed, Stage: StageQueue, Reply: Reply{Status: "5.4.7"}, Text: "Next delivery time would be after the expiry", Remote: Host{IP: ip("0.0.0.0")}}},
		{"KumoMTA, cut", `{"type":"Bounce","sender":"wang@example.org","recipient":"a@example.net","response":{"code":550,"enhanced_code":{"class":5,"subject":1,"detail":1},"content":"User unknown"},"peer_address":{"name":"mx.example.net","addr":"203.0.113.25"},"headers":{"Subject":"hel`,
			Failure{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionFailed, Reply: unknown, Remote: mx}},
		{"KumoMTA, delivered", `{"type":"Delivery","sender":"wang@example.org","recipient":"a@example.net","response":{"code":250,"enhanced_code":{"class":2,"subject":0,"detail":0},"content":"Ok: queued as 77","command":"."},"peer_address":{"name":"mx.example.net","addr":"203.0.113.25"}}`,
			Failure{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionDelivered, Stage: StageEndOfData, Reply: Reply{250, "2.0.0", "250 2.0.0 Ok: queued as 77"}, Remote: mx}},
		{"Amazon SES", `{"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"emailAddress":"a@example.net","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 User unknown"}]},"mail":{"source":"wang@example.org"}}`,
			Failure{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionFailed, Reply: unknown}},
		{"a container's log", `{"log":"Jan 12 09:30:06 mail postfix/smtp[12]: 4Zk2: to=\u003ca@example.net\u003e, relay=none, dsn=5.4.4, status=bounced (Host not found)\n","stream":"stdout","time":"2026-01-12T01:30:06.123Z"}`,
			Failure{Recipient: "a@example.net", Action: ActionFailed, Stage: StageLocal, Reply: Reply{Status: "5.4.4"}, Text: "Host not found"}},
		{"journald", `{"_HOSTNAME":"mail","SYSLOG_IDENTIFIER":"smtpd","MESSAGE":"1a2b mta delivery evpid=1a2b from=<> to=<a@example.net> rcpt=<-> source=\"-\" relay=\"203.0.113.25 (mx.example.net)\" delay=1s result=\"PermFail\" stat=\"550 5.1.1 User unknown\""}`,
			Failure{Recipient: "a@example.net", Action: ActionFailed, Reply: unknown, Remote: mx}},
		{"PowerMTA, no heading", `b,2026-01-12 09:30:06+0800,2026-01-12 09:30:05+0800,wang@example.org,a@example.net,rfc822;list@example.net,failed,5.1.1 (bad destination mailbox address),smtp;550 5.1.1 User unknown,mx.example.net (203.0.113.25),bad-mailbox,smtp,mail.example.org (192.0.2.9),smtp,192.0.2.9,203.0.113.25`,
			Failure{Recipient: "a@example.net", OriginalRecipient: "list@example.net", Sender: "wang@example.org", Action: ActionFailed, Reply: unknown, Remote: mx, SendingIP: ip("192.0.2.9")}},
		{"Exchange tracking, no heading", `2026-01-12T01:30:06.123Z,,EX01,,,,,ROUTING,FAIL,77,<1@mail.example.org>,5c0f,a@example.org,550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found,2048,1,,,hello,wang@example.org,wang@example.org,,Originating`,
			Failure{Recipient: "a@example.org", Sender: "wang@example.org", Action: ActionFailed, Reply: Reply{550, "5.1.1", "550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found"}}},
		{"Exchange 2010 tracking", `2026-01-12T01:30:06.123Z,,EX01,,,,,ROUTING,FAIL,77,<1@mail.example.org>,a@example.org,550 5.1.1 User unknown,2048,1,,,hello,wang@example.org,wang@example.org,,Originating`,
			Failure{Recipient: "a@example.org", Sender: "wang@example.org", Action: ActionFailed, Reply: unknown}},
		{"Exchange queue", `LastError : [{LRT=1/12/2026 9:30:06 AM};{LED=451 4.4.0 Primary target IP address responded with: "421 4.7.0 Try again later." Attempted failover to alternate host, but that did not succeed.};{FQDN=mx.example.net};{IP=203.0.113.25}]`,
			Failure{Action: ActionDelayed, Reply: Reply{421, "4.7.0", "421 4.7.0 Try again later."}, Text: "451 4.4.0 Primary target IP address responded with Attempted failover to alternate host, but that did not succeed.", Remote: mx}},
		{"qmail", `@4000000069644e5e12345678 delivery 12: failure: 203.0.113.25_does_not_like_recipient./Remote_host_said:_550_5.1.1_User_unknown/Giving_up_on_203.0.113.25./`,
			Failure{Action: ActionFailed, Stage: StageRcpt, Reply: unknown, Text: "203.0.113.25 does not like recipient. Remote host said Giving up on 203.0.113.25.", Remote: Host{IP: ip("203.0.113.25")}}},
		{"qmail, of several lines", `delivery 3: deferral: 203.0.113.25_failed_after_I_sent_the_message./Remote_host_said:_451-4.7.1_see/451_4.7.1_https://example.net/why/`,
			Failure{Action: ActionDelayed, Stage: StageEndOfData, Reply: Reply{451, "4.7.1", "451-4.7.1 see https://example.net/why"}, Text: "203.0.113.25 failed after I sent the message. Remote host said", Remote: Host{IP: ip("203.0.113.25")}}},
		{"OpenSMTPD", `Jan 12 09:30:06 mail smtpd[77]: 1a2b3c4d mta delivery evpid=1a2b from=<wang@example.org> to=<a@example.net> rcpt=<list@example.net> source="192.0.2.9" relay="203.0.113.25 (mx.example.net)" delay=1s result="PermFail" stat="550 5.1.1 User unknown"`,
			Failure{Recipient: "a@example.net", OriginalRecipient: "list@example.net", Sender: "wang@example.org", Action: ActionFailed, Reply: unknown, Remote: mx, SendingIP: ip("192.0.2.9")}},
		{"OpenSMTPD 5", `Jan 12 09:30:06 mail smtpd[77]: relay: TempFail for 1a2b: session=3c4d, from=<wang@example.org>, to=<a@example.net>, rcpt=<->, source=192.0.2.9, relay=203.0.113.25 (mx.example.net), delay=1s, stat=451 4.7.1 Try again later`,
			Failure{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionDelayed, Reply: Reply{451, "4.7.1", "451 4.7.1 Try again later"}, Remote: mx, SendingIP: ip("192.0.2.9")}},
		{"Courier", `Jan 12 09:30:06 mail courieresmtp: id=0001.6964,from=<wang@example.org>,addr=<a@example.net>: 550 5.1.1 User unknown`,
			Failure{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionFailed, Reply: unknown}},
		{"Courier, delivered", `Jan 12 09:30:06 mail courieresmtp: id=0001.6964,from=<wang@example.org>,addr=<a@example.net>,size=2048,success: delivered: mx.example.net [203.0.113.25]`,
			Failure{Recipient: "a@example.net", Sender: "wang@example.org", Action: ActionDelivered, Text: "delivered: mx.example.net [203.0.113.25]"}},
	} {
		rep, err := Read(strings.NewReader(test.line))
		if err != nil || rep.Kind != kindOf(test.want.Action) {
			t.Errorf("%s: %+v, %v", test.name, rep, err)
			continue
		}
		if diff := cmp.Diff([]Failure{test.want}, rep.Failures, sameReport); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestLogLineWithoutDeliveryIsNoBounce(t *testing.T) {
	for _, line := range []string{
		`{"type":"Reception","sender":"wang@example.org","recipient":"a@example.net","response":{"code":250,"content":""}}`,
		`{"type":"Rejection","sender":"","recipient":"a@example.org","response":{"code":550,"content":"no"}}`,
		"#Software: Microsoft Exchange Server",
		"type,timeLogged,orig,rcpt,dsnStatus",
		"info msg 7: bytes 2048 from <wang@example.org> qp 100 uid 89",
		"starting delivery 12: msg 7 to remote a@example.net",
		"Jan 12 09:30:06 mail courieresmtp: id=0001.6964,from=<wang@example.org>,addr=<a@example.net>,status: failure",
		"2026-01-12T01:30:06.123Z,,EX01,,,,,DSN,DSN,78,<2@mail.example.org>,5c0f,wang@example.org,,4096,1,,<1@mail.example.org>,Undeliverable: hello,postmaster@example.org,<>,,",
	} {
		if rep, err := Read(strings.NewReader(line)); err != nil || rep.Kind != KindNotABounce || len(rep.Failures) > 0 {
			t.Errorf("%s: %+v, %v", line, rep, err)
		}
	}
}

func TestQueueListingIsReadAcrossItsLines(t *testing.T) {
	const listing = `Identity           : EX01\12345
DeliveryType       : DnsConnectorDelivery
NextHopDomain      : example.net
Status             : Retry
LastError          : [{LRT=1/12/2026 9:30:06 AM};{LED=451 4.4.397 Error communicating with target host. -> 421
                     4.2.1 Unable to connect};{FQDN=mx.example.net};{IP=203.0.113.25}]
MessageCount       : 3
`
	rep, err := Read(strings.NewReader(listing))
	if err != nil || rep.Kind != KindDelay || len(rep.Failures) != 1 {
		t.Fatalf("%+v, %v", rep, err)
	}
	want := Failure{Action: ActionDelayed, Reply: Reply{451, "4.4.397", "451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect"}, Remote: Host{"mx.example.net", netip.MustParseAddr("203.0.113.25")}}
	if diff := cmp.Diff(want, rep.Failures[0], sameReport); diff != "" {
		t.Error(diff)
	}
}

// What a logbook remembers does not grow with the log.
func TestLogbookForgets(t *testing.T) {
	var book logbook
	for i := range 3 * maxFailures {
		n := strings.Repeat("7", i%17+1) + time.Duration(i).String()[:1]
		book.read("info msg " + n + ": bytes 1 from <a@example.org> qp")
		book.read("starting delivery " + n + ": msg " + n + " to remote b@example.net")
	}
	if len(book.messages) > maxFailures || len(book.deliveries) > maxFailures {
		t.Error(len(book.messages), len(book.deliveries))
	}
}

// FuzzLogbook: no lines of a log make reading panic, alone or together.
func FuzzLogbook(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(samples, "*.log"))
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var book logbook
		for line := range strings.Lines(string(in[:min(len(in), maxLine)])) {
			if rep, ok := book.read(strings.TrimRight(line, "\n")); ok {
				checkBounds(t, rep)
			}
		}
	})
}

func TestStatusesAreDividedAmongRecipients(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"550 5.1.1 a;550 5.1.1 b", []string{"550 5.1.1 a", "550 5.1.1 b"}},
		{"[{LED=550 a};{IP=}];[{LED=550 b};{IP=}]", []string{"[{LED=550 a};{IP=}]", "[{LED=550 b};{IP=}]"}},
		{"550 4.4.7 QUEUE.Expired; message expired", []string{"550 4.4.7 QUEUE.Expired; message expired", "550 4.4.7 QUEUE.Expired; message expired"}},
		{"", []string{"", ""}},
		{";", []string{";", ";"}},
	} {
		if diff := cmp.Diff(test.want, splitStatuses(test.in, 2)); diff != "" {
			t.Errorf("%q: %s", test.in, diff)
		}
	}
}
