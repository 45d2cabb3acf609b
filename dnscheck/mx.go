package dnscheck

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxHosts bounds how many mail servers of a domain are looked at. The largest
// providers name five.
const maxHosts = 20

// CheckMX finds where mail for a domain goes, and whether that leads anywhere.
// The domain may be an address literal like "[192.0.2.1]" (RFC 5321 section
// 4.1.3), which needs no DNS. What is no domain name gets the status Failed.
func CheckMX(ctx context.Context, r Resolver, domain string) MX {
	start := time.Now()
	m := MX{Domain: display(domain)}
	if ip, ok := literal(domain); ok {
		m.Status, m.Implicit = OK, true
		m.Hosts = []MXHost{{IsAddress: true, Addresses: itself(domain, ip)}}
		return m
	}
	m.route(ask(ctx, r, domain, TypeMX))
	if len(m.Hosts) > maxHosts {
		m.Unasked = len(m.Hosts) - maxHosts
		m.Hosts = m.Hosts[:maxHosts]
	}
	var wg sync.WaitGroup
	for i := 1; i < len(m.Hosts); i++ {
		wg.Go(func() { m.Hosts[i].resolve(ctx, r) })
	}
	if len(m.Hosts) > 0 {
		m.Hosts[0].resolve(ctx, r)
	}
	wg.Wait()
	m.Took = time.Since(start)
	return m
}

// route reads the answer to the MX question (RFC 5321 section 5.1).
func (m *MX) route(a Answer) {
	m.Status, m.Bogus, m.Authentic, m.Server, m.Err = a.Status, a.Bogus, a.Authentic, a.Server, a.Err
	for _, rec := range a.Found() {
		m.Hosts = append(m.Hosts, MXHost{Preference: rec.Preference, Addresses: Addresses{Host: rec.Host}})
	}
	switch {
	case len(m.Hosts) == 1 && m.Hosts[0].Host == ".": // RFC 7505 section 3; whatever its preference
		m.Null, m.Hosts = true, nil
	case a.Status == NoData:
		m.Implicit = true
		m.Hosts = []MXHost{{Addresses: Addresses{Host: m.Domain}}}
	}
	slices.SortFunc(m.Hosts, func(a, b MXHost) int {
		return cmp.Or(cmp.Compare(a.Preference, b.Preference), strings.Compare(a.Host, b.Host))
	})
}

// resolve finds the addresses of the host. An address in its place is taken
// for what it says, as Postfix and others do, against RFC 5321 section 5.1.
func (h *MXHost) resolve(ctx context.Context, r Resolver) {
	if ip, err := netip.ParseAddr(h.Host); err == nil {
		h.IsAddress, h.Addresses = true, itself(h.Host, ip)
		return
	}
	h.Addresses = CheckAddresses(ctx, r, h.Host)
}

// itself is what an address in place of a name "resolves" to.
func itself(name string, ip netip.Addr) Addresses {
	a := Addresses{Host: name, Addrs: []netip.Addr{ip}, V4: OK, V6: NoData}
	if ip.Is6() {
		a.V4, a.V6 = NoData, OK
	}
	return a
}

func literal(domain string) (netip.Addr, bool) {
	s, opened := strings.CutPrefix(domain, "[")
	s, closed := strings.CutSuffix(s, "]")
	if len(s) > 5 && strings.EqualFold(s[:5], "IPv6:") {
		s = s[5:]
	}
	ip, err := netip.ParseAddr(s)
	return ip, err == nil && opened && closed
}

// CheckAddresses looks a host's addresses up, both families at once. What is
// no domain name gets the status Failed in both.
func CheckAddresses(ctx context.Context, r Resolver, host string) Addresses {
	start := time.Now()
	var v4, v6 Answer
	var wg sync.WaitGroup
	wg.Go(func() { v6 = ask(ctx, r, host, TypeAAAA) })
	v4 = ask(ctx, r, host, TypeA)
	wg.Wait()

	a := Addresses{
		Host: display(host), V4: v4.Status, V6: v6.Status, Bogus: v4.Bogus || v6.Bogus,
		Authentic: v4.Authentic && v6.Authentic, Server: v4.Server, Err: cmp.Or(v4.Err, v6.Err),
	}
	for _, records := range [][]Record{v4.Records, v6.Records} {
		for _, rec := range records {
			switch rec.Type {
			case TypeCNAME:
				a.CNAME = rec.Host // the chain is in order, so the last one stays
			case TypeA, TypeAAAA:
				a.Addrs = append(a.Addrs, rec.Addr)
			}
		}
	}
	a.Took = time.Since(start)
	return a
}
