package dnscheck

import (
	"context"
	"sync"
	"time"
)

const (
	maxKept     = 5 * time.Minute // an admin who has just repaired a record looks again
	maxAbsent   = time.Minute
	maxRemember = 10_000 // answers; some 10 MB
)

// Cache is a [Resolver] that asks another one only what it does not know yet,
// and the same question only once at a time. It keeps knowledge as long as its
// TTL says, at most 5 minutes, and one minute where it is that there is
// nothing; failures it does not keep. It may be used by many at once.
type Cache struct {
	Resolver Resolver

	mu     sync.Mutex
	kept   map[Question]*flight // at most half of maxRemember
	before map[Question]*flight // what was kept until that was full
}

// flight is a question that is being asked, and then its answer.
type flight struct {
	landed chan struct{} // closed when the rest is there; nil while nobody waits for it
	until  time.Time     // when the answer has to be forgotten; zero before it is there
	cut    bool          // whoever asked had no time for the answer
	answer Answer
	err    error
}

// Lookup implements [Resolver]. An answer from the cache is the one first
// given, with its Server and Took. A caller whose context ends gets the
// context's error; of those who wait for the same answer another one asks then.
func (c *Cache) Lookup(ctx context.Context, q Question) (Answer, error) {
	if asked, err := absolute(q.Name); err == nil {
		q.Name = asked
	}
	for ctx.Err() == nil {
		f, ours := c.board(q)
		if ours {
			c.fly(ctx, q, f)
			return f.answer, f.err
		}
		select {
		case <-f.landed:
			if !f.cut {
				return f.answer, f.err
			}
		case <-ctx.Done():
		}
	}
	return Answer{Question: q, Status: Timeout, Err: ctx.Err().Error()}, ctx.Err()
}

// board gives the flight that a question is on or was answered by, or else one
// that is for the caller to make.
func (c *Cache) board(q Question) (f *flight, ours bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f = c.kept[q]
	if f == nil {
		if f = c.before[q]; f != nil {
			c.keep(q, f) // what is asked for again and again stays
		}
	}
	switch {
	case f == nil || !f.until.IsZero() && !time.Now().Before(f.until):
		f = new(flight)
		c.keep(q, f)
		return f, true
	case f.landed == nil:
		f.landed = make(chan struct{})
		if !f.until.IsZero() {
			close(f.landed)
		}
	}
	return f, false
}

// keep makes room by forgetting the older half, which nobody has asked for since.
func (c *Cache) keep(q Question, f *flight) {
	if c.kept == nil || len(c.kept) >= maxRemember/2 {
		c.kept, c.before = make(map[Question]*flight), c.kept
	}
	c.kept[q] = f
}

// fly asks, and tells all who wait.
func (c *Cache) fly(ctx context.Context, q Question, f *flight) {
	f.answer, f.err = c.Resolver.Lookup(ctx, q)
	f.cut = f.err != nil && ctx.Err() != nil
	ttl := min(f.answer.TTL, maxKept)
	if f.answer.Status.Absent() {
		ttl = min(f.answer.TTL, maxAbsent)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f.until = time.Now().Add(ttl)
	if f.err != nil || ttl <= 0 || !f.answer.Status.Known() {
		for _, m := range []map[Question]*flight{c.kept, c.before} {
			if m[q] == f {
				delete(m, q)
			}
		}
	}
	if f.landed != nil {
		close(f.landed)
	}
}
