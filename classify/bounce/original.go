package bounce

import (
	"net/mail"
	"strconv"
	"strings"
)

const (
	maxHops     = 20   // Received fields kept
	maxKeys     = 8    // DKIM signatures kept
	maxSubject  = 1000 // bytes
	maxCountees = 64 << 10
)

// setOriginal reads the header of the message that failed.
func (r *reader) setOriginal(h header) {
	r.original = h
	o := &r.rep.Original
	o.MessageID = clip(h.get("Message-ID"), maxSubject)
	o.Subject = clip(h.text("Subject"), maxSubject)
	o.From = mailbox(h.text("From"))
	o.Date = parseDate(h.get("Date"))
	o.EnvelopeSender = envelopeSender(h)
	for _, f := range h {
		switch name := lower(f.name); name {
		case "to", "cc":
			o.Recipients += countAddresses(f.value)
		case "received":
			if hop := parseReceived(unfold(f.value)); len(o.Received) < maxHops && hop != (Received{}) {
				o.Received = append(o.Received, hop)
			}
		case "dkim-signature":
			if key := parseDKIM(f.value); len(o.DKIM) < maxKeys && key != (DKIMKey{}) {
				o.DKIM = append(o.DKIM, key)
			}
		}
	}
}

// envelopeSender looks where the last server, or one on the way, wrote the
// sender of the envelope down.
func envelopeSender(h header) string {
	for _, name := range []string{"Return-Path", "X-Envelope-From", "X-Original-Return-Path"} {
		if start, end := nextAddress(h.get(name), 0); end > 0 {
			return h.get(name)[start:end]
		}
	}
	for _, f := range h {
		if !strings.EqualFold(f.name, "Received") {
			continue
		}
		for _, words := range []string{"envelope-from", "envelope-sender", "envelope sender"} {
			if i := indexFold(f.value, words); i >= 0 {
				after := f.value[i+len(words):]
				if start, end := nextAddress(after, 0); end > 0 && start < 8 {
					return after[start:end]
				}
			}
		}
	}
	return ""
}

// countAddresses counts the addresses of a To or Cc field without allocating
// them.
func countAddresses(s string) (n int) {
	s = s[:min(len(s), maxCountees)]
	if list, err := mail.ParseAddressList(unfold(s)); len(s) < 1000 && err == nil {
		return len(list)
	}
	for i := 0; ; n++ {
		_, end := nextAddress(s, i)
		if end == 0 {
			return n
		}
		i = end
	}
}

// parseReceived reads "from NAME (NAME [IP]) by NAME ...". RFC 5321 section
// 4.4; qmail, Exim and Exchange each put the address elsewhere.
func parseReceived(s string) Received {
	from, rest, ok := strings.Cut(s, "by ")
	if !ok || !strings.HasPrefix(from, "from ") {
		from, rest = "", strings.TrimPrefix(s, "by ")
		if rest == s {
			return Received{}
		}
	}
	by, _, _ := strings.Cut(rest, " ")
	hop := Received{By: cleanHost(strings.Trim(by, ";()[]"))}
	for i, word := range strings.Fields(from) {
		if i > 16 {
			break
		}
		ip := parseIP(strings.Trim(word, "(),;"))
		switch {
		case i == 1:
			hop.From = cleanHost(strings.Trim(word, "()[];"))
			hop.IP = ip
		case ip.IsValid() && (strings.ContainsAny(word, "[(") || !hop.IP.IsValid()):
			hop.IP = ip
		}
	}
	return hop
}

// parseDKIM reads d= and s= of a signature. RFC 6376 section 3.5
func parseDKIM(s string) DKIMKey {
	var key DKIMKey
	for tag := range strings.SplitSeq(s[:min(len(s), maxValue)], ";") {
		name, value, _ := strings.Cut(tag, "=")
		switch strings.TrimSpace(name) {
		case "d":
			key.Domain = strings.TrimSpace(value)
		case "s":
			key.Selector = strings.TrimSpace(value)
		}
	}
	return key
}

// toldSize is the size of the original where only the words of the report tell
// it, 0 where they do not.
func toldSize(notice string) int64 {
	low := lower(notice)
	for _, words := range []string{"message size ", "> size=", "size (in bytes): "} {
		_, after, ok := strings.Cut(low, words)
		digits := after[:len(after)-len(strings.TrimLeft(after, "0123456789"))]
		if n, err := strconv.ParseInt(digits, 10, 64); ok && err == nil {
			return n
		}
	}
	return 0
}
