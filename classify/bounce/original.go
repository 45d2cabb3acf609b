package bounce

import (
	"net/mail"
	"slices"
	"strconv"
	"strings"
)

const (
	maxHops     = 20   // Received fields kept
	maxSubject  = 1000 // bytes
	maxDomains  = 20   // of recipients kept
	maxCountees = 64 << 10
)

// MaxKeys is how many DKIM signatures of an original are kept.
const MaxKeys = 8

// setOriginal reads the header of the message that failed.
func (r *reader) setOriginal(h header) {
	r.original = h
	o := &r.rep.Original
	o.MessageID = clip(h.get(keyMessageID), maxSubject)
	o.Subject = clip(h.text(keySubject), maxSubject)
	o.From = mailbox(h.text(keyFrom))
	o.Date = parseDate(h.get(keyDate))
	o.EnvelopeSender = envelopeSender(h)
	for _, f := range h {
		switch f.key {
		case keyTo, keyCc:
			o.addRecipients(f.value)
		case keyReceived:
			if len(o.Received) == maxHops {
				break
			}
			if hop := parseReceived(f.value); hop != (Received{}) {
				if o.Received == nil {
					o.Received = make([]Received, 0, 4) // most have no more
				}
				o.Received = append(o.Received, hop)
			}
		case keyDKIMSignature:
			if key := parseDKIM(f.value); len(o.DKIM) < MaxKeys && key != (DKIMKey{}) {
				o.DKIM = append(o.DKIM, key)
			}
		}
	}
}

// envelopeSender looks where the last server, or one on the way, wrote the
// sender of the envelope down.
func envelopeSender(h header) string {
	for _, key := range []fieldKey{keyReturnPath, keyXEnvelopeFrom, keyXOriginalReturnPath} {
		value := h.get(key)
		if start, end := nextAddress(value, 0); end > 0 {
			return value[start:end]
		}
	}
	for _, f := range h {
		if f.key != keyReceived {
			continue
		}
		if i, w := envelopes.find(f.value, 0); i >= 0 {
			after := f.value[i+len(envelopes.words[w]):]
			if start, end := nextAddress(after, 0); end > 0 && start < 8 {
				return after[start:end]
			}
		}
	}
	return ""
}

var envelopes = newPhrases("envelope-from", "envelope-sender", "envelope sender")

// addRecipients counts the addresses of a To or Cc field, and adds their
// domains.
func (o *Original) addRecipients(s string) {
	s = s[:min(len(s), maxCountees)]
	n := 0
	for i := 0; ; n++ {
		start, end := nextAddress(s, i)
		if end == 0 {
			break
		}
		i = end
		d := strings.ToLower(s[strings.LastIndexByte(s[:end], '@')+1 : end])
		if start < end && len(o.RecipientDomains) < maxDomains && !slices.Contains(o.RecipientDomains, d) {
			o.RecipientDomains = append(o.RecipientDomains, d)
		}
	}
	if len(s) < 1000 && strings.Count(s, "@") > 1 { // names may have an @ in them
		if list, err := mail.ParseAddressList(unfold(s)); err == nil {
			n = len(list)
		}
	}
	o.Recipients += n
}

// parseReceived reads "from NAME (NAME [IP]) by NAME ...". RFC 5321 section
// 4.4; qmail, Exim and Exchange each put the address elsewhere.
func parseReceived(s string) (hop Received) {
	for n := 0; n <= 17; n++ {
		var word string
		word, s = nextWord(s)
		switch {
		case word == "by":
			word, _ = nextWord(s)
			hop.By = cleanHost(aroundWord.trim(word))
			return hop
		case word == "", n == 0 && word != "from":
			return Received{}
		case n == 0:
			continue
		}
		inner := aroundWord.trim(word)
		ip := parseIP(inner)
		switch {
		case n == 1:
			hop.From, hop.IP = cleanHost(inner), ip
		case ip.IsValid() && (strings.ContainsAny(word, "[(") || !hop.IP.IsValid()):
			hop.IP = ip
		}
	}
	return Received{}
}

// nextWord is the first word of s, and what follows.
func nextWord(s string) (word, rest string) {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	n := 0
	for n < len(s) && (s[n] > ' ' || !isSpace(s[n])) {
		n++
	}
	return s[:n], s[n:]
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

// toldSize is the size of the original where the words of the report tell it,
// 0 where they do not. "Maximum message size 20000" is a limit, and 20 MB is
// too coarse.
func toldSize(s string) (size int64) {
	for _, z := range []byte("zZ") { // few words have one
		for i := 0; ; i++ {
			n := strings.IndexByte(s[i:], z)
			if n < 0 {
				break
			}
			if i += n; i < 2 || !hasPrefixFold(s[i-2:], "size") {
				continue
			}
			if told := sizeAt(s[:i-2], s[i+2:]); told > 0 {
				size, s = told, s[:i]
				break
			}
		}
	}
	return size
}

// sizeAt is the size that the words around "size" tell.
func sizeAt(before, after string) int64 {
	switch {
	case hasSuffixFold(before, "message "):
		before = before[:len(before)-len("message ")]
		if hasSuffixFold(before, "maximum ") || hasSuffixFold(before, "max ") || !strings.HasPrefix(after, " ") {
			return 0
		}
		after = after[1:]
	case strings.HasSuffix(before, "> ") && strings.HasPrefix(after, "="):
		after = after[1:]
	case hasPrefixFold(after, " (in bytes): "):
		after = after[len(" (in bytes): "):]
	default:
		return 0
	}
	digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
	n, err := strconv.ParseInt(after[:digits], 10, 64)
	unit := strings.TrimLeft(after[digits:], " ")
	if err != nil || unit != "" && strings.IndexByte("kKmMgG", unit[0]) >= 0 {
		return 0
	}
	return n
}
