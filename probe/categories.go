package probe

import (
	"net/netip"
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/smtpcheck"
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

// namedListHasUs ends the judgement in favour of a listing where the reply
// itself names the list, and that list has the address that sent.
func (v *view) namedListHasUs() bool {
	listed := withCode(v.of(StepNamed), "named.listed")
	return len(listed) > 0 && v.targetNamed() && v.contradicted(classify.Blocklisted, listed...)
}

// targetNamed says whether the list was asked about what the reply means: our
// address where that is known, or the domain that the reply itself names.
func (v *view) targetNamed() bool {
	if v.c.Reason == classify.ReasonDomainList {
		return mentions(v.s.said(), v.s.SenderDomain)
	}
	return v.sure()
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

// judgeCommand: only the recipient's address can be tested without sending,
// and it is no reason for what was refused before it was said. That it needs
// SMTPUTF8 is already said in MAIL FROM (RFC 6531 section 3.4).
func (v *view) judgeCommand() {
	a, stage := v.s.Failure.Recipient, rank(v.s.stage(v.c))
	switch fault := addressFault(a); {
	case a == "" || fault == "" || stage < rank(bounce.StageMail):
		v.invisible("needs-sending")
	case fault != "utf8" && stage >= rank(bounce.StageRcpt):
		v.limit("address-malformed", map[string]string{"address": a, "fault": fault})
		v.is(Confirmed)
	case fault == "utf8":
		v.judgeUTF8(a)
	default:
		v.invisible("needs-sending")
	}
}

func (v *view) judgeUTF8(address string) {
	at, exact := v.refusing()
	f, ok := v.rcpt()
	switch {
	case ok && f.Code == "rcpt.unsupported" && v.mayConfirm(f):
		v.limit("address-needs-smtputf8", map[string]string{"address": address, "host": f.Args["host"]})
		v.is(Confirmed, f)
	case ok && v.replyAgain(f).Code >= 400 && v.refusedAgain(f) && v.mayConfirm(f):
		v.is(Confirmed, f)
	case exact && len(at) > 0 && !slices.ContainsFunc(at, func(f Finding) bool { return !lacksUTF8(f) }):
		v.limit("address-needs-smtputf8", map[string]string{"address": address, "host": at[0].Args["host"]})
		v.is(Confirmed, at...)
	default:
		v.invisible("needs-sending")
	}
}

func lacksUTF8(f Finding) bool {
	if f.Code != "smtp.greets" {
		return false
	}
	_, offered := f.Session.Extensions["SMTPUTF8"]
	return !offered
}

// judgeSize compares the announced SIZE (RFC 1870) with the message. A larger
// one explains nothing: mailboxes often have smaller limits of their own.
func (v *view) judgeSize() {
	size := v.s.Original.Size
	if size == 0 {
		v.invisible("size-unknown")
		return
	}
	v.also = append(v.also, Seen{"size", map[string]string{"size": itoa(size)}})
	at, exact := v.refusing()
	small := slices.DeleteFunc(withCode(at, "smtp.greets"), func(f Finding) bool { return f.Session.Size == 0 || size <= f.Session.Size })
	switch {
	case exact && len(small) > 0 && len(small) == len(at):
		v.is(Confirmed, small...)
	case !slices.ContainsFunc(at, func(f Finding) bool { return f.Session != nil && f.Session.Size > 0 }):
		v.invisible("no-size-heard")
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
	at, exact := v.refusing()
	refused := withCode(at, "smtp.greeting-rejected", "smtp.ehlo-rejected")
	f, ok := v.rcpt()
	switch stage := v.s.stage(v.c); {
	case ok && f.Session != nil && inEnvelope(stage):
		v.judgeAgain(f)
	case exact && rank(stage) <= rank(bounce.StageGreeting):
		v.sinceGreeting(at, refused)
	case rank(stage) <= rank(bounce.StageGreeting):
		v.undecided()
	case exact && stage == bounce.StageEHLO && len(refused) > 0 && len(refused) == len(at):
		v.is(Confirmed, refused...)
	default:
		v.see(refused...)
		v.invisible("stage")
	}
}

// sinceGreeting judges what was refused at connect or greeting: refused again,
// or welcomed by every host that counts.
func (v *view) sinceGreeting(at, refused []Finding) {
	good := withCode(at, "smtp.greets")
	switch {
	case len(refused) > 0 && len(refused) == len(at):
		v.is(Confirmed, refused...)
	case len(good) > 0 && len(good) == len(at):
		v.is(Cleared, good...)
	case len(refused) > 0:
		v.limit("hosts-differ", nil)
		v.see(refused...)
		v.is(Consistent, append(good, refused...)...)
	default:
		v.undecided()
	}
}

// connectFailures are the connections that did not come about, in two tries.
func (v *view) connectFailures() []Finding {
	return slices.DeleteFunc(slices.Clone(v.sessions), func(f Finding) bool { return !unconnected(f) })
}

// port25 says what is known of our way out in the family of a connection that
// failed: open where any server of it ever spoke to us, closed where every
// control host was asked and failed.
func (v *view) port25(failed Finding) string {
	var family []Finding
	for _, f := range slices.Concat(v.sessions, v.controls) {
		if f.Session == nil || f.Session.Addr.Addr().Is4() != failed.Session.Addr.Addr().Is4() {
			continue
		}
		if f.Session.Greeting.Code != 0 {
			return "open"
		}
		if f.Step == StepControl {
			family = append(family, f)
		}
	}
	if all(family, "control.failed") && all(v.controls, "control.ok", "control.failed") {
		return "closed"
	}
	return "unknown"
}

func (v *view) judgeConnection() {
	if v.unroutable() && v.contradicted(classify.DNSFailure, *v.mx) {
		return
	}
	at, exact := v.refusing()
	stage := v.s.stage(v.c)
	early := rank(stage) <= rank(bounce.StageGreeting) || stage == bounce.StageQueue && v.c.Reason == classify.ReasonTimeout
	good := []string{"smtp.greets", "smtp.ehlo-rejected"}
	failed := v.connectFailures()
	switch {
	case exact && all(at, good...) && early:
		v.is(Cleared, at...)
	case exact && all(at, good...):
		v.limit("stage", nil)
		v.is(Consistent, at...)
	case len(withCode(v.sessions, good...)) > 0 && len(known(v.sessions)) > len(withCode(v.sessions, good...)):
		v.limit("hosts-differ", nil)
		v.is(Consistent, known(v.sessions)...)
	case exact && stage == bounce.StageGreeting && all(at, "smtp.greeting-rejected") && v.contradicted(classify.Rejected, at...):
	case len(failed) > 0 && len(failed) == len(v.sessions):
		v.unreachable(failed)
	case exact && stage == bounce.StageGreeting && all(at, "smtp.silent", "smtp.greeting-closed"):
		v.is(Confirmed, at...)
	default:
		v.see(withCode(at, "smtp.greeting-rejected")...)
		v.undecided()
	}
}

// unreachable judges that nobody answered: theirs where the control hosts of
// the same family do, ours where those are silent too. A family that is closed
// to us beside one that is not is left out, and said.
func (v *view) unreachable(failed []Finding) {
	by := map[string][]Finding{}
	for _, f := range failed {
		port := v.port25(f)
		by[port] = append(by[port], f)
	}
	theirs := append(by["open"], withCode(v.controls, "control.ok")...)
	switch {
	case len(by["closed"]) == len(failed):
		v.limit("port25-closed", map[string]string{"outbound": v.outbound()})
		if v.atSender() {
			v.is(Confirmed, v.controls...)
			return
		}
		v.is(Inconclusive, v.controls...)
	case len(by["open"]) == 0:
		v.limit("no-control", nil)
		v.is(Inconclusive, failed...)
	case len(by["unknown"]) > 0:
		v.limit("no-control", nil)
		v.is(Consistent, theirs...)
	case !v.allSeen():
		v.limit("not-all-seen", nil)
		v.is(Consistent, theirs...)
	default:
		for _, f := range by["closed"] {
			v.limit("family-closed", map[string]string{"ip": f.Args["ip"]})
		}
		v.is(Confirmed, theirs...)
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
	fs := v.of(StepNamed)
	listed, dead := withCode(fs, "named.listed"), withCode(fs, "named.dead")
	switch {
	case v.c.Reason == classify.ReasonResolver:
		v.limit("their-resolver", map[string]string{"list": v.c.List})
		v.is(Consistent)
	case v.c.Reason == classify.ReasonPrivateList:
		v.limit("private-list", map[string]string{"provider": v.c.Provider, "reference": v.c.Reference})
		v.is(Consistent)
	case v.c.List == "":
		v.unnamedList()
	case targetless(fs):
		v.untargeted(fs)
	case len(listed) > 0 && v.targetNamed():
		v.is(Confirmed, listed...)
	case len(listed) > 0:
		v.limitTarget()
		v.is(Consistent, listed...)
	case len(dead) > 0:
		v.limit("dead-list", map[string]string{"list": dead[0].Args["list"]})
		v.is(Consistent, dead...)
	case !all(fs, "named.not-listed"):
		v.undecided(fs...)
	case !v.targetNamed():
		v.limitTarget()
		v.is(Inconclusive, fs...)
	case v.noPTR() && v.hasRival(classify.SenderDNS) && v.contradicted(classify.SenderDNS, v.of(StepPTR)...):
	default:
		v.limit("caches-lag", map[string]string{"list": fs[0].Args["list"]})
		v.is(Cleared, fs...)
	}
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

// noPTR says whether the address that sent certainly has no PTR.
func (v *view) noPTR() bool { return v.sure() && all(v.of(StepPTR), "ptr.none") }

// unnamedList: the reply says "a block list" and no more.
func (v *view) unnamedList() {
	fs := v.of(StepLists)
	var zones []string
	var widely []Finding
	for _, f := range fs {
		if on, high := listed(f); high {
			zones, widely = append(zones, on...), append(widely, f)
		}
	}
	v.limit("list-not-named", map[string]string{"list": strings.Join(zones, ", ")})
	switch {
	case len(widely) > 0:
		if !v.sure() {
			v.guessed()
		}
		v.is(Consistent, widely...)
	case targetless(fs):
		v.untargeted(fs)
	default:
		v.undecided(fs...)
	}
}

func (v *view) hasRival(c classify.Category) bool {
	return slices.ContainsFunc(v.c.Rivals, func(r classify.Rival) bool { return r.Category == c })
}

// What tells whether mail for a domain can be sent anywhere.
var (
	routable   = []string{"mx.ok", "mx.implicit"}
	unroutable = []string{"mx.nxdomain", "mx.none", "mx.dead", "mx.null", "mx.bogus"}
)

// judgeSenderDNS repeats the very test that the reply names.
func (v *view) judgeSenderDNS() {
	switch v.c.Reason {
	case classify.ReasonPTR:
		v.byCode(StepPTR, []string{"ptr.none"}, []string{"ptr.ok"}, []string{"ptr.unconfirmed", "ptr.generic"})
	case classify.ReasonFCrDNS:
		v.byCode(StepPTR, []string{"ptr.none", "ptr.unconfirmed"}, []string{"ptr.ok"}, []string{"ptr.generic"})
	case classify.ReasonHELO:
		v.judgeHELO()
	case classify.ReasonSenderDomain:
		v.byCode(StepSenderMX, unroutable, routable, nil)
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

// judgeSenderMX: an MX of the sender's domain is an address, or no more.
func (v *view) judgeSenderMX() {
	fs := v.of(StepSenderMX)
	if all(fs, routable...) && fs[0].Args["address"] != "" && v.s.senderKnown() {
		v.is(Confirmed, fs...)
		return
	}
	v.byCode(StepSenderMX, nil, routable, unroutable)
}

// byCode ends the judgement by the codes of a step. What was looked at and is
// only concluded to be what the remote tested confirms and clears nothing.
func (v *view) byCode(step string, confirm, clear, consistent []string) {
	fs := v.of(step)
	bad, odd := withCode(fs, confirm...), withCode(fs, consistent...)
	sure := v.tested(step)
	switch {
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

// judgeRate: our look is another sender's first visit. It may show that the
// host greylists, but nothing of how we stand there.
func (v *view) judgeRate() {
	if v.namedListHasUs() {
		return
	}
	if v.noPTR() && v.hasRival(classify.SenderDNS) && v.contradicted(classify.SenderDNS, v.of(StepPTR)...) {
		return
	}
	f, ok := v.rcpt()
	switch {
	case !ok:
		v.invisible("wait")
	case f.Code == "rcpt.greylisted" && v.c.Reason == classify.ReasonGreylist && v.replyAgain(f).Code != 0 && v.mayConfirm(f):
		v.is(Confirmed, f)
	default:
		v.limit("wait", nil)
		v.notDecisive(f)
	}
}

// judgeAuth: SPF can be evaluated for the address that sent; a DKIM signature
// and DMARC alignment are in the message, which is not here.
func (v *view) judgeAuth() {
	said := v.s.said()
	if v.c.Reason == classify.ReasonSPF && !strings.Contains(said, "dkim") && !strings.Contains(said, "dmarc") {
		v.byCode(StepSPF, []string{"spf.fail"}, []string{"spf.pass"}, []string{"spf.softfail", "spf.neutral", "spf.none", "spf.permerror"})
		return
	}
	v.limit("needs-message", nil)
	if fs := known(v.of(StepSPF)); len(fs) > 0 {
		v.is(Consistent, fs...)
		return
	}
	v.undecided()
}

// judgeTLS repeats STARTTLS as far as the reply names what failed. DANE asks
// for another test of a certificate than the one that was made.
func (v *view) judgeTLS() {
	at, exact := v.refusing()
	said := v.s.said()
	dane := strings.Contains(said, "dane") || strings.Contains(said, "tlsa")
	bare, bad, secret, good := sortTLS(at)
	whole := func(fs []Finding) bool { return exact && len(fs) > 0 && len(fs) == len(at) }
	switch {
	case len(withCode(at, "smtp.greets")) == 0:
		v.undecided()
	case v.c.Reason == classify.ReasonMustSTARTTLS:
		v.is(Consistent, withCode(at, "smtp.greets")...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && whole(bare):
		v.is(Confirmed, bare...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && whole(secret):
		v.is(Cleared, secret...)
	case v.c.Reason == classify.ReasonCertificate && whole(bad) && !dane:
		v.is(Confirmed, bad...)
	case v.c.Reason == classify.ReasonCertificate && whole(good) && !dane:
		v.is(Cleared, good...)
	default:
		v.limit("test-not-named", nil)
		v.is(Consistent, withCode(at, "smtp.greets")...)
	}
}

// sortTLS sorts the sessions that greet by what STARTTLS led to: none offered,
// a certificate or a handshake that fails, a session that is encrypted at all,
// one whose certificate bears the host's name.
func sortTLS(at []Finding) (bare, bad, secret, good []Finding) {
	for _, f := range withCode(at, "smtp.greets") {
		t := f.Session.TLS
		if !t.Offered {
			bare = append(bare, f)
		}
		if t.Problem != "" && t.Problem != smtpcheck.ProblemNoRoots { // without authorities nothing can be judged
			bad = append(bad, f)
		}
		if t.Result == smtpcheck.Accepted {
			secret = append(secret, f)
		}
		if _, err := netip.ParseAddr(f.Args["host"]); err != nil && t.Result == smtpcheck.Accepted && t.Problem == "" {
			good = append(good, f)
		}
	}
	return bare, bad, secret, good
}

func (v *view) judgeRemoteFault() {
	at, exact := v.refusing()
	bad := slices.DeleteFunc(withCode(at, "smtp.greeting-rejected", "smtp.ehlo-rejected"), func(f Finding) bool { return !localError(f.Session.Refusal()) })
	stage := v.s.stage(v.c)
	passed := slices.DeleteFunc(slices.Clone(at), func(f Finding) bool { return f.Session == nil || !phasePassed(*f.Session, stage) })
	f, ok := v.rcpt()
	switch {
	case v.c.Reason == classify.ReasonLoop:
		v.invisible("needs-sending")
	case ok && f.Session != nil && inEnvelope(stage):
		v.judgeAgain(f)
	case exact && len(bad) > 0 && len(bad) == len(at) && rank(stage) <= rank(bounce.StageEHLO):
		v.is(Confirmed, bad...)
	case exact && len(passed) > 0 && len(passed) == len(at):
		v.is(Cleared, passed...)
	case !exact:
		v.invisible("not-all-seen")
	default:
		v.see(withCode(at, "smtp.greeting-rejected", "smtp.ehlo-rejected")...)
		v.invisible("stage")
	}
}

// localError says whether a refusal is the server's trouble with itself, and
// not with us (RFC 3463 section 3: X.3 is the mail system, X.7 policy).
func localError(r smtpcheck.Reply) bool {
	said := strings.Join(r.Lines, " ")
	return strings.Contains(said, "5.3.") || r.Code/100 == 4 && !strings.Contains(said, "4.7.")
}
