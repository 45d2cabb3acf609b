package bounce

import (
	"slices"
	"strings"
)

// quoted finds a bounce in a message whose header is not signed as that of
// one: behind ">", below the header of a report that a mail program wrote into
// a forward, or as the text itself. Empty where there is none.
func (r *reader) quoted(notice string) string {
	mailing := isMailing(r.header)
	for _, t := range r.texts {
		body := t.plain()
		cited := unquote(body)
		for _, below := range []string{forwarded(cited), forwarded(body)} {
			if below == "" {
				continue
			}
			if inner, _ := cutOriginal(r.embeddedStatus(below)); len(r.dsn.groups) > 0 || reads(inner) || tells(inner) || r.announces(inner) {
				return inner
			}
		}
		if mailing { // groups pass forwards on, too; what only cites is talk
			continue
		}
		if inner, _ := cutOriginal(r.embeddedStatus(cited)); len(r.dsn.groups) > 0 || reads(inner) || r.refuses(inner, false) || r.announces(inner) {
			return inner
		}
	}
	if !mailing && (reads(notice) || isTitle(r.rep.Subject) && r.lists(notice) || r.isOfficial() && r.refuses(notice, true)) {
		return notice
	}
	return ""
}

// isOfficial tells a message from an office, or without a sender in its
// envelope, that answers nobody: a report, or a person who writes in the name
// of the office.
func (r *reader) isOfficial() bool {
	return !isAnswer(r.rep.Subject) && (offices.in(r.header.text(keyFrom)) || strings.HasPrefix(r.header.get(keyReturnPath), "<>"))
}

// refuses is whether a text lists addresses and has a reply or a status for
// one. Of an official text less will do: to list them in a report's sentence,
// or to mention one.
func (r *reader) refuses(notice string, official bool) bool {
	p := r.prose(notice)
	return official && p.listed && sentences.in(notice) || (official || p.listed) && slices.ContainsFunc(p.failures, func(f Failure) bool {
		return f.Reply.Code >= 400 || f.Reply.Status != "" && f.Reply.Status[0] != '2'
	})
}

// announces is whether a text says that a delivery failed, and then lists the
// addresses, as a report does that has no reply to tell.
func (r *reader) announces(notice string) bool {
	i, w := sentences.find(unwrapped(notice), 0)
	if i < 0 {
		return false
	}
	start, b, _ := firstListed(notice, r.isOwn)
	return b.address != "" && i+len(sentences.words[w]) <= start
}

// unwrapped is the beginning of a text with its lines joined by one space each,
// every word where it was.
func unwrapped(s string) string { return strings.ReplaceAll(s[:min(len(s), maxValue)], "\n", " ") }

// lists is whether a text lists addresses, or has a reply or a status for the
// one that it mentions.
func (r *reader) lists(notice string) bool {
	p := r.prose(notice)
	return p.listed || slices.ContainsFunc(p.failures, func(f Failure) bool { return f.Reply.Code >= 400 || f.Reply.Status != "" })
}

// isMailing tells a newsletter or the mail of a list, which may be about
// bounces and is none.
func isMailing(h header) bool { return h.has(keyListUnsubscribe) || h.has(keyListID) }

// forwarded is the text below the header of a report that stands in a text: a
// few lines "label: value", in whatever language, of which the first with an
// address names a daemon, or one has a report's subject. Some mail programs put
// an empty line after each; others have one line, "On ... MAILER-DAEMON
// wrote:". Empty where there is none.
func forwarded(body string) string {
	var h quotedHeader
	for rest := body; rest != ""; {
		line, after := cutLine(rest)
		if !h.takes(line) {
			if h.fields >= 3 && h.report {
				return rest
			}
			if isAttribution(line) {
				return after
			}
			h = quotedHeader{}
			h.takes(line)
		}
		rest = after
	}
	return ""
}

// isAttribution tells the line by which an answer begins what it cites, of a
// daemon: "On Monday ... <MAILER-DAEMON@mail.example.org> wrote:". Its words are
// of any language, and its colon is at the end.
func isAttribution(line string) bool {
	line = trimRight(line)
	if !strings.HasSuffix(line, ":") && !strings.HasSuffix(line, "\uff1a") || len(line) > 300 {
		return false
	}
	start, end := nextAddress(line, 0)
	return end > 0 && daemons.in(line[:end]) && strings.Trim(line[:start]+line[end:], " <>:") != ""
}

// quotedHeader is what was read of such a header.
type quotedHeader struct {
	fields int
	report bool // it is a report's
	sender bool // an address was among it
	blank  bool // the line before was empty
	spread bool // empty lines stand between the fields
}

// takes reads a line, false where it cannot go on the header.
func (h *quotedHeader) takes(line string) bool {
	line = strings.Trim(line, " \t*|")
	if line == "" {
		h.spread = h.spread || h.fields == 1
		again := h.blank
		h.blank = true
		return h.fields == 0 || h.spread && !again
	}
	value, ok := labelled(line)
	if !ok || h.fields >= 8 {
		return false
	}
	h.blank = false
	h.fields++
	addressed := strings.IndexByte(value, '@') >= 0
	h.report = h.report || isTitle(value) || !h.sender && (daemons.in(value) || offices.in(value))
	h.sender = h.sender || addressed
	return true
}

// labelled is the value of "label: value", the label being a word or three of
// any script.
func labelled(line string) (value string, ok bool) {
	line = strings.Replace(line, "\uff1a", ":", 1)
	label, value, ok := strings.Cut(line, ":")
	value = strings.Trim(value, " \t*\u00a0")
	if !ok || label == "" || len(label) > 40 || value == "" || strings.HasPrefix(value, "//") || strings.Count(label, " ") > 2 || strings.ContainsAny(label, "<>@.,;(\"") {
		return "", false
	}
	return value, true
}
