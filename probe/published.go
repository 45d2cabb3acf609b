package probe

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"

	"diagnose/dnscheck"
	"diagnose/smtpcheck"
)

// The ports beside SMTP's that a look may dial: of name servers that are asked
// directly, and of the web server that holds an MTA-STS policy.
const (
	portDNS   = 53
	portHTTPS = 443
)

// dialer makes every connection through d count as a query, for who asks name
// servers without a resolver.
func (b *budget) dialer(d smtpcheck.Dialer) dnscheck.Dialer { return countedDialer{d, b} }

type countedDialer struct {
	next   smtpcheck.Dialer
	budget *budget
}

// DialContext implements [dnscheck.Dialer].
func (d countedDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.budget.left.Add(-1) < 0 {
		return nil, errBudget
	}
	return d.next.DialContext(ctx, network, address)
}

// publication takes a step that asks what a domain publishes beside its MX.
// The two that are for a second opinion are only taken where our resolver
// finds no way to the domain, and give no finding else.
func (r *run) publication(ctx context.Context, s Step) []Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	one := []target{{name: s.Target}}
	switch s.Check {
	case CheckDMARC:
		return r.each(s, one, func(t target) Finding {
			return findDMARC(dnscheck.CheckDMARC(ctx, r.resolver, t.name), t.name)
		})
	case CheckSTS:
		return r.each(s, one, func(t target) Finding {
			return findSTS(dnscheck.CheckSTS(ctx, r.resolver, dnscheck.PolicyClient(r.resolver, r.Guard.Dialer(r.Dialer, portHTTPS), r.Roots), t.name))
		})
	case CheckDKIM:
		return r.keys(ctx, s)
	case CheckDANE:
		return r.fingerprints(ctx, s)
	case CheckNS:
		if slices.Contains(s.Needs, StepMX) { // else they are asked whatever our resolver says
			mx := r.noWay()
			if mx == nil || mx.Code != "mx.servfail" && mx.Code != "mx.timeout" || mx.MX.Status.Known() {
				return nil
			}
		}
		return r.each(s, one, func(t target) Finding {
			return findNS(dnscheck.CheckAuthoritative(ctx, r.resolver, r.servers, t.name))
		})
	default: // CheckSecond
		mx := r.noWay()
		if mx == nil || r.Second == nil {
			return nil
		}
		return r.each(s, one, func(t target) Finding { return findSecond(dnscheck.CheckMX(ctx, r.second, t.name), *mx) })
	}
}

// noWay is the finding about the recipient's domain where our resolver finds
// no way there that another might; else nil.
func (r *run) noWay() *Finding {
	for _, f := range r.of(StepMX) {
		if f.MX != nil && f.Outcome != Healthy && f.Code != "mx.null" && f.Code != "mx.bad-name" {
			return &f
		}
	}
	return nil
}

func (r *run) keys(ctx context.Context, s Step) []Finding {
	var keys []target
	for _, k := range s.Keys {
		if t := (target{name: k.Selector + keyZone + k.Domain}); !slices.Contains(keys, t) {
			keys = append(keys, t)
		}
	}
	return r.each(s, keys, func(t target) Finding {
		selector, domain, _ := strings.Cut(t.name, keyZone)
		return findDKIM(dnscheck.CheckDKIM(ctx, r.resolver, domain, selector))
	})
}

// fingerprints asks for the TLSA records of the domain's mail servers.
func (r *run) fingerprints(ctx context.Context, s Step) []Finding {
	var hosts []target
	authentic := map[string]dnscheck.MXHost{}
	for _, f := range r.of(StepMX) {
		if f.MX == nil {
			continue
		}
		for _, h := range f.MX.Hosts {
			if h.Status() == dnscheck.OK && !h.IsAddress && len(hosts) < r.policy.Hosts {
				h.Authentic = h.Authentic && f.MX.Authentic
				hosts, authentic[h.Host] = append(hosts, target{name: h.Host}), h
			}
		}
	}
	if len(hosts) == 0 {
		return []Finding{r.skip(s, s.Target, "skipped.no-target", map[string]string{"step": StepMX})}
	}
	return r.each(s, hosts, func(t target) Finding {
		h := authentic[t.name]
		d := dnscheck.CheckTLSA(ctx, r.resolver, cmp.Or(h.CNAME, h.Host), r.port())
		if h.CNAME != "" && d.Status.Absent() { // RFC 7672 section 2.2.2
			d = dnscheck.CheckTLSA(ctx, r.resolver, h.Host, r.port())
		}
		f := findDANE(d, h.Authentic)
		f.Target = h.Host
		return f
	})
}

// demanded is what a domain demands of the certificate of one of its mail
// servers, as far as that was found out.
func (r *run) demanded(domain, host string) (opt smtpcheck.Options) {
	if domain == "" {
		return opt
	}
	for _, f := range r.of(StepSTS) {
		if f.Code == "sts.enforce" {
			opt.STSHosts = f.STS.MX
		}
	}
	for _, f := range r.of(StepDANE) {
		if f.Code == "dane.ok" && strings.EqualFold(f.Target, host) {
			for _, t := range f.DANE.Records {
				opt.TLSA = append(opt.TLSA, smtpcheck.TLSA(t))
			}
		}
	}
	return opt
}
