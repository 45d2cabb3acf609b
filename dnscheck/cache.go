package dnscheck

import (
	"context"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
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

	flights singleflight.Group
	mu      sync.Mutex
	kept    map[Question]keptAnswer
}

type keptAnswer struct {
	Answer
	until time.Time
}

// Lookup implements [Resolver]. An answer from the cache is the one first
// given, with its Server and Took. A caller whose context ends gets the
// context's error, and leaves those who wait for the same answer undisturbed.
func (c *Cache) Lookup(ctx context.Context, q Question) (Answer, error) {
	if asked, err := absolute(q.Name); err == nil {
		q.Name = asked
	}
	if a, ok := c.recall(q); ok {
		return a, ctx.Err()
	}
	// The flight belongs to all who wait for it, so the first caller's end is
	// not its own; the Resolver bounds it.
	flight := c.flights.DoChan(q.key(), func() (any, error) {
		if a, ok := c.recall(q); ok { // another flight landed meanwhile
			return a, nil
		}
		a, err := c.Resolver.Lookup(context.WithoutCancel(ctx), q)
		if err == nil {
			c.keep(q, a)
		}
		return a, err
	})
	select {
	case res := <-flight:
		return res.Val.(Answer), res.Err
	case <-ctx.Done():
		return Answer{Question: q, Status: Timeout, Err: ctx.Err().Error()}, ctx.Err()
	}
}

// key tells questions apart; no name has a space.
func (q Question) key() string {
	return strconv.Itoa(int(q.Type)) + " " + strconv.FormatBool(q.CD) + " " + q.Name
}

func (c *Cache) recall(q Question) (Answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kept[q]
	return k.Answer, ok && time.Now().Before(k.until)
}

func (c *Cache) keep(q Question, a Answer) {
	ttl := min(a.TTL, maxKept)
	if a.Status.Absent() {
		ttl = min(a.TTL, maxAbsent)
	}
	if ttl <= 0 || !a.Status.Known() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = make(map[Question]keptAnswer)
	}
	for old := range c.kept { // any one: which does not matter for being bounded
		if len(c.kept) < maxRemember {
			break
		}
		delete(c.kept, old)
	}
	c.kept[q] = keptAnswer{a, time.Now().Add(ttl)}
}
