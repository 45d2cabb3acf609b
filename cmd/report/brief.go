package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"diagnose/classify/bounce"
	"diagnose/probe"
)

// Brief writes a line for each failure: the recipient, what happened, whether
// that is so now, whose it is, and the first thing to do. Columns stand below
// each other; a recipient too long for its own moves the rest of its line, for
// an address cut short would be another one.
type Brief struct {
	Out     io.Writer
	Words   *Words
	Colours Colours
	Columns int // of the terminal, where lines are cut; 0: they are not
}

// recipientColumn has room for most addresses.
const recipientColumn = 32

// Write writes a report of bounces; no other has a brief form.
func (b *Brief) Write(v any) error {
	r, ok := v.(probe.Report)
	if !ok {
		return fmt.Errorf("no brief form of a %T", v)
	}
	_, err := io.WriteString(b.Out, b.line(r)+"\n")
	return err
}

// Close has nothing to end.
func (b *Brief) Close() error { return nil }

func (b *Brief) line(r probe.Report) string {
	t := &Text{Words: b.Words}
	if r.Failure == nil || r.Classification == nil {
		return b.Words.Cut(t.kind(r), b.Columns)
	}
	verdict, m := t.say("verdict-short.not-looked", nil), faint
	if v := r.Verification; v != nil {
		verdict, m = t.say("verdict-short."+string(v.Verdict), nil), ofVerdict(v.Verdict)
	}
	before := b.Words.Pad(Safe(cmp.Or(r.Failure.Recipient, r.Failure.OriginalRecipient, r.Source.Name)), recipientColumn) + "  " +
		b.Words.Pad(b.name(t, r), b.widest("name.")) + "  "
	verdict = b.Words.Pad(verdict, b.widest("verdict-short."))
	after := "  " + b.Words.Pad(t.say("party-short."+actor(r), nil), b.widest("party-short.")) + "  " + b.todo(t, r)
	if b.Columns > 0 {
		after = b.Words.Cut(after, max(1, b.Columns-b.Words.Width(before+verdict)))
	}
	return strings.TrimRight(before+b.Colours.paint(m, verdict)+after, " ")
}

// name is the category's, or that nobody need care.
func (b *Brief) name(t *Text, r probe.Report) string {
	if r.Kind == bounce.KindBackscatter {
		return t.say("name.backscatter", nil)
	}
	return t.say("name."+r.Classification.Slug, nil)
}

// todo is the first thing that anybody can do.
func (b *Brief) todo(t *Text, r probe.Report) string {
	if len(r.Advice) == 0 {
		return ""
	}
	return strings.ReplaceAll(t.say("advice."+r.Advice[0].Code, r.Advice[0].Args), "\n", " ")
}

// widest is the width of the longest text of a family.
func (b *Brief) widest(family string) int {
	w := 0
	for key, text := range b.Words.text {
		if strings.HasPrefix(key, family) {
			w = max(w, b.Words.Width(text))
		}
	}
	return w
}
