package dnscheck

import (
	"context"
	"sync"
	"time"
)

// silentFor is how long servers that answer nothing at all are left alone:
// longer than the rest of a usual run, and not so long that one that comes
// back is missed.
const silentFor = 20 * time.Second

// Silence remembers that the servers of a [Client] answer nothing at all. Then
// no question waits for them in vain: until they have been left alone for a
// while, each has the answer that the first had, a timeout at once. That
// nothing came to one question is not enough, since resolvers are often silent
// about a domain whose own name servers are: the root is asked for as well.
// The zero value is ready, may be used by many at once, and may be shared by
// clients of the same servers.
type Silence struct {
	mu        sync.Mutex
	heard     time.Time // when anything came
	until     time.Time // when they may be asked again
	listening bool
}

func (s *Silence) hear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard, s.until = time.Now(), time.Time{}
}

// lasts says whether the servers are not to be asked now.
func (s *Silence) lasts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.until)
}

// conclude ends the listening, and begins a silence where that is certain: not
// cut short, and nothing at all has come since a time.
func (s *Silence) conclude(since time.Time, certain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listening = false
	if certain && s.heard.Before(since) {
		s.until = time.Now().Add(silentFor)
	}
}

// mayListen says whether to find out, one question for all that wait.
func (s *Silence) mayListen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := !s.listening
	s.listening = true
	return free
}

// maxListen is as many servers as resolv.conf(5) may name.
const maxListen = 3

// listen asks the servers for the root while a question that one of them left
// unanswered is put again, and gives what to do once that is over, too: it
// waits until the servers have answered, or had time to. A client that is less
// patient than usual heeds a silence, and finds none.
func (c *Client) listen(ctx context.Context, since time.Time) (conclude func(unanswered bool)) {
	s := c.Silence
	if s == nil || c.Try != 0 && c.Try < defaultTry || !s.mayListen() {
		return func(bool) {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, server := range c.Servers[:min(len(c.Servers), maxListen)] {
		wg.Go(func() { c.try(ctx, server, Question{Name: ".", Type: TypeNS}, true) })
	}
	return func(unanswered bool) {
		if !unanswered {
			cancel()
		}
		wg.Wait()
		s.conclude(since, unanswered && ctx.Err() == nil)
		cancel()
	}
}
