package classify

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
		if s == slug {
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
