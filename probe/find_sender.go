package probe

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"diagnose/dnscheck"
)

// This file turns into findings what a domain publishes about its mail beside
// its MX: keys and policies for those who receive it, demands on those who
// send to it, and what its own name servers say.

// keyZone stands between the selector and the domain of a DKIM key.
const keyZone = "._domainkey."

func findDKIM(k dnscheck.DKIM) Finding {
	f := Finding{Target: k.Selector + keyZone + k.Domain, DKIM: &k, Args: map[string]string{
		"domain": k.Domain, "selector": k.Selector, "record": k.Record, "status": string(k.Status), "error": k.Err, "server": k.Server,
	}}
	if k.KeyBits > 0 {
		f.Args["bits"], f.Args["algorithm"] = strconv.Itoa(k.KeyBits), k.Algorithm
	}
	switch {
	case k.Bogus:
		f.Outcome, f.Code = Faulty, "dkim.bogus"
	case k.Status.Absent():
		f.Outcome, f.Code = Faulty, "dkim.none"
	case k.Status != dnscheck.OK:
		f.Outcome, f.Code = UnknownOC, "dkim.undecided"
	case k.Problem != "":
		f.Outcome, f.Code = Faulty, published(k.Problem)
	case k.Revoked:
		f.Outcome, f.Code = Faulty, "dkim.revoked"
	case k.Testing:
		f.Outcome, f.Code = Healthy, "dkim.testing"
	default:
		f.Outcome, f.Code = Healthy, "dkim.ok"
	}
	return f
}

// published is the code of a fault in what a domain publishes.
func published(p dnscheck.Problem) string { return strings.Replace(string(p), "-", ".", 1) }

// findDMARC words the policy for mail in the name of a domain. One that asks
// for nothing to be done is in order.
func findDMARC(d dnscheck.DMARC, domain string) Finding {
	f := Finding{Target: domain, DMARC: &d, Args: map[string]string{
		"domain": domain, "at": d.Domain, "record": d.Record,
		"status": string(d.Status), "error": d.Err, "server": d.Server,
	}}
	switch {
	case d.Bogus:
		f.Outcome, f.Code = Faulty, "dmarc.bogus"
	case !d.Status.Known():
		f.Outcome, f.Code = UnknownOC, "dmarc.undecided"
	case d.Policy == "reject":
		f.Outcome, f.Code = Healthy, "dmarc.reject"
	case d.Policy == "quarantine":
		f.Outcome, f.Code = Healthy, "dmarc.quarantine"
	case d.Policy == "none":
		f.Outcome, f.Code = Healthy, "dmarc.monitor"
	case d.Err != "":
		f.Outcome, f.Code = Faulty, "dmarc.broken"
	default:
		f.Outcome, f.Code = Faulty, "dmarc.none"
	}
	return f
}

// findSTS words the MTA-STS policy of a domain. To have none is no fault; one
// that is announced and cannot be had is, unless it was only out of our reach.
func findSTS(s dnscheck.STS) Finding {
	f := Finding{Target: s.Domain, STS: &s, Args: map[string]string{
		"domain": s.Domain, "hosts": strings.Join(s.MX, ", "),
		"status": string(s.Status), "error": s.Err, "server": s.Server,
	}}
	switch {
	case s.Bogus:
		f.Outcome, f.Code = Faulty, "sts.bogus"
	case s.Problem == dnscheck.STSUnreachable:
		f.Outcome, f.Code = UnknownOC, "sts.unreachable"
	case s.Problem != "":
		f.Outcome, f.Code = Faulty, published(s.Problem)
	case s.Status.Absent():
		f.Outcome, f.Code = Healthy, "sts.none"
	case s.Status != dnscheck.OK:
		f.Outcome, f.Code = UnknownOC, "sts.undecided"
	case s.Mode == "enforce":
		f.Outcome, f.Code = Healthy, "sts.enforce"
	case s.Mode == "testing":
		f.Outcome, f.Code = Healthy, "sts.testing"
	default:
		f.Outcome, f.Code = Healthy, "sts.off"
	}
	return f
}

// findDANE words the TLSA records of a mail server. They bind only where
// DNSSEC vouches for them and for the way to them; proven says that the MX
// answer and the host's addresses were Authentic too (RFC 7672 section 2.2).
func findDANE(d dnscheck.DANE, proven bool) Finding {
	f := Finding{Target: d.Host, DANE: &d, Args: map[string]string{
		"host": d.Host, "name": "_" + strconv.Itoa(int(d.Port)) + "._tcp." + d.Host,
		"status": string(d.Status), "error": d.Err, "server": d.Server,
	}}
	switch {
	case d.Bogus:
		f.Outcome, f.Code = Faulty, "dane.bogus"
	case d.Status.Absent(), d.Status == dnscheck.OK && len(d.Records) == 0:
		f.Outcome, f.Code = Healthy, "dane.none"
	case d.Status != dnscheck.OK:
		f.Outcome, f.Code = UnknownOC, "dane.undecided"
	case !d.Authentic || !proven:
		f.Outcome, f.Code = UnknownOC, "dane.unproven"
	case len(d.Usable()) == 0:
		f.Outcome, f.Code = Faulty, "dane.unusable"
	default:
		f.Outcome, f.Code = Healthy, "dane.ok"
	}
	return f
}

// findSecond words what another resolver says of a domain to which ours finds
// no way. Only MX records count as one: a portal makes addresses up for any
// name. Where ours finds that signatures do not validate, one that does not look
// at them finds the records, and is no better for it.
func findSecond(mx dnscheck.MX, ours Finding) Finding {
	f := findMX(mx)
	if f.Code == "mx.ok" && (ours.Code != "mx.bogus" || mx.Authentic) {
		f.Outcome, f.Code, f.Args["ours"] = Faulty, "mx.differs", ours.Args["server"]
	}
	return f
}

// findNS words what the name servers of a domain say themselves. That none of
// them can be heard is their fault only where others were heard on the way:
// the parent's name servers answered our own packets.
func findNS(a dnscheck.Authority) Finding {
	f := Finding{Target: a.Domain, NS: &a, Args: map[string]string{
		"domain": a.Domain, "zone": a.Zone, "servers": strconv.Itoa(len(a.Servers)), "serving": strconv.Itoa(a.Serving()),
		"error": a.Err, "server": a.Resolver.Server,
	}}
	by := map[dnscheck.Service][]string{}
	for _, s := range a.Servers {
		if at := nameServer(s); !slices.Contains(by[s.Service], at) {
			by[s.Service] = append(by[s.Service], at)
		}
	}
	for name, services := range map[string][]dnscheck.Service{
		"lame": {dnscheck.Lame, dnscheck.Declines}, "faulty": {dnscheck.Faulty},
		"silent": {dnscheck.Silent}, "homeless": {dnscheck.NoAddress}, "unasked": {dnscheck.NotAsked},
	} {
		var hosts []string
		for _, s := range services {
			hosts = append(hosts, by[s]...)
		}
		f.Args[name] = strings.Join(hosts, ", ")
	}
	f.Args["here"], f.Args["there"] = differing(a)
	f.Outcome, f.Code = nsCode(a)
	return f
}

// differing is what the resolver says of a domain's MX, and what the first of
// its own servers that knows otherwise says.
func differing(a dnscheck.Authority) (here, there string) {
	for _, s := range a.Servers {
		if s.Differs {
			return exchangers(a.Resolver), exchangers(s.MX)
		}
	}
	return "", ""
}

func exchangers(a dnscheck.Answer) string {
	var out []string
	for _, r := range a.Found() {
		out = append(out, strconv.Itoa(int(r.Preference))+" "+r.Host)
	}
	slices.Sort(out)
	return cmp.Or(strings.Join(out, ", "), string(a.Status))
}

func nameServer(s dnscheck.NameServer) string {
	if s.Addr == (netip.Addr{}) {
		return s.Host
	}
	return s.Host + " [" + s.Addr.String() + "]"
}

// unheard says whether nothing came of a name server itself: what keeps us from
// it may be near us.
func unheard(s dnscheck.NameServer) bool {
	return s.Service == dnscheck.Silent || s.Service == dnscheck.Faulty && s.MX.Status == dnscheck.Failed
}

func nsCode(a dnscheck.Authority) (Outcome, string) {
	serving, silent, unasked, differs := a.Serving(), 0, 0, false
	for _, s := range a.Servers {
		differs = differs || s.Differs
		switch {
		case s.Service == dnscheck.NotAsked:
			unasked++
		case unheard(s):
			silent++
		}
	}
	switch {
	case differs:
		return Faulty, "ns.differs"
	case serving > 0 && serving+unasked < len(a.Servers):
		return Faulty, "ns.some"
	case len(a.Serials()) > 1:
		return Faulty, "ns.serials"
	case serving > 0:
		return Healthy, "ns.ok"
	case len(a.Servers) == 0 || unasked+a.Unasked > 0:
		return UnknownOC, "ns.undecided"
	case silent == len(a.Servers) && !a.FromParent:
		return UnknownOC, "ns.unheard"
	}
	return Faulty, "ns.dead"
}
