package dnstest

import (
	"strings"

	"github.com/miekg/dns"
)

const udpMax = 1232

type packer interface{ Pack() ([]byte, error) }

// garbage has a header's length, and counts records that are not there.
type garbage struct{}

func (garbage) Pack() ([]byte, error) {
	return []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xc0"), nil
}

// replies are the messages that go out for a query.
func (s *Server) replies(query *dns.Msg, fault Fault, tcp bool) []packer {
	switch fault {
	case Silence:
		return nil
	case ServFail:
		return []packer{refusal(query, dns.RcodeServerFailure)}
	case Refuse:
		return []packer{refusal(query, dns.RcodeRefused)}
	case Lame:
		m := new(dns.Msg).SetReply(query)
		m.Ns = []dns.RR{&dns.NS{Hdr: header(".", dns.TypeNS), Ns: "a.root-servers.net."}}
		return []packer{m}
	case FormErr:
		if query.IsEdns0() != nil {
			return []packer{refusal(query, dns.RcodeFormatError)}
		}
	case Bogus:
		if !query.CheckingDisabled {
			m := refusal(query, dns.RcodeServerFailure)
			m.SetEdns0(udpMax, false)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeDNSBogus}}
			return []packer{m}
		}
	case Truncate:
		if !tcp {
			m := new(dns.Msg).SetReply(query)
			m.Truncated = true
			return []packer{m}
		}
	}
	m := s.truth(query)
	if !query.RecursionDesired {
		m.RecursionAvailable = false
		m.Authoritative = !s.refer(m)
	}
	if !tcp {
		m.Truncate(udpSize(query))
	}
	switch fault {
	case WrongID:
		return []packer{forge(query, query.Id+1, query.Question[0].Name), m}
	case WrongQuestion:
		return []packer{forge(query, query.Id, "forged.example."), m}
	case Garbage:
		return []packer{garbage{}, m}
	}
	return []packer{m}
}

func refusal(query *dns.Msg, rcode int) *dns.Msg {
	m := new(dns.Msg).SetRcode(query, rcode)
	m.RecursionAvailable = true
	return m
}

func forge(query *dns.Msg, id uint16, name string) *dns.Msg {
	m := new(dns.Msg).SetReply(query)
	m.Id = id
	m.RecursionAvailable = true
	m.Question = []dns.Question{{Name: name, Qtype: query.Question[0].Qtype, Qclass: dns.ClassINET}}
	m.Answer = []dns.RR{&dns.A{Hdr: header(name, dns.TypeA), A: forged}}
	return m
}

func header(name string, t uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: t, Class: dns.ClassINET, Ttl: 300}
}

func udpSize(query *dns.Msg) int {
	if opt := query.IsEdns0(); opt != nil {
		return int(opt.UDPSize())
	}
	return dns.MinMsgSize
}

// truth answers as a recursive server that knows the zones does.
func (s *Server) truth(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(query)
	m.RecursionAvailable = true
	if opt := query.IsEdns0(); opt != nil {
		m.SetEdns0(opt.UDPSize(), false)
	}
	q := query.Question[0]
	name := dns.CanonicalName(q.Name)
	for range 20 { // aliases, which may go in a circle
		found, exists := s.at(name)
		target := ""
		for _, rr := range found {
			if rr = dns.Copy(rr); rr.Header().Rrtype == q.Qtype || rr.Header().Rrtype == dns.TypeCNAME {
				rr.Header().Name = name
				m.Answer = append(m.Answer, rr)
			}
			if c, ok := rr.(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
				target = dns.CanonicalName(c.Target)
			}
		}
		if target == "" {
			s.deny(m, name, q.Qtype, exists)
			return m
		}
		name = target
	}
	m.Rcode = dns.RcodeServerFailure
	return m
}

// refer makes a reply a referral, if the name asked for is delegated.
func (s *Server) refer(m *dns.Msg) bool {
	name := dns.CanonicalName(m.Question[0].Name)
	for off, end := 0, false; !end; off, end = dns.NextLabel(name, off) {
		owner := name[off:]
		ns := ofType(s.records[owner], dns.TypeNS)
		if len(ns) == 0 || len(ofType(s.records[owner], dns.TypeSOA)) > 0 {
			continue
		}
		m.Rcode, m.Answer, m.Ns = dns.RcodeSuccess, nil, ns
		for _, rr := range ns {
			host := s.records[dns.CanonicalName(rr.(*dns.NS).Ns)]
			m.Extra = append(m.Extra, ofType(host, dns.TypeA)...)
			m.Extra = append(m.Extra, ofType(host, dns.TypeAAAA)...)
		}
		return true
	}
	return false
}

func ofType(rrs []dns.RR, t uint16) (of []dns.RR) {
	for _, rr := range rrs {
		if rr.Header().Rrtype == t {
			of = append(of, rr)
		}
	}
	return of
}

// deny adds what a negative answer needs, where there is nothing of the type.
func (s *Server) deny(m *dns.Msg, name string, t uint16, exists bool) {
	for _, rr := range m.Answer {
		if rr.Header().Name == name && rr.Header().Rrtype == t {
			return
		}
	}
	apex := s.apex(name)
	switch {
	case apex == nil && !exists:
		s.t.Errorf("dnstest: nobody listed %s %s", name, dns.TypeToString[t])
		m.Rcode = dns.RcodeRefused
		return
	case apex == nil:
		apex = &dns.SOA{Hdr: header(name, dns.TypeSOA), Ns: ".", Mbox: ".", Minttl: 60}
	}
	m.Ns = []dns.RR{apex}
	if !exists {
		m.Rcode = dns.RcodeNameError
	}
}

// at finds the records of a name, through a wildcard where need be (RFC 4592).
func (s *Server) at(name string) (found []dns.RR, exists bool) {
	if found, exists = s.records[name]; exists {
		return found, true
	}
	for owner := range s.records {
		if strings.HasSuffix(owner, "."+name) {
			return nil, true // an empty non-terminal
		}
	}
	for off, end := dns.NextLabel(name, 0); !end; off, end = dns.NextLabel(name, off) {
		if found, exists = s.records["*."+name[off:]]; exists {
			return found, true
		}
	}
	return nil, false
}

// apex is the SOA of the closest zone around a name.
func (s *Server) apex(name string) (closest *dns.SOA) {
	for _, soa := range s.apexes {
		if dns.IsSubDomain(soa.Hdr.Name, name) && (closest == nil || len(soa.Hdr.Name) > len(closest.Hdr.Name)) {
			closest = soa
		}
	}
	return closest
}
