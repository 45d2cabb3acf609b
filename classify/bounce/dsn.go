package bounce

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxFailures = 10_000  // kept of one bounce
	maxValue    = 4 << 10 // of one field of a delivery status, and of a Failure's Text
)

// dsn reads delivery status groups (RFC 3464 section 2) line by line: the
// group about the message, then one a recipient, with empty lines between
// them, if the server keeps to that.
type dsn struct {
	reporting string // Reporting-MTA
	arrival   string // Arrival-Date
	sender    string // X-Postfix-Sender, or what a server built on Postfix calls it
	groups    []group
	more      int // groups that were too many to keep
	now       group
	last      *string // the field that a continuation line belongs to
}

// group is what is told of one recipient, as it stands.
type group struct {
	final, original, actual, action, status string
	remote, diagnostic, retry, extra        string
}

// line takes one line of the part, and keeps its value in a store.
func (d *dsn) line(b []byte, s *store) {
	switch n := fieldName(b); {
	case n > 0:
		colon := n + bytes.IndexByte(b[n:], ':')
		d.field(b[:n], bytes.TrimSpace(b[colon+1:min(len(b), colon+maxValue)]), s)
	case isBlank(b):
		d.flush()
	case d.last != nil && len(*d.last) < maxValue:
		*d.last += " " + string(bytes.TrimSpace(b[:min(len(b), maxValue)]))
	}
}

// field files a value. One that the group has already, of those that every
// group has, begins the next group: the empty line was forgotten.
func (d *dsn) field(name, value []byte, s *store) {
	g := &d.now
	d.last = nil
	var slot *string
	switch keyOf(name) {
	case keyReportingMTA:
		slot = &d.reporting
	case keyArrivalDate:
		slot = &d.arrival
	case keyFinalRecipient:
		slot = &g.final
	case keyOriginalRecipient, keyXOriginalRecipient:
		slot = &g.original
	case keyXActualRecipient:
		slot = &g.actual
	case keyAction:
		slot = &g.action
	case keyStatus:
		slot = &g.status
	case keyRemoteMTA:
		slot = &g.remote
	case keyDiagnosticCode:
		slot = &g.diagnostic
	case keyWillRetryUntil:
		slot = &g.retry
	case keyXSupplementaryInfo:
		slot = &g.extra
	default:
		if !isSenderField(name) {
			return
		}
		slot = &d.sender
	}
	if *slot != "" {
		switch slot {
		case &g.final, &g.original, &g.action, &g.status:
			d.flush()
		default:
			return // said twice
		}
	}
	*slot = s.keep(value)
	d.last = slot
}

// flush ends a group. One that names nobody continues the group before it.
func (d *dsn) flush() {
	g := d.now
	d.now, d.last = group{}, nil
	switch {
	case g == group{}:
	case g.final == "" && g.original == "" && len(d.groups) > 0:
		d.groups[len(d.groups)-1].fill(g)
	case g.final == "" && g.original == "" && g.status == "" && g.diagnostic == "":
	case len(d.groups) >= maxFailures:
		d.more++
	default:
		d.groups = append(d.groups, g)
	}
}

func (g *group) fill(from group) {
	for _, p := range []struct{ to, from *string }{
		{&g.action, &from.action}, {&g.status, &from.status}, {&g.remote, &from.remote},
		{&g.diagnostic, &from.diagnostic}, {&g.retry, &from.retry}, {&g.extra, &from.extra},
	} {
		if *p.to == "" {
			*p.to = *p.from
		}
	}
}

// failure is what the group says of its recipient.
func (g group) failure(known *memories) Failure {
	_, diagnostic := typed(decodeWords(g.diagnostic))
	kind, _ := typed(g.diagnostic)
	if strings.Contains(g.extra, "smtp;") { // Exchange keeps the truth here
		diagnostic = g.extra
	}
	f := known.hear(diagnostic, kind == "smtp" || kind == "lmtp" || kind == "x-microsoft-smtp")
	if kind == "x-unix" && strings.Trim(diagnostic, "0123456789") == "" {
		f = Failure{Text: diagnostic} // the exit status of a program, 255, is no reply
	}
	f.Recipient = typedAddress(g.final)
	f.OriginalRecipient = typedAddress(g.original)
	if actual := typedAddress(g.actual); actual != "" && strings.Contains(actual, "@") {
		if f.OriginalRecipient == "" {
			f.OriginalRecipient = f.Recipient
		}
		f.Recipient = actual
	}
	if f.Recipient == "" {
		f.Recipient = f.OriginalRecipient
	}
	if strings.EqualFold(f.OriginalRecipient, f.Recipient) {
		f.OriginalRecipient = ""
	}
	f.Action = parseAction(g.action)
	status, comment, _ := strings.Cut(strings.TrimSpace(g.status), " ")
	if _, n := statusAt(status, 0); f.Reply.Status == "" && n > 0 {
		f.Reply.Status = status[:n]
	}
	if f.Reply.Text == "" && f.Text == "" {
		f.Text = strings.Trim(comment, " ()")
	}
	if _, host := typed(g.remote); host != "" {
		if h := parseHost(host); h != (Host{}) {
			h, f.Remote = f.Remote, h
			f.setRemote(h)
		}
	}
	f.RetryUntil = parseDate(g.retry)
	return f
}

// typed splits "smtp; 550 ..." and "dns;mx.example.net" into type and value.
// What has no type before a semicolon is all value.
func typed(s string) (kind, value string) {
	if i := strings.IndexByte(s[:min(len(s), 25)], ';'); i >= 0 {
		if kind = strings.TrimSpace(s[:i]); !notType.in(kind) {
			return lower(kind), strings.TrimSpace(s[i+1:])
		}
	}
	return "", strings.TrimSpace(s)
}

// notType are bytes that no type has.
var notType = newCutset(" @<.:")

// typedAddress is the address of a recipient field.
func typedAddress(s string) string {
	kind, addr := typed(s)
	if kind == "utf-8" {
		addr = unescapeUnicode(addr)
	}
	return unwrapAddress(cleanAddress(addr))
}

// cleanAddress takes off the brackets, quotes, comment and source route around
// an address.
func cleanAddress(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, '<'); i >= 0 {
		if n := strings.IndexByte(s[i:], '>'); n > 0 && (i+n == len(s)-1 || strings.IndexByte(s[i:i+n], '@') > 0) {
			s = s[i+1 : i+n]
		}
	}
	s = strings.Trim(s, "<> \t")
	if i := strings.IndexByte(s, '('); i > 0 && strings.HasSuffix(s, ")") && strings.Contains(s[:i], "@") {
		s = strings.TrimSpace(s[:i])
	}
	if strings.HasPrefix(s, "@") {
		if _, after, ok := strings.Cut(s, ":"); ok && strings.Contains(after, "@") {
			s = after // RFC 5321 appendix C: ignore source routes
		}
	}
	return s
}

// unescapeUnicode reads \x{1F408}. RFC 6533 section 3
func unescapeUnicode(s string) string {
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(s, `\x{`)
		out.WriteString(before)
		hex, rest, closed := strings.Cut(after, "}")
		r, err := strconv.ParseUint(hex, 16, 21)
		if !ok || !closed || err != nil {
			out.WriteString(after)
			return out.String()
		}
		out.WriteRune(rune(r))
		s = rest
	}
}

func parseAction(s string) Action {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), " ")
	word = strings.Trim(word, ";.,()")
	if word == "failure" {
		word = "failed"
	}
	all := []Action{ActionFailed, ActionDelayed, ActionDelivered, ActionRelayed, ActionExpanded}
	if slices.Contains(all, Action(word)) {
		return Action(word)
	}
	return ""
}

// setRemote completes the remote host; what is the remote's address is not
// ours.
func (f *Failure) setRemote(more Host) {
	f.Remote = mergeHost(f.Remote, more)
	if f.SendingIP == f.Remote.IP {
		f.SendingIP = netip.Addr{}
	}
}

// mergeHost completes what is missing in h.
func mergeHost(h, more Host) Host {
	if h.Name == "" {
		h.Name = more.Name
	}
	if !h.IP.IsValid() && (more.Name == "" || strings.EqualFold(h.Name, more.Name)) {
		h.IP = more.IP
	}
	return h
}

// isSenderField tells X-Postfix-Sender, in which Postfix puts the sender of the
// envelope. The middle is its mail_name: X-Yandex-Sender.
func isSenderField(name []byte) bool {
	return len(name) > len("x--sender") && hasPrefixFold(string(name), "x-") && hasSuffixFold(string(name), "-sender")
}

// date is when the message arrived at the reporting server.
func (d *dsn) date() time.Time { return parseDate(d.arrival) }
