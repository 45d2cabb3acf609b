package dnscheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"blitiri.com.ar/go/spf"
)

// Result is what an authentication method concludes, in the words of RFC 8601.
type Result string

// The results. TempError may change by itself, PermError not.
const (
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail" // SPF only: probably not authorized
	Neutral   Result = "neutral"  // SPF only: the domain says nothing about this address
	None      Result = "none"     // nothing published
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// SPF is whether a domain lets an address send in its name (RFC 7208).
type SPF struct {
	Domain  string // whose record it is: of the sender, else of HELO
	Result  Result
	Record  string  // raw, empty where there is none or more than one
	Terms   int     // terms that asked the DNS until it was decided (section 4.6.4); a second ptr asks no more
	Voids   int     // those of them that found nothing
	Problem Problem // of a PermError
	Took    time.Duration
	Err     string // which mechanism matched, or what went wrong
}

// maxPTRNames are the names of an address that a ptr looks at; more are no
// error (RFC 7208 section 4.6.4).
const maxPTRNames = 10

// What makes a record a permanent error. The first three are the limits of
// section 4.6.4. They are not on questions: an mx with ten hosts asks eleven
// times, and is one term.
const (
	SPFTerms   Problem = "spf-terms"   // more than ten of include, a, mx, ptr, exists and redirect, in all records together
	SPFVoids   Problem = "spf-voids"   // more than two of them found nothing
	SPFHosts   Problem = "spf-hosts"   // an mx has more than ten mail servers
	SPFRecords Problem = "spf-records" // a domain has more than one record (section 4.5)
	SPFMissing Problem = "spf-missing" // include or redirect leads to no record (sections 5.2 and 6.1)
	SPFSyntax  Problem = "spf-syntax"  // a term that cannot be read
)

func spfProblem(err error) Problem {
	switch {
	case errors.Is(err, spf.ErrLookupLimitReached):
		return SPFTerms
	case errors.Is(err, spf.ErrVoidLookupLimitReached):
		return SPFVoids
	case errors.Is(err, spf.ErrTooManyMXRecords):
		return SPFHosts
	case errors.Is(err, spf.ErrMultipleRecords):
		return SPFRecords
	case errors.Is(err, spf.ErrNoResult):
		return SPFMissing
	case errors.Is(err, spf.ErrInvalidIPAddress):
		return "" // the caller's fault, not the record's
	}
	return SPFSyntax
}

// CheckSPF evaluates SPF as a receiving server would for a connection from ip.
// The null sender "" (and "<>") stands for postmaster at helo (RFC 7208
// section 2.4). A sender without a valid domain gives None (section 4.3), an
// ip that is none PermError.
func CheckSPF(ctx context.Context, r Resolver, ip netip.Addr, helo, sender string) SPF {
	start := time.Now()
	local, domain := mailbox(sender, helo)
	result := SPF{Domain: display(domain), Result: None}
	if err := CheckName(domain); err != nil {
		result.Err = err.Error()
		return result
	}
	ip = ip.Unmap().WithZone("")
	view := spfView{ctx: ctx, r: r, v6: ip.Is6(), result: &result}
	verdict, err := spf.CheckHostWithSender(ip.AsSlice(), display(helo), local+"@"+result.Domain,
		spf.WithContext(ctx), spf.WithResolver(&view))
	result.Result = Result(verdict)
	if result.Result == PermError {
		result.Problem = spfProblem(err)
	}
	if err != nil {
		result.Err = err.Error()
	}
	result.Took = time.Since(start)
	return result
}

func mailbox(sender, helo string) (local, domain string) {
	sender = strings.TrimSuffix(strings.TrimPrefix(sender, "<"), ">")
	at := strings.LastIndexByte(sender, '@')
	switch {
	case sender == "":
		return "postmaster", helo
	case at <= 0:
		return "postmaster", sender[at+1:]
	}
	return sender[:at], sender[at+1:]
}

// spfView shows a Resolver as the SPF library wants it. The library tells
// failures apart only by the type *net.DNSError, unwrapped. It asks one thing
// after another: the first record, then for each term at most once, and after
// an mx or a ptr for the hosts that these found.
type spfView struct {
	ctx    context.Context
	r      Resolver
	v6     bool
	begun  bool // the first record was asked for, which is no term's
	hosts  int  // that the last mx or ptr found, and are still to be asked for
	result *SPF
}

// term counts what a term asked, and whether it found nothing.
func (v *spfView) term(found int, err error) {
	v.result.Terms++
	failure, failed := errors.AsType[*net.DNSError](err)
	if found == 0 && err == nil || failed && failure.IsNotFound {
		v.result.Voids++
	}
}

func (v *spfView) ask(name string, t Type) ([]Record, error) {
	a := ask(v.ctx, v.r, name, t)
	switch {
	case a.Status == OK:
		return a.Found(), nil
	case a.Status.Absent() || malformed(name): // RFC 7208 section 4.8
		return nil, &net.DNSError{Err: string(NXDomain), Name: name, IsNotFound: true}
	}
	return nil, &net.DNSError{Err: a.Err, Name: name, Server: a.Server, IsTemporary: true, IsTimeout: a.Status == Timeout}
}

func (v *spfView) LookupTXT(_ context.Context, name string) ([]string, error) {
	recs, err := v.ask(name, TypeTXT)
	if v.begun { // an include or a redirect, whose own record is no void lookup: without one it is an error
		v.result.Terms++
	}
	v.begun = true
	var texts, records []string
	for _, rec := range recs {
		texts = append(texts, rec.Text)
		if version, _, _ := strings.Cut(rec.Text, " "); strings.EqualFold(version, "v=spf1") {
			records = append(records, rec.Text)
		}
	}
	if len(records) == 1 && display(name) == v.result.Domain {
		v.result.Record = records[0]
	}
	return texts, err
}

func (v *spfView) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	recs, err := v.ask(name, TypeMX)
	var mxs []*net.MX
	for _, rec := range recs {
		mxs = append(mxs, &net.MX{Host: rec.Host, Pref: rec.Preference})
	}
	v.term(len(mxs), err)
	v.hosts = len(mxs)
	return mxs, err
}

// LookupIPAddr asks for IPv4 always, because "exists" means it whatever the
// client's family (RFC 7208 section 5.7), and for IPv6 where it could match.
// One family that fails is a failure: the address may be there.
func (v *spfView) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	addrs, err := v.addresses(host)
	if v.hosts > 0 {
		v.hosts--
	} else {
		v.term(len(addrs), err)
	}
	return addrs, err
}

func (v *spfView) addresses(host string) ([]net.IPAddr, error) {
	recs, err := v.ask(host, TypeA)
	if v.v6 && !temporary(err) {
		var six []Record
		six, err = v.ask(host, TypeAAAA)
		recs = append(recs, six...)
	}
	var addrs []net.IPAddr
	for _, rec := range recs {
		addrs = append(addrs, net.IPAddr{IP: rec.Addr.AsSlice()})
	}
	if len(addrs) > 0 && !temporary(err) {
		return addrs, nil
	}
	return nil, err
}

func temporary(err error) bool {
	failure, ok := errors.AsType[*net.DNSError](err)
	return ok && failure.IsTemporary
}

func (v *spfView) LookupAddr(_ context.Context, addr string) ([]string, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, err
	}
	recs, err := v.ask(ReverseName(ip), TypePTR)
	var names []string
	for _, rec := range recs {
		names = append(names, rec.Host)
	}
	v.term(len(names), err)
	v.hosts = min(len(names), maxPTRNames)
	return names, err
}
