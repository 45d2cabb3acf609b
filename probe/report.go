package probe

import (
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/rbl"
)

// Schema is the version of the JSON form of [Report] and [CheckReport].
const Schema = 1

// Report is everything that is known of one failure, and all that text, JSON
// or a page is made from: codes and arguments, never sentences. A message that
// is no bounce has a Report without a Failure.
type Report struct {
	Schema         int                      `json:"schema"`
	Tool           string                   `json:"tool"`
	Source         Source                   `json:"source"`
	Kind           bounce.Kind              `json:"kind"`
	Failure        *Failure                 `json:"failure,omitempty"`
	Classification *classify.Classification `json:"classification,omitempty"`
	Verification   *Verification            `json:"verification,omitempty"` // only where it was looked
	Party          Party                    `json:"party,omitempty"`
	Advice         []Advice                 `json:"advice"`
	Notes          []bounce.Note            `json:"notes"`
}

// Source says where a failure was read.
type Source struct {
	Name  string `json:"name"`  // the file as it was named; "-" for standard input
	Index int    `json:"index"` // of the failure in it, from 1
}

// Failure is the JSON form of a [bounce.Failure] and of the original that
// belongs to it.
type Failure struct {
	Recipient         string        `json:"recipient"`
	OriginalRecipient string        `json:"original_recipient"`
	Sender            string        `json:"sender"`
	Action            bounce.Action `json:"action"`
	Temporary         bool          `json:"temporary"`
	Stage             bounce.Stage  `json:"stage"`
	Reply             Reply         `json:"reply"`
	Text              string        `json:"text,omitempty"` // the reporting server's own words
	Remote            Remote        `json:"remote"`
	ReportingHost     string        `json:"reporting_host"`
	SendingIP         string        `json:"sending_ip"`
	RetryUntil        string        `json:"retry_until,omitempty"`
	Original          Original      `json:"original"`
}

// Reply is the JSON form of a [bounce.Reply]; what the mail does not say is
// absent.
type Reply struct {
	Code   int    `json:"code,omitempty"`
	Status string `json:"status,omitempty"`
	Text   string `json:"text,omitempty"`
}

// Remote is the server that refused or did not answer.
type Remote struct {
	Host string `json:"host"`
	IP   string `json:"ip"`
}

// Original is the JSON form of a [bounce.Original].
type Original struct {
	MessageID  string `json:"message_id"`
	Subject    string `json:"subject"`
	Date       string `json:"date"`
	Size       int64  `json:"size"`
	Recipients int    `json:"recipients"`
	Complete   bool   `json:"complete"`
}

// Verdict is what the observations say of the hypothesis that the
// classification is right.
type Verdict string

// The verdicts.
const (
	Confirmed    Verdict = "confirmed"    // the cause itself was seen live
	Consistent   Verdict = "consistent"   // all that can be seen agrees; the cause cannot be seen from here
	Cleared      Verdict = "cleared"      // the cause is gone
	Contradicted Verdict = "contradicted" // the observations support another category
	Inconclusive Verdict = "inconclusive" // the checks could not tell
)

// Party is who has to act.
type Party string

// The parties.
const (
	PartyRecipient Party = "recipient"
	PartySender    Party = "sender" // the person, or their message
	PartyOurServer Party = "our-server"
	PartyRemote    Party = "remote-server"
	PartyThird     Party = "third-party" // a list's operator, a DNS host, a network between
	PartyUnknown   Party = "unknown"
)

// Advice is one thing for one party to do: a code and its arguments.
type Advice struct {
	Party Party             `json:"party"`
	Code  string            `json:"code"`
	Args  map[string]string `json:"args,omitempty"`
}

// Verification is what was looked at, and what it means.
type Verification struct {
	Verdict  Verdict           `json:"verdict"`
	Category classify.Category `json:"category"` // the classified one; the better one where contradicted
	Because  []string          `json:"because"`  // codes of the findings that the verdict rests on
	Findings []Finding         `json:"findings"`
	AlsoSeen []Seen            `json:"also_seen"` // true, worth knowing, and not what the verdict rests on
	Limits   []Seen            `json:"limits"`    // why the verdict is no firmer, and what would decide
	JudgedAt string            `json:"judged_at"`
	Bounced  string            `json:"bounced_at"`
	Vantage  Vantage           `json:"vantage"`
}

// Seen is an observation or a limit in one code.
type Seen struct {
	Code string            `json:"code"`
	Args map[string]string `json:"args,omitempty"`
}

// Vantage is from where it was looked. A verdict is worth no more than the
// place that it was reached from.
type Vantage struct {
	OutboundIP string `json:"outbound_ip"` // our end of the connections
	SendingIP  string `json:"sending_ip"`  // the address that sent the message, or is taken to have
	SendingBy  string `json:"sending_by"`  // who says so: a SendingBy constant
	Resolver   string `json:"resolver"`
	Port25     string `json:"port25"` // open | closed | unknown
}

// Outcome is how a check ended.
type Outcome string

// The outcomes.
const (
	Healthy   Outcome = "healthy"
	Faulty    Outcome = "faulty"
	UnknownOC Outcome = "unknown" // asked, and it could not be told
	Skipped   Outcome = "skipped" // not asked: policy, budget, or a step it needed had nothing for it
)

// CheckReport is the answer of a single check (mx, ptr, smtp, server) on one
// target.
type CheckReport struct {
	Schema   int       `json:"schema"`
	Target   string    `json:"target"`
	Outcome  Outcome   `json:"outcome"`
	Findings []Finding `json:"findings"`
	MX       *MX       `json:"mx,omitempty"`
	PTR      *PTR      `json:"ptr,omitempty"`
	SMTP     []SMTP    `json:"smtp,omitempty"`

	Server *ServerReport `json:"server,omitempty"`
}

// MX is the JSON form of a domain's mail routing.
type MX struct {
	Hosts    []MXHost `json:"hosts"`
	Null     bool     `json:"null"`
	Implicit bool     `json:"implicit"`
}

// MXHost is one mail server of a domain.
type MXHost struct {
	Preference uint16   `json:"preference"`
	Host       string   `json:"host"`
	Addresses  []string `json:"addresses"`
}

// PTR is the JSON form of reverse DNS.
type PTR struct {
	Names     []PTRName `json:"names"`
	Confirmed bool      `json:"confirmed"`
}

// PTRName is one name of an address.
type PTRName struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	Confirms  bool     `json:"confirms"`
	Generic   bool     `json:"generic"`
}

// SMTP is the JSON form of one SMTP session.
type SMTP struct {
	Address    string            `json:"address"`
	Phase      string            `json:"phase"`
	Result     string            `json:"result"`
	Greeting   string            `json:"greeting"`
	Extensions map[string]string `json:"extensions"`
	STARTTLS   STARTTLS          `json:"starttls,omitempty"`
	TLS        *TLS              `json:"tls,omitempty"`
	Transcript []string          `json:"transcript"`
}

// STARTTLS is what became of encryption in a session; empty where the session
// did not get as far.
type STARTTLS string

// The outcomes of STARTTLS. Whether the certificate is good is another matter.
const (
	Encrypted  STARTTLS = "encrypted"
	NotOffered STARTTLS = "not-offered" // EHLO does not list it
	TLSRefused STARTTLS = "refused"     // it lists it, and refuses the command
	TLSBroken  STARTTLS = "broken"      // the command or the handshake came to nothing
)

// TLS is what STARTTLS led to.
type TLS struct {
	Version  string `json:"version"`
	Subject  string `json:"subject"`
	Issuer   string `json:"issuer"`
	NotAfter string `json:"not_after"`
	Problem  string `json:"problem"`
	Error    string `json:"error,omitempty"` // in the network's or the server's own words
}

// ListReport is the answer of the block lists on one target.
type ListReport struct {
	Schema   int         `json:"schema"`
	Target   string      `json:"target"`
	Asked    int         `json:"asked"`
	Answered int         `json:"answered"`
	Verdict  rbl.Verdict `json:"verdict"`
	Lists    []List      `json:"lists"`
	Notes    []Seen      `json:"notes,omitempty"`
}

// List is the JSON form of one list's answer.
type List struct {
	rbl.Result
	TookMS int64 `json:"took_ms"`
}

// Lists gives a sweep's results their JSON form.
func Lists(results []rbl.Result) []List {
	out := make([]List, len(results))
	for i, r := range results {
		out[i] = List{Result: r, TookMS: r.Took.Milliseconds()}
	}
	return out
}

// stamp formats a time for JSON; the zero time is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
