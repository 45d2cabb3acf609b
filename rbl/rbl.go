// Package rbl asks block lists about an address or a domain, and knows what
// each list's answer means.
//
// A block list is a DNS zone. To ask whether 192.0.2.99 is on zen.example, a
// mail server looks up the A record of 99.2.0.192.zen.example: no such name
// means "not listed", and an answer in 127.0.0.0/8 is a code that only the
// list's own table explains (RFC 5782). IPv6 addresses go in as 32 reversed
// nibbles, domains as they are.
//
// So far the standard. In practice an answer is no listing, and silence is no
// absence, until shown to be:
//
//   - A list that will not serve us answers for every address: Spamhaus with
//     127.255.255.254 to whoever asks through a public resolver, URIBL with
//     127.0.0.1. A server that takes that for a listing refuses all its mail.
//   - The same zone can hold bad news (a spam source), good news (a trusted
//     sender) and neither (a policy, a score, statistics).
//   - Lists die: some then list the whole world, some a domain trader buys and
//     points at a web server, some are emptied and clear everybody for ever.
//   - Resolvers lie: they put an advertising server where "no such name"
//     belongs.
//
// RFC 5782 section 5 gives every list two control entries: one that must
// always be listed (127.0.0.2) and one that never may be (127.0.0.1). An empty
// answer counts only where the first is answered, a listing only where the
// second is not. This package therefore reports a [Status], never a bool, asks
// at most two questions of a list, and adds the list's own words (its TXT
// record) where there is something to explain.
//
// Some lists never answer, and some packets are lost. A sweep therefore asks
// all lists at once, and gives each its own short while: see [Checker].
package rbl

import (
	"net/netip"
	"time"
)

// Status is what a list's answer means. It is never a bool: most of the false
// alarms of this field come from taking any answer for a listing.
type Status string

// The statuses.
const (
	Listed      Status = "listed"         // proved: the code is a listing and the list is alive
	NotListed   Status = "not-listed"     // nothing against the target, and the list's test entry answers
	NotProven   Status = "not-proven"     // the control entries leave the answer, or its absence, in doubt
	AllowListed Status = "allow-listed"   // good news
	Refused     Status = "refused"        // it will not answer us
	NoAnswer    Status = "no-answer"      // timeout or SERVFAIL
	Dead        Status = "dead"           // it lists everybody, or is known to have closed
	LyingDNS    Status = "lying-resolver" // the resolver makes answers up
	UnknownCode Status = "unknown-code"   // an answer that its table does not know
	NotAsked    Status = "not-asked"      // a wrong family, a missing key, a policy
)

// Answered says whether the status is knowledge about the target.
func (s Status) Answered() bool {
	return s == Listed || s == NotListed || s == AllowListed
}

// Tier is how much a list matters.
type Tier string

// The tiers.
const (
	Core      Tier = "core"      // asked by many receivers; part of the default set
	Minor     Tier = "minor"     // asked by some; part of the default set
	Neighbour Tier = "neighbour" // lists the surroundings of an address, not the address
	Domain    Tier = "domain"    // lists domains
	Allow     Tier = "allow"     // lists good senders
	Keyed     Tier = "keyed"     // needs a key
	DeadTier  Tier = "dead"      // closed: recognised in a reply, never asked
	Other     Tier = "other"     // recognised in a reply, asked only by name
)

// Weight is what a listing does to delivery.
type Weight string

// The weights.
const (
	High   Weight = "high"   // many receivers refuse on it alone
	Medium Weight = "medium" // some refuse, many score
	Low    Weight = "low"    // few ask it at all
)

// What Result.Meaning says where the list's table has no say. Beside these, a
// failed lookup is named by its dnscheck.Status ("timeout", "servfail",
// "refused", "failed", "blind"), unless the list's Silence says what it usually
// means there.
const (
	MeaningNoKey          = "no-key"             // NotAsked: no usable key was given
	MeaningWrongKind      = "wrong-kind"         // NotAsked: an IPv4-only list and an IPv6 address, and the like
	MeaningBadTarget      = "bad-target"         // NotAsked: no address, or no domain name
	MeaningTestSilent     = "test-entry-silent"  // NotProven: its test entry is not listed either
	MeaningNoTestEntry    = "no-test-entry"      // NotProven: it has none, so its silence proves nothing
	MeaningZoneGone       = "zone-gone"          // NotProven: the parent domain says that the zone does not exist
	MeaningControlFailed  = "control-unanswered" // NotProven: a code, but whether it lists everybody could not be seen
	MeaningClosed         = "closed"             // Dead: known to have closed, so not asked; see Closed and Died
	MeaningWildcard       = "wildcard"           // Dead: it lists what must never be listed
	MeaningParked         = "parked"             // Dead: an address outside 127.0.0.0/8, as a parked domain gives
	MeaningPublicResolver = "public-resolver"    // Refused: asked through a public resolver, or from a host with generic reverse DNS
	MeaningZoneTypo       = "zone-typo"          // Refused: the zone's name is mistyped
	MeaningOverLimit      = "over-limit"         // Refused: too many queries
	MeaningRefused        = "refused"            // Refused: no reason given

	// The values of Silence: what a refusal, a SERVFAIL or a timeout usually
	// means at a list.
	MeaningNotRegistered = "resolver-not-registered" // it serves only resolvers that were made known to it
	MeaningKeyRefused    = "key-refused"             // the key has expired or is wrong
)

// Death is how a list ended.
type Death string

// The deaths.
const (
	DiedWildcard    Death = "wildcard"    // answered for everybody
	DiedParked      Death = "parked"      // the domain lapsed, and a web server answers
	DiedEmptied     Death = "emptied"     // answers for nobody
	DiedUnreachable Death = "unreachable" // its name servers went: slow timeouts
	DiedWithdrawn   Death = "withdrawn"   // given up; how it answers is not known
	DiedUnsafe      Death = "unsafe"      // came and went, or was never fit for use
)

// Result is what one list said of one target. It never holds a key.
type Result struct {
	Zone       string        `json:"zone"`
	Operator   string        `json:"operator"`
	Tier       Tier          `json:"tier"`
	Weight     Weight        `json:"weight"`
	Scope      string        `json:"scope"`            // what a listing covers: ip | range | asn | domain
	Target     string        `json:"target,omitempty"` // what the list is asked about: an address, or a domain in its ASCII form; empty for neither
	Status     Status        `json:"status"`
	Policy     bool          `json:"policy,omitempty"` // Listed, but only as an address that should not send mail directly
	Codes      []netip.Addr  `json:"codes"`            // sorted, at most 32; never nil
	Meaning    string        `json:"meaning"`          // labels from the list's own table, joined by "; ", or one of the Meaning constants
	Reason     string        `json:"reason"`           // its TXT record for the target: hostile, unescaped, at most 512 bytes
	LookupURL  string        `json:"lookup_url"`
	DelistURL  string        `json:"delist_url"`
	DelistRule string        `json:"delist_rule,omitempty"` // how an entry comes off, in the table's words
	Closed     string        `json:"closed,omitempty"`      // a closed list: when, as in List
	Died       Death         `json:"died,omitempty"`        // a closed list: how
	Took       time.Duration `json:"-"`                     // all the questions to this list
}

// Counts says whether the result is a listing that receivers act upon: on a
// core or minor list, or on a domain or keyed list of some weight. A listing of
// the neighbourhood, or on a list that was asked for by name only, is not.
func (r Result) Counts() bool {
	if r.Status != Listed {
		return false
	}
	switch r.Tier {
	case Core, Minor:
		return true
	case Domain, Keyed:
		return r.Weight != Low
	}
	return false
}

// Verdict sums a sweep of the lists up.
type Verdict string

// The verdicts.
const (
	VerdictListed  Verdict = "listed"  // a list that counts has it
	VerdictClean   Verdict = "clean"   // none has it, and at least half of the core lists answered
	VerdictUnknown Verdict = "unknown" // too few answered
)

// Summarise sums a sweep up: asked counts the lists that a question went to,
// answered those of them that gave knowledge about the target.
func Summarise(results []Result) (v Verdict, asked, answered int) {
	var listed bool
	var core, coreAnswered int
	for _, r := range results {
		if r.Status == NotAsked || r.Tier == DeadTier {
			continue
		}
		asked++
		listed = listed || r.Counts()
		if r.Tier == Core {
			core++
		}
		if r.Status.Answered() {
			answered++
			if r.Tier == Core {
				coreAnswered++
			}
		}
	}
	switch {
	case listed:
		return VerdictListed, asked, answered
	case answered > 0 && 2*coreAnswered >= core:
		return VerdictClean, asked, answered
	}
	return VerdictUnknown, asked, answered
}
