package dnscheck_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

func TestCacheAsksAgainWhenTheAnswerHasExpired(t *testing.T) {
	const zone = `
		example.net.       86400 IN SOA ns.example.net. admin.example.net. 1 1 1 1 86400
		day.example.net.   86400 IN A   192.0.2.1
		brief.example.net. 20    IN A   192.0.2.1
		never.example.net. 0     IN A   192.0.2.1`
	tests := []struct {
		name  string
		typ   dnscheck.Type
		after time.Duration
		asked int
	}{
		{"brief.example.net", dnscheck.TypeA, 19 * time.Second, 1},
		{"brief.example.net", dnscheck.TypeA, 20 * time.Second, 2},
		{"never.example.net", dnscheck.TypeA, 0, 2},
		{"day.example.net", dnscheck.TypeA, 299 * time.Second, 1},
		{"day.example.net", dnscheck.TypeA, 300 * time.Second, 2},
		{"day.example.net", dnscheck.TypeMX, 59 * time.Second, 1},
		{"day.example.net", dnscheck.TypeMX, 60 * time.Second, 2},
		{"absent.example.net", dnscheck.TypeA, 59 * time.Second, 1},
		{"absent.example.net", dnscheck.TypeA, 60 * time.Second, 2},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			s := dnstest.New(t, zone)
			c := &dnscheck.Cache{Resolver: s.Resolver()}
			first, _ := c.Lookup(t.Context(), dnscheck.Question{Name: tt.name, Type: tt.typ})
			time.Sleep(tt.after)
			second, err := c.Lookup(t.Context(), dnscheck.Question{Name: tt.name + ".", Type: tt.typ})
			if err != nil || first.Status != second.Status || len(s.Queries()) != tt.asked {
				t.Errorf("%s after %v: %v, asked %q", tt.name, tt.after, err, s.Queries())
			}
		})
	}
}

func TestCacheKeepsNoFailure(t *testing.T) {
	for _, fault := range []dnstest.Fault{dnstest.ServFail, dnstest.Refuse, dnstest.Silence, dnstest.Lame} {
		synctest.Test(t, func(t *testing.T) {
			s := dnstest.New(t, zone)
			s.Fault("mx.example.net", fault)
			c := &dnscheck.Cache{Resolver: s.Resolver()}
			q := dnscheck.Question{Name: "mx.example.net", Type: dnscheck.TypeA}
			c.Lookup(t.Context(), q)
			s.Fault("mx.example.net", 0)
			if a, err := c.Lookup(t.Context(), q); err != nil || a.Status != dnscheck.OK {
				t.Errorf("fault %d: %+v, %v", fault, a, err)
			}
		})
	}
}

func TestCacheAsksOnceForManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.New(t, zone)
		s.Slow("*", time.Second)
		c := &dnscheck.Cache{Resolver: s.Resolver()}
		q := dnscheck.Question{Name: "mx.example.net", Type: dnscheck.TypeA}
		early, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()

		var wg sync.WaitGroup
		wg.Go(func() {
			if a, err := c.Lookup(early, q); !errors.Is(err, context.DeadlineExceeded) || a.Status.Known() {
				t.Errorf("the one in a hurry: %+v, %v", a, err)
			}
		})
		synctest.Wait() // it is the first, and one of the others asks after it
		for range 20 {
			wg.Go(func() {
				if a, err := c.Lookup(t.Context(), q); err != nil || a.Status != dnscheck.OK {
					t.Errorf("%+v, %v", a, err)
				}
			})
		}
		wg.Wait()
		if n := len(s.Queries()); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestCacheTellsCheckingDisabledApart(t *testing.T) {
	s := dnstest.New(t, zone)
	c := &dnscheck.Cache{Resolver: s.Resolver()}
	for _, cd := range []bool{false, true} {
		c.Lookup(t.Context(), dnscheck.Question{Name: "mx.example.net", Type: dnscheck.TypeA, CD: cd})
	}
	if len(s.Queries()) != 2 {
		t.Errorf("asked %q", s.Queries())
	}
}

func TestCachePassesTheErrorOfABadName(t *testing.T) {
	c := &dnscheck.Cache{Resolver: dnstest.New(t).Resolver()}
	if _, err := c.Lookup(t.Context(), dnscheck.Question{Name: "a b"}); !errors.Is(err, dnscheck.ErrName) {
		t.Error(err)
	}
}

// counter answers every question, and counts.
type counter struct{ asked atomic.Int64 }

func (c *counter) Lookup(_ context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	c.asked.Add(1)
	return dnscheck.Answer{Question: q, Status: dnscheck.OK, TTL: time.Hour}, nil
}

func TestCacheForgetsRatherThanGrows(t *testing.T) {
	var r counter
	c := &dnscheck.Cache{Resolver: &r}
	look := func(name string) { c.Lookup(t.Context(), dnscheck.Question{Name: name, Type: dnscheck.TypeA}) }
	const names = 12_000
	for i := range names {
		look(fmt.Sprintf("h%d.example.net", i))
		look("mx.example.com") // a provider's
	}
	if asked := r.asked.Load(); asked != names+1 {
		t.Errorf("asked %d times about %d names and one that is looked up again and again", asked, names)
	}
	r.asked.Store(0)
	for i := range 1_000 { // the last ones are there, the first ones are not
		look(fmt.Sprintf("h%d.example.net", names-1-i))
	}
	if asked := r.asked.Load(); asked != 0 {
		t.Errorf("asked %d times again", asked)
	}
	for i := range 1_000 {
		look(fmt.Sprintf("h%d.example.net", i))
	}
	if asked := r.asked.Load(); asked != 1_000 {
		t.Errorf("of 1000 that are old %d were asked for again", asked)
	}
}
