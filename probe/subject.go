package probe

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/rbl"
)

// Our is who we are, as the admin configured it. Everything may be empty.
type Our struct {
	Addresses []netip.Addr // that our mail leaves from
	Domains   []string
	HELO      string

	Correspondents []string // domains that we often write to

	Relayhost string // our mail leaves through it: what a remote decides about an address is about its address
}

// SendingBy says where the sending address was taken from, in the order in
// which it is trusted.
type SendingBy string

// The origins of a sending address.
const (
	ByReply         SendingBy = "reply"          // the remote named it
	ByConfiguration SendingBy = "configuration"  // the admin did
	ByReportingHost SendingBy = "reporting-host" // the DNS, for our server's name
	ByReceived      SendingBy = "received"       // the original's trace
	ByRelayhost     SendingBy = "relayhost"      // our relayhost: the remote saw its address, not ours
	ByMachine       SendingBy = "machine"        // the address that this machine sends from
	ByNobody        SendingBy = ""
)

// Subject is what a probe is about: the failure, and what is known of both
// sides of it before anything is looked at.
type Subject struct {
	Failure       bounce.Failure
	Original      bounce.Original
	ReportingHost string
	BouncedAt     time.Time // zero where the bounce does not say
	Now           time.Time

	Domain       string     // the recipient's, A-labels; empty where there is no recipient
	Forwarder    string     // domain that passed the message on to the recipient; empty where none is known to have
	Wrapped      string     // the address that the envelope sender's stands for, or was written for (see unwrap)
	WrappedBy    string     // srs, batv, verp
	Meant        string     // what Domain is a typing error of, where that explains the failure (see [Advise])
	SenderDomain string     // the envelope sender's, else the From header's
	SendingIP    netip.Addr // ours; invalid where only the DNS or this machine can tell
	SendingBy    SendingBy
	Ours         Our
	List         rbl.List // that the reply names; without a Zone where our table does not have it, or none is named
	OurReport    bool     // our own server wrote the bounce: one under our domains or, without any configured, under the sender's
	TheirReport  bool     // a server of the recipient's side wrote the bounce, after accepting the message
	Backscatter  bool     // for a message that we never sent
}

// NewSubject gathers what a report says of its failure number i.
func NewSubject(r *bounce.Report, i int, ours Our, now time.Time) (s Subject) {
	f := &r.Failures[i]
	s.Failure, s.Original, s.ReportingHost = *f, r.Original, strings.ToLower(r.ReportingHost)
	s.BouncedAt, s.Now, s.Ours = r.Date, now, ours
	s.follow(cmp.Or(f.Sender, r.Original.EnvelopeSender))
	if s.Domain == "" {
		s.Domain = domainOf(f.OriginalRecipient)
	}
	for _, a := range []string{f.Sender, r.Original.EnvelopeSender, r.Original.From} {
		if s.SenderDomain = domainOf(a); s.SenderDomain != "" {
			break
		}
	}
	s.OurReport = s.reporterIsOurs()
	s.SendingIP, s.SendingBy = s.sendingAddress()
	s.TheirReport = s.isTheirs(s.ReportingHost) || s.forwarded()
	s.Backscatter = s.isBackscatter()
	return s
}

// sendingAddress finds our address in what is said, in the order of trust of
// SendingBy. The reporting server's own address needs the DNS and is left to
// the plan.
func (s *Subject) sendingAddress() (netip.Addr, SendingBy) {
	if s.Failure.SendingIP.IsValid() {
		return s.Failure.SendingIP, ByReply
	}
	if s.forwarded() {
		if under(s.ReportingHost, organisation(s.Forwarder)) {
			return netip.Addr{}, ByReportingHost
		}
		return netip.Addr{}, ByNobody // not ours, at any rate
	}
	if s.Ours.Relayhost != "" {
		relay, _ := netip.ParseAddr(s.sendingHost(ByRelayhost))
		return relay, ByRelayhost
	}
	if own := s.configured(); len(own) > 0 {
		return own[0], ByConfiguration
	}
	if s.OurReport {
		return netip.Addr{}, ByReportingHost
	}
	// In a bounce that another server wrote, the newest public hop that it
	// saw is the address that we came from.
	for _, hop := range s.Original.Received {
		if Public(hop.IP) {
			return hop.IP, ByReceived
		}
	}
	return netip.Addr{}, ByMachine
}

// configured are the addresses that the admin named, without those that
// cannot have spoken to the remote for being of the other family.
func (s *Subject) configured() []netip.Addr {
	there := s.Failure.Remote.IP.Unmap()
	return slices.DeleteFunc(slices.Clone(s.Ours.Addresses), func(a netip.Addr) bool {
		return there.IsValid() && a.Unmap().Is4() != there.Is4()
	})
}

// sure says whether an address from that origin is the one that sent, and not
// only concluded. Of several configured ones any may have been.
func (s *Subject) sure(by SendingBy) bool {
	return by == ByReply || by == ByConfiguration && len(s.configured()) == 1
}

// sendingHost is the host whose addresses are those that sent, where only the
// DNS knows them.
func (s *Subject) sendingHost(by SendingBy) string {
	switch by {
	case ByRelayhost:
		host, _ := HostPort(s.Ours.Relayhost)
		return host
	case ByReportingHost:
		return s.ReportingHost
	}
	return ""
}

// senderKnown says whether the sender's domain is the one that the remote
// judged: the envelope's, or one that it names. A From header is a guess.
func (s *Subject) senderKnown() bool {
	return domainOf(s.Failure.Sender) == s.SenderDomain || domainOf(s.Original.EnvelopeSender) == s.SenderDomain ||
		mentions(s.said(), s.SenderDomain)
}

// said is all that the servers said, in lower case.
func (s *Subject) said() string { return strings.ToLower(s.Failure.Reply.Text + " " + s.Failure.Text) }

// mentions says whether a lower-case text has a host name in it that is not
// just a part of a longer one.
func mentions(text, name string) bool {
	inName := func(b byte) bool { return alnum(rune(b)) || b == '-' }
	for name != "" {
		before, after, found := strings.Cut(text, name)
		if !found {
			return false
		}
		text = after
		after = strings.TrimPrefix(after, ".")
		if (before == "" || !inName(before[len(before)-1]) && before[len(before)-1] != '.') && (after == "" || !inName(after[0])) {
			return true
		}
	}
	return false
}

// reporterIsOurs says whether our own server wrote the bounce.
func (s *Subject) reporterIsOurs() bool {
	if !strings.Contains(s.ReportingHost, ".") {
		return false
	}
	if len(s.Ours.Domains) > 0 {
		return s.isOurs(s.ReportingHost)
	}
	return s.SenderDomain != "" && sameOrganisation(s.ReportingHost, s.SenderDomain)
}

// isOurs says whether a host is ours by configuration.
func (s *Subject) isOurs(host string) bool {
	if strings.EqualFold(host, s.Ours.HELO) && host != "" {
		return true
	}
	for _, d := range s.Ours.Domains {
		if under(host, d) {
			return true
		}
	}
	return false
}

// isTheirs says whether a host belongs to the recipient's side.
func (s *Subject) isTheirs(host string) bool {
	return host != "" && s.Domain != "" && !s.isOurs(host) &&
		sameOrganisation(host, s.Domain) && !sameOrganisation(s.Domain, s.SenderDomain)
}

// isRemote says whether a host that a reply names is one of those that wrote it:
// they sign with their own name, and point to their own pages.
func (s *Subject) isRemote(host string) bool {
	remote := domainOf("@" + s.Failure.Remote.Name)
	return !s.isOurs(host) && (s.isTheirs(host) || remote != "" && sameOrganisation(host, remote) && !sameOrganisation(remote, s.SenderDomain))
}

// isBackscatter says whether the message that bounced never passed us. It can
// only be said where our domains are known and the original came back with its
// trace: it is backscatter where neither that nor the Message-ID is ours. The
// Message-ID alone shows nothing, since mail programs make it from any name.
func (s *Subject) isBackscatter() bool {
	if len(s.Ours.Domains) == 0 || s.OurReport || s.Failure.Stage == bounce.StageLocal {
		return false
	}
	o := s.Original
	if len(o.Received) == 0 {
		return false
	}
	if id := domainOf(strings.Trim(o.MessageID, "<>")); s.isOurs(id) {
		return false
	}
	for _, hop := range o.Received {
		if s.isOurs(hop.By) || s.isOurs(hop.From) || s.isOurAddress(hop.IP) {
			return false
		}
	}
	return true
}

func (s *Subject) isOurAddress(ip netip.Addr) bool {
	return ip.IsValid() && slices.Contains(s.Ours.Addresses, ip)
}

// stage is where the refusal happened. A classifier that recognised a refused
// connection knows the stage even where the bounce does not name it.
func (s *Subject) stage(c classify.Classification) bounce.Stage {
	if s.Failure.Stage == "" && c.Reason == classify.ReasonRefused {
		return bounce.StageConnect
	}
	return s.Failure.Stage
}

// old says whether the bounce is too old to be contradicted by what is seen
// now.
func (s *Subject) old() bool {
	return !s.BouncedAt.IsZero() && s.Now.Sub(s.BouncedAt) > 24*time.Hour
}

// domainOf is the domain of an address, as A-labels in lower case; empty
// where there is none that the DNS could know.
func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return canonical(address[at+1:])
}

// canonical is a domain as A-labels in lower case; empty for what the DNS
// could not know.
func canonical(domain string) string {
	d := strings.TrimSuffix(domain, ".")
	if !isPlain(d) { // as most are
		d = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(domain)), ".")
	}
	if !isPlain(d) {
		if a, err := idna.Lookup.ToASCII(d); err == nil {
			d = a
		}
		foreign := func(r rune) bool {
			return r <= ' ' || r == 0x7f || r < utf8.RuneSelf && strings.IndexByte(`"*()<>[]\,:;@`, byte(r)) >= 0
		}
		if strings.ContainsFunc(d, foreign) {
			return ""
		}
	}
	if len(d) > 253 {
		return ""
	}
	return d
}

// isPlain says whether a name is made of small letters, digits and single
// hyphens: then it is its own ASCII form.
func isPlain(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '_':
		case c == '-' && !strings.HasPrefix(name[i:], "--"): // as in xn--
		default:
			return false
		}
	}
	return true
}

// under says whether host is domain or below it.
func under(host, domain string) bool {
	domain = strings.TrimSuffix(domain, ".")
	above := len(host) - len(domain)
	return domain != "" && above >= 0 && strings.EqualFold(host[above:], domain) && (above == 0 || host[above-1] == '.')
}

// sameOrganisation says whether two hosts have one registered domain.
func sameOrganisation(a, b string) bool {
	switch { // such a domain has two labels or more, or is the whole name
	case a == b:
		return true
	case !strings.EqualFold(lastTwo(a), lastTwo(b)):
		return false
	case under(a, b): // one question for the usual case: what is public above a is above b, too, if it is shorter
		suffix, _ := publicsuffix.PublicSuffix(strings.ToLower(a))
		return len(suffix) < len(b)
	}
	return organisation(a) == organisation(b)
}

// lastTwo are the last two labels of a name.
func lastTwo(name string) string {
	last := max(strings.LastIndexByte(name, '.'), 0)
	return name[strings.LastIndexByte(name[:last], '.')+1:]
}

// organisation is the registered domain of a host, by the public suffix list;
// the host itself where it has none.
func organisation(host string) string {
	if d, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host)); err == nil {
		return d
	}
	return strings.ToLower(host)
}
