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

	mu      sync.Mutex
	kept    map[Question]keptAnswer // at most half of maxRemember
	before  map[Question]keptAnswer // what was kept until that was full
	flights map[Question]*flight
}

type keptAnswer struct {
	Answer
	until time.Time
}

// flight is a question that is being asked.
type flight struct {
	landed chan struct{} // closed when the rest is there
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
		a, f, ours := c.board(q)
		if ours {
			return c.fly(ctx, q, f)
		}
		if f == nil {
			return a, nil
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

// board gives what is known of a question, or else the flight that it is on,
// which may be one for the caller to make.
func (c *Cache) board(q Question) (a Answer, f *flight, ours bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.recall(q); ok {
		return a, nil, false
	}
	if f := c.flights[q]; f != nil {
		return Answer{}, f, false
	}
	if c.flights == nil {
		c.flights = make(map[Question]*flight)
	}
	f = &flight{landed: make(chan struct{})}
	c.flights[q] = f
	return Answer{}, f, true
}

// fly asks, and tells all who wait.
func (c *Cache) fly(ctx context.Context, q Question, f *flight) (Answer, error) {
	f.answer, f.err = c.Resolver.Lookup(ctx, q)
	f.cut = f.err != nil && ctx.Err() != nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.err == nil {
		c.keep(q, f.answer)
	}
	delete(c.flights, q)
	close(f.landed)
	return f.answer, f.err
}

// The rest is called with the lock held.

func (c *Cache) recall(q Question) (Answer, bool) {
	k, ok := c.kept[q]
	if !ok {
		if k, ok = c.before[q]; ok {
			c.put(q, k) // what is asked for again and again stays
		}
	}
	return k.Answer, ok && time.Now().Before(k.until)
}

func (c *Cache) keep(q Question, a Answer) {
	ttl := min(a.TTL, maxKept)
	if a.Status.Absent() {
		ttl = min(a.TTL, maxAbsent)
	}
	if ttl > 0 && a.Status.Known() {
		c.put(q, keptAnswer{a, time.Now().Add(ttl)})
	}
}

// put makes room by forgetting the older half, which nobody has asked for since.
func (c *Cache) put(q Question, k keptAnswer) {
	if c.kept == nil || len(c.kept) >= maxRemember/2 {
		c.kept, c.before = make(map[Question]keptAnswer), c.kept
	}
	c.kept[q] = k
}
