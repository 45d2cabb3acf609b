// Package dnstest is a DNS server for tests, which behaves well or badly as
// told. It holds what a zone file says:
//
//	s := dnstest.New(t, `
//		example.net.     300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
//		example.net.     300 IN MX  10 mx.example.net.
//		mx.example.net.  300 IN A   192.0.2.25
//	`)
//	s.Fault("mx.example.net AAAA", dnstest.Silence)
//	mx := dnscheck.CheckMX(ctx, s.Resolver(), "example.net")
//
// Asked without the RD bit, it answers as the holder of its zones, and with a
// referral below NS records that stand at no SOA record's name.
//
// A name under a SOA record that is not listed does not exist. Any other name
// that is not listed fails the test: a check asked what nobody expected.
// "*.example.net." stands for every name below it that is not listed.
//
// [Server.Resolver] needs no socket, and works in a synctest bubble, where a
// silent name costs no time; [Server.Addr] listens on loopback, UDP and TCP.
package dnstest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"diagnose/dnscheck"

	"github.com/miekg/dns"
)

// Fault is a way of answering badly.
type Fault int

// The faults.
const (
	Silence       Fault = iota + 1 // no answer at all
	ServFail                       // SERVFAIL
	Refuse                         // REFUSED
	FormErr                        // FORMERR to every question with EDNS, as very old servers do
	Bogus                          // SERVFAIL, but the answer where checking is disabled
	Truncate                       // over UDP only a note that it is longer than fits
	Lame                           // a referral to the root instead of an answer
	WrongID                        // first a forged answer with another ID, then the answer
	WrongQuestion                  // first a forged answer to another question, then the answer
	Garbage                        // first bytes that are no message, then the answer
)

// Forged is the address that forged answers give to every name.
var forged = net.IPv4(192, 0, 2, 66)

// Server is a DNS server. It may be used by many at once.
type Server struct {
	t       testing.TB
	records map[string][]dns.RR // by owner
	apexes  []*dns.SOA

	mu      sync.Mutex
	faults  map[string]Fault
	delays  map[string]time.Duration
	signed  map[string]bool
	queries []string

	listen sync.Once
	addr   netip.AddrPort
	wg     sync.WaitGroup
}

// New makes a server of the records in the zones' text, which lives until the
// test ends. Names must be absolute.
func New(t testing.TB, zones ...string) *Server {
	t.Helper()
	s := &Server{t: t, records: map[string][]dns.RR{}, faults: map[string]Fault{}, delays: map[string]time.Duration{}, signed: map[string]bool{}}
	for _, text := range zones {
		for line := range strings.Lines(text) {
			s.add(strings.TrimSpace(line))
		}
	}
	t.Cleanup(s.wg.Wait)
	return s
}

func (s *Server) add(line string) {
	s.t.Helper()
	rr, err := dns.NewRR(line)
	if err != nil {
		s.t.Fatalf("dnstest: %q: %v", line, err)
	}
	if rr == nil { // an empty line, or a comment
		return
	}
	owner := dns.CanonicalName(rr.Header().Name)
	s.records[owner] = append(s.records[owner], rr)
	if soa, ok := rr.(*dns.SOA); ok {
		s.apexes = append(s.apexes, soa)
	}
}

// Fault makes the server answer badly for a name ("mx.example.net"), for one
// type of a name ("mx.example.net AAAA"), or for everything ("*"). The most
// special fault counts. A faulty name need not be listed.
func (s *Server) Fault(name string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[key(name)] = f
}

// Slow makes the server wait before it answers; names are as in Fault.
func (s *Server) Slow(name string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delays[key(name)] = d
}

// Sign makes the server vouch for a name's answers with the AD bit, as a
// resolver does for what it validated; names are as in Fault.
func (s *Server) Sign(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed[key(name)] = true
}

// Queries are the questions received so far, in order, like "example.net MX",
// with " CD" behind where checking was disabled, and " TCP" where it came so.
func (s *Server) Queries() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queries)
}

// Resolver is a client of this server that needs no socket.
func (s *Server) Resolver() *dnscheck.Client {
	return &dnscheck.Client{Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")}, Dial: s.Dial}
}

// Dial connects to this server in memory, whatever the address.
func (s *Server) Dial(_ context.Context, network, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	s.wg.Go(func() {
		if network == "tcp" {
			s.serveStream(server)
		} else {
			s.serveDatagrams(server)
		}
	})
	return client, nil
}

// Addr is where the server listens, on 127.0.0.1, from the first call on.
func (s *Server) Addr() netip.AddrPort {
	s.listen.Do(s.open)
	return s.addr
}

// open listens on one port of both networks. The kernel chooses it for TCP
// alone, so that the other may be taken.
func (s *Server) open() {
	for range 20 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			tcp.Close()
			continue
		}
		s.addr = tcp.Addr().(*net.TCPAddr).AddrPort()
		context.AfterFunc(s.t.Context(), func() { tcp.Close(); udp.Close() })
		s.wg.Go(func() { s.accept(tcp) })
		s.wg.Go(func() { s.receive(udp) })
		return
	}
	s.t.Fatal("dnstest: no port that is free for both TCP and UDP")
}

func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.serveStream(conn) })
	}
}

func (s *Server) receive(pc net.PacketConn) {
	buf := make([]byte, dns.MaxMsgSize)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		query := slices.Clone(buf[:n])
		s.wg.Go(func() { s.handle(query, false, func(reply []byte) { pc.WriteTo(reply, from) }) })
	}
}

func (s *Server) serveDatagrams(conn net.Conn) {
	buf := make([]byte, dns.MaxMsgSize)
	s.serve(conn, func() {
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			s.handle(slices.Clone(buf[:n]), false, func(reply []byte) { conn.Write(reply) })
		}
	})
}

func (s *Server) serveStream(conn net.Conn) {
	s.serve(conn, func() {
		for {
			var size uint16
			if binary.Read(conn, binary.BigEndian, &size) != nil {
				return
			}
			query := make([]byte, size)
			if _, err := io.ReadFull(conn, query); err != nil {
				return
			}
			s.handle(query, true, func(reply []byte) {
				conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
			})
		}
	})
}

// serve runs a conversation, which ends with the test at the latest.
func (s *Server) serve(conn net.Conn, talk func()) {
	defer conn.Close()
	defer context.AfterFunc(s.t.Context(), func() { conn.Close() })()
	talk()
}

// handle answers one query, with as many messages as the fault wants.
func (s *Server) handle(wire []byte, tcp bool, send func([]byte)) {
	query := new(dns.Msg)
	if err := query.Unpack(wire); err != nil || len(query.Question) != 1 {
		s.t.Errorf("dnstest: no query: %x", wire)
		return
	}
	fault, delay, signed := s.note(query, tcp)
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-s.t.Context().Done():
		}
	}
	for _, m := range s.replies(query, fault, tcp) {
		if m, ok := m.(*dns.Msg); ok {
			m.AuthenticatedData = signed
		}
		if packed, err := m.Pack(); err == nil {
			send(packed)
		} else {
			s.t.Errorf("dnstest: %v", err)
		}
	}
}

// note logs a query and looks up what was ordered for it.
func (s *Server) note(query *dns.Msg, tcp bool) (Fault, time.Duration, bool) {
	q := query.Question[0]
	name := strings.TrimSuffix(dns.CanonicalName(q.Name), ".")
	typed := name + " " + dns.TypeToString[q.Qtype]
	entry := typed
	if query.CheckingDisabled {
		entry += " CD"
	}
	if tcp {
		entry += " TCP"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, entry)
	return special(s.faults, typed, name), special(s.delays, typed, name), special(s.signed, typed, name)
}

func special[V any](ordered map[string]V, typed, name string) V {
	for _, k := range []string{key(typed), key(name)} {
		if v, ok := ordered[k]; ok {
			return v
		}
	}
	return ordered["*"]
}

// key makes "Example.NET. mx" and "example.net MX" the same.
func key(name string) string {
	name, t, _ := strings.Cut(name, " ")
	return strings.TrimSpace(strings.ToLower(strings.TrimSuffix(name, ".")) + " " + strings.ToUpper(t))
}
