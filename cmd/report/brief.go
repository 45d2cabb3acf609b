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
// an address cut short would be another one. In a terminal too narrow for it,
// what to do stands below.
type Brief struct {
	Out     io.Writer
	Words   *Words
	Colours Colours
	Columns int // of the terminal; 0: any

	widths map[string]int // of the longest text of a family
}

// recipientColumn has room for most addresses; in a narrow terminal the rest
// must have some too.
const (
	recipientColumn = 32
	recipientNarrow = 24
)

// Write writes a report of bounces; no other has a brief form.
func (b *Brief) Write(v any) error {
	r, ok := v.(probe.Report)
	if !ok {
		return fmt.Errorf("no brief form of a %T", v)
	}
	t := &Text{Out: b.Out, Words: b.Words, Colours: b.Colours, Columns: b.Columns}
	if isFailure(r) {
		t.hang(b.columns(t, r), b.todo(t, r), plain)
	} else {
		t.hang("", t.kind(r), plain)
	}
	return t.run()
}

// Close has nothing to end.
func (b *Brief) Close() error { return nil }

// columns are all but what is to be done.
func (b *Brief) columns(t *Text, r probe.Report) string {
	verdict, m := t.say("verdict-short.not-looked", nil), faint
	if v := r.Verification; v != nil {
		verdict, m = t.say("verdict-short."+string(v.Verdict), nil), ofVerdict(v.Verdict)
	}
	room := recipientColumn
	if b.Columns > 0 && b.Columns < 100 {
		room = recipientNarrow
	}
	return b.Words.Pad(Safe(cmp.Or(r.Failure.Recipient, r.Failure.OriginalRecipient, r.Source.Name)), room) + "  " +
		b.Words.Pad(b.name(t, r), b.widest("name.")) + "  " +
		b.Colours.paint(m, b.Words.Pad(verdict, b.widest("verdict-short."))) + "  " +
		b.Words.Pad(t.say("party-short."+actor(r), nil), b.widest("party-short.")) + "  "
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
	if w, known := b.widths[family]; known {
		return w
	}
	if b.widths == nil {
		b.widths = map[string]int{}
	}
	for key, text := range b.Words.text {
		if strings.HasPrefix(key, family) {
			b.widths[family] = max(b.widths[family], b.Words.Width(text))
		}
	}
	return b.widths[family]
}
