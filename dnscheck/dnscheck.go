// Package dnscheck answers, from the DNS, the questions that decide whether a
// message is delivered.
//
// # Where mail goes
//
// A sending server asks for the MX records of the recipient's domain. Each
// names a host and a preference; the lowest is tried first. The name must be
// a host's own: neither an address nor an alias (CNAME). Then it asks for the
// addresses of that host, A for IPv4 and AAAA for IPv6, and connects to port 25.
//
// A domain without any MX record is its own mail server: its A and AAAA are
// used (the implicit MX of RFC 5321 section 5.1). A domain with the one record
// "MX 0 ." says that it takes no mail at all (the null MX of RFC 7505); so mail
// for it fails at once instead of being tried for days.
//
// # Who is calling
//
// A receiving server knows its caller's address only, and asks the other way
// round: the PTR record under in-addr.arpa or ip6.arpa names the host. Whoever
// holds the address may write any name there, so the name counts only when its
// own A or AAAA leads back to the address: forward-confirmed reverse DNS,
// FCrDNS. Many servers refuse callers that lack it, and many distrust a name
// that is plainly made from the address, as on home lines. The PTR is set by
// whoever provides the address, not by whoever owns the domain.
//
// # Four ways of not getting an answer
//
// NXDOMAIN: the name does not exist, and nothing below it does. NODATA: the
// name exists, but has no record of that type. Both are knowledge, and the
// mail bounces at once. SERVFAIL: the resolver tried and could not find out,
// because the domain's name servers are dead, do not know the domain (lame),
// or sign it wrongly (DNSSEC; such an answer comes once checking is disabled).
// A timeout: nobody answered, and the fault may lie anywhere, the nearest
// cable included. Neither says anything about the domain: a mail server waits
// and tries again, and a check must not call the domain missing. [Status]
// keeps the four apart. Who is to blame for the last two shows only when the
// domain's own name servers are asked, one by one: [CheckAuthoritative].
//
// # Whose mail it is
//
// A receiving server asks the sender's domain whether it stands by a message.
// SPF lists the addresses that may send for the envelope's domain. DKIM is a
// signature, whose public key stands in the DNS under a name that the message
// tells. DMARC joins both to the domain in From, the one that people see: one
// of the two must pass for a domain that is aligned with it, the same or at
// least of the same owner; and it says what to do otherwise.
//
// # Whether the way is safe
//
// STARTTLS alone protects from nobody who can interfere. Two publications let
// a recipient's domain insist: MTA-STS, a list of its mail servers fetched
// over HTTPS, whose certificates must then be valid; and DANE, fingerprints of
// the certificates in TLSA records, which count only where DNSSEC vouches for
// them and for the whole way there.
package dnscheck

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Type is a DNS record type.
type Type uint16

// The record types that mail needs; the numbers are IANA's.
const (
	TypeA     Type = 1
	TypeNS    Type = 2
	TypeCNAME Type = 5
	TypeSOA   Type = 6
	TypePTR   Type = 12
	TypeMX    Type = 15
	TypeTXT   Type = 16
	TypeAAAA  Type = 28
	TypeTLSA  Type = 52
)

// Question is what is asked. Name is absolute; a missing trailing dot is
// added, and no search list is ever applied.
type Question struct {
	Name string
	Type Type
	CD   bool // checking disabled: the answer even where DNSSEC calls it bogus
}

// Status is what an answer means; unlike an RCODE it tells "the name does not
// exist" from "the name has no such record" and both from every failure.
type Status string

// The statuses of a lookup. The first three are knowledge, the rest is not.
const (
	OK       Status = "ok"       // records came back
	NXDomain Status = "nxdomain" // the name does not exist (RFC 8020)
	NoData   Status = "nodata"   // the name exists, without such a record (RFC 2308 section 2.2)
	ServFail Status = "servfail" // the resolver could not find out
	Refused  Status = "refused"  // the server will not answer us
	Timeout  Status = "timeout"  // nobody answered in time
	Failed   Status = "failed"   // anything else: FORMERR, no network, a lame answer
	Blind    Status = "blind"    // a server that denies even the root says that nothing is there
)

// Known says whether the status is knowledge: something is there, or is
// certainly not.
func (s Status) Known() bool { return s == OK || s == NXDomain || s == NoData }

// Absent says whether the thing asked for is certainly not there.
func (s Status) Absent() bool { return s == NXDomain || s == NoData }

// Record is one resource record, with the fields that its type has. Names are
// lower case and without the trailing dot, except that the root is "."; a byte
// that no host name has is escaped (RFC 1035 section 5.1), so they are ASCII.
type Record struct {
	Name       string // owner
	Type       Type
	TTL        time.Duration
	Addr       netip.Addr // A, AAAA
	Host       string     // MX, PTR, CNAME, NS, SOA (its primary)
	Preference uint16     // MX
	Serial     uint32     // SOA
	Text       string     // TXT, its strings joined: raw bytes, fit for no terminal
	TLSA       TLSA       // TLSA
}

// TLSA is the data of a TLSA record (RFC 6698 section 2.1).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// Answer is what a resolver said. Any response code is an answer. It may be
// shared with others: its Records are to be read only.
type Answer struct {
	Question  Question // as asked: the name absolute, in lower case and A-labels
	Status    Status
	Records   []Record      // of the question's type, and the CNAMEs that led to them
	TTL       time.Duration // how long it may be kept, RFC 2308 section 5 included; 0 for what is not knowledge
	Bogus     bool          // ServFail only, set by the checks of this package: the same question with CD is answered
	Authentic bool          // the AD bit: the resolver says that it validated it (worth as much as the resolver, and the way to it)
	Authority string        // owner of the SOA in the authority section, where there was one

	// Authoritative is the AA bit: the server holds the zone itself. Referral
	// is to whom a server sends us on that does not: NS records, and the
	// addresses that it gave along (RFC 1034 section 4.3.2).
	Authoritative bool
	Referral      []Record

	Server string // who answered, "192.0.2.53:53"; where nobody did, who was asked last
	Took   time.Duration
	Err    string // what went wrong, in the network's own words; empty for knowledge
}

// Found are the records of the question's type, without the CNAMEs that led
// to them.
func (a Answer) Found() []Record {
	var found []Record
	for _, r := range a.Records {
		if r.Type == a.Question.Type {
			found = append(found, r)
		}
	}
	return found
}

// Resolver answers questions. Every response code, and every failure to get
// one, is an Answer; the error is only for a question that cannot be asked (a
// name that is no domain name, a cancelled context).
//
// It is the only way in which this project's checks reach the DNS: cmd wraps
// one guarded resolver, tests give their own.
type Resolver interface {
	Lookup(ctx context.Context, q Question) (Answer, error)
}

// Dialer opens connections; *net.Dialer is one. It gets addresses only, never
// names, and may refuse any.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Addresses are what the A and AAAA records of one host say, each family
// apart.
type Addresses struct {
	Host      string
	CNAME     string       // where the name led to, if it is an alias
	Addrs     []netip.Addr // IPv4 first
	V4, V6    Status
	Bogus     bool // either family is ServFail because DNSSEC does not validate
	Authentic bool // both families have the AD bit, as in [Answer]
	Server    string
	Took      time.Duration
	Err       string // of the family that failed, as in [Answer]
}

// Status sums both families up: OK where either has an address; a failure
// where either failed; else NXDomain or NoData.
func (a Addresses) Status() Status {
	switch {
	case len(a.Addrs) > 0:
		return OK
	case !a.V4.Known():
		return a.V4
	case !a.V6.Known():
		return a.V6
	}
	return a.V4
}

// Problem is what is wrong with something that a domain publishes, as a code;
// "" where nothing is.
type Problem string

// MX is how mail for a domain is routed (RFC 5321 section 5.1).
type MX struct {
	Domain    string
	Status    Status   // of the MX lookup itself
	Bogus     bool     // ServFail because DNSSEC does not validate
	Authentic bool     // the MX answer has the AD bit, as in [Answer]
	Null      bool     // "." : the domain takes no mail (RFC 7505)
	Implicit  bool     // no MX record; the domain's own address is used
	Hosts     []MXHost // in order of preference; the domain itself where Implicit
	Unasked   int      // hosts beyond the first 20, which were not looked at
	Server    string
	Took      time.Duration // of everything
	Err       string        // of the MX lookup, as in [Answer]
}

// MXHost is one mail server of a domain.
type MXHost struct {
	Preference uint16
	Addresses
	IsAddress bool // the record holds an address where a host name belongs
}

// Outcome sums the routing up.
func (m MX) Outcome() Routing {
	switch {
	case m.Null:
		return TakesNoMail
	case !m.Status.Known():
		return CannotTell
	}
	unknown := m.Unasked > 0
	for _, h := range m.Hosts {
		switch s := h.Status(); {
		case s == OK:
			return Routable
		case !s.Known():
			unknown = true
		}
	}
	if unknown {
		return CannotTell
	}
	return Unroutable
}

// Routing is whether mail for a domain can be sent anywhere.
type Routing string

// The routings.
const (
	Routable    Routing = "routable"      // at least one mail server has an address
	Unroutable  Routing = "unroutable"    // certainly none has: no such domain, no MX and no address, or only dead MX
	TakesNoMail Routing = "takes-no-mail" // null MX
	CannotTell  Routing = "cannot-tell"   // a lookup failed
)

// Reverse is the reverse DNS of an address, forward-confirmed (RFC 8601
// section 3, "iprev").
type Reverse struct {
	IP        netip.Addr
	Status    Status // of the PTR lookup
	Bogus     bool   // ServFail because DNSSEC does not validate
	Names     []PTRName
	Unasked   int  // names beyond the first 10, which were not looked at
	Confirmed bool // at least one name resolves back to IP; see [Reverse.Iprev] for "certainly none"
	Server    string
	Took      time.Duration // of everything
	Err       string        // of the PTR lookup, as in [Answer]
}

// PTRName is one name that a PTR record gives.
type PTRName struct {
	Addresses
	Confirms bool // it resolves back to the address
	Generic  bool // it looks made from the address, as access providers do
}
