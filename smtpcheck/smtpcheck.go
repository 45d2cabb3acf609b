package smtpcheck

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Dialer opens connections; *net.Dialer is one. Tests and the guard of
// package probe bring their own.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Options are what a check may be told. The zero value is usable but for
// HELO.
type Options struct {
	HELO     string        // the name we greet with; must be real (RFC 5321 section 4.1.1.1)
	Connect  time.Duration // until the TCP connection stands; 0 means 10 s
	Greeting time.Duration // until the greeting's last line; 0 means 30 s
	Command  time.Duration // for each reply after it; 0 means 15 s
	NoTLS    bool          // do not try STARTTLS
	Name     string        // the host name that its certificate must match; empty: not judged
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
// is somebody's answer, the others are nobody's.
const (
	Accepted    Result = "accepted"    // a 2xx reply, or the connection stands
	Rejected    Result = "rejected"    // a 4xx or 5xx reply
	Refused     Result = "refused"     // TCP: connection refused
	Unreachable Result = "unreachable" // TCP: no route, host or network unreachable
	Timeout     Result = "timeout"
	Closed      Result = "closed"   // the connection was closed or reset
	NotSMTP     Result = "not-smtp" // bytes that are no SMTP reply
	Blocked     Result = "blocked"  // our own policy forbids the address; nothing was sent
	Failed      Result = "failed"   // anything else, in Err
)

// Reply is one reply of the server (RFC 5321 section 4.2), its lines without
// the codes.
type Reply struct {
	Code  int
	Lines []string
}

// TLS is what STARTTLS led to.
type TLS struct {
	Offered  bool
	Result   Result // of the STARTTLS command and the handshake; empty where it was not tried
	Version  string // "TLS 1.3"
	Subject  string // names in the certificate, comma separated
	Issuer   string
	NotAfter time.Time
	Problem  string // "", "expired", "name", "untrusted", "self-signed", "handshake"
	Err      string
}

// Session is what was seen and heard, whatever happened.
type Session struct {
	Addr       netip.AddrPort
	Local      netip.AddrPort // our end, once connected
	Phase      Phase          // the last one reached
	Result     Result         // how it ended
	Greeting   Reply
	EHLO       Reply
	Helo       bool              // EHLO was refused and HELO tried
	Extensions map[string]string // EHLO keyword, upper case -> its parameters
	Size       int64             // of SIZE (RFC 1870): bytes; 0 where it announces none or no fixed limit
	SizeKnown  bool              // SIZE was announced with a number
	TLS        TLS
	Started    time.Time
	Timings    map[Phase]time.Duration
	Transcript []string // what both sides said, "S: " and "C: " before each line
	Err        string   // the network's own words
}

// Greets says whether the greeting was a 220.
func (s Session) Greets() bool { return s.Greeting.Code == 220 }

var _ = context.Background
