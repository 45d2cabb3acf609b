package dnscheck_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

// deaf is a server that answers nothing, and a client of it.
func deaf(t *testing.T) (*dnstest.Server, *dnscheck.Client) {
	s := dnstest.New(t, zone)
	for _, name := range []string{".", "example.net", "mx.example.net", "a.example.net"} {
		s.Fault(name, dnstest.Silence)
	}
	c := s.Resolver()
	c.Silence = new(dnscheck.Silence)
	return s, c
}

func asks(t *testing.T, c *dnscheck.Client, name string) (dnscheck.Status, time.Duration) {
	start := time.Now()
	a, err := c.Lookup(t.Context(), dnscheck.Question{Name: name, Type: dnscheck.TypeA})
	if err != nil {
		t.Error(err)
	}
	return a.Status, time.Since(start)
}

func TestSilenceIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := deaf(t)
		var wg sync.WaitGroup
		for i := range 5 { // at once: one of them listens for all
			wg.Go(func() {
				if status, took := asks(t, c, "example.net"); status != dnscheck.Timeout || took != 6*time.Second {
					t.Errorf("question %d: %s after %v", i, status, took)
				}
			})
		}
		wg.Wait()
		before := len(s.Queries())
		if root := slices.DeleteFunc(s.Queries(), func(q string) bool { return q != ". NS" }); before != 11 || len(root) > 1 {
			t.Errorf("%d questions: %v", before, s.Queries())
		}
		for _, name := range []string{"mx.example.net", "a.example.net", "example.net"} {
			if status, took := asks(t, c, name); status != dnscheck.Timeout || took != 0 {
				t.Errorf("%s: %s after %v", name, status, took)
			}
		}
		if n := len(s.Queries()); n != before {
			t.Errorf("%d questions more", n-before)
		}
	})
}

func TestSilenceAboutOneDomainIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.New(t, zone, ". 300 IN NS a.root.example.")
		s.Fault("example.net", dnstest.Silence)
		c := s.Resolver()
		c.Silence = new(dnscheck.Silence)
		if status, _ := asks(t, c, "example.net"); status != dnscheck.Timeout {
			t.Error(status)
		}
		if status, _ := asks(t, c, "mx.example.net"); status != dnscheck.OK {
			t.Errorf("another name: %s", status)
		}
	})
}

// A resolver that only refuses to speak of the root has been heard.
func TestARefusalIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dnstest.New(t, zone)
		s.Fault(".", dnstest.Refuse)
		s.Fault("example.net", dnstest.Silence)
		c := s.Resolver()
		c.Silence = new(dnscheck.Silence)
		asks(t, c, "example.net")
		if status, _ := asks(t, c, "mx.example.net"); status != dnscheck.OK {
			t.Error(status)
		}
	})
}

func TestSilenceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := deaf(t)
		asks(t, c, "example.net")
		s.Fault("mx.example.net", 0)
		time.Sleep(21 * time.Second)
		if status, took := asks(t, c, "mx.example.net"); status != dnscheck.OK || took != 0 {
			t.Errorf("%s after %v", status, took)
		}
	})
}

// Less patience than usual proves no silence, and is spared the wait by one.
func TestAnImpatientClientFindsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := deaf(t)
		hasty := s.Resolver()
		hasty.Try, hasty.Silence = time.Second, c.Silence
		for range 2 {
			if _, took := asks(t, hasty, "example.net"); took != 2*time.Second {
				t.Errorf("took %v", took)
			}
		}
		asks(t, c, "example.net")
		if _, took := asks(t, hasty, "a.example.net"); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}
