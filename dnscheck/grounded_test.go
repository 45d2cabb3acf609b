package dnscheck_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

const world = `
. 300 IN SOA a.root.example. hostmaster.example. 1 2 3 4 60
. 300 IN NS a.root.example.
here.example. 300 IN MX 10 mx.here.example.
`

const walled = `. 300 IN SOA portal.example. hostmaster.example. 1 2 3 4 60`

func TestAnAbsenceIsBelievedOnlyFromAServerThatSeesTheRoot(t *testing.T) {
	for _, c := range []struct {
		name, zone, ask string
		fault           bool
		want            dnscheck.Status
	}{
		{"what is there is there", world, "here.example.", false, dnscheck.OK},
		{"an absence in the real DNS", world, "gone.example.", false, dnscheck.NXDomain},
		{"an absence behind a wall", walled, "gone.example.", false, dnscheck.Blind},
		{"a server that refuses to speak of the root", world, "gone.example.", true, dnscheck.NXDomain},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := dnstest.New(t, c.zone)
			if c.fault {
				s.Fault(". NS", dnstest.Refuse)
			}
			r := &dnscheck.Grounded{Resolver: s.Resolver()}
			a, err := r.Lookup(t.Context(), dnscheck.Question{Name: c.ask, Type: dnscheck.TypeMX})
			if err != nil || a.Status != c.want {
				t.Errorf("got %s, %v; want %s", a.Status, err, c.want)
			}
		})
	}
}

func TestTheRootIsAskedForOnce(t *testing.T) {
	for _, fault := range []dnstest.Fault{0, dnstest.Silence} {
		synctest.Test(t, func(t *testing.T) {
			s := dnstest.New(t, world)
			if fault != 0 {
				s.Fault(". NS", fault)
			}
			askedOnce(t, s)
		})
	}
}

func askedOnce(t *testing.T, s *dnstest.Server) {
	t.Helper()
	r := &dnscheck.Grounded{Resolver: s.Resolver()}
	for _, name := range []string{"a.example.", "b.example.", "c.example."} {
		if _, err := r.Lookup(t.Context(), dnscheck.Question{Name: name, Type: dnscheck.TypeA}); err != nil {
			t.Fatal(err)
		}
	}
	root := slices.DeleteFunc(s.Queries(), func(q string) bool { return !strings.HasPrefix(strings.TrimSpace(q), "NS") })
	if len(root) == 0 || len(root) > 2 { // the client itself asks twice where nobody answers
		t.Errorf("the root was asked for %d times: %v", len(root), s.Queries())
	}
}
