package probe

import (
	"net/netip"
	"slices"
	"strings"

	"diagnose/classify"
)

// judgeSenderDNS repeats the very test that the reply names.
func (v *view) judgeSenderDNS() {
	switch v.c.Reason {
	case classify.ReasonPTR:
		if strings.Contains(v.s.said(), "cannot find your reverse hostname") { // Postfix, which then takes any name
			v.byCode(StepPTR, []string{"ptr.none"}, []string{"ptr.ok", "ptr.unconfirmed", "ptr.generic"}, nil)
			return
		}
		v.byCode(StepPTR, []string{"ptr.none"}, []string{"ptr.ok"}, []string{"ptr.unconfirmed", "ptr.generic"})
	case classify.ReasonFCrDNS:
		v.byCode(StepPTR, []string{"ptr.none", "ptr.unconfirmed"}, []string{"ptr.ok"}, []string{"ptr.generic"})
	case classify.ReasonHELO:
		v.judgeHELO()
	case classify.ReasonSenderDomain:
		v.judgeSenderDomain()
	case classify.ReasonSenderMXIP:
		v.judgeSenderMX()
	case classify.ReasonCallout:
		v.limit("callout", nil)
		v.byCode(StepSenderMX, unroutable, nil, routable)
	default:
		v.anySenderDNS()
	}
}

// judgeHELO: a name that leads only back into the machine ("localhost") passes
// no server's test.
func (v *view) judgeHELO() {
	fs := v.of(StepHELO)
	if all(fs, "address.ok") && !slices.ContainsFunc(fs[0].Addresses.Addrs, func(a netip.Addr) bool { return !a.IsLoopback() }) {
		v.is(Confirmed, fs...)
		return
	}
	v.byCode(StepHELO, []string{"address.none", "address.nxdomain"}, []string{"address.ok"}, nil)
}

// judgeSenderDomain: one that leads only into an inner network passes for us,
// and for no server outside. Where the server that refused is the sender's own,
// it knows of the sender, and not only of the domain.
func (v *view) judgeSenderDomain() {
	fs := v.of(StepSenderMX)
	if all(fs, routable...) && isOneOf(v.s.Failure.Remote, fs[0].MX) {
		v.limit("callout", nil)
		v.is(Consistent, fs...)
		return
	}
	if all(fs, routable...) && onlyInner(fs[0].MX) {
		v.limit("inner-addresses", map[string]string{"domain": fs[0].Target})
		v.is(Consistent, fs...)
		return
	}
	v.byCode(StepSenderMX, unroutable, routable, nil)
}

// judgeSenderMX: an MX of the sender's domain is an address, or no more.
func (v *view) judgeSenderMX() {
	fs := v.of(StepSenderMX)
	if all(fs, routable...) && fs[0].Args["address"] != "" && v.s.senderKnown() {
		v.is(Confirmed, fs...)
		return
	}
	v.byCode(StepSenderMX, nil, routable, unroutable)
}

// anySenderDNS: the reply does not say which test failed.
func (v *view) anySenderDNS() {
	v.limit("test-not-named", nil)
	var bad []Finding
	for _, step := range []string{StepPTR, StepHELO, StepSenderMX} {
		for _, f := range v.of(step) {
			if f.Outcome == Faulty || f.Code == "ptr.generic" {
				bad = append(bad, f)
			}
		}
	}
	if len(bad) > 0 {
		v.is(Consistent, bad...)
		return
	}
	v.undecided()
}
