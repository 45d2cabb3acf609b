package rbl

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/net/publicsuffix"
)

// List is one block list, and how to read it. In brackets stands what LoadLists
// puts where the file says nothing.
type List struct {
	Zone        string   `toml:"zone"`          // lower case, without the trailing dot and without a key
	Aliases     []string `toml:"aliases"`       // other names that mean this list in a server's reply
	Kinds       []Kind   `toml:"kinds"`         // what it can be asked about [ip4]; empty for a dead list
	Operator    string   `toml:"operator"`      // who runs it
	Tier        Tier     `toml:"tier"`          // [minor]
	Scope       string   `toml:"scope"`         // what one entry covers: [ip], range, asn, domain
	Weight      Weight   `toml:"weight"`        // [low]
	Codes       []Code   `toml:"codes"`         // the first that fits counts, bits add up [127.0.0.2 is a listing]
	MustList    string   `toml:"must_list"`     // its test entry, an address or a label; "none" [RFC 5782 section 5]
	MustNotList string   `toml:"must_not_list"` // what it never lists; "random": a random label [RFC 5782 section 5]
	Registrable bool     `toml:"registrable"`   // it lists registrable domains only, not the hosts in them
	Key         bool     `toml:"key"`           // the question needs a key: <target>.<key>.<zone>
	Silence     string   `toml:"silence"`       // what a failed lookup usually means here, a Meaning
	LookupURL   string   `toml:"lookup_url"`    // {ip} and {domain} stand for the target
	DelistURL   string   `toml:"delist_url"`    // likewise
	DelistRule  string   `toml:"delist_rule"`   // how an entry comes off
	Terms       string   `toml:"terms"`         // the operator's limits
	Closed      string   `toml:"-"`             // dead lists: when, as 2006-01-02, 2006-01 or 2006; may be empty
	Died        Death    `toml:"-"`             // dead lists: how
}

// Kind is what a list can be asked about.
type Kind string

// The kinds. Lists of mail addresses are known by name only.
const (
	IPv4       Kind = "ip4"
	IPv6       Kind = "ip6"
	DomainName Kind = "domain"
	Email      Kind = "email"
)

// Unlisted is a list that no table has, as a reply may name one: small, or
// somebody's own. It is asked and read by the common rules alone (RFC 5782
// section 2). False where the name can be no zone.
func Unlisted(zone string) (List, bool) {
	zone = plainName(zone)
	if !isHostName(zone) {
		return List{}, false
	}
	l := List{
		Zone: zone, Tier: Other, Kinds: []Kind{IPv4, IPv6, DomainName},
		Codes: []Code{{Span: Span{standard, netip.MustParseAddr("127.255.254.255")}}},
	}
	l.defaults()
	return l, true
}

// KindOf is the kind of an address; an IPv4 address mapped into IPv6 is IPv4.
func KindOf(ip netip.Addr) Kind {
	if ip.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// Code says what an answer means. Span and Bit exclude one another.
type Code struct {
	Span   Span   `toml:"code"`
	Bit    uint8  `toml:"bit"`    // a power of two, tested in the last octet of 127.0.0.x
	Label  string `toml:"label"`  // the list's own name for it ["listed"]
	Effect Effect `toml:"effect"` // [listing]
}

// Span is an inclusive range of addresses, written "127.0.0.4" or
// "127.0.0.4-127.0.0.7".
type Span struct{ From, To netip.Addr }

// UnmarshalText reads a span inside 127.0.0.0/8 and refuses everything else.
func (s *Span) UnmarshalText(text []byte) error {
	from, to, isRange := strings.Cut(string(text), "-")
	if !isRange {
		to = from
	}
	var err1, err2 error
	s.From, err1 = netip.ParseAddr(from)
	s.To, err2 = netip.ParseAddr(to)
	if err1 != nil || err2 != nil || !codeSpace.Contains(s.From) || !codeSpace.Contains(s.To) || s.To.Less(s.From) {
		return fmt.Errorf("%q is no code: want an address in 127.0.0.0/8, or two with a hyphen between", text)
	}
	return nil
}

// Effect is what a code does to the target.
type Effect string

// The effects.
const (
	MeansListing Effect = "listing" // an accusation
	MeansPolicy  Effect = "policy"  // a listing, but only of an address or domain that should not send (yet)
	MeansAllow   Effect = "allow"   // good news
	MeansNeutral Effect = "neutral" // a fact, a score, statistics: no listing
	MeansError   Effect = "error"   // the list refuses to answer
)

var (
	codeSpace  = netip.MustParsePrefix("127.0.0.0/8")
	errorCodes = netip.MustParsePrefix("127.255.255.0/24")
	bitField   = Span{netip.MustParseAddr("127.0.0.0"), netip.MustParseAddr("127.0.0.255")}
	standard   = netip.MustParseAddr("127.0.0.2") // RFC 5782 section 2.1
)

// What an answer can be beside what a table says.
const (
	meansNothing Effect = ""
	meansParked  Effect = "parked"  // an address outside the code space: some web server
	meansUnknown Effect = "unknown" // a code that the table does not have
)

// precedence settles what several addresses in one answer mean together. What
// says that the answer is no verdict goes before good news, and that before
// accusations.
var precedence = []Effect{
	meansParked, MeansError, MeansAllow, MeansListing, MeansPolicy, meansUnknown, MeansNeutral, meansNothing,
}

// read says what the addresses of one answer mean together, and gives the
// labels of all of them.
func (l List) read(codes []netip.Addr) (Effect, string) {
	verdict := meansNothing
	var labels []string
	note := func(e Effect, label string) {
		if slices.Index(precedence, e) < slices.Index(precedence, verdict) {
			verdict = e
		}
		if label != "" && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	for _, a := range codes {
		l.readOne(a, note)
	}
	return verdict, strings.Join(labels, "; ")
}

func (l List) readOne(a netip.Addr, note func(Effect, string)) {
	if !codeSpace.Contains(a) {
		note(meansParked, "")
		return
	}
	found := false
	for _, c := range l.Codes {
		if !c.matches(a) || c.Effect != MeansError && errorCodes.Contains(a) {
			continue
		}
		note(c.Effect, c.Label)
		if found = true; c.Bit == 0 {
			return
		}
	}
	switch {
	case found:
	case errorCodes.Contains(a):
		note(MeansError, errorMeaning(a))
	default:
		note(meansUnknown, "")
	}
}

// errorMeaning explains the error codes that Spamhaus began and others took
// over.
func errorMeaning(a netip.Addr) string {
	switch a.As4()[3] {
	case 252:
		return MeaningZoneTypo
	case 254:
		return MeaningPublicResolver
	case 255:
		return MeaningOverLimit
	}
	return MeaningRefused
}

func (c Code) matches(a netip.Addr) bool {
	return !a.Less(c.Span.From) && !c.Span.To.Less(a) && (c.Bit == 0 || a.As4()[3]&c.Bit != 0)
}

// ClosedBy says whether the list had certainly closed at t; false too where
// the date is not known.
func (l List) ClosedBy(t time.Time) bool {
	day := t.UTC().Format(time.DateOnly)
	return l.Closed != "" && (day == l.Closed || day[:len(l.Closed)] > l.Closed)
}

// takes says whether the list can be asked about a kind of target.
func (l List) takes(k Kind) bool { return slices.Contains(l.Kinds, k) }

//go:embed lists.toml
var builtin []byte

// Builtin is the table that this package comes with, most important list
// first. Each call reads it afresh, in one or two milliseconds: keep the result.
func Builtin() []List {
	lists, err := LoadLists(bytes.NewReader(builtin))
	if err != nil {
		return nil // not reached: the tests load the very file
	}
	return lists
}

// maxFile bounds a table of lists; the built-in one is a thirtieth of it.
const maxFile = 1 << 20

// LoadLists reads a table of lists, in the form that the built-in lists.toml
// explains at its top. It is strict: unknown keys, unknown values, impossible
// codes and names that occur twice are errors that give the line.
func LoadLists(r io.Reader) ([]List, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, errors.New("block lists: file is longer than 1 MiB")
	}
	var t table
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&t); err != nil {
		return nil, locate(err)
	}
	seen := map[string]bool{}
	var lists []List
	for _, e := range t.entries() {
		if err := e.complete(seen); err != nil {
			return nil, fmt.Errorf("block lists: %s%w", e.line(text), err)
		}
		lists = append(lists, e.List)
	}
	return lists, nil
}

// table is the file: lists in full, and two short forms.
type table struct {
	List  []List   `toml:"list"`
	Other []family `toml:"other"`
	Dead  []family `toml:"dead"`
}

// family is a group of lists of which little more than the names are known.
type family struct {
	Operator string   `toml:"operator"`
	Zones    []string `toml:"zones"`
	Aliases  []string `toml:"aliases"` // of the first zone
	Closed   string   `toml:"closed"`
	Died     Death    `toml:"died"`
}

// entry is a list and the section that it stands in.
type entry struct {
	List
	section string
	index   int
}

func (t table) entries() []entry {
	var all []entry
	for i, l := range t.List {
		all = append(all, entry{l, "list", i})
	}
	for i, f := range t.Other {
		all = append(all, f.entries("other", i, Other)...)
	}
	for i, f := range t.Dead {
		all = append(all, f.entries("dead", i, DeadTier)...)
	}
	return all
}

func (f family) entries(section string, index int, tier Tier) []entry {
	if len(f.Zones) == 0 {
		f.Zones = []string{""}
	}
	var all []entry
	aliases := f.Aliases
	for _, zone := range f.Zones {
		l := List{Zone: zone, Aliases: aliases, Operator: f.Operator, Tier: tier, Closed: f.Closed, Died: f.Died}
		all = append(all, entry{l, section, index})
		aliases = nil
	}
	return all
}

// complete fills the defaults in and checks the list; seen are the names that
// other lists have.
func (e *entry) complete(seen map[string]bool) error {
	e.defaults()
	if err := e.check(); err != nil {
		return fmt.Errorf("list %q: %w", e.Zone, err)
	}
	for _, name := range append([]string{e.Zone}, e.Aliases...) {
		if name != plainName(name) || name == "" {
			return fmt.Errorf("list %q: name %q is not plain: no capitals, URLs or dots at the end", e.Zone, name)
		}
		if seen[name] {
			return fmt.Errorf("name %q occurs twice", name)
		}
		seen[name] = true
	}
	return nil
}

func (l *List) defaults() {
	l.Tier = cmp.Or(l.Tier, Minor)
	l.Weight = cmp.Or(l.Weight, Low)
	l.Scope = cmp.Or(l.Scope, "ip")
	if l.Tier == DeadTier {
		return
	}
	if len(l.Kinds) == 0 {
		l.Kinds = []Kind{IPv4}
	}
	if len(l.Codes) == 0 {
		l.Codes = []Code{{Span: Span{standard, standard}}}
	}
	for i := range l.Codes {
		c := &l.Codes[i]
		c.Label = cmp.Or(c.Label, "listed")
		c.Effect = cmp.Or(c.Effect, MeansListing)
	}
}

// check says what is wrong with a list; it also turns the bits of its codes
// into spans.
func (e *entry) check() error {
	if !isHostName(e.Zone) {
		return errors.New("zone is no domain name")
	}
	if (e.Tier == DeadTier) != (e.section == "dead") {
		return errors.New("closed lists, and only those, stand under [[dead]]")
	}
	if e.section == "dead" {
		return e.checkDeath()
	}
	err := errors.Join(
		known("tier", e.Tier, Core, Minor, Neighbour, Domain, Allow, Keyed, Other),
		known("weight", e.Weight, High, Medium, Low),
		known("scope", e.Scope, "ip", "range", "asn", "domain"),
		known("silence", e.Silence, "", MeaningNotRegistered, MeaningKeyRefused),
		checkURL(e.LookupURL), checkURL(e.DelistURL),
	)
	for _, k := range e.Kinds {
		err = errors.Join(err, known("kind", k, IPv4, IPv6, DomainName, Email))
	}
	for i := range e.Codes {
		err = errors.Join(err, e.Codes[i].check())
	}
	return err
}

func (e *entry) checkDeath() error {
	if e.Closed != "" {
		if len(e.Closed) > len(time.DateOnly) {
			return fmt.Errorf("closed %q is no date", e.Closed)
		}
		if _, err := time.Parse(time.DateOnly[:len(e.Closed)], e.Closed); err != nil {
			return fmt.Errorf("closed %q is no date", e.Closed)
		}
	}
	return known("died", e.Died, DiedWildcard, DiedParked, DiedEmptied, DiedUnreachable, DiedWithdrawn, DiedUnsafe)
}

func (c *Code) check() error {
	switch {
	case c.Span.From.IsValid() == (c.Bit != 0):
		return errors.New("a code is an address, a span or a bit")
	case c.Bit&(c.Bit-1) != 0:
		return fmt.Errorf("bit %d is not a power of two", c.Bit)
	case c.Bit != 0:
		c.Span = bitField
	case c.Effect != MeansError && !c.Span.To.Less(errorCodes.Addr()):
		return fmt.Errorf("%s is an error code everywhere", errorCodes)
	}
	return known("effect", c.Effect, MeansListing, MeansPolicy, MeansAllow, MeansNeutral, MeansError)
}

func checkURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(strings.NewReplacer("{ip}", "", "{domain}", "").Replace(s))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q is no web address", s)
	}
	return nil
}

func known[T ~string](what string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s %q is none of %q", what, value, allowed)
}

// line gives the line of the section's header, as "line 12: ", or nothing
// where the section is written in another form.
func (e *entry) line(text []byte) string {
	left := e.index
	for i, line := range bytes.Split(text, []byte("\n")) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("[["+e.section+"]]")) {
			continue
		}
		if left == 0 {
			return fmt.Sprintf("line %d: ", i+1)
		}
		left--
	}
	return ""
}

// locate puts the line in front of what the TOML reader complains of.
func locate(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		line, _ := first.Position()
		return fmt.Errorf("block lists: line %d: unknown key %q", line, strings.Join(first.Key(), "."))
	}
	var syntax *toml.DecodeError
	if errors.As(err, &syntax) {
		line, _ := syntax.Position()
		return fmt.Errorf("block lists: line %d: %w", line, err)
	}
	return fmt.Errorf("block lists: %w", err)
}

// Default is the set to ask about a kind of target: the core and minor lists,
// and those of the neighbourhood (to show, not to alarm) or of domains.
func Default(lists []List, kind Kind) []List {
	var set []List
	for _, l := range lists {
		switch l.Tier {
		case Core, Minor, Neighbour, Domain:
			if l.takes(kind) {
				set = append(set, l)
			}
		}
	}
	return set
}

// Find gives the list that a server's reply means. The name may be a zone, a
// name inside it ("9.2.0.192.bl.example", "<key>.bl.example"), the list's page
// on the web ("www.operator.example/query?ip=192.0.2.9"), the operator's
// domain, or a spoken name that the table has as an alias. Where an operator
// has several lists, the first in the table is meant. A stranger's name beside
// a known zone ("private.operator.example") is not found: it is another list.
func Find(lists []List, name string) (List, bool) {
	name = plainName(name)
	if name == "" || len(name) > maxName {
		return List{}, false
	}
	for n := name; n != ""; _, n, _ = strings.Cut(n, ".") {
		if l := first(lists, func(l *List) bool { return l.Zone == n || slices.Contains(l.Aliases, n) }); l != nil {
			return *l, true
		}
	}
	if l := first(lists, func(l *List) bool { return l.hasPage(name) }); l != nil {
		return *l, true
	}
	operator := strings.TrimPrefix(name, "www.")
	if _, err := publicsuffix.EffectiveTLDPlusOne(operator); err != nil {
		return List{}, false
	}
	if l := first(lists, func(l *List) bool { return strings.HasSuffix(l.Zone, "."+operator) }); l != nil {
		return *l, true
	}
	return List{}, false
}

// first is the first list of that kind; nil where there is none.
func first(lists []List, is func(*List) bool) *List {
	for i := range lists {
		if is(&lists[i]) {
			return &lists[i]
		}
	}
	return nil
}

func (l *List) hasPage(host string) bool {
	return isAt(l.LookupURL, host) || isAt(l.DelistURL, host)
}

// isAt says whether a page is one of a host in lower case.
func isAt(page, host string) bool {
	rest := strings.TrimPrefix(strings.TrimPrefix(page, "https://"), "http://")
	return len(rest) >= len(host) && strings.EqualFold(rest[:len(host)], host) &&
		(len(rest) == len(host) || strings.IndexByte("/?#:", rest[len(host)]) >= 0)
}

// plainName is the host of a URL, or the name itself, in lower case and
// without the punctuation that text leaves around it.
func plainName(s string) string {
	s = strings.ToLower(s)
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	if i := strings.IndexAny(s, "/?#:"); i >= 0 {
		s = s[:i]
	}
	return strings.Trim(s, " \t\r\n.,;'\"()[]<>{}")
}

// maxName is how long a domain name can be written (RFC 1035 section 2.3.4).
const maxName = 253

// isHostName says whether s is a lower-case domain name of two labels or more,
// made of letters, digits, hyphens and underscores.
func isHostName(s string) bool {
	if len(s) > maxName || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel says whether s can stand between the dots of a host name.
func isLabel(s string) bool {
	return len(s) > 0 && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
