package bounce

import (
	"strings"
	"testing"
)

func TestEveryFieldIsFoundByItsName(t *testing.T) {
	for i, name := range fieldNames[1:] {
		key := fieldKey(i + 1)
		for _, written := range []string{name, strings.ToUpper(name)} {
			if got := keyOf(written); got != key {
				t.Errorf("%s is field %d, not %d", written, got, key)
			}
		}
		for _, other := range []string{name + "x", "x" + name, name[:1], name[:len(name)-1] + "_"} {
			if got := keyOf(other); got == key {
				t.Errorf("%s is taken for %s", other, name)
			}
		}
	}
}

func TestFieldsThatNobodyAsksForLeaveTheOthersWhole(t *testing.T) {
	junk := "X-Junk: a" + strings.Repeat("\n more", 2000) + "\n"
	for name, in := range map[string]string{
		"between":        "From: MAILER-DAEMON@example.net\n" + junk + "Subject: failure\n notice\n" + junk + "Date: Mon, 12 Jan 2026 09:30:05 +0000\n\ntext\n",
		"first":          "X-Junk: a\n more\n" + "Subject: failure\n\tnotice\nFrom: MAILER-DAEMON@example.net\nDate: Mon, 12 Jan 2026 09:30:05 +0000\n\ntext\n",
		"at a delimiter": "Subject: failure\n notice\nDate: Mon, 12 Jan 2026 09:30:05 +0000\nX-Junk: a\n --b\nContent-Type: text/plain\n\ntext\n",
	} {
		for newline, in := range map[string]string{"LF": in, "CRLF": strings.ReplaceAll(in, "\n", "\r\n"), "CR": strings.ReplaceAll(in, "\n", "\r")} {
			rep, err := Read(strings.NewReader(in))
			if err != nil || rep.Subject != "failure notice" || rep.Date.IsZero() {
				t.Errorf("%s, %s: subject %q, date %v, error %v", name, newline, rep.Subject, rep.Date, err)
			}
		}
	}
}
