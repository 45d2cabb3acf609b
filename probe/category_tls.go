package probe

import (
	"net/netip"
	"strings"

	"diagnose/classify"
	"diagnose/smtpcheck"
)

// judgeTLS repeats STARTTLS as far as the reply names what failed. DANE asks
// for another test of a certificate than the one that was made.
func (v *view) judgeTLS() {
	at, exact := v.refusing()
	said := v.s.said()
	dane := strings.Contains(said, "dane") || strings.Contains(said, "tlsa")
	bare, bad, secret, good := sortTLS(at)
	whole := func(fs []Finding) bool { return exact && len(fs) > 0 && len(fs) == len(at) }
	switch {
	case len(withCode(at, "smtp.greets")) == 0:
		v.undecided()
	case v.c.Reason == classify.ReasonMustSTARTTLS:
		v.is(Consistent, withCode(at, "smtp.greets")...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && whole(bare):
		v.is(Confirmed, bare...)
	case v.c.Reason == classify.ReasonNoSTARTTLS && whole(secret):
		v.is(Cleared, secret...)
	case v.c.Reason == classify.ReasonCertificate && whole(bad) && !dane:
		v.is(Confirmed, bad...)
	case v.c.Reason == classify.ReasonCertificate && whole(good) && !dane:
		v.is(Cleared, good...)
	default:
		v.limit("test-not-named", nil)
		v.is(Consistent, withCode(at, "smtp.greets")...)
	}
}

// sortTLS sorts the sessions that greet by what STARTTLS led to: none offered,
// a certificate or a handshake that fails, a session that is encrypted at all,
// one whose certificate bears the host's name.
func sortTLS(at []Finding) (bare, bad, secret, good []Finding) {
	for _, f := range withCode(at, "smtp.greets") {
		t := f.Session.TLS
		if !t.Offered {
			bare = append(bare, f)
		}
		if t.Problem != "" && t.Problem != smtpcheck.ProblemNoRoots { // without authorities nothing can be judged
			bad = append(bad, f)
		}
		if t.Result == smtpcheck.Accepted {
			secret = append(secret, f)
		}
		if _, err := netip.ParseAddr(f.Args["host"]); err != nil && t.Result == smtpcheck.Accepted && t.Problem == "" {
			good = append(good, f)
		}
	}
	return bare, bad, secret, good
}
