package smtptest

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Step is one thing that a server does. After the last one it hangs up.
type Step func(*server) error

// errOver ends a script before its last step.
var errOver = errors.New("script over")

// Send says raw bytes: line ends are the caller's.
func Send(raw string) Step {
	return func(s *server) error { return s.send(raw) }
}

// Expect reads a line and fails the test unless it starts with prefix, in
// capitals or not, or if the client leaves instead.
func Expect(prefix string) Step {
	return func(s *server) error {
		line, err := s.line()
		if err != nil {
			s.t.Errorf("smtptest: want %q from the client: %v", prefix, err)
			return err
		}
		if !hasPrefixFold(line, prefix) {
			s.t.Errorf("smtptest: want %q from the client, it said %q", prefix, line)
			return errOver
		}
		return nil
	}
}

func hasPrefixFold(line, prefix string) bool {
	return len(line) >= len(prefix) && strings.EqualFold(line[:len(prefix)], prefix)
}

// Sleep lets time pass. Before the greeting, a client that talks meanwhile
// fails the test.
func Sleep(d time.Duration) Step {
	return func(s *server) error { return s.wait(d) }
}

// Silence says nothing more and waits until the client leaves.
func Silence() Step {
	return func(s *server) error {
		if n, _ := io.Copy(io.Discard, s.in); n > 0 {
			s.spoken()
		}
		return errOver
	}
}

// Close hangs up.
func Close() Step { return func(*server) error { return errOver } }

// Reset breaks the connection off: TCP RST on loopback.
func Reset() Step {
	return func(s *server) error {
		if tcp, ok := s.raw.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		s.raw.Close()
		return errOver
	}
}

// StartTLS shakes hands as the server that config describes. A handshake that
// fails ends the script, not the test.
func StartTLS(config *tls.Config) Step {
	// A ticket would be sent unasked, and in memory, where nothing is
	// buffered, meet a client that is sending too.
	config = config.Clone()
	config.SessionTicketsDisabled = true
	return func(s *server) error {
		conn := tls.Server(s.raw, config)
		if err := conn.Handshake(); err != nil {
			return err
		}
		s.conn = conn
		s.in.Reset(conn)
		return nil
	}
}

// Options say how a healthy server presents itself.
type Options struct {
	Name string      // empty: mx.example.net
	Size int64       // what SIZE announces, in bytes; 0: no fixed limit
	TLS  *tls.Config // nil: no STARTTLS
	EHLO []string    // further lines, "LIMITS RCPTMAX=20"

	// Rcpt is asked for the reply to RCPT TO, "550 5.1.1 no such user", with
	// the mailbox as the client named it. Nil: MAIL and RCPT are refused.
	Rcpt func(mailbox string) (reply string)
}

// Postfix greets and answers as Postfix does, until QUIT. It refuses every
// command that a look from outside does not need; DATA and BDAT, with which a
// message would be sent, fail the test too.
func Postfix(opt Options) Step {
	if opt.Name == "" {
		opt.Name = "mx.example.net"
	}
	return func(s *server) error {
		if err := s.send("220 " + opt.Name + " ESMTP Postfix\r\n"); err != nil {
			return err
		}
		for {
			line, err := s.line()
			if err != nil {
				return err
			}
			if err := opt.answer(s, line); err != nil {
				return err
			}
		}
	}
}

// answer plays the reply to one command.
func (opt Options) answer(s *server, line string) error {
	verb, arg, _ := strings.Cut(line, " ")
	switch verb = strings.ToUpper(verb); {
	case (verb == "EHLO" || verb == "HELO") && arg == "":
		return s.send("501 Syntax: " + verb + " hostname\r\n")
	case verb == "EHLO":
		return s.send(opt.extensions(s.encrypted()))
	case verb == "HELO":
		return s.send("250 " + opt.Name + "\r\n")
	case verb == "STARTTLS" && opt.TLS != nil && !s.encrypted():
		if err := s.send("220 2.0.0 Ready to start TLS\r\n"); err != nil {
			return err
		}
		return StartTLS(opt.TLS)(s)
	case verb == "MAIL" && opt.Rcpt != nil, verb == "RSET":
		return s.send("250 2.1.0 Ok\r\n")
	case verb == "RCPT" && opt.Rcpt != nil:
		_, path, _ := strings.Cut(arg, "<")
		return s.send(opt.Rcpt(path[:max(strings.LastIndexByte(path, '>'), 0)]) + "\r\n")
	case verb == "QUIT":
		s.send("221 2.0.0 Bye\r\n")
		return errOver
	case verb == "DATA", verb == "BDAT":
		s.t.Errorf("smtptest: the client sends a message: %q", line)
	}
	return s.send("502 5.5.2 Error: command not recognized\r\n")
}

func (opt Options) extensions(encrypted bool) string {
	lines := []string{opt.Name, "PIPELINING", "SIZE " + strconv.FormatInt(opt.Size, 10), "ETRN"}
	if opt.TLS != nil && !encrypted {
		lines = append(lines, "STARTTLS")
	}
	lines = append(lines, "ENHANCEDSTATUSCODES", "8BITMIME", "DSN")
	lines = append(lines, opt.EHLO...)
	return "250-" + strings.Join(lines, "\r\n250-") + "\r\n250 SMTPUTF8\r\n"
}

// Healthy serves [Postfix] on loopback.
func Healthy(t testing.TB, opt Options) netip.AddrPort { return Serve(t, Postfix(opt)) }

// Greeting serves one greeting, "554 5.7.1 no service" say, and then knows
// only QUIT, which it expects.
func Greeting(t testing.TB, greeting string) netip.AddrPort {
	return Serve(t, Send(strings.TrimRight(greeting, "\r\n")+"\r\n"), Expect("QUIT"), Send("221 bye\r\n"))
}

// Silent serves connections that stand and nothing else.
func Silent(t testing.TB) netip.AddrPort { return Serve(t, Silence()) }

// Closed is a port where nothing listens, nor will while the test runs: it is
// our own end of a connection to somewhere else.
func Closed(t testing.TB) netip.AddrPort {
	t.Helper()
	conn, err := net.Dial("tcp", Serve(t, Silence()).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return netip.MustParseAddrPort(conn.LocalAddr().String())
}
