package dnscheck_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"diagnose/dnscheck"
)

// show writes records shortly, for comparison.
func show(records []dnscheck.Record) string {
	var lines []string
	for _, r := range records {
		switch r.Type {
		case dnscheck.TypeA:
			lines = append(lines, fmt.Sprint(r.Name, " A ", r.Addr))
		case dnscheck.TypeAAAA:
			lines = append(lines, fmt.Sprint(r.Name, " AAAA ", r.Addr))
		case dnscheck.TypeMX:
			lines = append(lines, fmt.Sprint(r.Name, " MX ", r.Preference, " ", r.Host))
		case dnscheck.TypeCNAME:
			lines = append(lines, r.Name+" CNAME "+r.Host)
		case dnscheck.TypePTR:
			lines = append(lines, r.Name+" PTR "+r.Host)
		case dnscheck.TypeTXT:
			lines = append(lines, fmt.Sprintf("%s TXT %q", r.Name, r.Text))
		}
	}
	return strings.Join(lines, ", ")
}

func contextWithin(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
