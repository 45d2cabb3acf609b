package report

import (
	"github.com/fatih/color"

	"diagnose/probe"
	"diagnose/rbl"
)

// Colours paints by meaning; the zero value paints nothing.
type Colours struct{ on bool }

// NewColours decides once whether to paint.
func NewColours(on bool) Colours { return Colours{on} }

// meaning is what a colour stands for.
type meaning int

const (
	plain meaning = iota
	good
	bad
	unsure
	heading
	faint
)

func (c Colours) paint(m meaning, s string) string {
	if !c.on || s == "" || m == plain {
		return s
	}
	p := color.New([...]color.Attribute{good: color.FgGreen, bad: color.FgRed, unsure: color.FgYellow, heading: color.Bold, faint: color.Faint}[m])
	p.EnableColor() // on is our own decision; the library's looks only at standard output
	return p.Sprint(s)
}

// The colours of how a check ended, of a verdict, and of a list's answer.

func ofOutcome(o probe.Outcome) meaning {
	switch o {
	case probe.Healthy:
		return good
	case probe.Faulty:
		return bad
	case probe.UnknownOC:
		return unsure
	}
	return faint
}

func ofVerdict(v probe.Verdict) meaning {
	switch v {
	case probe.Confirmed:
		return bad
	case probe.Cleared:
		return good
	}
	return unsure
}

func ofStatus(s rbl.Status) meaning {
	switch s {
	case rbl.Listed:
		return bad
	case rbl.AllowListed, rbl.NotListed:
		return good
	}
	return unsure
}
