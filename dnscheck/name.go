package dnscheck

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrName is inside every error about a name that cannot be asked for.
var ErrName = errors.New("no domain name")

// CheckName says why a name cannot be asked for, by an error with ErrName
// inside; nil where it can. The checks of this package give such a name the
// status Failed, without asking anybody.
func CheckName(name string) error {
	_, err := absolute(name)
	return err
}

// toASCII is the lookup profile of IDNA, but knows names like _dmarc.example.
var toASCII = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false))

// absolute gives a name the form in which it is asked for: lower case A-labels
// with the trailing dot (RFC 1035 section 2.3.4, RFC 5890).
func absolute(name string) (string, error) {
	if isAbsolute(name) { // spares the rest to what has been through it
		return name, nil
	}
	if len(name) > 1024 || strings.ContainsRune(name, utf8.RuneError) { // spares IDNA what is hopeless
		return "", fmt.Errorf("%w: %.70q", ErrName, name)
	}
	ascii := strings.ToLower(name)
	if strings.ContainsFunc(name, func(r rune) bool { return r > '~' }) {
		var err error
		if ascii, err = toASCII.ToASCII(name); err != nil {
			return "", fmt.Errorf("%w: %w", ErrName, err)
		}
	}
	if ascii == "." {
		return ascii, nil
	}
	ascii = strings.TrimSuffix(ascii, ".")
	if len(ascii) > 253 {
		return "", fmt.Errorf("%w: %d bytes long", ErrName, len(ascii))
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if len(label) < 1 || len(label) > 63 || strings.ContainsFunc(label, foreign) {
			return "", fmt.Errorf("%w: label %.70q", ErrName, label)
		}
	}
	return ascii + ".", nil
}

// isAbsolute says whether a name has that form already.
func isAbsolute(name string) bool {
	if len(name) < 2 || len(name) > 254 || name[len(name)-1] != '.' {
		return name == "."
	}
	label := 0
	for _, c := range []byte(name) {
		switch {
		case c == '.' && (label < 1 || label > 63), 'A' <= c && c <= 'Z', foreign(rune(c)):
			return false
		case c == '.':
			label = 0
		default:
			label++
		}
	}
	return true
}

// foreign says whether no name that we ask for has such a character. The DNS
// itself carries any byte, but these come from addresses that stand where a name
// belongs, from mistakes, and from people who try things.
func foreign(r rune) bool {
	switch r {
	case '"', '$', '(', ')', ':', ';', '@', '[', '\\', ']':
		return true
	}
	return r <= ' ' || r > '~'
}

// bare is the form in which a name is shown and compared. The apostrophe, which
// miekg/dns escapes, stands in names that SPF makes from o'brien@example.net.
func bare(name string) string {
	if name == "." {
		return name
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if strings.Contains(name, `\`) {
		return apostrophe.Replace(name)
	}
	return name
}

var apostrophe = strings.NewReplacer(`\\`, `\\`, `\'`, `'`) // the first keeps pairs together

// display is the bare form of a name from outside, which stays as it is where
// it cannot be asked for.
func display(name string) string {
	if asked, err := absolute(name); err == nil {
		return bare(asked)
	}
	return name
}

// ReverseLabels writes an address as block lists and reverse zones want it:
// "1.2.0.192" for 192.0.2.1, 32 nibbles for IPv6 (RFC 5782 sections 2.1 and
// 2.4). IPv4 dressed as IPv6 counts as IPv4; the zero Addr gives "".
func ReverseLabels(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	const hex = "0123456789abcdef"
	octets := ip.Unmap().AsSlice()
	var labels []string
	for i := len(octets) - 1; i >= 0; i-- {
		if o := octets[i]; len(octets) == 4 {
			labels = append(labels, fmt.Sprint(o))
		} else {
			labels = append(labels, hex[o&15:][:1], hex[o>>4:][:1])
		}
	}
	return strings.Join(labels, ".")
}

// ReverseName is where the PTR record of an address stands:
// "1.2.0.192.in-addr.arpa." (RFC 1035 section 3.5) or below "ip6.arpa."
// (RFC 3596 section 2.5). The zero Addr gives "".
func ReverseName(ip netip.Addr) string {
	switch {
	case !ip.IsValid():
		return ""
	case ip.Unmap().Is4():
		return ReverseLabels(ip) + ".in-addr.arpa."
	}
	return ReverseLabels(ip) + ".ip6.arpa."
}
