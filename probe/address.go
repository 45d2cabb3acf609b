package probe

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// addressFault says what is wrong with a recipient's address by RFC 5321
// section 4.1.2: "syntax", "domain" for a domain that no host can have,
// "length"; "utf8" for one that only RFC 6531 allows; empty for a good one.
func addressFault(a string) string {
	at := strings.LastIndexByte(a, '@')
	if at <= 0 || !utf8.ValidString(a) {
		return "syntax"
	}
	local, domain := a[:at], a[at+1:]
	switch {
	case len(local) > 64 || len(domain) > 255: // section 4.5.3.1
		return "length"
	case !localPart(local):
		return "syntax"
	case !hostName(domain):
		return "domain"
	case strings.IndexFunc(local, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0:
		return "utf8"
	}
	return ""
}

// localPart accepts a dot-string or a quoted string; characters beyond ASCII
// are RFC 6531's.
func localPart(s string) bool {
	if strings.HasPrefix(s, `"`) {
		return quoted(s)
	}
	for _, atom := range strings.Split(s, ".") {
		if atom == "" {
			return false
		}
		for _, r := range atom {
			if r < utf8.RuneSelf && !alnum(r) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r) {
				return false
			}
		}
	}
	return true
}

func quoted(s string) bool {
	if len(s) < 2 || !strings.HasSuffix(s, `"`) {
		return false
	}
	escaped := false
	for _, r := range s[1 : len(s)-1] {
		switch {
		case r < ' ' || r == 0x7f:
			return false
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			return false
		}
	}
	return !escaped
}

// hostName accepts letters, digits and hyphens in labels, U-labels, and an
// address literal.
func hostName(s string) bool {
	if strings.HasPrefix(s, "[") {
		return strings.HasSuffix(s, "]")
	}
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if r < utf8.RuneSelf && !alnum(r) && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}

func alnum(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// recipientLimit is RCPTMAX of the LIMITS extension (RFC 9422 section 4.2).
func recipientLimit(ext map[string]string) (int, bool) {
	for _, f := range strings.Fields(ext["LIMITS"]) {
		if v, ok := strings.CutPrefix(strings.ToUpper(f), "RCPTMAX="); ok {
			n, err := strconv.Atoi(v)
			return n, err == nil && n > 0
		}
	}
	return 0, false
}

// heloIn finds the HELO name that a reply complains of: Postfix puts it in
// angle brackets before "Helo command rejected", others behind the word.
func heloIn(reply string) string {
	lower := strings.ToLower(reply)
	if i := strings.Index(lower, ">: helo command rejected"); i > 0 {
		return lower[strings.LastIndexByte(lower[:i], '<')+1 : i]
	}
	for _, w := range []string{"helo", "ehlo"} {
		_, rest, ok := strings.Cut(lower, w)
		if !ok {
			continue
		}
		for _, f := range strings.Fields(rest) {
			f = strings.Trim(f, `()[]<>"',;:.`)
			if strings.Contains(f, ".") && !strings.Contains(f, "/") && hostName(f) && f[len(f)-1] >= 'a' {
				return f
			}
		}
	}
	return ""
}
