package probe

import (
	"net/netip"
	"testing"

	"diagnose/dnscheck"
)

func nameServers(services ...dnscheck.Service) dnscheck.Authority {
	a := dnscheck.Authority{Domain: "example.net", Zone: "example.net"}
	for i, s := range services {
		n := dnscheck.NameServer{Host: "ns.example.net", Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Service: s}
		if s == dnscheck.NoAddress {
			n.Addr = netip.Addr{}
		}
		if s == dnscheck.Faulty {
			n.MX.Status = dnscheck.ServFail
		}
		a.Servers = append(a.Servers, n)
	}
	return a
}

func TestWhatADomainPublishesIsNamed(t *testing.T) {
	const ok, servfail, nothing = dnscheck.OK, dnscheck.ServFail, dnscheck.NXDomain
	tlsa := []dnscheck.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 32)}}
	edit := func(a dnscheck.Authority, change func(*dnscheck.Authority)) dnscheck.Authority {
		change(&a)
		return a
	}
	for _, x := range []struct {
		f       Finding
		outcome Outcome
		code    string
	}{
		{findDKIM(dnscheck.DKIM{Status: ok, KeyBits: 2048}), Healthy, "dkim.ok"},
		{findDKIM(dnscheck.DKIM{Status: ok, KeyBits: 2048, Testing: true}), Healthy, "dkim.testing"},
		{findDKIM(dnscheck.DKIM{Status: ok, Revoked: true}), Faulty, "dkim.revoked"},
		{findDKIM(dnscheck.DKIM{Status: ok, Problem: dnscheck.DKIMShortKey}), Faulty, "dkim.short-key"},
		{findDKIM(dnscheck.DKIM{Status: nothing}), Faulty, "dkim.none"},
		{findDKIM(dnscheck.DKIM{Status: servfail}), UnknownOC, "dkim.undecided"},
		{findDKIM(dnscheck.DKIM{Status: servfail, Bogus: true}), Faulty, "dkim.bogus"},

		{findDMARC(dnscheck.DMARC{Status: ok, Policy: "reject"}, "example.org"), Healthy, "dmarc.reject"},
		{findDMARC(dnscheck.DMARC{Status: ok, Policy: "quarantine"}, "example.org"), Healthy, "dmarc.quarantine"},
		{findDMARC(dnscheck.DMARC{Status: ok, Policy: "none"}, "example.org"), Healthy, "dmarc.monitor"},
		{findDMARC(dnscheck.DMARC{Status: nothing}, "example.org"), Faulty, "dmarc.none"},
		{findDMARC(dnscheck.DMARC{Status: dnscheck.NoData, Err: "two"}, "example.org"), Faulty, "dmarc.broken"},
		{findDMARC(dnscheck.DMARC{Status: dnscheck.Timeout, Err: "silence"}, "example.org"), UnknownOC, "dmarc.undecided"},
		{findDMARC(dnscheck.DMARC{Status: servfail, Bogus: true}, "example.org"), Faulty, "dmarc.bogus"},

		{findSTS(dnscheck.STS{Status: ok, Mode: "enforce"}), Healthy, "sts.enforce"},
		{findSTS(dnscheck.STS{Status: ok, Mode: "testing"}), Healthy, "sts.testing"},
		{findSTS(dnscheck.STS{Status: ok, Mode: "none"}), Healthy, "sts.off"},
		{findSTS(dnscheck.STS{Status: nothing}), Healthy, "sts.none"},
		{findSTS(dnscheck.STS{Status: ok, Problem: dnscheck.STSUnreachable}), UnknownOC, "sts.unreachable"},
		{findSTS(dnscheck.STS{Status: ok, Problem: dnscheck.STSCertificate}), Faulty, "sts.certificate"},
		{findSTS(dnscheck.STS{Status: dnscheck.NoData, Problem: dnscheck.STSManyRecords}), Faulty, "sts.many-records"},
		{findSTS(dnscheck.STS{Status: dnscheck.Blind}), UnknownOC, "sts.undecided"},
		{findSTS(dnscheck.STS{Status: servfail, Bogus: true}), Faulty, "sts.bogus"},

		{findDANE(dnscheck.DANE{Status: ok, Authentic: true, Records: tlsa}, true), Healthy, "dane.ok"},
		{findDANE(dnscheck.DANE{Status: ok, Records: tlsa}, true), UnknownOC, "dane.unproven"},
		{findDANE(dnscheck.DANE{Status: ok, Authentic: true, Records: tlsa}, false), UnknownOC, "dane.unproven"},
		{findDANE(dnscheck.DANE{Status: ok, Authentic: true, Records: make([]dnscheck.TLSA, 1)}, true), Faulty, "dane.unusable"},
		{findDANE(dnscheck.DANE{Status: nothing}, false), Healthy, "dane.none"},
		{findDANE(dnscheck.DANE{Status: dnscheck.Timeout}, true), UnknownOC, "dane.undecided"},
		{findDANE(dnscheck.DANE{Status: servfail, Bogus: true}, true), Faulty, "dane.bogus"},

		{findNS(nameServers(dnscheck.Serves, dnscheck.Serves)), Healthy, "ns.ok"},
		{findNS(nameServers(dnscheck.Serves, dnscheck.NotAsked)), Healthy, "ns.ok"},
		{findNS(nameServers(dnscheck.Serves, dnscheck.Lame)), Faulty, "ns.some"},
		{findNS(nameServers(dnscheck.Lame, dnscheck.Declines, dnscheck.Faulty)), Faulty, "ns.dead"},
		{findNS(nameServers(dnscheck.NoAddress)), Faulty, "ns.dead"},
		{findNS(nameServers(dnscheck.Lame, dnscheck.NotAsked)), UnknownOC, "ns.undecided"},
		{findNS(edit(nameServers(dnscheck.Lame), func(a *dnscheck.Authority) { a.Unasked = 1 })), UnknownOC, "ns.undecided"},
		{findNS(dnscheck.Authority{Domain: "example.net"}), UnknownOC, "ns.undecided"},
		{findNS(nameServers(dnscheck.Silent, dnscheck.Silent)), UnknownOC, "ns.unheard"},
		{findNS(edit(nameServers(dnscheck.Faulty), func(a *dnscheck.Authority) { a.Servers[0].MX.Status = dnscheck.Failed })), UnknownOC, "ns.unheard"},
		{findNS(edit(nameServers(dnscheck.Silent), func(a *dnscheck.Authority) { a.FromParent = true })), Faulty, "ns.dead"},
		{findNS(nameServers(dnscheck.Silent, dnscheck.Lame)), Faulty, "ns.dead"},
		{findNS(edit(nameServers(dnscheck.Serves), func(a *dnscheck.Authority) { a.Servers[0].Differs = true })), Faulty, "ns.differs"},
		{findNS(edit(nameServers(dnscheck.Serves, dnscheck.Serves), func(a *dnscheck.Authority) {
			a.Servers[0].SOA.Status, a.Servers[1].SOA.Status, a.Servers[1].Serial = ok, ok, 7
		})), Faulty, "ns.serials"},
	} {
		if x.f.Outcome != x.outcome || x.f.Code != x.code || x.f.Args == nil {
			t.Errorf("%s %s, want %s %s", x.f.Outcome, x.f.Code, x.outcome, x.code)
		}
	}
	if f := findNS(nameServers(dnscheck.Serves, dnscheck.Silent, dnscheck.NoAddress)); f.Args["silent"] != "ns.example.net [192.0.2.1]" || f.Args["homeless"] != "ns.example.net" || f.Args["serving"] != "1" {
		t.Errorf("%v", f.Args)
	}
}

func TestNamesThatCanBeNoneRouteNoMail(t *testing.T) {
	bad := dnscheck.MXHost{Addresses: dnscheck.Addresses{Host: `mx\032a.example.net`, V4: dnscheck.Failed, V6: dnscheck.Failed}}
	slow := dnscheck.MXHost{Addresses: dnscheck.Addresses{Host: "mx2.example.net", V4: dnscheck.Timeout, V6: dnscheck.Timeout}}
	for _, x := range []struct {
		mx      dnscheck.MX
		outcome Outcome
		code    string
	}{
		{dnscheck.MX{Domain: "a..example.net", Status: dnscheck.Failed}, Faulty, "mx.bad-name"},
		{dnscheck.MX{Domain: "example.net", Status: dnscheck.Failed}, UnknownOC, "mx.failed"},
		{dnscheck.MX{Domain: "example.net", Status: dnscheck.OK, Hosts: []dnscheck.MXHost{bad}}, Faulty, "mx.dead"},
		{dnscheck.MX{Domain: "example.net", Status: dnscheck.OK, Hosts: []dnscheck.MXHost{bad, mxHost("mx1.example.net")}}, Faulty, "mx.dead"},
		{dnscheck.MX{Domain: "example.net", Status: dnscheck.OK, Hosts: []dnscheck.MXHost{bad, slow}}, UnknownOC, "mx.failed"},
		{dnscheck.MX{Domain: "example.net", Status: dnscheck.OK, Hosts: []dnscheck.MXHost{bad}, Unasked: 1}, UnknownOC, "mx.failed"},
		{dnscheck.MX{Domain: "example.net", Status: dnscheck.OK, Hosts: []dnscheck.MXHost{bad, mxHost("mx1.example.net", mx1)}}, Healthy, "mx.ok"},
	} {
		if f := findMX(x.mx); f.Outcome != x.outcome || f.Code != x.code {
			t.Errorf("%+v: %s %s", x.mx.Hosts, f.Outcome, f.Code)
		}
	}
	f := findMX(dnscheck.MX{Domain: "example.net", Status: dnscheck.OK, Hosts: []dnscheck.MXHost{mxHost("mx1.example.net", mx1), mxHost("mx2.example.net", "10.0.0.5", "100.64.0.1")}})
	if f.Args["inner"] != "mx2.example.net [10.0.0.5 100.64.0.1]" {
		t.Errorf("%v", f.Args)
	}
}
