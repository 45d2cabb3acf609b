package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Columns are counted as a terminal shows them: a Chinese character takes two.
// Nothing here depends on the environment, so that the same report always gives
// the same text.

// Width is how many columns s takes where this language is read: characters
// that UAX #11 calls ambiguous are wide beside Chinese ones. Our colours
// ("\x1b[31m") take none; no other escape gets here.
func (w *Words) Width(s string) int {
	n := 0
	for s != "" {
		if end := strings.IndexByte(s, 'm'); s[0] == '\x1b' && end > 0 {
			s = s[end+1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(s)
		n += w.columns(r)
		s = s[size:]
	}
	return n
}

// columns is the width of one character.
func (w *Words) columns(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	switch kind := width.LookupRune(r).Kind(); {
	case unicode.In(r, unicode.Mn, unicode.Me): // sits on the one before
		return 0
	case kind == width.EastAsianWide, kind == width.EastAsianFullwidth, kind == width.EastAsianAmbiguous && w.Lang != "en":
		return 2
	}
	return 1
}

// Pad fills s with blanks to a width.
func (w *Words) Pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-w.Width(s)))
}

// Wrap breaks text into lines of a width: at blanks, and between Chinese
// characters as their typesetting allows. What has neither, as an address or a
// link, stays whole even where it is longer: it must be possible to copy it.
// A width of 0 or less breaks nothing.
func (w *Words) Wrap(text string, width int) []string {
	if width <= 0 || w.Width(text) <= width {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for _, p := range w.pieces(text) {
		bare := strings.TrimRight(p, " ")
		if used > 0 && used+w.Width(bare) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line, used = "", 0
		}
		line += p
		used += w.Width(p)
	}
	return append(lines, line)
}

// pieces are the parts of a text that stay whole, each with the blanks behind
// it.
func (w *Words) pieces(text string) (out []string) {
	begin := 0
	var last rune
	for i, r := range text {
		if i > begin && w.breaks(last, r) {
			out = append(out, text[begin:i])
			begin = i
		}
		last = r
	}
	return append(out, text[begin:])
}

// Signs that begin no line, and such as end none (CLREQ section 3.1.3).
const (
	neverFirst = "，。、；：？！）」』》〉】"
	neverLast  = "（「『《〈【"
)

// breaks says whether a line may end between two characters.
func (w *Words) breaks(before, after rune) bool {
	switch {
	case after == ' ' || strings.ContainsRune(neverFirst, after) || strings.ContainsRune(neverLast, before) || w.columns(after) == 0:
		return false
	case before == ' ':
		return true
	}
	return wide(before) || wide(after)
}

// wide is for what is written without blanks.
func wide(r rune) bool {
	kind := width.LookupRune(r).Kind()
	return kind == width.EastAsianWide || kind == width.EastAsianFullwidth
}

// Cut shortens text to a width; 0 or less is any.
func (w *Words) Cut(text string, width int) string {
	if width <= 0 || w.Width(text) <= width {
		return text
	}
	const more = "..."
	n := len(more)
	for i, r := range text {
		if n += w.columns(r); n > width {
			return text[:i] + more
		}
	}
	return text
}

// tooNarrow is how little room beside a label is not worth using.
const tooNarrow = 24

// hang writes text in a colour behind a prefix, its further lines below its
// first. Where the prefix leaves it too little room it stands below it.
func (t *Text) hang(prefix, text string, m meaning) {
	indent := t.Words.Width(prefix)
	if t.Columns > 0 && t.Columns-indent < tooNarrow && t.Words.Width(text) > t.Columns-indent {
		t.line(prefix)
		indent = min(6, t.Columns/4)
		prefix = strings.Repeat(" ", indent)
	}
	for _, l := range t.Words.Wrap(text, t.room(indent)) {
		t.line(prefix + t.Colours.paint(m, l))
		prefix = strings.Repeat(" ", indent)
	}
}

// room is how wide a text may be behind an indent; 0 is any width.
func (t *Text) room(indent int) int {
	if t.Columns <= 0 {
		return 0
	}
	return max(t.Columns-indent, 1)
}

// line writes one line as it is.
func (t *Text) line(s string) {
	t.page.WriteString(strings.TrimRight(s, " "))
	t.page.WriteByte('\n')
}

// row is a label and a value, aligned with its like.
func (t *Text) row(label, value string) {
	t.hang(t.Words.Pad(t.say(label, nil), t.labelWidth())+" ", value, plain)
}

func (t *Text) labelWidth() int {
	w := 0
	for _, l := range []string{"label.party", "label.now", "label.proof", "label.advice", "label.recipient", "label.said", "label.reported", "label.why", "label.reference", "label.source"} {
		w = max(w, t.Words.Width(t.say(l, nil)))
	}
	return w
}

func (t *Text) heading(key string, args map[string]string) {
	t.line("")
	t.hang("", t.say(key, args), heading)
}
