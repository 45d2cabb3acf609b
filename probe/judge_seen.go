package probe

import (
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/rbl"
)

// refusing narrows the sessions to the host that refused, by its address or
// its name, or to all of them where the bounce names none. What was left out is
// among them: nothing that has to hold of all may be said over its head.
// Where the named host was not looked at, all the others stand in for it, and
// with exact false they can neither confirm nor clear.
func (v *view) refusing() (at []Finding, exact bool) {
	r := v.s.Failure.Remote
	if r.Name == "" && !r.IP.IsValid() {
		return v.sessions, true
	}
	for _, f := range v.sessions {
		here := f.Step == StepRefuser
		switch {
		case f.Session == nil:
		case r.IP.IsValid():
			here = f.Session.Addr.Addr().Unmap() == r.IP.Unmap()
		default:
			here = here || strings.EqualFold(strings.TrimSuffix(r.Name, "."), f.Args["host"])
		}
		if here {
			at = append(at, f)
		}
	}
	if len(at) > 0 {
		return at, true
	}
	v.limit("not-all-seen", nil)
	return v.sessions, false
}

// allSeen says whether the findings cover every mail server of the domain.
func (v *view) allSeen() bool {
	return v.mx != nil && v.mx.Outcome == Healthy && v.mx.MX != nil && v.mx.MX.Unasked == 0 &&
		!slices.ContainsFunc(v.mx.MX.Hosts, func(h dnscheck.MXHost) bool { return !h.Status().Known() })
}

// greeting are the mail servers that let us in. What cannot be tested without
// sending is consistent with at least one, and with nothing less.
func (v *view) greeting() []Finding { return withCode(v.sessions, "smtp.greets") }

// contradictedByDNS ends the judgement in favour of a domain that takes no
// mail, where that explains what the reply says: that nobody is there by that
// name. It is no reason for a message that was too large or a filter's refusal,
// and signatures that do not validate today hid no mailbox.
func (v *view) contradictedByDNS() bool {
	switch {
	case !v.unroutable():
		return false
	case v.mailboxNamed() && v.mx.Code != "mx.bogus":
		return v.contradicted(classify.DNSFailure, *v.mx)
	}
	v.see(*v.mx)
	return false
}

// mailboxNamed says whether the reply is about the recipient's mailbox.
func (v *view) mailboxNamed() bool {
	switch v.c.Category {
	case classify.UnknownRecipient, classify.MailboxDisabled, classify.MailboxFull:
		return true
	}
	return false
}

// unroutable says whether the recipient's domain certainly takes no mail.
func (v *view) unroutable() bool {
	return v.mx != nil && slices.Contains(unroutable, v.mx.Code)
}

// invisible ends the judgement of a cause that a look from outside cannot
// see: consistent where a mail server greets, contradicted where the domain
// takes no mail at all and that is an explanation, and else it could not be
// told.
func (v *view) invisible(limit string) {
	v.limit(limit, nil)
	v.hidden()
}

// hidden is the same with limits that are said already, and findings that agree
// and are worth more than a greeting.
func (v *view) hidden(agreeing ...Finding) {
	switch good := v.greeting(); {
	case v.contradictedByDNS():
	case len(good) > 0 && len(agreeing) > 0:
		v.is(Consistent, agreeing...)
	case len(good) > 0:
		v.is(Consistent, good...)
	default:
		v.undecided()
	}
}

// undecided ends the judgement with what stood in the way of one.
func (v *view) undecided(rests ...Finding) {
	if len(rests) == 0 {
		rests = slices.DeleteFunc(slices.Clone(v.all), func(f Finding) bool {
			return f.Outcome == Healthy || f.Outcome == Faulty && f.Check != CheckSMTP && f.Check != CheckControl
		})
	}
	v.is(Inconclusive, rests...)
	for _, f := range rests {
		switch {
		case f.Code == "skipped.private":
			v.limit("not-public", map[string]string{"ip": f.Args["ip"]})
			continue
		case f.Outcome == Skipped, f.Outcome == Healthy, f.Outcome == Faulty && f.Check != CheckSMTP:
			continue // nobody was asked, or it was told and settles nothing
		}
		switch f.Step {
		case StepMX, StepSenderMX, StepHELO, StepPTR, StepSPF, StepDKIM, StepDMARC, StepRemote, StepSending:
			v.limit("ask-another-resolver", map[string]string{"server": f.Args["server"]})
		case StepSMTP, StepRefuser:
			if reply := refusal(f); reply != "" {
				v.limit("refuses", map[string]string{"ip": f.Args["ip"], "reply": reply})
				continue
			}
			v.limit("no-answer", nil)
		case StepNamed, StepLists:
			v.limit("lists-did-not-answer", nil)
		}
	}
}

// refusal is what a server refused us with, before we could say anything of a
// message; "" where it did not.
func refusal(f Finding) string {
	switch f.Code {
	case "smtp.greeting-rejected":
		return f.Args["greeting"]
	case "smtp.ehlo-rejected":
		return f.Args["reply"]
	}
	return ""
}

// alsoSee reports what every admin wants to know of, whatever the verdict.
func (v *view) alsoSee() {
	if v.mx != nil && v.mx.MX != nil && v.mx.Outcome == Healthy {
		for code, arg := range map[string]string{"mx.broken-host": "broken", "mx.address": "address", "mx.cname": "cname", "mx.inner": "inner"} {
			if h := v.mx.Args[arg]; h != "" {
				v.also = append(v.also, Seen{code, map[string]string{"host": h, "domain": v.s.Domain}})
			}
		}
		v.notAmongMX()
	}
	if local, seen := v.translated(); seen != "" {
		v.also = append(v.also, Seen{"nat", map[string]string{"local": local, "seen": seen}})
	}
	v.seeForward()
	rests := v.because()
	for _, f := range v.all {
		switch {
		case slices.Contains(rests, f.Code) || f.Outcome != Faulty:
		case f.Check == CheckSMTP, f.Check == CheckMX, f.Check == CheckAddress:
		default:
			v.see(f)
		}
	}
	if near := v.s.near(); near != "" {
		v.also = append(v.also, Seen{"typo.likely", map[string]string{"domain": v.s.Domain, "near": near}})
	}
	slices.SortFunc(v.also, func(a, b Seen) int { return strings.Compare(a.Code+a.Args["ip"], b.Code+b.Args["ip"]) })
}

// notAmongMX reports a refusing host that is none of today's: an old DNS
// answer, a route of ours, or a pool behind one name.
func (v *view) notAmongMX() {
	if v.remote() != "" && !v.amongMX() && v.s.Failure.Stage != bounce.StageLocal {
		v.also = append(v.also, Seen{"remote.not-mx", map[string]string{"host": v.remote(), "domain": v.s.Domain}})
	}
}

// amongMX says whether the host that refused is one of today's mail servers.
func (v *view) amongMX() bool { return v.mx != nil && isOneOf(v.s.Failure.Remote, v.mx.MX) }

// isOneOf says whether a host is a mail server of a domain.
func isOneOf(r bounce.Host, mx *dnscheck.MX) bool {
	return mx != nil && slices.ContainsFunc(mx.Hosts, func(h dnscheck.MXHost) bool {
		return strings.EqualFold(h.Host, strings.TrimSuffix(r.Name, ".")) || slices.Contains(h.Addrs, r.IP.Unmap())
	})
}

// dialled says whether our server is known to have spoken to the host that
// refused: it says so itself, or mail goes there today.
func (v *view) dialled() bool {
	return v.remote() == "" || v.amongMX() || v.s.OurReport
}

// remote is the host that refused, by name or else by address.
func (v *view) remote() string {
	r := v.s.Failure.Remote
	if r.Name == "" && r.IP.IsValid() {
		return r.IP.String()
	}
	return r.Name
}

// listed are the zones on which a sweep found us, the neighbourhood's left
// out; high says whether one of them is widely used.
func listed(f Finding) (zones []string, high bool) {
	for _, l := range f.Lists {
		if l.Counts() {
			zones = append(zones, l.Zone)
			high = high || l.Weight == rbl.High
		}
	}
	return zones, high
}
