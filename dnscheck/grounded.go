package dnscheck

import (
	"context"
	"sync"
	"time"
)

// Grounded is a [Resolver] that believes an absence only from a server that
// sees the DNS at all. A resolver that is cut off from the world, or walled in
// by a portal, says NXDOMAIN to everything; taken at its word, every domain in
// every bounce "does not exist". It gives itself away by denying the name
// servers of the root too, and its absences then have the status [Blind].
//
// A server that only will not answer for the root, as some routers do, is
// believed. It is for resolvers that nobody chose: one that an admin names may
// well serve a few zones and deny the rest.
type Grounded struct {
	Resolver Resolver

	mu    sync.Mutex
	asked time.Time // when the root was asked for last
	blind bool
}

const (
	groundedFor  = time.Minute     // how long what the root said is remembered, its silence too
	groundedWait = 2 * time.Second // a server that is slow about the root is believed
)

// Lookup implements [Resolver].
func (g *Grounded) Lookup(ctx context.Context, q Question) (Answer, error) {
	a, err := g.Resolver.Lookup(ctx, q)
	if err == nil && a.Status.Absent() && g.isBlind(ctx) {
		a.Status, a.Err = Blind, "the resolver denies the root of the DNS too"
	}
	return a, err
}

// isBlind asks for the root, once for all who want to know.
func (g *Grounded) isBlind(ctx context.Context) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asked.IsZero() || time.Since(g.asked) > groundedFor {
		ctx, cancel := context.WithTimeout(ctx, groundedWait)
		defer cancel()
		root, err := g.Resolver.Lookup(ctx, Question{Name: ".", Type: TypeNS})
		g.blind, g.asked = err == nil && root.Status.Absent(), time.Now()
	}
	return g.blind
}
