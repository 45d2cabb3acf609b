package smtpcheck_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	. "diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"

	"github.com/google/go-cmp/cmp"
)

var (
	send   = smtptest.Send
	expect = smtptest.Expect
	sleep  = smtptest.Sleep
)

var somewhere = netip.MustParseAddrPort("192.0.2.25:25")

var polite = Options{HELO: "mail.example.org"}

// ending is what a test looks at first.
type ending struct {
	Phase    Phase
	Result   Result
	Greeting Reply
	Refusal  Reply
}

func endingOf(s Session) ending { return ending{s.Phase, s.Result, s.Greeting, s.Refusal()} }

func reply(code int, lines ...string) Reply { return Reply{Code: code, Lines: lines} }

// Each script is played twice: over loopback, and in memory, where time is the
// bubble's. A server that expects QUIT and does not hear it fails the test.
func TestWhatServersSay(t *testing.T) {
	const hello = "220 mx.example.net ESMTP\r\n"
	greeted := reply(220, "mx.example.net ESMTP")
	tests := []struct {
		name   string
		script []smtptest.Step
		want   ending
	}{
		{"a healthy server", []smtptest.Step{send(hello), expect("EHLO mail.example.org"), send("250 mx.example.net\r\n"), expect("QUIT"), send("221 bye\r\n")},
			ending{PhaseDone, Accepted, greeted, Reply{}}},
		{"QUIT needs no answer", []smtptest.Step{send(hello), expect("EHLO"), send("250 mx.example.net\r\n"), expect("QUIT")},
			ending{PhaseDone, Accepted, greeted, Reply{}}},
		{"a greeting of several lines is read to its end", []smtptest.Step{send("220-wait\r\n"), sleep(time.Millisecond), send("220 come in\r\n"), expect("EHLO"), send("250 x\r\n"), expect("QUIT")},
			ending{PhaseDone, Accepted, reply(220, "wait", "come in"), Reply{}}},
		{"a firewall's stars are kept", []smtptest.Step{send("220 ****************\r\n"), expect("EHLO"), send("250 x\r\n"), expect("QUIT")},
			ending{PhaseDone, Accepted, reply(220, "****************"), Reply{}}},
		{"554 greeting", []smtptest.Step{send("554-5.7.1 no service\r\n554 for you\r\n"), expect("QUIT")},
			ending{PhaseGreeting, Rejected, reply(554, "5.7.1 no service", "for you"), reply(554, "5.7.1 no service", "for you")}},
		{"421 greeting", []smtptest.Step{send("421 busy\r\n"), expect("QUIT"), send("221 bye\r\n")},
			ending{PhaseGreeting, Rejected, reply(421, "busy"), reply(421, "busy")}},
		{"421 greeting, and gone", []smtptest.Step{send("421 busy\r\n")},
			ending{PhaseGreeting, Rejected, reply(421, "busy"), reply(421, "busy")}},
		{"a positive greeting that is not 220", []smtptest.Step{send("250 ok\r\n"), expect("QUIT")},
			ending{PhaseGreeting, NotSMTP, reply(250, "ok"), Reply{}}},
		{"closed before the greeting", []smtptest.Step{smtptest.Close()},
			ending{PhaseGreeting, Closed, Reply{}, Reply{}}},
		{"reset before the greeting", []smtptest.Step{sleep(20 * time.Millisecond), smtptest.Reset()}, // any sooner, and it may hit the connecting
			ending{PhaseGreeting, Closed, Reply{}, Reply{}}},
		{"half a greeting is none", []smtptest.Step{send("220-mx.example.net\r\n220 ESM"), smtptest.Close()},
			ending{PhaseGreeting, Closed, Reply{}, Reply{}}},
		{"not SMTP", []smtptest.Step{send("SSH-2.0-OpenSSH_9.9\r\n"), smtptest.Silence()},
			ending{PhaseGreeting, NotSMTP, Reply{}, Reply{}}},
		{"a line without end", []smtptest.Step{send("220 " + strings.Repeat("x", 1<<20)), smtptest.Silence()},
			ending{PhaseGreeting, NotSMTP, Reply{}, Reply{}}},
		{"a greeting without end", []smtptest.Step{send(strings.Repeat("220-x\r\n", 1000)), smtptest.Silence()},
			ending{PhaseGreeting, NotSMTP, Reply{}, Reply{}}},
		{"more bytes than a session may have", []smtptest.Step{send(strings.Repeat("220-"+strings.Repeat("x", 1500)+"\r\n", 49) + "220 x\r\n")},
			ending{PhaseGreeting, NotSMTP, Reply{}, Reply{}}},
		{"EHLO refused for now", []smtptest.Step{send(hello), expect("EHLO"), send("451 4.7.1 later\r\n"), expect("QUIT")},
			ending{PhaseEHLO, Rejected, greeted, reply(451, "4.7.1 later")}},
		{"EHLO unknown, HELO accepted", []smtptest.Step{send(hello), expect("EHLO"), send("502 what\r\n"), expect("HELO mail.example.org"), send("250 x\r\n"), expect("QUIT")},
			ending{PhaseDone, Accepted, greeted, Reply{}}},
		{"EHLO and HELO refused", []smtptest.Step{send(hello), expect("EHLO"), send("502 what\r\n"), expect("HELO"), send("550 no\r\n"), expect("QUIT")},
			ending{PhaseEHLO, Rejected, greeted, reply(550, "no")}},
		{"EHLO refused and hung up", []smtptest.Step{send(hello), expect("EHLO"), send("550 your name is bad\r\n")},
			ending{PhaseEHLO, Rejected, greeted, reply(550, "your name is bad")}},
		{"closed after EHLO", []smtptest.Step{send(hello), expect("EHLO"), smtptest.Close()},
			ending{PhaseEHLO, Closed, greeted, Reply{}}},
		{"garbage after EHLO", []smtptest.Step{send(hello), expect("EHLO"), send("hm\r\n"), expect("QUIT")},
			ending{PhaseEHLO, NotSMTP, greeted, Reply{}}},
		{"354 after EHLO", []smtptest.Step{send(hello), expect("EHLO"), send("354 go ahead\r\n"), expect("QUIT")},
			ending{PhaseEHLO, NotSMTP, greeted, Reply{}}},
		{"STARTTLS refused", []smtptest.Step{send(hello), expect("EHLO"), send("250-x\r\n250 STARTTLS\r\n"), expect("STARTTLS"), send("454 no key\r\n"), expect("QUIT")},
			ending{PhaseSTARTTLS, Rejected, greeted, reply(454, "no key")}},
	}
	for _, tt := range tests {
		t.Run(tt.name+"/loopback", func(t *testing.T) {
			s := Check(t.Context(), &net.Dialer{}, smtptest.Serve(t, tt.script...), polite)
			if diff := cmp.Diff(tt.want, endingOf(s)); diff != "" {
				t.Errorf("(-want +got)\n%s%q", diff, s.Transcript)
			}
			if !s.Local.IsValid() {
				t.Errorf("Local is not set")
			}
		})
		t.Run(tt.name+"/memory", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Check(t.Context(), smtptest.Pipe(t, tt.script...), somewhere, polite)
				if diff := cmp.Diff(tt.want, endingOf(s)); diff != "" {
					t.Errorf("(-want +got)\n%s%q", diff, s.Transcript)
				}
			})
		})
	}
}

func TestEveryPhaseHasItsOwnLimit(t *testing.T) {
	const hello = "220 mx.example.net\r\n"
	drip := slices.Repeat([]smtptest.Step{send("220-x\r\n"), sleep(time.Second)}, 40)
	tests := []struct {
		name   string
		dialer func(t *testing.T) Dialer
		opt    Options
		phase  Phase
		took   time.Duration
	}{
		{"connect", func(t *testing.T) Dialer { return smtptest.Dialer(smtptest.Drop) }, polite, PhaseConnect, 10 * time.Second},
		{"connect, told", func(t *testing.T) Dialer { return smtptest.Dialer(smtptest.Drop) }, Options{GreetingOnly: true, Connect: time.Second}, PhaseConnect, time.Second},
		{"silent greeting", func(t *testing.T) Dialer { return smtptest.Pipe(t, smtptest.Silence()) }, polite, PhaseGreeting, 30 * time.Second},
		{"silent greeting, told", func(t *testing.T) Dialer { return smtptest.Pipe(t, smtptest.Silence()) }, Options{GreetingOnly: true, Greeting: time.Minute}, PhaseGreeting, time.Minute},
		{"a greeting that drips", func(t *testing.T) Dialer { return smtptest.Pipe(t, drip...) }, polite, PhaseGreeting, 30 * time.Second},
		{"EHLO", func(t *testing.T) Dialer { return smtptest.Pipe(t, send(hello), expect("EHLO"), smtptest.Silence()) }, polite, PhaseEHLO, 15 * time.Second},
		{"EHLO, told", func(t *testing.T) Dialer { return smtptest.Pipe(t, send(hello), expect("EHLO"), smtptest.Silence()) }, Options{HELO: "mail.example.org", Command: time.Second}, PhaseEHLO, time.Second},
		{"STARTTLS", func(t *testing.T) Dialer {
			return smtptest.Pipe(t, send(hello), expect("EHLO"), send("250-x\r\n250 STARTTLS\r\n"), expect("STARTTLS"), smtptest.Silence())
		}, polite, PhaseSTARTTLS, 15 * time.Second},
		{"handshake", func(t *testing.T) Dialer {
			return smtptest.Pipe(t, send(hello), expect("EHLO"), send("250-x\r\n250 STARTTLS\r\n"), expect("STARTTLS"), send("220 go\r\n"), smtptest.Silence())
		}, polite, PhaseSTARTTLS, 15 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Check(t.Context(), tt.dialer(t), somewhere, tt.opt)
				if s.Phase != tt.phase || s.Result != Timeout {
					t.Errorf("ended at %s with %s, want a timeout at %s", s.Phase, s.Result, tt.phase)
				}
				if took := s.Timings[tt.phase].Round(100 * time.Millisecond); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if all := time.Since(s.Started); all > tt.took+2100*time.Millisecond {
					t.Errorf("the whole session took %v", all)
				}
			})
		})
	}
}

func TestSlowGreetingIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := smtptest.Pipe(t, sleep(29*time.Second), smtptest.Postfix(smtptest.Options{}))
		s := Check(t.Context(), d, somewhere, polite)
		if s.Phase != PhaseDone || s.Timings[PhaseGreeting] < 29*time.Second {
			t.Errorf("%s after %v", s.Phase, s.Timings[PhaseGreeting])
		}
	})
}

func TestSilentQuitCostsTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := smtptest.Pipe(t, send("554 no\r\n"), expect("QUIT"), smtptest.Silence())
		s := Check(t.Context(), d, somewhere, polite)
		if got := s.Timings[PhaseDone]; got != 2*time.Second {
			t.Errorf("QUIT took %v", got)
		}
		if s.Phase != PhaseGreeting || s.Result != Rejected {
			t.Errorf("%s, %s", s.Phase, s.Result)
		}
	})
}

func TestContextEndsASessionAtOnce(t *testing.T) {
	const hello = "220 mx.example.net\r\n"
	offer := []smtptest.Step{send(hello), expect("EHLO"), send("250-x\r\n250 STARTTLS\r\n"), expect("STARTTLS"), send("220 go\r\n"), smtptest.Silence()}
	tests := []struct {
		phase  Phase
		dialer func(t *testing.T) Dialer
	}{
		{PhaseConnect, func(t *testing.T) Dialer { return smtptest.Dialer(smtptest.Drop) }},
		{PhaseGreeting, func(t *testing.T) Dialer { return smtptest.Pipe(t, smtptest.Silence()) }},
		{PhaseEHLO, func(t *testing.T) Dialer { return smtptest.Pipe(t, send(hello), expect("EHLO"), smtptest.Silence()) }},
		{PhaseSTARTTLS, func(t *testing.T) Dialer { return smtptest.Pipe(t, offer...) }},
	}
	for _, tt := range tests {
		t.Run(string(tt.phase), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cause := errors.New("budget used up")
				ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, cause)
				defer cancel()
				s := Check(ctx, tt.dialer(t), somewhere, polite)
				if s.Phase != tt.phase || s.Result != Failed || s.Err != cause.Error() {
					t.Errorf("%s, %s, %q", s.Phase, s.Result, s.Err)
				}
				if took := time.Since(s.Started); took != 3*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestConnectionsThatFailAreToldApart(t *testing.T) {
	fails := func(err error) Dialer {
		return smtptest.Dialer(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		})
	}
	connect := func(e syscall.Errno) Dialer { return fails(os.NewSyscallError("connect", e)) }
	tests := []struct {
		name string
		d    Dialer
		want Result
	}{
		{"refused", smtptest.Dialer(smtptest.Refuse), Refused},
		{"no route", connect(syscall.EHOSTUNREACH), Unreachable},
		{"no network", connect(syscall.ENETUNREACH), Unreachable},
		{"the kernel's own timeout", connect(syscall.ETIMEDOUT), Timeout},
		{"reset", connect(syscall.ECONNRESET), Closed},
		{"our own firewall", connect(syscall.EPERM), Failed},
		{"the guard", fails(fmt.Errorf("not public: %w", ErrBlocked)), Blocked},
		{"anything else", fails(errors.New("strange")), Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Check(t.Context(), tt.d, somewhere, polite)
			if s.Phase != PhaseConnect || s.Result != tt.want || s.Err == "" {
				t.Errorf("%s, %s, %q, want %s", s.Phase, s.Result, s.Err, tt.want)
			}
			if len(s.Transcript) > 0 || s.Local.IsValid() {
				t.Errorf("a connection was seen: %+v", s)
			}
		})
	}
}

func TestRealPortsThatFail(t *testing.T) {
	if s := Check(t.Context(), &net.Dialer{}, smtptest.Closed(t), polite); s.Result != Refused {
		t.Errorf("closed port: %s, %s", s.Result, s.Err)
	}
	opt := Options{GreetingOnly: true, Greeting: 20 * time.Millisecond}
	if s := Check(t.Context(), &net.Dialer{}, smtptest.Silent(t), opt); s.Phase != PhaseGreeting || s.Result != Timeout {
		t.Errorf("silent port: %s, %s", s.Phase, s.Result)
	}
	if s := Check(t.Context(), &net.Dialer{}, smtptest.Greeting(t, "554 no"), polite); s.Result != Rejected {
		t.Errorf("554: %s, %s", s.Result, s.Err)
	}
	if s := Check(t.Context(), &net.Dialer{}, netip.AddrPort{}, polite); s.Phase != PhaseConnect || s.Result != Failed {
		t.Errorf("no address: %s, %s", s.Phase, s.Result)
	}
}

func TestReasonGivenBeforeHangingUpIsHeard(t *testing.T) {
	addr := smtptest.Serve(t, send("220 x\r\n421 4.4.2 too slow\r\n"), smtptest.Close())
	s := Check(t.Context(), &net.Dialer{}, addr, polite)
	if s.Phase != PhaseEHLO || s.Result != Rejected || s.EHLO.Code != 421 {
		t.Errorf("%s, %s, %+v", s.Phase, s.Result, s.EHLO)
	}
}

func TestGreetingOnlyLeavesAfterTheGreeting(t *testing.T) {
	for _, helo := range []string{"", "mail.example.org"} {
		addr := smtptest.Serve(t, send("220 x\r\n"), expect("QUIT"), send("221 bye\r\n"))
		s := Check(t.Context(), &net.Dialer{}, addr, Options{HELO: helo, GreetingOnly: true})
		if s.Phase != PhaseDone || !s.Greets() || s.EHLO.Code != 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestWithoutANameToSayNothingIsDialled(t *testing.T) {
	for _, name := range []string{"", "a\r\nMAIL FROM:<>", "a b", "a\x00", "例え.example", "\xff", strings.Repeat("a", 256)} {
		dialer := smtptest.Network(t, nil) // dialling it fails the test
		s := Check(t.Context(), dialer, somewhere, Options{HELO: name})
		if s.Phase != PhaseConnect || s.Result != Failed {
			t.Errorf("%q: %s, %s", name, s.Phase, s.Result)
		}
	}
}

func TestExtensions(t *testing.T) {
	tests := []struct {
		line  string
		want  map[string]string
		size  int64
		known bool
	}{
		{"SIZE 26214400", map[string]string{"SIZE": "26214400"}, 26214400, true},
		{"size 100 200", map[string]string{"SIZE": "100 200"}, 100, true},
		{"SIZE 0", map[string]string{"SIZE": "0"}, 0, true},
		{"SIZE", map[string]string{"SIZE": ""}, 0, false},
		{"SIZE=1000", map[string]string{"SIZE": "1000"}, 1000, true},
		{"SIZE -1", map[string]string{"SIZE": "-1"}, 0, false},
		{"SIZE 10MB", map[string]string{"SIZE": "10MB"}, 0, false},
		{"SIZE 18446744073709551615", map[string]string{"SIZE": "18446744073709551615"}, 1<<63 - 1, true},
		{"AUTH=LOGIN PLAIN", map[string]string{"AUTH": "LOGIN PLAIN"}, 0, false},
		{"LIMITS RCPTMAX=20 MAILMAX=5", map[string]string{"LIMITS": "RCPTMAX=20 MAILMAX=5"}, 0, false},
		{"XXXXXXXA", map[string]string{"XXXXXXXA": ""}, 0, false},
		{" \x00\xff", map[string]string{}, 0, false},
		{"SIZE 1\r\n250 SIZE 2", map[string]string{"SIZE": "1"}, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			lines := strings.ReplaceAll(tt.line, "250 ", "250-")
			addr := smtptest.Serve(t, send("220 x\r\n"), expect("EHLO"), send("250-mx.example.net\r\n250-"+lines+"\r\n250\r\n"), expect("QUIT"))
			s := Check(t.Context(), &net.Dialer{}, addr, polite)
			if diff := cmp.Diff(tt.want, s.Extensions); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if s.Size != tt.size || s.SizeKnown != tt.known {
				t.Errorf("size %d, %v", s.Size, s.SizeKnown)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	tests := []struct {
		params string
		want   Limits
	}{
		{"", Limits{}},
		{"RCPTMAX=20", Limits{RcptMax: 20}},
		{"MAILMAX=5 rcptmax=20  RCPTDOMAINMAX=1 OTHER=3", Limits{MailMax: 5, RcptMax: 20, RcptDomainMax: 1}},
		{"RCPTMAX=999999", Limits{RcptMax: 999999}},
		{"RCPTMAX=1000000 MAILMAX=-1", Limits{}},
		{"RCPTMAX=0 MAILMAX= RCPTDOMAINMAX", Limits{}},
		{"RCPTMAX=many MAILMAX=+5 MAILMAX=99999999999999999999", Limits{}},
		{"RCPTMAX=20 RCPTMAX=30", Limits{RcptMax: 20}},
	}
	for _, tt := range tests {
		d := smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{EHLO: []string{"LIMITS " + tt.params}}))
		if s := Check(t.Context(), d, somewhere, polite); s.Limits != tt.want {
			t.Errorf("%q: %+v", tt.params, s.Limits)
		}
	}
}

func TestTranscriptHasBothSides(t *testing.T) {
	addr := smtptest.Serve(t, send("220 x\r\n"), expect("EHLO"), send("502\n"), expect("HELO"), send("250-a\x1b[31m\n250 b\n"), expect("QUIT"), send("221 bye\r\n"))
	s := Check(t.Context(), &net.Dialer{}, addr, polite)
	want := []string{"S: 220 x", "C: EHLO mail.example.org", "S: 502", "C: HELO mail.example.org", "S: 250-a\x1b[31m", "S: 250 b", "C: QUIT", "S: 221 bye"}
	if diff := cmp.Diff(want, s.Transcript); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(reply(250, "a\x1b[31m", "b"), s.EHLO); diff != "" || !s.Helo {
		t.Errorf("HELO %v (-want +got)\n%s", s.Helo, diff)
	}
	for _, p := range []Phase{PhaseConnect, PhaseGreeting, PhaseEHLO, PhaseDone} {
		if s.Timings[p] <= 0 {
			t.Errorf("no time for %s", p)
		}
	}
}

// babbler is a server that says what it was made with, whatever it hears.
type babbler struct {
	io.Reader
	net.Conn
}

func (b babbler) Read(p []byte) (int, error)     { return b.Reader.Read(p) }
func (babbler) Write(p []byte) (int, error)      { return len(p), nil }
func (babbler) Close() error                     { return nil }
func (babbler) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (babbler) SetDeadline(time.Time) error      { return nil }
func (babbler) SetWriteDeadline(time.Time) error { return nil }

func FuzzCheck(f *testing.F) {
	f.Add([]byte("220 mx.example.net ESMTP\r\n250-mx.example.net\r\n250-SIZE 100\r\n250 STARTTLS\r\n220 go\r\n\x16\x03\x03\x00\x02ab"))
	f.Add([]byte("220 x\n502 what\n250 fine\n221 bye\n"))
	f.Add([]byte("554-no\r\n554 service\r\n"))
	f.Add([]byte("220 x\n250-x\n250 LIMITS RCPTMAX=20\n250 ok\n250 ok\n550 5.1.1 no\n250 ok\n221 bye\n"))
	f.Add([]byte("220 x\n250 x\n250 ok\n451 4.7.1 Greylisted\n250 ok\n221 bye\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		d := smtptest.Dialer(func(context.Context, string, string) (net.Conn, error) {
			return babbler{Reader: strings.NewReader(string(said))}, nil
		})
		s := Check(t.Context(), d, somewhere, curious)
		if s.Phase == "" || s.Result == "" || (s.Result == Accepted) != (s.Phase == PhaseDone) {
			t.Errorf("ended at %q with %q", s.Phase, s.Result)
		}
		if (s.Result == Rejected) != (s.Refusal().Code != 0) {
			t.Errorf("%s, refusal %+v", s.Result, s.Refusal())
		}
		if s.Random.Code != 0 && !s.Rcpt.Accepted() || s.Postmaster.Code != 0 && s.Rcpt.Code < 400 {
			t.Errorf("asked on after %+v", s.Rcpt)
		}
		if asked := s.Mailbox() != MailboxNotAsked; asked != slices.Contains(s.Transcript, "C: MAIL FROM:<>") {
			t.Errorf("mailbox %q", s.Mailbox())
		}
		if len(s.Transcript) > 200 {
			t.Errorf("%d lines", len(s.Transcript))
		}
		for _, line := range s.Transcript {
			if len(line) > 2<<10+3 || strings.Contains(line, "\n") {
				t.Errorf("line %q", line)
			}
		}
	})
}
