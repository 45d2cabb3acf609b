package dnscheck

import "context"

// Grounded is a [Resolver] that believes an absence only from a server that
// sees the DNS at all. A resolver that is cut off from the world, or walled in
// by a portal, says NXDOMAIN to everything; taken at its word, every domain in
// every bounce "does not exist". It gives itself away by denying the name
// servers of the root too, and its absences then have the status [Blind].
//
// A server that only will not answer for the root, as some routers do, is
// believed. The underlying Resolver should be a [Cache], so that the root is
// asked for once.
type Grounded struct{ Resolver Resolver }

// Lookup implements [Resolver].
func (g Grounded) Lookup(ctx context.Context, q Question) (Answer, error) {
	a, err := g.Resolver.Lookup(ctx, q)
	if err != nil || !a.Status.Absent() {
		return a, err
	}
	if root, err := g.Resolver.Lookup(ctx, Question{Name: ".", Type: TypeNS}); err == nil && root.Status.Absent() {
		a.Status, a.Err = Blind, "the resolver denies the root of the DNS too"
	}
	return a, nil
}
