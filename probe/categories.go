package probe

import (
	"diagnose/classify"
	"diagnose/classify/bounce"
)

// judge tries the classified category against the findings, each category by
// its own row: what confirms it, what clears it, what speaks for another.
func (v *view) judge() {
	if v.s.Failure.Stage == bounce.StageLocal && decidedBySession(v.c.Category) {
		v.invisible("refused-here")
		return
	}
	switch v.c.Category {
	case classify.UnknownRecipient, classify.MailboxDisabled, classify.MailboxFull:
		v.judgeMailbox()
	case classify.Filtered:
		v.judgeFiltered()
	case classify.DNSFailure:
		v.judgeDNS()
	case classify.BadCommand:
		v.judgeCommand()
	case classify.TooLarge:
		v.judgeSize()
	case classify.Rejected:
		v.judgeRejected()
	case classify.ConnectionFailed:
		v.judgeConnection()
	case classify.TooManyRecipients:
		v.judgeRecipients()
	case classify.Blocklisted:
		v.judgeList()
	case classify.SenderDNS:
		v.judgeSenderDNS()
	case classify.RateLimited:
		v.judgeRate()
	case classify.AuthFailed:
		v.judgeAuth()
	case classify.TLSFailed:
		v.judgeTLS()
	case classify.RemoteFault:
		v.judgeRemoteFault()
	default:
		v.limit("unknown-category", nil)
		v.is(Inconclusive)
	}
}

// decidedBySession says whether the next server's session is what a category
// is judged by: where the reporting server refused by itself, that shows
// nothing.
func decidedBySession(c classify.Category) bool {
	switch c {
	case classify.TooLarge, classify.Rejected, classify.TooManyRecipients, classify.RateLimited, classify.TLSFailed, classify.RemoteFault:
		return true
	}
	return false
}

// byCode ends the judgement by the codes of a step. What was looked at and is
// only concluded to be what the remote tested confirms and clears nothing.
func (v *view) byCode(step string, confirm, clear, consistent []string) {
	fs := v.of(step)
	bad, odd := withCode(fs, confirm...), withCode(fs, consistent...)
	sure := v.tested(step)
	switch {
	case len(fs) == 0 && v.s.SenderDomain == "" && step != StepPTR && step != StepHELO:
		v.limit("no-sender", nil)
		v.is(Inconclusive)
	case targetless(fs) && (step == StepPTR || step == StepSPF):
		v.untargeted(fs)
	case targetless(fs):
		v.undecided(fs...)
	case len(bad) > 0 && sure:
		v.is(Confirmed, bad...)
	case len(bad)+len(odd) > 0:
		v.is(Consistent, append(bad, odd...)...)
	case all(fs, clear...) && sure:
		v.is(Cleared, fs...)
	case all(fs, clear...):
		v.is(Inconclusive, fs...)
	default:
		v.undecided(fs...)
	}
}

// tested says whether a step looked at what the remote tested: the address
// that sent, the domain that it judged. If not, it says so.
func (v *view) tested(step string) bool {
	address := step == StepHELO || step == StepSenderMX || v.sure()
	if !address {
		v.guessed()
	}
	sender := step == StepHELO || step == StepPTR || v.s.senderKnown()
	if !sender {
		v.limit("sender-guessed", map[string]string{"sender": v.s.SenderDomain})
	}
	return address && sender
}

// targetless says whether a step had nothing that it could look at.
func targetless(fs []Finding) bool {
	return len(withCode(fs, "skipped.private", "skipped.no-target")) == len(fs)
}

// untargeted ends the judgement of what is about an address that nobody knows,
// or that the guard does not let be looked at.
func (v *view) untargeted(fs []Finding) {
	v.is(Inconclusive, fs...)
	if private := withCode(fs, "skipped.private"); len(private) > 0 {
		v.limit("not-public", map[string]string{"ip": private[0].Args["ip"]})
		return
	}
	v.limit("no-sending-address", nil)
}

// limitTarget says that what the list was asked about is a guess.
func (v *view) limitTarget() {
	if v.c.Reason == classify.ReasonDomainList {
		v.limit("domain-list", map[string]string{"list": v.c.List})
		return
	}
	v.guessed()
}
