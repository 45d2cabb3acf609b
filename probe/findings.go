package probe

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"diagnose/dnscheck"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// This file turns the typed facts of the checks into findings: an outcome, a
// code and the arguments that words need. Every code is listed here or in
// run*.go (skipped.*), and has words in every catalogue.

func findMX(mx dnscheck.MX) Finding {
	f := Finding{Target: mx.Domain, MX: &mx, Args: map[string]string{"domain": mx.Domain, "server": mx.Server}}
	var good, broken, hidden []string
	homeless := 0 // hosts that certainly have no address, if only because their names can be none
	for _, h := range mx.Hosts {
		if h.Status() == dnscheck.OK {
			good = append(good, h.Host+" ["+joinAddrs(h.Addrs)+"]")
		} else {
			broken = append(broken, h.Host)
		}
		if slices.ContainsFunc(h.Addrs, inner) {
			hidden = append(hidden, h.Host+" ["+joinAddrs(h.Addrs)+"]")
		}
		if h.Status().Absent() || dnscheck.CheckName(h.Host) != nil && !h.IsAddress {
			homeless++
		}
		switch {
		case h.IsAddress:
			f.Args["address"] = h.Host
		case h.CNAME != "":
			f.Args["cname"] = h.Host
		}
	}
	f.Args["hosts"] = strings.Join(good, ", ")
	if len(broken) > 0 {
		f.Args["broken"] = strings.Join(broken, ", ")
	}
	if len(hidden) > 0 {
		f.Args["inner"] = strings.Join(hidden, ", ")
	}
	switch mx.Outcome() {
	case dnscheck.Routable:
		f.Outcome, f.Code = Healthy, "mx.ok"
		if mx.Implicit {
			f.Code = "mx.implicit"
		}
	case dnscheck.TakesNoMail:
		f.Outcome, f.Code = Faulty, "mx.null"
	case dnscheck.Unroutable:
		f.Outcome = Faulty
		switch {
		case mx.Status == dnscheck.NXDomain:
			f.Code = "mx.nxdomain"
		case mx.Implicit || len(mx.Hosts) == 0:
			f.Code = "mx.none"
		default:
			f.Code = "mx.dead"
		}
	default:
		f.Outcome, f.Code = UnknownOC, "mx."+string(failure(mx))
		switch {
		case mx.Bogus:
			f.Outcome, f.Code = Faulty, "mx.bogus"
		case mx.Status == dnscheck.Failed && dnscheck.CheckName(mx.Domain) != nil:
			f.Outcome, f.Code = Faulty, "mx.bad-name"
		case homeless > 0 && homeless == len(mx.Hosts) && mx.Unasked == 0:
			f.Outcome, f.Code = Faulty, "mx.dead"
		}
	}
	return f
}

// failure is the status that made a domain's routing unknown.
func failure(mx dnscheck.MX) dnscheck.Status {
	if !mx.Status.Known() {
		return mx.Status
	}
	for _, h := range mx.Hosts {
		if s := h.Status(); !s.Known() {
			return s
		}
	}
	return dnscheck.Failed
}

func findAddresses(a dnscheck.Addresses) Finding {
	f := Finding{Target: a.Host, Addresses: &a, Args: map[string]string{
		"host": a.Host, "ips": joinAddrs(a.Addrs), "server": a.Server,
	}}
	switch s := a.Status(); {
	case s == dnscheck.OK:
		f.Outcome, f.Code = Healthy, "address.ok"
	case s.Absent():
		f.Outcome, f.Code = Faulty, "address.none"
		if a.V4 == dnscheck.NXDomain {
			f.Code = "address.nxdomain"
		}
	default:
		f.Outcome, f.Code = UnknownOC, "address."+string(s)
	}
	return f
}

func findReverse(rev dnscheck.Reverse) Finding {
	f := Finding{Target: rev.IP.String(), Reverse: &rev, Args: map[string]string{"ip": rev.IP.String(), "server": rev.Server}}
	names := make([]string, len(rev.Names))
	generic, undecided := len(rev.Names) > 0, false
	for i, n := range rev.Names {
		names[i] = n.Host
		generic = generic && n.Generic
		undecided = undecided || !n.Status().Known()
	}
	f.Args["names"] = strings.Join(names, ", ")
	switch {
	case rev.Status.Absent() || (rev.Status == dnscheck.OK && len(rev.Names) == 0):
		f.Outcome, f.Code = Faulty, "ptr.none"
	case !rev.Status.Known():
		f.Outcome, f.Code = UnknownOC, "ptr."+string(rev.Status)
	case rev.Confirmed && generic:
		f.Outcome, f.Code = Healthy, "ptr.generic"
	case rev.Confirmed:
		f.Outcome, f.Code = Healthy, "ptr.ok"
	case undecided:
		f.Outcome, f.Code = UnknownOC, "ptr.undecided"
	default:
		f.Outcome, f.Code = Faulty, "ptr.unconfirmed"
	}
	return f
}

func findSPF(spf dnscheck.SPF, ip netip.Addr) Finding {
	f := Finding{Target: spf.Domain, SPF: &spf, Code: "spf." + string(spf.Result),
		Args: map[string]string{"domain": spf.Domain, "ip": ip.String(), "record": spf.Record, "terms": strconv.Itoa(spf.Terms), "fault": string(spf.Problem)}}
	switch spf.Result {
	case "pass":
		f.Outcome = Healthy
	case "temperror":
		f.Outcome = UnknownOC
	default: // a record that says nothing for the address is known, and no help
		f.Outcome = Faulty
	}
	return f
}

// findNamed words the answer of the one list that a reply names.
func findNamed(named string, results []rbl.Result) Finding {
	f := Finding{Lists: Lists(results), Args: map[string]string{"list": named}}
	if len(results) == 0 {
		f.Outcome, f.Code = UnknownOC, "named.not-asked"
		return f
	}
	r := results[0]
	f.Args["list"], f.Args["meaning"], f.Args["reason"] = r.Zone, r.Meaning, r.Reason
	f.Args["url"], f.Args["delist"], f.Args["closed"] = r.LookupURL, r.DelistURL, r.Closed
	f.Code = "named." + string(r.Status)
	switch r.Status {
	case rbl.Listed, rbl.Dead:
		f.Outcome = Faulty
	case rbl.NotListed, rbl.AllowListed:
		f.Outcome = Healthy
	default:
		f.Outcome = UnknownOC
	}
	return f
}

// findLists words a sweep of the default lists.
func findLists(results []rbl.Result) Finding {
	verdict, asked, answered := rbl.Summarise(results)
	var listed, neighbour, silent []string
	for _, r := range results {
		switch {
		case r.Status == rbl.Listed && r.Tier == rbl.Neighbour:
			neighbour = append(neighbour, r.Zone)
		case r.Status == rbl.Listed:
			listed = append(listed, r.Zone)
		case r.Status != rbl.NotListed && r.Status != rbl.NotAsked && r.Status != rbl.AllowListed:
			silent = append(silent, r.Zone)
		}
	}
	f := Finding{Lists: Lists(results), Args: map[string]string{
		"asked": strconv.Itoa(asked), "answered": strconv.Itoa(answered),
		"listed": strings.Join(listed, ", "), "neighbour": strings.Join(neighbour, ", "), "silent": strings.Join(silent, ", "),
	}}
	switch verdict {
	case rbl.VerdictListed:
		f.Outcome, f.Code = Faulty, "lists.listed"
	case rbl.VerdictClean:
		f.Outcome, f.Code = Healthy, "lists.clean"
	default:
		f.Outcome, f.Code = UnknownOC, "lists.unknown"
	}
	return f
}

func findSession(s smtpcheck.Session, host string, tries int) Finding {
	f := Finding{Target: s.Addr.String(), Session: &s, Args: map[string]string{
		"host": host, "ip": s.Addr.Addr().String(), "port": strconv.Itoa(int(s.Addr.Port())),
		"tries": strconv.Itoa(tries),
	}}
	if s.Local.IsValid() {
		f.Args["local"] = s.Local.Addr().String()
	}
	if s.Greeting.Code != 0 {
		f.Args["greeting"] = replyText(s.Greeting)
	}
	if s.SizeKnown {
		f.Args["size"] = strconv.FormatInt(s.Size, 10)
	}
	f.Outcome, f.Code = sessionCode(s)
	if f.Code == "smtp.ehlo-rejected" {
		f.Args["reply"] = replyText(s.EHLO)
	}
	if f.Outcome == Healthy && s.TLS.Problem != "" {
		f.Args["tls"] = s.TLS.Problem
	}
	if s.Err != "" {
		f.Args["error"] = s.Err
	}
	return f
}

// sessionCode names what a session came to. STARTTLS trouble does not make a
// session faulty: the greeting and EHLO are what tells whether mail is taken.
func sessionCode(s smtpcheck.Session) (Outcome, string) {
	switch {
	case s.Result == smtpcheck.Blocked:
		return Skipped, "skipped.private"
	case s.Greets() && s.EHLO.Code/100 == 2:
		return Healthy, "smtp.greets"
	case s.Greets() && s.EHLO.Code != 0:
		return Faulty, "smtp.ehlo-rejected"
	case s.Greets():
		return UnknownOC, "smtp.ehlo-" + string(s.Result)
	case s.Greeting.Code != 0:
		return Faulty, "smtp.greeting-rejected"
	case s.Phase == smtpcheck.PhaseConnect:
		if s.Result == smtpcheck.Refused {
			return Faulty, "smtp.refused"
		}
		return UnknownOC, "smtp." + string(s.Result)
	case s.Result == smtpcheck.Timeout:
		return UnknownOC, "smtp.silent"
	case s.Result == smtpcheck.Closed: // as a refused connection: somebody's answer
		return Faulty, "smtp.greeting-closed"
	default:
		return UnknownOC, "smtp.greeting-" + string(s.Result)
	}
}

func findControl(s smtpcheck.Session) Finding {
	f := findSession(s, s.Addr.Addr().String(), 1)
	switch {
	case s.Greeting.Code != 0:
		f.Outcome, f.Code = Healthy, "control.ok"
	case failedToConnect(s):
		f.Outcome, f.Code = Faulty, "control.failed"
	case s.Phase == smtpcheck.PhaseConnect: // cut short, or not allowed: nothing is known of the way out
	default: // something took the connection and said nothing: a proxy may have
		f.Outcome, f.Code = UnknownOC, "control.silent"
	}
	return f
}

// findRcpt words what came of asking for a mailbox. A refusal is known whatever
// it says of the mailbox; where none was read, nothing is.
func findRcpt(s smtpcheck.Session, mailbox, host string) Finding {
	f := Finding{Target: mailbox, Started: s.Started.UTC(), Session: &s, Args: map[string]string{
		"mailbox": mailbox, "host": host, "ip": s.Addr.Addr().String(),
	}}
	if s.Local.IsValid() {
		f.Args["local"] = s.Local.Addr().String()
	}
	for name, r := range map[string]smtpcheck.Reply{"reply": asked(s), "random": s.Random, "postmaster": s.Postmaster} {
		if r.Code != 0 {
			f.Args[name] = replyText(r)
		}
	}
	if s.Err != "" {
		f.Args["error"] = s.Err
	}
	f.Outcome, f.Code = rcptCode(s)
	return f
}

// asked is the reply to MAIL where that was refused, else the one to RCPT.
func asked(s smtpcheck.Session) smtpcheck.Reply {
	if s.Mail.Code >= 400 {
		return s.Mail
	}
	return s.Rcpt
}

func rcptCode(s smtpcheck.Session) (Outcome, string) {
	switch verdict := s.Mailbox(); {
	case s.Result == smtpcheck.Unsupported:
		return Faulty, "rcpt.unsupported"
	case verdict == smtpcheck.MailboxNotAsked, asked(s).Code == 0:
		return UnknownOC, "rcpt.undecided"
	case s.Rcpt.Accepted():
		return Healthy, "rcpt." + string(verdict)
	default:
		return Faulty, "rcpt." + string(verdict)
	}
}

func replyText(r smtpcheck.Reply) string {
	return strconv.Itoa(r.Code) + " " + strings.Join(r.Lines, " ")
}

// maxAddrs bounds the addresses that are shown of one host.
const maxAddrs = 20

func joinAddrs(addrs []netip.Addr) string {
	s := make([]string, min(len(addrs), maxAddrs))
	for i := range s {
		s[i] = addrs[i].String()
	}
	if more := len(addrs) - len(s); more > 0 {
		s = append(s, "+"+strconv.Itoa(more))
	}
	return strings.Join(s, " ")
}

// withCode picks the findings of a step that have one of the codes.
func withCode(fs []Finding, codes ...string) []Finding {
	return slices.DeleteFunc(slices.Clone(fs), func(f Finding) bool { return !slices.Contains(codes, f.Code) })
}
