package rbl

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"diagnose/dnscheck"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Checker asks block lists. Its Resolver must be the one that the verdict is
// to hold for: lists refuse public resolvers. It must ask again itself where no
// answer comes, as [dnscheck.Client] does, and soon enough for Patience: give
// the client [Try].
type Checker struct {
	Resolver dnscheck.Resolver
	Parallel int               // lists asked at once; 0 means 64
	Patience time.Duration     // with one list, for all its questions; 0 means 2.4 s
	Keys     map[string]string // by zone or a parent of it, "dq.spamhaus.net"; secret
	Nobody   string            // a label that no name has: sweeps that share it and a cache ask for it once; empty: another each time

	Answered func(done, total int) // told of each list that is through, from several goroutines; may be nil
}

// Try is how long a [dnscheck.Client] that asks block lists should wait before
// it asks once more. Two tries, and a round trip for the control entry, then
// fit into the Patience that is usual.
const Try = time.Second

const (
	defaultPatience = 2400 * time.Millisecond
	defaultParallel = 64
)

// CheckIP asks the lists about an address, all at once, and gives their
// results in the order of the lists. A list is sent at most two questions and
// one for its reason; a sweep two more, to see whether the resolver lies. An
// IPv4 address mapped into IPv6 is asked as IPv4, a zone ("%eth0") is dropped.
//
// It asks about whatever it is given: whether an address should be asked about
// at all (private, loopback) is for the caller to say. What is not answered
// when Patience or ctx ends is NoAnswer.
func (c Checker) CheckIP(ctx context.Context, ip netip.Addr, lists []List) []Result {
	return c.sweep(ctx, c.prepare(addressTarget(ip), lists))
}

// CheckDomain asks the lists about a domain or host name, as CheckIP does
// about an address. Internationalised names are asked in their ASCII form.
// Nothing is asked about what is no domain name of two labels or more.
func (c Checker) CheckDomain(ctx context.Context, domain string, lists []List) []Result {
	return c.CheckDomains(ctx, []string{domain}, lists)
}

// CheckDomains is CheckDomain for the several names that a receiver knows a
// sender by (the envelope's domain, the HELO name, the PTR name), in one sweep:
// the results of the first, then those of the second. Names that a list takes
// for the same, as hosts of one registrable domain, it is asked about once,
// and has one result for.
func (c Checker) CheckDomains(ctx context.Context, domains []string, lists []List) []Result {
	var all []inquiry
	for _, domain := range domains {
		for _, q := range c.prepare(domainTarget(domain), lists) {
			if !slices.ContainsFunc(all, q.same) {
				all = append(all, q)
			}
		}
	}
	return c.sweep(ctx, all)
}

// target is what the lists are asked about; the zero value is nothing that can
// be asked.
type target struct {
	kind  Kind
	shown string // as a person writes it
	name  string // as it stands in front of a zone
}

func addressTarget(ip netip.Addr) target {
	if ip = ip.Unmap().WithZone(""); !ip.IsValid() {
		return target{}
	}
	return target{KindOf(ip), ip.String(), reversed(ip)}
}

func domainTarget(domain string) target {
	name := strings.ToLower(strings.TrimSuffix(domain, "."))
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		name = ascii
	}
	if _, err := netip.ParseAddr(name); err == nil || !isHostName(name) {
		return target{}
	}
	return target{DomainName, name, name}
}

// registrable is the domain that a host name belongs to.
func (t target) registrable() target {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(t.name); t.kind == DomainName && err == nil {
		return target{t.kind, domain, domain}
	}
	return t
}

// reversed is an address as it stands in front of a zone: its octets, or its
// nibbles, backwards (RFC 5782 sections 2.1 and 2.4). An IPv4 address mapped
// into IPv6 stays IPv6: the IPv6 control entries are such addresses.
func reversed(ip netip.Addr) string {
	if ip.Is4() {
		b := ip.As4()
		return fmt.Sprintf("%d.%d.%d.%d", b[3], b[2], b[1], b[0])
	}
	const hex = "0123456789abcdef"
	b := ip.As16()
	name := make([]byte, 0, 64)
	for _, octet := range slices.Backward(b[:]) {
		name = append(name, hex[octet&15], '.', hex[octet>>4], '.')
	}
	return string(name[:len(name)-1])
}

// sweep asks every list that can be asked, in the order of the table, so that
// a deadline cuts the least important off.
func (c Checker) sweep(ctx context.Context, inquiries []inquiry) []Result {
	open := 0
	for _, q := range inquiries {
		if q.open() {
			open++
		}
	}
	var lies []netip.Addr
	var running sync.WaitGroup
	if open > 0 {
		running.Go(func() { lies = c.lies(ctx) })
	}
	slots := make(chan struct{}, c.parallel())
	var through atomic.Int64
	for i := range inquiries {
		q := &inquiries[i]
		if !q.open() {
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := c.patience(ctx)
			defer cancel()
			began := time.Now()
			q.run(ctx)
			q.result.Took = time.Since(began)
			if c.Answered != nil {
				c.Answered(int(through.Add(1)), open)
			}
		})
	}
	running.Wait()
	results := make([]Result, len(inquiries))
	for i := range inquiries {
		inquiries[i].doubt(lies)
		results[i] = inquiries[i].result
	}
	return results
}

func (c Checker) parallel() int {
	if c.Parallel > 0 {
		return c.Parallel
	}
	return defaultParallel
}

func (c Checker) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(max(c.Patience, 0), defaultPatience))
}

// Keyed gives the lists that our keys open for a kind of target: worth asking
// beside the Default ones.
func (c Checker) Keyed(lists []List, kind Kind) []List {
	var set []List
	for _, l := range lists {
		if l.Key && l.takes(kind) && c.key(l.Zone) != "" {
			set = append(set, l)
		}
	}
	return set
}

// lies asks the resolver for two names that cannot exist, and gives the
// addresses that it has for them: none, unless it makes answers up. Some
// resolvers know that .invalid is reserved (RFC 6761 section 6.4) and are
// honest only there, so a real domain is asked too.
func (c Checker) lies(ctx context.Context) []netip.Addr {
	ctx, cancel := c.patience(ctx)
	defer cancel()
	q := inquiry{resolver: c.Resolver}
	var first, second []netip.Addr
	var both sync.WaitGroup
	both.Go(func() { _, first = q.addresses(ctx, c.nobody()+".invalid.") })
	both.Go(func() { _, second = q.addresses(ctx, c.nobody()+".example.com.") })
	both.Wait()
	return append(first, second...)
}

func (c Checker) nobody() string {
	if c.Nobody != "" {
		return c.Nobody
	}
	return strings.ToLower(rand.Text())
}

// inquiry asks one list about one target.
type inquiry struct {
	resolver dnscheck.Resolver
	list     List
	kind     Kind
	name     string // the question is name + suffix
	suffix   string // the list's zone, with the key where it needs one: secret
	key      string
	nobody   string // as in Checker
	result   Result
	seen     []netip.Addr // every address that the status rests on
}

// prepare gives an inquiry for each list, with what is known without asking;
// the status stays empty where the list has to be asked.
func (c Checker) prepare(t target, lists []List) []inquiry {
	all := make([]inquiry, len(lists))
	for i, l := range lists {
		about := t
		if l.Registrable {
			about = t.registrable()
		}
		all[i] = c.inquire(l, about)
	}
	return all
}

func (c Checker) inquire(l List, t target) inquiry {
	fill := strings.NewReplacer("{ip}", t.shown, "{domain}", t.shown)
	q := inquiry{resolver: c.Resolver, list: l, kind: t.kind, name: t.name, suffix: "." + l.Zone + ".", nobody: c.nobody()}
	q.result = Result{
		Zone: l.Zone, Operator: l.Operator, Tier: l.Tier, Weight: l.Weight, Scope: l.Scope, Target: t.shown, Codes: []netip.Addr{},
		LookupURL: fill.Replace(l.LookupURL), DelistURL: fill.Replace(l.DelistURL), DelistRule: l.DelistRule,
		Closed: l.Closed, Died: l.Died,
	}
	switch {
	case l.Tier == DeadTier:
		q.conclude(Dead, MeaningClosed)
	case t.kind == "":
		q.conclude(NotAsked, MeaningBadTarget)
	case !l.takes(t.kind):
		q.conclude(NotAsked, MeaningWrongKind)
	case l.Key:
		if q.key = c.key(l.Zone); q.key == "" {
			q.conclude(NotAsked, MeaningNoKey)
		}
		q.suffix = "." + q.key + q.suffix
	}
	return q
}

// key finds the key that opens a zone: its own, or that of the nearest parent.
// What cannot stand in a name is no key.
func (c Checker) key(zone string) string {
	for name := zone; name != ""; _, name, _ = strings.Cut(name, ".") {
		if key, ok := c.Keys[name]; ok && isLabel(strings.ToLower(key)) {
			return key
		}
	}
	return ""
}

func (q inquiry) open() bool { return q.result.Status == "" }

// same says whether two inquiries would ask the same.
func (q inquiry) same(p inquiry) bool { return q.name == p.name && q.list.Zone == p.list.Zone }

func (q *inquiry) conclude(s Status, meaning string) {
	q.result.Status, q.result.Meaning = s, meaning
}

// run asks for the target first, and then for the control entry that the
// answer needs (RFC 5782 section 5): silence has to come from a list that
// speaks, and a listing from one that does not list everything. The reason is
// fetched beside the control entry, so a list costs two round trips: of a list
// that lists everybody, or whose code nobody knows, it often tells why.
func (q *inquiry) run(ctx context.Context) {
	answer, codes := q.addresses(ctx, q.name+q.suffix)
	q.result.Codes, q.seen = codes[:min(len(codes), maxCodes)], codes
	effect, labels := q.list.read(codes)
	switch {
	case !answer.Status.Known():
		q.unanswered(answer.Status)
	case effect == meansParked:
		q.conclude(Dead, MeaningParked)
	case effect == MeansError:
		q.conclude(Refused, labels)
		q.explain(ctx)
	case effect == MeansAllow:
		q.conclude(AllowListed, labels)
	case effect == meansNothing, effect == MeansNeutral:
		q.proveAlive(ctx, answer, labels)
	default:
		var explained sync.WaitGroup
		explained.Go(func() { q.explain(ctx) })
		q.proveSelective(ctx, effect, labels)
		explained.Wait()
	}
}

func (q *inquiry) unanswered(s dnscheck.Status) {
	meaning := cmp.Or(q.list.Silence, string(s))
	switch s {
	case dnscheck.Refused:
		q.conclude(Refused, meaning)
	case dnscheck.ServFail, dnscheck.Timeout:
		q.conclude(NoAnswer, meaning)
	default:
		q.conclude(NoAnswer, string(s))
	}
}

// proveAlive decides what the absence of a listing is worth.
func (q *inquiry) proveAlive(ctx context.Context, answer dnscheck.Answer, labels string) {
	if q.list.MustList == "none" {
		q.conclude(NotProven, MeaningNoTestEntry)
		return
	}
	control, codes := q.addresses(ctx, q.control(q.list.MustList, "127.0.0.2", "test")+q.suffix)
	q.seen = append(slices.Clip(q.seen), codes...)
	switch effect, why := q.list.read(codes); {
	case control.Status == dnscheck.Refused:
		q.unanswered(control.Status)
	case effect == MeansError:
		q.conclude(Refused, why)
	case !control.Status.Known():
		q.conclude(NotProven, string(control.Status))
	case effect != meansNothing && effect != meansParked:
		q.conclude(NotListed, labels)
	case answer.Status == dnscheck.NXDomain && isTopLevel(answer.Authority):
		q.conclude(NotProven, MeaningZoneGone)
	default:
		q.conclude(NotProven, MeaningTestSilent)
	}
}

// isTopLevel says whether the owner of a negative answer's SOA is a top-level
// domain or the root: then not even the domain that the list stood under
// exists. A missing SOA shows nothing, since many list servers send none.
func isTopLevel(owner string) bool {
	return owner == "." || owner != "" && !strings.Contains(owner, ".")
}

// proveSelective decides what a listing, or a code that nobody explains, is
// worth.
func (q *inquiry) proveSelective(ctx context.Context, effect Effect, labels string) {
	control, codes := q.addresses(ctx, q.control(q.list.MustNotList, "127.0.0.1", "invalid")+q.suffix)
	q.seen = append(slices.Clip(q.seen), codes...)
	switch also, why := q.list.read(codes); {
	case control.Status == dnscheck.Refused:
		q.unanswered(control.Status)
	case also == MeansError:
		q.conclude(Refused, why)
	case also == MeansListing, also == MeansPolicy, also == meansUnknown:
		q.conclude(Dead, MeaningWildcard)
	case effect == meansUnknown:
		q.conclude(UnknownCode, labels)
	case !control.Status.Known(), also == meansParked:
		q.conclude(NotProven, MeaningControlFailed)
	default:
		q.conclude(Listed, labels)
		q.result.Policy = effect == MeansPolicy
	}
}

// control is the name of a control entry: the list's own, where it has one,
// else the standard's.
func (q *inquiry) control(own, address, label string) string {
	switch {
	case own == "random":
		return q.nobody
	case own == "" && q.kind == DomainName:
		return label
	}
	entry := cmp.Or(own, address)
	ip, err := netip.ParseAddr(entry)
	if err != nil {
		return entry
	}
	if q.kind == IPv6 {
		ip = netip.AddrFrom16(ip.As16()) // ::ffff:7f00:2, asked as 32 nibbles
	}
	return reversed(ip)
}

// maxCodes and maxReason bound what is kept of an answer.
const (
	maxCodes  = 32
	maxReason = 512
)

// addresses looks a name up. The addresses are never nil.
func (q *inquiry) addresses(ctx context.Context, name string) (dnscheck.Answer, []netip.Addr) {
	codes := []netip.Addr{}
	answer := q.lookup(ctx, name, dnscheck.TypeA)
	for _, r := range answer.Records {
		if r.Type == dnscheck.TypeA {
			codes = append(codes, r.Addr)
		}
	}
	slices.SortFunc(codes, netip.Addr.Compare)
	return answer, slices.Compact(codes)
}

func (q *inquiry) lookup(ctx context.Context, name string, t dnscheck.Type) dnscheck.Answer {
	answer, err := q.resolver.Lookup(ctx, dnscheck.Question{Name: name, Type: t})
	switch {
	case err == nil:
		return answer
	case ctx.Err() != nil:
		return dnscheck.Answer{Status: dnscheck.Timeout}
	}
	return dnscheck.Answer{Status: dnscheck.Failed}
}

// explain fetches the list's reason: the TXT record of the very name that was
// asked. A reason that quotes the name would give the key away.
func (q *inquiry) explain(ctx context.Context) {
	var reasons []string
	for _, r := range q.lookup(ctx, q.name+q.suffix, dnscheck.TypeTXT).Records {
		if r.Type == dnscheck.TypeTXT {
			reasons = append(reasons, r.Text)
		}
	}
	reason := strings.Join(reasons, "; ")
	if q.key != "" {
		reason = regexp.MustCompile("(?i)"+regexp.QuoteMeta(q.key)).ReplaceAllString(reason, "<key>")
	}
	q.result.Reason = shorten(reason, maxReason)
}

// shorten cuts s to n bytes at most, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// doubt takes a status back where it rests on an address that the resolver
// also gives for names that do not exist. Once a resolver is caught, nothing
// outside the code space is the list's own answer either.
func (q *inquiry) doubt(lies []netip.Addr) {
	if len(lies) == 0 {
		return
	}
	if slices.ContainsFunc(q.seen, func(a netip.Addr) bool { return slices.Contains(lies, a) || !codeSpace.Contains(a) }) {
		q.conclude(LyingDNS, "")
		q.result.Policy, q.result.Reason = false, ""
	}
}
