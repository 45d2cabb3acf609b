package smtpcheck

import (
	"errors"
	"strconv"
	"strings"
)

// extensions reads the keywords of an EHLO reply (RFC 5321 section 4.1.1.1).
// The first line is the server's name. "AUTH=LOGIN", as old clients wanted it,
// is AUTH with a parameter.
func extensions(r Reply) map[string]string {
	found := map[string]string{}
	for _, line := range r.Lines[1:] {
		keyword := line
		if end := strings.IndexFunc(line, notKeyword); end >= 0 {
			keyword = line[:end]
		}
		name := strings.ToUpper(keyword)
		if _, seen := found[name]; name != "" && !seen {
			found[name] = strings.Trim(line[len(keyword):], " \t=")
		}
	}
	return found
}

func notKeyword(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}

// size is the limit that SIZE announces (RFC 1870 section 4), and whether it
// announces any number. One beyond 63 bits, which some servers say for "no
// limit", becomes the largest int64.
func size(extensions map[string]string) (bytes int64, known bool) {
	number, _, _ := strings.Cut(extensions["SIZE"], " ")
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return int64(n), true
}

// limits reads the LIMITS keyword (RFC 9422 section 3). What is no number of
// one to six digits, or 0, announces nothing; of equal names the first counts.
func limits(extensions map[string]string) (l Limits) {
	known := map[string]*int{"MAILMAX": &l.MailMax, "RCPTMAX": &l.RcptMax, "RCPTDOMAINMAX": &l.RcptDomainMax}
	for _, pair := range strings.Fields(extensions["LIMITS"]) {
		name, value, _ := strings.Cut(pair, "=")
		limit := known[strings.ToUpper(name)]
		n, err := strconv.ParseUint(value, 10, 32)
		if limit != nil && *limit == 0 && err == nil && n <= 999_999 {
			*limit = int(n)
		}
	}
	return l
}
