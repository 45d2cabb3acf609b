package probe

import (
	"net/netip"
	"slices"
)

// sending lists the addresses that the message may have come from, and who
// says so.
func (v *view) sending() ([]netip.Addr, SendingBy) {
	if v.s.SendingIP.IsValid() {
		return []netip.Addr{v.s.SendingIP}, v.s.SendingBy
	}
	for _, f := range v.of(StepSending) {
		if f.Addresses != nil && len(f.Addresses.Addrs) > 0 {
			return f.Addresses.Addrs, v.s.SendingBy
		}
	}
	if a, err := netip.ParseAddr(v.own()); err == nil && v.s.SendingBy == ByMachine {
		return []netip.Addr{a}, ByMachine
	}
	return nil, ByNobody
}

// own is this machine's address as far as it may be published: a control host
// is believed about it, and a server that a stranger's bounce led to is not.
func (v *view) own() string {
	for _, f := range v.controls {
		if s := sighting(f); s.IsValid() {
			return s.String()
		}
	}
	return v.local()
}

// outbound is our end of the connections that were made, as others see it
// where that is known.
func (v *view) outbound() string {
	if _, seen := v.translated(); seen != "" {
		return seen
	}
	return v.local()
}

// local is our end of the connections as this machine sees it.
func (v *view) local() string {
	for _, f := range slices.Concat(v.controls, v.sessions) {
		if l := f.Args["local"]; l != "" {
			return l
		}
	}
	return ""
}

// translated says whether something between us and the world (NAT, a proxy)
// changes our address: what it is here, and as what it is seen. A control host
// is believed; any other server only where it cannot be lying about a public
// address of ours.
func (v *view) translated() (local, seen string) {
	for _, f := range slices.Concat(v.controls, v.sessions) {
		if s := sighting(f); s.IsValid() && f.Args["local"] != "" && s.String() != f.Args["local"] {
			here, err := netip.ParseAddr(f.Args["local"])
			if f.Check == CheckControl || err == nil && here.IsPrivate() {
				return f.Args["local"], s.String()
			}
		}
	}
	return "", ""
}

// sighting is the address that a server saw us by; invalid where it names
// none, or one that nobody can have seen across the internet.
func sighting(f Finding) netip.Addr {
	if f.Session == nil {
		return netip.Addr{}
	}
	a := f.Session.SeenAs
	if !a.IsGlobalUnicast() || inner(a) || a.Is4() != f.Session.Addr.Addr().Unmap().Is4() {
		return netip.Addr{}
	}
	return a
}

// atSender says whether it was looked from the address that sent: a server saw
// us by it or, where none says, our end of a connection is that address. A
// relayhost sends from its own.
func (v *view) atSender() bool {
	return v.lookedAtSender(slices.Concat(v.sessions, v.controls)...)
}

func (v *view) lookedAtSender(looks ...Finding) bool {
	addrs, by := v.sending()
	if v.s.Ours.Relayhost != "" || by == ByMachine || by == ByNobody {
		return false
	}
	return slices.ContainsFunc(looks, func(f Finding) bool { return f.Session != nil && v.cameFrom(f, addrs) })
}

// cameFrom says whether the other end of a session saw one of addrs. Our own
// idea of our address counts for nothing where it is known to be translated.
func (v *view) cameFrom(f Finding, addrs []netip.Addr) bool {
	if seen := sighting(f); seen.IsValid() {
		return slices.Contains(addrs, seen)
	}
	local, _ := v.translated()
	return f.Args["local"] != local && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return f.Args["local"] == a.String() })
}

// decidedAtSender says whether the sessions that a verdict rests on were held
// from the address that sent. The one that asked for a mailbox stands alone.
func (v *view) decidedAtSender() bool {
	for _, f := range v.rests {
		if f.Step == StepRcpt {
			return v.lookedAtSender(f)
		}
	}
	return v.atSender()
}

// vantage says from where it was looked.
func (v *view) vantage() Vantage {
	addrs, by := v.sending()
	out := Vantage{OutboundIP: v.outbound(), SendingIP: joinAddrs(addrs), SendingBy: string(by), Port25: "unknown"}
	for _, f := range v.all {
		if s := f.Args["server"]; s != "" {
			out.Resolver = s
			break
		}
	}
	switch answered := slices.ContainsFunc(slices.Concat(v.sessions, v.controls), func(f Finding) bool {
		return f.Session != nil && f.Session.Greeting.Code != 0
	}); {
	case answered:
		out.Port25 = "open"
	case len(v.controls) >= 2 && all(v.controls, "control.failed"):
		out.Port25 = "closed"
	}
	return out
}
