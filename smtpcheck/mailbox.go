package smtpcheck

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// MailboxVerdict is what the replies to RCPT say of Options.Rcpt.
type MailboxVerdict string

// The verdicts. A refusal says nothing of why: no such user, a full mailbox and
// a dislike of us are told apart only by the words in Session.Rcpt.
const (
	MailboxNotAsked   MailboxVerdict = ""
	MailboxExists     MailboxVerdict = "exists"        // accepted, while the random name was refused for good
	MailboxAccepted   MailboxVerdict = "accepted"      // accepted, but whether any name is was not seen
	MailboxCatchAll   MailboxVerdict = "catch-all"     // accepted, as the random name was: nothing is checked here
	MailboxAlone      MailboxVerdict = "refused-alone" // refused for good, while the postmaster is not refused likewise
	MailboxRefused    MailboxVerdict = "refused"       // refused for good, but whether others are too was not seen
	MailboxAllRefused MailboxVerdict = "all-refused"   // refused for good, likewise the postmaster: it need not be about the mailbox
	MailboxGreylisted MailboxVerdict = "greylisted"    // refused for now, to see whether we come back
	MailboxUndecided  MailboxVerdict = "undecided"     // refused for now, or before the mailbox was named, or no reply came
)

// Mailbox sums up what the session tells about the mailbox. It goes by the
// replies alone. Two refusals are alike that have the same code and the same
// enhanced status.
func (s Session) Mailbox() MailboxVerdict {
	switch {
	case s.Mail.Code == 0 && s.Phase != PhaseMail:
		return MailboxNotAsked
	case s.Rcpt.Accepted():
		return s.accepted()
	case greylisted(s.Mail) || greylisted(s.Rcpt):
		return MailboxGreylisted
	case s.Rcpt.Code < 500:
		return MailboxUndecided
	case s.Postmaster.Code == 0:
		return MailboxRefused
	case s.Postmaster.Code == s.Rcpt.Code && s.Postmaster.Status() == s.Rcpt.Status():
		return MailboxAllRefused
	}
	return MailboxAlone
}

// accepted tells what a 250 is worth.
func (s Session) accepted() MailboxVerdict {
	switch {
	case s.Random.Accepted():
		return MailboxCatchAll
	case s.Random.Code >= 500:
		return MailboxExists
	}
	return MailboxAccepted
}

// What greylisting servers say, and what a bare 4.7.1 must say, and must not,
// to be taken for theirs: the same status is used by servers that lack our PTR
// or have lost their scanner.
var (
	greyWords = []string{"greylist", "graylist", "grey list", "gray list", "grey-list", "gray-list", "postgrey", "greytrap", "triplet", "first contact", "first time we", "not seen you before", "never seen you", "don't know you", "not know you yet", "灰名单", "灰名單"}
	waitWords = []string{"again", "later", "retry", "come back", "wait", "minute", "second", "delay", "defer"}
	busyWords = []string{"unavailable", "busy", "load", "error", "fail", "host", "name", "helo", "ehlo", "ptr", "dns", "resolv", "verif", "rate", "limit", "many", "much", "block", "list", "reputation", "spam", "spf", "dkim", "dmarc", "quota", "full", "user", "mailbox"}
)

// greylisted says whether a reply sends us away only to see whether we come
// back.
func greylisted(r Reply) bool {
	said := strings.ToLower(strings.Join(r.Lines, " "))
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(said, w) })
	}
	switch {
	case r.Code/100 != 4:
		return false
	case has(greyWords):
		return true
	}
	return (r.Code == 450 || r.Code == 451) && r.Status() == "4.7.1" && has(waitWords) && !has(busyWords)
}

// mailbox is an address that can be said in RCPT.
type mailbox struct{ local, domain string }

// maxPath is the longest address, in bytes, its angle brackets left out (RFC
// 5321 section 4.5.3.1.3).
const maxPath = 254

var errMailbox = errors.New("no mailbox that can be said in RCPT")

// parseMailbox takes local@domain. It is lax where servers are: dots may stand
// anywhere in the local part, which may be long. But nothing gets through that
// would end the path or the line.
func parseMailbox(address string) (mailbox, error) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 || len(address) > maxPath || !isLocal(address[:i]) {
		return mailbox{}, fmt.Errorf("%.80q: %w", address, errMailbox)
	}
	m := mailbox{local: address[:i], domain: wireDomain(address[i+1:])}
	if len(m.local)+len("@")+len(m.domain) > maxPath || !isDomain(m.domain) {
		return mailbox{}, fmt.Errorf("%.80q: %w", address, errMailbox)
	}
	return m, nil
}

// beside is another mailbox of the same domain.
func (m mailbox) beside(local string) (mailbox, error) {
	return parseMailbox(local + "@" + m.domain)
}

func (m mailbox) path() string { return "<" + m.local + "@" + m.domain + ">" }

// needsUTF8 says whether only a server with SMTPUTF8 may hear of m (RFC 6531
// section 3.2). The domain never does: it is in A-labels.
func (m mailbox) needsUTF8() bool { return !isASCII(m.local) }

// isLocal accepts a dot-string or a quoted one (RFC 5321 section 4.1.2, RFC 6531
// section 3.3).
func isLocal(s string) bool {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return false
	}
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		quoted, ok = strings.CutSuffix(quoted, `"`)
		// Once the pairs are gone, no quote or backslash may be left.
		plain := strings.NewReplacer(`\\`, "", `\"`, "").Replace(quoted)
		return ok && !strings.Contains(plain, `"`) && !strings.HasSuffix(plain, `\`)
	}
	return s != "" && !strings.ContainsAny(s, ` "(),:;<>@[\]`)
}

// wireDomain writes a domain as the DNS has it; one that it cannot have comes
// back as it is.
func wireDomain(s string) string {
	s = strings.TrimSuffix(s, ".")
	if !isASCII(s) {
		if ascii, err := idna.New(idna.MapForLookup(), idna.BidiRule()).ToASCII(s); err == nil {
			return ascii
		}
	}
	return s
}

// isDomain accepts a name in ASCII and an address literal (RFC 5321 section
// 4.1.3).
func isDomain(s string) bool {
	if literal, ok := strings.CutPrefix(s, "["); ok {
		literal, ok = strings.CutSuffix(literal, "]")
		bare, six := strings.CutPrefix(literal, "IPv6:")
		addr, err := netip.ParseAddr(bare)
		return ok && err == nil && addr.Zone() == "" && addr.Is6() == six
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return r != '_' && notKeyword(r) }) {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}
