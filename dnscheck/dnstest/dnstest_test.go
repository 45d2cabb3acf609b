package dnstest_test

import (
	"fmt"
	"testing"

	"diagnose/dnscheck"
	"diagnose/dnscheck/dnstest"
)

// recorder is a test that notes its failures instead.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func TestANameThatNobodyListedFailsTheTest(t *testing.T) {
	const zone = `
		example.net.       300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
		host.example.org.  300 IN A   192.0.2.1
		*.lists.example.   300 IN A   127.0.0.2`
	tests := []struct {
		name   string
		status dnscheck.Status
		fails  bool
	}{
		{"host.example.org", dnscheck.OK, false},
		{"example.org", dnscheck.NoData, false},
		{"gone.example.net", dnscheck.NXDomain, false},
		{"1.2.0.192.lists.example", dnscheck.OK, false},
		{"other.example.org", dnscheck.Refused, true},
		{"faulty.example.org", dnscheck.ServFail, false},
	}
	for _, tt := range tests {
		note := &recorder{TB: t}
		s := dnstest.New(note, zone)
		s.Fault("Faulty.example.org. a", dnstest.ServFail)
		a, err := s.Resolver().Lookup(t.Context(), dnscheck.Question{Name: tt.name, Type: dnscheck.TypeA})
		if err != nil || a.Status != tt.status || (len(note.failures) > 0) != tt.fails {
			t.Errorf("%s: %+v, %v; failures %q", tt.name, a, err, note.failures)
		}
	}
}
