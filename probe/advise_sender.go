package probe

import (
	"net/netip"
	"slices"
	"strings"

	"diagnose/classify"
)

// ourResolver says whether the domain is in order and our resolver is not.
func (a adviser) ourResolver() bool {
	return (a.limited("resolvers-differ") || a.limited("resolver-fails")) && a.brokenServers() == ""
}

// brokenServers are the name servers that do not answer for the domain, where
// that is what was found.
func (a adviser) brokenServers() string {
	ns, _ := a.finding(StepNS)
	if ns.Code != "ns.dead" && ns.Code != "ns.some" {
		return ""
	}
	hosts := []string{ns.Args["lame"], ns.Args["faulty"], ns.Args["silent"], ns.Args["homeless"]}
	return strings.Join(slices.DeleteFunc(hosts, func(h string) bool { return h == "" }), ", ")
}

// authAdvice names what to repair of what a domain publishes about its
// senders: the broken record, or else what the reply names.
func (a adviser) authAdvice() string {
	policy, _ := a.finding(StepDMARC)
	switch {
	case a.reason() == classify.ReasonSPF:
		return "extend-spf"
	case a.brokenKey() != nil:
		return "publish-dkim"
	case a.reason() == classify.ReasonDMARC && (policy.Code == "dmarc.none" || policy.Code == "dmarc.broken"):
		return "publish-dmarc"
	case a.reason() == classify.ReasonDMARC && policy.Outcome == Healthy:
		return "align-dmarc"
	}
	return "check-authentication"
}

// brokenKey is the first of the message's DKIM keys that does not serve, and is
// the sender's to mend: forwarders and lists sign with theirs.
func (a adviser) brokenKey() *Finding {
	if a.v != nil {
		for _, f := range a.v.Findings {
			if f.Step == StepDKIM && f.Outcome == Faulty && a.speaksFor(f.Args["domain"]) {
				return &f
			}
		}
	}
	return nil
}

// speaksFor says whether a domain's signature is one that the sender's side made.
func (a adviser) speaksFor(domain string) bool {
	return a.s.isOurs(domain) || slices.ContainsFunc([]string{a.s.SenderDomain, domainOf(a.s.Original.From)}, func(d string) bool {
		return d != "" && sameOrganisation(d, domain)
	})
}

// senderRecords adds the records that would mend the matter, ready to be pasted into
// a zone.
func (a adviser) senderRecords(args map[string]string) {
	if from := domainOf(a.s.Original.From); from != "" {
		args["author"] = from
	}
	if spf := a.failedSPF(); spf != nil {
		if ip, err := netip.ParseAddr(spf.Args["ip"]); err == nil && !inner(ip) {
			args["mechanism"] = mechanism(ip)
		}
		if record := withMechanism(spf.SPF.Record, args["mechanism"], spf.Code == "spf.none"); record != "" {
			args["spf"] = spf.SPF.Domain + ". TXT " + txt(record)
		}
	}
	if key := a.brokenKey(); key != nil {
		args["key"] = key.Target
	}
	if policy, ok := a.finding(StepDMARC); ok && (policy.Code == "dmarc.none" || policy.Code == "dmarc.broken") {
		at := policy.DMARC.Domain
		args["dmarc"] = dmarcRecord(at)
	}
}

// dmarcRecord is the record to begin with: it asks for reports, and for nothing
// to be refused yet.
func dmarcRecord(domain string) string {
	return "_dmarc." + domain + ". TXT " + txt("v=DMARC1; p=none; rua=mailto:postmaster@"+domain)
}

// failedSPF is the finding about the first of our addresses that SPF does not
// let pass, and that one mechanism more would: not a broken record.
func (a adviser) failedSPF() *Finding {
	if a.v != nil {
		for _, f := range a.v.Findings {
			switch f.Code {
			case "spf.fail", "spf.softfail", "spf.neutral", "spf.none":
				return &f
			}
		}
	}
	return nil
}

// mechanism lets an address pass in an SPF record (RFC 7208 section 5.6).
func mechanism(ip netip.Addr) string {
	if ip.Is4() {
		return "ip4:" + ip.String()
	}
	return "ip6:" + ip.String()
}

// longestSPF is what fits into one string of a TXT record (RFC 1035 section
// 3.3); what is longer is not offered ready to be pasted.
const longestSPF = 255

// withMechanism is an SPF record that also lets a mechanism pass; "" where
// that cannot be made of it.
func withMechanism(record, mechanism string, none bool) string {
	version, rest, _ := strings.Cut(record, " ")
	switch {
	case mechanism == "":
		return ""
	case none:
		return "v=spf1 " + mechanism + " ~all"
	case !strings.EqualFold(version, "v=spf1"), strings.Contains(" "+strings.ToLower(rest), " "+mechanism+" "):
		return ""
	}
	out := strings.TrimSpace(version + " " + mechanism + " " + strings.TrimSpace(rest))
	if len(out) > longestSPF || strings.ContainsFunc(out, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	return out
}

// txt is the data of a TXT record in one string.
func txt(text string) string { return `"` + text + `"` }
