package bounce

import (
	"net/mail"
	"testing"
	"time"
)

func TestObsoleteDatesAreReadAsTheStandardLibraryReadsThem(t *testing.T) {
	for _, s := range []string{
		"Mon, 12 Jan 2026 09:30:05 GMT", "Mon, 12 Jan 2026 09:30:05 UT", "12 Jan 26 09:30:05 +0800", "Mon, 12 Jan 26 09:30:05 GMT",
		"Fri, 2 Jan 98 09:30:05 -0500", "Mon, 12 Jan 2026 09:30 +0800", "Mon,  12 Jan  2026 09:30:05 -0700 (PDT)", "Mon, 12 Jan 2026 09:30:05 +0800 (CST)",
		"31 Feb 2026 09:30:05 GMT", "12 Jan 2026", "12 Jan 026 09:30:05 GMT", "Mon, 12 Jan 2026 29:30:05 UTC", "not a date of any kind", "1 2 3 4 5",
	} {
		want, _ := mail.ParseDate(s)
		if got := parseDate(s); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
}

// The standard library takes the names of most zones for UTC.
func TestNamedZonesHaveTheirOffset(t *testing.T) {
	at := time.Date(2026, 7, 13, 12, 0, 0, 0, time.UTC)
	for zone, hours := range map[string]int{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "JST": 9, "UTC": 0, "Z": 0} {
		s := at.Add(time.Duration(hours)*time.Hour).Format("Mon, 2 Jan 2006 15:04:05 ") + zone
		if got := parseDate(s); !got.Equal(at) {
			t.Errorf("%s: %v", s, got)
		}
	}
}

func TestUsualAndObsoleteDatesAreCheap(t *testing.T) {
	for _, s := range []string{"Mon, 12 Jan 2026 09:30:05 GMT", "Mon, 12 Jan 26 09:30 EST"} {
		if n := testing.AllocsPerRun(10, func() { parseDate(s) }); n > 5 {
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}
