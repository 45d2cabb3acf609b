package rbl

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"diagnose/dnscheck"
)

// oracle answers one list's questions: the first name asked for addresses is
// the target's, any other its control entry. The names of the honesty test do
// not exist.
type oracle struct {
	target, control             []byte // addresses, four bytes each
	targetStatus, controlStatus dnscheck.Status
	reason                      string

	mu     sync.Mutex
	name   string // of the target
	a, txt int
}

func (o *oracle) Lookup(_ context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case strings.HasSuffix(q.Name, ".invalid.") && len(q.Name) == 35, strings.HasSuffix(q.Name, ".example.com."):
		return dnscheck.Answer{Question: q, Status: dnscheck.NXDomain}, nil
	case q.Type == dnscheck.TypeTXT:
		o.txt++
		return dnscheck.Answer{Question: q, Status: dnscheck.OK, Records: []dnscheck.Record{{Type: q.Type, Text: o.reason}}}, nil
	}
	o.a++
	if o.name == "" {
		o.name = q.Name
	}
	if q.Name == o.name {
		return reply(q, o.targetStatus, o.target), nil
	}
	return reply(q, o.controlStatus, o.control), nil
}

func reply(q dnscheck.Question, s dnscheck.Status, codes []byte) dnscheck.Answer {
	a := dnscheck.Answer{Question: q, Status: s}
	if s == dnscheck.OK {
		a.Records = []dnscheck.Record{{Type: dnscheck.TypeCNAME, Host: "elsewhere.example"}}
		for _, ip := range octets(codes) {
			a.Records = append(a.Records, dnscheck.Record{Type: dnscheck.TypeA, Addr: ip})
		}
	}
	return a
}

func octets(b []byte) []netip.Addr {
	var all []netip.Addr
	for ip := range slices.Chunk(b, 4) {
		if len(ip) == 4 {
			all = append(all, netip.AddrFrom4([4]byte(ip)))
		}
	}
	return all
}

var statuses = []dnscheck.Status{
	dnscheck.OK, dnscheck.NXDomain, dnscheck.NoData, dnscheck.ServFail,
	dnscheck.Refused, dnscheck.Timeout, dnscheck.Failed, dnscheck.Blind,
}

// FuzzJudge holds, for every list of the table and whatever it answers, to
// what may follow from it.
func FuzzJudge(f *testing.F) {
	f.Add(uint16(0), []byte{127, 0, 0, 2}, []byte{}, uint8(0), uint8(1), "seen")
	f.Add(uint16(0), []byte{}, []byte{127, 0, 0, 2}, uint8(1), uint8(0), "")
	f.Add(uint16(0), []byte{127, 255, 255, 254, 127, 0, 0, 2}, []byte{}, uint8(0), uint8(1), "Error: open resolver")
	f.Add(uint16(1), []byte{127, 0, 0, 2}, []byte{127, 0, 0, 2}, uint8(0), uint8(0), "closed")
	f.Add(uint16(2), []byte{91, 195, 240, 117}, []byte{}, uint8(0), uint8(3), "")
	f.Add(uint16(3), []byte{0, 0, 0, 0}, []byte{127, 0, 0, 1}, uint8(4), uint8(5), "\xff\x1b[31m")
	lists := Builtin()
	if own, ok := Unlisted("bl.example"); ok {
		lists = append(lists, own)
	}
	const key = "abcdefghij0123456789wxyz99"
	keys := map[string]string{}
	for _, l := range lists {
		if l.Key {
			keys[l.Zone] = key
		}
	}
	f.Fuzz(func(t *testing.T, row uint16, target, control []byte, targetStatus, controlStatus uint8, reason string) {
		l := lists[int(row)%len(lists)]
		o := &oracle{
			target: target, control: control, reason: reason,
			targetStatus: statuses[int(targetStatus)%len(statuses)], controlStatus: statuses[int(controlStatus)%len(statuses)],
		}
		c := Checker{Resolver: o, Keys: keys}
		var r Result
		if l.takes(DomainName) {
			r = c.CheckDomain(t.Context(), "bad.example", []List{l})[0]
		} else {
			r = c.CheckIP(t.Context(), sender4, []List{l})[0]
		}
		holds(t, l, o, r)
		if strings.Contains(strings.ToLower(fmt.Sprint(r)), key) {
			t.Errorf("%s: the key shows: %q", l.Zone, r.Reason)
		}
	})
}

// holds checks what must be true of any result.
func holds(t *testing.T, l List, o *oracle, r Result) {
	t.Helper()
	foreign := func(a netip.Addr) bool { return !codeSpace.Contains(a) || errorCodes.Contains(a) }
	targetCodes, controlCodes := octets(o.target), octets(o.control)
	fault := ""
	switch {
	case o.a > 2 || o.txt > 1:
		fault = "asked too often"
	case l.Tier == DeadTier && (o.a > 0 || r.Status != Dead):
		fault = "a closed list is dead, and not asked"
	case r.Codes == nil || len(r.Codes) > maxCodes || !slices.IsSortedFunc(r.Codes, netip.Addr.Compare):
		fault = "codes are sorted and bounded"
	case len(r.Reason) > maxReason:
		fault = "a reason is bounded"
	case o.a > 0 && !o.targetStatus.Known() && r.Status != NoAnswer && r.Status != Refused:
		fault = "a failed lookup is no answer"
	case r.Status == Listed && (!slices.ContainsFunc(r.Codes, l.lists) || slices.ContainsFunc(r.Codes, foreign)):
		fault = "only a code of the table makes a listing"
	case r.Status == Listed && (!o.controlStatus.Known() || o.controlStatus == dnscheck.OK && slices.ContainsFunc(controlCodes, l.lists) && !slices.ContainsFunc(controlCodes, l.allows)):
		fault = "a listing needs a control entry that is not listed"
	case r.Status == NotListed && (o.a != 2 || o.controlStatus != dnscheck.OK || !slices.ContainsFunc(controlCodes, codeSpace.Contains) || slices.ContainsFunc(controlCodes, foreign)):
		fault = "an absence needs a test entry that is listed"
	case r.Status == NotListed && o.targetStatus == dnscheck.OK && slices.ContainsFunc(targetCodes, l.lists):
		fault = "a code of the table is no absence"
	case r.Status == AllowListed && !slices.ContainsFunc(r.Codes, l.allows):
		fault = "only a code of the table is good news"
	case r.Status == "" || r.Status == LyingDNS:
		fault = "no such status here"
	}
	if fault != "" {
		t.Errorf("%s: %s %v (%q), target %s %v, control %s %v: %s",
			l.Zone, r.Status, r.Codes, r.Meaning, o.targetStatus, targetCodes, o.controlStatus, controlCodes, fault)
	}
}

func (l List) allows(a netip.Addr) bool {
	return slices.ContainsFunc(l.Codes, func(c Code) bool { return c.matches(a) && c.Effect == MeansAllow })
}
