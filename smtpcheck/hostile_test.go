package smtpcheck_test

import (
	"context"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"
)

// flood is a server that says text again and again and hears nothing.
type flood struct {
	net.Conn
	text string
	said int
}

func (f *flood) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = f.text[(f.said+i)%len(f.text)]
	}
	f.said += len(p)
	return len(p), nil
}

func flooded(f *flood) Dialer {
	f.Conn = babbler{}
	return smtptest.Dialer(func(context.Context, string, string) (net.Conn, error) { return f, nil })
}

func TestEndlessAnswersAreCutShort(t *testing.T) {
	for name, text := range map[string]string{
		"a line":             "220 " + strings.Repeat("x", 1<<20),
		"empty lines":        "\r\n",
		"nothing but zeros":  "\x00",
		"continuation lines": "220-x\r\n",
		"long ones":          "220-" + strings.Repeat("x", 2000) + "\r\n",
		"no SMTP":            "HTTP/1.1 400 Bad Request\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := &flood{text: text}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s := Check(t.Context(), flooded(f), somewhere, polite)
			runtime.ReadMemStats(&after)
			if s.Phase != PhaseGreeting || s.Result != NotSMTP {
				t.Errorf("%s, %s", s.Phase, s.Result)
			}
			if f.said > 128<<10 {
				t.Errorf("%d bytes were read", f.said)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
				t.Errorf("%d bytes of memory", used)
			}
		})
	}
}

// A server that is friendly without end: every reply is short and good.
func TestAnEndlessConversationEnds(t *testing.T) {
	f := &flood{text: "250 ok\r\n"}
	s := Check(t.Context(), flooded(f), somewhere, curious)
	if s.Result != NotSMTP || f.said > 64<<10 || len(s.Transcript) > 200 {
		t.Errorf("%s, %d bytes, %d lines", s.Result, f.said, len(s.Transcript))
	}
}

// drip says text one byte a second.
func drip(text string) []smtptest.Step {
	var steps []smtptest.Step
	for _, b := range []byte(text) {
		steps = append(steps, send(string([]byte{b})), sleep(time.Second))
	}
	return steps
}

func TestTarpitsCostNoMoreThanSilence(t *testing.T) {
	long := strings.Repeat("x", 100)
	hello := []smtptest.Step{send("220 x\r\n"), expect("EHLO")}
	tls := slices.Concat(hello, []smtptest.Step{send("250-x\r\n250 STARTTLS\r\n"), expect("STARTTLS")})
	mail := slices.Concat(hello, []smtptest.Step{send("250 x\r\n"), expect("MAIL")})
	tests := []struct {
		name   string
		script []smtptest.Step
		phase  Phase
		took   time.Duration
	}{
		{"greeting", drip("220 " + long), PhaseGreeting, 30 * time.Second},
		{"EHLO", append(hello, drip("250 "+long)...), PhaseEHLO, 15 * time.Second},
		{"STARTTLS", append(tls, drip("220 "+long)...), PhaseSTARTTLS, 15 * time.Second},
		{"handshake", slices.Concat(tls, []smtptest.Step{send("220 go\r\n"), sleep(time.Millisecond)}, drip("\x16\x03\x03\x3f\xff"+long)), PhaseSTARTTLS, 15 * time.Second},
		{"MAIL", append(mail, drip("250 "+long)...), PhaseMail, 15 * time.Second},
		{"RCPT", slices.Concat(mail, []smtptest.Step{send("250 ok\r\n"), expect("RCPT")}, drip("250 "+long)), PhaseRcpt, 15 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Check(t.Context(), smtptest.Pipe(t, tt.script...), somewhere, curious)
				if s.Phase != tt.phase || s.Result != Timeout {
					t.Errorf("%s, %s (%s)", s.Phase, s.Result, s.Err)
				}
				if took := s.Timings[tt.phase].Round(time.Second); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if all := time.Since(s.Started); all > tt.took+5*time.Second {
					t.Errorf("the whole session took %v", all)
				}
			})
		})
	}
}

// The slowest server there is: it answers each question just in time.
func TestTheLongestSessionIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const late = 14 * time.Second
		script := []smtptest.Step{sleep(29 * time.Second), send("220 x\r\n")}
		for _, turn := range [][2]string{
			{"EHLO", "502 what"}, {"HELO", "250 x"}, {"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"RCPT", "250 ok"},
		} {
			script = append(script, expect(turn[0]), sleep(late), send(turn[1]+"\r\n"))
		}
		s := Check(t.Context(), smtptest.Pipe(t, append(script, expect("RSET"), smtptest.Silence())...), somewhere, curious)
		if s.Mailbox() != MailboxCatchAll {
			t.Errorf("%s, %s, %s", s.Phase, s.Result, s.Mailbox())
		}
		if all := time.Since(s.Started).Round(time.Second); all != 29*time.Second+5*late+4*time.Second {
			t.Errorf("the whole session took %v", all)
		}
	})
}

func TestGarbageForTLSIsABrokenHandshake(t *testing.T) {
	offered := []smtptest.Step{send("220 x\r\n"), expect("EHLO"), send("250-x\r\n250 STARTTLS\r\n"), expect("STARTTLS"), send("220 go\r\n"), sleep(time.Millisecond)}
	for name, garbage := range map[string]string{
		"zeros":               strings.Repeat("\x00", 1<<16),
		"another protocol":    "SSH-2.0-OpenSSH_9.9\r\n",
		"an alert":            "\x15\x03\x03\x00\x02\x02\x28",
		"warnings":            strings.Repeat("\x15\x03\x01\x00\x02\x01\x00", 1<<12),
		"empty records":       strings.Repeat("\x16\x03\x03\x00\x00", 1<<14),
		"a record too long":   "\x16\x03\x03\xff\xff" + strings.Repeat("x", 1<<16),
		"a message too long":  "\x16\x03\x03\x40\x00\x02\xff\xff\xff" + strings.Repeat("x", 1<<16),
		"half a server hello": "\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03",
		"nonsense":            strings.Repeat("\x16\x03\x03\x00\x04\x02\x00\x00\x00", 1<<12),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Check(t.Context(), smtptest.Pipe(t, append(slices.Clone(offered), send(garbage))...), somewhere, polite)
				if s.Phase != PhaseSTARTTLS || s.TLS.Problem != ProblemHandshake || s.TLS.Err == "" || s.Result == Accepted {
					t.Errorf("%s, %s, TLS %+v", s.Phase, s.Result, s.TLS)
				}
				if took := time.Since(s.Started); took > 16*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestTenMegabytesOfGreetingOverLoopback(t *testing.T) {
	addr := smtptest.Serve(t, send("220 "+strings.Repeat("x", 10<<20)))
	start := time.Now()
	s := Check(t.Context(), &net.Dialer{}, addr, polite)
	if s.Phase != PhaseGreeting || s.Result != NotSMTP || time.Since(start) > 5*time.Second {
		t.Errorf("%s, %s after %v", s.Phase, s.Result, time.Since(start))
	}
}

// shout is a babbler that also keeps what it is told.
type shout struct {
	babbler
	heard *strings.Builder
}

func (s shout) Write(p []byte) (int, error) { return s.heard.Write(p) }

// FuzzMailbox looks for an address that would say more than its RCPT.
func FuzzMailbox(f *testing.F) {
	for _, address := range []string{"user@example.net", `"a>\" b"@example.net`, "用戶@bücher.example", "user@[IPv6:2001:db8::1]", "a@example.net>\r\nDATA"} {
		f.Add(address, "qx7")
	}
	const said = "220 x\r\n250-x\r\n250 SMTPUTF8\r\n250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n221 bye\r\n"
	f.Fuzz(func(t *testing.T, address, random string) {
		var heard strings.Builder
		d := smtptest.Dialer(func(context.Context, string, string) (net.Conn, error) {
			return shout{babbler{Reader: strings.NewReader(said)}, &heard}, nil
		})
		s := Check(t.Context(), d, somewhere, Options{HELO: "mail.example.org", Rcpt: address, RandomName: random})
		lines := strings.Split(heard.String(), "\r\n")
		verbs := []string{}
		for _, line := range lines[:len(lines)-1] {
			verb, _, _ := strings.Cut(line, " ")
			verbs = append(verbs, verb)
			if strings.ContainsAny(line, "\r\n\x00") || len(line) > 300 {
				t.Errorf("said %q", line)
			}
		}
		switch got := strings.Join(verbs, " "); {
		case s.Phase == PhaseConnect && got == "": // cannot be said
		case address == "" && got == "EHLO QUIT":
		case got == "EHLO MAIL RCPT RSET QUIT", got == "EHLO MAIL RCPT RCPT RSET QUIT":
		default:
			t.Errorf("said %q", heard.String())
		}
	})
}
