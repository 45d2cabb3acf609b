package bounce

import (
	"html"
	"strings"
)

// plainText is the text of an HTML page, one line a block. What is no tag of
// an element that breaks a line only goes away: a page in a bounce is damaged
// often, and no more than its words is wanted.
func plainText(page string) string {
	out := make([]byte, 0, len(page)/2)
	for page != "" {
		words, after, open := strings.Cut(page, "<")
		if strings.IndexByte(words, '&') >= 0 {
			words = strings.ReplaceAll(html.UnescapeString(words), "\u00a0", " ")
		}
		out = append(out, words...)
		if !open {
			break
		}
		t, rest, ok := cutTag(after)
		if !ok {
			out = append(out, '<')
		}
		page = rest
		switch {
		case t.is("style", "script", "title") && !t.closes:
			page = afterElement(page, t.name)
		case t.is("br", "hr", "li", "h4", "blockquote", "pre") && !t.closes,
			t.is("p", "div", "tr", "table", "h1", "h2", "h3"):
			out = append(out, '\n')
		case t.is("td", "th") && !t.closes:
			out = append(out, ' ')
		}
	}
	return string(out)
}

// tag is the name of a tag, in whatever case, and whether it ends an element.
type tag struct {
	name   string
	closes bool
}

func (t tag) is(names ...string) bool {
	for _, name := range names {
		if len(name) == len(t.name) && hasPrefixFold(t.name, name) {
			return true
		}
	}
	return false
}

// cutTag reads a tag or comment whose "<" was read, false where the "<" begins
// none: then all of s is left.
func cutTag(s string) (t tag, rest string, ok bool) {
	if comment, isComment := strings.CutPrefix(s, "!--"); isComment {
		if strings.HasPrefix(comment, ">") || strings.HasPrefix(comment, "->") {
			return t, comment[strings.IndexByte(comment, '>')+1:], true
		}
		_, rest, _ = strings.Cut(comment, "-->")
		return t, rest, true
	}
	name := strings.TrimPrefix(s, "/")
	t.closes = len(name) < len(s)
	n := 0
	for n < len(name) && !isSpace(name[n]) && name[n] != '>' && name[n] != '/' {
		n++
	}
	switch {
	case n > 0 && name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z':
		t.name = name[:n]
	case n > 0 && (name[0] == '!' || name[0] == '?') && !t.closes, t.closes && name != "":
		_, rest, _ = strings.Cut(s, ">")
		return tag{}, rest, true
	default:
		return tag{}, s, false
	}
	for i := n; i < len(name); i++ {
		switch c := name[i]; {
		case c == '>':
			return t, name[i+1:], true
		case (c == '"' || c == '\'') && strings.HasSuffix(trimRight(name[n:i]), "="):
			if end := strings.IndexByte(name[i+1:], c); end >= 0 {
				i += end + 1
			}
		}
	}
	return tag{}, "", true
}

// afterElement is what follows the element whose first tag was read; nothing
// where it does not end.
func afterElement(s, name string) string {
	for {
		_, after, ok := strings.Cut(s, "</")
		if !ok {
			return ""
		}
		if n := len(name); len(after) > n && strings.EqualFold(after[:n], name) && (after[n] == '>' || after[n] == '/' || isSpace(after[n])) {
			_, s, _ = strings.Cut(after, ">")
			return s
		}
		s = after
	}
}
