package probe

import (
	"strings"
	"testing"

	"diagnose/classify"
	"diagnose/smtpcheck"
)

// What a remote server says of our address must not find its way into a record
// that the admin is told to publish.
func TestAStrangersWordForOurAddressIsNotToBePublished(t *testing.T) {
	const theirs = "203.0.113.66"
	s := subject(machine)
	c := classify.Classification{Category: classify.AuthFailed, Reason: classify.ReasonSPF}
	lying := look(StepSMTP, mx1, from("10.0.0.5"), seenBy(theirs))
	v := Judge(c, s, []Finding{ok1, lying, left(StepSPF, CheckSPF, "skipped.private")})
	_, advice := Advise(c, s, &v)
	for _, a := range advice {
		for key, value := range a.Args {
			if key != "outbound" && strings.Contains(value, theirs) {
				t.Errorf("%s: %s = %s", a.Code, key, value)
			}
		}
	}
	if strings.Contains(v.Vantage.SendingIP, theirs) {
		t.Errorf("sent from %s", v.Vantage.SendingIP)
	}
}

func TestAnAddressThatCarriersShareIsNoSighting(t *testing.T) {
	if a := sighting(look(StepSMTP, mx1, seenBy("100.64.1.2"))); a.IsValid() {
		t.Errorf("seen as %s", a)
	}
	if a := sighting(look(StepSMTP, mx1, func(s *smtpcheck.Session) {})); a.IsValid() {
		t.Errorf("seen as %s", a)
	}
}
