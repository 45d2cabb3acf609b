package dnscheck

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
)

// maxNames is how many names of one address are looked at (RFC 7208 section
// 4.6.4 gives the same bound).
const maxNames = 10

// CheckReverse looks up which names an address has, and which of them lead
// back to it. An address that is none gets the status Failed.
func CheckReverse(ctx context.Context, r Resolver, ip netip.Addr) Reverse {
	start := time.Now()
	ip = ip.Unmap().WithZone("")
	a := ask(ctx, r, ReverseName(ip), TypePTR)
	rev := Reverse{IP: ip, Status: a.Status, Bogus: a.Bogus, Server: a.Server, Err: a.Err}
	names := a.Found()
	if len(names) > maxNames {
		rev.Unasked = len(names) - maxNames
		names = names[:maxNames]
	}
	rev.Names = make([]PTRName, len(names))
	var wg sync.WaitGroup
	for i, rec := range names {
		wg.Go(func() {
			a := CheckAddresses(ctx, r, rec.Host)
			rev.Names[i] = PTRName{Addresses: a, Confirms: slices.Contains(a.Addrs, ip), Generic: generic(rec.Host, ip)}
		})
	}
	wg.Wait()
	rev.Confirmed = slices.ContainsFunc(rev.Names, func(n PTRName) bool { return n.Confirms })
	rev.Took = time.Since(start)
	return rev
}

// Iprev is the reverse DNS as a receiving server sums it up (RFC 8601 section
// 2.7.3): Pass where Confirmed, PermError where the address certainly has no
// name, Fail where certainly none of its names leads back, else TempError.
func (r Reverse) Iprev() Result {
	switch {
	case r.Confirmed:
		return Pass
	case r.Status.Absent():
		return PermError
	case r.Status != OK || r.Unasked > 0:
		return TempError
	}
	for _, n := range r.Names {
		own := n.V4
		if r.IP.Is6() {
			own = n.V6
		}
		if !own.Known() && !malformed(n.Host) {
			return TempError
		}
	}
	return Fail
}

// malformed says whether a name can never resolve, whoever asks.
func malformed(name string) bool { return CheckName(name) != nil }

// lineWords are what access providers call their customers' lines, and what
// is behind them.
var lineWords = strings.Fields(`dyn dynamic dynip dhcp pool ppp pppoe dial dialin dialup
	dsl adsl vdsl xdsl cable cablemodem broadband ftth fttx
	customer cust client cpe unassigned unknown`)

// generic guesses whether a provider made the name for whoever has the
// address: it spells the address, or says what sort of line it is. The
// registered domain itself does not count, so pool.example is a fine name.
func generic(name string, ip netip.Addr) bool {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		name = strings.TrimSuffix(name, domain)
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' })
	return slices.ContainsFunc(words, isLineWord) || spells(name, ip)
}

func isLineWord(word string) bool { return slices.Contains(lineWords, word) }

// spells says whether a name holds the whole address: its octets in decimal in
// either order, with or without leading zeros, or its bytes in hexadecimal.
func spells(name string, ip netip.Addr) bool {
	b := ip.AsSlice()
	run := strings.NewReplacer("-", "", ".", "", "_", "").Replace(name)
	backwards := slices.Clone(b)
	slices.Reverse(backwards)
	for _, octets := range [][]byte{b, backwards} {
		if strings.Contains(run, hex.EncodeToString(octets)) {
			return true
		}
	}
	if ip.Is6() {
		return strings.Contains(run, strings.ReplaceAll(ReverseLabels(ip), ".", "")) ||
			strings.Contains(name, strings.ReplaceAll(ip.String(), ":", "-"))
	}
	return spellsDecimal(name, run, b) || spellsDecimal(name, run, backwards)
}

func spellsDecimal(name, run string, octets []byte) bool {
	padded := fmt.Sprintf("%03d%03d%03d%03d", octets[0], octets[1], octets[2], octets[3])
	if strings.Contains(run, padded) {
		return true
	}
	var numbers []byte
	for _, digits := range strings.FieldsFunc(name, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.ParseUint(digits, 10, 8); err == nil {
			numbers = append(numbers, byte(n))
		}
	}
	return strings.Contains(string(numbers), string(octets))
}
