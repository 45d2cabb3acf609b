package probe

import (
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/smtpcheck"
)

// judgeRejected: a refusal of us that stands before EHLO can be seen again.
func (v *view) judgeRejected() {
	if v.namedListHasUs() || v.lacksPTR() {
		return
	}
	at, exact := v.refusing()
	refused, broken := v.refusals(at)
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
		v.see(append(refused, broken...)...)
		v.invisible("stage")
	}
}

// refusals are the sessions that were refused, and those among them where that
// was the server's trouble with itself. A refusal for good is not repeated by
// one for now.
func (v *view) refusals(at []Finding) (of, broken []Finding) {
	for _, f := range withCode(at, "smtp.greeting-rejected", "smtp.ehlo-rejected") {
		if localError(f.Session.Refusal()) && v.s.Failure.Reply.Code/100 != 4 {
			broken = append(broken, f)
			continue
		}
		of = append(of, f)
	}
	return of, broken
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
// control host was asked and failed, and there were two: one that fails may be
// down itself.
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
	if len(family) >= 2 && all(family, "control.failed") && all(v.controls, "control.ok", "control.failed") {
		return "closed"
	}
	return "unknown"
}

func (v *view) judgeConnection() {
	if v.unroutable() && v.contradicted(classify.DNSFailure, *v.mx) ||
		v.lookupFailed() && v.zoneIsDead() && v.contradicted(classify.DNSFailure, v.of(StepNS)...) {
		return
	}
	at, exact := v.refusing()
	stage := v.s.stage(v.c)
	givenUp := stage == bounce.StageQueue && v.c.Reason == ""
	early := rank(stage) <= rank(bounce.StageGreeting) || stage == bounce.StageQueue && v.c.Reason == classify.ReasonTimeout
	good, silence := []string{"smtp.greets", "smtp.ehlo-rejected"}, []string{"smtp.silent", "smtp.greeting-closed"}
	failed := v.connectFailures()
	switch {
	case exact && all(at, good...) && early:
		v.is(Cleared, at...)
	case exact && givenUp && all(at, good...):
		v.limit("given-up", nil)
		v.is(Consistent, at...)
	case exact && givenUp && all(at, silence...): // silence again, but of what it was silence then nobody says
		v.limit("given-up", nil)
		v.undecided(at...)
	case exact && all(at, good...):
		v.limit("stage", nil)
		v.is(Consistent, at...)
	case len(withCode(v.sessions, good...)) > 0 && len(known(v.sessions)) > len(withCode(v.sessions, good...)):
		v.limit("hosts-differ", nil)
		v.is(Consistent, known(v.sessions)...)
	case exact && stage == bounce.StageGreeting && all(at, "smtp.greeting-rejected") && busyAgain(v.s.Failure.Reply, at):
		v.is(Confirmed, at...)
	case exact && stage == bounce.StageGreeting && all(at, "smtp.greeting-rejected") && v.contradicted(meaning(at), at...):
	case len(failed) > 0 && len(failed) == len(v.sessions):
		v.unreachable(failed)
	case exact && stage == bounce.StageGreeting && all(at, silence...):
		v.is(Confirmed, at...)
	default:
		v.see(withCode(at, "smtp.greeting-rejected")...)
		v.undecided()
	}
}

// busyAgain says whether what a server greeted us with, and does again, is that
// it has no time for anybody.
func busyAgain(said bounce.Reply, at []Finding) bool {
	return said.Code/100 == 4 && !slices.ContainsFunc(at, func(f Finding) bool {
		r := f.Session.Refusal()
		return r.Code != said.Code || !localError(r)
	})
}

// meaning is the category of sessions that were refused in the greeting: the
// servers' own trouble, or a refusal of us.
func meaning(refused []Finding) classify.Category {
	for _, f := range refused {
		if !localError(f.Session.Refusal()) {
			return classify.Rejected
		}
	}
	return classify.RemoteFault
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
