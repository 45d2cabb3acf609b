package rbl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/dnscheck"
)

// world is a DNS in memory. A name that it does not hold does not exist.
type world struct {
	records  map[string][]string        // by "name." or "*.zone.": addresses, or texts after a quote
	statuses map[string]dnscheck.Status // by zone: how everything in it fails
	soa      string                     // the authority of every NXDOMAIN
	liesAll  string                     // what a lying resolver puts in place of NXDOMAIN

	mu    sync.Mutex
	asked []dnscheck.Question
}

func (w *world) Lookup(ctx context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	w.mu.Lock()
	w.asked = append(w.asked, q)
	w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return dnscheck.Answer{}, err
	}
	for zone, status := range w.statuses {
		if !strings.HasSuffix(q.Name, "."+zone+".") {
			continue
		}
		if status == dnscheck.Timeout {
			select {
			case <-ctx.Done():
				return dnscheck.Answer{}, ctx.Err()
			case <-time.After(6 * time.Second): // two tries of a client
			}
		}
		return dnscheck.Answer{Question: q, Status: status}, nil
	}
	values, ok := w.records[q.Name]
	for name := q.Name; !ok && name != ""; {
		_, name, _ = strings.Cut(name, ".")
		values, ok = w.records["*."+name]
	}
	if !ok && w.liesAll != "" {
		values, ok = []string{w.liesAll}, true
	}
	if !ok {
		return dnscheck.Answer{Question: q, Status: dnscheck.NXDomain, Authority: w.soa}, nil
	}
	return dnscheck.Answer{Question: q, Status: dnscheck.OK, Records: records(q.Type, values)}, nil
}

func records(t dnscheck.Type, values []string) []dnscheck.Record {
	var all []dnscheck.Record
	for _, v := range values {
		switch text, isText := strings.CutPrefix(v, `"`); {
		case isText && t == dnscheck.TypeTXT:
			all = append(all, dnscheck.Record{Type: t, Text: text})
		case !isText && t == dnscheck.TypeA:
			all = append(all, dnscheck.Record{Type: t, Addr: netip.MustParseAddr(v)})
		}
	}
	return all
}

// count gives how often a zone was asked, for addresses and for texts.
func (w *world) count(zone string) (a, txt int) {
	for _, q := range w.asked {
		switch {
		case !strings.HasSuffix(q.Name, "."+zone+"."):
		case q.Type == dnscheck.TypeA:
			a++
		case q.Type == dnscheck.TypeTXT:
			txt++
		}
	}
	return a, txt
}

var (
	sender4 = netip.MustParseAddr("192.0.2.99")
	sender6 = netip.MustParseAddr("2001:db8::99")
)

const (
	name4 = "99.2.0.192"
	name6 = "9.9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
	test6 = "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	not6  = "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
)

// row writes one list for a test; the zone is bl.example.
func row(t *testing.T, lines ...string) List {
	t.Helper()
	return rows(t, "[[list]]\nzone = \"bl.example\"\n"+strings.Join(lines, "\n"))[0]
}

func rows(t testing.TB, text string) []List {
	t.Helper()
	lists, err := LoadLists(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

func builtinList(t *testing.T, zone string) List {
	t.Helper()
	l, ok := Find(Builtin(), zone)
	if !ok || l.Zone != zone {
		t.Fatalf("%s is not in the table", zone)
	}
	return l
}

func addrs(codes ...string) []netip.Addr {
	all := []netip.Addr{}
	for _, c := range codes {
		all = append(all, netip.MustParseAddr(c))
	}
	return all
}

func TestEachStateOfAListIsToldApart(t *testing.T) {
	plain := row(t)
	zen, hostkarma, spamrats := builtinList(t, "zen.spamhaus.org"), builtinList(t, "hostkarma.junkemailfilter.com"), builtinList(t, "all.spamrats.com")
	dnswl, surbl, uribl := builtinList(t, "list.dnswl.org"), builtinList(t, "multi.surbl.org"), builtinList(t, "multi.uribl.com")
	efnet := builtinList(t, "rbl.efnetrbl.org")
	const lure = "127.0.0.2"
	healthy := func(zone string, more ...string) map[string][]string {
		m := map[string][]string{"2.0.0.127." + zone + ".": {lure}, "test." + zone + ".": {lure}}
		if len(more) > 0 {
			m[name4+"."+zone+"."] = more
			m["bad.example."+zone+"."] = more
		}
		return m
	}
	everybody := func(zone, code string) map[string][]string { return map[string][]string{"*." + zone + ".": {code}} }

	tests := map[string]struct {
		list    List
		domain  bool
		world   *world
		want    Status
		codes   []netip.Addr
		meaning string
		reason  string
		a, txt  int
	}{
		"healthy, listed": {
			list: plain, world: &world{records: healthy("bl.example", "127.0.0.2", `"spam seen`)},
			want: Listed, codes: addrs("127.0.0.2"), meaning: "listed", reason: "spam seen", a: 2, txt: 1,
		},
		"healthy, not listed": {
			list: plain, world: &world{records: healthy("bl.example")},
			want: NotListed, a: 2,
		},
		"several codes": {
			list: zen, world: &world{records: healthy("zen.spamhaus.org", "127.0.0.9", "127.0.0.2", "127.0.0.10")},
			want: Listed, codes: addrs("127.0.0.2", "127.0.0.9", "127.0.0.10"), a: 2, txt: 1,
			meaning: "SBL: spam source or support; DROP: network in criminal hands; PBL: policy, end-user range named by the provider",
		},
		"public resolver refused": {
			list: zen, world: &world{records: map[string][]string{"*.zen.spamhaus.org.": {"127.255.255.254", `"Error: open resolver`}}},
			want: Refused, codes: addrs("127.255.255.254"), meaning: MeaningPublicResolver, reason: "Error: open resolver", a: 1, txt: 1,
		},
		"an error code beside a listing": {
			list: zen, world: &world{records: healthy("zen.spamhaus.org", "127.0.0.2", "127.255.255.255")},
			want: Refused, codes: addrs("127.0.0.2", "127.255.255.255"), meaning: "SBL: spam source or support; " + MeaningOverLimit, a: 1, txt: 1,
		},
		"error code of a list without a table": {
			list: plain, world: &world{records: everybody("bl.example", "127.255.255.7")},
			want: Refused, codes: addrs("127.255.255.7"), meaning: MeaningRefused, a: 1, txt: 1,
		},
		"wildcard": {
			list: plain, world: &world{records: everybody("bl.example", "127.0.0.2")},
			want: Dead, codes: addrs("127.0.0.2"), meaning: MeaningWildcard, a: 2, txt: 1,
		},
		"wildcard with a code that nobody knows": {
			list: plain, world: &world{records: everybody("bl.example", "127.0.0.1")},
			want: Dead, codes: addrs("127.0.0.1"), meaning: MeaningWildcard, a: 2, txt: 1,
		},
		"parked": {
			list: plain, world: &world{records: everybody("bl.example", "91.195.240.117")},
			want: Dead, codes: addrs("91.195.240.117"), meaning: MeaningParked, a: 1,
		},
		"a web server beside a listing": {
			list: plain, world: &world{records: healthy("bl.example", "127.0.0.2", "91.195.240.117")},
			want: Dead, codes: addrs("91.195.240.117", "127.0.0.2"), meaning: MeaningParked, a: 1,
		},
		"refused by 127.0.0.1": {
			list: uribl, domain: true, world: &world{records: everybody("multi.uribl.com", "127.0.0.1")},
			want: Refused, codes: addrs("127.0.0.1"), meaning: "query refused", a: 1, txt: 1,
		},
		"refused by a bit": {
			list: surbl, domain: true, world: &world{records: everybody("multi.surbl.org", "127.0.0.1")},
			want: Refused, codes: addrs("127.0.0.1"), meaning: "query blocked", a: 1, txt: 1,
		},
		"bits add up": {
			list: surbl, domain: true, world: &world{records: healthy("multi.surbl.org", "127.0.0.72")},
			want: Listed, codes: addrs("127.0.0.72"), meaning: "PH: phishing; ABUSE: spam", a: 2, txt: 1,
		},
		"a bit that the table does not have": {
			list: surbl, domain: true, world: &world{records: healthy("multi.surbl.org", "127.0.0.2")},
			want: UnknownCode, codes: addrs("127.0.0.2"), a: 2, txt: 1,
		},
		"allow list": {
			list: dnswl, world: &world{records: healthy("list.dnswl.org", "127.0.5.1")},
			want: AllowListed, codes: addrs("127.0.5.1"), meaning: "known sender, trust 0 to 3 in the last octet", a: 1,
		},
		"allow list that sabotages": {
			list: dnswl, world: &world{records: everybody("list.dnswl.org", "127.0.10.3")},
			want: Refused, codes: addrs("127.0.10.3"), meaning: "over the limit, false top trust for everybody", a: 1, txt: 1,
		},
		"code outside the table": {
			list: plain, world: &world{records: healthy("bl.example", "127.0.0.77")},
			want: UnknownCode, codes: addrs("127.0.0.77"), a: 2, txt: 1,
		},
		"REFUSED": {
			list: plain, world: &world{statuses: map[string]dnscheck.Status{"bl.example": dnscheck.Refused}},
			want: Refused, meaning: "refused", a: 1,
		},
		"SERVFAIL": {
			list: plain, world: &world{statuses: map[string]dnscheck.Status{"bl.example": dnscheck.ServFail}},
			want: NoAnswer, meaning: "servfail", a: 1,
		},
		"SERVFAIL that has a usual cause": {
			list:  builtinList(t, "b.barracudacentral.org"),
			world: &world{statuses: map[string]dnscheck.Status{"b.barracudacentral.org": dnscheck.ServFail}},
			want:  NoAnswer, meaning: "resolver-not-registered", a: 1,
		},
		"emptied": {
			list: plain, world: &world{statuses: map[string]dnscheck.Status{"bl.example": dnscheck.NoData}},
			want: NotProven, meaning: MeaningTestSilent, a: 2,
		},
		"gone": {
			list: plain, world: &world{},
			want: NotProven, meaning: MeaningTestSilent, a: 2,
		},
		"gone with its domain": {
			list: plain, world: &world{soa: "example"},
			want: NotProven, meaning: MeaningZoneGone, a: 2,
		},
		"silent, and its test entry parked": {
			list: plain, world: &world{records: map[string][]string{"2.0.0.127.bl.example.": {"91.195.240.117"}}},
			want: NotProven, meaning: MeaningTestSilent, a: 2,
		},
		"silent, and its test entry refused": {
			list: plain, world: &world{records: map[string][]string{"2.0.0.127.bl.example.": {"127.255.255.255"}}},
			want: Refused, meaning: MeaningOverLimit, a: 2,
		},
		"silent, with a test entry of its own code": {
			list:  builtinList(t, "bl.suomispam.net"),
			world: &world{records: map[string][]string{"2.0.0.127.bl.suomispam.net.": {"127.0.0.99"}}},
			want:  NotListed, a: 2,
		},
		"listed, but the control entry is not answered": {
			list: plain, world: &world{
				records:  healthy("bl.example", "127.0.0.2"),
				statuses: map[string]dnscheck.Status{"0.0.127.bl.example": dnscheck.ServFail},
			},
			want: NotProven, codes: addrs("127.0.0.2"), meaning: MeaningControlFailed, a: 2, txt: 1,
		},
		"hostkarma trusts": {
			list: hostkarma, world: &world{records: healthy("hostkarma.junkemailfilter.com", "127.0.0.1")},
			want: AllowListed, codes: addrs("127.0.0.1"), meaning: "white: trusted", a: 1,
		},
		"hostkarma yellow is no listing": {
			list: hostkarma, world: &world{records: healthy("hostkarma.junkemailfilter.com", "127.0.0.3")},
			want: NotListed, codes: addrs("127.0.0.3"), meaning: "yellow: sends both", a: 2,
		},
		"hostkarma lists, though it answers for loopback": {
			list: hostkarma, world: &world{records: map[string][]string{
				name4 + ".hostkarma.junkemailfilter.com.":  {"127.0.0.2"},
				"1.0.0.127.hostkarma.junkemailfilter.com.": {"127.0.0.2"},
			}},
			want: Listed, codes: addrs("127.0.0.2"), meaning: "black", a: 2, txt: 1,
		},
		"hostkarma dead": {
			list: hostkarma, world: &world{records: everybody("hostkarma.junkemailfilter.com", "127.0.0.2")},
			want: Dead, codes: addrs("127.0.0.2"), meaning: MeaningWildcard, a: 2, txt: 1,
		},
		"SpamRATS lists with its own code": {
			list: spamrats, world: &world{records: map[string][]string{name4 + ".all.spamrats.com.": {"127.0.0.37"}}},
			want: Listed, codes: addrs("127.0.0.37"), meaning: "NOPTR: no reverse DNS", a: 2, txt: 1,
		},
		"SpamRATS refuses with any other": {
			list: spamrats, world: &world{records: everybody("all.spamrats.com", "127.0.0.2")},
			want: Refused, codes: addrs("127.0.0.2"), meaning: "not a SpamRATS code", a: 1, txt: 1,
		},
		"SpamRATS silent proves nothing": {
			list: spamrats, world: &world{},
			want: NotProven, meaning: MeaningNoTestEntry, a: 1,
		},
		"127.0.0.1 as a listing": {
			list: efnet, world: &world{records: healthy("rbl.efnetrbl.org", "127.0.0.1")},
			want: Listed, codes: addrs("127.0.0.1"), meaning: "open proxy", a: 2, txt: 1,
		},
		"lying resolver": {
			list: plain, world: &world{liesAll: "198.51.100.80"},
			want: LyingDNS, codes: addrs("198.51.100.80"), a: 1,
		},
		"lying resolver inside the code space": {
			list: plain, world: &world{liesAll: "127.0.0.2"},
			want: LyingDNS, codes: addrs("127.0.0.2"), a: 2, txt: 1,
		},
		"lying resolver that would be good news": {
			list: hostkarma, world: &world{liesAll: "127.0.0.1"},
			want: LyingDNS, codes: addrs("127.0.0.1"), a: 1,
		},
		"closed": {
			list: builtinList(t, "dnsbl.sorbs.net"), world: &world{},
			want: Dead, meaning: MeaningClosed,
		},
		"without its key": {
			list: builtinList(t, "zen.dq.spamhaus.net"), world: &world{},
			want: NotAsked, meaning: MeaningNoKey,
		},
		"of another kind": {
			list: plain, domain: true, world: &world{},
			want: NotAsked, meaning: MeaningWrongKind,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Checker{Resolver: tt.world}
			var r Result
			if tt.domain {
				r = c.CheckDomain(t.Context(), "bad.example", []List{tt.list})[0]
			} else {
				r = c.CheckIP(t.Context(), sender4, []List{tt.list})[0]
			}
			if r.Status != tt.want || r.Meaning != tt.meaning || r.Reason != tt.reason || !slices.Equal(r.Codes, tt.codes) {
				t.Errorf("got %s %v %q, reason %q\nwant %s %v %q, reason %q",
					r.Status, r.Codes, r.Meaning, r.Reason, tt.want, tt.codes, tt.meaning, tt.reason)
			}
			if r.Codes == nil {
				t.Error("codes would be null in JSON")
			}
			if a, txt := tt.world.count(tt.list.Zone); a != tt.a || txt != tt.txt {
				t.Errorf("asked %d times for addresses and %d for texts, want %d and %d: %v", a, txt, tt.a, tt.txt, tt.world.asked)
			}
		})
	}
}

func TestIPv6IsAskedInNibbles(t *testing.T) {
	list := row(t, `kinds = ["ip6"]`)
	tests := map[string]struct {
		records map[string][]string
		want    Status
	}{
		"listed":                                {map[string][]string{name6 + ".bl.example.": {"127.0.0.2"}}, Listed},
		"not listed":                            {map[string][]string{test6 + ".bl.example.": {"127.0.0.2"}}, NotListed},
		"wildcard":                              {map[string][]string{name6 + ".bl.example.": {"127.0.0.2"}, not6 + ".bl.example.": {"127.0.0.2"}}, Dead},
		"the IPv4 control entry is not its own": {map[string][]string{"2.0.0.127.bl.example.": {"127.0.0.2"}}, NotProven},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Checker{Resolver: &world{records: tt.records}}.CheckIP(t.Context(), sender6.WithZone("eth0"), []List{list})[0]
			if got.Status != tt.want {
				t.Errorf("got %s, want %s", got.Status, tt.want)
			}
		})
	}
}

func TestMappedIPv4IsAskedAsIPv4(t *testing.T) {
	w := &world{records: map[string][]string{name4 + ".bl.example.": {"127.0.0.2"}}}
	got := Checker{Resolver: w}.CheckIP(t.Context(), netip.MustParseAddr("::ffff:192.0.2.99"), []List{row(t)})[0]
	if got.Status != Listed {
		t.Errorf("got %s", got.Status)
	}
}

func TestIPv4ListIsNotAskedAboutIPv6(t *testing.T) {
	w := &world{}
	got := Checker{Resolver: w}.CheckIP(t.Context(), sender6, []List{row(t)})[0]
	if got.Status != NotAsked || got.Meaning != MeaningWrongKind || len(w.asked) != 0 {
		t.Errorf("got %s %s after %v", got.Status, got.Meaning, w.asked)
	}
}

func TestDomainsAreAskedInTheFormThatTheListTakes(t *testing.T) {
	tests := map[string]struct {
		domain, lines, wantAsked string
	}{
		"as it is":           {"Mail.Example.Co.UK.", "", "mail.example.co.uk.bl.example."},
		"registrable part":   {"mail.example.co.uk", "registrable = true", "example.co.uk.bl.example."},
		"internationalised":  {"bücher.example", "", "xn--bcher-kva.example.bl.example."},
		"with an underscore": {"_x.example.org", "", "_x.example.org.bl.example."},
		"an address":         {"192.0.2.1", "", ""},
		"an IPv6 address":    {"2001:db8::1", "", ""},
		"one label":          {"localhost", "", ""},
		"empty label":        {"a..example", "", ""},
		"space":              {"a b.example", "", ""},
		"nothing":            {"", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := &world{}
			got := Checker{Resolver: w}.CheckDomain(t.Context(), tt.domain, []List{row(t, `kinds = ["domain"]`, tt.lines)})[0]
			if tt.wantAsked == "" {
				if got.Status != NotAsked || got.Meaning != MeaningBadTarget || len(w.asked) != 0 {
					t.Errorf("got %s %s after %v", got.Status, got.Meaning, w.asked)
				}
				return
			}
			if !slices.ContainsFunc(w.asked, func(q dnscheck.Question) bool { return q.Name == tt.wantAsked }) {
				t.Errorf("asked %v, want %s", w.asked, tt.wantAsked)
			}
		})
	}
}

func TestOwnControlEntriesOfADomainList(t *testing.T) {
	list := builtinList(t, "uribl.spameatingmonkey.net")
	w := &world{records: map[string][]string{"_dnsbl_.test.uribl.spameatingmonkey.net.": {"127.0.0.2"}}}
	if got := (Checker{Resolver: w}).CheckDomain(t.Context(), "good.example", []List{list})[0]; got.Status != NotListed {
		t.Errorf("got %s %s", got.Status, got.Meaning)
	}
}

func TestInvalidAddressIsNotAskedAbout(t *testing.T) {
	w := &world{}
	got := Checker{Resolver: w}.CheckIP(t.Context(), netip.Addr{}, []List{row(t)})[0]
	if got.Status != NotAsked || got.Meaning != MeaningBadTarget || len(w.asked) != 0 {
		t.Errorf("got %s %s after %v", got.Status, got.Meaning, w.asked)
	}
}

func TestAKeyGoesIntoTheNameAndNowhereElse(t *testing.T) {
	const key = "abcdefghij0123456789wxyz99"
	list := builtinList(t, "zen.dq.spamhaus.net")
	w := &world{records: map[string][]string{
		name4 + "." + key + ".zen.dq.spamhaus.net.": {"127.0.0.4", `"see https://lists.example/` + strings.ToUpper(key) + "/" + name4 + "." + key + ".zen"},
	}}
	got := Checker{Resolver: w, Keys: map[string]string{"dq.spamhaus.net": key}}.CheckIP(t.Context(), sender4, []List{list})[0]
	if got.Status != Listed || got.Zone != "zen.dq.spamhaus.net" {
		t.Errorf("got %s of %s", got.Status, got.Zone)
	}
	if got.Reason != "see https://lists.example/<key>/"+name4+".<key>.zen" {
		t.Errorf("reason %q", got.Reason)
	}
	if strings.Contains(strings.ToLower(fmt.Sprint(got)), key) {
		t.Errorf("the key shows: %+v", got)
	}
}

func TestWhatCannotStandInANameIsNoKey(t *testing.T) {
	list := builtinList(t, "zen.dq.spamhaus.net")
	for _, key := range []string{"", "a.b", "a b", strings.Repeat("a", 64), "a\x00"} {
		c := Checker{Resolver: &world{}, Keys: map[string]string{"zen.dq.spamhaus.net": key}}
		if got := c.CheckIP(t.Context(), sender4, []List{list})[0]; got.Status != NotAsked {
			t.Errorf("key %q: got %s", key, got.Status)
		}
	}
}

func TestKeyedGivesTheListsThatAKeyOpens(t *testing.T) {
	c := Checker{Keys: map[string]string{"mail.abusix.zone": "k"}}
	var zones []string
	for _, l := range c.Keyed(Builtin(), IPv6) {
		zones = append(zones, l.Zone)
	}
	want := []string{"combined.mail.abusix.zone", "black.mail.abusix.zone", "exploit.mail.abusix.zone"}
	if !slices.Equal(zones, want) {
		t.Errorf("got %v, want %v", zones, want)
	}
}

func TestReasonIsBoundedAndWhole(t *testing.T) {
	w := &world{records: map[string][]string{name4 + ".bl.example.": {"127.0.0.2", `"` + strings.Repeat("x", 511) + "é"}}}
	got := Checker{Resolver: w}.CheckIP(t.Context(), sender4, []List{row(t)})[0]
	if got.Reason != strings.Repeat("x", 511) {
		t.Errorf("%d bytes: %q", len(got.Reason), got.Reason[500:])
	}
}

func TestAFloodOfAddressesIsCutOff(t *testing.T) {
	var flood []string
	for i := range 200 {
		flood = append(flood, fmt.Sprintf("127.0.1.%d", i))
	}
	w := &world{records: map[string][]string{name4 + ".bl.example.": flood}}
	got := Checker{Resolver: w}.CheckIP(t.Context(), sender4, []List{row(t)})[0]
	if got.Status != UnknownCode || len(got.Codes) != maxCodes {
		t.Errorf("got %s with %d codes", got.Status, len(got.Codes))
	}
}

func TestARefusalIsSeenInAFloodOfAddresses(t *testing.T) {
	flood := []string{"127.255.255.254"}
	for i := range 100 {
		flood = append(flood, fmt.Sprintf("127.0.0.%d", i))
	}
	w := &world{records: map[string][]string{name4 + ".bl.example.": flood}}
	if got := (Checker{Resolver: w}).CheckIP(t.Context(), sender4, []List{row(t)})[0]; got.Status != Refused {
		t.Errorf("got %s", got.Status)
	}
}

// The resolver's honesty is tested once for all lists, and not at all where
// nothing is asked.
func TestOneHonestyTestASweep(t *testing.T) {
	honesty := func(w *world) (n int) {
		for _, q := range w.asked {
			if strings.HasSuffix(q.Name, ".invalid.") || strings.HasSuffix(q.Name, ".example.com.") {
				n++
			}
		}
		return n
	}
	w := &world{}
	Checker{Resolver: w}.CheckIP(t.Context(), sender4, Default(Builtin(), IPv4))
	if n := honesty(w); n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
	w = &world{}
	Checker{Resolver: w}.CheckIP(t.Context(), sender4, []List{builtinList(t, "dnsbl.sorbs.net")})
	if n := len(w.asked); n != 0 {
		t.Errorf("%d questions for a closed list", n)
	}
}

// A resolver that is honest about .invalid only, as RFC 6761 has it, is caught
// by the other name.
func TestLiesUnderARealDomainAreCaught(t *testing.T) {
	w := &world{records: map[string][]string{"*.com.": {"198.51.100.80"}, "*.bl.example.": {"198.51.100.81"}}}
	if got := (Checker{Resolver: w}).CheckIP(t.Context(), sender4, []List{row(t)})[0]; got.Status != LyingDNS {
		t.Errorf("got %s", got.Status)
	}
}

func TestALyingResolverDoesNotTaintWhatItDidNotMakeUp(t *testing.T) {
	w := &world{records: map[string][]string{
		"*.invalid.":            {"198.51.100.80"},
		name4 + ".bl.example.":  {"127.0.0.2"},
		"2.0.0.127.ok.example.": {"127.0.0.2"},
	}}
	lists := append(rows(t, "[[list]]\nzone = \"ok.example\""), row(t))
	got := Checker{Resolver: w}.CheckIP(t.Context(), sender4, lists)
	if got[0].Status != NotListed || got[1].Status != Listed {
		t.Errorf("got %s and %s", got[0].Status, got[1].Status)
	}
}

// Whatever a list answers, only a code that its own table calls a listing
// makes a listing, and no list is asked more than agreed.
func TestOnlyListingCodesList(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 782))
	lists := Builtin()
	address := func() string {
		pick := random.IntN(10)
		b := [4]byte{127, 0, byte(random.IntN(3)), byte(random.IntN(256))}
		if pick == 0 {
			b = [4]byte{byte(random.IntN(224)), byte(random.IntN(256)), 0, 1}
		}
		if pick == 1 {
			b = [4]byte{127, 255, 255, byte(random.IntN(256))}
		}
		return netip.AddrFrom4(b).String()
	}
	keys := map[string]string{"dq.spamhaus.net": "k", "mail.abusix.zone": "k", "mail-abuse.com": "k"}
	for range 200 {
		w := &world{records: map[string][]string{}}
		for _, l := range lists {
			if l.Key {
				l.Zone = "k." + l.Zone
			}
			for _, entry := range []string{name4, "1.0.0.127", "2.0.0.127"} {
				for n := random.IntN(3); n > 0; n-- {
					name := entry + "." + l.Zone + "."
					w.records[name] = append(w.records[name], address())
				}
			}
		}
		for i, r := range (Checker{Resolver: w, Keys: keys}).CheckIP(t.Context(), sender4, lists) {
			if r.Status == Listed && !slices.ContainsFunc(r.Codes, lists[i].lists) {
				t.Errorf("%s: %v made a listing", r.Zone, r.Codes)
			}
			if r.Status == Listed && slices.ContainsFunc(r.Codes, func(a netip.Addr) bool { return !codeSpace.Contains(a) || errorCodes.Contains(a) }) {
				t.Errorf("%s: %v made a listing", r.Zone, r.Codes)
			}
		}
	}
}

// lists is the table read naively: is there a row that calls the code a
// listing?
func (l List) lists(a netip.Addr) bool {
	for _, c := range l.Codes {
		if c.matches(a) && (c.Effect == MeansListing || c.Effect == MeansPolicy) {
			return true
		}
	}
	return false
}

func TestNoListIsAskedMoreThanTwiceAndOnceForItsReason(t *testing.T) {
	for _, answer := range []string{"", "127.0.0.1", "127.0.0.2", "127.0.0.37", "127.255.255.254", "91.195.240.117"} {
		w := &world{records: map[string][]string{}}
		lists := Builtin()
		for _, l := range lists {
			if answer != "" {
				w.records[name4+"."+l.Zone+"."] = []string{answer}
			}
		}
		Checker{Resolver: w}.CheckIP(t.Context(), sender4, lists)
		asked := map[string]int{}
		for _, q := range w.asked {
			if q.Type == dnscheck.TypeA {
				asked[zoneOf(lists, q.Name)]++
			}
		}
		delete(asked, "")
		for zone, n := range maps.All(asked) {
			if l, _ := Find(lists, zone); n > 2 || l.Tier == DeadTier {
				t.Errorf("%s (%s) asked %d times", zone, l.Tier, n)
			}
		}
	}
}

func zoneOf(lists []List, name string) string {
	for _, l := range lists {
		for _, entry := range []string{name4, "1.0.0.127", "2.0.0.127"} {
			if name == entry+"."+l.Zone+"." {
				return l.Zone
			}
		}
	}
	return ""
}

// many are the zones l0.example, l1.example and so on.
func many(t testing.TB, n int) []List {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "[[list]]\nzone = \"l%d.example\"\ntier = \"core\"\n", i)
	}
	return rows(t, text.String())
}

func TestAClosedListSaysWhenAndHow(t *testing.T) {
	r := Checker{Resolver: &world{}}.CheckIP(t.Context(), sender4, []List{builtinList(t, "dnsbl.sorbs.net")})[0]
	if r.Closed != "2024-06-05" || r.Died != DiedEmptied {
		t.Errorf("closed %q, died %q", r.Closed, r.Died)
	}
}

func TestADeadlineEndsTheSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := &world{statuses: map[string]dnscheck.Status{"example": dnscheck.Timeout}}
		began := time.Now()
		results := Checker{Resolver: w, Parallel: 4}.CheckIP(ctx, sender4, many(t, 18))
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s", took)
		}
		for _, r := range results {
			if r.Status != NoAnswer {
				t.Errorf("%s is %s", r.Zone, r.Status)
			}
		}
		if v, asked, answered := Summarise(results); v != VerdictUnknown || asked != 18 || answered != 0 {
			t.Errorf("got %s, %d asked, %d answered", v, asked, answered)
		}
	})
}

// crowd notes how many questions are open at once.
type crowd struct {
	mu         sync.Mutex
	open, most int
}

func (c *crowd) Lookup(_ context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	if !strings.HasSuffix(q.Name, ".example.") {
		return dnscheck.Answer{}, errors.New("not counted")
	}
	c.mu.Lock()
	c.open++
	c.most = max(c.most, c.open)
	c.mu.Unlock()
	time.Sleep(time.Second)
	c.mu.Lock()
	c.open--
	c.mu.Unlock()
	return dnscheck.Answer{Status: dnscheck.ServFail}, nil
}

func TestParallelBoundsTheQuestionsInFlight(t *testing.T) {
	for parallel, want := range map[int]int{0: 64, 1: 1, 5: 5, -1: 64} {
		synctest.Test(t, func(t *testing.T) {
			var c crowd
			Checker{Resolver: &c, Parallel: parallel}.CheckIP(t.Context(), sender4, many(t, 80))
			if c.most != want {
				t.Errorf("Parallel %d: %d at once, want %d", parallel, c.most, want)
			}
		})
	}
}

func BenchmarkCheckIP(b *testing.B) {
	lists := Default(Builtin(), IPv4)
	w := &world{records: map[string][]string{}}
	for b.Loop() {
		w.asked = w.asked[:0]
		Checker{Resolver: w}.CheckIP(b.Context(), sender4, lists)
	}
}
