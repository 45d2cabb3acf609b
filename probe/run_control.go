package probe

import (
	"context"
	"net/netip"
	"slices"

	"diagnose/dnscheck"
	"diagnose/smtpcheck"
)

// control asks the control hosts whether they answer, in each family in which
// a connection failed.
func (r *run) control(ctx context.Context, s Step, failed []Finding) []Finding {
	var targets []netip.AddrPort
	for _, c := range r.Controls[:min(len(r.Controls), r.policy.Controls)] {
		host, port := r.splitControl(c)
		addrs := r.resolve(ctx, host)
		for _, v4 := range []bool{true, false} {
			inFamily := func(a netip.Addr) bool { return a.Is4() == v4 }
			if !slices.ContainsFunc(failed, func(f Finding) bool { return inFamily(f.Session.Addr.Addr()) }) {
				continue
			}
			i := slices.IndexFunc(addrs, inFamily)
			if i < 0 || !r.reaches(addrs[i]) {
				continue
			}
			if at := netip.AddrPortFrom(addrs[i], port); !slices.Contains(targets, at) { // one host under two names is one witness
				targets = append(targets, at)
			}
		}
	}
	if len(targets) == 0 {
		return []Finding{r.skip(s, "", "skipped.no-control", nil)}
	}
	named := make([]target, len(targets))
	for i, t := range targets {
		named[i] = target{t.String(), t.Addr()}
	}
	return r.each(s, named, func(t target) Finding {
		h := r.askControl(ctx, netip.MustParseAddrPort(t.name))
		f := findControl(h.Session)
		if h.again {
			f.Started = h.Session.Started.UTC()
		}
		return r.located(f)
	})
}

// resolve gives the addresses of a control host, which may be one itself.
func (r *run) resolve(ctx context.Context, host string) []netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}
	}
	return dnscheck.CheckAddresses(ctx, r.resolver, host).Addrs
}

// askControl remembers what a control host said to this address of ours. It is
// asked EHLO too, since many answer with the address that they see us by, but
// for nothing beyond.
func (r *run) askControl(ctx context.Context, addr netip.AddrPort) heard {
	here, _ := r.route(addr.Addr())
	key := "control " + addr.String() + " from " + here.String()
	return r.recalled(ctx, recollection(r.Runner, &r.controls, addr), controlMemory, key, addr, func() (heard, bool) {
		s := r.session(ctx, addr, "", r.policy.Step, smtpcheck.Options{NoTLS: true})
		return heard{Session: s, tries: 1}, s.Result != smtpcheck.Failed
	})
}
