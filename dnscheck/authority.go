package dnscheck

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
)

const (
	maxNameServers = 13 // hosts; as many as the root has
	maxAsked       = 20 // addresses
	maxReferrals   = 8  // zones between a public suffix and a domain
	maxParents     = 4  // hosts of a parent zone; each may cost two tries

	// directTry is shorter than a resolver's: a name server looks nothing up.
	directTry = 2 * time.Second
)

// Authority is what the name servers of a domain say themselves, each asked
// directly, past the resolver and its cache.
type Authority struct {
	Domain     string
	Zone       string       // the zone that the domain stands in; "" where it could not be found
	FromParent bool         // the resolver could not tell the name servers: they are those that the parent zone names
	Resolver   Answer       // what the resolver says to the MX question
	Servers    []NameServer // by host, an entry for each address; one for a host without any
	Unasked    int          // hosts and addresses beyond the first 13 and 20
	Took       time.Duration
	Err        string // why Zone is empty
}

// NameServer is one address of a name server, and how it answered.
type NameServer struct {
	Host    string
	Addr    netip.Addr // the zero Addr where the host has none
	Service Service
	Serial  uint32 // of the zone, where the server told it
	SOA     Answer // to the question for the zone's SOA
	MX      Answer // to the question for the domain's MX
	Differs bool   // it serves the zone, and knows otherwise than the resolver; a stale cache is the usual reason
	Err     string // what went wrong, as in [Answer]
}

// Service is what a name server does for a zone.
type Service string

// The services. Only the first is right; a resolver that meets another goes on
// to the next server, and answers SERVFAIL when there is none left.
const (
	Serves    Service = "serves"     // answers with authority (AA)
	Lame      Service = "lame"       // does not hold the zone: answers without authority, or sends us elsewhere
	Declines  Service = "refused"    // REFUSED, with which today's servers say that they do not hold a zone
	Faulty    Service = "faulty"     // SERVFAIL (an expired zone, say), no sense, or nobody at that port
	Silent    Service = "silent"     // nothing came, twice
	NoAddress Service = "no-address" // the host certainly has none
	NotAsked  Service = "not-asked"  // its address could not be found out, or not be dialled, or time was up; Err says why
)

// Serials are the serial numbers that the serving servers told, each once, in
// ascending order: more than one means that a change has not reached them all.
func (a Authority) Serials() []uint32 {
	var serials []uint32
	for _, s := range a.Servers {
		if s.Service == Serves && s.SOA.Status == OK {
			serials = append(serials, s.Serial)
		}
	}
	slices.Sort(serials)
	return slices.Compact(serials)
}

// Serving says how many of the addresses answer with authority.
func (a Authority) Serving() (n int) {
	for _, s := range a.Servers {
		if s.Service == Serves {
			n++
		}
	}
	return n
}

// CheckAuthoritative asks every name server of a domain for its MX and for the
// zone's SOA. Where the resolver cannot tell who they are, as when none of
// them works, it asks their parent's. It dials port 53 of addresses by d. Of a
// domain that is an alias, it asks about the name that the alias leads to.
func CheckAuthoritative(ctx context.Context, r Resolver, d Dialer, domain string) Authority {
	start := time.Now()
	a := Authority{Domain: display(domain)}
	if err := CheckName(domain); err != nil {
		a.Resolver, a.Err = Answer{Status: Failed, Err: err.Error()}, err.Error()
		return a
	}
	var zone zoneCut
	var wg sync.WaitGroup
	wg.Go(func() { a.Resolver = ask(ctx, r, domain, TypeMX) })
	wg.Go(func() { zone, a.FromParent = findZone(ctx, r, d, a.Domain) })
	wg.Wait()
	a.Zone, a.Err = zone.name, zone.err
	name := end(a.Resolver, a.Domain)
	a.Servers, a.Unasked = zone.addresses(ctx, r)
	for i := range a.Servers {
		wg.Go(func() { a.Servers[i].visit(ctx, d, zone.name, name, a.Resolver) })
	}
	wg.Wait()
	a.Took = time.Since(start)
	return a
}

// zoneCut is a zone and the hosts that its NS records name.
type zoneCut struct {
	name  string
	hosts []string
	glue  []Record // addresses of hosts, as the parent told
	err   string
}

// findZone finds the zone around a domain by the resolver, else from above.
func findZone(ctx context.Context, r Resolver, d Dialer, domain string) (zone zoneCut, fromParent bool) {
	a := ask(ctx, r, domain, TypeNS)
	// The SOA beside a denial names the zone; a faulty resolver's might be any.
	if a.Status.Absent() && within(end(a, domain), a.Authority) {
		a = ask(ctx, r, a.Authority, TypeNS)
	}
	if a.Status == OK {
		return cut(a.Found(), nil), false
	}
	if a.Status.Absent() {
		return zoneCut{err: "the resolver names no name servers"}, false
	}
	if zone = descend(ctx, r, d, domain); zone.name == "" {
		return zoneCut{err: cmp.Or(a.Err, zone.err)}, false
	}
	return zone, true
}

// end is the name that a domain's aliases lead to.
func end(a Answer, domain string) string {
	for _, rec := range a.Records {
		if rec.Type == TypeCNAME {
			domain = rec.Host
		}
	}
	return domain
}

// within says whether a name is a zone's own or below it.
func within(name, zone string) bool {
	return zone != "" && (zone == "." || name == zone || strings.HasSuffix(name, "."+zone))
}

func cut(ns, glue []Record) zoneCut {
	zone := zoneCut{name: ns[0].Name}
	for _, rec := range ns {
		if rec.Type == TypeNS && rec.Name == zone.name {
			zone.hosts = append(zone.hosts, rec.Host)
		}
	}
	for _, rec := range glue {
		if slices.Contains(zone.hosts, rec.Name) && rec.Addr.IsValid() {
			zone.glue = append(zone.glue, rec)
		}
	}
	slices.Sort(zone.hosts)
	zone.hosts = slices.Compact(zone.hosts)
	return zone
}

// descend follows the delegations from a public suffix, or from the root, to
// the last zone that is delegated on the way to the domain.
func descend(ctx context.Context, r Resolver, d Dialer, domain string) zoneCut {
	top, _ := publicsuffix.PublicSuffix(domain)
	if top == domain {
		top = "."
	}
	a := ask(ctx, r, top, TypeNS)
	if a.Status != OK {
		return zoneCut{err: a.Err}
	}
	parent := cut(a.Found(), nil)
	var found zoneCut
	for range maxReferrals {
		child, ok := parent.delegates(ctx, r, d, domain)
		if !ok {
			break
		}
		parent, found = child, child
	}
	return found
}

// delegates asks the servers of a zone, until one sends us on, for the zone
// below it that is nearer to the domain.
func (z zoneCut) delegates(ctx context.Context, r Resolver, d Dialer, domain string) (zoneCut, bool) {
	z.hosts = z.hosts[:min(len(z.hosts), maxParents)]
	servers, _ := z.addresses(ctx, r)
	for _, s := range servers {
		if s.Service != "" { // it has no address
			continue
		}
		a, _ := s.ask(ctx, d, domain, TypeNS)
		ns := slices.IndexFunc(a.Referral, func(rec Record) bool {
			return rec.Type == TypeNS && within(domain, rec.Name) && rec.Name != z.name && within(rec.Name, z.name)
		})
		if ns >= 0 {
			return cut(a.Referral[ns:], a.Referral), true
		}
		if a.Status.Known() {
			break
		}
	}
	return zoneCut{}, false
}

// addresses finds where the hosts are: by the parent's word for those inside
// the zone, which only they themselves could tell otherwise.
func (z zoneCut) addresses(ctx context.Context, r Resolver) (servers []NameServer, unasked int) {
	hosts := z.hosts[:min(len(z.hosts), maxNameServers)]
	found := make([]Addresses, len(hosts))
	var wg sync.WaitGroup
	for i, host := range hosts {
		for _, rec := range z.glue {
			if rec.Name == host && within(host, z.name) {
				found[i].Addrs = append(found[i].Addrs, rec.Addr)
			}
		}
		if len(found[i].Addrs) == 0 {
			wg.Go(func() { found[i] = CheckAddresses(ctx, r, host) })
		}
	}
	wg.Wait()
	for i, a := range found {
		for _, ip := range a.Addrs {
			servers = append(servers, NameServer{Host: hosts[i], Addr: ip})
		}
		if len(a.Addrs) == 0 {
			s := NameServer{Host: hosts[i], Service: NotAsked, Err: a.Err}
			if a.Status().Absent() {
				s.Service = NoAddress
			}
			servers = append(servers, s)
		}
	}
	asked := servers[:min(len(servers), maxAsked)]
	return asked, len(z.hosts) - len(hosts) + len(servers) - len(asked)
}

// visit asks one server, and judges what it does for the zone.
func (s *NameServer) visit(ctx context.Context, d Dialer, zone, name string, resolver Answer) {
	if s.Service != "" { // it has no address
		return
	}
	var failed error
	var wg sync.WaitGroup
	wg.Go(func() { s.SOA, _ = s.ask(ctx, d, zone, TypeSOA) })
	wg.Go(func() { s.MX, failed = s.ask(ctx, d, name, TypeMX) })
	wg.Wait()
	for _, rec := range s.SOA.Found() {
		s.Serial = rec.Serial
	}
	s.Service, s.Err = service(s.MX), s.MX.Err
	if failed != nil {
		s.Service, s.Err = NotAsked, failed.Error()
	}
	s.Differs = s.Service == Serves && resolver.Status.Known() && !same(s.MX, resolver)
}

// ask puts a question to the server. The error is why it was not put at all,
// or not waited for; it says nothing about the server.
func (s *NameServer) ask(ctx context.Context, d Dialer, name string, t Type) (Answer, error) {
	var failed error
	client := Client{Servers: []netip.AddrPort{netip.AddrPortFrom(s.Addr, 53)}, Try: directTry, Direct: true}
	client.Dial = func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		conn, err = d.DialContext(ctx, network, address)
		if network == "udp" { // over TCP the server may refuse
			failed = err
		}
		return conn, err
	}
	a := lookup(ctx, &client, Question{Name: name, Type: t})
	return a, cmp.Or(failed, ctx.Err())
}

func service(a Answer) Service {
	switch {
	case a.Status.Known() && a.Authoritative:
		return Serves
	case a.Status.Known() || len(a.Referral) > 0:
		return Lame
	case a.Status == Refused:
		return Declines
	case a.Status == Timeout:
		return Silent
	}
	return Faulty
}

// same says whether two answers route mail alike.
func same(a, b Answer) bool {
	return a.Status == b.Status && slices.Equal(routes(a), routes(b))
}

func routes(a Answer) []string {
	var all []string
	for _, rec := range a.Found() {
		all = append(all, fmt.Sprint(rec.Preference, " ", rec.Host))
	}
	slices.Sort(all)
	return all
}
