package probe

import (
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
)

// judgeAuth: SPF can be evaluated for the address that sent. Whether a DKIM
// signature holds, and so most of DMARC, is only told by the message as it
// arrived; the copy that came back tells at best whose signatures it bore.
func (v *view) judgeAuth() {
	said := v.s.said()
	bySPF := v.c.Reason == classify.ReasonSPF
	dkim, dmarc := strings.Contains(said, "dkim"), strings.Contains(said, "dmarc")
	spf, policy := v.of(StepSPF), v.of(StepDMARC)
	switch {
	case bySPF && !dkim && !dmarc:
		v.byCode(StepSPF, []string{"spf.fail"}, []string{"spf.pass"}, []string{"spf.softfail", "spf.neutral", "spf.none", "spf.permerror"})
	case bySPF && !dmarc && !spfPraised(said) && all(spf, "spf.fail") && v.tested(StepSPF):
		v.is(Confirmed, spf...)
	case v.c.Reason == classify.ReasonDMARC && asksForRefusal(policy) && v.unaligned(*policy[0].DMARC):
		v.is(Confirmed, append(policy, known(spf)...)...)
	default:
		v.unauthenticated(spf, policy)
	}
}

// unauthenticated is all that can be said without the message.
func (v *view) unauthenticated(spf, policy []Finding) {
	v.limit("needs-message", nil)
	if v.c.Reason == classify.ReasonDMARC && all(policy, "dmarc.none", "dmarc.monitor") {
		v.limit("dmarc-asks-nothing", map[string]string{"domain": policy[0].Target})
	}
	keys := known(v.of(StepDKIM))
	broken := slices.DeleteFunc(slices.Clone(keys), func(f Finding) bool { return f.Outcome != Faulty })
	switch seen := slices.Concat(keys, known(policy), known(spf)); {
	case len(broken) > 0 && v.c.Reason != classify.ReasonSPF:
		v.is(Consistent, broken...) // keys are changed: a missing one was perhaps there
	case len(seen) > 0:
		v.is(Consistent, seen...)
	default:
		v.undecided()
	}
}

// spfPraised says whether a reply that names SPF says that it passed.
func spfPraised(said string) bool {
	return slices.ContainsFunc([]string{"spf pass", "spf=pass", "spf: pass", "spf = pass", "passed spf", "passes spf"}, func(s string) bool {
		return strings.Contains(said, s)
	})
}

// asksForRefusal says whether a policy, and not only a test of one, asks to
// refuse or to set aside what is not aligned.
func asksForRefusal(policy []Finding) bool {
	return all(policy, "dmarc.quarantine", "dmarc.reject") && !policy[0].DMARC.Testing && policy[0].DMARC.Percent > 0
}

// unaligned says whether certainly neither SPF nor DKIM vouches for the domain
// in From.
func (v *view) unaligned(policy dnscheck.DMARC) bool {
	from := domainOf(v.s.Original.From)
	return from != "" && !v.spfMayVouch(policy, from) && !v.dkimMayVouch(policy, from)
}

// spfMayVouch is false where SPF speaks for another domain, whatever it says,
// or does not pass for the address that sent.
func (v *view) spfMayVouch(policy dnscheck.DMARC, from string) bool {
	envelope := domainOf(v.s.Failure.Sender)
	if envelope == "" {
		envelope = domainOf(v.s.Original.EnvelopeSender)
	}
	aligned, _ := policy.Aligned(from, envelope, "")
	failed := all(v.of(StepSPF), "spf.fail", "spf.softfail", "spf.neutral", "spf.none", "spf.permerror")
	switch {
	case envelope == "":
		return true
	case !aligned, failed && v.sure():
		return false
	case failed:
		v.guessed()
	}
	return true
}

// dkimMayVouch is false where the copy that came back is whole, as it was
// sent, and bears no signature of an aligned domain. Some servers sign only on
// the way out, and return what they had before: of our own we know better
// where another signature of ours is in the copy.
func (v *view) dkimMayVouch(policy dnscheck.DMARC, from string) bool {
	o := v.s.Original
	asSent := v.theirReport()
	for _, key := range o.DKIM {
		if _, aligned := policy.Aligned(from, "", key.Domain); aligned {
			return true
		}
		asSent = asSent || v.s.isOurs(key.Domain) ||
			v.s.OurReport && organisation(key.Domain) == organisation(v.s.ReportingHost)
	}
	if o.Complete && !asSent {
		v.limit("signed-later", nil)
	}
	return !o.Complete || !asSent || len(o.DKIM) >= bounce.MaxKeys
}
