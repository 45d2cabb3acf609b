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

type field struct{ name, value string } // value still folded

// maxHeader bounds what is kept of one header; the rest is read and dropped.
const maxHeader = 128 << 10

// parseHeader reads fields up to the first empty line, or to the first line
// that can be no part of a header; rest is what follows.
func parseHeader(s string) (h header, rest string) {
	start := 0 // of the value of the last field
	for pos := 0; pos < len(s); {
		line, _ := cutLine(s[pos:])
		n := fieldName(line)
		switch {
		case line == "":
			_, rest = cutLine(s[pos:])
			return h, rest
		case line[0] == ' ' || line[0] == '\t' || n == 0 && len(h) > 0 && isStray(line):
			if len(h) > 0 {
				h[len(h)-1].value = s[start : pos+len(line)]
			}
		case n > 0:
			start = pos + n + strings.IndexByte(line[n:], ':') + 1
			h = append(h, field{line[:n], s[start : pos+len(line)]})
		case isFromLine([]byte(line)) && len(h) == 0:
		default:
			return h, s[pos:]
		}
		_, after := cutLine(s[pos:])
		pos = len(s) - len(after)
	}
	return h, ""
}

// isStray tells the parameter line that some servers forget to indent,
// "boundary=...".
func isStray(line string) bool {
	i := strings.IndexByte(line, '=')
	return i > 0 && i < 40 && !strings.ContainsAny(line[:i], " :<@")
}

// cutLine splits off the first line, without its newline.
func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimRight(line, "\r"), rest
}

// get is the first field of that name, unfolded; empty where there is none.
func (h header) get(name string) string {
	for _, f := range h {
		if len(f.name) == len(name) && strings.EqualFold(f.name, name) {
			return unfold(f.value)
		}
	}
	return ""
}

func (h header) has(name string) bool {
	for _, f := range h {
		if strings.EqualFold(f.name, name) {
			return true
		}
	}
	return false
}

// unfold joins lines by one space. RFC 5322 section 2.2.3
func unfold(s string) string {
	if strings.IndexByte(s, '\n') < 0 {
		return strings.TrimSpace(s)
	}
	return strings.Join(strings.Fields(s), " ")
}

// text is a field decoded for reading.
func (h header) text(name string) string { return strings.TrimSpace(decodeWords(h.get(name))) }

// mediaType is the Content-Type, lower case, text/plain where it is missing.
func (h header) mediaType() string {
	t, _, _ := strings.Cut(h.get("Content-Type"), ";")
	if t = strings.ToLower(strings.TrimSpace(t)); t == "" {
		return "text/plain"
	}
	return t
}

// param is a parameter of the Content-Type. mime.ParseMediaType gives up at
// the first damage, so it is not used.
func (h header) param(name string) string {
	rest := h.get("Content-Type")
	for {
		i := indexFold(rest, name)
		if i < 0 {
			return ""
		}
		before, after := rest[:i], strings.TrimLeft(rest[i+len(name):], " \t")
		rest = rest[i+len(name):]
		if before != "" && strings.IndexByte("; \t", before[len(before)-1]) < 0 || !strings.HasPrefix(after, "=") {
			continue
		}
		after = strings.TrimLeft(after[1:], " \t")
		if strings.HasPrefix(after, `"`) {
			value, _, _ := strings.Cut(after[1:], `"`)
			return value
		}
		value, _, _ := strings.Cut(after, ";")
		return strings.TrimSpace(value)
	}
}

// indexFold is strings.Index without regard to the case of ASCII letters; sub
// is in lower case.
func indexFold(s, sub string) int {
	for i := 0; i+len(sub) <= len(s) && sub != ""; i++ {
		if s[i]|0x20 == sub[0]|0x20 && strings.EqualFold(s[i:i+len(sub)], sub) {
			return i
		}
	}
	return -1
}

// parseDate reads a date as mail has it; the zero time where it is none. The
// form that nearly all mail has is tried first: mail.ParseDate tries dozens.
func parseDate(s string) time.Time {
	s, _, _ = strings.Cut(s, " (")
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", s)
	if err != nil {
		t, err = mail.ParseDate(s)
	}
	if err != nil {
		return time.Time{}
	}
	return t
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
		if at > i && s[at-1] == '"' {
			if q := strings.LastIndexByte(s[i:at-1], '"'); q >= 0 {
				start = i + q
			}
		} else {
			for start > i && isLocal(s[start-1]) {
				start--
			}
		}
		for end < len(s) && isDomain(s[end]) {
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
		start, end = start+foreignPrefix(s[start:at]), end-foreignSuffix(s[at+1:end])
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

func isLocal(c byte) bool {
	return c > ' ' && c != 0x7F && strings.IndexByte(`<>()[]:;,"@\`, c) < 0
}

func isDomain(c byte) bool {
	return c == '.' || c == '-' || c == '_' || c == '*' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// parseHost reads "mx.example.net", "mx.example.net [192.0.2.1]",
// "[192.0.2.1]", "mx.example.net (192.0.2.1)" and the like.
func parseHost(s string) Host {
	s = strings.TrimSpace(s)
	if ip := parseIP(s); ip.IsValid() {
		return Host{IP: ip}
	}
	var h Host
	for i, word := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t[](),;", r) }) {
		if ip := parseIP(word); ip.IsValid() {
			h.IP = ip
		} else if i == 0 {
			h.Name = cleanHost(word)
		}
		if i > 8 {
			break
		}
	}
	return h
}

// cleanHost is a host name without the full stop and quotes around it; empty
// where it is no name.
func cleanHost(s string) string {
	s = strings.Trim(s, ".<>'\":")
	if len(s) > 255 {
		return ""
	}
	for i := range len(s) {
		if !isDomain(s[i]) {
			return ""
		}
	}
	return s
}

// parseIP reads an address, also as "[192.0.2.1]" and "IPv6:2001:db8::1"; not
// valid where it is none.
func parseIP(s string) netip.Addr {
	s = strings.Trim(s, "[]()<>'\"")
	if len(s) > 5 && strings.EqualFold(s[:5], "ipv6:") {
		s = s[5:]
	}
	if len(s) < 3 || len(s) > 45 || s[0] != ':' && !isHex(s[0]) {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(s)
	return ip.Unmap().WithZone("")
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }
