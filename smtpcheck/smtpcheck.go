// Package smtpcheck knocks on port 25 of one address, listens, says EHLO and
// leaves. Asked to, it also asks for one mailbox. It never sends a message.
//
// What happens on port 25, step by step, is what separates one cause of a
// bounce from another:
//
//	             TCP connection
//	S: 220 mx.example.net ESMTP             the greeting: the server talks first
//	C: EHLO mail.example.org                we say who we are
//	S: 250-mx.example.net
//	S: 250-SIZE 26214400                    the largest message, in bytes
//	S: 250 STARTTLS                         encryption is to be had
//	C: STARTTLS
//	S: 220 ready                            … TLS handshake, the certificate
//	C: EHLO mail.example.org                encrypted now, and asked anew
//	C: MAIL FROM:<>                         only with Options.Rcpt, as a bounce would
//	C: RCPT TO:<user@example.net>           is this mailbox taken?
//	C: RSET                                 no message follows
//	C: QUIT
//	S: 221 bye
//
// The connection. "Refused" is an answer: a machine is there, and nothing
// listens on the port, or a firewall says so in its place. "Unreachable" is
// the word of a router on the way. A timeout is nobody's word: packets are
// dropped somewhere, as often near us (many providers close outgoing port 25)
// as near them, and only a look at other servers tells which.
//
// The greeting. 220 means come in. 554 means not from you, or no mail here at
// all; 421 and 450 mean not now. A server may take its time before the
// greeting, and treats a client that talks before it as a spammer: so this
// package waits. A connection that stands but stays silent is a server that is
// overloaded, or that looks us up first, or a filter in between. A greeting
// like "220 ****************" comes from a firewall that rewrites SMTP; behind
// it EHLO and STARTTLS often fail though the server knows both.
//
// EHLO. The reply lists what the server can do. SIZE tells the limit for a
// message, though a mailbox may have a lower one. A server that does not know
// EHLO is greeted again with HELO, and has no extensions. A refusal here is
// about our name or our address.
//
// STARTTLS. Most senders encrypt where they can and do not look at the
// certificate: one that has expired or bears another name stops only mail for
// which MTA-STS, DANE or the sender's own policy asks for more. It is therefore
// noted as a problem, while the session goes on. Over TLS the server is asked
// EHLO again, and that answer counts: what was said in the clear anybody on the
// way may have changed.
//
// RCPT. A 250 need not mean that the mailbox exists: a catch-all takes every
// name, and some servers say yes now and bounce later. So after a 250 a name
// that nobody has is asked for too. Nor need a refusal be about the mailbox: a
// server that does not like us refuses everybody. So after one the postmaster,
// whom every domain must have, is asked for. A 450 or 451 is often greylisting:
// strangers are sent away once, and let in when they come back minutes later.
// All this is a callout, which some block lists punish: it is for one mailbox
// of one bounce.
//
// QUIT. Whoever leaves without it shows in the other side's log as a lost
// connection, so it is said whenever the server greeted us.
package smtpcheck

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"time"
)

// Dialer opens connections; *net.Dialer is one. Tests and the guard of
// package probe bring their own.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// ErrBlocked is what the error of a Dialer wraps when policy, not the network,
// kept it from dialling. The session then ends as [Blocked].
var ErrBlocked = errors.New("blocked by policy")

// Options are what a check may be told. The zero value is usable but for
// HELO.
type Options struct {
	HELO         string         // the name we greet with; must be real (RFC 5321 section 4.1.1.1), in ASCII; without it nothing is dialled unless GreetingOnly
	Connect      time.Duration  // until the TCP connection stands; 0 means 10 s
	Greeting     time.Duration  // until the greeting's last line; 0 means 30 s
	Command      time.Duration  // for each reply after it, and for the TLS handshake; 0 means 15 s
	GreetingOnly bool           // QUIT after the greeting, without EHLO: for hosts that are only asked whether they answer
	NoTLS        bool           // do not try STARTTLS
	Name         string         // the host name that its certificate must match; empty: not judged
	Roots        *x509.CertPool // who may vouch for a certificate; nil means the system's authorities
	TLSA         []TLSA         // the DNSSEC-proven records of Name; where one is usable, they judge the certificate alone
	STSHosts     []string       // the mx patterns of an MTA-STS policy ("*.example.net"), one of which Name must match; none: not judged
	Rcpt         string         // the mailbox to ask for, local@domain; empty: none. One that cannot be said on the wire: nothing is dialled
	RandomName   string         // local part that nobody has, in ASCII, asked for at the same domain once Rcpt is accepted; empty: not asked
	Sender       string         // with Rcpt: the envelope sender, local@domain; empty is the null sender, which is the rule. With one, "<>" too, nobody beside Rcpt is asked for
}

// Phase is how far a session came.
type Phase string

// The phases, in order.
const (
	PhaseConnect  Phase = "connect"
	PhaseGreeting Phase = "greeting"
	PhaseEHLO     Phase = "ehlo"
	PhaseSTARTTLS Phase = "starttls" // EHLO follows once more, as PhaseEHLO
	PhaseMail     Phase = "mail"
	PhaseRcpt     Phase = "rcpt" // that of Options.Rcpt; the one beside it only adds to the time
	PhaseDone     Phase = "done" // QUIT was said after everything asked for; with Options.Rcpt, it was accepted
)

// Result is how a phase ended.
type Result string

// The results. Refused, Unreachable and Timeout are never confused: the first
// is somebody's answer, the second a router's or our own system's, the third
// nobody's. Timeout means that a limit of [Options] passed; a session that the
// caller's context cut short has Failed, and says nothing of the server.
const (
	Accepted    Result = "accepted"    // a 2xx reply, or the connection stands
	Rejected    Result = "rejected"    // a 4xx or 5xx reply
	Refused     Result = "refused"     // TCP: connection refused
	Unreachable Result = "unreachable" // TCP: no route, host or network unreachable
	Timeout     Result = "timeout"
	Closed      Result = "closed"      // the connection was closed or reset
	NotSMTP     Result = "not-smtp"    // bytes that are no SMTP reply, or a reply that has no place here
	Unsupported Result = "unsupported" // Options.Rcpt needs SMTPUTF8, which is not offered: it was not asked for
	Blocked     Result = "blocked"     // our own policy forbids the address; nothing was sent
	Failed      Result = "failed"      // anything else, in Err
)

// Reply is one reply of the server (RFC 5321 section 4.2), its lines without
// the codes, otherwise as they came: they may hold any byte but LF. The zero
// Reply is none, or none that was read to its end.
type Reply struct {
	Code  int // 200 to 599
	Lines []string
}

// Accepted says whether r is a 2xx.
func (r Reply) Accepted() bool { return r.Code/100 == 2 }

// Limits are what the LIMITS keyword promises (RFC 9422 section 4). Each is
// from 1 to 999999; 0 where it is not announced, or not as a number.
type Limits struct {
	MailMax       int // MAILMAX: messages in one session
	RcptMax       int // RCPTMAX: recipients of one message
	RcptDomainMax int // RCPTDOMAINMAX: domains among them
}

// TLS is what STARTTLS led to.
type TLS struct {
	Offered  bool
	Reply    Reply  // to STARTTLS
	Result   Result // of the STARTTLS command and the handshake; empty where it was not tried
	Version  string // "TLS 1.3"
	Subject  string // names in the certificate, comma separated; a very long list is cut
	Issuer   string
	NotAfter time.Time
	DANE     bool   // a record of Options.TLSA vouches for the certificate
	Problem  string // one of the Problem constants; empty: none, or not tried
	Err      string
}

// What can be wrong with TLS. Of several problems of one certificate the first
// in this order is named. Where DANE judges, nothing below it is looked at: it
// needs no authority, and its answer goes before that of MTA-STS (RFC 8461
// section 2).
const (
	ProblemHandshake   = "handshake"     // no encrypted connection came to stand
	ProblemDANE        = "dane-mismatch" // no usable record of Options.TLSA vouches for it
	ProblemExpired     = "expired"       // the certificate, or one above it, is past its time
	ProblemNotYetValid = "not-yet-valid" // its time has not come, or our clock is wrong
	ProblemSelfSigned  = "self-signed"   // it vouches for itself
	ProblemNoRoots     = "no-roots"      // we have no authorities to judge by: not the server's fault
	ProblemUntrusted   = "untrusted"     // nobody we trust vouches for it, or a link of the chain was not sent
	ProblemName        = "name"          // it is for other names than Options.Name
	ProblemSTS         = "sts-mismatch"  // it is good, but the MTA-STS policy does not know Options.Name
)

// Session is what was seen and heard, whatever happened. Text in it comes from
// the server and is bounded but not escaped.
type Session struct {
	Addr       netip.AddrPort
	Local      netip.AddrPort // our end, once connected
	Phase      Phase          // the last one reached
	Result     Result         // how it ended
	Greeting   Reply
	EHLO       Reply             // to the last EHLO; to HELO where that was tried and answered
	Helo       bool              // EHLO was refused and HELO tried
	SeenAs     netip.Addr        // our address as that reply names it: behind NAT not ours; the server's word, and invalid where it says none
	Extensions map[string]string // of that EHLO: keyword, upper case -> its parameters; the first of equal ones
	Size       int64             // of SIZE (RFC 1870): bytes; 0 where it announces none or no fixed limit
	SizeKnown  bool              // SIZE was announced with a number
	Limits     Limits
	TLS        TLS
	Mail       Reply // to MAIL FROM:<>
	Rcpt       Reply // to RCPT TO with Options.Rcpt
	Random     Reply // to RCPT TO with Options.RandomName; none where that was not asked, or not answered
	Postmaster Reply // to RCPT TO with the domain's postmaster, asked only after a refusal that was no greylisting; none as in Random
	Started    time.Time
	Timings    map[Phase]time.Duration // of each phase begun, both times for EHLO; PhaseDone is the QUIT
	Transcript []string                // what both sides said, "S: " and "C: " before each line; at most 200
	Err        string                  // the network's own words
}

// Greets says whether the greeting was a 220.
func (s Session) Greets() bool { return s.Greeting.Code == 220 }

// Refusal is the reply that turned us away: the zero Reply unless the session
// ended as Rejected.
func (s Session) Refusal() Reply {
	if s.Result != Rejected {
		return Reply{}
	}
	switch s.Phase {
	case PhaseGreeting:
		return s.Greeting
	case PhaseSTARTTLS:
		return s.TLS.Reply
	case PhaseMail:
		return s.Mail
	case PhaseRcpt:
		return s.Rcpt
	}
	return s.EHLO
}
