package probe

import (
	"slices"
	"strings"

	"diagnose/classify/bounce"
)

// judgeFiltered: what a filter reads is only seen by sending a message.
func (v *view) judgeFiltered() {
	if !v.namedListHasUs() {
		v.invisible("needs-sending")
	}
}

// judgeCommand: only the recipient's address can be tested without sending,
// and it is no reason for what was refused before it was said, or once it had
// been taken. That it needs SMTPUTF8 is already said in MAIL FROM (RFC 6531
// section 3.4).
func (v *view) judgeCommand() {
	a, stage := v.s.Failure.Recipient, v.s.stage(v.c)
	switch fault := addressFault(a); {
	case a == "" || fault == "":
		v.invisible("needs-sending")
	case fault == "utf8" && (stage == bounce.StageMail || v.addressRefused(stage)):
		v.judgeUTF8(a)
	case fault != "utf8" && v.addressRefused(stage):
		v.limit("address-malformed", map[string]string{"address": a, "fault": fault})
		v.is(Confirmed)
	default:
		v.invisible("needs-sending")
	}
}

// addressRefused says whether it was the recipient's address that was refused:
// in RCPT, by our own server, or by what the reply says of it (RFC 3463 section
// 3.2, X.1; RFC 6531 section 3.4, X.6.7) where it tells no stage.
func (v *view) addressRefused(stage bounce.Stage) bool {
	status := v.s.Failure.Reply.Status
	return stage == bounce.StageRcpt || stage == bounce.StageLocal ||
		stage == "" && (strings.HasPrefix(status, "5.1.") || status == "5.6.7")
}

func (v *view) judgeUTF8(address string) {
	at, exact := v.refusing()
	f, ok := v.rcpt()
	switch {
	case ok && f.Code == "rcpt.unsupported" && v.mayConfirm(f):
		v.limit("address-needs-smtputf8", map[string]string{"address": address, "host": f.Args["host"]})
		v.is(Confirmed, f)
	case ok && v.replyAgain(f).Code >= 400 && v.refusedAgain(f) && v.mayConfirm(f):
		v.is(Confirmed, f)
	case exact && len(at) > 0 && !slices.ContainsFunc(at, func(f Finding) bool { return !lacksUTF8(f) }):
		v.limit("address-needs-smtputf8", map[string]string{"address": address, "host": at[0].Args["host"]})
		v.is(Confirmed, at...)
	default:
		v.invisible("needs-sending")
	}
}

func lacksUTF8(f Finding) bool {
	if f.Code != "smtp.greets" {
		return false
	}
	_, offered := f.Session.Extensions["SMTPUTF8"]
	return !offered
}

// judgeSize compares the announced SIZE (RFC 1870) with the message. A larger
// one explains nothing: mailboxes often have smaller limits of their own.
func (v *view) judgeSize() {
	size := v.s.Original.Size
	if size == 0 {
		v.invisible("size-unknown")
		return
	}
	v.also = append(v.also, Seen{"size", map[string]string{"size": itoa(size)}})
	at, exact := v.refusing()
	small := slices.DeleteFunc(withCode(at, "smtp.greets"), func(f Finding) bool { return f.Session.Size == 0 || size <= f.Session.Size })
	switch {
	case exact && len(small) > 0 && len(small) == len(at):
		v.is(Confirmed, small...)
	case !slices.ContainsFunc(at, func(f Finding) bool { return f.Session != nil && f.Session.Size > 0 }):
		v.invisible("no-size-heard")
	default:
		v.see(small...)
		v.invisible("announced-size-does-not-explain")
	}
}

// judgeRecipients: RFC 9422 lets a server announce its limit; no look proves
// more.
func (v *view) judgeRecipients() {
	for _, f := range v.greeting() {
		if max, ok := recipientLimit(f.Session.Extensions); ok && v.s.Original.Recipients > max {
			v.limit("recipients", map[string]string{"recipients": itoa(int64(v.s.Original.Recipients)), "limit": itoa(int64(max))})
			v.is(Consistent, f)
			return
		}
	}
	v.invisible("needs-sending")
}
