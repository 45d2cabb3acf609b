package report

import (
	"github.com/fatih/color"

	"diagnose/probe"
)

// Colours paints by meaning; the zero value paints nothing.
type Colours struct{ on bool }

// NewColours decides once whether to paint.
func NewColours(on bool) Colours { return Colours{on} }

// meaning is what a colour stands for.
type meaning int

const (
	good meaning = iota
	bad
	unsure
	heading
	faint
)

func (c Colours) paint(m meaning, s string) string {
	if !c.on || s == "" {
		return s
	}
	p := color.New([]color.Attribute{color.FgGreen, color.FgRed, color.FgYellow, color.Bold, color.Faint}[m])
	p.EnableColor() // on is our own decision; the library's looks only at standard output
	return p.Sprint(s)
}

// outcome is the colour of how a check ended.
func (c Colours) outcome(o probe.Outcome, s string) string {
	switch o {
	case probe.Healthy:
		return c.paint(good, s)
	case probe.Faulty:
		return c.paint(bad, s)
	case probe.UnknownOC:
		return c.paint(unsure, s)
	}
	return c.paint(faint, s)
}
