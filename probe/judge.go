package probe

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"diagnose/classify"
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

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
