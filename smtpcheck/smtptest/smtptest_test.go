package smtptest_test

import (
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "diagnose/smtpcheck/smtptest"
)

// recorder is a test that may fail: what is reported to it is kept.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	errors   []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// end runs the cleanups as package testing does, and returns what was reported.
func (r *recorder) end() string {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	return strings.Join(r.errors, "; ")
}

func dial(t *testing.T, d Dialer) *textproto.Conn {
	t.Helper()
	conn, err := d(t.Context(), "tcp", "192.0.2.25:25")
	if err != nil {
		t.Fatal(err)
	}
	return textproto.NewConn(conn)
}

func TestClientsThatMisbehaveFailTheTest(t *testing.T) {
	quit := []Step{Send("220 x\r\n"), Expect("QUIT")}
	tests := []struct {
		name   string
		script []Step
		client func(*textproto.Conn)
		want   string
	}{
		{"talks before the greeting", []Step{Postfix(Options{})},
			func(c *textproto.Conn) { c.PrintfLine("EHLO x"); c.ReadLine(); c.Close() }, "before the greeting"},
		{"talks before a late greeting", append([]Step{Sleep(time.Second)}, quit...),
			func(c *textproto.Conn) { c.PrintfLine("QUIT"); c.ReadLine(); c.Close() }, "before the greeting"},
		{"talks to a silent server", []Step{Silence()},
			func(c *textproto.Conn) { c.PrintfLine("EHLO x"); c.Close() }, "before the greeting"},
		{"says something else", quit,
			func(c *textproto.Conn) { c.ReadLine(); c.PrintfLine("MAIL FROM:<>"); c.Close() }, `it said "MAIL FROM:<>"`},
		{"leaves without a word", quit,
			func(c *textproto.Conn) { c.ReadLine(); c.Close() }, `want "QUIT"`},
		{"stays", []Step{Send("220 x\r\n"), Silence()},
			func(c *textproto.Conn) { c.ReadLine() }, "left a connection open"},
		{"sends a message", []Step{Postfix(Options{})},
			func(c *textproto.Conn) {
				c.ReadLine()
				c.PrintfLine("DATA")
				c.ReadLine()
				c.PrintfLine("QUIT")
				c.ReadLine()
				c.Close()
			}, "sends a message"},
		{"behaves", quit,
			func(c *textproto.Conn) { c.ReadLine(); c.PrintfLine("quit"); c.Close() }, ""},
		{"behaves, late", append([]Step{Sleep(time.Hour)}, quit...),
			func(c *textproto.Conn) { c.ReadLine(); c.PrintfLine("quit"); c.Close() }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{TB: t}
				tt.client(dial(t, Pipe(r, tt.script...)))
				got := r.end()
				if !strings.Contains(got, tt.want) || (got != "") != (tt.want != "") {
					t.Errorf("reported %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestTalkingFirstIsNoticedOnLoopback(t *testing.T) {
	r := &recorder{TB: t}
	conn, err := net.Dial("tcp", Healthy(r, Options{}).String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "EHLO x\r\n")
	io.ReadFull(conn, make([]byte, 4))
	conn.Close()
	if got := r.end(); !strings.Contains(got, "before the greeting") {
		t.Errorf("reported %q", got)
	}
}

func TestPostfix(t *testing.T) {
	c := dial(t, Pipe(t, Postfix(Options{
		Size: 1000, TLS: SelfSigned(t, "mx.example.net"), EHLO: []string{"LIMITS RCPTMAX=20"},
		Rcpt: func(mailbox string) string { return "550 5.1.1 no " + mailbox },
	})))
	defer c.Close()
	tests := []struct {
		say, want string
		code      int
	}{
		{"", "mx.example.net ESMTP Postfix", 220},
		{"EHLO", "Syntax: EHLO hostname", 501},
		{"ehlo mail.example.org", "mx.example.net\nPIPELINING\nSIZE 1000\nETRN\nSTARTTLS\nENHANCEDSTATUSCODES\n8BITMIME\nDSN\nLIMITS RCPTMAX=20\nSMTPUTF8", 250},
		{"HELO mail.example.org", "mx.example.net", 250},
		{"MAIL FROM:<>", "2.1.0 Ok", 250},
		{"RCPT TO:<a@example.net> NOTIFY=NEVER", "5.1.1 no a@example.net", 550},
		{"rcpt to:what", "5.1.1 no ", 550},
		{"RSET", "2.1.0 Ok", 250},
		{"VRFY a", "5.5.2 Error: command not recognized", 502},
		{"QUIT", "2.0.0 Bye", 221},
	}
	for _, tt := range tests {
		if tt.say != "" {
			c.PrintfLine("%s", tt.say)
		}
		if _, got, err := c.ReadResponse(tt.code); err != nil || got != tt.want {
			t.Errorf("%q: %q, %v; want %q", tt.say, got, err, tt.want)
		}
	}
}

func TestNetworkKnowsItsHosts(t *testing.T) {
	r := &recorder{TB: t}
	n := Network(r, map[string]Dialer{"192.0.2.25:25": Pipe(r, Send("220 x\r\n"), Expect("QUIT")), "192.0.2.26:25": Refuse})
	c := dial(t, n)
	c.ReadLine()
	c.PrintfLine("QUIT")
	c.Close()
	if _, err := n(t.Context(), "tcp", "192.0.2.26:25"); err == nil || r.end() != "" {
		t.Errorf("error %v, reported %q", err, r.errors)
	}
	if _, err := n(t.Context(), "tcp", "203.0.113.1:25"); err == nil || !strings.Contains(r.end(), "nobody is at 203.0.113.1:25") {
		t.Errorf("error %v, reported %q", err, r.errors)
	}
}
