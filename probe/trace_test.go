package probe

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"diagnose/classify"
	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck/smtptest"
)

// late is what a round trip over the proxies takes.
const late = 50 * time.Millisecond

// delayed leads UDP and TCP at an address of its own to those at another one,
// and keeps all that is said there for a while, each way by half of it.
func delayed(t *testing.T, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	l, u := bothPorts(t)
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); u.Close(); running.Wait() })
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to.String())
			if err != nil {
				client.Close()
				continue
			}
			running.Go(func() { relay(client, server) })
			running.Go(func() { relay(server, client) })
		}
	})
	running.Go(func() {
		for {
			question := make([]byte, 4096)
			n, client, err := u.ReadFrom(question)
			if err != nil {
				return
			}
			running.Go(func() {
				time.Sleep(late)
				server, err := net.Dial("udp", to.String())
				if err != nil {
					return
				}
				defer server.Close()
				server.SetDeadline(time.Now().Add(5 * time.Second))
				if _, err := server.Write(question[:n]); err != nil {
					return
				}
				answer := make([]byte, 4096)
				if n, err := server.Read(answer); err == nil {
					u.WriteTo(answer[:n], client)
				}
			})
		}
	})
	return netip.MustParseAddrPort(l.Addr().String())
}

// bothPorts listens on one port by TCP and by UDP. The port that TCP is given
// may be somebody's by UDP: then it is another's turn.
func bothPorts(t *testing.T) (net.Listener, net.PacketConn) {
	t.Helper()
	for tries := 1; ; tries++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		u, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return l, u
		}
		l.Close()
		if tries == 20 {
			t.Fatal(err)
		}
	}
}

// relay hands on what from says, half a round trip later.
func relay(from, to net.Conn) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		time.Sleep(late / 2)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				io.Copy(io.Discard, from)
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// longest is the time of the longest chain of steps of which each waited for
// the one before, by what the findings say of themselves.
func longest(findings []Finding) (chain time.Duration) {
	took, needs := map[string]time.Duration{}, map[string][]string{}
	for _, f := range findings {
		took[f.Step] = max(took[f.Step], time.Duration(f.TookMS)*time.Millisecond)
		needs[f.Step] = f.Needs
	}
	var upTo func(step string) time.Duration
	upTo = func(step string) time.Duration {
		var before time.Duration
		for _, n := range needs[step] {
			before = max(before, upTo(n))
		}
		return before + took[step]
	}
	for step := range took {
		chain = max(chain, upTo(step))
	}
	return chain
}

func TestAProbeTakesNoLongerThanItsLongestChain(t *testing.T) {
	dns := dnstest.New(t, `
		example.net.      300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		example.net.      300 IN MX  10 mx1.example.net.
		mx1.example.net.  300 IN A   127.0.0.1
		example.org.      300 IN SOA ns.example.org. admin.example.org. 1 1 1 1 60
		example.org.      300 IN MX  10 mail.example.org.
		example.org.      300 IN TXT "v=spf1 mx -all"
		mail.example.org. 300 IN A   198.51.100.9
		100.51.198.in-addr.arpa.   300 IN SOA ns.example.org. admin.example.org. 1 1 1 1 60
		9.100.51.198.in-addr.arpa. 300 IN PTR mail.example.org.
		bl.example.       300 IN SOA ns.bl.example. admin.bl.example. 1 1 1 1 60
		2.0.0.127.bl.example.     300 IN A 127.0.0.2
		9.100.51.198.bl.example.  300 IN A 127.0.0.2
		_dmarc.example.org. 300 IN TXT "v=DMARC1; p=none"
		example.com.      300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60
		invalid.          300 IN SOA ns.invalid. admin.invalid. 1 1 1 1 60`)
	mx := delayed(t, smtptest.Healthy(t, smtptest.Options{}))
	base, _, _ := testRunner(t, nil)
	for _, x := range []struct {
		category classify.Category
		list     string
	}{{classify.UnknownRecipient, ""}, {classify.DNSFailure, ""}, {classify.Rejected, "bl.example"}, {classify.Blocklisted, "bl.example"}, {classify.SenderDNS, ""}, {classify.AuthFailed, ""}} {
		t.Run(x.category.Slug(), func(t *testing.T) {
			slow := &dnscheck.Client{Servers: []netip.AddrPort{delayed(t, dns.Addr())}}
			r := &Runner{
				Resolver: &dnscheck.Cache{Resolver: slow}, Dialer: &net.Dialer{}, Lists: base.Lists, HELO: "mail.example.org", Port: mx.Port(),
				Guard: everywhere,
			}
			s := subject(func(s *Subject) { s.Ours.HELO = "mail.example.org" })
			plan := Plan(classify.Classification{Category: x.category, List: x.list}, s)
			began := time.Now()
			findings := r.Begin().Run(t.Context(), plan)
			wall, chain := time.Since(began), longest(findings)
			if chain < 4*late || wall > chain*13/10 {
				t.Errorf("the run took %s, its longest chain %s: %s", wall, chain, summary(findings))
			}
			for _, f := range findings {
				if f.Started.Before(began.Add(-time.Second)) || f.Step != StepLists && f.TookMS < late.Milliseconds() { // no list but the named one is left to ask
					t.Errorf("%s began at %s and took %d ms, less than a round trip", f.Step, f.Started, f.TookMS)
				}
			}
			t.Logf("%s: %s of %s, %s", x.category.Slug(), wall, chain, summary(findings))
		})
	}
}

func TestFindingsSayWhatTheyWaitedFor(t *testing.T) {
	base, _, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": healthyHost(t)})
	for _, f := range base.Begin().Run(t.Context(), planFor("example.net", classify.RateLimited, machine, by(ByReportingHost))) {
		want := map[string]string{StepSMTP: StepMX, StepLists: StepSending, StepPTR: StepSending}[f.Step]
		if got := append(f.Needs, "")[0]; got != want || len(f.Needs) > 1 {
			t.Errorf("%s waited for %v, want %s", f.Step, f.Needs, want)
		}
	}
}
