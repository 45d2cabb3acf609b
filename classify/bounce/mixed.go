package bounce

import (
	"slices"
	"strings"
)

// mixed reads a list of recipients of which some are addresses and some only
// names: users of the server itself, of Notes and of GroupWise ("jdoe",
// "Jane Doe/Sales/Example"). It stands below the line that announces it, each
// recipient on a line of its own with what is told of it further in, or all of
// them on one. Nil where there is no such list, or all in it are of one kind.
func mixed(notice string, own func(string) bool) []block {
	for pos := 0; ; {
		i := strings.IndexByte(notice[pos:], '\n')
		if i < 0 {
			return nil
		}
		line := trimRight(notice[pos : pos+i])
		pos += i + 1
		if (strings.HasSuffix(line, ":") || strings.HasSuffix(line, "-----")) && listings.in(line) {
			l := list{own: own, text: notice[pos:]}
			if l.read(); !l.isMixed() {
				return nil
			}
			l.tell(len(l.blocks)-1, l.text[l.told:])
			l.tellBefore(lastParagraph(notice[:pos]))
			return l.blocks
		}
	}
}

// list is one that is being read.
type list struct {
	own    func(string) bool
	text   string // from the list on
	blocks []block
	told   int // where in the text begins what is told of the last
	names  int
	depth  int  // the indentation of the recipients
	colons bool // each is in brackets with a colon behind it, as those of qmail
}

func (l *list) isMixed() bool { return l.names > 0 && l.names < len(l.blocks) }

// read reads the lines of a list. It ends with a line less far in than its
// recipients, or with one that divides. In a list that is not indented, a word
// behind an empty line is no recipient.
func (l *list) read() {
	apart := false
	for s := l.text; s != "" && len(l.blocks) < maxFailures; {
		at := len(l.text) - len(s)
		line, rest := cutLine(s)
		s = rest
		words := trimLeft(trimRight(line))
		indent := len(line) - len(trimLeft(line))
		known := len(l.blocks)
		switch {
		case words == "":
			apart = known > 0
			continue
		case known == 0:
			l.depth, l.colons = indent, words[0] == '<' && strings.HasSuffix(words, ">:")
		case indent < l.depth || isRule(words):
			return
		case indent > l.depth:
			continue
		}
		switch {
		case !l.take(words, apart && l.depth == 0):
			if known == 0 {
				return
			}
		case known > 0:
			l.tell(known-1, l.text[l.told:at])
			fallthrough
		default:
			l.told = len(l.text) - len(s)
		}
	}
}

// tellBefore gives what stands before the list to the first recipient, and to
// those after it until something is told of one.
func (l *list) tellBefore(words string) {
	for i := range l.blocks {
		b := &l.blocks[i]
		b.before, b.shared = words, i > 0
		if b.reason != "" {
			return
		}
	}
}

// tell adds to what is told of a recipient.
func (l *list) tell(i int, words string) {
	if b := &l.blocks[i]; b.reason == "" {
		b.reason = strings.TrimSpace(clip(words, maxValue))
	} else if words = strings.TrimSpace(words); words != "" {
		b.reason += "\n" + clip(words, maxValue)
	}
}

// take adds the recipients of a line, false where it has none. Apart from the
// others a word is no name.
func (l *list) take(words string, apart bool) bool {
	if !l.colons && !apart && l.takeAll(words) {
		return true
	}
	if addr, reason, ok := listedAddress(words); ok {
		if l.own(addr) {
			return false
		}
		l.add(addr, reason)
		return true
	}
	if l.colons {
		name, ok := strings.CutSuffix(words, ">:")
		if ok = ok && name != "<" && isName(name); ok {
			l.names++
			l.add(name[1:], "")
		}
		return ok
	}
	if apart || !isBareName(words) {
		return false
	}
	l.names++
	l.add(words, "")
	return true
}

// takeAll adds the recipients that stand on one line, of which one must be an
// address.
func (l *list) takeAll(words string) bool {
	between := ","
	if strings.IndexByte(words, ';') >= 0 {
		between = ";"
	}
	if strings.IndexByte(words, between[0]) < 0 || strings.IndexByte(words, '@') < 0 {
		return false
	}
	all := strings.Split(words, between)
	names := 0
	for i, one := range all {
		all[i] = strings.Trim(one, " <>")
		switch {
		case isBareName(all[i]):
			names++
		case !isAddress(all[i]) || l.own(all[i]):
			return false
		}
	}
	if names == len(all) || len(all) > maxFailures-len(l.blocks) {
		return false
	}
	l.names += names
	for _, one := range all {
		l.add(one, "")
	}
	return true
}

func (l *list) add(name, reason string) {
	l.blocks = append(l.blocks, block{address: name, reason: reason})
}

// isBareName tells a user's name, of one word, or of several with the path of a
// directory.
func isBareName(s string) bool {
	if isName(s) {
		return isUser(s)
	}
	return len(s) <= 200 && !strings.ContainsAny(s, "@:;(),<>") && isPath(s)
}

// isUser tells what a user may be called from a word with marks around it.
func isUser(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '_', c == '-', c == '+', c == '!', c == '/', c == '=', c == '\\', c == '\'', c >= 0x80:
		default:
			return false
		}
	}
	return len(s) <= 64 && s[0] != '-'
}

// isPath tells the name of a directory from a sentence with a slash in it: its
// parts are of few words, and begin with a capital.
func isPath(s string) bool {
	parts := strings.Split(s, "/")
	for _, part := range parts {
		if part == "" || strings.TrimSpace(part) != part || 'a' <= part[0] && part[0] <= 'z' || strings.Count(part, " ") > 3 {
			return false
		}
	}
	return len(parts) > 1 && len(parts) < 10
}

// covers is whether a list has all the addresses that were found without it.
func covers(all, found []block) bool {
	if len(all) == 0 {
		return false
	}
	has := make(map[string]bool, len(all))
	for _, b := range all {
		has[lower(b.address)] = true
	}
	return !slices.ContainsFunc(found, func(b block) bool { return isAddress(b.address) && !has[lower(b.address)] })
}
