package probe

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// What the findings of the tables are made of: real check results, turned into
// findings by the code that does so in a run.

func mxOf(status dnscheck.Status, hosts ...dnscheck.MXHost) Finding {
	return at(StepMX, CheckMX, findMX(dnscheck.MX{Domain: "example.net", Status: status, Hosts: hosts, Server: "192.0.2.53:53"}))
}

func mxHost(name string, ips ...string) dnscheck.MXHost {
	h := dnscheck.MXHost{Addresses: dnscheck.Addresses{Host: name, V4: dnscheck.NoData, V6: dnscheck.NoData}}
	for _, ip := range ips {
		a := netip.MustParseAddr(ip)
		if h.Addrs = append(h.Addrs, a); a.Is4() {
			h.V4 = dnscheck.OK
		} else {
			h.V6 = dnscheck.OK
		}
	}
	return h
}

func at(step string, check Check, f Finding) Finding {
	f.Step, f.Check = step, check
	return f
}

const (
	mx1, mx2, mx6 = "203.0.113.25", "203.0.113.26", "2001:db8:2::25"
	control4      = "203.0.113.200"
	control6      = "2001:db8:3::1"
)

var (
	ok1   = mxOf(dnscheck.OK, mxHost("mx1.example.net", mx1))
	ok2   = mxOf(dnscheck.OK, mxHost("mx1.example.net", mx1), mxHost("mx2.example.net", mx2))
	ok46  = mxOf(dnscheck.OK, mxHost("mx1.example.net", mx1, mx6))
	noDom = mxOf(dnscheck.NXDomain)
)

// look is a session with ip in a step, after an edit of a healthy one.
func look(step, ip string, edits ...func(*smtpcheck.Session)) Finding {
	addr := netip.AddrPortFrom(netip.MustParseAddr(ip), 25)
	s := smtpcheck.Session{
		Addr: addr, Local: netip.AddrPortFrom(ourIP, 40000), Phase: smtpcheck.PhaseDone, Result: smtpcheck.Accepted,
		Greeting: smtpcheck.Reply{Code: 220, Lines: []string{"mx.example.net ESMTP"}}, EHLO: smtpcheck.Reply{Code: 250, Lines: []string{"mx.example.net"}},
		Extensions: map[string]string{"SMTPUTF8": "", "SIZE": "20000"}, Size: 20000, SizeKnown: true,
		TLS: smtpcheck.TLS{Offered: true, Result: smtpcheck.Accepted, Version: "TLS 1.3"},
	}
	if !addr.Addr().Is4() {
		s.Local = netip.AddrPortFrom(ourIP6, 40000)
	}
	for _, e := range edits {
		e(&s)
	}
	host := map[string]string{mx1: "mx1.example.net", mx2: "mx2.example.net", mx6: "mx1.example.net"}[ip]
	if step == StepControl {
		return at(step, CheckControl, findControl(s))
	}
	f := at(step, CheckSMTP, findSession(s, host, 2))
	if f.Args["local"] == "" {
		f.Args["local"] = ourIP.String() // as the system's route tells
	}
	return f
}

func fails(r smtpcheck.Result) func(*smtpcheck.Session) {
	return func(s *smtpcheck.Session) {
		*s = smtpcheck.Session{Addr: s.Addr, Phase: smtpcheck.PhaseConnect, Result: r}
	}
}

func silent(s *smtpcheck.Session) {
	*s = smtpcheck.Session{Addr: s.Addr, Local: s.Local, Phase: smtpcheck.PhaseGreeting, Result: smtpcheck.Timeout}
}

func says(code int, text string) func(*smtpcheck.Session) {
	return func(s *smtpcheck.Session) {
		*s = smtpcheck.Session{
			Addr: s.Addr, Local: s.Local, Phase: smtpcheck.PhaseGreeting, Result: smtpcheck.Rejected,
			Greeting: smtpcheck.Reply{Code: code, Lines: []string{text}},
		}
	}
}

func saysAtEHLO(code int, text string) func(*smtpcheck.Session) {
	return func(s *smtpcheck.Session) {
		s.Phase, s.Result, s.EHLO, s.Extensions, s.TLS = smtpcheck.PhaseEHLO, smtpcheck.Rejected, smtpcheck.Reply{Code: code, Lines: []string{text}}, nil, smtpcheck.TLS{}
	}
}

func from(ip string) func(*smtpcheck.Session) {
	return func(s *smtpcheck.Session) { s.Local = netip.AddrPortFrom(netip.MustParseAddr(ip), 40000) }
}

func seenBy(ip string) func(*smtpcheck.Session) {
	return func(s *smtpcheck.Session) { s.SeenAs = netip.MustParseAddr(ip) }
}

func size(n int64) func(*smtpcheck.Session) { return func(s *smtpcheck.Session) { s.Size = n } }

func withTLS(x smtpcheck.TLS) func(*smtpcheck.Session) {
	return func(s *smtpcheck.Session) { s.TLS = x }
}

var (
	refusedTCP = fails(smtpcheck.Refused)
	timeoutTCP = fails(smtpcheck.Timeout)
	cutShort   = fails(smtpcheck.Failed)
	controlUp  = look(StepControl, control4)
	controlOff = look(StepControl, control4, timeoutTCP)
	otherOff   = look(StepControl, "203.0.113.201", timeoutTCP)
)

func left(step string, check Check, code string) Finding {
	return Finding{Step: step, Check: check, Outcome: Skipped, Code: code, Args: map[string]string{}}
}

func named(s rbl.Status, edits ...func(*rbl.Result)) Finding {
	r := rbl.Result{Zone: "bl.example", Tier: rbl.Core, Weight: rbl.High, Scope: "ip", Status: s}
	for _, e := range edits {
		e(&r)
	}
	f := at(StepNamed, CheckRBL, findNamed("bl.example", []rbl.Result{r}))
	f.Target = ourIP.String()
	return f
}

func sweep(results ...rbl.Result) Finding {
	f := at(StepLists, CheckRBL, findLists(results))
	f.Target = ourIP.String()
	return f
}

func ptr(status dnscheck.Status, names ...dnscheck.PTRName) Finding {
	r := dnscheck.Reverse{IP: ourIP, Status: status, Names: names}
	for _, n := range names {
		r.Confirmed = r.Confirmed || n.Confirms
	}
	return at(StepPTR, CheckPTR, findReverse(r))
}

func ptrName(confirms, generic bool) dnscheck.PTRName {
	return dnscheck.PTRName{Addresses: mxHost("mail.example.org", "198.51.100.1").Addresses, Confirms: confirms, Generic: generic}
}

func senderMX(mx dnscheck.MX) Finding {
	mx.Domain = "example.org"
	return at(StepSenderMX, CheckMX, findMX(mx))
}

func helo(a dnscheck.Addresses) Finding { return at(StepHELO, CheckAddress, findAddresses(a)) }

func spfIs(r dnscheck.Result) Finding {
	return at(StepSPF, CheckSPF, findSPF(dnscheck.SPF{Domain: "example.org", Result: r}, ourIP))
}

// subject is a bounce of our own server, from an address that the reply names,
// looked at from there; the edits make another of it.
func subject(edits ...func(*Subject)) Subject {
	s := Subject{
		Failure: bounce.Failure{Recipient: "a@example.net", Sender: "us@example.org", SendingIP: ourIP, Stage: bounce.StageRcpt},
		Domain:  "example.net", SenderDomain: "example.org", ReportingHost: "mail.example.org", OurReport: true,
		SendingIP: ourIP, SendingBy: ByReply, Now: noon, BouncedAt: noon.Add(-time.Hour),
	}
	for _, e := range edits {
		e(&s)
	}
	return s
}

func stage(x bounce.Stage) func(*Subject)       { return func(s *Subject) { s.Failure.Stage = x } }
func reply(text string) func(*Subject)          { return func(s *Subject) { s.Failure.Reply.Text = text } }
func recipient(a string) func(*Subject)         { return func(s *Subject) { s.Failure.Recipient = a } }
func by(x SendingBy) func(*Subject)             { return func(s *Subject) { s.SendingBy = x } }
func old(s *Subject)                            { s.BouncedAt = noon.Add(-48 * time.Hour) }
func relayed(s *Subject)                        { s.Ours.Relayhost = "relay.example" }
func theirs(s *Subject)                         { s.OurReport, s.TheirReport, s.ReportingHost = false, true, "gw.example.net" }
func pasted(s *Subject)                         { s.OurReport, s.ReportingHost = false, "" }
func machine(s *Subject)                        { s.SendingIP, s.SendingBy = netip.Addr{}, ByMachine }
func original(o bounce.Original) func(*Subject) { return func(s *Subject) { s.Original = o } }
func remote(name, ip string) func(*Subject) {
	return func(s *Subject) {
		s.Failure.Remote.Name = name
		if ip != "" {
			s.Failure.Remote.IP = netip.MustParseAddr(ip)
		}
	}
}

func rival(c classify.Category) classify.Rival { return classify.Rival{Category: c, Slug: c.Slug()} }

// judgement is one line of the tables: what is found, and what it means.
type judgement struct {
	name     string
	category classify.Category
	reason   string
	list     string
	rivals   []classify.Rival
	subject  []func(*Subject)
	findings []Finding
	want     Verdict
	as       classify.Category // of a contradiction
	because  string            // codes, space separated; "" is not looked at
	limits   string            // codes that must be there
	also     string            // likewise
	unsaid   string            // limits that must not be there
}

func (j judgement) classification() classify.Classification {
	return classify.Classification{Category: j.category, Reason: j.reason, List: j.list, Rivals: j.rivals}
}

var judgements = slices.Concat(mailboxJudgements(), senderJudgements(), []judgement{
	// 1, 2, 3: a mailbox is not seen without --rcpt.
	{name: "unknown recipient, their server greets", category: classify.UnknownRecipient, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, because: "smtp.greets", limits: "needs-rcpt"},
	{name: "unknown recipient, nobody answers", category: classify.UnknownRecipient, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP)}, want: Inconclusive, limits: "no-answer"},
	{name: "unknown recipient at no domain", category: classify.UnknownRecipient, findings: []Finding{noDom, left(StepSMTP, CheckSMTP, "skipped.no-target")}, want: Contradicted, as: classify.DNSFailure, because: "mx.nxdomain"},
	{name: "an old bounce is not contradicted", category: classify.UnknownRecipient, subject: []func(*Subject){old}, findings: []Finding{noDom}, want: Inconclusive, limits: "old-bounce", also: "mx.nxdomain"},
	{name: "SERVFAIL is no missing domain", category: classify.UnknownRecipient, findings: []Finding{mxOf(dnscheck.ServFail)}, want: Inconclusive, limits: "ask-another-resolver"},
	{name: "their gateway's bounce is not explained by its front door", category: classify.UnknownRecipient, subject: []func(*Subject){theirs}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "their-report"},
	{name: "our own server refused the recipient", category: classify.UnknownRecipient, subject: []func(*Subject){stage(bounce.StageLocal)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "refused-here"},
	{name: "disabled mailbox", category: classify.MailboxDisabled, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent},
	{name: "full mailbox of a domain that takes no mail", category: classify.MailboxFull, findings: []Finding{at(StepMX, CheckMX, findMX(dnscheck.MX{Domain: "example.net", Status: dnscheck.OK, Null: true}))}, want: Contradicted, as: classify.DNSFailure, because: "mx.null"},

	// 4
	{name: "a content filter is never seen", category: classify.Filtered, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "needs-sending"},
	{name: "filtered, and the list that the reply names has us", category: classify.Filtered, list: "bl.example", findings: []Finding{ok1, look(StepSMTP, mx1), named(rbl.Listed)}, want: Contradicted, as: classify.Blocklisted, because: "named.listed"},
	{name: "filtered, and the named list has an address that is only a guess", category: classify.Filtered, list: "bl.example", subject: []func(*Subject){by(ByReceived)}, findings: []Finding{ok1, look(StepSMTP, mx1), named(rbl.Listed)}, want: Consistent, also: "named.listed"},

	// 5
	{name: "no such domain", category: classify.DNSFailure, findings: []Finding{noDom}, want: Confirmed, because: "mx.nxdomain"},
	{name: "neither MX nor address", category: classify.DNSFailure, findings: []Finding{at(StepMX, CheckMX, findMX(dnscheck.MX{Domain: "example.net", Status: dnscheck.NoData, Implicit: true, Hosts: []dnscheck.MXHost{mxHost("example.net")}}))}, want: Confirmed, because: "mx.none"},
	{name: "no MX has an address", category: classify.DNSFailure, findings: []Finding{mxOf(dnscheck.OK, mxHost("mx1.example.net"))}, want: Confirmed, because: "mx.dead"},
	{name: "DNSSEC does not validate", category: classify.DNSFailure, findings: []Finding{at(StepMX, CheckMX, findMX(dnscheck.MX{Domain: "example.net", Status: dnscheck.ServFail, Bogus: true}))}, want: Confirmed, because: "mx.bogus"},
	{name: "SERVFAIL alone proves nothing", category: classify.DNSFailure, findings: []Finding{mxOf(dnscheck.ServFail)}, want: Inconclusive, because: "mx.servfail"},
	{name: "a timeout proves nothing", category: classify.DNSFailure, findings: []Finding{mxOf(dnscheck.Timeout)}, want: Inconclusive, because: "mx.timeout"},
	{name: "one MX failing to resolve for a while is not dead", category: classify.DNSFailure, findings: []Finding{mxOf(dnscheck.OK, dnscheck.MXHost{Addresses: dnscheck.Addresses{Host: "mx1.example.net", V4: dnscheck.ServFail, V6: dnscheck.NoData}})}, want: Inconclusive, because: "mx.servfail"},
	{name: "it resolves now", category: classify.DNSFailure, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared, because: "mx.ok smtp.greets"},
	{name: "it resolves here, which need not be where the mail server asks", category: classify.DNSFailure, subject: []func(*Subject){machine}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared, limits: "own-resolver"},
	{name: "it resolves, and nobody answers there", category: classify.DNSFailure, findings: []Finding{ok1, look(StepSMTP, mx1, refusedTCP), controlUp}, want: Contradicted, as: classify.ConnectionFailed, because: "mx.ok smtp.refused"},
	{name: "nobody answers a laptop", category: classify.DNSFailure, findings: []Finding{ok1, look(StepSMTP, mx1, refusedTCP, from("198.51.100.200")), look(StepControl, control4, from("198.51.100.200"))}, subject: []func(*Subject){relayed}, want: Cleared, limits: "vantage", also: "smtp.refused"},
	{name: "somebody answers, if only to refuse", category: classify.DNSFailure, findings: []Finding{ok2, look(StepSMTP, mx1, refusedTCP), look(StepSMTP, mx2, says(554, "no")), controlUp}, want: Cleared, because: "mx.ok"},
	{name: "a broken MX that the reply names", category: classify.DNSFailure, subject: []func(*Subject){reply("Name service error for name=mx2.example.net type=A")}, findings: []Finding{mxOf(dnscheck.OK, mxHost("mx1.example.net", mx1), mxHost("mx2.example.net")), look(StepSMTP, mx1)}, want: Confirmed, because: "mx.ok", also: "mx.broken-host"},
	{name: "an MX that is an address is not mended by answering", category: classify.DNSFailure, findings: []Finding{mxOf(dnscheck.OK, dnscheck.MXHost{IsAddress: true, Addresses: mxHost(mx1, mx1).Addresses}), look(StepSMTP, mx1)}, want: Consistent, because: "mx.ok"},
	{name: "a broken MX that the reply does not name", category: classify.DNSFailure, subject: []func(*Subject){reply("name=amx2.example.net")}, findings: []Finding{mxOf(dnscheck.OK, mxHost("mx1.example.net", mx1), mxHost("mx2.example.net")), look(StepSMTP, mx1)}, want: Cleared, also: "mx.broken-host"},
	{name: "their server's DNS is not ours", category: classify.DNSFailure, subject: []func(*Subject){theirs}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Inconclusive, limits: "their-report"},
	{name: "no recipient, no domain", category: classify.DNSFailure, want: Inconclusive, limits: "no-recipient"},

	// 6
	{name: "an address that no standard allows", category: classify.BadCommand, subject: []func(*Subject){recipient("a..b@example.net")}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Confirmed, limits: "address-malformed"},
	{name: "refused before the address was said", category: classify.BadCommand, subject: []func(*Subject){recipient("a..b@example.net"), stage(bounce.StageEHLO)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent},
	{name: "refused once the address had been taken", category: classify.BadCommand, subject: []func(*Subject){recipient("a..b@example.net"), stage(bounce.StageEndOfData)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "needs-sending", unsaid: "address-malformed"},
	{name: "refused who knows where, and for what", category: classify.BadCommand, subject: []func(*Subject){recipient("a..b@example.net"), stage("")}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, unsaid: "address-malformed"},
	{name: "refused who knows where, for the address", category: classify.BadCommand, subject: []func(*Subject){recipient("a..b@example.net"), stage(""), func(s *Subject) { s.Failure.Reply.Status = "5.1.3" }}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Confirmed, limits: "address-malformed"},
	{name: "SMTPUTF8 is lacking, and the address was taken without", category: classify.BadCommand, subject: []func(*Subject){recipient("用戶@example.net"), stage(bounce.StageEndOfData)}, findings: []Finding{ok1, look(StepSMTP, mx1, func(s *smtpcheck.Session) { s.Extensions = nil })}, want: Consistent, unsaid: "address-needs-smtputf8"},
	{name: "an address that needs SMTPUTF8, offered nowhere", category: classify.BadCommand, subject: []func(*Subject){recipient("用戶@example.net")}, findings: []Finding{ok1, look(StepSMTP, mx1, func(s *smtpcheck.Session) { s.Extensions = nil })}, want: Confirmed, limits: "address-needs-smtputf8"},
	{name: "SMTPUTF8 is lacking at another host than the refusing one", category: classify.BadCommand, subject: []func(*Subject){recipient("用戶@example.net"), remote("", mx2)}, findings: []Finding{ok2, look(StepSMTP, mx1, func(s *smtpcheck.Session) { s.Extensions = nil }), look(StepSMTP, mx2)}, want: Consistent},
	{name: "a good address", category: classify.BadCommand, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "needs-sending"},

	// 7
	{name: "larger than announced", category: classify.TooLarge, subject: []func(*Subject){original(bounce.Original{Size: 30000})}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Confirmed, because: "smtp.greets", also: "size"},
	{name: "smaller than announced explains nothing", category: classify.TooLarge, subject: []func(*Subject){original(bounce.Original{Size: 10000})}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "announced-size-does-not-explain"},
	{name: "SIZE 0 is no limit", category: classify.TooLarge, subject: []func(*Subject){original(bounce.Original{Size: 30000})}, findings: []Finding{ok1, look(StepSMTP, mx1, size(0))}, want: Consistent, limits: "no-size-heard"},
	{name: "of a limit that nobody announced nothing is said", category: classify.TooLarge, subject: []func(*Subject){original(bounce.Original{Size: 30000})}, findings: []Finding{ok1, left(StepSMTP, CheckSMTP, "skipped.no-target")}, want: Inconclusive, limits: "no-size-heard", unsaid: "announced-size-does-not-explain no-answer"},
	{name: "a server that may not be asked is not called silent", category: classify.ConnectionFailed, findings: []Finding{ok1, left(StepSMTP, CheckSMTP, "skipped.private")}, want: Inconclusive, limits: "not-public", unsaid: "no-answer"},
	{name: "the size is not known", category: classify.TooLarge, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "size-unknown"},
	{name: "only another host has the small limit", category: classify.TooLarge, subject: []func(*Subject){original(bounce.Original{Size: 30000}), remote("mx2.example.net", mx2)}, findings: []Finding{ok2, look(StepSMTP, mx1), look(StepSMTP, mx2, size(0))}, want: Consistent},
	{name: "the refusing host was not seen", category: classify.TooLarge, subject: []func(*Subject){original(bounce.Original{Size: 30000}), remote("mx9.example.net", "")}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "not-all-seen"},
	{name: "hosts with different limits, and none named", category: classify.TooLarge, subject: []func(*Subject){original(bounce.Original{Size: 30000})}, findings: []Finding{ok2, look(StepSMTP, mx1), look(StepSMTP, mx2, size(99999))}, want: Consistent},
	{name: "our own server's limit is not theirs", category: classify.TooLarge, subject: []func(*Subject){original(bounce.Original{Size: 30000}), stage(bounce.StageLocal)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "refused-here"},

	// 8
	{name: "refused in the greeting, again", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, says(554, "go away"))}, want: Confirmed, because: "smtp.greeting-rejected"},
	{name: "refused in the greeting for good, and now the server is busy", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), func(s *Subject) { s.Failure.Reply.Code = 554 }}, findings: []Finding{ok1, look(StepSMTP, mx1, says(421, "too busy"))}, want: Inconclusive},
	{name: "refused in the greeting for now, again", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), func(s *Subject) { s.Failure.Reply.Code = 421 }}, findings: []Finding{ok1, look(StepSMTP, mx1, says(421, "not you"))}, want: Confirmed},
	{name: "refused in the greeting, let in now", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared, because: "smtp.greets"},
	{name: "let in from a laptop", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, from("198.51.100.200"))}, want: Inconclusive, limits: "vantage"},
	{name: "refused from a laptop", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, says(554, "no"), from("198.51.100.200"))}, want: Consistent, limits: "vantage"},
	{name: "let in from behind NAT, by the address that sent", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, from("10.0.0.5"), seenBy("198.51.100.9"))}, want: Cleared, also: "nat"},
	{name: "an address of ours that is translated on the way is not the one that sent", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1), look(StepControl, control4, seenBy("198.51.100.200"))}, want: Inconclusive, limits: "vantage", also: "nat"},
	{name: "a stranger's word for it does not move us", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok2, look(StepSMTP, mx1), look(StepSMTP, mx2, seenBy("198.51.100.200"))}, want: Cleared},
	{name: "an address that nobody can have seen from there", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, seenBy("192.168.1.1"))}, want: Cleared},
	{name: "a machine that may not be the sender", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), machine}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Inconclusive, limits: "sending-address-guessed"},
	{name: "nobody knows who sent", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), machine}, findings: []Finding{ok1, look(StepSMTP, mx1, func(s *smtpcheck.Session) { s.Local = netip.AddrPort{} })}, want: Inconclusive},
	{name: "refused at RCPT: a greeting settles nothing", category: classify.Rejected, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "stage"},
	{name: "an unknown stage counts as the last", category: classify.Rejected, subject: []func(*Subject){stage("")}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "stage"},
	{name: "refused at RCPT, in the greeting now", category: classify.Rejected, findings: []Finding{ok1, look(StepSMTP, mx1, says(554, "no"))}, want: Inconclusive, limits: "refuses", unsaid: "no-answer", also: "smtp.greeting-rejected"},
	{name: "refused at EHLO, again", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageEHLO)}, findings: []Finding{ok1, look(StepSMTP, mx1, saysAtEHLO(550, "bad name"))}, want: Confirmed, because: "smtp.ehlo-rejected"},
	{name: "refused at EHLO, let in with a name that may be another", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageEHLO)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent},
	{name: "the other host of the pool lets us in", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), remote("mx2.example.net", mx2)}, findings: []Finding{ok2, look(StepSMTP, mx1), look(StepSMTP, mx2, says(554, "no"))}, want: Confirmed},
	{name: "the refusing host was not reached, another lets us in", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), remote("mx2.example.net", mx2)}, findings: []Finding{ok2, look(StepSMTP, mx1), left(StepRefuser, CheckSMTP, "skipped.limit")}, want: Inconclusive},
	{name: "the refusing host was not visited at all", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), remote("mx2.example.net", mx2)}, findings: []Finding{ok2, look(StepSMTP, mx1)}, want: Inconclusive, limits: "not-all-seen"},
	{name: "a pool that differs", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok2, look(StepSMTP, mx1), look(StepSMTP, mx2, says(554, "no"))}, want: Consistent, limits: "hosts-differ"},
	{name: "a family that we lack is left out", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok46, look(StepSMTP, mx1), left(StepSMTP, CheckSMTP, "skipped.no-family")}, want: Cleared},
	{name: "a host that is none of theirs, and maybe never was dialled", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), remote("old.example.net", mx2), pasted}, findings: []Finding{ok1, look(StepSMTP, mx1), look(StepRefuser, mx2, says(554, "no"))}, want: Consistent, limits: "route-unknown", also: "remote.not-mx"},
	{name: "a host that is none of theirs, as our server says", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), remote("old.example.net", mx2)}, findings: []Finding{ok1, look(StepSMTP, mx1), look(StepRefuser, mx2, says(554, "no"))}, want: Confirmed, also: "remote.not-mx"},
	{name: "rejected, and the named list has us", category: classify.Rejected, list: "bl.example", findings: []Finding{ok1, look(StepSMTP, mx1), named(rbl.Listed)}, want: Contradicted, as: classify.Blocklisted},
	{name: "rejected by a domain that is gone: somebody said that, all the same", category: classify.Rejected, findings: []Finding{noDom, left(StepSMTP, CheckSMTP, "skipped.no-target")}, want: Inconclusive, also: "mx.nxdomain"},
	{name: "a missing domain made no message too large", category: classify.TooLarge, findings: []Finding{noDom, left(StepSMTP, CheckSMTP, "skipped.no-target")}, want: Inconclusive, also: "mx.nxdomain"},
	{name: "a missing domain filters nothing", category: classify.Filtered, findings: []Finding{noDom, left(StepSMTP, CheckSMTP, "skipped.no-target")}, want: Inconclusive, also: "mx.nxdomain"},
	{name: "signatures that do not validate hide no mailbox", category: classify.UnknownRecipient, findings: []Finding{at(StepMX, CheckMX, findMX(dnscheck.MX{Domain: "example.net", Status: dnscheck.ServFail, Bogus: true}))}, want: Inconclusive, also: "mx.bogus"},
	{name: "rejected by our own server", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageLocal)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "refused-here"},
	{name: "their gateway was refused, not we", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), theirs}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Inconclusive, limits: "their-report"},

	// 9
	{name: "refused while the control answers", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, refusedTCP), controlUp}, want: Confirmed, because: "control.ok smtp.refused"},
	{name: "timeouts while the control answers", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), controlUp}, want: Confirmed, because: "control.ok smtp.timeout"},
	{name: "one try is no evidence", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, oneTry(look(StepSMTP, mx1, timeoutTCP)), controlUp}, want: Inconclusive},
	{name: "no control to compare with", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), left(StepControl, CheckControl, "skipped.no-control")}, want: Inconclusive, limits: "no-control"},
	{name: "every control fails from the address that sent", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), controlOff, otherOff}, want: Confirmed, because: "control.failed", limits: "port25-closed"},
	{name: "every control fails from a laptop", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect), by(ByConfiguration)}, findings: []Finding{ok1, elsewhere(look(StepSMTP, mx1, timeoutTCP)), controlOff, otherOff}, want: Inconclusive, limits: "port25-closed"},
	{name: "every control fails, but a relayhost sends", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect), relayed}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), controlOff, otherOff}, want: Inconclusive},
	{name: "unreachable here, but a relayhost sends", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect), relayed}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), controlUp}, want: Consistent, limits: "vantage"},
	{name: "a control cut short does not close port 25", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), look(StepControl, control4, cutShort)}, want: Inconclusive, limits: "no-control"},
	{name: "a control that a lying resolver made private does not close port 25", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), look(StepControl, control4, fails(smtpcheck.Blocked))}, want: Inconclusive, limits: "no-control"},
	{name: "a single control that fails may be down itself", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), controlOff}, want: Inconclusive, limits: "no-control", unsaid: "port25-closed"},
	{name: "two controls fail, but one of them in the other family", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), controlOff, look(StepControl, control6, timeoutTCP)}, want: Inconclusive, limits: "no-control"},
	{name: "one control failed, the other was not asked", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), controlOff, left(StepControl, CheckControl, "skipped.limit")}, want: Inconclusive},
	{name: "port 25 is open where another host answers", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect), remote("", mx2)}, findings: []Finding{ok2, look(StepSMTP, mx1), look(StepSMTP, mx2, timeoutTCP), controlOff}, want: Consistent, limits: "hosts-differ"},
	{name: "IPv6 is closed here, IPv4 is theirs", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok46, look(StepSMTP, mx1, refusedTCP), look(StepSMTP, mx6, timeoutTCP), controlUp, look(StepControl, control6, timeoutTCP), look(StepControl, "2001:db8:3::2", timeoutTCP)}, want: Confirmed, because: "control.ok smtp.refused", limits: "family-closed"},
	{name: "no control in the family that failed", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok46, look(StepSMTP, mx1, refusedTCP), look(StepSMTP, mx6, timeoutTCP), controlUp}, want: Consistent, limits: "no-control"},
	{name: "an address was left out", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok2, look(StepSMTP, mx1, refusedTCP), left(StepSMTP, CheckSMTP, "skipped.hosts"), controlUp}, want: Inconclusive},
	{name: "an MX could not be resolved", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{mxOf(dnscheck.OK, mxHost("mx1.example.net", mx1), dnscheck.MXHost{Addresses: dnscheck.Addresses{Host: "mx2.example.net", V4: dnscheck.Timeout}}), look(StepSMTP, mx1, refusedTCP), controlUp}, want: Consistent, limits: "not-all-seen"},
	{name: "the host that failed greets", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect), remote("mx1.example.net", mx1)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared, because: "smtp.greets"},
	{name: "given up waiting for a connection, and it greets", category: classify.ConnectionFailed, reason: classify.ReasonTimeout, subject: []func(*Subject){stage(bounce.StageQueue)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared},
	{name: "given up waiting for who knows what", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageQueue)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "given-up", unsaid: "stage"},
	{name: "given up waiting for who knows what, and it is silent", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageQueue)}, findings: []Finding{ok1, look(StepSMTP, mx1, silent)}, want: Inconclusive, limits: "given-up"},
	{name: "no connection at the time, and now a refusal", category: classify.ConnectionFailed, reason: classify.ReasonRefused, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, says(554, "no"))}, want: Inconclusive, limits: "refuses", unsaid: "no-answer"},
	{name: "the domain's name servers are of no use", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageQueue)}, findings: []Finding{mxOf(dnscheck.ServFail), nsIs(nameServers(dnscheck.Lame))}, want: Contradicted, as: classify.DNSFailure, because: "ns.dead"},
	{name: "the domain's name servers are of no use, as far as they were heard", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageQueue)}, findings: []Finding{mxOf(dnscheck.ServFail), nsIs(nameServers(dnscheck.Lame, dnscheck.Silent))}, want: Inconclusive},
	{name: "refused needs no stage", category: classify.ConnectionFailed, reason: classify.ReasonRefused, subject: []func(*Subject){stage("")}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared},
	{name: "lost after DATA: a greeting settles nothing", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageEndOfData)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "stage"},
	{name: "IPv6 failed, only IPv4 greets", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect), remote("mx1.example.net", mx6)}, findings: []Finding{ok46, look(StepSMTP, mx1), look(StepSMTP, mx6, timeoutTCP), look(StepControl, control6)}, want: Consistent, limits: "hosts-differ"},
	{name: "silence after connecting", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{ok1, look(StepSMTP, mx1, silent)}, want: Inconclusive, because: "smtp.silent"},
	{name: "silence, as the reply said", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, silent)}, want: Confirmed, because: "smtp.silent"},
	{name: "no connection to speak of, and now a refusal", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, says(554, "no"))}, want: Contradicted, as: classify.Rejected},
	{name: "no time for anybody, again", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageGreeting), func(s *Subject) { s.Failure.Reply.Code = 421 }}, findings: []Finding{ok1, look(StepSMTP, mx1, says(421, "4.3.2 Service not available"))}, want: Confirmed, because: "smtp.greeting-rejected"},
	{name: "no connection to speak of, and now a server with troubles of its own", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, says(421, "4.3.2 too busy"))}, want: Contradicted, as: classify.RemoteFault},
	{name: "a refusal of a laptop explains nothing", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, says(554, "no"), from("198.51.100.200"))}, want: Inconclusive, limits: "vantage", also: "smtp.greeting-rejected"},
	{name: "the domain is gone", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect)}, findings: []Finding{noDom, left(StepSMTP, CheckSMTP, "skipped.no-target")}, want: Contradicted, as: classify.DNSFailure},
	{name: "nothing was looked at", category: classify.ConnectionFailed, want: Inconclusive},
	{name: "their relay failed behind the door", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect), theirs}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Inconclusive, limits: "their-report"},
	{name: "our own host is our customer's MX: it is still our report", category: classify.ConnectionFailed, subject: []func(*Subject){stage(bounce.StageConnect), func(s *Subject) { s.ReportingHost = "mail.example.org" }}, findings: []Finding{mxOf(dnscheck.OK, mxHost("mail.example.org", mx1)), look(StepSMTP, mx1)}, want: Cleared},

	// 10
	{name: "more recipients than announced", category: classify.TooManyRecipients, subject: []func(*Subject){original(bounce.Original{Recipients: 30})}, findings: []Finding{ok1, look(StepSMTP, mx1, func(s *smtpcheck.Session) { s.Extensions = map[string]string{"LIMITS": "RCPTMAX=20"} })}, want: Consistent, limits: "recipients"},
	{name: "no limit announced", category: classify.TooManyRecipients, subject: []func(*Subject){original(bounce.Original{Recipients: 30})}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "needs-sending"},

	// 11
	{name: "the named list has the address", category: classify.Blocklisted, list: "bl.example", findings: []Finding{named(rbl.Listed)}, want: Confirmed, because: "named.listed"},
	{name: "the named list has an address that is only a guess", category: classify.Blocklisted, list: "bl.example", subject: []func(*Subject){by(ByReceived)}, findings: []Finding{named(rbl.Listed)}, want: Consistent, limits: "sending-address-guessed"},
	{name: "the named list does not have it now", category: classify.Blocklisted, list: "bl.example", findings: []Finding{named(rbl.NotListed)}, want: Cleared, because: "named.not-listed", limits: "caches-lag"},
	{name: "the named list does not have a guess", category: classify.Blocklisted, list: "bl.example", subject: []func(*Subject){by(ByReportingHost)}, findings: []Finding{named(rbl.NotListed)}, want: Inconclusive, limits: "sending-address-guessed"},
	{name: "one of several configured addresses is clean", category: classify.Blocklisted, list: "bl.example", subject: []func(*Subject){by(ByConfiguration), func(s *Subject) { s.Ours.Addresses = []netip.Addr{ourIP, netip.MustParseAddr("198.51.100.10")} }}, findings: []Finding{named(rbl.NotListed)}, want: Inconclusive},
	{name: "a list whose silence is unproved", category: classify.Blocklisted, list: "bl.example", findings: []Finding{named(rbl.NotProven)}, want: Inconclusive, because: "named.not-proven", limits: "lists-did-not-answer"},
	{name: "a list that refuses us", category: classify.Blocklisted, list: "bl.example", findings: []Finding{named(rbl.Refused)}, want: Inconclusive, because: "named.refused"},
	{name: "a lying resolver", category: classify.Blocklisted, list: "bl.example", findings: []Finding{named(rbl.LyingDNS)}, want: Inconclusive},
	{name: "a list without its key", category: classify.Blocklisted, list: "bl.example", findings: []Finding{named(rbl.NotAsked)}, want: Inconclusive},
	{name: "a list that answers for everybody", category: classify.Blocklisted, list: "bl.example", findings: []Finding{named(rbl.Dead)}, want: Consistent, limits: "dead-list"},
	{name: "a refusal code that they took for a listing", category: classify.Blocklisted, reason: classify.ReasonResolver, list: "bl.example", findings: []Finding{named(rbl.NotListed)}, want: Consistent, limits: "their-resolver"},
	{name: "a private reputation is never cleared", category: classify.Blocklisted, reason: classify.ReasonPrivateList, findings: []Finding{sweep()}, want: Consistent, limits: "private-list"},
	{name: "no list named, a large one has us", category: classify.Blocklisted, findings: []Finding{sweep(rbl.Result{Zone: "big.example", Tier: rbl.Core, Weight: rbl.High, Status: rbl.Listed})}, want: Consistent, because: "lists.listed", limits: "list-not-named"},
	{name: "no list named, only the neighbourhood is listed", category: classify.Blocklisted, findings: []Finding{sweep(rbl.Result{Zone: "near.example", Tier: rbl.Neighbour, Weight: rbl.High, Status: rbl.Listed}, rbl.Result{Zone: "big.example", Tier: rbl.Core, Status: rbl.NotListed})}, want: Inconclusive},
	{name: "no list named, none has us", category: classify.Blocklisted, findings: []Finding{sweep(rbl.Result{Zone: "big.example", Tier: rbl.Core, Status: rbl.NotListed})}, want: Inconclusive, because: "lists.clean"},
	{name: "no address to ask about", category: classify.Blocklisted, list: "bl.example", findings: []Finding{left(StepNamed, CheckRBL, "skipped.no-target")}, want: Inconclusive, limits: "no-sending-address"},
	{name: "no address and no list", category: classify.Blocklisted, findings: []Finding{left(StepLists, CheckRBL, "skipped.no-target")}, want: Inconclusive, limits: "no-sending-address"},
	{name: "a domain list with a domain that the reply does not name", category: classify.Blocklisted, reason: classify.ReasonDomainList, list: "dbl.example", findings: []Finding{named(rbl.NotListed)}, want: Inconclusive, limits: "domain-list"},
	{name: "a domain list has our domain, which the reply does not name", category: classify.Blocklisted, reason: classify.ReasonDomainList, list: "dbl.example", findings: []Finding{named(rbl.Listed)}, want: Consistent, limits: "domain-list"},
	{name: "a domain list has the domain that the reply names", category: classify.Blocklisted, reason: classify.ReasonDomainList, list: "dbl.example", subject: []func(*Subject){reply("550 example.org is listed in dbl.example")}, findings: []Finding{named(rbl.Listed)}, want: Confirmed},
	{name: "not listed, no PTR, and the words fit that", category: classify.Blocklisted, list: "bl.example", rivals: []classify.Rival{rival(classify.SenderDNS)}, findings: []Finding{named(rbl.NotListed), ptr(dnscheck.NXDomain)}, want: Contradicted, as: classify.SenderDNS, because: "ptr.none"},
	{name: "not listed, no PTR, and the words do not fit", category: classify.Blocklisted, list: "bl.example", findings: []Finding{named(rbl.NotListed), ptr(dnscheck.NXDomain)}, want: Cleared, also: "ptr.none"},

	// 12
	{name: "no PTR", category: classify.SenderDNS, reason: classify.ReasonPTR, findings: []Finding{ptr(dnscheck.NXDomain)}, want: Confirmed, because: "ptr.none"},
	{name: "no PTR of a guess", category: classify.SenderDNS, reason: classify.ReasonPTR, subject: []func(*Subject){by(ByReceived)}, findings: []Finding{ptr(dnscheck.NXDomain)}, want: Consistent, limits: "sending-address-guessed"},
	{name: "PTR now", category: classify.SenderDNS, reason: classify.ReasonPTR, findings: []Finding{ptr(dnscheck.OK, ptrName(true, false))}, want: Cleared, because: "ptr.ok"},
	{name: "PTR of a guess", category: classify.SenderDNS, reason: classify.ReasonPTR, subject: []func(*Subject){machine}, findings: []Finding{ptr(dnscheck.OK, ptrName(true, false))}, want: Inconclusive, limits: "sending-address-guessed"},
	{name: "a generic PTR", category: classify.SenderDNS, reason: classify.ReasonPTR, findings: []Finding{ptr(dnscheck.OK, ptrName(true, true))}, want: Consistent, because: "ptr.generic"},
	{name: "a PTR that does not lead back", category: classify.SenderDNS, reason: classify.ReasonFCrDNS, findings: []Finding{ptr(dnscheck.OK, ptrName(false, false))}, want: Confirmed, because: "ptr.unconfirmed"},
	{name: "a PTR that does not lead back, where any would do", category: classify.SenderDNS, reason: classify.ReasonPTR, subject: []func(*Subject){reply("450 4.7.25 Client host rejected: cannot find your reverse hostname, [198.51.100.9]")}, findings: []Finding{ptr(dnscheck.OK, ptrName(false, true))}, want: Cleared, because: "ptr.unconfirmed"},
	{name: "a PTR lookup that failed", category: classify.SenderDNS, reason: classify.ReasonPTR, findings: []Finding{ptr(dnscheck.ServFail)}, want: Inconclusive, because: "ptr.servfail", limits: "ask-another-resolver"},
	{name: "no address to look up", category: classify.SenderDNS, reason: classify.ReasonPTR, findings: []Finding{left(StepPTR, CheckPTR, "skipped.no-target")}, want: Inconclusive, limits: "no-sending-address"},
	{name: "an address that may not be looked up", category: classify.SenderDNS, reason: classify.ReasonPTR, findings: []Finding{left(StepPTR, CheckPTR, "skipped.private")}, want: Inconclusive, limits: "not-public"},
	{name: "HELO name does not exist", category: classify.SenderDNS, reason: classify.ReasonHELO, findings: []Finding{helo(dnscheck.Addresses{Host: "mail.example.org", V4: dnscheck.NXDomain, V6: dnscheck.NXDomain})}, want: Confirmed, because: "address.nxdomain"},
	{name: "HELO name resolves now", category: classify.SenderDNS, reason: classify.ReasonHELO, findings: []Finding{helo(mxHost("mail.example.org", "198.51.100.9").Addresses)}, want: Cleared, because: "address.ok"},
	{name: "HELO localhost leads nowhere", category: classify.SenderDNS, reason: classify.ReasonHELO, findings: []Finding{helo(mxHost("localhost", "127.0.0.1").Addresses)}, want: Confirmed},
	{name: "sender domain does not exist", category: classify.SenderDNS, reason: classify.ReasonSenderDomain, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.NXDomain})}, want: Confirmed, because: "mx.nxdomain"},
	{name: "sender domain resolves now", category: classify.SenderDNS, reason: classify.ReasonSenderDomain, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.OK, Hosts: []dnscheck.MXHost{mxHost("mail.example.org", "198.51.100.9")}})}, want: Cleared, because: "mx.ok"},
	{name: "a From header is not the envelope", category: classify.SenderDNS, reason: classify.ReasonSenderDomain, subject: []func(*Subject){func(s *Subject) { s.Failure.Sender = "" }}, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.OK, Hosts: []dnscheck.MXHost{mxHost("mail.example.org", "198.51.100.9")}})}, want: Inconclusive, limits: "sender-guessed"},
	{name: "sender's MX is an address", category: classify.SenderDNS, reason: classify.ReasonSenderMXIP, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.OK, Hosts: []dnscheck.MXHost{{IsAddress: true, Addresses: mxHost("198.51.100.9", "198.51.100.9").Addresses}}})}, want: Confirmed, because: "mx.ok"},
	{name: "sender's MX is a name now", category: classify.SenderDNS, reason: classify.ReasonSenderMXIP, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.OK, Hosts: []dnscheck.MXHost{mxHost("mail.example.org", "198.51.100.9")}})}, want: Cleared},
	{name: "a sender domain that vanished is not mended", category: classify.SenderDNS, reason: classify.ReasonSenderMXIP, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.NXDomain})}, want: Consistent, because: "mx.nxdomain"},
	{name: "a callout that can reach us", category: classify.SenderDNS, reason: classify.ReasonCallout, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.OK, Hosts: []dnscheck.MXHost{mxHost("mail.example.org", "198.51.100.9")}})}, want: Consistent, limits: "callout"},
	{name: "a callout without a domain to ask", category: classify.SenderDNS, reason: classify.ReasonCallout, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.NXDomain})}, want: Confirmed},
	{name: "no test named, something is wrong", category: classify.SenderDNS, findings: []Finding{ptr(dnscheck.NXDomain)}, want: Consistent, limits: "test-not-named"},
	{name: "no test named, nothing is wrong", category: classify.SenderDNS, findings: []Finding{ptr(dnscheck.OK, ptrName(true, false))}, want: Inconclusive, limits: "test-not-named"},

	// 13
	{name: "a rate limit is never seen", category: classify.RateLimited, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "wait"},
	{name: "rate limited by a list that has us", category: classify.RateLimited, list: "bl.example", findings: []Finding{ok1, look(StepSMTP, mx1), named(rbl.Listed)}, want: Contradicted, as: classify.Blocklisted},
	{name: "rate limited without a PTR, which fits", category: classify.RateLimited, rivals: []classify.Rival{rival(classify.SenderDNS)}, findings: []Finding{ok1, look(StepSMTP, mx1), ptr(dnscheck.NXDomain)}, want: Contradicted, as: classify.SenderDNS},
	{name: "a guess without a PTR explains nothing", category: classify.RateLimited, rivals: []classify.Rival{rival(classify.SenderDNS)}, subject: []func(*Subject){by(ByReceived)}, findings: []Finding{ok1, look(StepSMTP, mx1), ptr(dnscheck.NXDomain)}, want: Consistent, also: "ptr.none"},

	// 14
	{name: "SPF fails", category: classify.AuthFailed, reason: classify.ReasonSPF, findings: []Finding{spfIs(dnscheck.Fail)}, want: Confirmed, because: "spf.fail"},
	{name: "SPF of a guess fails", category: classify.AuthFailed, reason: classify.ReasonSPF, subject: []func(*Subject){by(ByReportingHost)}, findings: []Finding{spfIs(dnscheck.Fail)}, want: Consistent},
	{name: "SPF passes now", category: classify.AuthFailed, reason: classify.ReasonSPF, findings: []Finding{spfIs(dnscheck.Pass)}, want: Cleared, because: "spf.pass"},
	{name: "SPF passes now, but DKIM was named too", category: classify.AuthFailed, reason: classify.ReasonSPF, subject: []func(*Subject){reply("550 5.7.26 SPF and DKIM failed")}, findings: []Finding{spfIs(dnscheck.Pass)}, want: Consistent, limits: "needs-message"},
	{name: "SPF says nothing", category: classify.AuthFailed, reason: classify.ReasonSPF, findings: []Finding{spfIs(dnscheck.None)}, want: Consistent, because: "spf.none"},
	{name: "SPF could not be looked up", category: classify.AuthFailed, reason: classify.ReasonSPF, findings: []Finding{spfIs(dnscheck.TempError)}, want: Inconclusive, because: "spf.temperror"},
	{name: "DMARC is judged on the message", category: classify.AuthFailed, reason: classify.ReasonDMARC, findings: []Finding{spfIs(dnscheck.Pass)}, want: Consistent, limits: "needs-message"},
	{name: "DMARC and no SPF answer", category: classify.AuthFailed, reason: classify.ReasonDMARC, findings: []Finding{spfIs(dnscheck.TempError)}, want: Inconclusive},

	// 15
	{name: "no STARTTLS", category: classify.TLSFailed, reason: classify.ReasonNoSTARTTLS, findings: []Finding{ok1, look(StepSMTP, mx1, withTLS(smtpcheck.TLS{}))}, want: Confirmed, because: "smtp.greets"},
	{name: "STARTTLS now", category: classify.TLSFailed, reason: classify.ReasonNoSTARTTLS, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared},
	{name: "STARTTLS is offered and breaks", category: classify.TLSFailed, reason: classify.ReasonNoSTARTTLS, findings: []Finding{ok1, look(StepSMTP, mx1, withTLS(smtpcheck.TLS{Offered: true, Result: smtpcheck.Failed, Problem: smtpcheck.ProblemHandshake}))}, want: Consistent},
	{name: "no STARTTLS at one of two", category: classify.TLSFailed, reason: classify.ReasonNoSTARTTLS, findings: []Finding{ok2, look(StepSMTP, mx1, withTLS(smtpcheck.TLS{})), look(StepSMTP, mx2, timeoutTCP)}, want: Consistent},
	{name: "an expired certificate", category: classify.TLSFailed, reason: classify.ReasonCertificate, findings: []Finding{ok1, look(StepSMTP, mx1, withTLS(smtpcheck.TLS{Offered: true, Result: smtpcheck.Accepted, Problem: smtpcheck.ProblemExpired}))}, want: Confirmed},
	{name: "no certificate was seen", category: classify.TLSFailed, reason: classify.ReasonCertificate, findings: []Finding{ok1, look(StepSMTP, mx1, withTLS(smtpcheck.TLS{Offered: true, Result: smtpcheck.Failed, Problem: smtpcheck.ProblemHandshake}))}, want: Consistent},
	{name: "a good certificate now", category: classify.TLSFailed, reason: classify.ReasonCertificate, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared},
	{name: "a certificate that no name was compared with", category: classify.TLSFailed, reason: classify.ReasonCertificate, findings: []Finding{ok1, nameless(look(StepSMTP, mx1))}, want: Consistent},
	{name: "we cannot judge certificates here", category: classify.TLSFailed, reason: classify.ReasonCertificate, findings: []Finding{ok1, look(StepSMTP, mx1, withTLS(smtpcheck.TLS{Offered: true, Result: smtpcheck.Accepted, Problem: smtpcheck.ProblemNoRoots}))}, want: Consistent},
	{name: "DANE asks for another test", category: classify.TLSFailed, reason: classify.ReasonCertificate, subject: []func(*Subject){reply("TLSA mismatch")}, findings: []Finding{ok1, look(StepSMTP, mx1, withTLS(smtpcheck.TLS{Offered: true, Result: smtpcheck.Accepted, Problem: smtpcheck.ProblemSelfSigned}))}, want: Inconclusive},
	{name: "they demand TLS of us", category: classify.TLSFailed, reason: classify.ReasonMustSTARTTLS, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent},
	{name: "TLS, and nobody greets", category: classify.TLSFailed, findings: []Finding{ok1, look(StepSMTP, mx1, timeoutTCP)}, want: Inconclusive},
	{name: "no STARTTLS seen from a laptop", category: classify.TLSFailed, reason: classify.ReasonNoSTARTTLS, findings: []Finding{ok1, look(StepSMTP, mx1, withTLS(smtpcheck.TLS{}), from("198.51.100.200"))}, want: Consistent, limits: "vantage"},

	// 16
	{name: "a local error in the greeting, again", category: classify.RemoteFault, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, says(421, "4.3.2 shutting down"))}, want: Confirmed},
	{name: "a policy refusal is no local error", category: classify.RemoteFault, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1, says(554, "5.7.1 no"))}, want: Inconclusive, also: "smtp.greeting-rejected"},
	{name: "the stage passes now", category: classify.RemoteFault, subject: []func(*Subject){stage(bounce.StageEHLO)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Cleared},
	{name: "a later stage is not seen", category: classify.RemoteFault, subject: []func(*Subject){stage(bounce.StageData)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent, limits: "stage"},
	{name: "a loop is never seen", category: classify.RemoteFault, reason: classify.ReasonLoop, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Consistent},

	// What was seen before the bounce clears nothing.
	{name: "let in, before it was refused", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, remembering(look(StepSMTP, mx1), -2*time.Hour)}, want: Inconclusive, limits: "seen-beforehand"},
	{name: "let in, after it was refused", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting)}, findings: []Finding{ok1, remembering(look(StepSMTP, mx1), -time.Minute)}, want: Cleared},
	{name: "let in at some time, a few minutes ago at most", category: classify.Rejected, subject: []func(*Subject){stage(bounce.StageGreeting), func(s *Subject) { s.BouncedAt = time.Time{} }}, findings: []Finding{ok1, remembering(look(StepSMTP, mx1), -time.Minute)}, want: Cleared},
	{name: "asked: it existed before the bounce", category: classify.UnknownRecipient, subject: []func(*Subject){remote("mx1.example.net", mx1)}, findings: []Finding{ok1, look(StepSMTP, mx1), remembering(ask(mx1, taken, unknownUser), -2*time.Hour)}, want: Consistent, limits: "seen-beforehand"},
	{name: "asked: it did not exist before the bounce either", category: classify.UnknownRecipient, subject: []func(*Subject){remote("mx1.example.net", mx1)}, findings: []Finding{ok1, look(StepSMTP, mx1), remembering(ask(mx1, unknownUser, taken), -2*time.Hour)}, want: Confirmed},
	{name: "asked: it existed at some time, and the bounce has none", category: classify.UnknownRecipient, subject: []func(*Subject){remote("mx1.example.net", mx1), func(s *Subject) { s.BouncedAt = time.Time{} }}, findings: []Finding{ok1, look(StepSMTP, mx1), remembering(ask(mx1, taken, unknownUser), -time.Hour)}, want: Consistent, limits: "seen-beforehand remembered"},

	{name: "unknown", category: classify.Unknown, findings: []Finding{ok1, look(StepSMTP, mx1)}, want: Inconclusive, limits: "unknown-category"},
})

func oneTry(f Finding) Finding { f.Args["tries"] = "1"; return f }

func remembering(f Finding, from time.Duration) Finding {
	f.Started = noon.Add(from)
	f.Args["remembered"] = stamp(f.Started)
	return f
}

func elsewhere(f Finding) Finding { f.Args["local"] = "198.51.100.200"; return f }

func nameless(f Finding) Finding { f.Args["host"] = f.Args["ip"]; return f }

func TestVerdicts(t *testing.T) {
	for _, j := range judgements {
		t.Run(j.category.Slug()+"/"+j.name, func(t *testing.T) {
			v := Judge(j.classification(), subject(j.subject...), j.findings)
			as := j.as
			if j.want != Contradicted {
				as = j.category
			}
			if v.Verdict != j.want || v.Category != as || j.because != "" && strings.Join(v.Because, " ") != j.because {
				t.Errorf("%s as %d because %v, limits %v", v.Verdict, v.Category, v.Because, v.Limits)
			}
			missing(t, v.Limits, j.limits)
			missing(t, v.AlsoSeen, j.also)
			for _, code := range strings.Fields(j.unsaid) {
				if slices.ContainsFunc(v.Limits, func(s Seen) bool { return s.Code == code }) {
					t.Errorf("%s is said, and was not seen", code)
				}
			}
		})
	}
}

func missing(t *testing.T, seen []Seen, codes string) {
	t.Helper()
	for _, code := range strings.Fields(codes) {
		if !slices.ContainsFunc(seen, func(s Seen) bool { return s.Code == code }) {
			t.Errorf("no %s among %v", code, seen)
		}
	}
}

// firmness orders the verdicts.
func firmness(v Verdict) int {
	return map[Verdict]int{Inconclusive: 0, Consistent: 1, Confirmed: 2, Cleared: 2, Contradicted: 2}[v]
}

// Every judgement of the table, and random mixtures of their findings.
func mixtures(t *testing.T, try func(*testing.T, judgement, Subject)) {
	var pool []Finding
	for _, j := range judgements {
		pool = append(pool, j.findings...)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 6000 {
		j := judgements[i%len(judgements)]
		s := subject(j.subject...)
		if i >= len(judgements) {
			j.findings = slices.Clone(j.findings)
			for range r.IntN(4) {
				f := pool[r.IntN(len(pool))]
				if f.Step == StepNamed && j.list == "" {
					continue // no plan asks a list that is not named
				}
				if !slices.ContainsFunc(j.findings, func(g Finding) bool { return g.Step == f.Step && (g.Target == f.Target || f.Check != CheckSMTP) }) {
					j.findings = append(j.findings, f)
				}
			}
		}
		if slices.ContainsFunc(j.findings, func(f Finding) bool { return f.Step == StepMX && f.Outcome == Healthy }) { // nobody else is asked then
			j.findings = slices.DeleteFunc(slices.Clone(j.findings), func(f Finding) bool { return f.Step == StepNS || f.Step == StepSecond })
		}
		try(t, j, s)
		if t.Failed() {
			t.Fatalf("%d: %s, %v", i, j.name, codes(j.findings))
		}
	}
}

func codes(fs []Finding) (out []string) {
	for _, f := range fs {
		out = append(out, f.Step+" "+f.Target+" "+f.Code)
	}
	return out
}

func TestLessKnowledgeNeverMakesAVerdictFirmer(t *testing.T) {
	mixtures(t, func(t *testing.T, j judgement, s Subject) {
		c := j.classification()
		before := Judge(c, s, j.findings)
		for i, f := range j.findings {
			if sighting(f).IsValid() { // that our address is another than we think is knowledge that weakens
				continue
			}
			for _, less := range []Finding{
				{Step: f.Step, Check: f.Check, Target: f.Target, Outcome: Skipped, Code: "skipped.time", Args: map[string]string{}},
				unknown(f),
			} {
				fs := slices.Clone(j.findings)
				fs[i] = less
				if after := Judge(c, s, fs); firmness(after.Verdict) > firmness(before.Verdict) {
					t.Errorf("%s becomes %s with %s as %s", before.Verdict, after.Verdict, f.Code, less.Code)
				}
			}
		}
	})
}

// unknown is a finding as it would be had its look failed.
func unknown(f Finding) Finding {
	switch {
	case f.Step == StepRcpt && f.Session != nil:
		return at(f.Step, f.Check, findRcpt(smtpcheck.Session{Addr: f.Session.Addr, Phase: smtpcheck.PhaseConnect, Result: smtpcheck.Failed}, f.Target, f.Args["host"]))
	case f.Session != nil:
		s := smtpcheck.Session{Addr: f.Session.Addr, Phase: smtpcheck.PhaseConnect, Result: smtpcheck.Failed}
		if f.Check == CheckControl {
			return at(f.Step, f.Check, findControl(s))
		}
		return at(f.Step, f.Check, findSession(s, f.Args["host"], 1))
	case f.MX != nil:
		return at(f.Step, f.Check, findMX(dnscheck.MX{Domain: f.MX.Domain, Status: dnscheck.ServFail}))
	case f.Reverse != nil:
		return ptr(dnscheck.ServFail)
	case f.SPF != nil:
		return spfIs(dnscheck.TempError)
	case f.DKIM != nil:
		return at(f.Step, f.Check, findDKIM(dnscheck.DKIM{Status: dnscheck.ServFail}))
	case f.DMARC != nil:
		return at(f.Step, f.Check, findDMARC(dnscheck.DMARC{Status: dnscheck.Timeout}, f.Target))
	case f.STS != nil:
		return at(f.Step, f.Check, findSTS(dnscheck.STS{Domain: f.Target, Status: dnscheck.OK, Problem: dnscheck.STSUnreachable}))
	case f.DANE != nil:
		less := *f.DANE
		less.Authentic = false
		return at(f.Step, f.Check, findDANE(less, false))
	case f.NS != nil:
		return at(f.Step, f.Check, findNS(nameServers(dnscheck.Silent)))
	case f.Addresses != nil:
		return helo(dnscheck.Addresses{Host: f.Target, V4: dnscheck.Timeout, V6: dnscheck.Timeout})
	case f.Step == StepNamed:
		return named(rbl.NoAnswer)
	case f.Step == StepLists:
		return sweep()
	}
	return f
}

func TestOrderOfLookingDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	mixtures(t, func(t *testing.T, j judgement, s Subject) {
		judge := func() []byte {
			v := Judge(j.classification(), s, j.findings)
			v.Findings = nil
			out, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		first := judge()
		j.findings = slices.Clone(j.findings)
		r.Shuffle(len(j.findings), func(a, b int) { j.findings[a], j.findings[b] = j.findings[b], j.findings[a] })
		if second := judge(); !bytes.Equal(first, second) {
			t.Errorf("%s\n%s", first, second)
		}
	})
}

func TestNoFirmVerdictRestsOnAFailedCheck(t *testing.T) {
	mixtures(t, func(t *testing.T, j judgement, s Subject) {
		v := newView(j.classification(), s, j.findings)
		v.judge()
		v.gates()
		if v.verdict == Inconclusive {
			return
		}
		for _, f := range v.rests {
			silence := slices.Contains([]string{"smtp.timeout", "smtp.unreachable", "smtp.silent"}, f.Code)
			if f.Outcome != Healthy && f.Outcome != Faulty && !silence {
				t.Errorf("%s rests on %s", v.verdict, f.Code)
			}
		}
	})
}

func TestContradictionNamesACategoryThatHolds(t *testing.T) {
	mixtures(t, func(t *testing.T, j judgement, s Subject) {
		c := j.classification()
		v := Judge(c, s, j.findings)
		if v.Verdict != Contradicted {
			return
		}
		c.Category, c.Reason = v.Category, ""
		if other := Judge(c, s, j.findings); v.Category == j.category || other.Verdict == Contradicted || other.Verdict == Inconclusive {
			t.Errorf("%d is contradicted by %d, which is %s", j.category, v.Category, other.Verdict)
		}
	})
}

func TestVantageSaysFromWhereItWasLooked(t *testing.T) {
	v := Judge(classify.Classification{Category: classify.Rejected}, subject(), []Finding{ok1, look(StepSMTP, mx1)})
	if want := (Vantage{"198.51.100.9", "198.51.100.9", "reply", "192.0.2.53:53", "open"}); v.Vantage != want {
		t.Errorf("%+v", v.Vantage)
	}
	closed := Judge(classify.Classification{Category: classify.ConnectionFailed}, subject(), []Finding{ok1, look(StepSMTP, mx1, timeoutTCP), controlOff, otherOff})
	if closed.Vantage.Port25 != "closed" {
		t.Errorf("port 25 is %s", closed.Vantage.Port25)
	}
	nat := Judge(classify.Classification{Category: classify.Rejected}, subject(), []Finding{ok1, look(StepSMTP, mx1, from("10.0.0.5")), look(StepControl, control4, from("10.0.0.5"), seenBy("198.51.100.9"))})
	if nat.Vantage.OutboundIP != "198.51.100.9" {
		t.Errorf("behind NAT we are seen as %s", nat.Vantage.OutboundIP)
	}
	if v.JudgedAt != "2026-03-04T12:00:00Z" || v.Bounced != "2026-03-04T11:00:00Z" {
		t.Errorf("judged %s, bounced %s", v.JudgedAt, v.Bounced)
	}
}

func TestSendingAddressFromTheDNSIsAGuessWhoeverNamedTheHost(t *testing.T) {
	for _, origin := range []SendingBy{ByReportingHost, ByRelayhost} {
		s := subject(func(s *Subject) { s.SendingIP, s.SendingBy = netip.Addr{}, origin })
		sending := at(StepSending, CheckAddress, findAddresses(mxHost("out.example.org", "198.51.100.9", "2001:db8:1::9").Addresses))
		c := classify.Classification{Category: classify.Blocklisted, List: "bl.example"}
		other := named(rbl.NotListed)
		other.Target = ourIP6.String()
		for _, listed := range []bool{true, false} {
			first, want := named(rbl.NotListed), Inconclusive
			if listed {
				first, want = named(rbl.Listed), Consistent
			}
			v := Judge(c, s, []Finding{sending, first, other})
			if v.Verdict != want || v.Vantage.SendingBy != string(origin) || v.Vantage.SendingIP != "198.51.100.9 2001:db8:1::9" {
				t.Errorf("%s, listed %v: %s from %+v", origin, listed, v.Verdict, v.Vantage)
			}
		}
	}
}
