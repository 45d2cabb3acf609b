package probe

import (
	"net/netip"
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/dnscheck"
	"diagnose/smtpcheck"
)

// judgeTLS repeats STARTTLS as far as the reply names what failed.
func (v *view) judgeTLS() {
	at, exact := v.refusing()
	greets := withCode(at, "smtp.greets")
	whole := func(is func(Finding) bool) bool {
		return exact && len(at) > 0 && len(greets) == len(at) && !slices.ContainsFunc(greets, func(f Finding) bool { return !is(f) })
	}
	switch {
	case len(greets) == 0:
		v.undecided()
	case v.c.Reason == classify.ReasonMustSTARTTLS:
		v.is(Consistent, greets...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && whole(bare):
		v.is(Confirmed, greets...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && whole(func(f Finding) bool { return encrypted(f) && (v.nothingDemanded() || f.Session.TLS.Problem == "") }):
		v.is(Cleared, greets...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && !slices.ContainsFunc(greets, func(f Finding) bool { return !encrypted(f) }) && !v.somethingDemanded():
		v.limitDemand()
		v.is(Inconclusive, greets...)
	case v.c.Reason == classify.ReasonCertificate:
		v.judgeCertificate(greets, whole)
	default:
		v.limit("test-not-named", nil)
		v.is(Consistent, greets...)
	}
}

// judgeCertificate judges by the demand that the reply names: DANE, MTA-STS,
// or else the sender's own, which is that somebody known vouches for the name.
func (v *view) judgeCertificate(greets []Finding, whole func(func(Finding) bool) bool) {
	said := v.s.said()
	names := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(said, w) })
	}
	test, demand := own, []Finding(nil)
	switch {
	case names("dane", "tlsa", "dnssec"):
		test, demand = certificateTest{v.failsDANE, v.passesDANE, breaksDANE}, v.of(StepDANE)
	case names("mta-sts", "mta sts", "mtasts", "sts policy"):
		test, demand = certificateTest{v.failsSTS, v.passesSTS, breaksSTS}, v.of(StepSTS)
	}
	switch {
	case whole(test.fails):
		v.is(Confirmed, append(known(demand), greets...)...)
	case whole(test.passes):
		v.is(Cleared, append(known(demand), greets...)...)
	case demand == nil:
		v.limit("test-not-named", nil)
		v.is(Consistent, greets...)
	case slices.ContainsFunc(greets, test.breaks):
		v.limitDemand()
		v.is(Consistent, greets...)
	default:
		v.limitDemand()
		v.is(Inconclusive, greets...)
	}
}

// certificateTest is what one demand makes of a session that greets. What
// fails and what passes is known only with the demand itself; what breaks it
// if it stands is seen without.
type certificateTest struct{ fails, passes, breaks func(Finding) bool }

// own is the test of a sender with a policy of its own. Where no encryption came
// to stand, nobody has seen a certificate.
var own = certificateTest{
	fails:  func(f Finding) bool { return badCertificate(f) && f.Session.TLS.Problem != smtpcheck.ProblemHandshake },
	passes: goodCertificate,
}

func breaksSTS(f Finding) bool {
	return bare(f) || badCertificate(f) || f.Session.TLS.Problem == smtpcheck.ProblemSTS
}

func breaksDANE(f Finding) bool {
	return bare(f) || f.Session.TLS.Problem == smtpcheck.ProblemHandshake || f.Session.TLS.Problem == smtpcheck.ProblemDANE
}

func (v *view) limitDemand() { v.limit("demand-not-seen", map[string]string{"domain": v.s.Domain}) }

// What STARTTLS led to in a session that greets: none offered, an encrypted
// session at all, a certificate or handshake that fails whoever asks, a
// certificate that anybody would take. One that DANE has judged was not looked
// at otherwise, and without authorities of ours nothing can be judged.

func bare(f Finding) bool { return !f.Session.TLS.Offered }

func encrypted(f Finding) bool { return f.Session.TLS.Result == smtpcheck.Accepted }

func badCertificate(f Finding) bool {
	switch f.Session.TLS.Problem {
	case "", smtpcheck.ProblemNoRoots, smtpcheck.ProblemDANE, smtpcheck.ProblemSTS:
		return false
	}
	return true
}

func goodCertificate(f Finding) bool {
	t := f.Session.TLS
	return encrypted(f) && t.Problem == "" && !t.DANE && byName(f)
}

// byName says whether a session's host was known by name, so that the
// certificate had to bear it.
func byName(f Finding) bool {
	_, err := netip.ParseAddr(f.Args["host"])
	return err != nil
}

// nothingDemanded says whether the domain certainly publishes no demand on
// certificates.
func (v *view) nothingDemanded() bool {
	sts, dane := v.of(StepSTS), v.of(StepDANE)
	return all(sts, "sts.none", "sts.off", "sts.testing") && all(dane, "dane.none")
}

// somethingDemanded says whether it certainly publishes one.
func (v *view) somethingDemanded() bool {
	return v.enforced() != nil || len(withCode(v.of(StepDANE), "dane.ok")) > 0
}

// enforced is the policy that the domain has in force; nil where none was seen.
func (v *view) enforced() *dnscheck.STS {
	if fs := v.of(StepSTS); all(fs, "sts.enforce") {
		return fs[0].STS
	}
	return nil
}

// failsSTS: a host that is judged by DANE is not judged by MTA-STS (RFC 8461
// section 2).
func (v *view) failsSTS(f Finding) bool {
	policy := v.enforced()
	return policy != nil && byName(f) && breaksSTS(f)
}

func (v *view) passesSTS(f Finding) bool {
	policy := v.enforced()
	return policy != nil && goodCertificate(f) && policy.Covers(f.Args["host"])
}

// promise is what was found of a host's TLSA records.
func (v *view) promise(f Finding) (code string, records []dnscheck.TLSA) {
	for _, d := range v.of(StepDANE) {
		if strings.EqualFold(d.Target, f.Args["host"]) && d.DANE != nil {
			return d.Code, d.DANE.Usable()
		}
	}
	return "", nil
}

// failsDANE: records of an authority (usage 2) let a certificate bear other
// names than the one that it was judged by, so that they prove no mismatch.
func (v *view) failsDANE(f Finding) bool {
	code, records := v.promise(f)
	ofAuthority := slices.ContainsFunc(records, func(t dnscheck.TLSA) bool { return t.Usage == 2 })
	clear := bare(f) || f.Session.TLS.Problem == smtpcheck.ProblemHandshake
	return code == "dane.bogus" || code == "dane.unusable" && clear ||
		code == "dane.ok" && (clear || f.Session.TLS.Problem == smtpcheck.ProblemDANE && !ofAuthority)
}

func (v *view) passesDANE(f Finding) bool {
	code, _ := v.promise(f)
	return code == "dane.ok" && f.Session.TLS.DANE || code == "dane.unusable" && encrypted(f)
}
