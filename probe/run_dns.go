package probe

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"diagnose/dnscheck"
)

// invention is what the resolver had for a name that cannot exist. That it
// refuses to say is remembered, too, which no cache does.
type invention struct {
	asked time.Time
	addrs []netip.Addr
}

const inventionMemory = time.Minute

func (r *run) lookUp(ctx context.Context, s Step, t target) Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	if s.Check == CheckMX {
		f := findMX(dnscheck.CheckMX(ctx, r.resolver, t.name))
		if f.Code == "mx.implicit" && len(r.madeUp(ctx)) > 0 {
			f.Outcome, f.Code, f.MX = UnknownOC, "mx.invented", &dnscheck.MX{Domain: t.name, Status: dnscheck.Failed}
		}
		return f
	}
	f := findAddresses(dnscheck.CheckAddresses(ctx, r.resolver, t.name))
	if f.Outcome == Healthy && slices.ContainsFunc(r.madeUp(ctx), func(a netip.Addr) bool { return slices.Contains(f.Addresses.Addrs, a) }) {
		f.Outcome, f.Code, f.Addresses = UnknownOC, "address.invented", &dnscheck.Addresses{Host: t.name, V4: dnscheck.Failed, V6: dnscheck.Failed}
		delete(f.Args, "ips")
	}
	return f
}

// madeUp are the addresses that the resolver has for a name that cannot exist
// (RFC 6761 section 6.4): with any, one that it has for a domain without an MX
// is no evidence of the domain, and the same ones are none of a host.
func (r *run) madeUp(ctx context.Context) []netip.Addr {
	r.Runner.mu.Lock()
	known := r.invented
	r.Runner.mu.Unlock()
	if now := r.now(); !known.asked.After(now) && now.Sub(known.asked) < inventionMemory {
		return known.addrs
	}
	a := dnscheck.CheckAddresses(ctx, r.resolver, r.nobody()+".invalid")
	if s := a.Status(); s.Known() || s == dnscheck.Refused {
		r.Runner.mu.Lock()
		defer r.Runner.mu.Unlock()
		r.invented = invention{r.now(), a.Addrs}
	}
	return a.Addrs
}

func (r *run) reverse(ctx context.Context, _ Step, t target) Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	return findReverse(dnscheck.CheckReverse(ctx, r.resolver, t.addr))
}

func (r *run) spf(ctx context.Context, s Step, t target) Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	return findSPF(dnscheck.CheckSPF(ctx, r.resolver, t.addr, s.HELO, s.Sender), t.addr)
}
