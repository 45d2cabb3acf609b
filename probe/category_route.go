package probe

import (
	"net/netip"
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/dnscheck"
)

// What tells whether mail for a domain can be sent anywhere.
var (
	routable   = []string{"mx.ok", "mx.implicit"}
	unroutable = []string{"mx.bad-name", "mx.nxdomain", "mx.none", "mx.dead", "mx.null", "mx.bogus"}
)

func (v *view) judgeDNS() {
	switch {
	case v.mx == nil:
		v.limit("no-recipient", nil)
		v.is(Inconclusive)
	case v.unroutable():
		v.is(Confirmed, append(v.elsewhere(), *v.mx)...)
	case v.mx.Outcome != Healthy:
		v.judgeSilence()
	case v.brokenHostNamed():
		v.is(Confirmed, *v.mx)
	case v.onlyAddresses():
		v.is(Consistent, *v.mx)
	case v.deadServers() && v.contradicted(classify.ConnectionFailed, append(v.connectFailures(), *v.mx)...):
		// It resolves and nobody answers while others do: what the bounce
		// called a DNS error is a dead server, or the wrong domain.
	default:
		v.see(v.connectFailures()...)
		if len(v.greeting()) == 0 && onlyInner(v.mx.MX) { // it resolves, and to nowhere that we could go
			v.limit("inner-addresses", map[string]string{"domain": v.s.Domain})
			v.is(Consistent, *v.mx)
			return
		}
		if !v.atSender() {
			v.limit("own-resolver", map[string]string{"server": v.mx.Args["server"]})
		}
		v.is(Cleared, append(v.greeting(), *v.mx)...)
	}
}

// lookupFailed says whether our resolver could not find out where mail goes.
func (v *view) lookupFailed() bool { return v.mx != nil && v.mx.Outcome == UnknownOC }

// elsewhere is the second resolver's finding, where that finds the way which
// ours does not: the fault is then near our own.
func (v *view) elsewhere() []Finding {
	found := withCode(v.of(StepSecond), "mx.differs")
	for _, f := range found {
		v.limit("resolvers-differ", map[string]string{"server": v.mx.Args["server"], "second": f.Args["server"]})
	}
	return found
}

// judgeSilence: our resolver could not find out. Whether that is the domain's
// fault, its own name servers show, which are asked only then.
func (v *view) judgeSilence() {
	ns := v.of(StepNS)
	dead := withCode(ns, "ns.dead")
	switch found := v.elsewhere(); {
	case v.zoneIsDead():
		v.is(Confirmed, dead...)
	case len(dead) > 0:
		v.limit("name-server-silent", nil)
		v.is(Consistent, dead...)
	case len(found) > 0:
		v.is(Consistent, found...)
	case all(ns, "ns.ok", "ns.serials", "ns.differs") && resolverFails(*ns[0].NS):
		v.limit("resolver-fails", map[string]string{"server": v.mx.Args["server"]})
		v.is(Consistent, ns...)
	case all(ns, "ns.some"):
		v.is(Consistent, ns...)
	default:
		v.undecided(*v.mx)
	}
}

// zoneIsDead says whether every name server of the recipient's domain was heard
// to be of no use to it, or certainly has no address. One that was not heard
// may be kept from us alone.
func (v *view) zoneIsDead() bool {
	dead := withCode(v.of(StepNS), "ns.dead")
	return len(dead) > 0 && !slices.ContainsFunc(dead[0].NS.Servers, unheard)
}

// resolverFails says whether the name servers tell where mail goes, and the
// resolver, asked once more, still does not.
func resolverFails(a dnscheck.Authority) bool {
	return !a.Resolver.Status.Known() && slices.ContainsFunc(a.Servers, func(s dnscheck.NameServer) bool {
		return s.Service == dnscheck.Serves && s.MX.Status == dnscheck.OK
	})
}

// onlyInner says whether mail for the domain goes to addresses that nobody on
// the internet can reach.
func onlyInner(mx *dnscheck.MX) bool {
	return !slices.ContainsFunc(mx.Hosts, func(h dnscheck.MXHost) bool {
		return slices.ContainsFunc(h.Addrs, func(a netip.Addr) bool { return !inner(a) })
	})
}

// deadServers says whether no mail server of the domain answers, though port
// 25 gets out of here in every family.
func (v *view) deadServers() bool {
	failed := v.connectFailures()
	return v.allSeen() && len(failed) > 0 && len(failed) == len(v.sessions) &&
		!slices.ContainsFunc(failed, func(f Finding) bool { return v.port25(f) != "open" })
}

// onlyAddresses says whether every MX is an address where a name belongs (RFC
// 5321 section 5.1): Exim sends nothing there, while others do.
func (v *view) onlyAddresses() bool {
	return v.mx.MX != nil && !v.mx.MX.Implicit && len(v.mx.MX.Hosts) > 0 &&
		!slices.ContainsFunc(v.mx.MX.Hosts, func(h dnscheck.MXHost) bool { return !h.IsAddress })
}

// brokenHostNamed says whether the reply names one of the MX hosts that do
// not resolve, or are no proper names; one broken MX among good ones explains
// nothing else.
func (v *view) brokenHostNamed() bool {
	if v.mx.MX == nil {
		return false
	}
	said := v.s.said() + " " + strings.ToLower(v.s.Failure.Remote.Name)
	alias := strings.Contains(said, "cname") || strings.Contains(said, "alias")
	return slices.ContainsFunc(v.mx.MX.Hosts, func(h dnscheck.MXHost) bool {
		return h.Host != v.s.Domain && mentions(said, h.Host) && (h.Status().Absent() || h.IsAddress || h.CNAME != "" && alias)
	})
}
