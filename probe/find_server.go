package probe

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"diagnose/dnscheck"
	"diagnose/smtpcheck"
)

// This file turns into findings what is asked of our own server only.

// findHELO judges the name that our server greets with: receivers look it up
// and want to find the address that called them (RFC 5321 section 4.1.4
// forbids them to refuse for that alone; they score it).
func findHELO(a dnscheck.Addresses, ip netip.Addr) Finding {
	f := Finding{Target: ip.String(), Addresses: &a, Args: map[string]string{
		"helo": a.Host, "ip": ip.String(), "ips": joinAddrs(a.Addrs), "status": string(a.Status()), "server": a.Server,
	}}
	switch s := a.Status(); {
	case slices.Contains(a.Addrs, ip):
		f.Outcome, f.Code = Healthy, "helo.ok"
	case !a.V4.Known() && ip.Is4() || !a.V6.Known() && ip.Is6():
		f.Outcome, f.Code = UnknownOC, "helo.undecided"
	case s.Absent():
		f.Outcome, f.Code = Faulty, "helo.none"
	default:
		f.Outcome, f.Code = Faulty, "helo.elsewhere"
	}
	return f
}

// findPrivate is a mail server that nobody outside can reach.
func findPrivate(host string, ip netip.Addr) Finding {
	addr := ip.String()
	return Finding{Target: addr, Outcome: Faulty, Code: "mx.private", Args: map[string]string{"host": host, "ip": addr}}
}

// certificateDays is how long a certificate of ours must still be good:
// automatic renewal has failed where it comes closer to its end.
const certificateDays = 14

// findTLS judges what became of STARTTLS at a mail server of ours.
func findTLS(s smtpcheck.Session, host string, now time.Time) Finding {
	days := int(s.TLS.NotAfter.Sub(now) / (24 * time.Hour))
	f := Finding{Target: s.Addr.String(), Args: map[string]string{
		"host": host, "version": s.TLS.Version, "subject": s.TLS.Subject, "issuer": s.TLS.Issuer, "until": stamp(s.TLS.NotAfter),
		"tls": s.TLS.Problem, "error": s.TLS.Err,
	}}
	switch startTLS(s) {
	case NotOffered:
		f.Outcome, f.Code = Faulty, "tls.none"
		return f
	case TLSRefused:
		f.Outcome, f.Code = Faulty, "tls.refused"
		f.Args["error"] = replyText(s.TLS.Reply)
		return f
	case TLSBroken:
		f.Outcome, f.Code = Faulty, "tls.broken"
		if s.TLS.Result == smtpcheck.Timeout || s.TLS.Result == smtpcheck.Failed {
			f.Outcome = UnknownOC
		}
		return f
	}
	switch {
	case s.TLS.Problem == smtpcheck.ProblemNoRoots:
		f.Outcome, f.Code = UnknownOC, "tls.unjudged"
	case s.TLS.Problem == smtpcheck.ProblemDANE:
		f.Outcome, f.Code = Faulty, "dane.mismatch"
	case s.TLS.Problem != "" && s.TLS.Problem != smtpcheck.ProblemSTS: // that is told of the policy
		f.Outcome, f.Code = Faulty, "tls.bad"
	case s.TLS.DANE:
		f.Outcome, f.Code = Healthy, "dane.match"
	case days < certificateDays:
		f.Outcome, f.Code = Faulty, "tls.ends"
		f.Args["days"] = strconv.Itoa(days)
	default:
		f.Outcome, f.Code = Healthy, "tls.ok"
	}
	return f
}

// findSTSHosts compares an MTA-STS policy with the MX: a sender that goes by
// the policy delivers to none of those that it does not name.
func findSTSHosts(sts dnscheck.STS, hosts []string) Finding {
	missing := slices.DeleteFunc(slices.Clone(hosts), sts.Covers)
	f := Finding{Target: sts.Domain, Outcome: Healthy, Code: "sts.hosts-ok", Args: map[string]string{
		"domain": sts.Domain, "hosts": strings.Join(sts.MX, ", "), "missing": strings.Join(missing, ", "),
	}}
	if len(missing) > 0 {
		f.Outcome, f.Code = Faulty, "sts.hosts-missing"
	}
	return f
}

// relayWords are what servers call it when they do not relay.
var relayWords = regexp.MustCompile(`(?i)relay|not (?:a )?local|rcpthosts|authentication (?:is )?required|must (?:be )?authenticate`)

// findRelay judges a session in which a stranger asked to send to a stranger.
// A refusal counts only where it is about that: a server may dislike the
// sender or us, and relay for others.
func findRelay(s smtpcheck.Session, sender string) Finding {
	f := Finding{Target: s.Addr.String(), Session: &s, Args: map[string]string{
		"ip": s.Addr.Addr().String(), "from": sender, "to": relayTo,
	}}
	if s.Local.IsValid() {
		f.Args["local"] = s.Local.Addr().String()
	}
	reply := asked(s)
	if reply.Code != 0 {
		f.Args["reply"] = replyText(reply)
	}
	if s.Err != "" {
		f.Args["error"] = s.Err
	}
	switch {
	case s.Result == smtpcheck.Blocked:
		f.Outcome, f.Code = Skipped, "skipped.private"
	case s.Rcpt.Accepted():
		f.Outcome, f.Code = Faulty, "relay.open"
	case s.Result == smtpcheck.Refused && s.Phase == smtpcheck.PhaseConnect:
		f.Outcome, f.Code = Skipped, "relay.nobody"
	case reply.Code >= 500 && relayWords.MatchString(f.Args["reply"]):
		f.Outcome, f.Code = Healthy, "relay.closed"
	default:
		f.Outcome, f.Code = UnknownOC, "relay.undecided"
	}
	return f
}

// findCompared holds what two resolvers say of a domain's mail servers
// against each other.
func findCompared(here, there dnscheck.MX) Finding {
	f := Finding{Target: here.Domain, Args: map[string]string{
		"domain": here.Domain, "here": routing(here), "there": routing(there), "server": here.Server, "other": there.Server,
	}}
	switch {
	case here.Outcome() == dnscheck.CannotTell || there.Outcome() == dnscheck.CannotTell:
		f.Outcome, f.Code = UnknownOC, "vantage.dns-undecided"
	case f.Args["here"] == f.Args["there"]:
		f.Outcome, f.Code = Healthy, "vantage.dns-same"
	default:
		f.Outcome, f.Code = Faulty, "vantage.dns-differs"
	}
	return f
}

// routing is where mail for a domain goes, in one order whoever tells it.
func routing(mx dnscheck.MX) string {
	var hosts []string
	for _, h := range mx.Hosts {
		addrs := slices.Clone(h.Addrs)
		slices.SortFunc(addrs, netip.Addr.Compare)
		hosts = append(hosts, strconv.Itoa(int(h.Preference))+" "+h.Host+" ["+joinAddrs(addrs)+"]")
	}
	if len(hosts) == 0 {
		return string(mx.Outcome())
	}
	slices.Sort(hosts)
	return strings.Join(hosts, ", ")
}

// findWayOut sums up, for one address family, what the control hosts answered.
// One that is silent may be down itself: only several, and all of them, tell
// that port 25 is closed.
func findWayOut(family string, has bool, asked []smtpcheck.Session) Finding {
	f := Finding{Target: family, Args: map[string]string{"family": family}}
	var up, down []string
	for _, s := range asked {
		switch {
		case s.Greeting.Code != 0:
			up = append(up, s.Addr.String())
			if s.Local.IsValid() {
				f.Args["local"] = s.Local.Addr().String()
			}
			if s.SeenAs.IsValid() {
				f.Args["seen"], f.Args["by"] = s.SeenAs.String(), s.Addr.String()
			}
		case failedToConnect(s):
			down = append(down, s.Addr.String())
		}
	}
	f.Args["up"], f.Args["down"] = strings.Join(up, ", "), strings.Join(down, ", ")
	switch {
	case !has:
		f.Outcome, f.Code = Skipped, "vantage.no-family"
	case len(asked) == 0:
		f.Outcome, f.Code = Skipped, "vantage.no-control"
	case len(up) > 0:
		f.Outcome, f.Code = Healthy, "vantage.port25-open"
	case len(down) > 1 && len(down) == len(asked):
		f.Outcome, f.Code = Faulty, "vantage.port25-closed"
	default:
		f.Outcome, f.Code = UnknownOC, "vantage.port25-unknown"
	}
	return f
}

// findSeen compares the address by which the world sees us with what we take
// for ours. A difference is no fault by itself: this need not be our server.
func findSeen(family, local, seen, by string, ours []OwnAddress) Finding {
	f := Finding{Target: seen, Args: map[string]string{"family": family, "ip": local, "seen": seen, "by": by}}
	known := slices.ContainsFunc(ours, func(a OwnAddress) bool { return a.IP.String() == seen })
	switch {
	case !known:
		f.Outcome, f.Code = Skipped, "vantage.elsewhere"
	case local != seen:
		f.Outcome, f.Code = Healthy, "vantage.nat"
	default:
		f.Outcome, f.Code = Healthy, "vantage.same"
	}
	return f
}
