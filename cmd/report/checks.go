package report

import (
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"

	"diagnose/probe"
	"diagnose/rbl"
)

// Check writes the answer of a single check.
func (t *Text) Check(command string, r probe.CheckReport) error {
	t.separate()
	args := map[string]string{"target": r.Target}
	t.line(t.Colours.outcome(string(r.Outcome), t.say("check."+command+"."+string(r.Outcome), args)))
	t.table(r.Findings)
	for _, s := range r.SMTP {
		if s.TLS != nil {
			key := "label.certificate"
			if s.TLS.Problem != "" {
				key = "label.certificate-bad"
			}
			t.line("  " + t.say(key, map[string]string{
				"address": s.Address, "version": s.TLS.Version, "subject": s.TLS.Subject, "until": s.TLS.NotAfter,
				"problem": t.say("tls."+s.TLS.Problem, nil),
			}))
		}
	}
	return t.err
}

// Lists writes the answers of the block lists about one target: those that
// have it first, then those that did not answer, then a count of the rest.
func (t *Text) Lists(r probe.ListReport) error {
	t.separate()
	var on, silent []probe.List
	clean := 0
	for _, l := range r.Lists {
		switch l.Status {
		case rbl.Listed, rbl.AllowListed:
			on = append(on, l)
		case rbl.NotListed:
			clean++
		case rbl.NotAsked:
		default:
			silent = append(silent, l)
		}
	}
	args := map[string]string{"target": r.Target, "asked": strconv.Itoa(r.Asked), "answered": strconv.Itoa(r.Answered), "clean": strconv.Itoa(clean)}
	outcome := map[rbl.Verdict]string{rbl.VerdictListed: "faulty", rbl.VerdictClean: "healthy", rbl.VerdictUnknown: "unknown"}[r.Verdict]
	t.line(t.Colours.outcome(outcome, t.say("check.rbl."+string(r.Verdict), args)))
	for _, l := range append(on, silent...) {
		t.line("  " + t.listWords(l))
	}
	for _, n := range r.Notes {
		t.line("  " + t.say("limit."+n.Code, n.Args))
	}
	return t.err
}

// listWords is one list's answer in a line.
func (t *Text) listWords(l probe.List) string {
	status := t.say("list."+string(l.Status), nil)
	m := map[rbl.Status]meaning{rbl.Listed: bad, rbl.AllowListed: good, rbl.NotListed: good}
	colour, ok := m[l.Status]
	if !ok {
		colour = unsure
	}
	codes := make([]string, len(l.Codes))
	for i, c := range l.Codes {
		codes[i] = c.String()
	}
	return t.Colours.paint(colour, pad(status, t.statusWidth())) + "  " + t.say("label.list", map[string]string{
		"zone": l.Zone, "codes": strings.Join(codes, " "), "meaning": t.args(map[string]string{"meaning": l.Meaning})["meaning"], "reason": l.Reason,
		"scope": t.scope(l), "url": firstOf(l.DelistURL, l.LookupURL),
	})
}

// scope says that a listing is about the surroundings; nothing where it is
// about the address itself.
func (t *Text) scope(l probe.List) string {
	if l.Scope == "range" || l.Scope == "asn" {
		return t.say("scope."+l.Scope, nil)
	}
	return ""
}

func (t *Text) statusWidth() int {
	w := 0
	for _, s := range []rbl.Status{rbl.Listed, rbl.Refused, rbl.NoAnswer, rbl.NotProven} {
		w = max(w, runewidth.StringWidth(t.say("list."+string(s), nil)))
	}
	return w
}

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}
