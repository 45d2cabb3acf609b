package probe

import (
	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/smtpcheck"
)

func dmarcIs(d dnscheck.DMARC) Finding {
	if d.Status == "" {
		d.Status = dnscheck.OK
	}
	d.Domain = "example.org"
	return at(StepDMARC, CheckDMARC, findDMARC(d, "example.org"))
}

func dkimIs(k dnscheck.DKIM) Finding {
	k.Domain, k.Selector = "example.org", "s1"
	return at(StepDKIM, CheckDKIM, findDKIM(k))
}

func stsIs(s dnscheck.STS) Finding {
	s.Domain = "example.net"
	if s.Status == "" {
		s.Status = dnscheck.OK
	}
	return at(StepSTS, CheckSTS, findSTS(s))
}

func daneIs(d dnscheck.DANE, usages ...uint8) Finding {
	d.Host, d.Port = "mx1.example.net", 25
	if d.Status == "" {
		d.Status = dnscheck.OK
	}
	for _, u := range usages {
		d.Records = append(d.Records, dnscheck.TLSA{Usage: u, Selector: 1, Matching: 1, Data: make([]byte, 32)})
	}
	return at(StepDANE, CheckDANE, findDANE(d, d.Authentic))
}

func nsIs(a dnscheck.Authority) Finding { return at(StepNS, CheckNS, findNS(a)) }

func secondIs(status dnscheck.Status, hosts ...dnscheck.MXHost) Finding {
	mx := dnscheck.MX{Domain: "example.net", Status: status, Hosts: hosts, Server: "192.0.2.99:53"}
	return at(StepSecond, CheckSecond, findSecond(mx, noDom))
}

// senderJudgements are those that rest on what domains publish about their
// mail beside its routing.
func senderJudgements() []judgement {
	reject := dmarcIs(dnscheck.DMARC{Policy: "reject", Percent: 100})
	// A copy of a message from elsewhere, with our own server's signature.
	foreign := func(edits ...func(*bounce.Original)) func(*Subject) {
		return func(s *Subject) {
			s.Original = bounce.Original{From: "them@example.com", Complete: true, DKIM: []bounce.DKIMKey{{Domain: "example.org", Selector: "s1"}}}
			for _, e := range edits {
				e(&s.Original)
			}
		}
	}
	own := func(s *Subject) { s.Original = bounce.Original{From: "us@example.org", Complete: true} }
	secure := withTLS(smtpcheck.TLS{Offered: true, Result: smtpcheck.Accepted})
	vouched := withTLS(smtpcheck.TLS{Offered: true, Result: smtpcheck.Accepted, DANE: true})
	bad := func(problem string) func(*smtpcheck.Session) {
		return withTLS(smtpcheck.TLS{Offered: true, Result: smtpcheck.Accepted, Problem: problem})
	}
	none := withTLS(smtpcheck.TLS{})
	enforce := stsIs(dnscheck.STS{Mode: "enforce", MX: []string{"mx1.example.net"}})
	elsewhere := stsIs(dnscheck.STS{Mode: "enforce", MX: []string{"mx9.example.net"}})
	fetched := stsIs(dnscheck.STS{Problem: dnscheck.STSUnreachable})
	bySTS := reply("451 4.7.5 Remote certificate failed MTA-STS validation")
	byDANE := reply("TLSA records of mx1.example.net do not match")
	noTLSA := daneIs(dnscheck.DANE{Status: dnscheck.NXDomain})
	ee, ta := daneIs(dnscheck.DANE{Authentic: true}, 3), daneIs(dnscheck.DANE{Authentic: true}, 3, 2)
	servfail := mxOf(dnscheck.ServFail)
	bogus := at(StepMX, CheckMX, findMX(dnscheck.MX{Domain: "example.net", Status: dnscheck.ServFail, Bogus: true}))
	signed := func(authentic bool) dnscheck.MX {
		return dnscheck.MX{Domain: "example.net", Status: dnscheck.OK, Hosts: []dnscheck.MXHost{mxHost("mx1.example.net", mx1)}, Authentic: authentic}
	}
	serving := nameServers(dnscheck.Serves, dnscheck.Serves)
	fromParent := nameServers(dnscheck.Silent)
	fromParent.FromParent = true
	serving.Resolver.Status = dnscheck.ServFail
	serving.Servers[0].MX.Status = dnscheck.OK
	recovered := nameServers(dnscheck.Serves)
	recovered.Resolver.Status, recovered.Servers[0].MX.Status = dnscheck.OK, dnscheck.OK
	empty := nameServers(dnscheck.Serves)
	empty.Resolver.Status, empty.Servers[0].MX.Status = dnscheck.ServFail, dnscheck.NXDomain
	inside := mxOf(dnscheck.OK, mxHost("mx1.example.net", "10.0.0.5"))
	there := mxHost("mx1.example.net", mx1)

	const auth, tls, dns = classify.AuthFailed, classify.TLSFailed, classify.DNSFailure
	const spf, dkim, dmarc = classify.ReasonSPF, classify.ReasonDKIM, classify.ReasonDMARC
	const cert, plain = classify.ReasonCertificate, classify.ReasonNoSTARTTLS
	with := func(edits ...func(*Subject)) []func(*Subject) { return edits }
	return []judgement{
		// 5: whose fault it is that our resolver finds no way
		{name: "SERVFAIL, and no name server holds the zone", category: dns, findings: []Finding{servfail, nsIs(nameServers(dnscheck.Lame, dnscheck.Declines))}, want: Confirmed, because: "ns.dead"},
		{name: "SERVFAIL, one name server is silent and the other does not hold the zone", category: dns, findings: []Finding{servfail, nsIs(nameServers(dnscheck.Silent, dnscheck.Lame))}, want: Consistent, because: "ns.dead", limits: "name-server-silent"},
		{name: "SERVFAIL, and only the parent's name servers can be heard", category: dns, findings: []Finding{servfail, nsIs(fromParent)}, want: Consistent, because: "ns.dead", limits: "name-server-silent"},
		{name: "SERVFAIL, and nobody on port 53 can be heard", category: dns, findings: []Finding{servfail, nsIs(nameServers(dnscheck.Silent, dnscheck.Silent))}, want: Inconclusive},
		{name: "SERVFAIL, and one name server was not asked", category: dns, findings: []Finding{servfail, nsIs(nameServers(dnscheck.Lame, dnscheck.NotAsked))}, want: Inconclusive},
		{name: "SERVFAIL, and the name servers answer", category: dns, findings: []Finding{servfail, nsIs(serving)}, want: Consistent, because: "ns.ok", limits: "resolver-fails"},
		{name: "SERVFAIL for once: asked again, the resolver knows", category: dns, findings: []Finding{servfail, nsIs(recovered)}, want: Inconclusive, unsaid: "resolver-fails"},
		{name: "SERVFAIL, and the name servers know no such domain", category: dns, findings: []Finding{servfail, nsIs(empty)}, want: Inconclusive, unsaid: "resolver-fails"},
		{name: "SERVFAIL, and some name servers fail", category: dns, findings: []Finding{servfail, nsIs(nameServers(dnscheck.Serves, dnscheck.Lame))}, want: Consistent, because: "ns.some"},
		{name: "SERVFAIL here, an MX elsewhere", category: dns, findings: []Finding{servfail, secondIs(dnscheck.OK, there)}, want: Consistent, because: "mx.differs", limits: "resolvers-differ"},
		{name: "SERVFAIL here and elsewhere", category: dns, findings: []Finding{servfail, secondIs(dnscheck.ServFail)}, want: Inconclusive, unsaid: "resolvers-differ"},
		{name: "no such domain here, an MX elsewhere", category: dns, findings: []Finding{noDom, secondIs(dnscheck.OK, there)}, want: Confirmed, because: "mx.differs mx.nxdomain", limits: "resolvers-differ"},
		{name: "no such domain here and elsewhere", category: dns, findings: []Finding{noDom, secondIs(dnscheck.NXDomain)}, want: Confirmed, because: "mx.nxdomain", unsaid: "resolvers-differ"},
		{name: "no such domain here, and the other resolver is silent", category: dns, findings: []Finding{noDom, secondIs(dnscheck.Timeout)}, want: Confirmed, because: "mx.nxdomain", unsaid: "resolvers-differ"},
		{name: "signatures do not validate, and another resolver does not look at them", category: dns, findings: []Finding{bogus, at(StepSecond, CheckSecond, findSecond(signed(false), bogus))}, want: Confirmed, because: "mx.bogus", unsaid: "resolvers-differ"},
		{name: "signatures do not validate, and another resolver vouches for them", category: dns, findings: []Finding{bogus, at(StepSecond, CheckSecond, findSecond(signed(true), bogus))}, want: Confirmed, because: "mx.bogus mx.differs", limits: "resolvers-differ"},
		{name: "only inner addresses", category: dns, findings: []Finding{inside, left(StepSMTP, CheckSMTP, "skipped.private")}, want: Consistent, because: "mx.ok", limits: "inner-addresses", also: "mx.inner"},
		{name: "inner addresses that may be looked at, and greet", category: dns, findings: []Finding{inside, look(StepSMTP, "10.0.0.5")}, want: Cleared, also: "mx.inner"},
		{name: "a name that can be no domain", category: dns, findings: []Finding{at(StepMX, CheckMX, findMX(dnscheck.MX{Domain: "a..example.net", Status: dnscheck.Failed}))}, want: Confirmed, because: "mx.bad-name"},

		// 12
		{name: "the sender's domain leads into an inner network", category: classify.SenderDNS, reason: classify.ReasonSenderDomain, findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.OK, Hosts: []dnscheck.MXHost{mxHost("mail.example.org", "10.0.0.9")}})}, want: Consistent, because: "mx.ok", limits: "inner-addresses"},
		{name: "the sender's own server, and another domain's, does not know the sender", category: classify.SenderDNS, reason: classify.ReasonSenderDomain, subject: with(remote("mail.example.org", "198.51.100.9")), findings: []Finding{senderMX(dnscheck.MX{Status: dnscheck.OK, Hosts: []dnscheck.MXHost{mxHost("mail.example.org", "198.51.100.9")}})}, want: Consistent, because: "mx.ok", limits: "callout"},

		// 14
		{name: "SPF of nobody", category: auth, reason: spf, subject: with(func(s *Subject) { s.SenderDomain, s.Failure.Sender = "", "" }), want: Inconclusive, limits: "no-sender", unsaid: "no-sending-address"},
		{name: "SPF fails, and DKIM was named too", category: auth, reason: spf, subject: with(reply("550 5.7.26 DKIM did not pass, SPF did not pass")), findings: []Finding{spfIs(dnscheck.Fail)}, want: Confirmed, because: "spf.fail"},
		{name: "SPF fails now, and the reply says that it passed", category: auth, reason: spf, subject: with(reply("550 DKIM failed (SPF pass)")), findings: []Finding{spfIs(dnscheck.Fail)}, want: Consistent, limits: "needs-message"},
		{name: "DKIM was named too, and SPF fails for a guess", category: auth, reason: spf, subject: with(reply("550 SPF and DKIM failed"), by(ByReceived)), findings: []Finding{spfIs(dnscheck.Fail)}, want: Consistent, limits: "needs-message sending-address-guessed"},
		{name: "From a domain that refuses others, signed by us alone", category: auth, reason: dmarc, subject: with(foreign()), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Confirmed, because: "dmarc.reject spf.pass"},
		{name: "the same, but only the header came back", category: auth, reason: dmarc, subject: with(foreign(func(o *bounce.Original) { o.Complete = false })), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Consistent, limits: "needs-message"},
		{name: "the same, with a signature of theirs as well", category: auth, reason: dmarc, subject: with(foreign(func(o *bounce.Original) {
			o.DKIM = append(o.DKIM, bounce.DKIMKey{Domain: "mail.example.com", Selector: "x"})
		})), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Consistent, limits: "needs-message"},
		{name: "the same, with more signatures than are kept", category: auth, reason: dmarc, subject: with(foreign(func(o *bounce.Original) {
			for len(o.DKIM) < bounce.MaxKeys {
				o.DKIM = append(o.DKIM, o.DKIM[0])
			}
		})), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Consistent, limits: "needs-message"},
		{name: "the same, without a signature: it may be signed on the way out", category: auth, reason: dmarc, subject: with(foreign(func(o *bounce.Original) { o.DKIM = nil })), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Consistent, limits: "signed-later"},
		{name: "the same, as it came to their server", category: auth, reason: dmarc, subject: with(foreign(func(o *bounce.Original) { o.DKIM = nil }), theirs), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Confirmed},
		{name: "the same, with an envelope that nobody knows", category: auth, reason: dmarc, subject: with(foreign(), func(s *Subject) { s.Failure.Sender = "" }), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Consistent, limits: "needs-message"},
		{name: "the same, with a policy that is only tested", category: auth, reason: dmarc, subject: with(foreign()), findings: []Finding{spfIs(dnscheck.Pass), dmarcIs(dnscheck.DMARC{Policy: "reject", Percent: 100, Testing: true})}, want: Consistent},
		{name: "the same, with a policy for no mail at all", category: auth, reason: dmarc, subject: with(foreign()), findings: []Finding{spfIs(dnscheck.Pass), dmarcIs(dnscheck.DMARC{Policy: "reject"})}, want: Consistent},
		{name: "the same, with a policy that asks for nothing", category: auth, reason: dmarc, subject: with(foreign()), findings: []Finding{spfIs(dnscheck.Pass), dmarcIs(dnscheck.DMARC{Policy: "none", Percent: 100})}, want: Consistent, limits: "dmarc-asks-nothing"},
		{name: "the same, and the policy could not be looked up", category: auth, reason: dmarc, subject: with(foreign()), findings: []Finding{spfIs(dnscheck.Pass), dmarcIs(dnscheck.DMARC{Status: dnscheck.ServFail})}, want: Consistent, because: "spf.pass"},
		{name: "the same, but DMARC is not what was named", category: auth, reason: dkim, subject: with(foreign()), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Consistent, limits: "needs-message"},
		{name: "our own From, refused as it came: no SPF pass, no signature", category: auth, reason: dmarc, subject: with(own, theirs), findings: []Finding{spfIs(dnscheck.SoftFail), reject}, want: Confirmed, because: "dmarc.reject spf.softfail"},
		{name: "our own From, SPF passes", category: auth, reason: dmarc, subject: with(own, theirs), findings: []Finding{spfIs(dnscheck.Pass), reject}, want: Consistent, limits: "needs-message"},
		{name: "our own From, SPF could not be looked up", category: auth, reason: dmarc, subject: with(own, theirs), findings: []Finding{spfIs(dnscheck.TempError), reject}, want: Consistent, because: "dmarc.reject"},
		{name: "our own From, SPF does not pass for a guess", category: auth, reason: dmarc, subject: with(own, theirs, by(ByReceived)), findings: []Finding{spfIs(dnscheck.SoftFail), reject}, want: Consistent, limits: "sending-address-guessed"},
		{name: "a DKIM key that is gone", category: auth, reason: dkim, findings: []Finding{spfIs(dnscheck.Pass), dkimIs(dnscheck.DKIM{Status: dnscheck.NXDomain})}, want: Consistent, because: "dkim.none"},
		{name: "a DKIM key that is there clears nothing", category: auth, reason: dkim, findings: []Finding{dkimIs(dnscheck.DKIM{Status: dnscheck.OK, KeyBits: 2048})}, want: Consistent, because: "dkim.ok", limits: "needs-message"},
		{name: "a DKIM key that could not be looked up", category: auth, reason: dkim, findings: []Finding{dkimIs(dnscheck.DKIM{Status: dnscheck.Timeout})}, want: Inconclusive, limits: "ask-another-resolver"},

		// 15
		{name: "a certificate that fails what MTA-STS enforces", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemExpired)), enforce, noTLSA}, want: Confirmed, because: "smtp.greets sts.enforce"},
		{name: "the policy knows other hosts", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemSTS)), elsewhere, noTLSA}, want: Confirmed},
		{name: "no STARTTLS where the policy wants it", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, none), enforce, noTLSA}, want: Confirmed},
		{name: "a certificate that fails a policy which was not fetched", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemExpired)), fetched, noTLSA}, want: Consistent, limits: "demand-not-seen"},
		{name: "a certificate that fails a policy which is only tested", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemExpired)), stsIs(dnscheck.STS{Mode: "testing", MX: []string{"mx1.example.net"}}), noTLSA}, want: Consistent},
		{name: "the certificate passes what MTA-STS enforces", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, secure), enforce, noTLSA}, want: Cleared},
		{name: "the policy knows one of two good hosts", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok2, look(StepSMTP, mx1, secure), look(StepSMTP, mx2, secure), enforce, noTLSA}, want: Inconclusive, limits: "demand-not-seen"},
		{name: "a good certificate and no policy to hold against it", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, secure), fetched, noTLSA}, want: Inconclusive, limits: "demand-not-seen"},
		{name: "we have no authorities to judge by", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemNoRoots)), enforce, noTLSA}, want: Inconclusive},
		{name: "the host that failed was not seen", category: tls, reason: cert, subject: with(bySTS, remote("mx9.example.net", "")), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemExpired)), enforce, noTLSA}, want: Consistent, limits: "not-all-seen demand-not-seen"},
		{name: "a laptop is shown the bad certificate", category: tls, reason: cert, subject: with(bySTS), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemExpired), from("198.51.100.200")), enforce, noTLSA}, want: Consistent, limits: "vantage"},
		{name: "a certificate that is none of those promised", category: tls, reason: cert, subject: with(byDANE), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemDANE)), ee}, want: Confirmed, because: "dane.ok smtp.greets"},
		{name: "an authority was promised, and names may be the matter", category: tls, reason: cert, subject: with(byDANE), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemDANE)), ta}, want: Consistent, limits: "demand-not-seen"},
		{name: "what was promised is not signed", category: tls, reason: cert, subject: with(byDANE), findings: []Finding{ok1, look(StepSMTP, mx1, none), daneIs(dnscheck.DANE{}, 3)}, want: Consistent, limits: "demand-not-seen"},
		{name: "the certificate is one of those promised", category: tls, reason: cert, subject: with(byDANE), findings: []Finding{ok1, look(StepSMTP, mx1, vouched), ee}, want: Cleared},
		{name: "a promise of another host", category: tls, reason: cert, subject: with(byDANE, remote("mx2.example.net", mx2)), findings: []Finding{ok2, look(StepSMTP, mx1, vouched), look(StepSMTP, mx2, secure), ee}, want: Inconclusive, limits: "demand-not-seen"},
		{name: "a promise of another host binds nobody else", category: tls, reason: cert, subject: with(byDANE, remote("mx2.example.net", mx2)), findings: []Finding{ok2, look(StepSMTP, mx1, vouched), look(StepSMTP, mx2, none), ee}, want: Consistent, limits: "demand-not-seen"},
		{name: "TLSA records whose signatures are wrong", category: tls, reason: cert, subject: with(byDANE), findings: []Finding{ok1, look(StepSMTP, mx1, secure), daneIs(dnscheck.DANE{Status: dnscheck.ServFail, Bogus: true})}, want: Confirmed, because: "dane.bogus smtp.greets"},
		{name: "unusable TLSA records want encryption and no more", category: tls, reason: cert, subject: with(byDANE), findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemSelfSigned)), daneIs(dnscheck.DANE{Authentic: true}, 1)}, want: Cleared},
		{name: "the reply does not say that DANE was the matter", category: tls, reason: cert, findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemDANE)), ee}, want: Consistent, limits: "test-not-named"},
		{name: "DANE vouches, which another sender need not ask for", category: tls, reason: cert, findings: []Finding{ok1, look(StepSMTP, mx1, vouched), ee}, want: Consistent, limits: "test-not-named"},
		{name: "STARTTLS is offered now, with a certificate that a policy refuses", category: tls, reason: plain, findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemExpired)), enforce, noTLSA}, want: Consistent},
		{name: "STARTTLS is offered now, with a certificate that an unknown policy may refuse", category: tls, reason: plain, findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemExpired)), fetched, noTLSA}, want: Inconclusive},
		{name: "STARTTLS is offered now, and nobody demands more", category: tls, reason: plain, findings: []Finding{ok1, look(StepSMTP, mx1, bad(smtpcheck.ProblemExpired)), stsIs(dnscheck.STS{Status: dnscheck.NXDomain}), noTLSA}, want: Cleared},
	}
}
