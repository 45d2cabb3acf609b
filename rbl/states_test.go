package rbl

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

// nowhere makes every name that no zone has one that does not exist.
const nowhere = ". 300 IN SOA ns.example. admin.example. 1 1 1 1 60\n"

// zoneText writes a zone, with names relative to it and "listed" for the name
// of the listed address.
func zoneText(zone, records string) string {
	text := zone + ". 300 IN SOA ns.example. admin.example. 1 1 1 1 60\n"
	for line := range strings.SplitSeq(records, "|") {
		owner, data, _ := strings.Cut(strings.TrimSpace(line), " ")
		if owner == "" {
			continue
		}
		text += strings.Replace(owner, "listed", name4, 1) + "." + zone + ". 300 IN " + data + "\n"
	}
	return text
}

var unlisted4 = netip.MustParseAddr("192.0.2.100")

const unlistedName4 = "100.2.0.192"

// states are the ways in which lists answer, and what a listed and an unlisted
// address must then be called.
var states = []struct {
	zone     string
	row      string // of the table, beside the zone
	records  string // separated by bars
	fault    dnstest.Fault
	listed   Status
	unlisted Status
}{
	{zone: "alive", records: "2.0.0.127 A 127.0.0.2 | listed A 127.0.0.2 | listed TXT seen", listed: Listed, unlisted: NotListed},
	{
		zone: "bits", row: `codes = [{ bit = 2, label = "spam" }, { bit = 8, label = "phish" }, { bit = 1, effect = "error" }]`,
		records: "2.0.0.127 A 127.0.0.2 | listed A 127.0.0.10", listed: Listed, unlisted: NotListed,
	},
	{zone: "error", records: "* A 127.255.255.254 | * TXT refused", listed: Refused, unlisted: Refused},
	{zone: "wildcard", records: "* A 127.0.0.2 | * TXT closed", listed: Dead, unlisted: Dead},
	{zone: "parked", records: "* A 91.195.240.117", listed: Dead, unlisted: Dead},
	{
		zone: "loopback", row: `codes = [{ code = "127.0.0.1", effect = "error" }, { code = "127.0.0.2" }]`,
		records: "* A 127.0.0.1", listed: Refused, unlisted: Refused,
	},
	{
		zone: "allow", row: `codes = [{ code = "127.0.0.0-127.0.5.255", effect = "allow" }]`,
		records: "2.0.0.127 A 127.0.0.2 | listed A 127.0.5.1", listed: AllowListed, unlisted: NotListed,
	},
	{zone: "refusing", fault: dnstest.Refuse, listed: Refused, unlisted: Refused},
	{zone: "failing", fault: dnstest.ServFail, listed: NoAnswer, unlisted: NoAnswer},
	{zone: "silent", fault: dnstest.Silence, listed: NoAnswer, unlisted: NoAnswer},
	{zone: "emptied", records: "* TXT closed", listed: NotProven, unlisted: NotProven},
	{zone: "gone", listed: NotProven, unlisted: NotProven},
	{zone: "odd", records: "2.0.0.127 A 127.0.0.2 | listed A 127.0.0.77 | listed TXT new", listed: UnknownCode, unlisted: NotListed},
}

func TestThirteenStatesListedAndUnlisted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := nowhere
		var table strings.Builder
		for _, s := range states {
			table.WriteString("[[list]]\nzone = \"" + s.zone + ".example\"\n" + s.row + "\n")
			if s.zone != "gone" {
				text += zoneText(s.zone+".example", s.records)
			}
		}
		server := dnstest.New(t, text)
		for _, s := range states {
			if s.fault != 0 {
				server.Fault(name4+"."+s.zone+".example", s.fault)
				server.Fault(unlistedName4+"."+s.zone+".example", s.fault)
			}
		}
		lists := rows(t, table.String())
		c := Checker{Resolver: patient(server.Resolver())}
		for target, want := range map[netip.Addr]func(i int) Status{
			sender4:   func(i int) Status { return states[i].listed },
			unlisted4: func(i int) Status { return states[i].unlisted },
		} {
			before := len(server.Queries())
			for i, r := range c.CheckIP(t.Context(), target, lists) {
				if r.Status != want(i) || r.Target != target.String() {
					t.Errorf("%s about %s, asked for %s: got %s (%s), want %s", r.Zone, r.Target, target, r.Status, r.Meaning, want(i))
				}
				if n := sent(server.Queries()[before:], r.Zone); n > 2 {
					t.Errorf("%s about %s: %d queries", r.Zone, target, n)
				}
			}
		}
	})
}

// patient gives a client the tries that lists are asked with.
func patient(c *dnscheck.Client) *dnscheck.Client {
	c.Try = Try
	return c
}

// sent counts the queries for addresses that went to a zone, repeated ones
// too.
func sent(queries []string, zone string) (n int) {
	for _, q := range queries {
		if strings.HasSuffix(q, "."+zone+" A") {
			n++
		}
	}
	return n
}

// A list that died tells why in the reason that it gives for everybody.
func TestALastWordIsKept(t *testing.T) {
	server := dnstest.New(t, nowhere, zoneText("wildcard.example", "* A 127.0.0.2 | * TXT closed"))
	c := Checker{Resolver: server.Resolver()}
	if r := c.CheckIP(t.Context(), sender4, rows(t, "[[list]]\nzone = \"wildcard.example\""))[0]; r.Status != Dead || r.Reason != "closed" {
		t.Errorf("got %s, %q", r.Status, r.Reason)
	}
}

func TestAZoneWhoseTopLevelDoesNotExistIsGone(t *testing.T) {
	c := Checker{Resolver: dnstest.New(t, nowhere).Resolver()}
	if r := c.CheckIP(t.Context(), sender4, rows(t, "[[list]]\nzone = \"bl.example\""))[0]; r.Status != NotProven || r.Meaning != MeaningZoneGone {
		t.Errorf("got %s, %q", r.Status, r.Meaning)
	}
}

func TestAnUnansweredControlIsNotASilentTestEntry(t *testing.T) {
	server := dnstest.New(t, nowhere, zoneText("bl.example", ""))
	server.Fault("2.0.0.127.bl.example", dnstest.ServFail)
	c := Checker{Resolver: server.Resolver()}
	if r := c.CheckIP(t.Context(), sender4, rows(t, "[[list]]\nzone = \"bl.example\""))[0]; r.Status != NotProven || r.Meaning != "servfail" {
		t.Errorf("got %s, %q", r.Status, r.Meaning)
	}
}

func TestSeveralDomainsAreOneSweep(t *testing.T) {
	zones := nowhere + zoneText("host.example", "test A 127.0.0.2 | mail.bad.test A 127.0.0.2") +
		zoneText("registered.example", "test A 127.0.0.2 | bad.test A 127.0.0.2")
	server := dnstest.New(t, zones)
	lists := rows(t, "[[list]]\nzone = \"host.example\"\nkinds = [\"domain\"]\n"+
		"[[list]]\nzone = \"registered.example\"\nkinds = [\"domain\"]\nregistrable = true\ndelist_url = \"https://registered.example/{domain}\"")
	var got []string
	for _, r := range (Checker{Resolver: server.Resolver()}).CheckDomains(t.Context(), []string{"Mail.Bad.test.", "bad.test", "mail.bad.test", "good.test", "192.0.2.1"}, lists) {
		got = append(got, strings.Join([]string{r.Zone, r.Target, string(r.Status), r.DelistURL}, " "))
	}
	want := []string{
		"host.example mail.bad.test listed ",
		"registered.example bad.test listed https://registered.example/bad.test",
		"host.example bad.test not-listed ",
		"host.example good.test not-listed ",
		"registered.example good.test not-listed https://registered.example/good.test",
		"host.example  not-asked ",
		"registered.example  not-asked https://registered.example/",
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
	random := 0
	for _, q := range server.Queries() {
		if strings.HasSuffix(q, ".invalid A") || strings.HasSuffix(q, ".example.com A") {
			random++
		}
	}
	if random != 2 {
		t.Errorf("the resolver's honesty was tested with %d questions, want 2", random)
	}
}
