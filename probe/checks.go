package probe

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"diagnose/classify"
	"diagnose/smtpcheck"
)

// MXPlan asks whether a domain takes mail: MX, addresses and, unless dnsOnly,
// port 25 of each; authoritative: what each of its name servers says, too.
func MXPlan(domain string, dnsOnly, authoritative bool) []Step {
	plan := []Step{{ID: StepMX, Check: CheckMX, Target: domain}, {ID: StepPrivate, Check: CheckPrivate, Needs: []string{StepMX}}}
	if authoritative {
		plan = append(plan, Step{ID: StepNS, Check: CheckNS, Target: domain})
	}
	if dnsOnly {
		return plan
	}
	return append(plan, Step{ID: StepSMTP, Check: CheckSMTP, From: StepMX}, Step{ID: StepControl, Check: CheckControl, Needs: []string{StepSMTP}})
}

// PTRPlan asks for the reverse DNS of an address.
func PTRPlan(ip netip.Addr) []Step {
	return []Step{{ID: StepPTR, Check: CheckPTR, Target: ip.String()}}
}

// SMTPPlan asks for the SMTP session of a host, by name or address.
func SMTPPlan(host string) []Step {
	control := Step{ID: StepControl, Check: CheckControl, Needs: []string{StepSMTP}}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []Step{{ID: StepSMTP, Check: CheckSMTP, Target: ip.String()}, control}
	}
	return []Step{{ID: StepRemote, Check: CheckAddress, Target: host}, {ID: StepSMTP, Check: CheckSMTP, From: StepRemote}, control}
}

// NewCheckReport sums up what a single check found of one target: faulty
// where a fault was seen, unknown where it could not be told, healthy where
// at least one way in works.
func NewCheckReport(target string, findings []Finding) CheckReport {
	out := CheckReport{Schema: Schema, Target: target, Findings: nonNil(findings), Outcome: Healthy}
	for _, f := range findings {
		switch {
		case f.MX != nil:
			out.MX = mxJSON(f)
			out.Outcome = f.Outcome
		case f.Addresses != nil:
			out.Outcome = f.Outcome
		case f.Reverse != nil:
			out.PTR = ptrJSON(f)
			out.Outcome = f.Outcome
		case f.Session != nil && f.Check == CheckSMTP:
			out.SMTP = append(out.SMTP, smtpJSON(*f.Session))
		}
	}
	switch {
	case !slices.ContainsFunc(findings, func(f Finding) bool { return f.Outcome != Skipped }):
		out.Outcome = UnknownOC // nothing was looked at
	case out.Outcome == Healthy && onlyPrivate(findings):
		out.Outcome = Faulty
	case out.Outcome == Healthy && slices.ContainsFunc(findings, func(f Finding) bool { return f.Step == StepSMTP }):
		out.Outcome = newView(classify.Classification{}, Subject{}, findings).waysIn()
	}
	return out
}

// examples are the prefixes of documentation. Where a domain leads there, it is
// in somebody's test bed.
var examples = prefixes("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")

// onlyPrivate says whether all of a domain's addresses are inside somebody's
// network.
func onlyPrivate(findings []Finding) bool {
	private := 0
	for _, f := range findings {
		if ip, err := netip.ParseAddr(f.Target); f.Code == "mx.private" && err == nil && !within(examples, ip) {
			private++
		}
	}
	return private > 0 && private == len(addressesOf(findings))
}

// waysIn is the outcome of the sessions: healthy where one greets.
func (v *view) waysIn() Outcome {
	visited := v.sessions
	switch {
	case len(v.greeting()) > 0:
		return Healthy
	case len(visited) == 0: // only addresses of a family that we lack
		return UnknownOC
	case len(withCode(visited, "smtp.greeting-rejected", "smtp.ehlo-rejected")) > 0:
		return Faulty
	case len(v.connectFailures()) == len(visited) && !slices.ContainsFunc(visited, func(f Finding) bool { return v.port25(f) != "open" }):
		return Faulty
	}
	return UnknownOC
}

func mxJSON(f Finding) *MX {
	out := &MX{Hosts: []MXHost{}, Null: f.MX.Null, Implicit: f.MX.Implicit}
	for _, h := range f.MX.Hosts {
		out.Hosts = append(out.Hosts, MXHost{h.Preference, h.Host, texts(h.Addrs)})
	}
	return out
}

func ptrJSON(f Finding) *PTR {
	out := &PTR{Names: []PTRName{}, Confirmed: f.Reverse.Confirmed}
	for _, n := range f.Reverse.Names {
		out.Names = append(out.Names, PTRName{n.Host, texts(n.Addrs), n.Confirms, n.Generic})
	}
	return out
}

func smtpJSON(s smtpcheck.Session) SMTP {
	out := SMTP{
		Address: s.Addr.String(), Phase: string(s.Phase), Result: string(s.Result),
		Extensions: s.Extensions, Transcript: nonNil(s.Transcript),
	}
	if out.Extensions == nil {
		out.Extensions = map[string]string{}
	}
	if s.Greeting.Code != 0 {
		out.Greeting = replyText(s.Greeting)
	}
	if s.TLS.Result != "" {
		out.TLS = &TLS{s.TLS.Version, s.TLS.Subject, s.TLS.Issuer, stamp(s.TLS.NotAfter), s.TLS.Problem, s.TLS.Err}
	}
	if out.STARTTLS = startTLS(s); out.STARTTLS == TLSRefused {
		out.TLS.Error = replyText(s.TLS.Reply)
	}
	return out
}

func startTLS(s smtpcheck.Session) STARTTLS {
	switch {
	case s.TLS.Result == smtpcheck.Accepted:
		return Encrypted
	case s.TLS.Result == smtpcheck.Rejected:
		return TLSRefused
	case s.TLS.Result != "":
		return TLSBroken
	case s.EHLO.Accepted() && !s.TLS.Offered:
		return NotOffered
	}
	return ""
}

func texts(addrs []netip.Addr) []string {
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = a.String()
	}
	return out
}

// HostPort splits a HOST, IP, HOST:PORT or [IPv6]:PORT; the port is 0 where
// none is given.
func HostPort(s string) (host string, port uint16) {
	bare := strings.Trim(s, "[]")
	if _, err := netip.ParseAddr(bare); err == nil {
		return bare, 0
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return bare, 0
	}
	p, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil {
		return s, 0
	}
	return strings.Trim(s[:i], "[]"), uint16(p)
}
