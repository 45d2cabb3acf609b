package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck/smtptest"
)

// A bounce is written by whoever wants to. What is to be done to us with one is
// done here, from its bytes to the report.

// said is what a bounce quotes of a host; to is its recipient.
func crafted(to, said string) string {
	return "From: MAILER-DAEMON@mail.example.org\r\nSubject: Undelivered Mail Returned to Sender\r\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n" +
		"<" + to + ">: " + said + "\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" +
		"Reporting-MTA: dns; mail.example.org\r\n\r\nFinal-Recipient: rfc822; " + to + "\r\nAction: failed\r\nStatus: 5.0.0\r\n" +
		"Diagnostic-Code: smtp; " + said + "\r\n\r\n--b--\r\n"
}

// drip says text one byte a second.
func drip(text string) (steps []smtptest.Step) {
	for _, b := range []byte(text) {
		steps = append(steps, smtptest.Send(string([]byte{b})), smtptest.Sleep(time.Second))
	}
	return steps
}

// rubbish is a name server that answers everything with bytes that mean
// nothing, for as long as it is listened to.
func rubbish(_ context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		question := make([]byte, 512)
		if _, err := server.Read(question); err != nil {
			return
		}
		for i := byte(0); ; i++ {
			if _, err := server.Write(bytes.Repeat([]byte{i, 0xff, 0x00, 0xc0}, 64)); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return client, nil
}

func TestCraftedBouncesReachNothingThatTheyShouldNot(t *testing.T) {
	const deadline = 90 * time.Second
	escapes := "220 \x1b[2J\x1b]0;owned\x07\u202e evil\r\n"
	for _, x := range []struct {
		name   string
		bounce string
		edit   func(*testing.T, *Diagnoser, *net4)
		want   string // codes that must be seen
		dialed string // all that may be dialled
	}{
		{"localhost", crafted("a@localhost", "host localhost[127.0.0.1] refused to talk to me: 554 5.7.1 no"), nil, "skipped.private", ""},
		{"localhost, by name only", crafted("a@example.net", "host localhost said: 554 5.7.1 Service unavailable"), nil, "smtp.greets", "203.0.113.25:25"},
		{"the metadata service of a cloud", crafted("a@example.net", "host metadata[169.254.169.254] refused to talk to me: 554 5.7.1 no"), nil, "skipped.private", "203.0.113.25:25"},
		{"a name that leads to a private network", crafted("a@example.net", "host hosts.example.net refused to talk to me: 554 5.7.1 no"), nil, "skipped.private", "203.0.113.25:25"},
		{"an MX that leads to private networks, mapped, by NAT64 and by 6to4", crafted("a@inner.example.net", "connect to inner.example.net[10.0.0.1]:25: Connection refused"), nil, "skipped.private", ""},
		{"another port", crafted("a@example.net", "connect to mx1.example.net[203.0.113.25]:22: Connection refused"), nil, "", "203.0.113.25:25"},
		{"a recipient with commands in it", crafted("a>\r\nDATA\r\nx@example.net", "host mx1.example.net[203.0.113.25] said: 550 5.1.1 <a>: User unknown (in reply to RCPT TO command)"), func(t *testing.T, d *Diagnoser, _ *net4) { d.Rcpt = true }, "", "203.0.113.25:25"},
		{"a recipient with control characters", crafted("a\x00\x1b[2J\x0b@example.net", "host mx1.example.net[203.0.113.25] said: 550 5.1.1 User unknown (in reply to RCPT TO command)"), func(t *testing.T, d *Diagnoser, _ *net4) { d.Rcpt = true }, "", "203.0.113.25:25"},
		{"a banner with escape sequences", crafted("a@example.net", "host mx1.example.net[203.0.113.25] refused to talk to me: 554 5.7.1 no"), func(t *testing.T, _ *Diagnoser, n *net4) {
			n.hosts["203.0.113.25:25"] = smtptest.Pipe(t, smtptest.Send(escapes), smtptest.Expect("EHLO"), smtptest.Send("250 \x1b[31m\r\n"), smtptest.Expect("QUIT"))
		}, "smtp.greets", "203.0.113.25:25"},
		{"a tarpit", crafted("a@example.net", "connect to mx1.example.net[203.0.113.25]:25: Connection timed out"), func(t *testing.T, _ *Diagnoser, n *net4) {
			n.hosts["203.0.113.25:25"] = smtptest.Pipe(t, drip("220 "+strings.Repeat("z", 400))...)
		}, "smtp.silent", "203.0.113.25:25"},
		{"a name server that talks rubbish", crafted("a@example.net", "host mx1.example.net[203.0.113.25] refused to talk to me: 554 5.7.1 no"), func(_ *testing.T, d *Diagnoser, _ *net4) {
			d.Runner.Resolver = &dnscheck.Client{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")}, Dial: rubbish}
		}, "smtp.greets", "203.0.113.25:25"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
				r.Resolver = dnstest.New(t, zones, "localhost. 60 IN SOA localhost. localhost. 1 1 1 1 60\nlocalhost. 60 IN A 127.0.0.1").Resolver()
				r.Guard, r.Controls = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.PrefixFrom(ourIP, 32)}}, nil
				d := diagnoser(r)
				if x.edit != nil {
					x.edit(t, d, network)
				}
				out, took := report(t, d, x.bounce)
				time.Sleep(time.Second) // until whoever still talks has seen that nobody listens
				for _, a := range network.dialed {
					if !strings.Contains(x.dialed, a) {
						t.Errorf("dialled %s", a)
					}
				}
				if took > deadline {
					t.Errorf("took %s", took)
				}
				if x.want != "" && !strings.Contains(out, `"`+x.want+`"`) {
					t.Errorf("no %s in %s", x.want, out)
				}
				if strings.ContainsAny(out, "\x00\x07\x0b\x1b") {
					t.Errorf("control characters in %q", out)
				}
			})
		})
	}
}

// report runs a bounce from its bytes to JSON.
func report(t *testing.T, d *Diagnoser, text string) (string, time.Duration) {
	t.Helper()
	began := time.Now()
	rep, err := bounce.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	j := json.NewEncoder(&out)
	if _, err := d.Reports(t.Context(), "x", 1, rep, func(rep Report) error { return j.Encode(rep) }); err != nil {
		t.Fatal(err)
	}
	return out.String(), time.Since(began)
}

func TestTenThousandRecipientsInAsManyDomainsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, network, dns := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t), "203.0.113.26:25": healthyHost(t)})
		r.Guard, r.Controls = Guard{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}, nil
		var b strings.Builder
		io.WriteString(&b, "From: MAILER-DAEMON@mail.example.org\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"+
			"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n\r\n")
		for i := range 10_000 {
			fmt.Fprintf(&b, "Final-Recipient: rfc822; a@d%d.example.net\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx%d.example.net\r\nDiagnostic-Code: smtp; 550 5.7.1 refused\r\n\r\n", i, i)
		}
		io.WriteString(&b, "--b--\r\n")
		out, took := report(t, diagnoser(r), b.String())
		if n := strings.Count(out, `"recipient":`); n < 10_000 {
			t.Errorf("only %d recipients were read", n)
		}
		if took > 90*time.Second || len(dns.Queries()) > 120 || len(network.dialed) > 32 {
			t.Errorf("%d queries, %d connections in %s", len(dns.Queries()), len(network.dialed), took)
		}
	})
}
