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
	"time"
	"unicode/utf8"

	"diagnose/dnscheck"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Checker asks block lists. Its Resolver must be the one that the verdict is
// to hold for: lists refuse public resolvers.
type Checker struct {
	Resolver dnscheck.Resolver
	Parallel int               // lists asked at once; 0 means 16
	Keys     map[string]string // by zone or a parent of it, "dq.spamhaus.net"; secret
}

// CheckIP asks the lists about an address, all at once, and gives their
// results in the order of the lists. A list is sent at most two questions and
// one for its reason; a sweep two more, to see whether the resolver lies. An
// IPv4 address mapped into IPv6 is asked as IPv4, a zone ("%eth0") is dropped.
//
// It asks about whatever it is given: whether an address should be asked about
// at all (private, loopback) is for the caller to say. Cancelling ctx makes
// what is not answered by then NoAnswer.
func (c Checker) CheckIP(ctx context.Context, ip netip.Addr, lists []List) []Result {
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() {
		return c.sweep(ctx, target{}, lists)
	}
	name := reversed(ip)
	return c.sweep(ctx, target{kind: KindOf(ip), shown: ip.String(), name: name, registrable: name}, lists)
}

// CheckDomain asks the lists about a domain or host name, as CheckIP does
// about an address. Internationalised names are asked in their ASCII form.
// Nothing is asked about what is no domain name of two labels or more.
func (c Checker) CheckDomain(ctx context.Context, domain string, lists []List) []Result {
	name := strings.ToLower(strings.TrimSuffix(domain, "."))
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		name = ascii
	}
	if _, err := netip.ParseAddr(name); err == nil || !isHostName(name) {
		return c.sweep(ctx, target{}, lists)
	}
	registrable, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		registrable = name
	}
	return c.sweep(ctx, target{kind: DomainName, shown: name, name: name, registrable: registrable}, lists)
}

// target is what the lists are asked about; the zero value is nothing that can
// be asked.
type target struct {
	kind        Kind
	shown       string // as a person writes it
	name        string // as it stands in front of a zone
	registrable string // likewise, for lists of registrable domains
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
func (c Checker) sweep(ctx context.Context, t target, lists []List) []Result {
	inquiries := make([]inquiry, len(lists))
	for i, l := range lists {
		inquiries[i] = c.prepare(l, t)
	}
	var lies []netip.Addr
	var running sync.WaitGroup
	if slices.ContainsFunc(inquiries, inquiry.open) {
		running.Go(func() { lies = c.lies(ctx) })
	}
	slots := make(chan struct{}, c.parallel())
	for i := range inquiries {
		q := &inquiries[i]
		if !q.open() {
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			began := time.Now()
			q.run(ctx)
			q.result.Took = time.Since(began)
		})
	}
	running.Wait()
	results := make([]Result, len(lists))
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
	return 16
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
	q := inquiry{resolver: c.Resolver}
	var first, second []netip.Addr
	var both sync.WaitGroup
	both.Go(func() { _, first = q.addresses(ctx, randomLabel()+".invalid.") })
	both.Go(func() { _, second = q.addresses(ctx, randomLabel()+".example.com.") })
	both.Wait()
	return append(first, second...)
}

func randomLabel() string { return strings.ToLower(rand.Text()) }

// inquiry asks one list about one target.
type inquiry struct {
	resolver dnscheck.Resolver
	list     List
	kind     Kind
	name     string // the question is name + suffix
	suffix   string // the list's zone, with the key where it needs one: secret
	key      string
	result   Result
	seen     []netip.Addr // every address that the status rests on
}

// prepare fills in what is known without asking; the status stays empty where
// the list has to be asked.
func (c Checker) prepare(l List, t target) inquiry {
	fill := strings.NewReplacer("{ip}", t.shown, "{domain}", t.shown)
	q := inquiry{resolver: c.Resolver, list: l, kind: t.kind, name: t.name, suffix: "." + l.Zone + "."}
	q.result = Result{
		Zone: l.Zone, Operator: l.Operator, Tier: l.Tier, Weight: l.Weight, Scope: l.Scope, Codes: []netip.Addr{},
		LookupURL: fill.Replace(l.LookupURL), DelistURL: fill.Replace(l.DelistURL),
	}
	if l.Registrable {
		q.name = t.registrable
	}
	switch {
	case l.Tier == DeadTier:
		q.conclude(Dead, l.epitaph())
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

func (l List) epitaph() string {
	return strings.TrimSpace("closed "+l.Closed) + ": " + l.Died
}

func (q inquiry) open() bool { return q.result.Status == "" }

func (q *inquiry) conclude(s Status, meaning string) {
	q.result.Status, q.result.Meaning = s, meaning
}

// run asks for the target first, and then for the control entry that the
// answer needs (RFC 5782 section 5): silence has to come from a list that
// speaks, and a listing from one that does not list everything.
func (q *inquiry) run(ctx context.Context) {
	answer, codes := q.addresses(ctx, q.name+q.suffix)
	q.result.Codes, q.seen = codes, codes
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
		q.proveSelective(ctx, effect, labels)
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
	case effect != meansNothing && effect != meansParked:
		q.conclude(NotListed, labels)
	case answer.Status == dnscheck.NXDomain && isTopLevel(answer.Authority):
		q.conclude(NotProven, MeaningZoneGone)
	default:
		q.conclude(NotProven, MeaningTestSilent)
	}
}

// isTopLevel says whether the owner of a negative answer's SOA is a top-level
// domain: then not even the domain that the list stood under exists. A missing
// SOA shows nothing, since many list servers send none.
func isTopLevel(owner string) bool { return owner != "" && !strings.Contains(owner, ".") }

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
		q.explain(ctx)
	}
}

// control is the name of a control entry: the list's own, where it has one,
// else the standard's.
func (q *inquiry) control(own, address, label string) string {
	switch {
	case own == "random":
		return randomLabel()
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
	codes = slices.Compact(codes)
	return answer, codes[:min(len(codes), maxCodes)]
}

func (q *inquiry) lookup(ctx context.Context, name string, t dnscheck.Type) dnscheck.Answer {
	answer, err := q.resolver.Lookup(ctx, dnscheck.Question{Name: name, Type: t})
	if err != nil {
		return dnscheck.Answer{Status: dnscheck.Failed}
	}
	return answer
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
