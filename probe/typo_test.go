package probe

import (
	"strings"
	"testing"

	"diagnose/classify/bounce"
)

func TestNearMissOfAWellKnownDomain(t *testing.T) {
	for typed, want := range map[string]string{
		"gmial.com": "gmail.com", "gmai.com": "gmail.com", "gmaill.com": "gmail.com", "gnail.com": "gmail.com", "gamil.com": "gmail.com",
		"yaho.com.tw": "yahoo.com.tw", "hotmial.com": "hotmail.com", "hotmeil.com": "hotmail.com", "outlok.com": "outlook.com", "msa.hient.net": "msa.hinet.net",
		"sian.com": "sina.com", "shou.com": "sohu.com", "liive.com": "live.com", "pchoem.com.tw": "pchome.com.tw", "navr.com": "naver.com",
		// endings
		"gmail.con": "gmail.com", "gmail.cmo": "gmail.com", "gmail.co": "gmail.com", "gmail.cm": "gmail.com", "gmail.om": "gmail.com",
		"hinet.nte": "hinet.net", "163.con": "163.com", "qq.con": "qq.com", "web.dee": "web.de", "mail.rru": "mail.ru",
		"seed.tw": "seed.net.tw", "pchome.tw": "pchome.com.tw", "gmail": "gmail.com", "gmailcom": "gmail.com", "yahoocomtw": "yahoo.com.tw",
		// real, or too far
		"gmail.com": "", "mail.com": "", "ymail.com": "", "email.com": "", "yahoo.com": "", "gmx.net": "", "gmx.at": "", "gmx.ch": "", "263.com": "", "bol.com": "", "pchome.com": "", "man.com": "", "pq.com": "",
		"msa.hinet.net": "", "ms2.hinet.net": "", "gmail.org": "", "gmial.con": "", "gmail.com.example.net": "", "wail.com": "",
		"outlook.dk": "", "web.dk": "", "126.net": "", "tmall.com": "", "example.net": "", "net": "", "": "", "a.b": "", ".com": "", "..": "",
	} {
		if got := nearMiss(typed, wellKnown()); got != want {
			t.Errorf("nearMiss(%q) = %q, want %q", typed, got, want)
		}
	}
}

func TestNoWellKnownDomainIsATypingErrorOfAnother(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range wellKnown() {
		d := k.text
		if got := nearMiss(d, wellKnown()); got != "" || domainOf("@"+d) != d || seen[d] || k.name == "" {
			t.Errorf("%s: near %q, twice %v", d, got, seen[d])
		}
		seen[d] = true
	}
	if len(wellKnown()) < 100 {
		t.Errorf("only %d domains were read", len(wellKnown()))
	}
}

func TestNearMissOfWhomTheSenderWritesTo(t *testing.T) {
	ours := Our{Domains: []string{"acorn.example"}, Correspondents: []string{"Mueller-Druck.example", "buero-s\u00fcd.example"}}
	for _, x := range []struct {
		name, recipient string
		others          []string
		want            string
	}{
		{"a correspondent", "a@meuller-druck.example", nil, "mueller-druck.example"},
		{"a correspondent's very domain", "a@mueller-druck.example", nil, ""},
		{"a correspondent with an umlaut, mistyped in the ending", "a@buero-s\u00fcd.exmaple", nil, "xn--buero-sd-d6a.example"},
		{"our own", "a@acron.example", nil, "acorn.example"},
		{"another recipient of the message", "a@wetsend.example", []string{"wetsend.example", "westend.example"}, "westend.example"},
		{"the only domain of the message", "a@westend.example", []string{"westend.example"}, ""},
		{"numbered hosts are no typing errors", "a@branch2.example", []string{"branch1.example"}, ""},
		{"short names have true neighbours", "a@abc.example", []string{"abd.example", "bac.example"}, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := &bounce.Report{Original: bounce.Original{RecipientDomains: x.others}, Failures: []bounce.Failure{{Recipient: x.recipient}}}
			s := NewSubject(r, 0, ours, noon)
			if got := s.near(); got != x.want {
				t.Errorf("near %q, want %q", got, x.want)
			}
		})
	}
}

func FuzzNearMiss(f *testing.F) {
	for _, s := range []string{"gmial.com", "gmail", "a.b.c.d", ".", "\xff.com", "com.tw"} {
		f.Add(s, "gmail.com")
	}
	f.Fuzz(func(t *testing.T, typed, known string) {
		for _, near := range []string{nearMiss(typed, wellKnown()), nearMiss(typed, []domain{cutDomain(known)})} {
			if near == typed && near != "" || near != "" && strings.TrimSpace(typed) == "" {
				t.Errorf("%q is near %q", typed, near)
			}
		}
	})
}

func BenchmarkNearMiss(b *testing.B) {
	for b.Loop() {
		nearMiss("mail.example.com", wellKnown())
	}
}
