package rbl

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

// sixty serves the zones l0.example to l59.example, which answer after a
// delay. The even ones list the target, and the last few never answer.
func sixty(t testing.TB, delay time.Duration, silent int) (*dnstest.Server, []List) {
	const n = 60
	text := nowhere
	for i := range n {
		records := "2.0.0.127 A 127.0.0.2"
		if i%2 == 0 {
			records += "| listed A 127.0.0.2 | listed TXT seen"
		}
		text += zoneText(fmt.Sprintf("l%d.example", i), records)
	}
	server := dnstest.New(t, text)
	server.Slow("*", delay)
	for i := n - silent; i < n; i++ {
		server.Fault(fmt.Sprintf("%s.l%d.example", name4, i), dnstest.Silence)
	}
	return server, many(t, n)
}

// lossy loses the first packet with each question.
func lossy(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	var mu sync.Mutex
	seen := map[string]bool{}
	lost := func(wire []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		question := string(wire[12:])
		first := !seen[question]
		seen[question] = true
		return first
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return lossyConn{conn, lost}, err
	}
}

type lossyConn struct {
	net.Conn
	lost func(wire []byte) bool
}

func (c lossyConn) Write(wire []byte) (int, error) {
	if c.lost(wire) {
		return len(wire), nil
	}
	return c.Conn.Write(wire)
}

// Exact, because the bubble's clock knows no other work: what is listed and
// what is not both cost two round trips, silence two tries, and a lost packet
// one.
func TestASweepTakesTwoRoundTrips(t *testing.T) {
	for _, tt := range []struct {
		name   string
		delay  time.Duration
		silent int
		lossy  bool
		want   time.Duration
	}{
		{"20 ms", 20 * time.Millisecond, 0, false, 40 * time.Millisecond},
		{"100 ms", 100 * time.Millisecond, 0, false, 200 * time.Millisecond},
		{"three silent lists", 20 * time.Millisecond, 3, false, 2 * Try},
		{"three silent lists, 100 ms", 100 * time.Millisecond, 3, false, 2 * Try},
		{"every packet lost once", 20 * time.Millisecond, 0, true, 2*Try + 40*time.Millisecond},
		{"every packet lost once, 100 ms", 100 * time.Millisecond, 0, true, 2*Try + 200*time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, lists := sixty(t, tt.delay, tt.silent)
				client := patient(server.Resolver())
				if tt.lossy {
					client.Dial = lossy(server.Dial)
				}
				began := time.Now()
				results := Checker{Resolver: client}.CheckIP(t.Context(), sender4, lists)
				if took := time.Since(began); took != tt.want {
					t.Errorf("took %s, want %s", took, tt.want)
				}
				for i, r := range results {
					want := []Status{Listed, NotListed}[i%2]
					if i >= len(results)-tt.silent {
						want = NoAnswer
					}
					if r.Status != want {
						t.Errorf("%s: got %s (%s), want %s", r.Zone, r.Status, r.Meaning, want)
					}
					if r.Status == Listed && r.Reason != "seen" {
						t.Errorf("%s: no reason", r.Zone)
					}
				}
			})
		})
	}
}

// Whatever the resolver does: a sweep ends with the patience, and a list that
// was not heard out is a timeout, never an absence.
func TestPatienceEndsASweep(t *testing.T) {
	for name, tt := range map[string]struct {
		patience, want time.Duration
	}{
		"the usual":        {0, 2400 * time.Millisecond},
		"told":             {time.Second, time.Second},
		"nonsense":         {-time.Second, 2400 * time.Millisecond},
		"longer than they": {time.Minute, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{
					records:  map[string][]string{"2.0.0.127.l0.example.": {"127.0.0.2"}},
					statuses: map[string]dnscheck.Status{"l1.example": dnscheck.Timeout, "invalid": dnscheck.Timeout},
				}
				began := time.Now()
				results := Checker{Resolver: w, Patience: tt.patience}.CheckIP(t.Context(), sender4, many(t, 2))
				if took := time.Since(began); took != tt.want {
					t.Errorf("the sweep took %s, want %s", took, tt.want)
				}
				if results[0].Status != NotListed || results[0].Took != 0 {
					t.Errorf("the healthy list: %s after %s", results[0].Status, results[0].Took)
				}
				if r := results[1]; r.Status != NoAnswer || r.Meaning != "timeout" || r.Took != tt.want {
					t.Errorf("the silent list: %s (%s) after %s", r.Status, r.Meaning, r.Took)
				}
			})
		})
	}
}

// The way the program wires it: a cache between the lists and the client.
func TestALostPacketIsAskedAgainThroughACache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, lists := sixty(t, 20*time.Millisecond, 3)
		client := patient(server.Resolver())
		client.Dial = lossy(server.Dial)
		cache := &dnscheck.Cache{Resolver: client}
		began := time.Now()
		results := Checker{Resolver: cache}.CheckIP(t.Context(), sender4, lists)
		if took := time.Since(began); took > 2500*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if _, _, answered := Summarise(results); answered != 57 {
			t.Errorf("%d lists answered, want 57", answered)
		}
	})
}

func TestADeadFirstResolverCostsOneTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, lists := sixty(t, 20*time.Millisecond, 0)
		client := patient(server.Resolver())
		dead := netip.MustParseAddrPort("192.0.2.54:53")
		client.Servers = append([]netip.AddrPort{dead}, client.Servers...)
		client.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == dead.String() {
				conn, _ := net.Pipe()
				return deaf{conn}, nil
			}
			return server.Dial(ctx, network, address)
		}
		began := time.Now()
		results := Checker{Resolver: client}.CheckIP(t.Context(), sender4, lists)
		if took := time.Since(began); took != Try+40*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if _, _, answered := Summarise(results); answered != 60 {
			t.Errorf("%d lists answered, want 60", answered)
		}
	})
}

// deaf is a connection into which everything vanishes.
type deaf struct{ net.Conn }

func (deaf) Write(wire []byte) (int, error) { return len(wire), nil }

// BenchmarkSweep asks 60 lists over real sockets. "x-floor" is the time in
// units of what no sweep can be faster than: two round trips, or two tries
// where a list is silent.
func BenchmarkSweep(b *testing.B) {
	for _, delay := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond} {
		for _, silent := range []int{0, 3} {
			b.Run(strings.ReplaceAll(fmt.Sprintf("%s, %d silent", delay, silent), " ", "_"), func(b *testing.B) {
				server, lists := sixty(b, delay, silent)
				c := Checker{Resolver: &dnscheck.Client{Servers: []netip.AddrPort{server.Addr()}, Try: Try}}
				for b.Loop() {
					results := c.CheckIP(b.Context(), sender4, lists)
					if _, _, answered := Summarise(results); answered != len(lists)-silent {
						b.Fatalf("%d lists answered", answered)
					}
				}
				floor := max(2*delay, min(time.Duration(silent), 1)*2*Try)
				b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(floor), "x-floor")
			})
		}
	}
}
