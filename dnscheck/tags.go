package dnscheck

import "strings"

// tagList reads a record like "v=DKIM1; k=rsa; p=..." (RFC 6376 section 3.2),
// a form that DMARC and MTA-STS share. Of a name that stands twice the first
// value counts; ok is false then, and where a part is not name=value.
func tagList(record string) (tags map[string]string, ok bool) {
	tags, ok = map[string]string{}, true
	for part := range strings.SplitSeq(record, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, pair := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if _, twice := tags[name]; twice || !pair || name == "" {
			ok = false
			continue
		}
		tags[name] = strings.TrimSpace(value)
	}
	return tags, ok
}

// declares says whether a record begins with the tag v of that value.
func declares(record, version string) bool {
	first, _, _ := strings.Cut(record, ";")
	name, value, _ := strings.Cut(first, "=")
	return strings.TrimSpace(name) == "v" && strings.TrimSpace(value) == version
}
