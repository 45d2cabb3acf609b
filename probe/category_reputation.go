package probe

import (
	"slices"
	"strings"

	"diagnose/classify"
)

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
		v.limit("dead-list", map[string]string{"list": dead[0].Args["list"], "closed": dead[0].Args["closed"]})
		v.is(Consistent, dead...)
	case !all(fs, "named.not-listed"):
		v.undecided(fs...)
	case !v.targetNamed():
		v.limitTarget()
		v.is(Inconclusive, fs...)
	case v.lacksPTR():
	default:
		v.limit("caches-lag", map[string]string{"list": fs[0].Args["list"]})
		v.is(Cleared, fs...)
	}
}

// lacksPTR ends the judgement in favour of a missing PTR where the address that
// sent certainly has none, and the words may mean that.
func (v *view) lacksPTR() bool {
	return v.sure() && all(v.of(StepPTR), "ptr.none") && v.hasRival(classify.SenderDNS) && v.contradicted(classify.SenderDNS, v.of(StepPTR)...)
}

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

// judgeRate: our look is another sender's first visit. It may show that the
// host greylists, but nothing of how we stand there.
func (v *view) judgeRate() {
	if v.namedListHasUs() || v.lacksPTR() {
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
