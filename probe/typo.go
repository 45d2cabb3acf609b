package probe

import (
	_ "embed"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"
)

// wellKnown are the mail domains that people mistype most.
var wellKnown = sync.OnceValue(func() []domain { return meant(wellKnownText) })

//go:embed domains.txt
var wellKnownText string

// meant reads a list of domains, one a line, with comments.
func meant(text string) (out []domain) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, cutDomain(line))
		}
	}
	return out
}

// domain is a domain, and in two: "msa.hinet" and "net", "yahoo" and "com.tw".
type domain struct {
	text, name, ending string
	glance             glance
}

func cutDomain(d string) domain {
	ending, _ := publicsuffix.PublicSuffix(d)
	return domain{d, strings.TrimSuffix(strings.TrimSuffix(d, ending), "."), ending, glanceAt(d)}
}

// glance is a set of the first two letters of a domain, of which one slip leaves
// one. Letters may share a bit: whoever resembles none by it surely does not.
type glance uint64

func glanceAt(d string) glance {
	if len(d) < 2 {
		return 0
	}
	return 1<<(d[0]%64) | 1<<(d[1]%64)
}

// resembles says whether one of two domains may be a typing error of the other,
// or be the other.
func (g glance) resembles(o glance) bool { return g&o != 0 }

// near is the domain that the sender probably meant, of which the recipient's
// is a typing error: one that they are known to write to, or else one that
// everybody knows. It is empty where there is none, or where not the sender but
// a forwarder named the recipient.
func (s *Subject) near() string {
	if s.Forwarder != "" {
		return ""
	}
	return nearMiss(s.Domain, s.familiar(), wellKnown())
}

// familiar lists those of the domains that the sender surely knows which the
// recipient's may be a typing error of: of our correspondents, our own, of the
// other recipients. The recipient's, which stands in the message's To as well,
// is familiar by the first two only.
func (s *Subject) familiar() (out []domain) {
	typed := glanceAt(s.Domain)
	for _, list := range [][]string{s.Ours.Correspondents, s.Ours.Domains} {
		for _, d := range list {
			if d = canonical(d[strings.LastIndexByte(d, '@')+1:]); typed.resembles(glanceAt(d)) {
				out = append(out, cutDomain(d))
			}
		}
	}
	for _, d := range s.Original.RecipientDomains {
		if d != s.Domain && typed.resembles(glanceAt(d)) {
			out = append(out, cutDomain(d))
		}
	}
	return out
}

// nearMiss is the first of the known domains that typed is a typing error of;
// one that is known itself is none.
func nearMiss(typed string, lists ...[]domain) (near string) {
	if len(typed) < len("qq.co") {
		return ""
	}
	glance := glanceAt(typed)
	for _, known := range lists {
		for i := range known {
			k := &known[i]
			switch {
			case !glance.resembles(k.glance):
				continue
			case typed == k.text:
				return ""
			case near != "":
				continue
			case strings.HasPrefix(typed, k.name) && wrongEnding(typed[len(k.name):], k.ending), wrongName(typed, k):
				near = k.text
			}
		}
	}
	return near
}

// wrongEnding says whether rest, which follows the name of a domain, is its
// ending, mistyped (gmail.con), cut short (yahoo.tw, gmail) or run together
// (gmailcom). Endings that others really have (gmx.at) are no errors, but for
// those that .com so often turns into.
func wrongEnding(rest, ending string) bool {
	typed, dotted := strings.CutPrefix(rest, ".")
	if !dotted {
		return rest == "" || rest == strings.ReplaceAll(ending, ".", "")
	}
	if ending == "com" && (typed == "co" || typed == "cm" || typed == "om") || strings.HasSuffix(ending, "."+typed) {
		return true
	}
	if how := slip(typed, ending); how == slipSame || how == slipDifferent {
		return false
	}
	_, real := publicsuffix.PublicSuffix(typed)
	return !real
}

// wrongName says whether typed is k with one slip in its name.
func wrongName(typed string, k *domain) bool {
	if longer := len(typed) - len(k.text); longer < -1 || longer > 1 {
		return false
	}
	name, found := strings.CutSuffix(typed, k.ending)
	if !found || !misspelt(strings.TrimSuffix(name, "."), k.name) {
		return false
	}
	ending, _ := publicsuffix.PublicSuffix(typed)
	return ending == k.ending
}

// How one word may be typed for another.
type slipKind int

const (
	slipSame      slipKind = iota
	slipSwapped            // two neighbours: gmial
	slipDoubled            // a letter too many, the same as its neighbour: gmaill
	slipMissing            // gmai
	slipAdded              // gmaiul
	slipNeighbour          // the key beside it: gnail
	slipChanged            // any other letter: outlouk
	slipDifferent          // by more than one slip
)

// shortest is how many letters a name must have for a slip in it to be taken
// for one: short names have true neighbours everywhere.
var shortest = [...]int{slipSwapped: 4, slipDoubled: 4, slipMissing: 5, slipAdded: 5, slipNeighbour: 5, slipChanged: 7, slipDifferent: 256}

// misspelt says whether exactly one label of typed differs from its place in
// known, by one slip.
func misspelt(typed, known string) bool {
	slips := 0
	for more := true; more; {
		var t, k string
		var longer bool
		t, typed, more = strings.Cut(typed, ".")
		k, known, longer = strings.Cut(known, ".")
		s := slip(t, k)
		if s != slipSame {
			slips++
		}
		if more != longer || s != slipSame && len(k) < shortest[s] {
			return false
		}
	}
	return slips == 1
}

// slip names the way from known to typed.
func slip(typed, known string) slipKind {
	i := 0
	for i < len(typed) && i < len(known) && typed[i] == known[i] {
		i++
	}
	switch len(typed) - len(known) {
	case 0:
		return slipInPlace(typed[i:], known[i:])
	case 1:
		if typed[i+1:] != known[i:] {
			return slipDifferent
		}
		if i > 0 && typed[i] == typed[i-1] {
			return slipDoubled
		}
		return slipAdded
	case -1:
		if typed[i:] == known[i+1:] {
			return slipMissing
		}
	}
	return slipDifferent
}

// slipInPlace names a slip in the first letters of two words of one length.
func slipInPlace(typed, known string) slipKind {
	switch {
	case typed == "":
		return slipSame
	case len(typed) > 1 && typed[0] == known[1] && typed[1] == known[0] && typed[2:] == known[2:]:
		return slipSwapped
	case typed[1:] != known[1:]:
		return slipDifferent
	case digit(typed[0]) && digit(known[0]): // ms1 and ms2 are two hosts
		return slipDifferent
	case strings.ContainsRune(beside[known[0]], rune(typed[0])):
		return slipNeighbour
	}
	return slipChanged
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

// beside are the keys around a key (QWERTY).
var beside = map[byte]string{
	'q': "wa12", 'w': "qeas23", 'e': "wrsd34", 'r': "etdf45", 't': "ryfg56", 'y': "tugh67", 'u': "yihj78", 'i': "uojk89", 'o': "ipkl90", 'p': "ol0-",
	'a': "qwsz", 's': "awedxz", 'd': "serfcx", 'f': "drtgvc", 'g': "ftyhbv", 'h': "gyujnb", 'j': "huikmn", 'k': "jiolm", 'l': "kop",
	'z': "asx", 'x': "zsdc", 'c': "xdfv", 'v': "cfgb", 'b': "vghn", 'n': "bhjm", 'm': "njk",
	'1': "q", '2': "qw", '3': "we", '4': "er", '5': "rt", '6': "ty", '7': "yu", '8': "ui", '9': "io", '0': "op",
}
