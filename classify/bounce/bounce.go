// Package bounce reads a bounce, whatever its form, and reports what it says
// in the server's own words.
//
// A bounce (退信, a delivery status notification, a "failure notice") is the
// mail by which a server tells a sender that a message could not be
// delivered. The modern form is the multipart/report of RFC 3462 and RFC 3464:
// a paragraph for people, a part of fields for machines
// (Final-Recipient, Action, Status, Diagnostic-Code), and the message that
// failed, or its header. Older and smaller servers (qmail, Winmail, Exim,
// Coremail, ...) write free text, each in its own layout. And what reaches a
// mail admin is often neither: a bounce inside a forward, a file that Outlook
// saved, a paragraph pasted from a screen, one line of a log, or just the reply
//
//	550 5.1.1 <a@example.net>... User unknown
//
// All of them end here as the same values: one [Report] a bounce, one
// [Failure] a recipient. What the mail does not say stays empty; nothing is
// invented, and nothing is judged here.
//
// The input is hostile by nature: strangers write it. Every read is bounded,
// damage becomes a [Note], and reading goes on.
package bounce

import (
	"net/netip"
	"time"
)

// Kind is what sort of message was read.
type Kind string

// The kinds of input.
const (
	KindBounce         Kind = "bounce"          // a delivery has failed
	KindDelay          Kind = "delay"           // not yet failed: the server is still trying
	KindDelivered      Kind = "delivered"       // a success report, or a log line that proves the hand-over
	KindAutoReply      Kind = "auto-reply"      // a vacation notice or the like
	KindFeedbackReport Kind = "feedback-report" // a complaint, RFC 5965
	KindBackscatter    Kind = "backscatter"     // a bounce for mail that we never sent
	KindNotABounce     Kind = "not-a-bounce"    // ordinary mail, or no mail at all
	KindFragment       Kind = "fragment"        // a pasted reply or piece of a bounce
)

// Stage is the point of the SMTP conversation at which delivery failed.
// Empty where the mail does not tell.
type Stage string

// The stages, in the order of a session.
const (
	StageConnect   Stage = "connect"     // no TCP connection
	StageGreeting  Stage = "greeting"    // connected; the first reply was not a 220
	StageEHLO      Stage = "ehlo"        // EHLO or HELO was refused
	StageSTARTTLS  Stage = "starttls"    // TLS failed or was missing
	StageAuth      Stage = "auth"        // SMTP AUTH was refused
	StageMail      Stage = "mail"        // MAIL FROM
	StageRcpt      Stage = "rcpt"        // RCPT TO
	StageData      Stage = "data"        // the DATA command
	StageEndOfData Stage = "end-of-data" // after the final dot
	StageQueue     Stage = "queue"       // given up waiting
	StageLocal     Stage = "local"       // refused by the reporting server itself
)

// Action is the Action field of RFC 3464 section 2.3.3, or its like in free
// text.
type Action string

// The actions.
const (
	ActionFailed    Action = "failed"
	ActionDelayed   Action = "delayed"
	ActionDelivered Action = "delivered"
	ActionRelayed   Action = "relayed"
	ActionExpanded  Action = "expanded"
)

// Report is what one message, pasted text or log line says.
type Report struct {
	Kind          Kind
	ReportingHost string    // the server that wrote the report (Reporting-MTA); a bare host name
	Date          time.Time // when the report was written; zero where it does not say
	Subject       string    // of the report itself, decoded
	Original      Original  // the message that failed
	Failures      []Failure // empty for what is not about a delivery
	Notes         []Note    // damage met and limits reached while reading
	Others        []*Report `json:",omitempty"` // of the other bounces that are attached to the same mail
}

// Failure is one recipient's fate.
type Failure struct {
	Recipient         string // the address that failed, as the report names it; without <>
	OriginalRecipient string // what the sender had typed, where an alias or a forward hid it
	Sender            string // the envelope sender of the original
	Action            Action
	Stage             Stage
	Reply             Reply      // what the remote said; empty where no remote spoke
	Text              string     // the report's own words about this failure where no remote spoke, or around its reply
	Remote            Host       // the server that refused or did not answer
	SendingIP         netip.Addr // our address, where the reply names it
	RetryUntil        time.Time  // a delay: when the server gives up
}

// Reply is one SMTP reply.
type Reply struct {
	Code   int    // 200-599, or the odd code that a server made up; 0 where none is told
	Status string // "5.1.1" (RFC 3463); empty where none is told
	Text   string // the whole reply, code included, continuation lines joined by one space; at most 2 KiB
}

// Host is a server by name, address or both.
type Host struct {
	Name string
	IP   netip.Addr
}

// Original is what is known of the message that failed.
type Original struct {
	MessageID        string
	Subject          string // decoded
	From             string // the address of its From header
	EnvelopeSender   string
	Date             time.Time
	Size             int64      // bytes, as returned or as the report tells; 0 where unknown
	Recipients       int        // in To and Cc, or as the report tells; 0 where unknown
	RecipientDomains []string   // of the addresses in To and Cc, each once, in lower case; at most 20
	Complete         bool       // the whole message came back, not only its header
	DKIM             []DKIMKey  // signatures it bore
	Received         []Received // newest first, at most 20
}

// DKIMKey names the key of a DKIM signature (RFC 6376 section 3.5).
type DKIMKey struct {
	Domain, Selector string
}

// Received is one hop of the original's trace (RFC 5321 section 4.4).
type Received struct {
	From string     // the name that the client gave
	IP   netip.Addr // the client's address as the server saw it
	By   string     // the server that wrote the line
}

// Note tells of damage or of a limit, as a code and arguments; the words are
// the report's.
type Note struct {
	Code string            `json:"code"`
	Args map[string]string `json:"args,omitempty"`
}

// Temporary says whether the failure was a temporary one (a 4xx code, a 4.x.x
// status) where the mail tells; a delayed action counts as temporary, all
// else as permanent. The reply code wins over the status: servers invent
// statuses more often than codes.
func (f Failure) Temporary() bool {
	switch {
	case f.Reply.Code != 0:
		return f.Reply.Code/100 == 4
	case f.Reply.Status != "":
		return f.Reply.Status[0] == '4'
	}
	return f.Action == ActionDelayed
}
