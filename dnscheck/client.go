package dnscheck

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// defaultTry leaves a resolver the time for one dead name server upstream.
	defaultTry = 3 * time.Second

	// udpSize passes everywhere in one piece (DNS flag day 2020).
	udpSize = 1232

	// maxDatagram leaves room for servers that do not care.
	maxDatagram = 4096

	// maxAliases is more than resolvers themselves follow.
	maxAliases = 16
)

// ErrNoServer is returned by a [Client] without Servers.
var ErrNoServer = errors.New("no name server to ask")

// Client is a [Resolver] that asks recursive name servers: over UDP, and over
// TCP where the answer does not fit. Where the first server fails or declines,
// the question goes once more to the next (the same one if it is alone). The
// fields must not change once it is in use; it may be used by many at once.
type Client struct {
	// Servers are asked in this order; one that stayed silent while its
	// successor knew the answer is no longer asked first.
	Servers []netip.AddrPort

	// Dial connects to a server, network "udp" or "tcp"; nil is net.Dialer's.
	// A connection must obey SetDeadline, and for "udp" keep messages apart.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Try bounds each of the two tries, TCP included; 0 means 3 s.
	Try time.Duration

	// Direct is for servers that hold zones, and recurse for nobody: they are
	// asked for what they know themselves (the RD bit is off).
	Direct bool

	// Silence, where it is set, spares what asks after others have waited in
	// vain the same wait.
	Silence *Silence

	first   atomic.Uint32 // index of the server to begin with
	sockets sync.Pool     // *socket
}

// Lookup implements [Resolver]. The longest it takes is two tries. When the
// context ends, it returns the context's error.
func (c *Client) Lookup(ctx context.Context, q Question) (Answer, error) {
	name, err := absolute(q.Name)
	switch {
	case err != nil:
	case len(c.Servers) == 0:
		err = ErrNoServer
	default:
		err = ctx.Err()
	}
	if err != nil {
		return Answer{Question: q, Status: Failed, Err: err.Error()}, err
	}
	q.Name = name

	start := time.Now()
	first := int(c.first.Load())
	next := (first + 1) % len(c.Servers)
	if c.Silence != nil && c.Silence.lasts() {
		return Answer{Question: q, Status: Timeout, Server: c.Servers[next].String(), Err: "the name server answers nothing, and was not asked again"}, nil
	}
	a := c.try(ctx, c.Servers[first], q, true)
	if !a.Status.Known() && ctx.Err() == nil {
		silent := a.Status == Timeout || a.Status == Failed
		conclude := func(bool) {}
		if a.Status == Timeout {
			conclude = c.listen(ctx, start)
		}
		// RFC 6891 section 6.2.2: a server older than EDNS fails on it.
		b := c.try(ctx, c.Servers[next], q, a.Status != Failed)
		conclude(b.Status == Timeout && ctx.Err() == nil)
		if b.Status.Known() && silent {
			c.first.Store(uint32(next))
		}
		if b.Status.Known() || silent {
			a = b
		}
	}
	a.Took = time.Since(start)
	if !a.Status.Known() {
		return a, ctx.Err()
	}
	return a, nil
}

// try puts the question to one server.
func (c *Client) try(ctx context.Context, server netip.AddrPort, q Question, edns bool) Answer {
	until := time.Now().Add(cmp.Or(c.Try, defaultTry))
	query := newQuery(q, edns)
	query.RecursionDesired = !c.Direct
	reply, err := c.exchange(ctx, "udp", server, query, until)
	if err == nil && reply.Truncated {
		if reply, err = c.exchange(ctx, "tcp", server, query, until); err != nil {
			err = fmt.Errorf("truncated over UDP, and over TCP: %w", err)
		}
	}
	a := Answer{Question: q, Server: server.String()}
	if err != nil {
		a.Status, a.Err = Failed, err.Error()
		if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
			a.Status = Timeout
		}
		return a
	}
	if c.Silence != nil {
		c.Silence.hear()
	}
	a.read(reply)
	return a
}

func newQuery(q Question, edns bool) *dns.Msg {
	m := &dns.Msg{Question: []dns.Question{{Name: q.Name, Qtype: uint16(q.Type), Qclass: dns.ClassINET}}}
	m.Id = uint16(rand.Uint32()) // ChaCha8, which is what package net takes
	m.RecursionDesired = true
	m.CheckingDisabled = q.CD
	m.AuthenticatedData = true // RFC 6840 section 5.7: asks for the AD bit without all the signatures
	if edns {
		m.SetEdns0(udpSize, false)
	}
	return m
}

// exchange sends a query and waits for its reply, as long as ctx lets it.
func (c *Client) exchange(ctx context.Context, network string, server netip.AddrPort, query *dns.Msg, until time.Time) (*dns.Msg, error) {
	wire, err := query.Pack()
	if err != nil {
		return nil, err
	}
	s, ok := c.sockets.Get().(*socket)
	if !ok {
		s = new(socket)
	}
	defer c.sockets.Put(s)
	conn := s.take(network, server)
	if conn == nil {
		if conn, err = c.connect(ctx, network, server, until); err != nil {
			return nil, err
		}
	}
	conn.SetDeadline(until)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	var reply *dns.Msg
	if network == "tcp" {
		reply, err = overTCP(conn, wire, query)
	} else {
		reply, err = overUDP(conn, wire, query, s.buf[:])
	}
	if stop() && err == nil && network == "udp" && c.Dial == nil && server.Addr().IsLoopback() {
		s.conn, s.server = conn, server
		return reply, nil
	}
	conn.Close()
	return reply, err
}

// socket is what a query over UDP needs, to be used again. That goes for the
// connection only where the server is on this machine, and nobody elsewhere
// could forge an answer; any other query gets a new one, whose port, too, must
// be guessed (RFC 5452 section 4.5). One that the pool drops is closed when
// it is collected.
type socket struct {
	buf    [maxDatagram]byte
	conn   net.Conn // nil, or idle
	server netip.AddrPort
}

func (s *socket) take(network string, server netip.AddrPort) net.Conn {
	if s.conn == nil || network != "udp" {
		return nil
	}
	conn := s.conn
	s.conn = nil
	if s.server != server {
		conn.Close()
		return nil
	}
	return conn
}

func (c *Client) connect(ctx context.Context, network string, server netip.AddrPort, until time.Time) (net.Conn, error) {
	if c.Dial == nil && network == "udp" { // connects without waiting, so no Dialer needs to watch over it
		return net.DialUDP(network, nil, net.UDPAddrFromAddrPort(server))
	}
	dial := c.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return dial(ctx, network, server.String())
}

func overTCP(conn net.Conn, wire []byte, query *dns.Msg) (*dns.Msg, error) {
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(wire)))
	if _, err := conn.Write(append(framed, wire...)); err != nil {
		return nil, err
	}
	var size uint16
	if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	reply := make([]byte, size)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return nil, err
	}
	return parse(reply, query)
}

// overUDP drops what is no reply to the query, and goes on waiting: anybody
// can send a datagram (RFC 5452 section 9).
func overUDP(conn net.Conn, wire []byte, query *dns.Msg, buf []byte) (*dns.Msg, error) {
	if _, err := conn.Write(wire); err != nil {
		return nil, err
	}
	var dropped error
	for {
		n, err := conn.Read(buf)
		if err != nil && dropped != nil {
			return nil, fmt.Errorf("%w; dropped: %w", err, dropped)
		}
		if err != nil {
			return nil, err
		}
		reply, err := parse(buf[:n], query)
		if err == nil {
			return reply, nil
		}
		dropped = err
	}
}

// parse reads a message, which must be a reply to the query.
func parse(wire []byte, query *dns.Msg) (*dns.Msg, error) {
	m := new(dns.Msg)
	err := m.Unpack(wire)
	switch {
	case err != nil && !m.Truncated: // a truncated one may end anywhere, and is only asked for again
		return nil, err
	case !m.Response || m.Id != query.Id || m.Opcode != dns.OpcodeQuery:
		return nil, errors.New("a message that is no reply to this query")
	case len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return m, nil // some servers refuse with the bare header
	case len(m.Question) != 1 || !sameQuestion(m.Question[0], query.Question[0]):
		return nil, errors.New("a reply to another question")
	case int(binary.BigEndian.Uint16(wire[6:])) != len(m.Answer) && !m.Truncated:
		return nil, errors.New("a reply cut short")
	}
	return m, nil
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && bare(a.Name) == bare(b.Name)
}

// read takes from a reply what it says about the question.
func (a *Answer) read(m *dns.Msg) {
	a.Authentic, a.Authoritative = m.AuthenticatedData, m.Authoritative
	negative, referral := authority(m)
	a.Authority = negative.Name

	switch m.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
	case dns.RcodeServerFailure:
		a.Status, a.Err = ServFail, complaint(m)
		return
	case dns.RcodeRefused:
		a.Status, a.Err = Refused, complaint(m)
		return
	default:
		a.Status, a.Err = Failed, complaint(m)
		return
	}

	aliases, found, err := follow(a.Question, records(m.Answer))
	switch {
	case err != nil:
		a.Status, a.Err = Failed, err.Error()
		return
	case m.Rcode == dns.RcodeNameError: // of the last alias, if any: RFC 6604 section 3
		a.Status, a.Records, a.TTL = NXDomain, aliases, negative.TTL
	case len(found) > 0:
		a.Status, a.Records, a.TTL = OK, found, found[0].TTL
		if len(aliases) > 0 {
			a.Records = append(aliases, found...)
		}
	case negative.Name == "" && (referral || !m.RecursionAvailable && !m.Authoritative): // RFC 2308 section 2.2: no NODATA
		a.Status, a.Err = Failed, "no answer but a referral (lame, or no recursion)"
		a.Referral = slices.DeleteFunc(records(slices.Concat(m.Ns, m.Extra)), func(r Record) bool {
			return r.Type != TypeNS && r.Type != TypeA && r.Type != TypeAAAA
		})
		return
	default:
		a.Status, a.Records, a.TTL = NoData, aliases, negative.TTL
	}
	for _, r := range a.Records {
		a.TTL = min(a.TTL, r.TTL)
	}
}

// authority finds the SOA that vouches for a negative answer, with the TTL of
// that answer (RFC 2308 section 5), and whether there are NS records.
func authority(m *dns.Msg) (soa Record, referral bool) {
	for _, rr := range m.Ns {
		switch rr := rr.(type) {
		case *dns.SOA:
			soa = Record{Name: bare(rr.Hdr.Name), Type: TypeSOA, TTL: seconds(min(rr.Hdr.Ttl, rr.Minttl))}
		case *dns.NS:
			referral = true
		}
	}
	return soa, referral
}

// complaint is a failure in the server's own words (RFC 8914).
func complaint(m *dns.Msg) string {
	s := cmp.Or(dns.RcodeToString[m.Rcode], fmt.Sprintf("RCODE %d", m.Rcode))
	opt := m.IsEdns0()
	if opt == nil {
		return s
	}
	for _, o := range opt.Option {
		if ede, ok := o.(*dns.EDNS0_EDE); ok {
			s = fmt.Sprintf("%s; EDE %d (%s) %.200s", s, ede.InfoCode, dns.ExtendedErrorCodeToString[ede.InfoCode], ede.ExtraText)
			return strings.TrimSpace(s)
		}
	}
	return s
}

// follow walks from the name asked for along its aliases, and finds the
// records at the end. What hangs elsewhere in the reply is not believed.
func follow(q Question, all []Record) (aliases, found []Record, err error) {
	name := bare(q.Name)
	alias := func(r Record) bool { return r.Type == TypeCNAME && r.Name == name && q.Type != TypeCNAME }
	for {
		i := slices.IndexFunc(all, alias)
		if i < 0 {
			break
		}
		if len(aliases) == maxAliases {
			return nil, nil, errors.New("a loop, or too long a chain, of CNAME records")
		}
		aliases = append(aliases, all[i])
		name = all[i].Host
	}
	for _, r := range all {
		if r.Type == q.Type && r.Name == name {
			found = append(found, r)
		}
	}
	return aliases, found, nil
}

// records translates what this package knows, and leaves the rest out: also
// records without their data, which would read as a null MX.
func records(rrs []dns.RR) []Record {
	all := make([]Record, 0, len(rrs))
	for _, rr := range rrs {
		if r, ok := record(rr); ok && rr.Header().Class == dns.ClassINET {
			all = append(all, r)
		}
	}
	return all
}

func record(rr dns.RR) (r Record, ok bool) {
	h := rr.Header()
	r = Record{Name: bare(h.Name), Type: Type(h.Rrtype), TTL: seconds(h.Ttl)}
	switch rr := rr.(type) {
	case *dns.A:
		r.Addr, ok = netip.AddrFromSlice(rr.A.To4())
		return r, ok
	case *dns.AAAA:
		r.Addr, ok = netip.AddrFromSlice(rr.AAAA.To16())
		return r, ok
	case *dns.TXT:
		r.Text = unescape(strings.Join(rr.Txt, ""))
		return r, true
	case *dns.TLSA:
		data, err := hex.DecodeString(rr.Certificate)
		r.TLSA = TLSA{rr.Usage, rr.Selector, rr.MatchingType, data}
		return r, err == nil && len(data) > 0
	case *dns.MX:
		r.Host, r.Preference = bare(rr.Mx), rr.Preference
	case *dns.CNAME:
		r.Host = bare(rr.Target)
	case *dns.PTR:
		r.Host = bare(rr.Ptr)
	case *dns.NS:
		r.Host = bare(rr.Ns)
	case *dns.SOA:
		r.Host, r.Serial = bare(rr.Ns), rr.Serial
	}
	return r, r.Host != ""
}

// seconds is a TTL; one with the top bit set counts as 0 (RFC 2181 section 8).
func seconds(ttl uint32) time.Duration {
	return time.Duration(max(int32(ttl), 0)) * time.Second
}

// unescape gives the bytes behind the library's notation of a string, where
// \" is a quote and \200 the byte 200.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if n, err := strconv.ParseUint(s[i:min(i+3, len(s))], 10, 8); err == nil && i+3 <= len(s) {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
