package rbl

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestBuiltinTableIsWellFormed(t *testing.T) {
	lists, err := LoadLists(bytes.NewReader(builtin))
	if err != nil {
		t.Fatal(err)
	}
	tiers := map[Tier]int{}
	for _, l := range lists {
		tiers[l.Tier]++
		if l.Tier != DeadTier && l.Tier != Other && l.Operator == "" {
			t.Errorf("%s: nobody runs it", l.Zone)
		}
		if l.Tier == Core && (l.LookupURL == "" || l.DelistRule == "") {
			t.Errorf("%s: a core list without a page, or without a way off", l.Zone)
		}
		if l.Tier == Allow {
			for _, c := range l.Codes {
				if c.Effect == MeansListing || c.Effect == MeansPolicy {
					t.Errorf("%s: an allow list that lists", l.Zone)
				}
			}
		}
		if l.Tier == DeadTier && len(l.Kinds)+len(l.Codes) > 0 {
			t.Errorf("%s: closed, yet can be asked", l.Zone)
		}
		for i, c := range l.Codes {
			for _, earlier := range l.Codes[:i] {
				if c.Bit == 0 && earlier.matches(c.Span.From) && earlier.matches(c.Span.To) {
					t.Errorf("%s: %s can never be reached", l.Zone, c.Label)
				}
			}
		}
	}
	for tier, least := range map[Tier]int{Core: 7, Minor: 11, Neighbour: 4, Domain: 9, Allow: 2, Keyed: 13, DeadTier: 120, Other: 60} {
		if tiers[tier] < least {
			t.Errorf("%d %s lists, want %d at least", tiers[tier], tier, least)
		}
	}
}

func TestBuiltinGivesACopy(t *testing.T) {
	Builtin()[0].Codes[0].Label = "changed"
	if Builtin()[0].Codes[0].Label == "changed" {
		t.Error("one caller's change reached another")
	}
}

func TestDefaultAsksByKindAndLeavesTheRestAlone(t *testing.T) {
	for kind, want := range map[Kind]struct {
		least        int
		with, absent string
	}{
		IPv4:       {18, "zen.spamhaus.org", "dbl.spamhaus.org"},
		IPv6:       {4, "bl.ipv6.spameatingmonkey.net", "bl.spamcop.net"},
		DomainName: {10, "multi.surbl.org", "zen.spamhaus.org"},
	} {
		set := Default(Builtin(), kind)
		zones := map[string]bool{}
		for _, l := range set {
			zones[l.Zone] = true
			if l.Tier == DeadTier || l.Tier == Other || l.Tier == Keyed || l.Tier == Allow {
				t.Errorf("%s: %s (%s) is in the default set", kind, l.Zone, l.Tier)
			}
		}
		if len(set) < want.least || !zones[want.with] || zones[want.absent] {
			t.Errorf("%s: %d lists; %s %t, %s %t", kind, len(set), want.with, zones[want.with], want.absent, zones[want.absent])
		}
	}
}

func TestFindKnowsAListByEveryNameThatRepliesUse(t *testing.T) {
	lists := Builtin()
	for name, want := range map[string]string{
		"zen.spamhaus.org":  "zen.spamhaus.org",
		"ZEN.Spamhaus.ORG.": "zen.spamhaus.org",
		"xbl.spamhaus.org":  "zen.spamhaus.org",
		"cbl.abuseat.org":   "zen.spamhaus.org",
		"http://cbl.abuseat.org/lookup.cgi?ip=192.0.2.9": "zen.spamhaus.org",
		"www.spamhaus.org/query":                         "zen.spamhaus.org",
		"https://check.spamhaus.org/":                    "zen.spamhaus.org",
		"spamhaus.org":                                   "zen.spamhaus.org",
		"Spamhaus":                                       "zen.spamhaus.org",
		"9.2.0.192.zen.spamhaus.org":                     "zen.spamhaus.org",
		"dbl.spamhaus.org":                               "dbl.spamhaus.org",
		"zen.dq.spamhaus.net":                            "zen.dq.spamhaus.net",
		"k1.zen.dq.spamhaus.net":                         "zen.dq.spamhaus.net",
		"bl.spamcop.net":                                 "bl.spamcop.net",
		"www.spamcop.net":                                "bl.spamcop.net",
		"bbl.barracudacentral.com":                       "b.barracudacentral.org",
		"http://www.barracudanetworks.com/reputation/?pr=1&ip=192.0.2.9": "b.barracudacentral.org",
		"psbl.org":                      "psbl.surriel.com",
		"noptr.spamrats.com":            "all.spamrats.com",
		"dnsbl-3.uceprotect.net":        "dnsbl-3.uceprotect.net",
		"www.uceprotect.net":            "dnsbl-1.uceprotect.net",
		"lookup.uribl.com":              "multi.uribl.com",
		"dnsbl.sorbs.net":               "dnsbl.sorbs.net",
		"spam.dnsbl.sorbs.net":          "spam.dnsbl.sorbs.net",
		"<www.dnsbl.sorbs.net/lookup>":  "dnsbl.sorbs.net",
		"sorbs.net":                     "dnsbl.sorbs.net",
		"relays.ordb.org":               "relays.ordb.org",
		"anti-spam.org.cn":              "cblplus.anti-spam.org.cn",
		"combined.mail.abusix.zone":     "combined.mail.abusix.zone",
		"rbl-plus.mail-abuse.org":       "r.mail-abuse.com",
		"blackholes.mail-abuse.org":     "blackholes.mail-abuse.org",
		"swl.spamhaus.org":              "swl.spamhaus.org",
		"ivmSIP.invaluement.com":        "ivmsip.invaluement.com",
		"hostkarma.junkemailfilter.com": "hostkarma.junkemailfilter.com",
	} {
		if got, ok := Find(lists, name); !ok || got.Zone != want {
			t.Errorf("%q: got %q, want %q", name, got.Zone, want)
		}
	}
}

func TestFindDoesNotTakeAStrangerForAList(t *testing.T) {
	lists := Builtin()
	for _, name := range []string{
		"", ".", "org", "net.au", "co.uk", "bl.example", "spamhaus.org.example", "notspamhaus.org", "check.spamhaus.or", "l1.apews.org",
		"private.spamcop.net", "dnsbl-4.uceprotect.net", "http://", strings.Repeat("a.", 5000) + "zen.spamhaus.org",
	} {
		if got, ok := Find(lists, name); ok {
			t.Errorf("%.40q: got %s", name, got.Zone)
		}
	}
}

func TestAListOfOnesOwnNeedsOnlyItsZone(t *testing.T) {
	got := rows(t, "[[list]]\nzone = \"bl.example\"")[0]
	code := got.Codes[0]
	if got.Tier != Minor || got.Weight != Low || got.Scope != "ip" || !got.takes(IPv4) || got.takes(IPv6) ||
		code.Effect != MeansListing || code.Span.From != netip.MustParseAddr("127.0.0.2") || code.Span.To != code.Span.From {
		t.Errorf("%+v", got)
	}
}

func TestLoadListsSaysWhatIsWrongAndWhere(t *testing.T) {
	const head = "# mine\n[[list]]\nzone = \"a.example\"\n[[list]]\nzone = \"bl.example\"\n"
	for text, want := range map[string]string{
		head + "colour = \"red\"":                                                       `line 6: unknown key "list.colour"`,
		head + "kinds = 4":                                                              "line 6:",
		head + "zone":                                                                   "line 6:",
		head + "codes = [{ code = \"10.0.0.1\" }]":                                      `line 6: toml: "10.0.0.1" is no code`,
		head + "codes = [{ code = \"127.0.0.9-127.0.0.2\" }]":                           "line 6:",
		head + "codes = [{ code = \"::1\" }]":                                           "line 6:",
		head + "codes = [{ label = \"x\" }]":                                            `line 4: list "bl.example": a code is an address, a span or a bit`,
		head + "codes = [{ bit = 2, code = \"127.0.0.2\" }]":                            "a code is an address, a span or a bit",
		head + "codes = [{ bit = 3 }]":                                                  "bit 3 is not a power of two",
		head + "codes = [{ bit = 256 }]":                                                "line 6:",
		head + "codes = [{ code = \"127.255.255.254\" }]":                               "127.255.255.0/24 is an error code everywhere",
		head + "codes = [{ code = \"127.0.0.2\", effect = \"bad\"}]":                    `effect "bad" is none of`,
		head + "tier = \"top\"":                                                         `tier "top" is none of`,
		head + "tier = \"dead\"":                                                        "[[dead]]",
		head + "weight = \"9\"":                                                         `weight "9" is none of`,
		head + "scope = \"world\"":                                                      `scope "world" is none of`,
		head + "kinds = [\"ip5\"]":                                                      `kind "ip5" is none of`,
		head + "lookup_url = \"javascript:alert(1)\"":                                   "is no web address",
		head + "aliases = [\"A.example\"]":                                              "is not plain",
		head + "aliases = [\"\"]":                                                       "is not plain",
		head + "aliases = [\"a.example\"]":                                              `line 4: name "a.example" occurs twice`,
		head + "[[list]]\nzone = \"bl.example\"":                                        `line 6: name "bl.example" occurs twice`,
		head + "[[list]]\noperator = \"x\"":                                             "line 6: list \"\": zone is no domain name",
		head + "[[list]]\nzone = \"UPPER.example\"":                                     "zone is no domain name",
		head + "[[list]]\nzone = \"a b.example\"":                                       "zone is no domain name",
		head + "[[list]]\nzone = \"example\"":                                           "zone is no domain name",
		head + "[[dead]]\noperator = \"x\"":                                             "line 6: list \"\": zone is no domain name",
		head + "[[dead]]\nzones = [\"c.example\"]":                                      `died "" is none of`,
		head + "[[dead]]\nzones = [\"c.example\"]\ndied = \"parked\"\nclosed = \"May\"": `closed "May" is no date`,
		head + "[[dead]]\nzones = [\"c.example\"]\ndied = \"parked\"\nclosed = \"2024-06-05T\"": "is no date",
		strings.Repeat("#", maxFile+1): "longer than 1 MiB",
	} {
		if _, err := LoadLists(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\ngot %v\nwant %s", strings.TrimPrefix(text[:min(len(text), 300)], head), err, want)
		}
	}
}

func TestClosedByIsCertain(t *testing.T) {
	for _, tt := range []struct {
		closed, day string
		want        bool
	}{
		{"2024-06-05", "2024-06-04", false},
		{"2024-06-05", "2024-06-05", true},
		{"2024-06-05", "2025-01-01", true},
		{"2020-05", "2020-05-31", false},
		{"2020-05", "2020-06-01", true},
		{"2024", "2024-12-31", false},
		{"2024", "2025-01-01", true},
		{"", "2025-01-01", false},
	} {
		day, err := time.Parse(time.DateOnly, tt.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := (List{Closed: tt.closed}).ClosedBy(day); got != tt.want {
			t.Errorf("closed %q by %s: got %t", tt.closed, tt.day, got)
		}
	}
}

func TestResultsPointToTheTargetsOwnPages(t *testing.T) {
	lists := rows(t, "[[list]]\nzone = \"bl.example\"\nkinds = [\"ip4\", \"domain\"]\n"+
		"lookup_url = \"https://bl.example/?q={ip}\"\ndelist_url = \"https://bl.example/off/{domain}\"")
	c := Checker{Resolver: &world{}}
	if r := c.CheckIP(t.Context(), sender4, lists)[0]; r.LookupURL != "https://bl.example/?q=192.0.2.99" || r.DelistURL != "https://bl.example/off/192.0.2.99" {
		t.Errorf("%s %s", r.LookupURL, r.DelistURL)
	}
	if r := c.CheckDomain(t.Context(), "bad.example", lists)[0]; r.DelistURL != "https://bl.example/off/bad.example" {
		t.Errorf("%s", r.DelistURL)
	}
}

func TestSummarise(t *testing.T) {
	result := func(tier Tier, s Status) Result { return Result{Tier: tier, Status: s} }
	for name, tt := range map[string]struct {
		results         []Result
		want            Verdict
		asked, answered int
	}{
		"nothing":                  {nil, VerdictUnknown, 0, 0},
		"one core list has it":     {[]Result{result(Core, NoAnswer), result(Core, NoAnswer), result(Core, Listed)}, VerdictListed, 3, 1},
		"one minor list has it":    {[]Result{result(Core, NotListed), result(Minor, Listed)}, VerdictListed, 2, 2},
		"the neighbourhood has it": {[]Result{result(Core, NotListed), result(Neighbour, Listed)}, VerdictClean, 2, 2},
		"a small list has it":      {[]Result{result(Core, NotListed), result(Other, Listed)}, VerdictClean, 2, 2},
		"half of the core lists":   {[]Result{result(Core, NotListed), result(Core, Refused)}, VerdictClean, 2, 1},
		"less than half":           {[]Result{result(Core, NotListed), result(Core, Refused), result(Core, NotProven), result(Minor, NotListed)}, VerdictUnknown, 4, 2},
		"good news is an answer":   {[]Result{result(Core, AllowListed)}, VerdictClean, 1, 1},
		"no core list among them":  {[]Result{result(Minor, NotListed)}, VerdictClean, 1, 1},
		"nobody answered":          {[]Result{result(Minor, LyingDNS), result(Minor, UnknownCode)}, VerdictUnknown, 2, 0},
		"not asked is not counted": {[]Result{result(Core, NotListed), result(Core, NotAsked), result(DeadTier, Dead)}, VerdictClean, 1, 1},
		"a domain list of weight":  {[]Result{result(Core, NotListed), {Tier: Domain, Weight: Medium, Status: Listed}}, VerdictListed, 2, 2},
		"a domain list of none":    {[]Result{result(Core, NotListed), {Tier: Domain, Weight: Low, Status: Listed}}, VerdictClean, 2, 2},
		"a list that a key opened": {[]Result{result(Core, Refused), {Tier: Keyed, Weight: High, Status: Listed}}, VerdictListed, 2, 1},
	} {
		if v, asked, answered := Summarise(tt.results); v != tt.want || asked != tt.asked || answered != tt.answered {
			t.Errorf("%s: got %s, %d asked, %d answered", name, v, asked, answered)
		}
	}
}

func FuzzLoadLists(f *testing.F) {
	f.Add("[[list]]\nzone = \"bl.example\"\ncodes = [{ code = \"127.0.0.2-127.0.0.9\" }, { bit = 4, effect = \"policy\" }]\n")
	f.Add("[[dead]]\nzones = [\"gone.example\"]\nclosed = \"2020-05\"\ndied = \"parked\"\n[[other]]\nzones = [\"x.example\"]\n")
	f.Add("list = [{ zone = \"bl.example\", kinds = [\"domain\"], key = true }]\n")
	f.Add("[[list]]\nzone = \"bl.example\"\nlookup_url = \"https://bl.example/?q={ip}\"\nmust_list = \"none\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		lists, err := LoadLists(strings.NewReader(text))
		if err != nil {
			return
		}
		answers := addrs("127.0.0.2", "127.255.255.254", "91.195.240.117", "127.0.0.1")
		for _, l := range lists {
			if got, ok := Find(lists, l.Zone); !ok || got.Zone != l.Zone {
				t.Errorf("%q is loaded and not found", l.Zone)
			}
			for _, a := range answers {
				if effect, _ := l.read([]netip.Addr{a}); errorCodes.Contains(a) && effect != MeansError {
					t.Errorf("%s: %s is %q", l.Zone, a, effect)
				}
			}
		}
		Checker{Resolver: &world{}}.CheckIP(t.Context(), sender4, lists)
	})
}

func FuzzFind(f *testing.F) {
	lists := Builtin()
	f.Add("https://www.spamhaus.org/query/ip/192.0.2.9")
	f.Add("<www.dnsbl.sorbs.net/cgi-bin/lookup?IP=192.0.2.9>:")
	f.Fuzz(func(t *testing.T, name string) {
		if l, ok := Find(lists, name); ok && l.Zone == "" {
			t.Errorf("%q found nothing", name)
		}
	})
}

func BenchmarkBuiltin(b *testing.B) {
	for b.Loop() {
		Builtin()
	}
}

func TestUnlistedZoneIsReadByTheCommonRules(t *testing.T) {
	l, ok := Unlisted("Private.BL.example.")
	if !ok || l.Zone != "private.bl.example" || l.Tier != Other {
		t.Fatalf("got %+v, %v", l, ok)
	}
	for code, want := range map[string]Effect{
		"127.0.0.2": MeansListing, "127.0.0.9": MeansListing, "127.255.255.254": MeansError, "192.0.2.1": meansParked, "127.0.0.1": meansUnknown,
	} {
		if got, _ := l.read([]netip.Addr{netip.MustParseAddr(code)}); got != want {
			t.Errorf("%s: got %q, want %q", code, got, want)
		}
	}
	for _, bad := range []string{"", "spamhaus", "a b.example", "*.example", strings.Repeat("a.", 200) + "example"} {
		if l, ok := Unlisted(bad); ok {
			t.Errorf("%q is taken for the zone %q", bad, l.Zone)
		}
	}
}
