package probe

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/rbl"
)

// Advise says whose it is to act and what each side should do, from the
// classification and, where it was looked, from the verdict; v may be nil.
func Advise(c classify.Classification, s Subject, v *Verification) (Party, []Advice) {
	return advise(&c, &s, v)
}

func advise(c *classify.Classification, s *Subject, v *Verification) (Party, []Advice) {
	a := adviser{c, s, v}
	s.Meant = ""
	switch a.category() {
	case classify.UnknownRecipient, classify.DNSFailure, classify.ConnectionFailed: // what a mistyped domain leads to
		s.Meant = s.near()
	}
	return a.party(), a.advice()
}

type adviser struct {
	c *classify.Classification
	s *Subject
	v *Verification
}

// category is the one to act upon: that of the observations where they
// contradict the words.
func (a adviser) category() classify.Category {
	if a.v != nil {
		return a.v.Category
	}
	return a.c.Category
}

func (a adviser) verdict() Verdict {
	if a.v == nil {
		return ""
	}
	return a.v.Verdict
}

// limited says whether the verdict bears a limit.
func (a adviser) limited(code string) bool { return len(a.limits(code)) > 0 }

// limits are those of a code that bound the verdict.
func (a adviser) limits(code string) (of []Seen) {
	if a.v != nil {
		for _, l := range a.v.Limits {
			if l.Code == code {
				of = append(of, l)
			}
		}
	}
	return of
}

// finding is the finding of a step, where there is one.
func (a adviser) finding(step string) (Finding, bool) {
	if a.v != nil {
		for _, f := range a.v.Findings {
			if f.Step == step && f.Outcome != Skipped {
				return f, true
			}
		}
	}
	return Finding{}, false
}

func (a adviser) party() Party {
	switch {
	case a.s.Backscatter:
		return PartyThird
	case a.verdict() == Cleared && a.retried():
		return PartyUnknown // nobody: our server does it
	case a.verdict() == Cleared:
		return PartySender
	case a.verdict() == Inconclusive:
		return PartyUnknown
	}
	if a.theirs() {
		if a.s.forwarded() {
			return PartyThird
		}
		return PartyRemote
	}
	local := a.local()
	switch a.category() {
	case classify.UnknownRecipient:
		if a.s.Meant != "" {
			return PartySender
		}
		return PartyRecipient
	case classify.MailboxDisabled, classify.MailboxFull:
		return PartyRecipient
	case classify.Filtered, classify.BadCommand:
		return PartySender
	case classify.TooLarge, classify.TooManyRecipients:
		if local {
			return PartyOurServer
		}
		return PartySender
	case classify.DNSFailure:
		mx, ok := a.finding(StepMX)
		if a.s.Forwarder != "" {
			return PartyRecipient // whose forward leads nowhere
		}
		if a.s.Meant != "" || ok && (mx.Code == "mx.null" || mx.Code == "mx.bad-name") || !ok && a.c.Reason == classify.ReasonNullMX {
			return PartySender
		}
		if a.ourResolver() {
			return PartyOurServer
		}
		return PartyRemote
	case classify.Rejected:
		return a.partyOfRejection()
	case classify.ConnectionFailed:
		if a.limited("port25-closed") {
			return PartyOurServer
		}
		return PartyRemote
	case classify.Blocklisted:
		return a.partyOfListing()
	case classify.RateLimited:
		if a.s.Failure.Temporary() {
			return PartyUnknown // nobody: it is waited out
		}
		return PartyOurServer
	case classify.AuthFailed:
		if a.foreignSender() {
			return PartySender
		}
		return PartyOurServer
	case classify.SenderDNS:
		return PartyOurServer
	case classify.TLSFailed:
		if a.c.Reason == classify.ReasonMustSTARTTLS {
			return PartyOurServer
		}
		return PartyRemote
	case classify.RemoteFault:
		return PartyRemote
	}
	return PartyUnknown
}

// retried says whether the server still tries: whoever sends again sends twice.
func (a adviser) retried() bool { return a.s.Failure.Action == bounce.ActionDelayed }

// local says whether our own server refused the message.
func (a adviser) local() bool {
	return a.s.Failure.Stage == bounce.StageLocal && !a.s.Failure.Remote.IP.IsValid() && !a.s.TheirReport
}

// theirs says whether the remote judged another server of their side: the one
// that took our message and passed it on from its own address, or a server in
// the middle.
func (a adviser) theirs() bool {
	switch a.category() {
	case classify.Rejected, classify.Blocklisted, classify.SenderDNS, classify.AuthFailed, classify.TLSFailed, classify.RateLimited:
		return a.s.forwarded() || a.category() != classify.RateLimited && a.s.TheirReport && !a.s.isOurAddress(a.s.SendingIP) && a.s.SendingBy == ByReply
	}
	return false
}

// reason is that of the category to act upon: the words gave none for the one
// that the observations speak for.
func (a adviser) reason() string {
	if a.category() != a.c.Category {
		return ""
	}
	return a.c.Reason
}

func (a adviser) partyOfRejection() Party {
	switch a.reason() {
	case classify.ReasonAuthRequired:
		if a.betweenServers() {
			return PartyOurServer // no mail program had a part in it
		}
		return PartySender
	case classify.ReasonRelay:
		switch {
		case a.local():
			return PartySender // who has to log in first
		case a.notMX():
			return PartyOurServer // it sends to a host that never was, or no longer is, theirs
		}
		return PartyRemote
	}
	return PartyOurServer
}

// betweenServers says whether our server had taken the message, and another one
// than ours refused it.
func (a adviser) betweenServers() bool {
	remote := a.s.Failure.Remote
	return a.s.OurReport && !a.local() && (remote.Name != "" || remote.IP.IsValid()) &&
		!a.s.isOurs(remote.Name) && !a.s.isOurAddress(remote.IP) && !sameOrganisation(remote.Name, a.s.ReportingHost)
}

// notMX says whether the host that refused was seen to be none of theirs.
func (a adviser) notMX() bool {
	return a.v != nil && slices.ContainsFunc(a.v.AlsoSeen, func(s Seen) bool { return s.Code == "remote.not-mx" })
}

// foreignSender says whether the message was written as a domain that is not
// ours.
func (a adviser) foreignSender() bool {
	domain := a.writtenAs()
	return len(a.s.Ours.Domains) > 0 && domain != "" && !a.s.isOurs(domain)
}

// writtenAs is the domain that had to be vouched for: DMARC's is the one in
// From, which people see.
func (a adviser) writtenAs() string {
	if from := domainOf(a.s.Original.From); from != "" && a.reason() == classify.ReasonDMARC {
		return from
	}
	return a.s.SenderDomain
}

func (a adviser) partyOfListing() Party {
	switch {
	case a.reason() == classify.ReasonResolver, a.listIsDead():
		return PartyRemote
	case a.neighbourhood():
		return PartyThird
	}
	return PartyOurServer
}

// listIsDead says whether the named list has closed: seen so, or known.
func (a adviser) listIsDead() bool {
	named, ok := a.finding(StepNamed)
	return ok && named.Code == "named.dead" || !ok && a.s.List.Tier == rbl.DeadTier
}

// neighbourhood says whether not the address is listed, but what is around it.
func (a adviser) neighbourhood() bool {
	around := func(scope string) bool { return scope != "ip" && scope != "domain" && scope != "" }
	if named, ok := a.finding(StepNamed); ok {
		return named.Code == "named.listed" && len(named.Lists) == 1 && !named.Lists[0].Policy && around(named.Lists[0].Scope)
	}
	return a.s.List.Tier == rbl.Neighbour && around(a.s.List.Scope)
}

func (a adviser) advice() []Advice {
	if a.s.Backscatter {
		return []Advice{{PartySender, "ignore-backscatter", a.args()}}
	}
	switch a.verdict() {
	case Cleared:
		if a.retried() {
			return []Advice{{PartyUnknown, "wait", a.args()}}
		}
		return []Advice{{PartySender, "send-again", a.args()}}
	case Inconclusive:
		decide := Advice{PartyUnknown, a.whatWouldDecide(), a.args()}
		if decide.Code == "allow-network" { // for the address in question, which need not be the one that sent
			decide.Args = a.limits("not-public")[0].Args
		}
		return append([]Advice{decide}, slices.DeleteFunc(a.byCategory(), func(b Advice) bool { return b.Code == decide.Code })...)
	}
	return a.byCategory()
}

// whatWouldDecide names the next thing to try where the checks could not
// tell.
func (a adviser) whatWouldDecide() string {
	for _, d := range []struct{ limit, code string }{
		{"unknown-category", "read-reply"},
		{"vantage", "look-from-sender"},
		{"port25-closed", "look-from-sender"},
		{"sending-address-guessed", "name-sending-ip"},
		{"no-sending-address", "name-sending-ip"},
		{"sender-guessed", "read-reply"},
		{"no-sender", "read-reply"},
		{"no-control", "name-control"},
		{"ask-another-resolver", "ask-another-resolver"},
		{"not-public", "allow-network"},
	} {
		if a.limited(d.limit) {
			return d.code
		}
	}
	return "look-later"
}

// fact is a thing that is known, or empty.
type fact struct{ key, value string }

// args are the facts that advice is worded from: those that are known.
func (a adviser) args() map[string]string {
	f, ip := &a.s.Failure, addrText(a.s.SendingIP)
	var outbound, server, original string
	if a.v != nil {
		ip, outbound, server = cmp.Or(a.v.Vantage.SendingIP, ip), a.v.Vantage.OutboundIP, a.v.Vantage.Resolver
	}
	if a.s.Forwarder != "" {
		original = f.OriginalRecipient
	}
	host := f.Remote.Name
	if host == "" {
		host = cmp.Or(addrText(f.Remote.IP), a.s.Domain)
	}
	reference := a.c.Reference
	if reference == "" && a.c.Reason == classify.ReasonPrivateList {
		reference = linkIn(f.Reply.Text)
	}
	list, closed, page := a.namedList(ip)
	reverse, mechanism := a.records()
	facts := [...]fact{
		{"address", f.Recipient},
		{"domain", a.s.Domain},
		{"near", a.s.Meant},
		{"from", cmp.Or(f.Sender, a.s.Original.From)},
		{"sender", a.s.SenderDomain},
		{"until", stamp(f.RetryUntil)},
		{"list", list},
		{"closed", closed},
		{"url", page},
		{"provider", a.c.Provider},
		{"reference", reference},
		{"helo", a.helo()},
		{"host", host},
		{"reporter", a.s.ReportingHost},
		{"ip", ip},
		{"outbound", outbound},
		{"server", server},
		{"reverse", reverse},
		{"mechanism", mechanism},
		{"forwarder", a.s.Forwarder},
		{"original", original},
	}
	known := 0
	for i := range facts {
		if facts[i].value != "" {
			known++
		}
	}
	m := make(map[string]string, known)
	for i := range facts {
		if facts[i].value != "" {
			m[facts[i].key] = facts[i].value
		}
	}
	return m
}

// namedList is the list that the reply names, when it closed, and its page about
// our address.
func (a adviser) namedList(ip string) (list, closed, page string) {
	if n, ok := a.finding(StepNamed); ok {
		return n.Args["list"], n.Args["closed"], cmp.Or(n.Args["delist"], n.Args["url"])
	}
	l := &a.s.List
	if l.Zone == "" {
		return a.c.List, "", ""
	}
	page = cmp.Or(l.DelistURL, l.LookupURL)
	return l.Zone, l.Closed, strings.NewReplacer("{ip}", ip, "{domain}", a.s.SenderDomain).Replace(page)
}

// privateForm is what can be done about a reputation that only its operator
// knows: its form and, where none is known, the people behind it.
func (a adviser) privateForm(args map[string]string) []Advice {
	form := []Advice{{PartyOurServer, "provider-form", args}}
	if args["reference"] == "" {
		form = append(form, Advice{PartyOurServer, "ask-postmaster", args})
	}
	return form
}

// linkIn is the first page that a reply points to: a reputation that no DNS
// query shows usually names its own form.
func linkIn(reply string) string {
	for word := range strings.FieldsSeq(reply) {
		if i := strings.Index(word, "http"); i >= 0 {
			link := strings.TrimRight(word[i:], `.,;:!?)]}>"'`)
			if u, err := url.Parse(link); err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.Contains(u.Host, ".") {
				return link
			}
		}
	}
	return ""
}

// records are what is to be published for our addresses, ready to paste: the
// reverse record of the address that lacks one, where that was seen, else of
// one that can have spoken to the remote; and what lets all of them pass SPF.
func (a adviser) records() (reverse, mechanisms string) {
	addrs := []netip.Addr{a.s.SendingIP}
	if a.v != nil && a.v.Vantage.SendingIP != "" {
		addrs = addrs[:0]
		for ip := range strings.FieldsSeq(a.v.Vantage.SendingIP) {
			addr, _ := netip.ParseAddr(ip)
			addrs = append(addrs, addr)
		}
	}
	addrs = slices.DeleteFunc(addrs, func(addr netip.Addr) bool { return !addr.IsValid() || inner(addr) })
	if len(addrs) == 0 {
		return "", ""
	}
	var pass []string
	for _, addr := range addrs {
		pass = append(pass, mechanism(addr))
	}
	worst := slices.MinFunc(addrs, func(x, y netip.Addr) int { return cmp.Compare(a.suspicion(y), a.suspicion(x)) })
	return dnscheck.ReverseName(worst), strings.Join(pass, " ")
}

// helo is the name that our server gives or should give: that of the relayhost,
// which has one of its own, the configured one, or that in our own bounces.
func (a adviser) helo() string {
	switch {
	case a.s.Ours.Relayhost != "":
		relay, _ := HostPort(a.s.Ours.Relayhost)
		if _, err := netip.ParseAddr(relay); err == nil {
			return ""
		}
		return domainOf("@" + relay)
	case a.s.Ours.HELO == "" && a.s.OurReport:
		return canonical(a.s.ReportingHost)
	}
	return a.s.Ours.HELO
}

// suspicion says how likely it is that the remote complained of an address's
// reverse record.
func (a adviser) suspicion(addr netip.Addr) (n int) {
	if there := a.s.Failure.Remote.IP.Unmap(); there.IsValid() && there.Is4() == addr.Is4() {
		n = 1
	}
	if a.v != nil && slices.ContainsFunc(a.v.Findings, func(f Finding) bool {
		return f.Step == StepPTR && f.Outcome == Faulty && f.Target == addr.String()
	}) {
		n += 2
	}
	return n
}

// byCategory is what to do while the cause stands.
func (a adviser) byCategory() []Advice {
	args := a.args()
	to := func(p Party, code string) Advice { return Advice{p, code, args} }
	if a.theirs() {
		if a.s.forwarded() {
			return []Advice{to(PartyThird, "tell-forwarder"), to(PartySender, "write-directly")}
		}
		return []Advice{to(PartyOurServer, "ask-postmaster"), to(PartyRemote, "mend-route")}
	}
	if a.s.Forwarder != "" {
		switch a.category() {
		case classify.UnknownRecipient, classify.MailboxDisabled, classify.MailboxFull, classify.DNSFailure:
			return []Advice{to(PartyRecipient, "mend-forward"), to(PartySender, "contact-otherwise")}
		}
	}
	switch a.category() {
	case classify.UnknownRecipient:
		if args["near"] != "" {
			return []Advice{to(PartySender, "did-you-mean")}
		}
		return []Advice{to(PartySender, "check-address"), to(PartyRecipient, "give-address")}
	case classify.MailboxDisabled:
		return []Advice{to(PartySender, "contact-otherwise"), to(PartyRecipient, "reactivate-mailbox")}
	case classify.MailboxFull:
		return []Advice{to(PartyRecipient, "clear-mailbox"), to(PartySender, "contact-otherwise")}
	case classify.Filtered:
		return []Advice{to(PartySender, "change-message"), to(PartyRecipient, "allow-sender")}
	case classify.DNSFailure:
		mx, looked := a.finding(StepMX)
		switch {
		case args["near"] != "":
			return []Advice{to(PartySender, "did-you-mean")}
		case looked && mx.Code == "mx.null" || !looked && a.reason() == classify.ReasonNullMX:
			return []Advice{to(PartySender, "other-domain")}
		case looked && mx.Code == "mx.bad-name":
			return []Advice{to(PartySender, "check-domain")}
		case a.ourResolver():
			return []Advice{to(PartyOurServer, "repair-resolver")}
		case a.brokenServers() != "":
			args["hosts"] = a.brokenServers()
			return []Advice{to(PartySender, "check-domain"), to(PartyRemote, "repair-name-servers")}
		}
		return []Advice{to(PartySender, "check-domain"), to(PartyRemote, "repair-domain")}
	case classify.BadCommand:
		if fault := addressFault(a.s.Failure.Recipient); fault != "utf8" {
			args["fault"] = fault
		}
		return []Advice{to(PartySender, "check-syntax")}
	case classify.TooLarge:
		if size := a.s.Original.Size; size > 0 {
			args["size"] = itoa(size)
		}
		if limit := a.announcedSize(); limit > 0 {
			args["limit"] = itoa(limit)
		}
		if a.local() {
			return []Advice{to(PartySender, "make-smaller"), to(PartyOurServer, "raise-limit")}
		}
		return []Advice{to(PartySender, "make-smaller")}
	case classify.Rejected:
		switch party := a.partyOfRejection(); {
		case party == PartySender:
			return []Advice{to(PartySender, "log-in")}
		case party == PartyRemote:
			return []Advice{to(PartyRemote, "accept-domain")}
		case a.reason() == classify.ReasonPrivateList:
			return a.privateForm(args)
		}
		return []Advice{to(PartyOurServer, "ask-postmaster")}
	case classify.ConnectionFailed:
		if a.limited("port25-closed") {
			return []Advice{to(PartyOurServer, "open-port-25")}
		}
		if a.s.Meant != "" {
			return []Advice{to(PartySender, "did-you-mean"), to(PartyRemote, "start-server")}
		}
		return []Advice{to(PartySender, "wait-or-call"), to(PartyRemote, "start-server")}
	case classify.TooManyRecipients:
		if n := a.s.Original.Recipients; n > 0 {
			args["recipients"] = itoa(int64(n))
		}
		if a.local() {
			return []Advice{to(PartySender, "split-recipients"), to(PartyOurServer, "raise-limit")}
		}
		return []Advice{to(PartySender, "split-recipients")}
	case classify.Blocklisted:
		if code := a.listAdvice(); code != "provider-form" {
			return []Advice{to(a.partyOfListing(), code)}
		}
		return a.privateForm(args)
	case classify.SenderDNS:
		return []Advice{to(PartyOurServer, a.senderDNSAdvice())}
	case classify.RateLimited:
		if a.s.Failure.Temporary() {
			return []Advice{to(PartyUnknown, "wait")}
		}
		return []Advice{to(PartyOurServer, "slow-down")}
	case classify.AuthFailed:
		if as := a.writtenAs(); as != "" {
			args["sender"] = as
		}
		if a.foreignSender() {
			return []Advice{to(PartySender, "own-domain")}
		}
		a.senderRecords(args)
		return []Advice{to(PartyOurServer, a.authAdvice())}
	case classify.TLSFailed:
		if a.c.Reason == classify.ReasonMustSTARTTLS {
			return []Advice{to(PartyOurServer, "enable-tls")}
		}
		return []Advice{to(PartyRemote, "repair-tls")}
	case classify.RemoteFault:
		return []Advice{to(PartyUnknown, "wait"), to(PartyRemote, "repair-server")}
	}
	return []Advice{to(PartyUnknown, "read-reply")}
}

func (a adviser) senderDNSAdvice() string {
	switch a.reason() {
	case classify.ReasonPTR, classify.ReasonFCrDNS:
		return "set-ptr"
	case classify.ReasonHELO:
		return "fix-helo"
	case classify.ReasonSenderDomain:
		return "fix-sender-domain"
	case classify.ReasonSenderMXIP:
		return "fix-sender-mx"
	case classify.ReasonCallout:
		return "accept-callout"
	}
	if a.verdict() == Contradicted { // it is the missing PTR that speaks for it
		return "set-ptr"
	}
	return "check-own-dns"
}

func (a adviser) listAdvice() string {
	named, ok := a.finding(StepNamed)
	switch {
	case a.reason() == classify.ReasonResolver:
		return "tell-resolver"
	case a.listIsDead():
		return "tell-dead-list"
	case a.reason() == classify.ReasonPrivateList:
		return "provider-form"
	case a.partyOfListing() == PartyThird:
		return "ask-provider"
	case ok && named.Args["delist"]+named.Args["url"] != "" || a.s.List.DelistURL+a.s.List.LookupURL != "" || strings.Contains(a.c.Reference, "://"):
		return "delist"
	}
	return "find-list"
}

// announcedSize is the smallest announced limit that the message exceeds; 0
// where none explains the refusal.
func (a adviser) announcedSize() int64 {
	var least int64
	if a.v == nil {
		return 0
	}
	for _, f := range a.v.Findings {
		if f.Session == nil {
			continue
		}
		if max := f.Session.Size; max > 0 && max < a.s.Original.Size && (least == 0 || max < least) {
			least = max
		}
	}
	return least
}
