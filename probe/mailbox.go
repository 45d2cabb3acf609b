package probe

import (
	"context"
	"crypto/rand"
	"net/netip"
	"slices"
	"strings"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/smtpcheck"
)

// mailbox takes the step that names the recipient's mailbox to one server. It
// must be one of the domain's own, since a bounce may name any host, and the
// one that refused: what another says would settle nothing. And it must have
// greeted us just now.
func (r *run) mailbox(ctx context.Context, s Step) []Finding {
	servers := slices.DeleteFunc(slices.Clone(r.of(StepSMTP)), func(f Finding) bool {
		return f.Code != "smtp.greets" || !isHost(s.At, f)
	})
	if len(servers) == 0 {
		return []Finding{r.skip(s, s.Rcpt, "skipped.no-server", nil)}
	}
	best := servers[0]
	return r.each(s, []target{{best.Args["host"], best.Session.Addr.Addr()}}, func(t target) Finding {
		return r.askMailbox(ctx, s.Rcpt, t)
	})
}

// isHost says whether a session was with a host: by its address, where that is
// known, or by its name. It may have been with any where neither is.
func isHost(h bounce.Host, f Finding) bool {
	switch {
	case h.IP.IsValid():
		return f.Session.Addr.Addr().Unmap() == h.IP.Unmap()
	case h.Name != "":
		return strings.EqualFold(strings.TrimSuffix(h.Name, "."), f.Args["host"])
	}
	return true
}

// askMailbox asks once for a mailbox, whatever number of bounces lead to it,
// and whichever server they name.
func (r *run) askMailbox(ctx context.Context, mailbox string, t target) Finding {
	addr := netip.AddrPortFrom(t.addr, r.port())
	name := strings.ToLower(mailbox)
	s := r.recalled(ctx, recollection(r.Runner, &r.mailboxes, name), mailboxMemory, "mailbox "+name, addr, func() (heard, bool) {
		if !r.pause(ctx) { // it has just had our look at it
			return neverBegan(ctx, addr), false
		}
		s := r.session(ctx, addr, t.name, r.policy.Mailbox, smtpcheck.Options{Rcpt: mailbox, RandomName: r.random()})
		return heard{Session: s, tries: 1}, s.Mail.Accepted() // the mailbox was named then
	})
	host := t.name
	if s.Addr != addr { // it was asked for elsewhere, earlier
		host = s.Addr.Addr().String()
	}
	f := r.located(findRcpt(s.Session, mailbox, host))
	if s.again {
		f.Args["remembered"] = stamp(s.Started)
	}
	if refusal := s.Refusal(); r.Name != nil && refusal.Code != 0 && s.Mail.Code != 0 {
		c := r.Name(refused(s.Session, refusal, mailbox, host))
		f.Named = &c
	}
	return f
}

// refused is a live refusal as a bounce would have told of it.
func refused(s smtpcheck.Session, r smtpcheck.Reply, mailbox, host string) bounce.Failure {
	const longest = 2 << 10 // as the reader of bounces has it
	text := strings.ToValidUTF8(replyText(r), "\uFFFD")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "")
	}
	return bounce.Failure{
		Recipient: mailbox, Action: bounce.ActionFailed, Stage: bounce.Stage(s.Phase),
		Reply:  bounce.Reply{Code: r.Code, Status: r.Status(), Text: text},
		Remote: bounce.Host{Name: host, IP: s.Addr.Addr()},
	}
}

// random is a name that no mailbox has.
func (r *Runner) random() string {
	if r.Random != nil {
		return r.Random()
	}
	return strings.ToLower(rand.Text())
}

// rcpt is what came of asking for the mailbox; false where it was not asked
// for. It may have been left out.
func (v *view) rcpt() (Finding, bool) {
	for _, f := range v.of(StepRcpt) {
		return f, true
	}
	return Finding{}, false
}

// judgeMailbox: whether a mailbox exists, is closed or full is only told by its
// own server, and only to those who name it.
func (v *view) judgeMailbox() {
	switch f, ok := v.rcpt(); {
	case !ok && v.s.Failure.Stage == bounce.StageLocal:
		v.invisible("refused-here")
	case !ok && v.s.TheirReport: // asking their front door would show nothing
		v.limitTheirs()
		v.hidden()
	case !ok:
		v.invisible("needs-rcpt")
	case v.unroutable():
		v.notDecisive(f)
	case f.Code == "rcpt.exists" && v.mayClear(f):
		v.is(Cleared, f)
	case v.replyAgain(f).Code >= 400 && v.mailboxRefused(f) && v.mayConfirm(f):
		v.is(Confirmed, f)
	default:
		v.notDecisive(f)
	}
}

// mailboxRefused says whether the mailbox was refused for the classified
// reason, and not everybody with it.
func (v *view) mailboxRefused(f Finding) bool {
	if !v.refusedAgain(f) {
		return false
	}
	switch s := f.Session; v.c.Category {
	case classify.UnknownRecipient:
		return f.Code == "rcpt.refused-alone"
	case classify.MailboxFull:
		return namesQuota(s.Rcpt, *f.Named) && !alike(s.Postmaster, s.Rcpt)
	}
	return f.Code == "rcpt.refused-alone" || f.Code == "rcpt.refused"
}

// namesQuota says whether a refusal is about a mailbox's quota (RFC 3463
// section 3.3, X.2.2). A bare 452 or 552 is also said of disks, of sizes and of
// too many recipients.
func namesQuota(r smtpcheck.Reply, c classify.Classification) bool {
	said := len(c.Evidence) > 0 && c.Evidence[0].From == classify.FromReply && c.Confidence != classify.Weak
	return said || strings.HasSuffix(r.Status(), ".2.2")
}

func alike(a, b smtpcheck.Reply) bool { return a.Code == b.Code && a.Status() == b.Status() }

// judgeAgain judges what was refused in MAIL or RCPT by the session that came
// as far: refused there again for the same reason, or passed now.
func (v *view) judgeAgain(f Finding) {
	switch again := v.replyAgain(f); {
	case again.Code >= 400 && v.refusedAgain(f) && v.mayConfirm(f):
		v.is(Confirmed, f)
	case again.Accepted() && !v.aboutSender() && v.mayClear(f):
		v.is(Cleared, f)
	default:
		v.notDecisive(f)
	}
}

// replyAgain is the reply at the stage that refused; none where the session
// did not come as far, or stopped short of it.
func (v *view) replyAgain(f Finding) smtpcheck.Reply {
	switch stage := v.s.stage(v.c); {
	case f.Session == nil:
	case stage == bounce.StageMail:
		return f.Session.Mail
	case stage == bounce.StageRcpt:
		return f.Session.Rcpt
	}
	return smtpcheck.Reply{}
}

// refusedAgain says whether the refusal means what the bounce's does.
func (v *view) refusedAgain(f Finding) bool {
	return f.Named != nil && f.Named.Category == v.c.Category && f.Named.Reason == v.c.Reason
}

// aboutSender says whether the refusal may have been about the sender or the
// HELO name, which many servers put off until RCPT: we come with a null sender
// and may greet with another name, so that our being let in shows nothing.
func (v *view) aboutSender() bool {
	about := v.s.stage(v.c) == bounce.StageMail && v.c.Category != classify.RemoteFault
	said := v.s.said()
	for _, word := range []string{"sender", "mail from", "helo", "ehlo"} {
		about = about || strings.Contains(said, word)
	}
	if about = about || mentions(said, v.s.SenderDomain); about {
		v.limit("null-sender", nil)
	}
	return about
}

// mayConfirm says whether the mailbox was asked for at the host that refused:
// the one that the bounce names or, where it names none, the domain's only one.
func (v *view) mayConfirm(f Finding) bool {
	r := v.s.Failure.Remote
	if f.Session == nil {
		return false
	}
	ok := isHost(r, f) && (r.IP.IsValid() || r.Name != "" || v.alone(f))
	if !ok {
		v.limit("not-all-seen", nil)
	}
	return ok
}

// mayClear asks for more: that it was refused at the very stage, and that no
// other address can have been the one that refused. What a later gate would
// take back is not said at all.
func (v *view) mayClear(f Finding) bool {
	if !v.mayConfirm(f) || v.replyAgain(f).Code == 0 {
		return false
	}
	switch {
	case !v.s.Failure.Remote.IP.IsValid() && !v.alone(f):
		v.limit("not-all-seen", nil)
	case v.theirReport():
		v.limitTheirs()
	case aboutUs(v.c.Category) && !v.lookedAtSender(f):
		v.limitVantage()
	case v.c.Category == classify.Rejected && !v.dialled():
	case v.beforehand(f):
	default:
		return true
	}
	return false
}

// alone says whether no other address of the domain's mail servers can have
// refused: there is none, or it belongs to another host than the named one.
func (v *view) alone(f Finding) bool {
	r := v.s.Failure.Remote
	return (r.Name != "" || v.allSeen()) && !slices.ContainsFunc(v.sessions, func(g Finding) bool {
		return g.Session == nil || g.Session.Addr.Addr() != f.Session.Addr.Addr() && isHost(r, g)
	})
}

// notDecisive ends the judgement of what the asking has shown, and what does
// not settle it: the finding's own words say why, or the stage does.
func (v *view) notDecisive(f Finding) {
	v.limit(f.Code, f.Args)
	if f.Session != nil && !inEnvelope(v.s.stage(v.c)) {
		v.limit("after-rcpt", nil)
	}
	switch {
	case f.Code == "rcpt.catch-all" || v.refusedAgain(f):
		v.hidden(f)
	case f.Named != nil:
		v.limit("refused-otherwise", map[string]string{"reply": f.Args["reply"]})
		v.hidden()
	default:
		v.hidden()
	}
}
