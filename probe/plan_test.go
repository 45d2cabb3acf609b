package probe

import (
	"net/netip"
	"strings"
	"testing"

	"diagnose/classify"
	"diagnose/classify/bounce"
)

// shown is a step on one line: "smtp smtp <mx", "control control after smtp".
func shown(s Step) string {
	out := s.ID + " " + string(s.Check)
	if s.Target != "" {
		out += " " + s.Target
	}
	if s.Name != "" {
		out += " (" + s.Name + ")"
	}
	if s.From != "" {
		out += " <" + s.From
	}
	if len(s.Needs) > 0 {
		out += " after " + strings.Join(s.Needs, ",")
	}
	if s.List != "" {
		out += " on " + s.List
	}
	if s.Except != "" {
		out += " without " + s.Except
	}
	if s.Sender != "" {
		out += " as " + s.Sender
	}
	for i, k := range s.Keys {
		if i == 0 {
			out += " of"
		}
		out += " " + k.Selector + "." + k.Domain
	}
	if s.Demands != "" {
		out += " as " + s.Demands + " demands"
	}
	return out
}

const (
	route   = "mx mx example.net; smtp smtp <mx; control control after smtp"
	refuser = "mx mx example.net; smtp smtp <mx; control control after smtp,refuser; refuser smtp 203.0.113.25 (mx1.example.net)"
	views   = "; ns ns example.net after mx; second second example.net after mx"
	lists   = "; lists rbl 198.51.100.9; ptr ptr 198.51.100.9"
)

func TestPlan(t *testing.T) {
	c := func(n classify.Category, edits ...func(*classify.Classification)) classify.Classification {
		out := classify.Classification{Category: n}
		for _, e := range edits {
			e(&out)
		}
		return out
	}
	reason := func(r string) func(*classify.Classification) {
		return func(c *classify.Classification) { c.Reason = r }
	}
	onList := func(c *classify.Classification) { c.List = "bl.example" }
	noSender := func(s *Subject) { s.SenderDomain, s.Failure.Sender = "", "" }
	for _, x := range []struct {
		name    string
		c       classify.Classification
		subject []func(*Subject)
		want    string
	}{
		{"unknown recipient", c(1), nil, route},
		{"disabled mailbox", c(2), nil, route},
		{"full mailbox", c(3), nil, route},
		{"filtered", c(4), nil, route + lists},
		{"DNS failure", c(5), nil, refuser + views},
		{"bad command", c(6), nil, route},
		{"too large", c(7), nil, refuser},
		{"rejected", c(8), nil, refuser + lists},
		{"connection failed", c(9), nil, refuser + views},
		{"too many recipients", c(10), nil, route},
		{"a named list", c(11, onList), nil, route + "; named rbl 198.51.100.9 on bl.example; lists rbl 198.51.100.9 without bl.example; ptr ptr 198.51.100.9"},
		{"a list without a name", c(11), nil, route + lists},
		{"a domain list", c(11, onList, reason(classify.ReasonDomainList)), nil, route + "; named rbl example.org on bl.example; ptr ptr 198.51.100.9"},
		{"sender DNS", c(12), nil, route + "; ptr ptr 198.51.100.9; sender-mx mx example.org; helo address mail.example.org"},
		{"HELO as the reply names it", c(12, reason(classify.ReasonHELO)), []func(*Subject){reply("<gw.example.org>: Helo command rejected: Host not found")}, route + "; ptr ptr 198.51.100.9; sender-mx mx example.org; helo address gw.example.org"},
		{"a relayhost greets by its own name", c(12), []func(*Subject){relayed}, route + "; ptr ptr 198.51.100.9; sender-mx mx example.org"},
		{"rate limited", c(13), nil, route + lists},
		{"SPF", c(14), nil, route + "; sender-mx mx example.org; spf spf 198.51.100.9 as us@example.org"},
		{"SPF of the null sender", c(14), []func(*Subject){func(s *Subject) { s.Failure.Sender = "" }}, route + "; sender-mx mx example.org; spf spf 198.51.100.9 as postmaster@example.org"},
		{"DMARC and DKIM", c(14), []func(*Subject){original(bounce.Original{From: "us@news.example.org", DKIM: []bounce.DKIMKey{{Domain: "example.org", Selector: "s1"}, {Domain: "example.com", Selector: "s2"}, {Domain: "a.example", Selector: "s3"}, {Domain: "b.example", Selector: "s4"}}})}, route + "; sender-mx mx example.org; spf spf 198.51.100.9 as us@example.org; dmarc dmarc news.example.org; dkim dkim of s1.example.org s2.example.com s3.a.example"},
		{"SPF of nobody", c(14), []func(*Subject){noSender}, route},
		{"TLS", c(15), nil, "mx mx example.net; smtp smtp <mx after sts,dane as example.net demands; control control after smtp,refuser; refuser smtp 203.0.113.25 (mx1.example.net) after sts,dane as example.net demands; sts sts example.net; dane dane after mx as example.net demands"},
		{"TLS without a recipient", c(15), []func(*Subject){func(s *Subject) { s.Domain = "" }}, "refuser smtp 203.0.113.25 (mx1.example.net); control control after refuser"},
		{"remote fault", c(16), nil, refuser},
		{"unknown", c(0), nil, route + lists},
		{"backscatter is left alone", c(8), []func(*Subject){func(s *Subject) { s.Backscatter = true }}, ""},
		{"no recipient", c(1), []func(*Subject){func(s *Subject) { s.Domain = "" }}, ""},
		{"no recipient, but an address that refused", c(8), []func(*Subject){func(s *Subject) { s.Domain = "" }}, "refuser smtp 203.0.113.25 (mx1.example.net); control control after refuser" + lists},
		{"the refuser by name only", c(9), []func(*Subject){func(s *Subject) { s.Failure.Remote.IP = netip.Addr{} }}, "mx mx example.net; smtp smtp <mx; control control after smtp,refuser; remote address mx1.example.net; refuser smtp <remote" + views},
		{"their report names a host behind their door", c(9), []func(*Subject){theirs, func(s *Subject) { s.Failure.Remote.IP = netip.Addr{} }}, route + views},
		{"our address is in the DNS", c(13), []func(*Subject){machine, by(ByReportingHost)}, route + "; sending address mail.example.org; lists rbl <sending; ptr ptr <sending"},
		{"our relayhost's address is in the DNS", c(13), []func(*Subject){machine, by(ByRelayhost), func(s *Subject) { s.Ours.Relayhost = "[relay.example]:587" }}, route + "; sending address relay.example; lists rbl <sending; ptr ptr <sending"},
		{"only this machine knows our address", c(13), []func(*Subject){machine}, route + "; lists rbl <sending; ptr ptr <sending"},
		{"a name with control characters is no target", c(9), []func(*Subject){func(s *Subject) { s.Failure.Remote = bounce.Host{Name: "mx\x1b[2J.example.net"} }}, route + views},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := subject(append([]func(*Subject){remote("mx1.example.net", mx1), func(s *Subject) { s.Ours.HELO = "mail.example.org" }}, x.subject...)...)
			var steps []string
			for _, step := range Plan(x.c, s) {
				steps = append(steps, shown(step))
			}
			if got := strings.Join(steps, "; "); got != x.want {
				t.Errorf("\ngot  %s\nwant %s", got, x.want)
			}
		})
	}
}

func TestUnknownStageRanksAfterData(t *testing.T) {
	for _, s := range []bounce.Stage{"", "nonsense", bounce.StageQueue, bounce.StageEndOfData, bounce.StageLocal} {
		if rank(s) <= rank(bounce.StageData) {
			t.Errorf("%q ranks before or with DATA", s)
		}
	}
}
