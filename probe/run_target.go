package probe

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"diagnose/dnscheck"
)

// target is one thing to look at.
type target struct {
	name string // as it is shown: a host, or the address itself
	addr netip.Addr
}

// maxSkipped bounds the addresses of a step that are told apart though they are
// not looked at.
const maxSkipped = 20

// targets says what a step looks at, and gives a finding for everything that
// it must leave out.
func (r *run) targets(s Step) (out []target, skipped []Finding) {
	var all []target
	switch {
	case s.From == "":
		addr, err := netip.ParseAddr(s.Target)
		if err != nil { // a domain, for the lists of domains
			return []target{{name: s.Target}}, nil
		}
		addr = addr.Unmap()
		all = []target{{cmp.Or(s.Name, addr.String()), addr}}
	case r.done[s.From] == nil: // our own address, and only this machine knows it
		if addr, ok := r.outbound(); ok {
			all = []target{{addr.String(), addr}}
		}
	default:
		all = addressesOf(r.of(s.From))
	}
	if len(all) == 0 {
		return nil, []Finding{r.skip(s, s.Target, "skipped.no-target", map[string]string{"step": s.From})}
	}
	for i, t := range all {
		host := map[string]string{"host": t.name, "ip": t.addr.String()}
		switch {
		case len(out) >= r.policy.Hosts || len(skipped) >= maxSkipped:
			host["more"] = strconv.Itoa(len(all) - i)
			return out, append(skipped, r.skip(s, t.name, "skipped.hosts", host))
		case !r.Guard.Allows(t.addr):
			skipped = append(skipped, r.skip(s, t.addr.String(), "skipped.private", host))
		case s.Check == CheckSMTP && !r.reaches(t.addr):
			skipped = append(skipped, r.skip(s, t.addr.String(), "skipped.no-family", host))
		default:
			out = append(out, t)
		}
	}
	return out, skipped
}

// addressesOf lists the addresses that lookups found, in their order, each
// once.
func addressesOf(findings []Finding) (out []target) {
	add := func(a dnscheck.Addresses) {
		for _, ip := range a.Addrs {
			ip = ip.Unmap()
			if !slices.ContainsFunc(out, func(t target) bool { return t.addr == ip }) {
				out = append(out, target{a.Host, ip})
			}
		}
	}
	for _, f := range findings {
		if f.MX != nil && !f.MX.Null {
			for _, h := range f.MX.Hosts {
				add(h.Addresses)
			}
		}
		if f.Addresses != nil {
			add(*f.Addresses)
		}
	}
	return out
}

// somewhere are addresses that stand for the whole internet when the system
// is asked for its route; nothing is sent to them.
var somewhere = []netip.Addr{netip.MustParseAddr("198.41.0.4"), netip.MustParseAddr("2001:503:ba3e::2:30")}

// outbound is the address from which this machine reaches the internet.
func (r *run) outbound() (netip.Addr, bool) {
	for _, there := range somewhere {
		if here, err := r.route(there); err == nil {
			return here, true
		}
	}
	return netip.Addr{}, false
}

// route is our end of a connection to addr.
func (r *Runner) route(addr netip.Addr) (netip.Addr, error) {
	if r.Route != nil {
		return r.Route(addr)
	}
	// Connecting a UDP socket sends nothing: it only asks for the route.
	c, err := net.Dial("udp", netip.AddrPortFrom(addr, 9).String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// reaches says whether this machine has a route of the address's family. A
// family that we lack says nothing about the remote.
func (r *run) reaches(addr netip.Addr) bool {
	here, err := r.route(addr)
	var call *os.SyscallError
	if errors.As(err, &call) && call.Syscall != "connect" && call.Syscall != "socket" {
		return true // it was not the route that failed: the connection itself will tell
	}
	return err == nil && (Public(here) || !Public(addr) || here.Is4())
}
