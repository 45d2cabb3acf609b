package bounce

import "strings"

// isAddress tells an address of RFC 5321 from the other names that recipients
// have: of Notes and X.400, the directory's name that Exchange wraps into
// something like an address, a path of UUCP, a user of the server itself.
func isAddress(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 || s[0] == '/' || s[0] == '|' || hasPrefixFold(s, "imceaex-") {
		return false
	}
	if s[0] != '"' && notAddress.in(s[:at]) || notAddress.in(s[at:]) {
		return false
	}
	return strings.IndexByte(s[:at], '/') < 0 || strings.IndexByte(s[at:], '.') >= 0
}

// notAddress are bytes that an address has at most in quotes.
var notAddress = newCutset(" \t<>")

// unwrapAddress reads "IMCEASMTP-lee+40example+2Enet@example.org", as Exchange
// writes an address of another system; what is none it gives back.
func unwrapAddress(s string) string {
	const wrapper = "imceasmtp-"
	if !hasPrefixFold(s, wrapper) {
		return s
	}
	local, _, _ := strings.Cut(s[len(wrapper):], "@")
	var out strings.Builder
	for i := 0; i < len(local); i++ {
		if c := local[i]; c == '+' && i+2 < len(local) && isHex(local[i+1]) && isHex(local[i+2]) {
			out.WriteByte(unhex(local[i+1])<<4 | unhex(local[i+2]))
			i += 2
		} else {
			out.WriteByte(c)
		}
	}
	if inner := out.String(); isAddress(inner) {
		return inner
	}
	return s
}

// listings are what announces the recipients besides the sentences that any
// report begins with, at the end of a line or with a colon behind it.
var listings = newPhrases("had permanent fatal errors", "the following address", "reach the following recipient", "delivered to", "to the following recipients", "address(es) failed", "the following recipients")

// named finds recipients that are no addresses, where a notice lists none: the
// first line below the one that announces them, and those like it. Qmail ends
// that line with a full stop, and says more before the first.
func named(notice string) (blocks []block) {
	for rest := notice; rest != ""; {
		var line string
		line, rest = cutLine(rest)
		words := trimRight(line)
		announced := strings.HasSuffix(words, ":") || strings.HasSuffix(words, "-----")
		if !announced && !strings.HasSuffix(words, ".") || !listings.in(words) {
			continue
		}
		if !announced {
			i := strings.Index(rest, "\n<")
			if i < 0 {
				continue
			}
			rest = rest[i+1:]
		}
		if blocks = namesBelow(rest); len(blocks) > 0 {
			blocks[0].before = lastParagraph(notice[:len(notice)-len(rest)])
		}
		return blocks
	}
	return nil
}

// namesBelow reads "<jan>:", "jan", "Novak, Jan on Mon, 12 Jan 2026 ...", each
// with the lines that follow it.
func namesBelow(s string) (blocks []block) {
	depth, bracketed := 0, false
	for s != "" && len(blocks) < maxFailures {
		line, rest := cutLine(s)
		s = rest
		words := strings.TrimSpace(line)
		indent := len(line) - len(trimLeft(line))
		first := len(blocks) == 0
		switch {
		case strings.HasPrefix(words, "--"):
			return blocks
		case first && words == "":
		case first, indent == depth && isName(words) && (words[0] == '<') == bracketed:
			name := nameAt(words)
			if name == "" {
				return blocks
			}
			depth, bracketed = indent, words[0] == '<'
			blocks = append(blocks, block{address: name})
		default:
			if b := &blocks[len(blocks)-1]; len(b.reason) < maxValue {
				b.reason += "\n" + line
			}
		}
	}
	return blocks
}

// isName tells a line that is a name alone: one word, or one in brackets.
func isName(words string) bool {
	return words != "" && !strings.ContainsAny(words, " \t,;") && (words[0] == '<' || !strings.ContainsAny(words, ":.()"))
}

// nameAt is the name that a line is: without brackets, and without the date
// that Exchange puts behind it. The address, where the line has one inside the
// name.
func nameAt(words string) string {
	if i := indexFold(words, "smtp="); i >= 0 {
		if start, end := nextAddress(words, i+len("smtp=")); end > 0 {
			return words[start:end]
		}
	}
	if words[0] == '[' || strings.IndexByte(words, '@') >= 0 && strings.IndexByte(words, '/') < 0 { // words around an address
		return ""
	}
	for _, day := range []string{" on Mon, ", " on Tue, ", " on Wed, ", " on Thu, ", " on Fri, ", " on Sat, ", " on Sun, "} {
		words, _, _ = strings.Cut(words, day)
	}
	words = strings.Trim(words, "<>\"':; \t")
	if len(words) > 200 || strings.HasSuffix(words, ".") || strings.Count(words, " ") > 6 {
		return ""
	}
	return words
}
