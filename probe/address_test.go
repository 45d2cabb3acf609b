package probe

import (
	"strings"
	"testing"
)

func TestAddressFault(t *testing.T) {
	for a, want := range map[string]string{
		"a@example.net": "", "o'brien+tag@mail.example.net": "", "!#$%&'*+-/=?^_`{|}~@example.net": "",
		`"two words"@example.net`: "", `"quo\"ted"@example.net`: "", "a@[192.0.2.1]": "", "a@例え.example": "",
		"用戶@example.net": "utf8",
		"":               "syntax", "a": "syntax", "@example.net": "syntax", ".a@example.net": "syntax", "a.@example.net": "syntax",
		"a..b@example.net": "syntax", "two words@example.net": "syntax", "a,b@example.net": "syntax", "<a@example.net": "syntax",
		`"open@example.net`: "syntax", `"a"b"@example.net`: "syntax", `"end\"@example.net`: "syntax", "\"\x01\"@example.net": "syntax",
		"a\xff@example.net": "syntax",
		"a@":                "domain", "a@example..net": "domain", "a@-example.net": "domain", "a@exa mple.net": "domain", "a@example,net": "domain",
		"a@[192.0.2.1": "domain", "a@" + strings.Repeat("x", 64) + ".net": "domain",
		strings.Repeat("x", 65) + "@example.net": "length", "a@" + strings.Repeat("x.", 200) + "net": "length",
	} {
		if got := addressFault(a); got != want {
			t.Errorf("addressFault(%q) = %q, want %q", a, got, want)
		}
	}
}

func FuzzAddressFault(f *testing.F) {
	for _, s := range []string{"a@example.net", `"a\"b"@[::1]`, "用戶@例え.example", "@", "\xff@\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if fault := addressFault(s); fault == "" && !strings.Contains(s, "@") {
			t.Errorf("%q passes", s)
		}
		heloIn(s)
		nearMiss(domainOf(s), wellKnown())
		mentions(s, domainOf(s))
		if d := domainOf(s); strings.ContainsFunc(d, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			t.Errorf("domainOf(%q) = %q", s, d)
		}
	})
}

func TestHELOInReply(t *testing.T) {
	for reply, want := range map[string]string{
		"450 4.7.1 <mail.example.org>: Helo command rejected: Host not found":         "mail.example.org",
		"504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname": "localhost",
		"550 Bad HELO - Host impersonating [mail.example.org]":                        "mail.example.org",
		"550 HELO argument (gw.example.org) does not resolve":                         "gw.example.org",
		"550 HELO 192.0.2.1 is no name":                                               "",
		"550 see https://example.net/ehlo for help":                                   "",
		"550 5.7.1 EHLO/HELO name rejected":                                           "",
		"550 User unknown":                                                            "",
		">: helo command rejected":                                                    "",
	} {
		if got := heloIn(reply); got != want {
			t.Errorf("heloIn(%q) = %q, want %q", reply, got, want)
		}
	}
}

func TestRecipientLimitOfRFC9422(t *testing.T) {
	for limits, want := range map[string]int{"RCPTMAX=20": 20, "MAILMAX=5 rcptmax=7": 7, "RCPTMAX=0": 0, "RCPTMAX=many": 0, "": 0} {
		n, ok := recipientLimit(map[string]string{"LIMITS": limits})
		if ok != (want > 0) || ok && n != want {
			t.Errorf("recipientLimit(%q) = %d, %v", limits, n, ok)
		}
	}
}
