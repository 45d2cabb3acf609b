package dnscheck

import (
	"context"
	"time"
)

// ask is how the checks look up: an error becomes an answer, and a SERVFAIL is
// asked again with checking disabled, which tells a wrong signature from name
// servers that do not answer (RFC 4035 section 3.2.2).
func ask(ctx context.Context, r Resolver, name string, t Type) Answer {
	q := Question{Name: name, Type: t}
	asked, err := absolute(name)
	if err != nil {
		return Answer{Question: q, Status: Failed, Err: err.Error()}
	}
	q.Name = asked
	a := lookup(ctx, r, q)
	if a.Status != ServFail {
		return a
	}
	unchecked := q
	unchecked.CD = true
	if lookup(ctx, r, unchecked).Status.Known() {
		// Or the name servers were silent a moment ago, and are not now.
		a = lookup(ctx, r, q)
		a.Bogus = a.Status == ServFail
	}
	return a
}

// askBelow asks about a domain's entry of that name, like _dmarc.
func askBelow(ctx context.Context, r Resolver, entry, domain string, t Type) Answer {
	if domain == "" { // the entry alone would be a name too
		return ask(ctx, r, "", t)
	}
	return ask(ctx, r, entry+"."+domain, t)
}

func lookup(ctx context.Context, r Resolver, q Question) Answer {
	start := time.Now()
	a, err := r.Lookup(ctx, q)
	a.Question = q
	if err == nil {
		return a
	}
	a = Answer{Question: q, Status: Failed, Server: a.Server, Took: time.Since(start), Err: err.Error()}
	if ctx.Err() != nil {
		a.Status = Timeout
	}
	return a
}
