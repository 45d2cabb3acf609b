package probe

import (
	"net/netip"
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/smtpcheck"
)

// judge tries the classified category against the findings, each category by
// its own row: what confirms it, what clears it, what speaks for another.
func (v *view) judge() {
	switch v.c.Category {
	case classify.UnknownRecipient, classify.MailboxDisabled, classify.MailboxFull:
		v.invisible("needs-rcpt")
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

// namedListHasUs ends the judgement in favour of a listing where the reply
// itself names the list, and that list has the address.
func (v *view) namedListHasUs() bool {
	f, ok := v.one(StepNamed)
	if ok && f.Code == "named.listed" {
		v.contradict(classify.Blocklisted, f)
		return true
	}
	return false
}

// judgeFiltered: what a filter reads is only seen by sending a message.
func (v *view) judgeFiltered() {
	if !v.namedListHasUs() {
		v.invisible("needs-sending")
	}
}

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
	case len(v.greeting()) > 0 || len(v.connectFailures()) == 0:
		v.is(Cleared, append(v.greeting(), *v.mx)...)
	case v.port25() == "open":
		// It resolves and nobody answers while others do: what the bounce
		// called a DNS error is a dead server, or the wrong domain.
		v.contradict(classify.ConnectionFailed, append(v.connectFailures(), *v.mx)...)
	default:
		v.see(v.connectFailures()...)
		v.limit("no-answer", nil)
		v.is(Inconclusive, v.connectFailures()...)
	}
}

// brokenHostNamed says whether the reply names one of the MX hosts that do
// not resolve; one broken MX among good ones explains nothing else.
func (v *view) brokenHostNamed() bool {
	said := strings.ToLower(v.s.Failure.Reply.Text + " " + v.s.Failure.Text + " " + v.s.Failure.Remote.Name)
	for _, h := range v.mx.MX.Hosts {
		if h.Status().Absent() && h.Host != v.s.Domain && strings.Contains(said, h.Host) {
			return true
		}
	}
	return false
}

// judgeCommand: only the recipient's address can be tested without sending.
func (v *view) judgeCommand() {
	if a := v.s.Failure.Recipient; a != "" {
		switch fault := addressFault(a); {
		case fault == "utf8":
			for _, f := range v.greeting() {
				if _, ok := f.Session.Extensions["SMTPUTF8"]; !ok {
					v.limit("address-needs-smtputf8", map[string]string{"address": a, "host": f.Args["host"]})
					v.is(Confirmed, f)
					return
				}
			}
		case fault != "":
			v.limit("address-malformed", map[string]string{"address": a, "fault": fault})
			v.is(Confirmed)
			return
		}
	}
	v.invisible("needs-sending")
}

// judgeSize compares the announced SIZE (RFC 1870) with the message. A larger
// one explains nothing: mailboxes often have smaller limits of their own.
func (v *view) judgeSize() {
	size := v.s.Original.Size
	at, named := v.refusing()
	var small, large []Finding
	for _, f := range withCode(at, "smtp.greets") {
		if !f.Session.SizeKnown {
			continue
		}
		if f.Session.Size > 0 && size > f.Session.Size {
			small = append(small, f)
		} else {
			large = append(large, f)
		}
	}
	v.limit("size", map[string]string{"size": itoa(size)})
	switch {
	case size == 0:
		v.limits = nil
		v.invisible("size-unknown")
	case len(small) > 0 && (named || len(large) == 0):
		v.is(Confirmed, small...)
	default:
		v.see(small...)
		v.invisible("announced-size-does-not-explain")
	}
}

// judgeRejected: a refusal of us that stands before EHLO can be seen again.
func (v *view) judgeRejected() {
	if v.namedListHasUs() {
		return
	}
	at, _ := v.refusing()
	refused := withCode(at, "smtp.greeting-rejected", "smtp.ehlo-rejected")
	switch stage := v.s.stage(v.c); {
	case rank(stage) <= rank(bounce.StageGreeting):
		v.sinceGreeting(at, refused)
	case len(refused) > 0:
		v.see(refused...)
		v.invisible("stage")
	default:
		v.invisible("stage")
	}
}

// sinceGreeting judges what was refused at connect or greeting: refused again,
// or welcomed by every host that counts.
func (v *view) sinceGreeting(at, refused []Finding) {
	good := withCode(at, "smtp.greets")
	switch {
	case len(refused) > 0 && len(good) == 0:
		v.is(Confirmed, refused...)
	case len(good) > 0 && len(good) == len(at):
		v.is(Cleared, good...)
	case len(good) > 0:
		v.limit("hosts-differ", nil)
		v.see(refused...)
		v.is(Consistent, at...)
	case v.unroutable():
		v.contradict(classify.DNSFailure, *v.mx)
	default:
		v.undecided()
	}
}

// connectFailures are the connections that did not come about, in two tries.
func (v *view) connectFailures() []Finding {
	return slices.DeleteFunc(slices.Clone(v.sessions), func(f Finding) bool { return !unconnected(f) })
}

// port25 says what the control hosts tell of our way out, in the families in
// which a connection failed.
func (v *view) port25() string {
	if len(v.controls) == 0 {
		return "unknown"
	}
	for _, f := range v.connectFailures() {
		family := slices.DeleteFunc(slices.Clone(v.controls), func(c Finding) bool {
			return c.Session == nil || c.Session.Addr.Addr().Is4() != f.Session.Addr.Addr().Is4()
		})
		ok, failed := withCode(family, "control.ok"), withCode(family, "control.failed")
		switch {
		case len(ok) > 0:
		case len(family) > 0 && len(failed) == len(family):
			return "closed"
		default:
			return "unknown"
		}
	}
	return "open"
}

func (v *view) judgeConnection() {
	if v.unroutable() {
		v.contradict(classify.DNSFailure, *v.mx)
		return
	}
	at, named := v.refusing()
	good := withCode(at, "smtp.greets", "smtp.ehlo-rejected")
	failed := slices.DeleteFunc(slices.Clone(at), func(f Finding) bool { return !unconnected(f) })
	silent := withCode(at, "smtp.silent", "smtp.greeting-closed")
	refused := withCode(at, "smtp.greeting-rejected")
	early := rank(v.s.stage(v.c)) <= rank(bounce.StageGreeting) || v.s.stage(v.c) == bounce.StageQueue && v.c.Reason == classify.ReasonTimeout
	switch {
	case len(at) == 0:
		v.undecided()
	case len(good) == len(at) && early:
		v.is(Cleared, good...)
	case len(good) == len(at):
		v.limit("stage", nil)
		v.is(Consistent, good...)
	case len(good) > 0:
		v.limit("hosts-differ", nil)
		v.is(Consistent, at...)
	case len(refused) > 0 && v.s.stage(v.c) == bounce.StageGreeting:
		v.contradict(classify.Rejected, refused...)
	case len(failed) == len(at):
		v.unreachable(failed, named)
	case len(silent) > 0 && v.s.stage(v.c) == bounce.StageGreeting:
		v.is(Confirmed, silent...)
	default:
		v.see(refused...)
		v.undecided(at...)
	}
}

// unreachable judges that nobody answered: theirs where the control hosts do,
// ours where those are silent too.
func (v *view) unreachable(failed []Finding, named bool) {
	switch v.port25() {
	case "open":
		v.is(Confirmed, append(failed, withCode(v.controls, "control.ok")...)...)
	case "closed":
		v.limit("port25-closed", map[string]string{"outbound": v.outbound()})
		if v.atSender() {
			v.is(Confirmed, v.controls...)
			return
		}
		v.is(Inconclusive, v.controls...)
	default:
		v.limit("no-control", nil)
		v.is(Inconclusive, failed...)
	}
}

// judgeRecipients: RFC 9422 lets a server announce its limit; no look proves
// more.
func (v *view) judgeRecipients() {
	for _, f := range v.greeting() {
		if max, ok := recipientLimit(f.Session.Extensions); ok && v.s.Original.Recipients > max {
			v.limit("recipients", map[string]string{"recipients": itoa(int64(v.s.Original.Recipients)), "limit": itoa(int64(max))})
			v.is(Consistent, f)
			return
		}
	}
	v.invisible("needs-sending")
}

// judgeList: only the list that the reply names proves anything, and only for
// the address that the reply means.
func (v *view) judgeList() {
	_, by := v.sending()
	f, asked := v.one(StepNamed)
	switch {
	case v.c.Reason == classify.ReasonResolver:
		v.limit("their-resolver", map[string]string{"list": v.c.List})
		v.is(Consistent)
	case v.c.Reason == classify.ReasonPrivateList:
		v.limit("private-list", map[string]string{"provider": v.c.Provider, "reference": v.c.Reference})
		v.is(Consistent)
	case v.c.List == "":
		v.unnamedList()
	case !asked:
		v.limit("no-sending-address", nil)
		v.is(Inconclusive)
	case f.Code == "named.listed":
		v.is(Confirmed, f)
	case f.Code == "named.dead":
		v.limit("dead-list", map[string]string{"list": f.Args["list"]})
		v.is(Consistent, f)
	case f.Code == "named.not-listed" && v.c.Reason == classify.ReasonDomainList:
		v.limit("domain-list", map[string]string{"list": f.Args["list"]})
		v.is(Inconclusive, f)
	case f.Code == "named.not-listed" && by.sure():
		v.limit("caches-lag", map[string]string{"list": f.Args["list"]})
		v.is(Cleared, f)
	case f.Code == "named.not-listed":
		v.limit("sending-address-guessed", map[string]string{"ip": f.Target, "by": string(by)})
		v.is(Inconclusive, f)
	default:
		v.undecided(f)
	}
	if ptr, ok := v.one(StepPTR); ok && v.verdict == Cleared && ptr.Code == "ptr.none" && v.hasRival(classify.SenderDNS) {
		v.contradict(classify.SenderDNS, ptr)
	}
}

// unnamedList: the reply says "a block list" and no more.
func (v *view) unnamedList() {
	f, ok := v.one(StepLists)
	zones, high := listed(f)
	switch {
	case !ok:
		v.limit("no-sending-address", nil)
		v.is(Inconclusive)
	case high:
		v.limit("list-not-named", map[string]string{"list": strings.Join(zones, ", ")})
		v.is(Consistent, f)
	default:
		v.limit("list-not-named", nil)
		v.undecided(f)
	}
}

func (v *view) hasRival(c classify.Category) bool {
	return slices.ContainsFunc(v.c.Rivals, func(r classify.Rival) bool { return r.Category == c })
}

// judgeSenderDNS repeats the very test that the reply names.
func (v *view) judgeSenderDNS() {
	switch v.c.Reason {
	case classify.ReasonPTR:
		v.byCode(StepPTR, []string{"ptr.none"}, []string{"ptr.ok", "ptr.generic"}, []string{"ptr.unconfirmed"})
	case classify.ReasonFCrDNS:
		v.byCode(StepPTR, []string{"ptr.none", "ptr.unconfirmed"}, []string{"ptr.ok", "ptr.generic"}, nil)
	case classify.ReasonHELO:
		v.byCode(StepHELO, []string{"address.none", "address.nxdomain"}, []string{"address.ok"}, nil)
	case classify.ReasonSenderDomain:
		v.byCode(StepSenderMX, []string{"mx.nxdomain", "mx.none", "mx.dead", "mx.null", "mx.bogus"}, []string{"mx.ok", "mx.implicit"}, nil)
	case classify.ReasonSenderMXIP:
		f, ok := v.one(StepSenderMX)
		switch {
		case !ok || f.Outcome == UnknownOC:
			v.undecided()
		case f.Args["address"] != "":
			v.is(Confirmed, f)
		default:
			v.is(Cleared, f)
		}
	case classify.ReasonCallout:
		v.limit("needs-rcpt", nil)
		v.byCode(StepSenderMX, []string{"mx.nxdomain", "mx.none", "mx.dead", "mx.null", "mx.bogus"}, nil, []string{"mx.ok", "mx.implicit"})
	default:
		v.anySenderDNS()
	}
}

// byCode ends the judgement by the code of one step's finding. Where the
// address that was looked at is only concluded, a pass clears nothing: the
// real one may still fail.
func (v *view) byCode(step string, confirm, clear, consistent []string) {
	f, ok := v.one(step)
	_, by := v.sending()
	switch {
	case !ok:
		v.undecided(v.of(step)...)
		if step == StepPTR {
			v.limit("no-sending-address", nil)
		}
	case slices.Contains(confirm, f.Code):
		v.is(Confirmed, f)
	case slices.Contains(clear, f.Code) && (f.Check == CheckPTR || f.Check == CheckSPF) && !by.sure():
		v.limit("sending-address-guessed", map[string]string{"ip": f.Target, "by": string(by)})
		v.is(Inconclusive, f)
	case slices.Contains(clear, f.Code):
		v.is(Cleared, f)
	case slices.Contains(consistent, f.Code):
		v.is(Consistent, f)
	default:
		v.undecided(f)
	}
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

// judgeRate: our look is another sender's first visit, and proves nothing.
func (v *view) judgeRate() {
	if v.namedListHasUs() {
		return
	}
	if ptr, ok := v.one(StepPTR); ok && ptr.Code == "ptr.none" && v.hasRival(classify.SenderDNS) {
		v.contradict(classify.SenderDNS, ptr)
		return
	}
	v.invisible("wait")
}

// judgeAuth: SPF can be evaluated for the address that sent; a DKIM signature
// and DMARC alignment are in the message, which is not here.
func (v *view) judgeAuth() {
	switch v.c.Reason {
	case classify.ReasonSPF:
		v.byCode(StepSPF, []string{"spf.fail"}, []string{"spf.pass"}, []string{"spf.softfail", "spf.neutral", "spf.none", "spf.permerror"})
	default:
		v.limit("needs-message", nil)
		f, ok := v.one(StepSPF)
		if !ok || f.Code == "spf.temperror" {
			v.undecided()
			return
		}
		v.is(Consistent, f)
	}
}

// judgeTLS repeats STARTTLS as far as the reply names what failed.
func (v *view) judgeTLS() {
	at, _ := v.refusing()
	at = withCode(at, "smtp.greets")
	var bare, bad, good []Finding
	for _, f := range at {
		switch {
		case !f.Session.TLS.Offered:
			bare = append(bare, f)
		case f.Session.TLS.Problem != "":
			bad = append(bad, f)
		case f.Session.TLS.Result == smtpcheck.Accepted:
			good = append(good, f)
		}
	}
	said := strings.ToLower(v.s.Failure.Reply.Text + " " + v.s.Failure.Text)
	switch {
	case len(at) == 0:
		v.undecided()
	case v.c.Reason == classify.ReasonMustSTARTTLS:
		v.is(Consistent, at...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && len(bare) == len(at):
		v.is(Confirmed, bare...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && len(bare) == 0:
		v.is(Cleared, at...)
	case v.c.Reason == classify.ReasonCertificate && len(bad) == len(at):
		v.is(Confirmed, bad...)
	case v.c.Reason == classify.ReasonCertificate && len(good) == len(at) && !strings.Contains(said, "dane") && !strings.Contains(said, "tlsa"):
		v.is(Cleared, good...)
	case len(bare)+len(bad) > 0:
		v.is(Consistent, append(bare, bad...)...)
	default:
		v.limit("test-not-named", nil)
		v.is(Consistent, good...)
	}
}

func (v *view) judgeRemoteFault() {
	at, _ := v.refusing()
	bad := withCode(at, "smtp.greeting-rejected", "smtp.ehlo-rejected")
	stage := v.s.stage(v.c)
	passed := slices.DeleteFunc(slices.Clone(at), func(f Finding) bool { return !phasePassed(*f.Session, stage) })
	switch {
	case len(at) > 0 && len(bad) == len(at) && rank(stage) <= rank(bounce.StageEHLO):
		v.is(Confirmed, bad...)
	case len(at) > 0 && len(passed) == len(at):
		v.is(Cleared, passed...)
	default:
		v.see(bad...)
		v.invisible("stage")
	}
}

// named lists the addresses of findings, for arguments.
func targetsOf(fs []Finding) string {
	var out []string
	for _, f := range fs {
		if a, err := netip.ParseAddrPort(f.Target); err == nil {
			out = append(out, a.Addr().String())
		} else {
			out = append(out, f.Target)
		}
	}
	return strings.Join(out, ", ")
}
