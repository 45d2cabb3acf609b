package bounce

import (
	"net/mail"
	"testing"
)

func TestDatesAreReadAsTheStandardLibraryReadsThem(t *testing.T) {
	for _, s := range []string{
		"Mon, 12 Jan 2026 09:30:05 +0800", "Mon, 2 Mar 2026 09:30:05 -0330", "Mon, 02 Mar 2026 23:59:59 +0000", "Mon, 29 Feb 2024 00:00:00 +0000",
		"Mon, 29 Feb 2026 00:00:00 +0000", "Mon, 31 Apr 2026 09:30:05 +0000", "Mon, 0 Jan 2026 09:30:05 +0000", "Mon, 12 Jan 2026 24:30:05 +0000",
		"Mon, 12 anF 2026 09:30:05 +0000", "Mon, 12 Jan 2026 09:60:05 +0000", "Mon, 12 Jan 2026 09:30:60 +0000", "Mon, 12 Jan 2026 09:30:05 *0000",
		"Mon, 12 Jan 2026 09:30:05 +000", "Mon, 1x Jan 2026 09:30:05 +0000", "12 Jan 2026 09:30:05 +0000", "2 Jan 2026 09:30:05 -0700", "Mon,  2 Jan 2026 09:30:05 -0700", "Mon, 123 Jan 2026 09:30:05 +0000",
		"Mon, 12 Jan 2026 09.30:05 +0000", "Mon,", "Mon, ", "",
	} {
		want, err := mail.ParseDate(s)
		if got := parseDate(s); !got.Equal(want) || got.IsZero() != (err != nil) {
			t.Errorf("%q: got %v; want %v, %v", s, got, want, err)
		}
	}
}
