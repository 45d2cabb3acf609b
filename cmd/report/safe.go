package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxArgument is how much of a stranger's text is shown on one line, in
// characters.
const maxArgument = 600

// Safe makes text from a bounce, the DNS or a banner fit for a terminal, a log
// or a page: one line, no control characters (an escape sequence could rewrite
// the screen), no invisible or direction-changing ones (they could make a
// name look like another), valid UTF-8, and bounded. What it replaces stays
// visible as \x1b or \u202e; a byte that is no UTF-8 becomes U+FFFD, as it
// does in JSON.
func Safe(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s { // gives U+FFFD for every byte that is no UTF-8
		if n++; n > maxArgument {
			b.WriteString("...")
			break
		}
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case r < utf8.RuneSelf && hidden(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff && hidden(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden says whether a character must not reach a terminal: controls,
// direction marks, and letters that nobody sees, like the Hangul filler.
func hidden(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	if '\u4e00' <= r && r <= '\u9fff' { // Chinese characters, of which there may be many
		return false
	}
	return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
