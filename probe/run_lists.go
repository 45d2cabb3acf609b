package probe

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"

	"diagnose/rbl"
)

func (r *run) blockLists(ctx context.Context, s Step, t target) Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	checker := rbl.Checker{Resolver: r.Look.listDNS, Keys: r.Keys, Nobody: r.nobody(), Answered: r.answered(s.ID, t.name)}
	var f Finding
	switch {
	case s.List == "" && !t.addr.IsValid():
		f = r.domainLists(ctx, checker, t.name)
	case s.List == "":
		f = findLists(checker.CheckIP(ctx, t.addr, r.sweep(t.addr, s.Except)))
	case t.addr.IsValid():
		f = findNamed(s.List, checker.CheckIP(ctx, t.addr, r.named(s.List)))
	default:
		f = findNamed(s.List, checker.CheckDomain(ctx, t.name, r.named(s.List)))
	}
	if t.addr.IsValid() {
		f.Target = t.addr.String()
	}
	return f
}

// nobody is a label that no name has, the same for the whole run.
func (r *Runner) nobody() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.absent == "" {
		r.absent = strings.ToLower(rand.Text())
	}
	return r.absent
}

// named is the list that a reply names: ours, or one that our table does not
// have; none where the name can be no list's.
func (r *run) named(name string) []rbl.List {
	l, ok := rbl.Find(r.Lists, name)
	if !ok {
		if l, ok = rbl.Unlisted(name); !ok {
			return nil
		}
	}
	return []rbl.List{l}
}

// sweep is the default set for an address with the lists that our keys open,
// and without the list that is asked by name.
func (r *run) sweep(addr netip.Addr, except string) []rbl.List {
	return slices.DeleteFunc(r.defaultLists(rbl.KindOf(addr)), func(l rbl.List) bool {
		return slices.ContainsFunc(r.named(except), func(n rbl.List) bool { return n.Zone == l.Zone })
	})
}

// defaultLists are the lists that are asked unless others are named.
func (r *Runner) defaultLists(kind rbl.Kind) []rbl.List {
	return slices.Concat(rbl.Default(r.Lists, kind), rbl.Checker{Keys: r.Keys}.Keyed(r.Lists, kind))
}
