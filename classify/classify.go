// Package classify names the reason for a failed delivery, and shows why.
//
// A server that refuses mail answers with one reply (RFC 5321 section 4.2):
//
//	550 5.1.1 <a@example.net>... User unknown
//
// Four things in it can be judged. The reply code (550) says that the refusal
// is final (5xx) or that a later try may pass (4xx), and little more: most
// servers answer 550 or 554 to everything. The enhanced status (5.1.1, RFC 3463)
// was meant to tell the cause to machines; many servers omit it, and some fill
// it with a fixed value: 5.7.1 is written for unknown users, spam, block lists
// and missing reverse DNS alike, and Gmail writes 4.7.23 for a missing PTR where
// the registry says SPF. The words are free text, written for people, and are
// nevertheless the best witness. The stage of the conversation at which the
// reply came bounds what the server can have judged: a greeting knows only our
// address, RCPT TO knows the recipient, only the final dot knows the content.
//
// So the words decide first, the status second, the code last, and an answer
// that rests on a code or a status alone is called weak. Words mislead too:
// "Connection refused" is TCP where our own server says it and a ban where the
// remote does, "exceeded" may be a quota, a size, a rate or a hop count, and a
// host called spamfilter.example.net is no spam. The rules therefore know who
// spoke, and never see host names, addresses or URLs unless they ask for them.
// What stays ambiguous is said: the other readings are the rivals, and a live
// check may decide between them.
//
// The categories:
//
//	 1 unknown-recipient    no such mailbox at the recipient's server
//	 2 mailbox-disabled     it exists, and is closed, suspended or unused
//	 3 mailbox-full         its quota is used up
//	 4 filtered             this message was refused for what it contains, or by the recipient's own filter
//	 5 dns-failure          the recipient's domain has no usable mail server in the DNS
//	 6 bad-command          a command, an address or a header breaks the syntax
//	 7 too-large            the message is bigger than the server takes
//	 8 rejected             the operator refuses our server, domain, sender or relaying
//	 9 connection-failed    their server was not reached, or the connection broke
//	10 too-many-recipients  more recipients in one message than the server takes
//	11 blocklisted          our address or domain is on a block list
//	12 sender-dns           our own DNS fails their test: PTR, HELO name, the sender's domain
//	13 rate-limited         too much or too fast, or not yet: greylisting
//	14 auth-failed          SPF, DKIM or DMARC says the sender is not who it claims
//	15 tls-failed           one side demands encryption that the other does not give
//	16 remote-fault         their server is out of order, or the mail goes in circles
//
// The rules are data (rules/*.toml): a file for each category in English, for
// each family of other languages, and for each provider with codes of its own. Each rule carries its proof, a reply that it
// must name and one that it must not touch. [Load] reads an admin's own rules
// in the same form.
package classify

import "strconv"

// Category is one of the sixteen kinds of failure; 0 is unknown, and an
// honest answer. The numbers 1 to 12 are those of the guide for Winmail
// admins, 13 to 16 are what modern mail added.
type Category int

// The categories.
const (
	Unknown           Category = 0
	UnknownRecipient  Category = 1
	MailboxDisabled   Category = 2
	MailboxFull       Category = 3
	Filtered          Category = 4
	DNSFailure        Category = 5
	BadCommand        Category = 6
	TooLarge          Category = 7
	Rejected          Category = 8
	ConnectionFailed  Category = 9
	TooManyRecipients Category = 10
	Blocklisted       Category = 11
	SenderDNS         Category = 12
	RateLimited       Category = 13
	AuthFailed        Category = 14
	TLSFailed         Category = 15
	RemoteFault       Category = 16
)

var slugs = [...]string{
	"unknown", "unknown-recipient", "mailbox-disabled", "mailbox-full", "filtered",
	"dns-failure", "bad-command", "too-large", "rejected", "connection-failed",
	"too-many-recipients", "blocklisted", "sender-dns", "rate-limited",
	"auth-failed", "tls-failed", "remote-fault",
}

// Slug is the category's stable name, "unknown-recipient" for 1; "unknown"
// for 0 and for a number that is no category.
func (c Category) Slug() string {
	if c < 0 || int(c) >= len(slugs) {
		return slugs[0]
	}
	return slugs[c]
}

// Parse finds a category by its slug or its number ("1"); false where there is
// none.
func Parse(s string) (Category, bool) {
	for i, slug := range slugs {
		if s == slug || s == strconv.Itoa(i) {
			return Category(i), true
		}
	}
	return Unknown, false
}

// Confidence is how firmly the words name the category.
type Confidence string

// The degrees of confidence.
const (
	Certain Confidence = "certain" // the reply says it in words that mean nothing else
	Likely  Confidence = "likely"  // the usual meaning, though another is possible
	Weak    Confidence = "weak"    // only a code, or words that mean many things
)

// Source is the place of the bounce that a quote was taken from.
type Source string

// The sources of evidence.
const (
	FromReply   Source = "reply"
	FromCode    Source = "code"
	FromStatus  Source = "status"
	FromHeader  Source = "header"
	FromSubject Source = "subject"
	FromBody    Source = "body"
)

// Evidence is a quote and the rule that it satisfied.
type Evidence struct {
	Rule  string `json:"rule"`  // "unknown-recipient.user-unknown"
	Quote string `json:"quote"` // as it stands in the bounce
	From  Source `json:"from"`
}

// Rival is another category that the same words could mean.
type Rival struct {
	Category Category `json:"category"`
	Slug     string   `json:"slug"`
	Rule     string   `json:"rule"` // the rule that speaks for it
}

// Classification names the reason for a failure and shows why. The zero value
// is an honest unknown.
type Classification struct {
	Category   Category   `json:"category"`
	Slug       string     `json:"slug"`
	Reason     string     `json:"reason,omitempty"` // what exactly, inside the category, where the rule tells; a Reason constant
	Confidence Confidence `json:"confidence"`
	Evidence   []Evidence `json:"evidence"`  // the winning rule's first; never nil
	Rivals     []Rival    `json:"rivals"`    // best first; never nil
	List       string     `json:"list"`      // the block list that the reply names, as a zone where it is known by one
	Provider   string     `json:"provider"`  // whose code it is, where it is a known one
	Reference  string     `json:"reference"` // the page that explains it
}

// Reasons inside a category, where they decide what is looked at.
const (
	ReasonNXDomain     = "nxdomain"      // 5: the recipient's domain does not exist
	ReasonNoMX         = "no-mx"         // 5: it exists and has no mail server
	ReasonNullMX       = "null-mx"       // 5: it says that it takes no mail (RFC 7505)
	ReasonSMTPUTF8     = "smtputf8"      // 6: an internationalized address
	ReasonRelay        = "relay"         // 8: relaying denied
	ReasonAuthRequired = "auth-required" // 8: not authenticated
	ReasonRefused      = "refused"       // 9: TCP connection refused
	ReasonTimeout      = "timeout"       // 9: no answer
	ReasonPrivateList  = "private-list"  // 8, 11: a reputation that no DNS query shows
	ReasonResolver     = "resolver"      // 11: the remote's own resolver is refused by the list; nobody is listed
	ReasonDomainList   = "domain-list"   // 11: a list of domains
	ReasonPTR          = "ptr"           // 12: no PTR for our address
	ReasonFCrDNS       = "fcrdns"        // 12: the PTR does not resolve back
	ReasonHELO         = "helo"          // 12: the HELO name does not resolve
	ReasonSenderDomain = "sender-domain" // 12: the sender's domain has no MX or A
	ReasonSenderMXIP   = "sender-mx-ip"  // 12: an MX of the sender's domain is an address
	ReasonCallout      = "callout"       // 12: the sender's own MX refused a callout
	ReasonGreylist     = "greylist"      // 13
	ReasonSPF          = "spf"           // 14
	ReasonDKIM         = "dkim"          // 14
	ReasonDMARC        = "dmarc"         // 14
	ReasonNoSTARTTLS   = "no-starttls"   // 15: we demand TLS and they do not offer it
	ReasonCertificate  = "certificate"   // 15
	ReasonMustSTARTTLS = "must-starttls" // 15: they demand TLS from us
	ReasonLoop         = "loop"          // 16
)

var reasons = [...]string{
	ReasonNXDomain, ReasonNoMX, ReasonNullMX, ReasonSMTPUTF8, ReasonRelay, ReasonAuthRequired,
	ReasonRefused, ReasonTimeout, ReasonPrivateList, ReasonResolver, ReasonDomainList, ReasonPTR,
	ReasonFCrDNS, ReasonHELO, ReasonSenderDomain, ReasonSenderMXIP, ReasonCallout, ReasonGreylist,
	ReasonSPF, ReasonDKIM, ReasonDMARC, ReasonNoSTARTTLS, ReasonCertificate, ReasonMustSTARTTLS, ReasonLoop,
}
