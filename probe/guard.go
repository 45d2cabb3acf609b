package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"diagnose/dnscheck"
	"diagnose/smtpcheck"
)

// special lists the prefixes that are not public unicast, from the IANA
// special-purpose address registries (RFC 6890 and its updates). The standard
// library's IsGlobalUnicast and IsPrivate let most of them through.
var special = prefixes(
	"0.0.0.0/8",         // this network, RFC 791
	"10.0.0.0/8",        // private, RFC 1918
	"100.64.0.0/10",     // shared by carriers, RFC 6598
	"127.0.0.0/8",       // loopback
	"169.254.0.0/16",    // link-local, and the metadata service of clouds
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // protocol assignments, RFC 6890
	"192.0.2.0/24",      // documentation, RFC 5737
	"192.31.196.0/24",   // AS112, RFC 7535
	"192.52.193.0/24",   // AMT, RFC 7450
	"192.88.99.0/24",    // 6to4 relays, RFC 7526
	"192.168.0.0/16",    // private
	"192.175.48.0/24",   // AS112, RFC 7534
	"198.18.0.0/15",     // benchmarks, RFC 2544
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, and broadcast
	"::/96",             // unspecified, loopback, IPv4-compatible
	"::ffff:0:0/96",     // IPv4-mapped: a mapped public address is unmapped before it comes here
	"64:ff9b::/96",      // NAT64: judged by the IPv4 address inside
	"64:ff9b:1::/48",    // local NAT64, RFC 8215
	"100::/64",          // discard, RFC 6666
	"100:0:0:1::/64",    // dummy prefix, RFC 9780
	"2001::/23",         // protocol assignments: Teredo, ORCHID, benchmarks and more
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4: it leads to whatever IPv4 address is inside
	"2620:4f:8000::/48", // AS112, RFC 7534
	"3fff::/20",         // documentation, RFC 9637
	"5f00::/16",         // segment routing, RFC 9602
	"fc00::/7",          // unique local, RFC 4193
	"fe80::/10",         // link-local
	"fec0::/10",         // site-local, RFC 3879
	"ff00::/8",          // multicast
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

// Public says whether addr is a public unicast address: one that a stranger's
// bounce may lead us to. An IPv4 address in IPv6 clothes is judged by what it
// is: mapped ones are unmapped, NAT64 and 6to4 are never public.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return false
	}
	return !within(special, addr)
}

// inner says whether addr is one that networks use inside, and nobody else can
// reach: a mistake where it stands for a mail server of the world.
func inner(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || carrier.Contains(addr)
}

var carrier = netip.MustParsePrefix("100.64.0.0/10")

func within(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Guard is the one exit to the network. A bounce is written by strangers and
// chooses hosts; the guard refuses to look at what is not public unless the
// admin named its network, and it judges the address that is dialled, so a
// name that changes its mind between two look-ups gains nothing.
type Guard struct {
	Allow []netip.Prefix // networks that may be probed though they are not public
}

// ErrNotPublic is what a guarded dialer answers for an address that it does
// not dial.
var ErrNotPublic = fmt.Errorf("%w: not a public address; name its network with --allow-private to probe it", smtpcheck.ErrBlocked)

// Allows says whether an address may be looked at.
func (g Guard) Allows(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return Public(addr) || (addr.IsValid() && within(g.Allow, addr))
}

// Dialer wraps d so that only allowed addresses are dialled, and only on the
// given ports. Host names are refused: whoever dials has resolved and judged
// already.
func (g Guard) Dialer(d smtpcheck.Dialer, ports ...uint16) smtpcheck.Dialer {
	return guardedDialer{g, d, ports}
}

type guardedDialer struct {
	guard Guard
	next  smtpcheck.Dialer
	ports []uint16
}

// DialContext implements [smtpcheck.Dialer].
func (d guardedDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %q: an address and a port are needed: %w", address, err)
	}
	for _, p := range d.ports {
		if ap.Port() == p && d.guard.Allows(ap.Addr()) {
			return d.next.DialContext(ctx, network, address)
		}
	}
	return nil, fmt.Errorf("dial %s: %w", address, ErrNotPublic)
}

// errBudget is the answer to a query beyond the budget of one bounce.
var errBudget = errors.New("the query budget of this run is used up")

// budget is what is left of the queries of one run, whichever resolver they
// go to.
type budget struct{ left atomic.Int64 }

func newBudget(queries int) *budget {
	b := new(budget)
	b.left.Store(int64(queries))
	return b
}

// on makes the queries to a resolver count.
func (b *budget) on(r dnscheck.Resolver) dnscheck.Resolver { return budgeted{r, b} }

// budgeted refuses the queries beyond the budget.
type budgeted struct {
	next   dnscheck.Resolver
	budget *budget
}

// Lookup implements [dnscheck.Resolver].
func (b budgeted) Lookup(ctx context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	if b.budget.left.Add(-1) < 0 {
		return dnscheck.Answer{Question: q, Status: dnscheck.Failed, Err: errBudget.Error()}, errBudget
	}
	return b.next.Lookup(ctx, q)
}
