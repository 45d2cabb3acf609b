package bounce

import (
	"net/mail"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// header is the header of a message or of a part, in its order.
type header []field

type field struct {
	key   fieldKey
	value string // still folded
}

// maxHeader bounds what is kept of one header; the rest is read and dropped.
const maxHeader = 128 << 10

// parseHeader reads fields up to the first empty line, or to the first line
// that can be no part of a header; rest is what follows.
func parseHeader(s string) (h header, rest string) {
	start := 0 // of the value of the last field
	for pos := 0; pos < len(s); {
		line, after := cutLine(s[pos:])
		n := fieldName(line)
		switch {
		case line == "":
			return h, after
		case line[0] == ' ' || line[0] == '\t' || n == 0 && len(h) > 0 && isStray(line):
			if len(h) > 0 {
				h[len(h)-1].value = s[start : pos+len(line)]
			}
		case n > 0:
			if h == nil {
				h = make(header, 0, min(16, 1+len(s)/40)) // what most have
			}
			start = pos + n + strings.IndexByte(line[n:], ':') + 1
			h = append(h, field{keyOf(line[:n]), s[start : pos+len(line)]})
		case isFromLine(line) && len(h) == 0:
		default:
			return h, s[pos:]
		}
		pos = len(s) - len(after)
	}
	return h, ""
}

// isStray tells the parameter line that some servers forget to indent,
// "boundary=...".
func isStray[T string | []byte](line T) bool {
	for i := range min(len(line), 40) {
		switch line[i] {
		case '=':
			return i > 0
		case ' ', ':', '<', '@':
			return false
		}
	}
	return false
}

// cutLine splits off the first line, without its newline.
func cutLine(s string) (line, rest string) {
	line = s
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		line, rest = s[:i], s[i+1:]
	}
	for len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	return line, rest
}

// get is the first field of that name, unfolded; empty where there is none.
func (h header) get(key fieldKey) string {
	value, _ := h.find(key)
	return unfold(value)
}

func (h header) has(key fieldKey) bool {
	_, ok := h.find(key)
	return ok
}

// find is the first field of that name, as it stands.
func (h header) find(key fieldKey) (value string, ok bool) {
	for i := range h {
		if h[i].key == key {
			return h[i].value, true
		}
	}
	return "", false
}

// unfold joins lines by one space. RFC 5322 section 2.2.3
func unfold(s string) string {
	s = strings.TrimSpace(s)
	if strings.IndexByte(s, '\n') < 0 {
		return s
	}
	return joinFields(s, "")
}

// joinFields puts one space between the words of both texts.
func joinFields(s, more string) string {
	out := make([]byte, 0, 512)
	return string(appendWords(appendWords(out, s), more))
}

// appendWords appends the words of s with one space between them. Those that
// have it go in one piece.
func appendWords(out []byte, s string) []byte {
	for {
		for len(s) > 0 && isSpace(s[0]) {
			s = s[1:]
		}
		if s == "" {
			return out
		}
		n := 0
		for n < len(s) && (s[n] > ' ' || !isSpace(s[n]) || s[n] == ' ' && n+1 < len(s) && s[n+1] > ' ') {
			n++
		}
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = append(out, s[:n]...)
		s = s[n:]
	}
}

// text is a field decoded for reading.
func (h header) text(key fieldKey) string { return strings.TrimSpace(decodeWords(h.get(key))) }

// mediaType is the Content-Type, lower case, text/plain where it is missing.
func (h header) mediaType() string {
	t, _ := h.find(keyContentType)
	t, _, _ = strings.Cut(t, ";")
	if t = lower(strings.TrimSpace(t)); t == "" {
		return "text/plain"
	}
	return t
}

// param is a parameter of the Content-Type. mime.ParseMediaType gives up at
// the first damage, so it is not used.
func (h header) param(name string) string {
	rest, _ := h.find(keyContentType)
	for {
		before, after, ok := strings.Cut(rest, "=")
		if !ok {
			return ""
		}
		rest = after
		before = trimRight(before)
		if start := len(before) - len(name); !hasSuffixFold(before, name) || start > 0 && before[start-1] != ';' && !isSpace(before[start-1]) {
			continue
		}
		after = strings.TrimSpace(after)
		if strings.HasPrefix(after, `"`) {
			value, _, _ := strings.Cut(after[1:], `"`)
			return unfold(value)
		}
		value, _, _ := strings.Cut(after, ";")
		return unfold(value)
	}
}

// parseDate reads a date as mail has it; the zero time where it is none. The
// form that nearly all mail has is tried first: mail.ParseDate tries dozens.
func parseDate(s string) time.Time {
	s, _, _ = strings.Cut(s, " (")
	if s == "" {
		return time.Time{}
	}
	if t, ok := usualDate(s); ok {
		return t
	}
	if t, ok := usualDate(modernDate(s)); ok {
		return t
	}
	t, err := mail.ParseDate(s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// usualDate reads "Mon, 2 Jan 2006 15:04:05 -0700", or without the day of the
// week. RFC 5322 section 3.3
func usualDate(s string) (t time.Time, ok bool) {
	const form = "02 Jan 2006 15:04:05 -0700"
	var digits [len(form)]byte // the values, each at its place in the form
	if len(s) > 4 && s[3] == ',' {
		s = s[4:]
	}
	s = strings.TrimLeft(s, " ")
	missing := len(form) - len(s) // the first digit of the day may be
	if missing < 0 || missing > 1 {
		return t, false
	}
	for i := missing; i < len(form); i++ {
		c := s[i-missing]
		switch form[i] {
		case ' ', ':':
			if c != form[i] {
				return t, false
			}
		case '0', '1', '2', '4', '5', '6', '7':
			if digits[i] = c - '0'; digits[i] > 9 {
				return t, false
			}
		}
	}
	two := func(i int) int { return int(digits[i])*10 + int(digits[i+1]) }
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", s[3-missing:6-missing])
	day, hour, minute, second := two(0), two(12), two(15), two(18)
	zone := (two(22)*60 + two(24)) * 60
	switch s[21-missing] {
	case '-':
		zone = -zone
	case '+':
	default:
		return t, false
	}
	t = time.Date(two(7)*100+two(9), time.Month(month/3+1), day, hour, minute, second, 0, time.FixedZone("", zone))
	return t, month >= 0 && month%3 == 0 && hour < 24 && minute < 60 && second < 60 && two(22) < 24 && two(24) < 60 && t.Day() == day
}

// modernDate writes a date with the name of a zone, a year of two digits, no
// seconds or odd spaces as the standard now wants it. RFC 5322 section 4.3
func modernDate(s string) string {
	words := strings.Fields(s[:min(len(s), 64)])
	if len(words) < 5 || len(words) > 6 {
		return s
	}
	year, clock, zone := &words[len(words)-3], &words[len(words)-2], &words[len(words)-1]
	if offset := zones[*zone]; offset != "" {
		*zone = offset
	}
	if strings.Count(*clock, ":") == 1 {
		*clock += ":00"
	}
	switch {
	case len(*year) != 2:
	case *year < "50":
		*year = "20" + *year
	default:
		*year = "19" + *year
	}
	return strings.Join(words, " ")
}

// zones are the named zones of RFC 5322 section 4.3, where CST is America's and
// not China's, and Japan's. All that mail.ParseDate makes of most is UTC.
var zones = map[string]string{
	"GMT": "+0000", "UT": "+0000", "UTC": "+0000", "Z": "+0000", "JST": "+0900",
	"EST": "-0500", "EDT": "-0400", "CST": "-0600", "CDT": "-0500", "MST": "-0700", "MDT": "-0600", "PST": "-0800", "PDT": "-0700",
}

// mailbox is the first address in a From or To field.
func mailbox(s string) string {
	if i := strings.IndexByte(s, '<'); i >= 0 {
		if addr, _, ok := strings.Cut(s[i+1:], ">"); ok {
			return strings.TrimSpace(addr)
		}
	}
	start, end := nextAddress(s, 0)
	return s[start:end]
}

// nextAddress finds an address in s at or after i; end is 0 where there is
// none. The local part may be quoted or hold any 8-bit text; the domain is
// letters, digits, dots and hyphens of any script, or an address literal.
func nextAddress(s string, i int) (start, end int) {
	for {
		at := strings.IndexByte(s[i:], '@')
		if at < 0 {
			return 0, 0
		}
		at += i
		start, end = at, at+1
		high := byte(0)
		if at > i && s[at-1] == '"' {
			if q := strings.LastIndexByte(s[i:at-1], '"'); q >= 0 {
				start = i + q
			}
		} else {
			for start > i && !notLocal[s[start-1]] {
				start--
				high |= s[start]
			}
		}
		for end < len(s) && inDomain[s[end]] {
			high |= s[end]
			end++
		}
		for end > at+1 && (s[end-1] == '.' || s[end-1] == '-') {
			end--
		}
		if end == at+1 && strings.HasPrefix(s[end:], "[") {
			if j := strings.IndexByte(s[end:min(len(s), end+64)], ']'); j > 0 {
				end += j + 1
			}
		}
		if high >= utf8.RuneSelf {
			start, end = start+foreignPrefix(s[start:at]), end-foreignSuffix(s[at+1:end])
		}
		if start < at && end > at+1 {
			return start, end
		}
		i = at + 1
	}
}

// foreignPrefix is the length of what stands before a local part with no space
// between: a sentence in a script that puts none, before an address in ASCII,
// or full-width punctuation.
func foreignPrefix(local string) int {
	last := strings.LastIndexFunc(local, func(r rune) bool { return r >= utf8.RuneSelf })
	if last < 0 {
		return 0
	}
	r, n := utf8.DecodeRuneInString(local[last:])
	if last+n < len(local) || unicode.IsPunct(r) {
		return last + n
	}
	return 0
}

// foreignSuffix is the same behind a domain.
func foreignSuffix(domain string) int {
	for i, r := range domain {
		if r >= utf8.RuneSelf && (unicode.IsPunct(r) || i > 0 && domain[i-1] < utf8.RuneSelf && domain[i-1] != '.' && strings.IndexByte(domain[:i], '.') >= 0) {
			return len(domain) - i
		}
	}
	return 0
}

// notLocal are the bytes that end a local part.
var notLocal = func() *cutset {
	ends := newCutset("<>()[]:;,\"@\\\x7f")
	for c := range ' ' + 1 {
		ends[c] = true
	}
	return ends
}()

// inDomain are the bytes of a domain.
var inDomain = func() *cutset {
	domain := newCutset(".-_*")
	for c := range domain {
		domain[c] = domain[c] || c >= utf8.RuneSelf || isAlnum(byte(c))
	}
	return domain
}()

// cutset are bytes to cut off the ends of a word.
type cutset [256]bool

func newCutset(bytes string) *cutset {
	var c cutset
	for i := range len(bytes) {
		c[bytes[i]] = true
	}
	return &c
}

// trim is strings.Trim.
func (c *cutset) trim(s string) string {
	for s != "" && c[s[0]] {
		s = s[1:]
	}
	for s != "" && c[s[len(s)-1]] {
		s = s[:len(s)-1]
	}
	return s
}

// in is strings.ContainsAny.
func (c *cutset) in(s string) bool {
	for i := range len(s) {
		if c[s[i]] {
			return true
		}
	}
	return false
}

var (
	aroundHost    = newCutset(".<>'\":")
	aroundAddress = newCutset("[]()<>'\"")
	aroundWord    = newCutset("()[],;")
	betweenWords  = newCutset(" \t[](),;")
)

// parseHost reads "mx.example.net", "mx.example.net [192.0.2.1]",
// "[192.0.2.1]", "mx.example.net (192.0.2.1)" and the like.
func parseHost(s string) Host {
	s = strings.TrimSpace(s)
	if ip := parseIP(s); ip.IsValid() {
		return Host{IP: ip}
	}
	var h Host
	for words := 0; words < 10; words++ {
		for s != "" && betweenWords[s[0]] {
			s = s[1:]
		}
		n := 0
		for n < len(s) && !betweenWords[s[n]] {
			n++
		}
		if n == 0 {
			break
		}
		if ip := parseIP(s[:n]); ip.IsValid() {
			h.IP = ip
		} else if words == 0 {
			h.Name = cleanHost(s[:n])
		}
		s = s[n:]
	}
	return h
}

// cleanHost is a host name without the full stop and quotes around it; empty
// where it is no name.
func cleanHost(s string) string {
	s = aroundHost.trim(s)
	if len(s) > 255 {
		return ""
	}
	for i := range len(s) {
		if !inDomain[s[i]] {
			return ""
		}
	}
	return s
}

// parseIP reads an address, also as "[192.0.2.1]" and "IPv6:2001:db8::1"; not
// valid where it is none.
func parseIP(s string) netip.Addr {
	s = aroundAddress.trim(s)
	if len(s) > 5 && strings.EqualFold(s[:5], "ipv6:") {
		s = s[5:]
	}
	if len(s) < 3 || len(s) > 45 {
		return netip.Addr{}
	}
	for i := range len(s) { // most of what is asked about is a word
		if s[i] != '.' && s[i] != ':' && !isHex(s[i]) {
			return netip.Addr{}
		}
	}
	ip, _ := netip.ParseAddr(s)
	return ip.Unmap()
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
