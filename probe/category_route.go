package probe

import (
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/dnscheck"
)

// What tells whether mail for a domain can be sent anywhere.
var (
	routable   = []string{"mx.ok", "mx.implicit"}
	unroutable = []string{"mx.nxdomain", "mx.none", "mx.dead", "mx.null", "mx.bogus"}
)

func (v *view) judgeDNS() {
	switch {
	case v.mx == nil:
		v.limit("no-recipient", nil)
		v.is(Inconclusive)
	case v.unroutable():
		v.is(Confirmed, *v.mx)
	case v.mx.Outcome != Healthy:
		v.undecided(*v.mx)
	case v.brokenHostNamed():
		v.is(Confirmed, *v.mx)
	case v.deadServers() && v.contradicted(classify.ConnectionFailed, append(v.connectFailures(), *v.mx)...):
		// It resolves and nobody answers while others do: what the bounce
		// called a DNS error is a dead server, or the wrong domain.
	default:
		v.see(v.connectFailures()...)
		if !v.atSender() {
			v.limit("own-resolver", map[string]string{"server": v.mx.Args["server"]})
		}
		v.is(Cleared, append(v.greeting(), *v.mx)...)
	}
}

// deadServers says whether no mail server of the domain answers, though port
// 25 gets out of here in every family.
func (v *view) deadServers() bool {
	failed := v.connectFailures()
	return v.allSeen() && len(failed) > 0 && len(failed) == len(v.sessions) &&
		!slices.ContainsFunc(failed, func(f Finding) bool { return v.port25(f) != "open" })
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
