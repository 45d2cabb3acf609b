package probe

import (
	"context"
	"net/netip"
	"time"

	"diagnose/smtpcheck"
)

// host is one address under the name, and by the demands, by which its
// certificate is judged.
type host struct {
	visited
	name string
}

// visited is an address, and the domain by whose demands its certificate was
// judged: "" where it had only to be good.
type visited struct {
	addr   netip.AddrPort
	domain string
}

// visit is one address's session; in one look an address is visited once,
// whatever number of steps and failures lead to it.
type visit struct {
	done chan struct{} // closed when the session has ended
	name string        // by which the certificate was judged
	heard
}

// smtp visits one address, and once more where no connection came about: one
// lost packet is no evidence.
func (r *run) smtp(ctx context.Context, s Step, t target) Finding {
	at := visited{netip.AddrPortFrom(t.addr, r.port()), s.Demands}
	v := r.visit(ctx, at, t.name, r.demanded(s.Demands, t.name))
	f := findSession(v.Session, v.name, v.tries)
	if v.again {
		f.Started = v.Session.Started.UTC()
		f.Args["remembered"] = stamp(f.Started)
	}
	return r.located(f)
}

// located adds our end to a session that has none: of a connection that never
// stood only the system's route tells it.
func (r *run) located(f Finding) Finding {
	if f.Args["local"] == "" && f.Outcome != Skipped {
		if here, err := r.route(f.Session.Addr.Addr()); err == nil {
			f.Args["local"] = here.String()
		}
	}
	return f
}

func (r *run) visit(ctx context.Context, at visited, name string, opt smtpcheck.Options) *visit {
	r.Look.mu.Lock()
	v, known := r.visits[at]
	before := false
	for other := range r.visits {
		before = before || other.addr == at.addr
	}
	if !known {
		v = &visit{done: make(chan struct{}), name: name}
		if r.visits == nil {
			r.visits = make(map[visited]*visit)
		}
		r.visits[at] = v
	}
	r.Look.mu.Unlock()
	if known {
		<-v.done
		return v
	}
	defer close(v.done)
	m := recollection(r.Runner, &r.sessions, host{at, name})
	v.heard = r.recalled(ctx, m, sessionMemory, "", at.addr, func() (heard, bool) {
		if before {
			r.pause(ctx)
		}
		return r.tryTwice(ctx, at.addr, name, opt)
	})
	return v
}

// tryTwice goes through the usual session, and says whether it is worth
// remembering: what was cut short is not.
func (r *run) tryTwice(ctx context.Context, addr netip.AddrPort, name string, opt smtpcheck.Options) (h heard, keep bool) {
	for h.tries = 1; ; h.tries++ {
		h.Session = r.session(ctx, addr, name, r.policy.Step, opt)
		failed := failedToConnect(h.Session)
		if h.tries == 2 || !failed {
			return h, h.Result != smtpcheck.Failed
		}
		if !r.pause(ctx) {
			return h, false
		}
	}
}

// session goes through a session within a limit, opt saying what is asked for
// beside the usual.
func (r *run) session(ctx context.Context, addr netip.AddrPort, name string, limit time.Duration, opt smtpcheck.Options) smtpcheck.Session {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := netip.ParseAddr(name); err == nil {
		name = "" // no certificate is expected to name an address
	}
	opt.HELO, opt.Greeting, opt.Name, opt.Roots = r.HELO, r.policy.Greeting, name, r.Roots
	return smtpcheck.Check(ctx, r.dialer, addr, opt)
}

// pause waits between two connections to one address; false where there is no
// time left.
func (r *run) pause(ctx context.Context) bool {
	select {
	case <-time.After(r.policy.Pause):
		return true
	case <-ctx.Done():
		return false
	}
}

func failedToConnect(s smtpcheck.Session) bool {
	return s.Phase == smtpcheck.PhaseConnect &&
		(s.Result == smtpcheck.Refused || s.Result == smtpcheck.Unreachable || s.Result == smtpcheck.Timeout)
}

// unconnected says whether a finding is a connection that did not come about,
// in either of two tries: one lost packet is no evidence.
func unconnected(f Finding) bool {
	return f.Session != nil && failedToConnect(*f.Session) && f.Args["tries"] != "1"
}
