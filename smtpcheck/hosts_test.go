package smtpcheck_test

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

	. "diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"
)

// behaviour is what a host does with a connection, and what a look at it must
// come to.
type behaviour struct {
	name   string
	script []smtptest.Step // nil: no connection comes about
	dial   smtptest.Dialer // where there is no script
	phase  Phase
	result Result
}

// behaviours are the eight that an admin meets; slow is how long the slow ones
// take to greet.
func behaviours(slow time.Duration) []behaviour {
	postfix := smtptest.Postfix(smtptest.Options{Size: 10240000})
	return []behaviour{
		{"at once", []smtptest.Step{postfix}, nil, PhaseDone, Accepted},
		{"slow", []smtptest.Step{sleep(slow), postfix}, nil, PhaseDone, Accepted},
		{"multi-line", []smtptest.Step{send("220-mx.example.net\r\n220-no spam\r\n"), postfix}, nil, PhaseDone, Accepted},
		{"554", []smtptest.Step{send("554 5.7.1 not you\r\n"), expect("QUIT"), send("221 bye\r\n")}, nil, PhaseGreeting, Rejected},
		{"silent", []smtptest.Step{smtptest.Silence()}, nil, PhaseGreeting, Timeout},
		{"closing", []smtptest.Step{sleep(time.Millisecond), smtptest.Close()}, nil, PhaseGreeting, Closed},
		{"refused", nil, smtptest.Refuse, PhaseConnect, Refused},
		{"dropped", nil, smtptest.Drop, PhaseConnect, Timeout},
	}
}

// look visits every host at once and counts the outcomes that are not as they
// should be.
func look(t testing.TB, d Dialer, hosts map[netip.AddrPort]behaviour, opt Options) {
	var looking sync.WaitGroup
	for addr, b := range hosts {
		looking.Go(func() {
			if s := Check(t.Context(), d, addr, opt); s.Phase != b.phase || s.Result != b.result {
				t.Errorf("%s, %s: %s, %s (%s)", addr, b.name, s.Phase, s.Result, s.Err)
			}
		})
	}
	looking.Wait()
}

const hostCount = 200

func TestManyHostsTakeAsLongAsTheSlowest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kinds := behaviours(29 * time.Second)
		hosts, network := map[netip.AddrPort]behaviour{}, map[string]smtptest.Dialer{}
		for i := range hostCount {
			b := kinds[i%len(kinds)]
			addr := netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:25", i))
			hosts[addr], network[addr.String()] = b, b.dial
			if b.script != nil {
				network[addr.String()] = smtptest.Pipe(t, b.script...)
			}
		}
		start := time.Now()
		look(t, smtptest.Network(t, network), hosts, polite)
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("took %v, the longest deadline is 30 s", took)
		}
	})
}

// loopback serves each behaviour on ports of its own. What loopback never does,
// dropping a SYN, the dialer does for it.
func loopback(t testing.TB, slow time.Duration) (Dialer, map[netip.AddrPort]behaviour) {
	kinds := behaviours(slow)
	hosts := map[netip.AddrPort]behaviour{}
	for i := range hostCount {
		b := kinds[i%len(kinds)]
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}), 25)
		switch {
		case b.script != nil:
			addr = smtptest.Serve(t, b.script...)
		case b.result == Refused:
			addr = smtptest.Closed(t)
		}
		hosts[addr] = b
	}
	return smtptest.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, "127.0.1.") {
			return smtptest.Drop(ctx, network, address)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}), hosts
}

func TestManyHostsOnLoopbackAreNamedRight(t *testing.T) {
	d, hosts := loopback(t, 300*time.Millisecond)
	opt := Options{HELO: "mail.example.org", Connect: 2 * time.Second, Greeting: 2 * time.Second}
	start := time.Now()
	look(t, d, hosts, opt)
	// A sum would be fifty times this.
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("took %v, the longest deadline is 2 s", took)
	}
}

// The floor is the longest deadline, half a second.
func BenchmarkManyHosts(b *testing.B) {
	d, hosts := loopback(b, 100*time.Millisecond)
	opt := Options{HELO: "mail.example.org", Connect: 500 * time.Millisecond, Greeting: 500 * time.Millisecond}
	for b.Loop() {
		look(b, d, hosts, opt)
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/500, "deadlines/op")
}

// What a session costs beyond the network.
func BenchmarkCheck(b *testing.B) {
	const said = "220 mx.example.net ESMTP\r\n250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 SMTPUTF8\r\n221 bye\r\n"
	d := smtptest.Dialer(func(context.Context, string, string) (net.Conn, error) {
		return babbler{Reader: strings.NewReader(said)}, nil
	})
	b.ReportAllocs()
	for b.Loop() {
		if s := Check(b.Context(), d, somewhere, polite); s.Phase != PhaseDone {
			b.Fatal(s.Err)
		}
	}
}
