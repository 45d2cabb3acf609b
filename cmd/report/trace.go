package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"diagnose/probe"
)

// trace lists everything that was asked and answered, in the order in which
// it began: after how long, how long it took, what of whom, the answer. The
// lists of a sweep are asked at once; each of them has its own time.
func (t *Text) trace(findings []probe.Finding) {
	asked := slices.DeleteFunc(once(findings), func(f probe.Finding) bool { return f.Outcome == probe.Skipped })
	if len(asked) == 0 {
		return
	}
	slices.SortStableFunc(asked, func(a, b probe.Finding) int { return a.Started.Compare(b.Started) })
	now := asked
	if i := slices.IndexFunc(asked, func(f probe.Finding) bool { return !remembered(f) }); i >= 0 {
		now = asked[i:]
	}
	t.heading("label.trace", map[string]string{
		"looks": strconv.Itoa(len(asked)), "took": fmt.Sprintf("%.3f s", elapsed(now).Seconds()),
	})
	steps, targets := 0, 0
	for _, f := range asked {
		steps = max(steps, t.Words.Width(t.say("step."+f.Step, nil)))
		targets = max(targets, min(t.Words.Width(Safe(f.Target)), maxColumn))
	}
	for _, f := range asked {
		began := t.say("label.earlier", nil)
		if !f.Started.Before(now[0].Started) {
			began = fmt.Sprintf("+%.3f s", f.Started.Sub(now[0].Started).Seconds())
		}
		t.hang("  "+t.Words.Pad(began, offsetWidth)+fmt.Sprintf(" %6d ms  ", f.TookMS)+t.Words.Pad(t.say("step."+f.Step, nil), steps)+"  "+
			t.Words.Pad(Safe(f.Target), targets)+"  ", t.say("finding."+f.Code, t.args(f.Args)), plain)
		for _, l := range slices.SortedStableFunc(slices.Values(f.Lists), func(a, b probe.List) int { return cmp.Compare(a.TookMS, b.TookMS) }) {
			t.list("  "+t.Words.Pad("", offsetWidth)+fmt.Sprintf(" %6d ms  ", l.TookMS), l)
		}
	}
}

// offsetWidth has room for a run of hours.
const offsetWidth = len("+9999.999 s")

// remembered says whether a look may be one of an earlier run: what a mail
// server says is kept for a while, with the time at which it was said.
func remembered(f probe.Finding) bool {
	return f.Check == probe.CheckSMTP || f.Check == probe.CheckControl
}
