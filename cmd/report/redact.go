package report

import (
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"diagnose/probe"
)

// A report is shown to strangers too: in a forum, to a vendor. Redact takes out
// of it who wrote to whom and where we are, and leaves what the diagnosis rests
// on:
//
//   - the part of every mail address before its @ keeps its first letter, l***@,
//     and so does that of the addresses concerned where it stands alone;
//   - the addresses that our mail leaves from become 192.0.2.1, 192.0.2.2 or
//     2001:db8::1 (RFC 5737, RFC 3849), and our hosts our-host-1.example
//     (RFC 2606), the same each time, also inside what is quoted;
//   - of the subject only its first letter stays.
//
// The domains of mail addresses stay, unless they are configured as ours: the
// diagnosis is about them. It works on the report and not on its text, so all
// forms of a report have it.
func Redact(v any, ours probe.Our) any {
	x := &redactor{addresses: map[netip.Addr]string{}, hosts: map[string]string{}, domains: ours.Domains}
	for _, a := range ours.Addresses {
		x.address(a.String())
	}
	x.host(ours.HELO)
	relay, _ := probe.HostPort(ours.Relayhost)
	x.address(relay)
	x.host(relay)
	if r, ok := v.(probe.Report); ok {
		x.learn(r)
	}
	return x.copy(reflect.ValueOf(v)).Interface()
}

// redactor knows what is ours in one report, and what stands in for it.
type redactor struct {
	addresses map[netip.Addr]string
	hosts     map[string]string // in lower case
	domains   []string          // configured
	names     []*regexp.Regexp  // local parts, where they stand alone
	theirs    string            // the recipient's registered domain
}

// learn finds what is ours in a report.
func (x *redactor) learn(r probe.Report) {
	f := r.Failure
	if f == nil {
		return
	}
	for _, a := range []string{f.Recipient, f.OriginalRecipient, f.Sender} {
		x.mailbox(a)
	}
	x.theirs = registered(domainOf(f.Recipient))
	x.address(f.SendingIP)
	x.host(f.ReportingHost)
	if host := domainOf(strings.Trim(f.Original.MessageID, "<>")); !strings.EqualFold(host, domainOf(f.Sender)) {
		x.host(host)
	}
	v := r.Verification
	if v == nil {
		return
	}
	x.address(v.Vantage.SendingIP)
	x.address(v.Vantage.OutboundIP)
	if resolver, err := netip.ParseAddrPort(v.Vantage.Resolver); err == nil && resolver.Addr().IsPrivate() {
		x.address(resolver.Addr().String())
	}
	for _, found := range v.Findings {
		x.address(found.Args["local"])
		x.host(found.Args["helo"])
		switch found.Check {
		case probe.CheckPTR, probe.CheckRBL, probe.CheckSPF: // of our sending address
			x.address(found.Target)
			for name := range strings.SplitSeq(found.Args["names"], ", ") {
				x.host(name)
			}
		}
		if found.Step == probe.StepSending {
			for ip := range strings.FieldsFuncSeq(found.Args["ips"], func(r rune) bool { return r == ' ' || r == ',' }) {
				x.address(ip)
			}
		}
	}
	for _, s := range slices.Concat(v.Limits, v.AlsoSeen) {
		x.address(s.Args["outbound"])
		x.address(s.Args["sending"])
		x.host(s.Args["relayhost"])
	}
	for _, a := range r.Advice {
		x.host(a.Args["helo"])
	}
}

// address takes one of ours; what is none is left alone.
func (x *redactor) address(text string) {
	ip, err := netip.ParseAddr(text)
	ip = ip.Unmap()
	if err != nil || x.addresses[ip] != "" {
		return
	}
	n := len(x.addresses) + 1
	if ip.Is4() {
		x.addresses[ip] = "192.0.2." + strconv.Itoa(min(n, 254))
	} else {
		x.addresses[ip] = "2001:db8::" + strconv.FormatInt(int64(n), 16)
	}
}

// host takes the name of one of ours; one of the recipient's side is theirs.
func (x *redactor) host(name string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !strings.Contains(name, ".") || x.hosts[name] != "" || x.theirs != "" && registered(name) == x.theirs {
		return
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return
	}
	x.hosts[name] = "our-host-" + strconv.Itoa(len(x.hosts)+1) + ".example"
}

// mailbox takes an address that the message went to or came from. A local part
// of one letter is its own mask.
func (x *redactor) mailbox(address string) {
	local, _, _ := cutAddress(address)
	local = strings.Trim(local, `"`)
	if utf8.RuneCountInString(local) > 1 && utf8.ValidString(local) {
		x.names = append(x.names, regexp.MustCompile(`(?i)`+regexp.QuoteMeta(local)))
	}
}

func cutAddress(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

func domainOf(address string) string {
	_, domain, _ := cutAddress(address)
	return domain
}

func registered(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if d, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return d
	}
	return host
}

// verbatim are fields and arguments that are no text but codes, numbers or
// times.
var verbatim = []string{
	"Step", "Code", "Slug", "Rule", "Tool", "Because", "Needs", "JudgedAt", "Bounced", "RetryUntil", "Date", "SendingBy", "Port25", "Zone",
	"meaning", "tls", "fault", "step", "by",
}

// copy is a value without what is to be hidden. Types of their own are codes.
// Fields that are not told at all are emptied: they hold the same facts.
func (x *redactor) copy(v reflect.Value) reflect.Value {
	text := reflect.TypeFor[string]()
	switch v.Kind() {
	case reflect.String:
		if v.Type() == text {
			return reflect.ValueOf(x.text(v.String()))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out := reflect.New(v.Type().Elem())
			out.Elem().Set(x.copy(v.Elem()))
			return out
		}
	case reflect.Slice:
		if !v.IsNil() {
			out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			for i := range v.Len() {
				out.Index(i).Set(x.copy(v.Index(i)))
			}
			return out
		}
	case reflect.Map:
		if v.Type().Elem() == text && !v.IsNil() {
			out := reflect.MakeMap(v.Type())
			for key, value := range v.Seq2() {
				if !slices.Contains(verbatim, key.String()) {
					value = x.copy(value)
				}
				out.SetMapIndex(key, value)
			}
			return out
		}
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		for i := range v.NumField() {
			switch field := v.Type().Field(i); {
			case !field.IsExported() || slices.Contains(verbatim, field.Name):
			case field.Tag.Get("json") == "-":
				out.Field(i).SetZero()
			case v.Type() == reflect.TypeFor[probe.Original]() && field.Name == "Subject":
				out.Field(i).SetString(masked(v.Field(i).String()))
			default:
				out.Field(i).Set(x.copy(v.Field(i)))
			}
		}
		return out
	}
	return v
}

var (
	// A local part may be quoted, and hold almost anything (RFC 6531 section
	// 3.3); in links the @ is escaped.
	mailAddress = regexp.MustCompile(`("(?:[^"\\]|\\.){1,256}"|[^\s<>()\[\],;:"'@/?&]+)(@|%40)`)
	hostName    = regexp.MustCompile(`[0-9A-Za-z_](?:[0-9A-Za-z_-]*[0-9A-Za-z_])?(?:\.[0-9A-Za-z_](?:[0-9A-Za-z_-]*[0-9A-Za-z_])?)+`)
	fourAddress = regexp.MustCompile(`[0-9]{1,3}(?:\.[0-9]{1,3}){3}`)
	sixAddress  = regexp.MustCompile(`(?i)[0-9a-f]{0,4}:[0-9a-f:.]+`)
)

// text is a text without what is to be hidden.
func (x *redactor) text(s string) string {
	for _, name := range x.names { // first: a strange one may hold what ends others
		s = replaceWords(s, name)
	}
	s = mailAddress.ReplaceAllStringFunc(s, func(a string) string {
		at := "@"
		if !strings.HasSuffix(a, at) {
			at = "%40"
		}
		return masked(strings.Trim(strings.TrimSuffix(a, at), `"`)) + at
	})
	s = sixAddress.ReplaceAllStringFunc(s, func(a string) string {
		ip, err := netip.ParseAddr(strings.TrimRight(a, ".:"))
		if err != nil || x.addresses[ip.Unmap()] == "" {
			return a
		}
		return x.addresses[ip.Unmap()] + a[len(strings.TrimRight(a, ".:")):]
	})
	for ip, placeholder := range x.addresses {
		if ip.Is6() {
			s = strings.ReplaceAll(s, nibbles(ip), nibbles(netip.MustParseAddr(placeholder)))
		}
	}
	s = hostName.ReplaceAllStringFunc(s, x.name)
	return fourAddress.ReplaceAllStringFunc(s, x.four)
}

// name is what stands for a host.
func (x *redactor) name(name string) string {
	low := strings.ToLower(name)
	if p := x.hosts[low]; p != "" {
		return p
	}
	for i, d := range x.domains {
		if d = strings.ToLower(strings.Trim(d, ".")); low == d {
			return "our-domain-" + strconv.Itoa(i+1) + ".example"
		} else if d != "" && strings.HasSuffix(low, "."+d) {
			x.hosts[low] = "our-host-" + strconv.Itoa(len(x.hosts)+1) + ".example"
			return x.hosts[low]
		}
	}
	return name
}

// four is what stands for an IPv4 address; in the DNS they stand backwards.
func (x *redactor) four(text string) string {
	for ip, placeholder := range x.addresses {
		switch {
		case text == ip.String():
			return placeholder
		case ip.Is4() && text == backwards(ip.String()):
			return backwards(placeholder)
		}
	}
	return text
}

func backwards(ip string) string {
	octets := strings.Split(ip, ".")
	slices.Reverse(octets)
	return strings.Join(octets, ".")
}

// nibbles is an IPv6 address backwards, as in ip6.arpa.
func nibbles(ip netip.Addr) string {
	digits := strings.Split(strings.ReplaceAll(ip.StringExpanded(), ":", ""), "")
	slices.Reverse(digits)
	return strings.Join(digits, ".")
}

// masked keeps the first letter.
func masked(s string) string {
	if s == "" {
		return ""
	}
	_, size := utf8.DecodeRuneInString(s)
	return s[:size] + "***"
}

// replaceWords masks a name where it stands alone and is no part of a longer
// word or name.
func replaceWords(s string, name *regexp.Regexp) string {
	var b strings.Builder
	rest := 0
	for _, at := range name.FindAllStringIndex(s, -1) {
		before, _ := utf8.DecodeLastRuneInString(s[:at[0]])
		after, size := utf8.DecodeRuneInString(s[at[1]:])
		next, _ := utf8.DecodeRuneInString(s[at[1]+size:])
		if inWord(before) || before == '.' || inWord(after) || after == '*' || after == '.' && inWord(next) {
			continue
		}
		b.WriteString(s[rest:at[0]])
		b.WriteString(masked(s[at[0]:at[1]]))
		rest = at[1]
	}
	return b.String() + s[rest:]
}

// inWord says whether a character is part of a word or a name. Chinese has no
// blanks between words, so a name beside its characters stands alone.
func inWord(r rune) bool {
	return r == '-' || r == '_' || unicode.IsDigit(r) || unicode.IsLetter(r) && !wide(r)
}
