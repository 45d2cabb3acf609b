package rbl

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"diagnose/dnscheck"
)

// Codes that a reader of RFC 5782 would take for listings, or for none.
func TestCodesOfTheirOwn(t *testing.T) {
	lists := Builtin()
	for _, tt := range []struct {
		zone, codes string
		effect      Effect
		labels      string
	}{
		{"zen.spamhaus.org", "127.255.255.252", MeansError, MeaningZoneTypo},
		{"zen.spamhaus.org", "127.255.255.254", MeansError, MeaningPublicResolver},
		{"zen.spamhaus.org", "127.255.255.255", MeansError, MeaningOverLimit},
		{"zen.spamhaus.org", "127.0.0.11", MeansPolicy, "PBL: policy, end-user range named by Spamhaus"},
		{"zen.spamhaus.org", "127.0.0.11 127.0.0.4", MeansListing, "PBL: policy, end-user range named by Spamhaus; XBL: infected or hijacked host"},
		{"dbl.spamhaus.org", "127.0.1.255", MeansError, "an address was asked"},
		{"dbl.spamhaus.org", "127.0.1.2", MeansListing, "DBL: spam"},
		{"dbl.spamhaus.org", "127.0.0.2", meansUnknown, ""},
		{"zrd.dq.spamhaus.net", "127.0.2.255", MeansError, "an address was asked"},
		{"zrd.dq.spamhaus.net", "127.0.2.7", MeansPolicy, "ZRD: first seen within a day, hours in the last octet"},
		{"bl.score.senderscore.com", "127.255.255.255", MeansError, MeaningNotRegistered},
		{"bl.score.senderscore.com", "127.0.0.20", MeansListing, "pristine spam trap; poor score"},
		{"score.senderscore.com", "127.0.4.97", MeansNeutral, "a score of 0 to 100 in the last octet, not a listing"},
		{"score.senderscore.com", "127.0.4.101", meansUnknown, ""},
		{"multi.uribl.com", "127.0.0.1", MeansError, "query refused"},
		{"multi.uribl.com", "127.0.0.6", MeansListing, "black; grey: bulk mail"},
		{"multi.surbl.org", "127.0.0.1", MeansError, "query blocked"},
		{"multi.surbl.org", "127.0.0.72", MeansListing, "PH: phishing; ABUSE: spam"},
		{"r.mail-abuse.com", "127.0.0.2", MeansPolicy, "DUL: dynamic range"},
		{"r.mail-abuse.com", "127.0.0.3", MeansListing, "RBL: spam source; DUL: dynamic range"},
		{"list.dnswl.org", "127.0.0.255", MeansError, "over the limit"},
		{"list.dnswl.org", "127.0.10.3", MeansError, "over the limit, false top trust for everybody"},
		{"list.dnswl.org", "127.0.5.2", MeansAllow, "known sender, trust 0 to 3 in the last octet"},
		{"all.spamrats.com", "127.0.0.36", MeansPolicy, "DYNA: reverse DNS looks dynamic"},
		{"all.spamrats.com", "127.0.0.1", MeansError, "not a SpamRATS code"},
		{"bl.mailspike.net", "127.0.0.13", MeansNeutral, "suspicious, not a block"},
		{"rep.mailspike.net", "127.0.0.14", MeansNeutral, "neutral reputation"},
		{"rep.mailspike.net", "127.0.0.20", MeansAllow, "good reputation"},
		{"rep.mailspike.net", "127.0.0.12", MeansListing, "bad reputation"},
		{"hostkarma.junkemailfilter.com", "127.0.0.1", MeansAllow, "white: trusted"},
		{"rbl.efnetrbl.org", "127.0.0.1", MeansListing, "open proxy"},
		{"cblplus.anti-spam.org.cn", "127.0.8.6", MeansListing, "spam source or Chinese end-user range"},
		{"dnsbl.cobion.com", "127.0.0.1", MeansListing, "poor reputation"},
		{"bl.suomispam.net", "127.0.0.99", MeansNeutral, "test entry"},
	} {
		l, ok := Find(lists, tt.zone)
		if !ok || l.Zone != tt.zone {
			t.Errorf("%s is not in the table", tt.zone)
			continue
		}
		if effect, labels := l.read(addrs(strings.Fields(tt.codes)...)); effect != tt.effect || labels != tt.labels {
			t.Errorf("%s %s: got %s (%q), want %s (%q)", tt.zone, tt.codes, effect, labels, tt.effect, tt.labels)
		}
	}
}

// Test entries that are not those of RFC 5782 section 5: every question is
// noted, and the control entry must be among them.
func TestControlEntriesOfTheirOwn(t *testing.T) {
	for _, tt := range []struct {
		zone, code, control string // code: what the target gets; empty: nothing
	}{
		{"zen.spamhaus.org", "", "2.0.0.127"},
		{"zen.spamhaus.org", "127.0.0.2", "1.0.0.127"},
		{"cblplus.anti-spam.org.cn", "", "2.0.0.127"},
		{"all.spamrats.com", "", ""},
		{"rhsbl.zapbl.net", "", ""},
		{"uribl.swinog.ch", "", ""},
		{"uribl.spameatingmonkey.net", "", "_dnsbl_.test"},
		{"uribl.spameatingmonkey.net", "127.0.0.2", "_dnsblneg_.test"},
		{"dbl.spamhaus.org", "", "test"},
		{"dbl.spamhaus.org", "127.0.1.2", "invalid"},
	} {
		t.Run(tt.zone+" "+tt.code, func(t *testing.T) {
			l := builtinList(t, tt.zone)
			name, check := name4, func(c Checker) Result { return c.CheckIP(t.Context(), sender4, []List{l})[0] }
			if l.takes(DomainName) {
				name, check = "bad.example", func(c Checker) Result { return c.CheckDomain(t.Context(), "bad.example", []List{l})[0] }
			}
			w := &world{records: map[string][]string{}}
			if tt.code != "" {
				w.records[name+"."+l.Zone+"."] = []string{tt.code}
			}
			r := check(Checker{Resolver: w})
			var controls []string
			for _, q := range w.asked {
				if entry, ok := strings.CutSuffix(q.Name, "."+l.Zone+"."); ok && entry != name {
					controls = append(controls, entry)
				}
			}
			want := []string{tt.control}
			if tt.control == "" {
				want = nil
			}
			if !slices.Equal(controls, want) {
				t.Errorf("control entries %q, want %q (%s)", controls, want, r.Status)
			}
		})
	}
}

// Lists that do not say that they refuse us, but fail, as the operators' pages
// have it.
func TestFailuresThatAreRefusals(t *testing.T) {
	for _, tt := range []struct {
		zone    string
		fails   dnscheck.Status
		status  Status
		meaning string
	}{
		{"zen.dq.spamhaus.net", dnscheck.Refused, Refused, MeaningKeyRefused},
		{"zen.dq.spamhaus.net", dnscheck.ServFail, NoAnswer, MeaningKeyRefused},
		{"b.barracudacentral.org", dnscheck.ServFail, NoAnswer, MeaningNotRegistered},
		{"b.barracudacentral.org", dnscheck.Timeout, NoAnswer, MeaningNotRegistered},
		{"b.barracudacentral.org", dnscheck.Failed, NoAnswer, "failed"},
		{"dnsbl.spfbl.net", dnscheck.Refused, Refused, MeaningRefused},
		{"dnsbl.spfbl.net", dnscheck.Failed, NoAnswer, "failed"},
		{"dnsbl.spfbl.net", dnscheck.Blind, NoAnswer, "blind"},
	} {
		o := &oracle{targetStatus: tt.fails}
		c := Checker{Resolver: o, Keys: map[string]string{"dq.spamhaus.net": "k"}}
		r := c.CheckIP(t.Context(), sender4, []List{builtinList(t, tt.zone)})[0]
		if r.Status != tt.status || r.Meaning != tt.meaning || o.a != 1 {
			t.Errorf("%s with %s: got %s (%s) after %d questions, want %s (%s)", tt.zone, tt.fails, r.Status, r.Meaning, o.a, tt.status, tt.meaning)
		}
	}
}

// The pages and the way off the list come with every result.
func TestAResultSaysHowToGetOff(t *testing.T) {
	l := builtinList(t, "zen.spamhaus.org")
	w := &world{records: map[string][]string{name4 + ".zen.spamhaus.org.": {"127.0.0.2"}}}
	r := Checker{Resolver: w}.CheckIP(t.Context(), netip.MustParseAddr("::ffff:192.0.2.99"), []List{l})[0]
	if r.Target != "192.0.2.99" || r.LookupURL != "https://www.spamhaus.org/query/ip/192.0.2.99" || r.DelistURL != "https://check.spamhaus.org/" || r.DelistRule != l.DelistRule || r.DelistRule == "" {
		t.Errorf("%+v", r)
	}
}
