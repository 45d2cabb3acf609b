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
// visible as \x1b or \u202e.
func Safe(s string) string {
	var b strings.Builder
	n := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case n >= maxArgument:
			b.WriteString("...")
			return b.String()
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t' || r == '\r' || r == ' ':
			b.WriteByte(' ')
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += size
		n++
	}
	return b.String()
}
