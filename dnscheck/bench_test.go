package dnscheck_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"diagnose/dnscheck"

	"github.com/miekg/dns"
)

// echo is a name server on loopback that costs next to nothing, so that what
// is measured is who asks. Names that begin with d have an MX of their own or
// of a provider, every other name has an A record. Each reply is sent as often
// as told.
func echo(t testing.TB, copies int) netip.AddrPort {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := answer(buf[:n]); reply != nil {
				for range copies {
					pc.WriteTo(reply, from)
				}
			}
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	return pc.LocalAddr().(*net.UDPAddr).AddrPort()
}

// answer appends to a query's question the records that it asks for.
func answer(query []byte) []byte {
	end := 12
	for end < len(query) && query[end] != 0 {
		end += 1 + int(query[end])
	}
	if end+5 > len(query) {
		return nil
	}
	reply := append([]byte(nil), query[:end+5]...)
	reply[2], reply[3] = 0x81, 0x80 // QR, RD, RA
	count := 0
	add := func(t uint16, data ...byte) {
		count++
		reply = append(reply, 0xc0, 12, byte(t>>8), byte(t), 0, 1, 0, 0, 14, 16, 0, byte(len(data)))
		reply = append(reply, data...)
	}
	switch t := binary.BigEndian.Uint16(query[end+1:]); {
	case t == dns.TypeMX && query[18]%4 == 0: // one domain in four is at a provider
		add(t, 0, 10, 3, 'm', 'x', '0'+query[17]%8, 4, 'p', 'r', 'o', 'v', 0)
	case t == dns.TypeMX:
		add(t, 0, 10, 2, 'm', 'x', 0xc0, 12)
	case t == dns.TypeA:
		add(t, 192, 0, 2, 25)
	}
	binary.BigEndian.PutUint16(reply[6:], uint16(count))
	clear(reply[8:12])
	if count == 0 { // NODATA: the SOA of the root
		reply[9] = 1
		reply = append(reply, 0, 0, 6, 0, 1, 0, 0, 14, 16, 0, 22)
		reply = append(reply, make([]byte, 22)...)
	}
	return reply
}

// domains are what the benchmarks go through.
func domains(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("d%05d.example", i)
	}
	return all
}

// crew works through the domains, 32 at a time.
func crew(domains []string, work func(domain string)) {
	queue := make(chan string)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for d := range queue {
				work(d)
			}
		})
	}
	for _, d := range domains {
		queue <- d
	}
	close(queue)
	wg.Wait()
}

// BenchmarkManyDomains holds CheckMX against the floor: the same questions put
// by the DNS library alone, nothing made of the answers.
func BenchmarkManyDomains(b *testing.B) {
	all := domains(2000)
	perDomain := func(b *testing.B) {
		b.ReportMetric(float64(b.N*len(all))/b.Elapsed().Seconds(), "domains/s")
	}
	b.Run("CheckMX", func(b *testing.B) {
		server := echo(b, 1)
		b.ReportAllocs()
		for b.Loop() {
			r := &dnscheck.Cache{Resolver: &dnscheck.Client{Servers: []netip.AddrPort{server}}}
			crew(all, func(d string) {
				if m := dnscheck.CheckMX(context.Background(), r, d); m.Outcome() != dnscheck.Routable {
					b.Errorf("%+v", m)
				}
			})
		}
		perDomain(b)
	})
	b.Run("floor", func(b *testing.B) {
		server := echo(b, 1).String()
		b.ReportAllocs()
		for b.Loop() {
			var asked sync.Map
			crew(all, func(d string) { bareLoop(b, server, d, &asked) })
		}
		perDomain(b)
	})
}

// bareLoop asks what CheckMX asks about a domain, for each host once.
func bareLoop(b *testing.B, server, domain string, asked *sync.Map) {
	client := new(dns.Client)
	ask := func(name string, t uint16) []dns.RR {
		m := new(dns.Msg).SetQuestion(name, t)
		m.SetEdns0(1232, false)
		reply, _, err := client.Exchange(m, server)
		if err != nil {
			b.Error(err)
			return nil
		}
		return reply.Answer
	}
	for _, rr := range ask(domain+".", dns.TypeMX) {
		host := strings.ToLower(rr.(*dns.MX).Mx)
		if _, twice := asked.LoadOrStore(host, true); !twice {
			ask(host, dns.TypeA)
			ask(host, dns.TypeAAAA)
		}
	}
}

// TestAnswersThatComeTwiceAreNotTakenForTheNext: the second copy waits in the
// socket that a client keeps for a server on this machine.
func TestAnswersThatComeTwiceAreNotTakenForTheNext(t *testing.T) {
	c := &dnscheck.Client{Servers: []netip.AddrPort{echo(t, 2)}}
	crew(domains(500), func(d string) {
		a, err := c.Lookup(t.Context(), dnscheck.Question{Name: d, Type: dnscheck.TypeA})
		if err != nil || show(a.Records) != d+" A 192.0.2.25" {
			t.Errorf("%s: %+v, %v", d, a, err)
		}
	})
}
