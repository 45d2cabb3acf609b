package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"diagnose/cmd/report"
	"diagnose/probe"
)

// progress is a line on a terminal that tells what is being looked at, and is
// gone when that is over. It shows only after a while: what is quick needs none.
type progress struct {
	out     io.Writer
	words   func() *report.Words // the language is known only when the flags are
	columns int                  // of the terminal

	mu      sync.Mutex
	running []probe.Progress // oldest first
	ended   int
	waiting *time.Timer // until it may show; nil where nothing runs
	due     bool
	shown   bool
}

// quick is how long a run may take without a word.
const quick = 500 * time.Millisecond

// see takes what a runner tells.
func (p *progress) see(now probe.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.running, func(r probe.Progress) bool { return r.Step == now.Step && r.Target == now.Target })
	switch {
	case now.Ended && i >= 0:
		p.running = slices.Delete(p.running, i, i+1)
		p.ended++
	case now.Ended:
	case i < 0:
		p.running = append(p.running, now)
	case now.Done > p.running[i].Done: // lists of one sweep may tell out of turn
		p.running[i] = now
	}
	switch {
	case len(p.running) == 0:
		p.rest()
	case p.waiting == nil:
		p.waiting = time.AfterFunc(quick, p.wake)
	case p.due:
		p.draw()
	}
}

// rest ends the line until the next look.
func (p *progress) rest() {
	p.clear()
	if p.waiting != nil {
		p.waiting.Stop()
	}
	p.waiting, p.due, p.ended = nil, false, 0
}

// wake lets the line show.
func (p *progress) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.running) > 0 {
		p.due = true
		p.draw()
	}
}

// draw writes the line over the one before.
func (p *progress) draw() {
	parts := make([]string, len(p.running))
	words := p.words()
	for i, r := range p.running {
		what := report.Safe(r.Target)
		if r.Of > 0 {
			what = fmt.Sprintf("%d/%d", r.Done, r.Of)
		}
		parts[i] = words.Say("step."+r.Step, nil) + " " + what
	}
	line := words.Say("hint.progress", map[string]string{
		"ended": fmt.Sprint(p.ended), "running": strings.Join(parts, words.Say("label.comma", nil)),
	})
	// One column is left free: a full line would wrap, and could not be erased.
	p.shown = true
	fmt.Fprint(p.out, eraseLine+words.Cut(line, p.columns-1))
}

// eraseLine empties the line that the cursor is on (ECMA-48, EL).
const eraseLine = "\r\x1b[K"

func (p *progress) clear() {
	if p.shown {
		p.shown = false
		fmt.Fprint(p.out, eraseLine)
	}
}

// before gives a writer that takes the line away before it writes: both may be
// the same terminal.
func (p *progress) before(w io.Writer) io.Writer { return &overProgress{p, w} }

type overProgress struct {
	progress *progress
	to       io.Writer
}

func (o *overProgress) Write(b []byte) (int, error) {
	o.progress.mu.Lock()
	defer o.progress.mu.Unlock()
	o.progress.clear()
	return o.to.Write(b)
}
