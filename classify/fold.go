package classify

import (
	"bytes"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxText bounds what is judged of one text. A reply has at most 2 KiB; the
// report's own words may be longer, and what counts stands near their start.
const maxText = 8 << 10

// span is a place in the original text.
type span struct{ from, to int32 }

// folded is a text made comparable, with the way back: at[i] is the place in
// the original of the byte text[i].
type folded struct {
	text []byte
	at   []span
}

func (f *folded) reset() { f.text, f.at = f.text[:0], f.at[:0] }

func (f *folded) add(b byte, s span) {
	f.text, f.at = append(f.text, b), append(f.at, s)
}

func (f *folded) addAll(b string, s span) {
	for i := range len(b) {
		f.add(b[i], s)
	}
}

// quote is the part of the original that text[i:j] was made from.
func (f *folded) quote(original string, i, j int) string {
	return strings.TrimSpace(original[f.at[i].from:f.at[j-1].to])
}

// sheet is one text under judgement, in three states: as it came, folded, and
// with everything that is a name rather than a word masked. The masks are
// {addr}, {host}, {ip} and {url}.
type sheet struct {
	original string
	plain    folded
	words    folded
}

type sheets struct{ pool sync.Pool }

func (p *sheets) get(text string) *sheet {
	s, ok := p.pool.Get().(*sheet)
	if !ok {
		s = new(sheet)
	}
	s.write(text)
	return s
}

func (p *sheets) put(s *sheet) {
	s.original = ""
	p.pool.Put(s)
}

func (s *sheet) write(text string) {
	if len(text) > maxText {
		end := maxText
		for end > maxText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	s.original = text
	s.plain.fold(text)
	s.words.mask(&s.plain)
}

// fold lowers the case, makes one blank of many, and turns the typographic
// forms that mail programs and word processors put in (full-width letters,
// curly quotes, dashes, ellipses, no-break spaces) into ASCII, and takes the
// accents off Latin letters.
func (f *folded) fold(text string) {
	f.reset()
	for i := 0; i < len(text); {
		b := text[i]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if ' ' < b && b < 0x7f && b != '`' { // its own plain form
			f.add(b, span{int32(i), int32(i + 1)})
			i++
			continue
		}
		r, n := rune(b), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		f.addRune(foldRune(r), span{int32(i), int32(i + n)})
		i += n
	}
	for n := len(f.text); n > 0 && f.text[n-1] == ' '; n-- {
		f.text, f.at = f.text[:n-1], f.at[:n-1]
	}
}

func (f *folded) addRune(r rune, s span) {
	switch {
	case r < 0: // leaves no trace
	case r == ' ':
		if n := len(f.text); n > 0 && f.text[n-1] != ' ' {
			f.add(' ', s)
		}
	case r < utf8.RuneSelf:
		f.add(byte(r), s)
	case r == '…':
		f.addAll("...", s)
	default:
		var b [utf8.UTFMax]byte
		f.addAll(string(b[:utf8.EncodeRune(b[:], r)]), s)
	}
}

// unaccented has the plain letter for each of U+00C0 to U+017F: servers write
// "boîte" and "boite", "não" and "nao" alike.
const unaccented = "aaaaaaaceeeeiiiidnoooooxouuuuytsaaaaaaaceeeeiiiidnooooo/ouuuuyty" +
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll" +
	"lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"

// foldRune gives the plain form of a rune; negative for one that is dropped.
func foldRune(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r == '`':
		return '\''
	case r < ' ' || r == 0x7f:
		return ' '
	case r < utf8.RuneSelf:
		return r
	case 0xc0 <= r && r < 0x180:
		return rune(unaccented[r-0xc0])
	case 0x3040 <= r && r < 0xd7b0: // kana, Han and Hangul have one case
		return r
	case 0xff01 <= r && r <= 0xff5e: // full-width ASCII
		return foldRune(r - 0xfee0)
	}
	switch r {
	case '‘', '’', '‚', '‛', '′', '´', '＇':
		return '\''
	case '“', '”', '„', '‟', '″', '「', '」':
		return '"'
	case '‐', '‑', '‒', '–', '—', '―', '−':
		return '-'
	case '。':
		return '.'
	case 0xad, 0x200b, 0x200c, 0x200d, 0x2060, 0xfeff:
		return -1
	}
	if unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) {
		return ' '
	}
	return unicode.ToLower(r)
}

// foldString is fold for the text of a rule; a blank at either end is kept.
func foldString(s string) string {
	if isFolded(s) {
		return s
	}
	var f folded
	f.fold("." + s + ".")
	return strings.ReplaceAll(string(f.text[1:len(f.text)-1]), "_", " ")
}

func isFolded(s string) bool {
	last := rune(0)
	for _, r := range s {
		if 'a' <= r && r <= 'z' {
			last = r
			continue
		}
		if r == '_' || r == '…' || r == ' ' && last == ' ' || foldRune(r) != r {
			return false
		}
		last = r
	}
	return true
}

// mask copies the plain text and replaces names: a host called
// mx.mailspamprotection.com is not spam, and a list is no reason to judge the
// address that stands beside it. The prefixes of continuation lines ("550-")
// that a joined reply has in its middle go too, since they tear sentences.
func (f *folded) mask(plain *folded) {
	f.reset()
	text, continued := plain.text, ""
	copied := 0
	replace := func(i, j int, by string) {
		f.copy(plain, copied, i)
		f.addAll(by, span{plain.at[i].from, plain.at[j-1].to})
		copied = j
	}
	for i := 0; i < len(text); {
		if !isName(text[i]) {
			i++
			continue
		}
		if n, code := linePrefix(text[i:], continued); n > 0 && atWord(text, i) {
			continued = code
			replace(i, i+n, "")
			i += n
			continue
		}
		if n := urlLen(text[i:]); n > 0 && !isAlnum(before(text, i)) {
			replace(i, i+n, "{url}")
			i += n
			continue
		}
		end, mask := nameAt(text, i)
		if mask != "" {
			replace(i, end, mask)
		}
		i = end
	}
	f.copy(plain, copied, len(text))
}

// copy copies a part of the plain text; "_" stands for a blank in the replies
// of servers that fear blanks.
func (f *folded) copy(plain *folded, i, j int) {
	f.text, f.at = append(f.text, plain.text[i:j]...), append(f.at, plain.at[i:j]...)
	for part := f.text[len(f.text)-(j-i):]; ; {
		k := bytes.IndexByte(part, '_')
		if k < 0 {
			return
		}
		part[k] = ' '
		part = part[k+1:]
	}
}

// nameAt says where the name-like run that starts at i ends, and what masks it
// where it is a name.
func nameAt(text []byte, i int) (end int, mask string) {
	end = i
	for end < len(text) && isAlnum(text[end]) {
		end++
	}
	if end == len(text) || !isName(text[end]) {
		return end, ""
	}
	for end < len(text) && isName(text[end]) {
		end++
	}
	name := bytes.TrimRight(text[i:end], ".-@")
	if mask = maskOf(bytes.TrimLeft(name, ".")); mask != "" {
		return i + len(name), mask
	}
	return end, ""
}

// hostMask stands for a domain name.
const hostMask = "{host}"

func maskOf(name []byte) string {
	switch at := bytes.LastIndexByte(name, '@'); {
	case at > 0:
		return "{addr}"
	case isIP(name):
		return "{ip}"
	case isHost(name):
		return hostMask
	}
	return ""
}

// isName says whether b can stand in an address, a host name or an IP number.
// "*" is what people write over names before they show a bounce to others.
func isName(b byte) bool {
	if isAlnum(b) {
		return true
	}
	switch b {
	case '@', '.', '-', '_', '*', '+', '%', '&', '?', '~':
		return true
	}
	return false
}

func isAlnum(b byte) bool {
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9'
}

func before(text []byte, i int) byte {
	if i == 0 {
		return ' '
	}
	return text[i-1]
}

func atWord(text []byte, i int) bool { return i == 0 || text[i-1] == ' ' }

// isIP knows an IPv4 address, also one whose digits were hidden
// ("xxx.xxx.xxx.xxx", "*.*.*.*"). IPv6 addresses need no mask: no rule reads
// them.
func isIP(name []byte) bool {
	dots := 0
	for _, b := range name {
		switch {
		case b == '.':
			dots++
		case '0' <= b && b <= '9', b == 'x', b == '*':
		default:
			return false
		}
	}
	return dots == 3
}

// isHost knows a domain name by its shape and its last label: two letters are
// a country, longer ones must be known, or "rejected.Please" would be a host.
func isHost(name []byte) bool {
	dot := bytes.LastIndexByte(name, '.')
	if dot < 1 || bytes.Contains(name, []byte("..")) {
		return false
	}
	tld := name[dot+1:]
	for _, b := range tld {
		if b < 'a' || b > 'z' {
			return false
		}
	}
	return len(tld) == 2 || topLevel(string(tld))
}

func topLevel(label string) bool {
	switch label {
	case "com", "net", "org", "edu", "gov", "mil", "int", "info", "biz", "name", "mobi", "asia", "arpa",
		"xyz", "top", "site", "online", "shop", "club", "vip", "app", "dev", "cloud", "email", "tech",
		"store", "live", "zone", "zap", "local", "lan", "internal", "localdomain", "example", "test", "invalid":
		return true
	}
	return false
}

// urlLen is the length of the URL that b starts with; 0 where there is none.
func urlLen(b []byte) int {
	if b[0] != 'h' && b[0] != 'w' {
		return 0
	}
	if !bytes.HasPrefix(b, []byte("http")) && !bytes.HasPrefix(b, []byte("www.")) {
		return 0
	}
	rest := bytes.TrimPrefix(bytes.TrimPrefix(b, []byte("http")), []byte("s"))
	if len(rest) < len(b) && !bytes.HasPrefix(rest, []byte("://")) && !bytes.HasPrefix(b, []byte("www.")) {
		return 0
	}
	n := bytes.IndexAny(b, " <>\"")
	if n < 0 {
		n = len(b)
	}
	return len(bytes.TrimRight(b[:n], ".,;:)]}'!"))
}

// linePrefix measures the prefix of a continuation line ("550-", "550-5.7.1 ")
// that b starts with, and that of the last line of the same reply ("550 5.7.1 ").
// continued is the code of the reply that is being continued, or "".
func linePrefix(b []byte, continued string) (int, string) {
	if len(b) < 4 || b[0] < '2' || b[0] > '5' || !isDigit(b[1]) || !isDigit(b[2]) {
		return 0, continued
	}
	code := string(b[:3])
	if b[3] != '-' && (b[3] != ' ' || code != continued) {
		return 0, continued
	}
	n := 4
	if m := statusLen(b[n:]); m > 0 && n+m < len(b) && (b[n+m] == ' ' || b[n+m] == '_') {
		n += m + 1
	}
	return n, code
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// statusLen is the length of the enhanced status that b starts with, or 0.
func statusLen(b []byte) int {
	dots, n := 0, 0
	for ; n < len(b) && (isDigit(b[n]) || b[n] == '.'); n++ {
		if b[n] == '.' {
			dots++
		}
	}
	if dots != 2 || !isDigit(b[n-1]) {
		return 0
	}
	return n
}
