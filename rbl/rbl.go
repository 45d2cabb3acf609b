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
	NotListed   Status = "not-listed"     // no answer for the target, and its test entry answers
	NotProven   Status = "not-proven"     // no answer, but its test entry is silent too
	AllowListed Status = "allow-listed"   // good news
	Refused     Status = "refused"        // it will not answer us
	NoAnswer    Status = "no-answer"      // timeout or SERVFAIL
	Dead        Status = "dead"           // it lists everybody, or is known to have closed
	LyingDNS    Status = "lying-resolver" // the resolver makes answers up
	UnknownCode Status = "unknown-code"   // an answer that its table does not know
	NotAsked    Status = "not-asked"      // a wrong family, a missing key, a policy
)

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

// Result is what one list said of one target.
type Result struct {
	Zone      string        `json:"zone"`
	Operator  string        `json:"operator"`
	Tier      Tier          `json:"tier"`
	Scope     string        `json:"scope"` // ip | range | asn | domain
	Status    Status        `json:"status"`
	Codes     []netip.Addr  `json:"codes"`
	Meaning   string        `json:"meaning"` // of the codes, by the list's own table
	Reason    string        `json:"reason"`  // its TXT record for the target
	LookupURL string        `json:"lookup_url"`
	DelistURL string        `json:"delist_url"`
	Took      time.Duration `json:"-"`
}

// Verdict sums a sweep of the lists up.
type Verdict string

// The verdicts.
const (
	VerdictListed  Verdict = "listed"  // a core or minor list has it
	VerdictClean   Verdict = "clean"   // none has it, and at least half of the core lists answered
	VerdictUnknown Verdict = "unknown" // too few answered
)
