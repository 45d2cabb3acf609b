package smtpcheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// How long we wait where [Options] does not say. RFC 5321 section 4.5.3.2 asks
// a sender for five minutes, which nobody who looks on has.
const (
	defaultConnect  = 10 * time.Second
	defaultGreeting = 30 * time.Second // servers that make clients wait on purpose take up to 20 s
	defaultCommand  = 15 * time.Second
	quitTime        = 2 * time.Second
)

const maxTranscript = 200

// Check opens a session with addr, goes through it and leaves. It always comes
// back with what it saw: there is no error, the failure is in the Session. It
// ends as soon as ctx does.
func Check(ctx context.Context, d Dialer, addr netip.AddrPort, opt Options) Session {
	s := &session{
		Session: Session{Addr: addr, Started: time.Now(), Timings: map[Phase]time.Duration{}},
		ctx:     ctx,
		opt:     opt,
	}
	s.run(d)
	return s.Session
}

// session is a Session in the making.
type session struct {
	Session
	ctx     context.Context
	opt     Options
	to      mailbox  // Options.Rcpt
	from    string   // Options.Sender as a path
	conn    net.Conn // the encrypted one after STARTTLS
	replies *replyReader
}

func (s *session) run(d Dialer) {
	if !s.phase(PhaseConnect, func() error { return s.connect(d) }) {
		return
	}
	defer func() { s.conn.Close() }()
	raw := s.conn
	defer context.AfterFunc(s.ctx, func() { raw.Close() })()

	complete := s.phase(PhaseGreeting, s.greet) && (s.opt.GreetingOnly || s.converse())
	if s.canQuit() {
		s.quit()
	}
	if complete {
		s.Phase = PhaseDone
	}
}

// converse is what comes between the greeting and QUIT.
func (s *session) converse() bool {
	return s.phase(PhaseEHLO, s.hello) &&
		(!s.TLS.Offered || s.opt.NoTLS || s.secure()) &&
		(s.opt.Rcpt == "" || s.phase(PhaseMail, s.mail) && s.phase(PhaseRcpt, s.rcpt))
}

// secure goes over to TLS and begins anew there (RFC 3207 section 4.2). A
// refusal leaves a connection in the clear, on which a mailbox is asked for as
// most senders would; a handshake that breaks off leaves none.
func (s *session) secure() bool {
	if s.phase(PhaseSTARTTLS, s.startTLS) {
		return s.phase(PhaseEHLO, s.hello)
	}
	return s.opt.Rcpt != "" && s.Result == Rejected && s.TLS.Reply.Code != closing
}

// phase runs one phase and records its time and how it ended. It says whether
// the session goes on.
func (s *session) phase(p Phase, do func() error) bool {
	start := time.Now()
	err := do()
	s.Timings[p] += time.Since(start)
	s.Phase = p
	s.Result, s.Err = s.outcome(err)
	return s.Result == Accepted
}

func (s *session) connect(d Dialer) error {
	if err := s.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, cmp.Or(s.opt.Connect, defaultConnect))
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp", s.Addr.String())
	if err != nil {
		return err
	}
	s.conn = conn
	s.Local, _ = netip.ParseAddrPort(conn.LocalAddr().String()) // a connection in memory has none
	s.replies = newReplyReader(conn, func(line string) { s.note("S: ", line) })
	return nil
}

// prepare makes sure, before anybody is disturbed, that there will be something
// to say, and nothing but that.
func (s *session) prepare() (err error) {
	if s.opt.GreetingOnly {
		return nil
	}
	if !sayable(s.opt.HELO) {
		return fmt.Errorf("%q cannot be said in EHLO", s.opt.HELO)
	}
	if s.opt.Rcpt == "" {
		return nil
	}
	s.from = "<>"
	if s.opt.Sender != "" && s.opt.Sender != "<>" {
		sender, err := parseMailbox(s.opt.Sender)
		if err != nil || sender.needsUTF8() {
			return errMailbox
		}
		s.from = sender.path()
	}
	if s.to, err = parseMailbox(s.opt.Rcpt); err != nil || s.opt.RandomName == "" {
		return err
	}
	random, err := s.to.beside(s.opt.RandomName)
	if err == nil && random.needsUTF8() {
		return errMailbox
	}
	return err
}

// sayable says whether a HELO name is one word of printable ASCII, so that it
// cannot bring commands of its own.
func sayable(helo string) bool {
	return helo != "" && len(helo) <= 255 && !strings.ContainsFunc(helo, func(r rune) bool { return r <= ' ' || r > '~' })
}

func (s *session) greet() (err error) {
	s.limit(cmp.Or(s.opt.Greeting, defaultGreeting))
	if s.Greeting, err = s.replies.read(); err != nil {
		return err
	}
	// RFC 5321 section 4.3.2: the only positive greeting is 220.
	if s.Greeting.Code < 400 && s.Greeting.Code != 220 {
		return errOrder
	}
	return verdict(s.Greeting)
}

func (s *session) hello() error {
	reply, err := s.command("EHLO " + s.opt.HELO)
	if err != nil {
		return err
	}
	s.EHLO, s.Extensions = reply, nil
	if reply.Code >= 500 {
		err = s.helloAgain()
	} else if err = verdict(reply); err == nil {
		s.Extensions = extensions(reply)
	}
	s.Size, s.SizeKnown = size(s.Extensions)
	s.Limits = limits(s.Extensions)
	s.SeenAs = seenAs(s.EHLO, s.opt.HELO, s.Addr.Addr())
	if _, offered := s.Extensions["STARTTLS"]; offered {
		s.TLS.Offered = true // and remains so over TLS, where it is not offered again
	}
	return err
}

// helloAgain says HELO to a server that refused EHLO (RFC 5321 section
// 4.1.4). Where no reply comes any more the first refusal stands: it is the
// server's word.
func (s *session) helloAgain() error {
	s.Helo = true
	if reply, err := s.command("HELO " + s.opt.HELO); err == nil {
		s.EHLO = reply
	}
	return verdict(s.EHLO)
}

// mail opens a transaction, as a bounce would unless told otherwise, so that
// nothing sent in reply comes back to anybody (RFC 5321 section 4.5.5).
func (s *session) mail() (err error) {
	line := "MAIL FROM:" + s.from
	if s.to.needsUTF8() {
		if _, ok := s.Extensions["SMTPUTF8"]; !ok {
			return errUnsupported
		}
		line += " SMTPUTF8"
	}
	if s.Mail, err = s.command(line); err != nil {
		return err
	}
	return verdict(s.Mail)
}

// rcpt asks for the mailbox, and then for the one beside it that tells what the
// answer is worth. Where that one gets no answer, the first stands all the same.
func (s *session) rcpt() (err error) {
	if s.Rcpt, err = s.command("RCPT TO:" + s.to.path()); err != nil {
		return err
	}
	switch {
	case s.opt.Sender != "": // the question is whether we may send there, not who is there
	case s.Rcpt.Accepted():
		s.Random = s.askBeside(s.opt.RandomName)
	case s.Rcpt.Code >= 400 && s.Rcpt.Code != closing && !greylisted(s.Rcpt):
		s.Postmaster = s.askBeside("postmaster")
	}
	return verdict(s.Rcpt)
}

// askBeside asks for another name at the mailbox's domain.
func (s *session) askBeside(local string) Reply {
	other, err := s.to.beside(local)
	if err != nil || strings.EqualFold(local, s.to.local) {
		return Reply{}
	}
	reply, _ := s.command("RCPT TO:" + other.path())
	return reply
}

// canQuit says whether there is somebody left to say QUIT to. A handshake that
// broke off leaves neither a plain nor an encrypted connection to say it on.
func (s *session) canQuit() bool {
	return s.Greeting.Code != 0 && s.TLS.Problem != ProblemHandshake &&
		s.Result != Closed && s.Result != Failed
}

func (s *session) quit() {
	start := time.Now()
	lines := []string{"QUIT"}
	if s.Mail.Accepted() {
		lines = []string{"RSET", "QUIT"}
	}
	for _, line := range lines {
		s.say(line, quitTime)
		s.replies.read() // only courtesy: an answer changes nothing
	}
	s.Timings[PhaseDone] = time.Since(start)
}

// command says line and reads the reply.
func (s *session) command(line string) (Reply, error) {
	s.say(line, cmp.Or(s.opt.Command, defaultCommand))
	return s.replies.read()
}

// say sends one line and leaves d for that and for the reply. It reports no
// error: a server that hangs up says why first (421, 554), and reading finds
// either that or the error.
func (s *session) say(line string, d time.Duration) {
	s.limit(d)
	s.note("C: ", line)
	io.WriteString(s.conn, line+"\r\n")
}

func (s *session) limit(d time.Duration) { s.conn.SetDeadline(time.Now().Add(d)) }

func (s *session) note(who, line string) {
	if len(s.Transcript) < maxTranscript {
		s.Transcript = append(s.Transcript, who+line)
	}
}

// errRejected stands for a 4xx or 5xx reply; the reply itself is in the Session.
var errRejected = errors.New("rejected")

var errUnsupported = errors.New("the mailbox needs SMTPUTF8, which is not offered")

// closing is the code with which a server announces that it hangs up (RFC 5321
// section 3.8).
const closing = 421

// verdict turns a reply to a command into what it means for the phase.
func verdict(r Reply) error {
	switch {
	case r.Code >= 400:
		return errRejected
	case r.Code >= 300:
		return errOrder
	}
	return nil
}

// outcome is what an error means, and its words: none where a reply has them.
func (s *session) outcome(err error) (Result, string) {
	switch r := s.result(err); {
	case r == Accepted, r == Rejected:
		return r, ""
	case r == Failed && s.ctx.Err() != nil:
		return r, context.Cause(s.ctx).Error()
	default:
		return r, err.Error()
	}
}

// result names what an error means. What the other side answered counts even
// where ctx ended at the same moment; its silence does not.
func (s *session) result(err error) Result {
	var garbage notSMTP
	var errno syscall.Errno
	var network net.Error
	switch {
	case err == nil:
		return Accepted
	case errors.Is(err, errRejected):
		return Rejected
	case errors.As(err, &garbage):
		return NotSMTP
	case errors.Is(err, errUnsupported):
		return Unsupported
	case errors.Is(err, ErrBlocked):
		return Blocked
	case errors.As(err, &errno) && errnoResult(errno) != Failed:
		return errnoResult(errno)
	case s.ctx.Err() != nil:
		return Failed
	case errors.As(err, &network) && network.Timeout():
		return Timeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return Closed
	}
	return Failed
}
