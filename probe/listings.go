package probe

import (
	"context"
	"net/netip"

	"diagnose/rbl"
)

// Listings asks the default block lists about an address or a domain. What is
// no public address is not asked about: the lists know nothing of it, and the
// question would tell them of our network.
func (r *Runner) Listings(ctx context.Context, name string) ListReport {
	policy := r.Policy.Defaults()
	ctx, cancel := context.WithTimeout(ctx, policy.Total)
	defer cancel()
	checker := rbl.Checker{Resolver: r.listDNS(), Keys: r.Keys, Nobody: r.nobody(), Answered: r.answered(StepLists, name)} // it bounds its questions by itself
	defer r.progress(Progress{Step: StepLists, Target: name, Ended: true})
	rep := ListReport{Schema: Schema, Target: name, Verdict: rbl.VerdictUnknown, Lists: []List{}}
	var results []rbl.Result
	if ip, err := netip.ParseAddr(name); err == nil {
		if ip = ip.Unmap().WithZone(""); !r.Guard.Allows(ip) {
			rep.Notes = []Seen{{"not-public", map[string]string{"ip": ip.String()}}}
			return rep
		}
		results = checker.CheckIP(ctx, ip, r.defaultLists(rbl.KindOf(ip)))
	} else {
		domain := domainOf("@" + name)
		if domain == "" {
			rep.Notes = []Seen{{"no-target", map[string]string{"target": name}}}
			return rep
		}
		results = checker.CheckDomain(ctx, domain, r.defaultLists(rbl.DomainName))
	}
	rep.Verdict, rep.Asked, rep.Answered = rbl.Summarise(results)
	rep.Lists = Lists(results)
	for _, l := range results {
		if l.Status == rbl.LyingDNS {
			rep.Notes = []Seen{{"lying-resolver", nil}}
			break
		}
	}
	return rep
}

// OnPort is the same runner for another port; the admin named it.
func (r *Runner) OnPort(port uint16) *Runner {
	return &Runner{
		Resolver: r.Resolver, ListDNS: r.ListDNS, Dialer: r.Dialer, Guard: r.Guard, Lists: r.Lists, Keys: r.Keys,
		Controls: r.Controls, HELO: r.HELO, Port: port, Policy: r.Policy, Route: r.Route, Now: r.Now, Progress: r.Progress,
		Name: r.Name, Random: r.Random,
	}
}
