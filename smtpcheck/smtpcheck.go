// Package smtpcheck knocks on port 25 of one address, listens, says EHLO and
// leaves. It never names a sender or a recipient and never sends a message.
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
// noted as a problem, while the session goes on.
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
}

// Phase is how far a session came.
type Phase string

// The phases, in order.
const (
	PhaseConnect  Phase = "connect"
	PhaseGreeting Phase = "greeting"
	PhaseEHLO     Phase = "ehlo"
	PhaseSTARTTLS Phase = "starttls"
	PhaseDone     Phase = "done" // QUIT was said after everything asked for
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
	Closed      Result = "closed"   // the connection was closed or reset
	NotSMTP     Result = "not-smtp" // bytes that are no SMTP reply, or a reply that has no place here
	Blocked     Result = "blocked"  // our own policy forbids the address; nothing was sent
	Failed      Result = "failed"   // anything else, in Err
)

// Reply is one reply of the server (RFC 5321 section 4.2), its lines without
// the codes, otherwise as they came: they may hold any byte but LF. The zero
// Reply is none, or none that was read to its end.
type Reply struct {
	Code  int // 200 to 599
	Lines []string
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
	Problem  string // one of the Problem constants; empty: none, or not tried
	Err      string
}

// What can be wrong with TLS. Of several problems of one certificate the first
// in this order is named.
const (
	ProblemHandshake   = "handshake"     // no encrypted connection came to stand
	ProblemExpired     = "expired"       // the certificate, or one above it, is past its time
	ProblemNotYetValid = "not-yet-valid" // its time has not come, or our clock is wrong
	ProblemSelfSigned  = "self-signed"   // it vouches for itself
	ProblemNoRoots     = "no-roots"      // we have no authorities to judge by: not the server's fault
	ProblemUntrusted   = "untrusted"     // nobody we trust vouches for it, or a link of the chain was not sent
	ProblemName        = "name"          // it is for other names than Options.Name
)

// Session is what was seen and heard, whatever happened. Text in it comes from
// the server and is bounded but not escaped.
type Session struct {
	Addr       netip.AddrPort
	Local      netip.AddrPort // our end, once connected
	Phase      Phase          // the last one reached
	Result     Result         // how it ended
	Greeting   Reply
	EHLO       Reply             // to EHLO; to HELO where that was tried and answered
	Helo       bool              // EHLO was refused and HELO tried
	Extensions map[string]string // EHLO keyword, upper case -> its parameters; the first of equal ones
	Size       int64             // of SIZE (RFC 1870): bytes; 0 where it announces none or no fixed limit
	SizeKnown  bool              // SIZE was announced with a number
	TLS        TLS
	Started    time.Time
	Timings    map[Phase]time.Duration // of each phase begun; PhaseDone is the QUIT
	Transcript []string                // what both sides said, "S: " and "C: " before each line; at most 200
	Err        string                  // the network's own words
}

// Greets says whether the greeting was a 220.
func (s Session) Greets() bool { return s.Greeting.Code == 220 }

// Refusal is the reply that turned us away: the zero Reply unless the session
// ended as Rejected.
func (s Session) Refusal() Reply {
	switch {
	case s.Result != Rejected:
		return Reply{}
	case s.Phase == PhaseGreeting:
		return s.Greeting
	case s.Phase == PhaseSTARTTLS:
		return s.TLS.Reply
	}
	return s.EHLO
}
