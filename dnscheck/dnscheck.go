package dnscheck

import (
	"context"
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
)

// Known says whether the status is knowledge: something is there, or is
// certainly not.
func (s Status) Known() bool { return s == OK || s == NXDomain || s == NoData }

// Absent says whether the thing asked for is certainly not there.
func (s Status) Absent() bool { return s == NXDomain || s == NoData }

// Record is one resource record, with the fields that its type has.
type Record struct {
	Name       string // owner, lower case, without the trailing dot
	Type       Type
	TTL        time.Duration
	Addr       netip.Addr // A, AAAA
	Host       string     // MX, PTR, CNAME, NS, SOA (its primary): lower case, without the trailing dot
	Preference uint16     // MX
	Text       string     // TXT, its strings joined
	TLSA       TLSA       // TLSA
}

// TLSA is the data of a TLSA record (RFC 6698 section 2.1).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// Answer is what a resolver said. Any response code is an answer.
type Answer struct {
	Question  Question
	Status    Status
	Records   []Record // of the question's type, and the CNAMEs that led to them
	Bogus     bool     // ServFail only, and only where asked for: the same question with CD is answered
	Authentic bool     // the AD bit: the resolver validated it
	Authority string   // owner of the SOA in the authority section, where there was one
	Server    string   // who answered, "192.0.2.53:53"; where nobody did, who was asked last
	Took      time.Duration
	Err       string // what went wrong, in the network's own words; empty for knowledge
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

// Addresses are what the A and AAAA records of one host say, each family
// apart.
type Addresses struct {
	Host   string
	CNAME  string       // where the name led to, if it is an alias
	Addrs  []netip.Addr // IPv4 first
	V4, V6 Status
	Server string
	Took   time.Duration
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

// MX is how mail for a domain is routed (RFC 5321 section 5.1).
type MX struct {
	Domain   string
	Status   Status   // of the MX lookup itself
	Bogus    bool     // ServFail because DNSSEC does not validate
	Null     bool     // "." : the domain takes no mail (RFC 7505)
	Implicit bool     // no MX record; the domain's own address is used
	Hosts    []MXHost // in order of preference; the domain itself where Implicit
	Server   string
	Took     time.Duration
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
	unknown := false
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
	Names     []PTRName
	Confirmed bool // at least one name resolves back to IP
	Server    string
	Took      time.Duration
}

// PTRName is one name that a PTR record gives.
type PTRName struct {
	Addresses
	Confirms bool // it resolves back to the address
	Generic  bool // it looks made from the address, as access providers do
}
