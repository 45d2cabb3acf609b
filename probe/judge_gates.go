package probe

import (
	"slices"
	"strings"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/smtpcheck"
)

// aboutUs are the categories in which the remote decides about our address:
// only a look from that address settles them. Facts of the DNS and of the
// lists hold from anywhere, so 11, 12 and 14 are bound where a session
// decides, not where a record does.
func aboutUs(c classify.Category) bool {
	switch c {
	case classify.Rejected, classify.ConnectionFailed, classify.RateLimited, classify.TLSFailed:
		return true
	}
	return false
}

// overSMTP says whether a verdict on these findings rests on a session.
func overSMTP(rests []Finding) bool {
	return slices.ContainsFunc(rests, func(f Finding) bool { return f.Check == CheckSMTP || f.Check == CheckControl })
}

// gates weakens what was found as far as the place of looking, and the author
// of the bounce, demand.
func (v *view) gates() {
	firm := v.verdict == Confirmed || v.verdict == Cleared
	if v.theirReport() && v.verdict != Contradicted && (overSMTP(v.rests) || v.c.Category == classify.DNSFailure) {
		v.limitTheirs()
		v.weaken()
	}
	if firm && aboutUs(v.c.Category) && overSMTP(v.rests) && !v.decidedAtSender() {
		v.limitVantage()
		v.weaken()
	}
	if firm && v.c.Category == classify.Rejected && !v.dialled() {
		v.limit("route-unknown", map[string]string{"host": v.remote(), "domain": v.s.Domain})
		v.weaken()
	}
	if v.verdict == Cleared && v.c.Category != classify.DNSFailure && slices.ContainsFunc(v.rests, v.beforehand) {
		v.weaken()
	}
}

// beforehand says whether a session is remembered from before the bounce, which
// does not show that the cause is gone. A mailbox is remembered for so long
// that a bounce without a time may be younger.
func (v *view) beforehand(f Finding) bool {
	bounced := v.s.BouncedAt
	before := f.Args["remembered"] != "" && (f.Started.Before(bounced) || bounced.IsZero() && f.Step == StepRcpt)
	if before {
		v.limit("seen-beforehand", map[string]string{"time": f.Args["remembered"]})
	}
	return before
}

func (v *view) limitTheirs() {
	if v.s.forwarded() {
		v.limit("forwarded", map[string]string{"forwarder": v.s.Forwarder, "domain": v.s.Domain})
		return
	}
	v.limit("their-report", map[string]string{"host": v.s.ReportingHost})
}

// limitVantage says why it was not looked from where the message was sent.
func (v *view) limitVantage() {
	addrs, by := v.sending()
	switch {
	case len(addrs) == 0:
		v.limit("no-sending-address", nil)
	case by == ByMachine:
		v.guessed()
	default:
		v.limit("vantage", map[string]string{"outbound": v.outbound(), "sending": joinAddrs(addrs), "relayhost": v.s.Ours.Relayhost})
	}
}

// guessed says that our address is only concluded.
func (v *view) guessed() {
	addrs, by := v.sending()
	v.limit("sending-address-guessed", map[string]string{"ip": joinAddrs(addrs), "by": string(by)})
}

// sure says whether the address that was looked at is the one that sent.
func (v *view) sure() bool {
	_, by := v.sending()
	return v.s.sure(by)
}

// keepInMind says what bounds every verdict: that what is seen is not of the
// bounce's time, or not of now.
func (v *view) keepInMind() {
	if v.s.old() {
		v.limit("old-bounce", map[string]string{"days": itoa(int64(v.s.Now.Sub(v.s.BouncedAt) / (24 * time.Hour)))})
	}
	if f, ok := v.rcpt(); ok && f.Args["remembered"] != "" {
		v.limit("remembered", map[string]string{"time": f.Args["remembered"]})
	}
}

// weaken takes a verdict back to what may still be said: a confirmation is
// then only consistent, and a clearance clears nothing.
func (v *view) weaken() {
	if v.verdict == Confirmed {
		v.verdict = Consistent
	} else if v.verdict == Cleared {
		v.verdict = Inconclusive
	}
}

// theirReport says whether the recipient's side wrote the bounce: its host is
// theirs by name, or it is one of their mail servers.
func (v *view) theirReport() bool {
	if v.s.TheirReport {
		return true
	}
	if v.s.ReportingHost == "" || v.s.OurReport || v.mx == nil || v.mx.MX == nil {
		return false
	}
	return slices.ContainsFunc(v.mx.MX.Hosts, func(h dnscheck.MXHost) bool { return strings.EqualFold(h.Host, v.s.ReportingHost) })
}

// phasePassed says whether a session went further than a stage.
func phasePassed(s smtpcheck.Session, stage bounce.Stage) bool {
	switch stage {
	case bounce.StageConnect, bounce.StageGreeting:
		return s.Greets()
	case bounce.StageEHLO:
		return s.Greets() && s.EHLO.Code/100 == 2
	}
	return false
}
