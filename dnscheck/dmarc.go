package dnscheck

import (
	"context"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// DMARC is what a domain asks receivers to do with mail in its name that
// neither SPF nor DKIM vouches for (RFC 7489, and RFC 9989 after it).
type DMARC struct {
	Domain     string // where the record is; without any, the organizational domain, where it would best be
	Status     Status // OK: a record applies; NoData and NXDomain: none does
	Bogus      bool   // ServFail because DNSSEC does not validate
	Record     string // raw
	Policy     string // none, quarantine, reject; "" where no record applies
	Testing    bool   // the policy is only being tested (t=y): nothing is to be refused for it
	Percent    int    // how much of the failing mail the policy is meant for, 0 to 100
	StrictSPF  bool   // only the very same domain is aligned (aspf=s)
	StrictDKIM bool   // as above (adkim=s)
	Server     string
	Took       time.Duration
	Err        string // as in [Answer], or what is wrong with the records
}

// CheckDMARC finds the policy for mail from a domain: its own record, else one
// above it.
func CheckDMARC(ctx context.Context, r Resolver, domain string) DMARC {
	start := time.Now()
	d := dmarcAt(ctx, r, display(domain), "p")
	if d.Status.Absent() && d.Err == "" {
		d = inherited(ctx, r, d)
		d.forSubdomain(ctx, r, display(domain))
	}
	d.Took = time.Since(start)
	return d
}

// inherited walks up from a domain without a record to the one that speaks for
// it: the highest, or the first that says it is no public suffix's (psd=n),
// and a public suffix's own (psd=y) only where nothing below it has any (the
// tree walk of RFC 9989). RFC 7489 asks at the organizational domain alone,
// which is nearly always the same.
func inherited(ctx context.Context, r Resolver, own DMARC) DMARC {
	found := own
	found.Domain = organizational(own.Domain)
	for _, above := range ancestors(own.Domain) {
		d := dmarcAt(ctx, r, above, "sp")
		tags, _ := tagList(d.Record)
		suffix := strings.EqualFold(tags["psd"], "y")
		switch {
		case found.Status == OK && (suffix || !d.Status.Known()):
			return found
		case d.Status == OK:
			found = d
		case !d.Status.Known():
			return d
		}
		if suffix || strings.EqualFold(tags["psd"], "n") {
			break
		}
	}
	return found
}

// forSubdomain takes the policy of the record above for names that do not
// exist (np, RFC 9091 and RFC 9989) where the domain is one. Only NXDOMAIN says
// so; where it cannot be told, what the record asks for is not known either.
func (d *DMARC) forSubdomain(ctx context.Context, r Resolver, domain string) {
	tags, _ := tagList(d.Record)
	np, known := policyOf(tags["np"])
	if !known || d.Status != OK || d.Policy == "" || d.Policy == np {
		return
	}
	switch a := ask(ctx, r, domain, TypeA); {
	case a.Status == NXDomain:
		d.Policy = np
	case !a.Status.Known():
		d.Status, d.Bogus, d.Server, d.Err, d.Policy = a.Status, a.Bogus, a.Server, a.Err, ""
	}
}

// policyOf is a policy as it is written in a record.
func policyOf(tag string) (policy string, known bool) {
	policy = strings.ToLower(tag)
	return policy, policy == "none" || policy == "quarantine" || policy == "reject"
}

// ancestors are the names above a domain, the nearest first. Of a long one the
// middle is left out, so that no more than eight are asked in all.
func ancestors(domain string) (above []string) {
	labels := strings.Split(domain, ".")[1:]
	labels = labels[max(0, len(labels)-7):]
	for i := range labels {
		above = append(above, strings.Join(labels[i:], "."))
	}
	return above
}

// Aligned says which of the domains that SPF and DKIM passed for are aligned
// with the one in From, so that DMARC passes where either is (RFC 7489 section
// 3.1): relaxed, where no record asks for more. "" stands for no pass, and
// like what is no domain name is never aligned.
func (d DMARC) Aligned(from, spfDomain, dkimDomain string) (spf, dkim bool) {
	return aligned(from, spfDomain, d.StrictSPF), aligned(from, dkimDomain, d.StrictDKIM)
}

func aligned(from, passed string, strict bool) bool {
	if malformed(from) || malformed(passed) {
		return false
	}
	from, passed = display(from), display(passed)
	return from == passed || !strict && organizational(from) == organizational(passed)
}

// organizational is the domain that its owner registered (RFC 7489 section
// 3.2); a public suffix is its own.
func organizational(domain string) string {
	if org, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return org
	}
	return domain
}

// dmarcAt reads the record of one domain, the policy from the given tag, else
// from "p".
func dmarcAt(ctx context.Context, r Resolver, domain, tag string) DMARC {
	a := askBelow(ctx, r, "_dmarc", domain, TypeTXT)
	d := DMARC{Domain: domain, Status: a.Status, Bogus: a.Bogus, Server: a.Server, Err: a.Err}
	if a.Status != OK {
		return d
	}
	d.Status = NoData
	for _, rec := range a.Found() {
		if !declares(rec.Text, "DMARC1") {
			continue
		}
		if d.Record != "" {
			return DMARC{Domain: domain, Status: NoData, Server: a.Server, Err: "more than one DMARC record"}
		}
		d.Status, d.Record = OK, rec.Text
	}
	if d.Status == OK {
		d.read(tag)
	}
	return d
}

// read takes the tags of the record; a value that DMARC does not know
// counts as not given (section 6.3).
func (d *DMARC) read(tag string) {
	tags, _ := tagList(d.Record)
	d.StrictSPF = strings.EqualFold(tags["aspf"], "s")
	d.StrictDKIM = strings.EqualFold(tags["adkim"], "s")
	d.Testing = strings.EqualFold(tags["t"], "y")
	d.Percent = 100
	if n, err := strconv.ParseUint(tags["pct"], 10, 8); err == nil && n <= 100 {
		d.Percent = int(n)
	}
	for _, p := range []string{tags[tag], tags["p"]} {
		if policy, known := policyOf(p); known {
			d.Policy = policy
			return
		}
	}
	d.Err = "no policy that DMARC knows"
}
