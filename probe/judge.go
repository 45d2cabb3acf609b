package probe

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// Judge says what the findings mean for the hypothesis that c is the reason
// for the failure in s. It is pure: the same findings, in any order, give the
// same answer, and a finding that is unknown or skipped never makes it
// firmer.
//
// The gates that hold for every category are applied here, once, around the
// category's own judgement in categories.go: a look from another address than
// the sending one settles nothing that the remote decides about us, a bounce
// that their server wrote is not explained by our own look at its front door,
// a host that our server may never have dialled proves nothing, and a bounce
// older than a day is not contradicted by today's findings.
func Judge(c classify.Classification, s Subject, findings []Finding) Verification {
	v := newView(c, s, findings)
	v.judge()
	v.gates()
	v.keepInMind()
	v.alsoSee()
	return Verification{
		Verdict: v.verdict, Category: v.category, Because: v.because(),
		Findings: nonNil(findings), AlsoSeen: nonNil(v.also), Limits: nonNil(v.limits),
		JudgedAt: stamp(s.Now), Bounced: stamp(s.BouncedAt), Vantage: v.vantage(),
	}
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// view is the findings as the judgements look at them, and the judgement as
// it grows.
type view struct {
	c classify.Classification
	s Subject

	all      []Finding
	mx       *Finding  // of the recipient's domain
	sessions []Finding // at the MX hosts and at the host that refused; each address once, with those that were left out
	controls []Finding

	verdict  Verdict
	category classify.Category
	rests    []Finding
	also     []Seen
	limits   []Seen
}

func newView(c classify.Classification, s Subject, findings []Finding) *view {
	v := &view{c: c, s: s, all: slices.Clone(findings), category: c.Category, verdict: Inconclusive}
	slices.SortStableFunc(v.all, func(a, b Finding) int { // the order of what is said must not hang on the order of looking
		return cmp.Or(strings.Compare(a.Step, b.Step), strings.Compare(a.Target, b.Target), strings.Compare(a.Code, b.Code))
	})
	for i, f := range v.all {
		switch f.Step {
		case StepMX:
			v.mx = &v.all[i]
		case StepSMTP, StepRefuser:
			// A family that we lack says nothing about the remote.
			if f.Code != "skipped.no-family" && !slices.ContainsFunc(v.sessions, func(g Finding) bool { return g.Target == f.Target }) {
				v.sessions = append(v.sessions, f)
			}
		case StepControl:
			v.controls = append(v.controls, f)
		}
	}
	return v
}

// of returns the findings of a step.
func (v *view) of(step string) []Finding {
	return slices.DeleteFunc(slices.Clone(v.all), func(f Finding) bool { return f.Step != step })
}

// all says whether fs has findings, and every one of them one of the codes.
func all(fs []Finding, codes ...string) bool {
	return len(fs) > 0 && len(withCode(fs, codes...)) == len(fs)
}

// known leaves out what was not looked at or could not be told.
func known(fs []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(fs), func(f Finding) bool {
		return f.Outcome != Healthy && f.Outcome != Faulty && !unconnected(f)
	})
}

// is ends the judgement.
func (v *view) is(verdict Verdict, rests ...Finding) {
	v.verdict, v.rests = verdict, rests
}

// contradicted ends the judgement in favour of another category, or says false
// where the findings may not: an old bounce is not contradicted, since what is
// seen now may have come later, and a session speaks of us only from where the
// message was sent, and to whom it was sent.
func (v *view) contradicted(by classify.Category, rests ...Finding) bool {
	switch {
	case v.s.old(): // which is said in the end
	case overSMTP(rests) && v.theirReport():
		v.limitTheirs()
	case overSMTP(rests) && aboutUs(by) && !v.atSender():
		v.limitVantage()
	default:
		v.category = by
		v.is(Contradicted, rests...)
		return true
	}
	v.see(rests...)
	return false
}

func (v *view) limit(code string, args map[string]string) {
	if !slices.ContainsFunc(v.limits, func(s Seen) bool { return s.Code == code }) {
		v.limits = append(v.limits, Seen{code, args})
	}
}

// see reports findings that are worth knowing beside the verdict.
func (v *view) see(fs ...Finding) {
	for _, f := range fs {
		if !slices.ContainsFunc(v.also, func(s Seen) bool { return s.Code == f.Code && s.Args["ip"] == f.Args["ip"] }) {
			v.also = append(v.also, Seen{f.Code, f.Args})
		}
	}
}

func (v *view) because() []string {
	out := []string{}
	for _, f := range v.rests {
		if !slices.Contains(out, f.Code) {
			out = append(out, f.Code)
		}
	}
	slices.Sort(out)
	return out
}

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
	if v.s.ReportingHost == "" || v.s.reporterIsOurs() || v.mx == nil || v.mx.MX == nil {
		return false
	}
	return slices.ContainsFunc(v.mx.MX.Hosts, func(h dnscheck.MXHost) bool { return strings.EqualFold(h.Host, v.s.ReportingHost) })
}

// sending lists the addresses that the message may have come from, and who
// says so.
func (v *view) sending() ([]netip.Addr, SendingBy) {
	if v.s.SendingIP.IsValid() {
		return []netip.Addr{v.s.SendingIP}, v.s.SendingBy
	}
	for _, f := range v.of(StepSending) {
		if f.Addresses != nil && len(f.Addresses.Addrs) > 0 {
			return f.Addresses.Addrs, v.s.SendingBy
		}
	}
	if a, err := netip.ParseAddr(v.own()); err == nil && v.s.SendingBy == ByMachine {
		return []netip.Addr{a}, ByMachine
	}
	return nil, ByNobody
}

// own is this machine's address as far as it may be published: a control host
// is believed about it, and a server that a stranger's bounce led to is not.
func (v *view) own() string {
	for _, f := range v.controls {
		if s := sighting(f); s.IsValid() {
			return s.String()
		}
	}
	return v.local()
}

// outbound is our end of the connections that were made, as others see it
// where that is known.
func (v *view) outbound() string {
	if _, seen := v.translated(); seen != "" {
		return seen
	}
	return v.local()
}

// local is our end of the connections as this machine sees it.
func (v *view) local() string {
	for _, f := range slices.Concat(v.controls, v.sessions) {
		if l := f.Args["local"]; l != "" {
			return l
		}
	}
	return ""
}

// translated says whether something between us and the world (NAT, a proxy)
// changes our address: what it is here, and as what it is seen. A control host
// is believed; any other server only where it cannot be lying about a public
// address of ours.
func (v *view) translated() (local, seen string) {
	for _, f := range slices.Concat(v.controls, v.sessions) {
		if s := sighting(f); s.IsValid() && f.Args["local"] != "" && s.String() != f.Args["local"] {
			here, err := netip.ParseAddr(f.Args["local"])
			if f.Check == CheckControl || err == nil && here.IsPrivate() {
				return f.Args["local"], s.String()
			}
		}
	}
	return "", ""
}

// sighting is the address that a server saw us by; invalid where it names
// none, or one that nobody can have seen across the internet.
func sighting(f Finding) netip.Addr {
	if f.Session == nil {
		return netip.Addr{}
	}
	a := f.Session.SeenAs
	if !a.IsGlobalUnicast() || inner(a) || a.Is4() != f.Session.Addr.Addr().Unmap().Is4() {
		return netip.Addr{}
	}
	return a
}

// atSender says whether it was looked from the address that sent: a server saw
// us by it or, where none says, our end of a connection is that address. A
// relayhost sends from its own.
func (v *view) atSender() bool {
	return v.lookedAtSender(slices.Concat(v.sessions, v.controls)...)
}

func (v *view) lookedAtSender(looks ...Finding) bool {
	addrs, by := v.sending()
	if v.s.Ours.Relayhost != "" || by == ByMachine || by == ByNobody {
		return false
	}
	return slices.ContainsFunc(looks, func(f Finding) bool { return f.Session != nil && v.cameFrom(f, addrs) })
}

// cameFrom says whether the other end of a session saw one of addrs. Our own
// idea of our address counts for nothing where it is known to be translated.
func (v *view) cameFrom(f Finding, addrs []netip.Addr) bool {
	if seen := sighting(f); seen.IsValid() {
		return slices.Contains(addrs, seen)
	}
	local, _ := v.translated()
	return f.Args["local"] != local && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return f.Args["local"] == a.String() })
}

// decidedAtSender says whether the sessions that a verdict rests on were held
// from the address that sent. The one that asked for a mailbox stands alone.
func (v *view) decidedAtSender() bool {
	for _, f := range v.rests {
		if f.Step == StepRcpt {
			return v.lookedAtSender(f)
		}
	}
	return v.atSender()
}

// vantage says from where it was looked.
func (v *view) vantage() Vantage {
	addrs, by := v.sending()
	out := Vantage{OutboundIP: v.outbound(), SendingIP: joinAddrs(addrs), SendingBy: string(by), Port25: "unknown"}
	for _, f := range v.all {
		if s := f.Args["server"]; s != "" {
			out.Resolver = s
			break
		}
	}
	switch answered := slices.ContainsFunc(slices.Concat(v.sessions, v.controls), func(f Finding) bool {
		return f.Session != nil && f.Session.Greeting.Code != 0
	}); {
	case answered:
		out.Port25 = "open"
	case len(v.controls) >= 2 && all(v.controls, "control.failed"):
		out.Port25 = "closed"
	}
	return out
}

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
	return v.remote() == "" || v.amongMX() || v.s.reporterIsOurs()
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

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
