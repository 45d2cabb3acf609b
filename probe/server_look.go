package probe

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"diagnose/dnscheck"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// ofServer takes a step that finds its targets itself: in what other steps
// found, or in the configuration.
func (r *run) ofServer(ctx context.Context, s Step) []Finding {
	switch s.Check {
	case CheckOutbound:
		return r.wayOut(ctx, s)
	case CheckTLS:
		return r.certificates(s)
	case CheckCompare:
		return r.compare(ctx, s)
	case CheckPrivate:
		return r.private(s)
	default: // CheckSTSHosts
		return r.stsHosts(s)
	}
}

// stsHosts compares the MTA-STS policy with the mail servers.
func (r *run) stsHosts(s Step) []Finding {
	var hosts []string
	for _, f := range r.of(StepMX) {
		if f.MX != nil && !f.MX.Null {
			for _, h := range f.MX.Hosts {
				hosts = append(hosts, h.Host)
			}
		}
	}
	for _, f := range r.of(StepSTS) {
		if f.STS != nil && f.STS.Mode != "" && f.STS.Mode != "none" && len(hosts) > 0 {
			return r.seen(s, findSTSHosts(*f.STS, hosts))
		}
	}
	return nil // there is no policy to compare with
}

// seen adds to findings that were drawn from others what every finding has.
func (r *run) seen(s Step, findings ...Finding) []Finding {
	for i := range findings {
		findings[i].Step, findings[i].Check, findings[i].Started = s.ID, s.Check, r.now().UTC()
	}
	return findings
}

// private names the mail servers that lead where nobody outside can go. What
// the admin allows counts as reachable: it may be a test bed.
func (r *run) private(s Step) []Finding {
	targets := addressesOf(r.of(StepMX))
	out := make([]Finding, 0, len(targets))
	for _, t := range targets {
		if !r.Guard.Allows(t.addr) {
			out = append(out, findPrivate(t.name, t.addr))
		}
	}
	return r.seen(s, out...)
}

// certificates says what became of encryption in each session.
func (r *run) certificates(s Step) (out []Finding) {
	for _, f := range r.of(StepSMTP) {
		if f.Session != nil && startTLS(*f.Session) != "" {
			out = append(out, findTLS(*f.Session, f.Args["host"], r.now()))
		}
	}
	return r.seen(s, out...)
}

// helo tells whether the name that our server greets with leads to an address
// of ours.
func (r *run) helo(ctx context.Context, s Step, t target) Finding {
	if s.HELO == "" {
		return Finding{Outcome: Skipped, Code: "helo.unknown", Args: map[string]string{"ip": t.addr.String()}}
	}
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	return findHELO(dnscheck.CheckAddresses(ctx, r.resolver, s.HELO), t.addr)
}

// domainLists asks the lists of domains about several at once.
func (r *run) domainLists(ctx context.Context, checker rbl.Checker, domains string) Finding {
	lists := r.defaultLists(rbl.DomainName)
	if len(lists) == 0 {
		return Finding{Outcome: Skipped, Code: "skipped.no-lists"}
	}
	return findLists(checker.CheckDomains(ctx, strings.Split(domains, ", "), lists))
}

// The strangers whose message our server is asked to relay. Their domain is
// nobody's (RFC 2606), and no message follows.
const (
	relayFrom = "relay-test@example.com"
	relayTo   = "relay-test@example.net"
)

// relay asks a server to take a message from a stranger to a stranger. A
// server may dislike the sender before it comes to that; the null sender,
// which none may dislike (RFC 5321 section 4.5.5), is then tried too.
func (r *run) relay(ctx context.Context, t target) Finding {
	addr := netip.AddrPortFrom(t.addr, r.port())
	ask := func(sender string) Finding {
		s := r.session(ctx, addr, "", r.policy.Step, smtpcheck.Options{Rcpt: relayTo, Sender: sender})
		return findRelay(s, sender)
	}
	f := ask(relayFrom)
	if f.Code == "relay.undecided" && f.Session.Mail.Code+f.Session.Rcpt.Code != 0 && r.pause(ctx) {
		if again := ask("<>"); again.Code != "relay.undecided" {
			return again
		}
	}
	return f
}

// compare asks another resolver about our domain, too.
func (r *run) compare(ctx context.Context, s Step) []Finding {
	if r.Second == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	return r.each(s, []target{{name: s.Target}}, func(target) Finding {
		var here, there dnscheck.MX
		var wg sync.WaitGroup
		wg.Go(func() { here = dnscheck.CheckMX(ctx, r.resolver, s.Target) })
		wg.Go(func() { there = dnscheck.CheckMX(ctx, r.second, s.Target) })
		wg.Wait()
		return findCompared(here, there)
	})
}

// maxControls bounds how many control hosts are asked by which way we get out.
const maxControls = 4

// wayOut asks the control hosts, in each address family, whether our port 25
// gets out, and by which address they see us.
func (r *run) wayOut(ctx context.Context, s Step) []Finding {
	return r.each(s, []target{{name: "IPv4"}, {name: "IPv6"}}, func(t target) Finding {
		there := somewhere[0]
		if t.name == "IPv6" {
			there = somewhere[1]
		}
		hosts := r.controlsOf(ctx, there)
		asked := make([]smtpcheck.Session, len(hosts))
		var wg sync.WaitGroup
		for i, h := range hosts {
			wg.Go(func() { asked[i] = r.askWayOut(ctx, h) })
		}
		wg.Wait()
		f := findWayOut(t.name, len(hosts) > 0 || r.reaches(there), asked)
		if here, err := r.route(there); err == nil && f.Args["local"] == "" {
			f.Args["local"] = here.String()
		}
		return f
	})
}

// controlsOf are the control hosts of an address's family that can be reached
// at all, by one address each.
func (r *run) controlsOf(ctx context.Context, like netip.Addr) []netip.AddrPort {
	controls := r.Controls[:min(len(r.Controls), maxControls)]
	found := make([]netip.AddrPort, len(controls))
	var wg sync.WaitGroup
	for i, c := range controls {
		wg.Go(func() {
			host, port := r.splitControl(c)
			addrs := r.resolve(ctx, host)
			at := slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Is4() == like.Is4() })
			if at >= 0 && r.Guard.Allows(addrs[at]) && r.reaches(addrs[at]) {
				found[i] = netip.AddrPortFrom(addrs[at], port)
			}
		})
	}
	wg.Wait()
	return slices.DeleteFunc(found, func(a netip.AddrPort) bool { return !a.IsValid() })
}

// askWayOut goes as far as EHLO, whose reply often tells by which address we
// came; twice, where no connection came about.
func (r *run) askWayOut(ctx context.Context, addr netip.AddrPort) (s smtpcheck.Session) {
	for try := 1; ; try++ {
		s = r.session(ctx, addr, "", r.policy.Step, smtpcheck.Options{NoTLS: true})
		if try == 2 || !failedToConnect(s) || !r.pause(ctx) {
			return s
		}
	}
}
