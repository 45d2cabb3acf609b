package probe

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"
)

// What a server says when it is asked for a mailbox.
const (
	taken       = "250 2.1.5 Ok"
	unknownUser = "550 5.1.1 <a@example.net>: Recipient address rejected: User unknown"
	overQuota   = "452 4.2.2 The mailbox is over quota"
	suspended   = "550 5.2.1 The mailbox is disabled"
	notYou      = "554 5.7.1 Access denied by policy"
	greylisting = "450 4.2.0 <a@example.net>: Recipient address rejected: Greylisted"
	brokenDisk  = "451 4.3.5 Server configuration error"
)

func replyOf(text string) (r smtpcheck.Reply) {
	if text != "" {
		for _, c := range text[:3] {
			r.Code = r.Code*10 + int(c-'0')
		}
		r.Lines = []string{text[4:]}
	}
	return r
}

// ask is the session at ip that asked for the mailbox: the replies to RCPT with
// it, and with the one beside it. A refusal is named by the real classifier.
func ask(ip, rcpt, beside string, edits ...func(*smtpcheck.Session)) Finding {
	greets := look(StepSMTP, ip)
	s := *greets.Session
	s.Mail, s.Rcpt, s.Phase = replyOf(taken), replyOf(rcpt), smtpcheck.PhaseRcpt
	if s.Rcpt.Accepted() {
		s.Phase, s.Random = smtpcheck.PhaseDone, replyOf(beside)
	} else {
		s.Result, s.Postmaster = smtpcheck.Rejected, replyOf(beside)
	}
	for _, e := range edits {
		e(&s)
	}
	f := at(StepRcpt, CheckSMTP, findRcpt(s, "a@example.net", greets.Args["host"]))
	if r := s.Refusal(); r.Code != 0 {
		c := shipped.Classify(refused(s, r, "a@example.net", greets.Args["host"]))
		f.Named = &c
	}
	return f
}

func atMail(reply string) func(*smtpcheck.Session) {
	return func(s *smtpcheck.Session) {
		s.Phase, s.Mail, s.Rcpt = smtpcheck.PhaseMail, replyOf(reply), smtpcheck.Reply{}
	}
}

func withoutUTF8(s *smtpcheck.Session) {
	s.Phase, s.Result, s.Extensions, s.Mail, s.Rcpt = smtpcheck.PhaseMail, smtpcheck.Unsupported, nil, smtpcheck.Reply{}, smtpcheck.Reply{}
}

// The rows of the table that --rcpt adds to.
func mailboxJudgements() []judgement {
	at1 := []func(*Subject){remote("mx1.example.net", mx1)}
	and := func(more ...func(*Subject)) []func(*Subject) { return append(at1, more...) }
	seen := func(rcpt Finding) []Finding { return []Finding{ok1, look(StepSMTP, mx1), rcpt} }
	pool := func(rcpt Finding) []Finding { return []Finding{ok2, look(StepSMTP, mx1), look(StepSMTP, mx2), rcpt} }
	laptop := from("198.51.100.200")
	const unknownTo, disabled, full = classify.UnknownRecipient, classify.MailboxDisabled, classify.MailboxFull
	return []judgement{
		// 1
		{name: "asked: refused alone", category: unknownTo, subject: at1, findings: seen(ask(mx1, unknownUser, taken)), want: Confirmed, because: "rcpt.refused-alone"},
		{name: "asked: refused alone from a laptop holds", category: unknownTo, subject: at1, findings: seen(ask(mx1, unknownUser, taken, laptop)), want: Confirmed},
		{name: "asked: everybody refused", category: unknownTo, subject: at1, findings: seen(ask(mx1, unknownUser, "550 5.1.1 no")), want: Consistent, because: "rcpt.all-refused", limits: "rcpt.all-refused"},
		{name: "asked: refused, the postmaster unanswered", category: unknownTo, subject: at1, findings: seen(ask(mx1, unknownUser, "")), want: Consistent, limits: "rcpt.refused"},
		{name: "asked: refused for another reason", category: unknownTo, subject: at1, findings: seen(ask(mx1, notYou, taken)), want: Consistent, because: "smtp.greets", limits: "rcpt.refused-alone refused-otherwise"},
		{name: "asked: exists now", category: unknownTo, subject: at1, findings: seen(ask(mx1, taken, unknownUser)), want: Cleared, because: "rcpt.exists"},
		{name: "asked: exists now, at the only host of an unnamed one", category: unknownTo, findings: seen(ask(mx1, taken, unknownUser)), want: Cleared},
		{name: "asked: catch-all", category: unknownTo, subject: at1, findings: seen(ask(mx1, taken, taken)), want: Consistent, because: "rcpt.catch-all", limits: "rcpt.catch-all"},
		{name: "asked: accepted, and no more known", category: unknownTo, subject: at1, findings: seen(ask(mx1, taken, "")), want: Consistent, because: "smtp.greets", limits: "rcpt.accepted"},
		{name: "asked: accepted, a stranger put off", category: unknownTo, subject: at1, findings: seen(ask(mx1, taken, "450 4.1.1 later")), want: Consistent, limits: "rcpt.accepted"},
		{name: "asked: greylisted", category: unknownTo, subject: at1, findings: seen(ask(mx1, greylisting, "")), want: Consistent, because: "smtp.greets", limits: "rcpt.greylisted"},
		{name: "asked: no reply", category: unknownTo, subject: at1, findings: seen(ask(mx1, "", "")), want: Consistent, because: "smtp.greets", limits: "rcpt.undecided"},
		{name: "asked: nobody to ask", category: unknownTo, subject: at1, findings: seen(left(StepRcpt, CheckSMTP, "skipped.no-server")), want: Consistent, limits: "skipped.no-server"},
		{name: "asked: the name needs what is not offered", category: unknownTo, subject: at1, findings: seen(ask(mx1, "", "", withoutUTF8)), want: Consistent, limits: "rcpt.unsupported"},
		{name: "asked: refused alone, but the bounce tells of no stage", category: unknownTo, subject: and(stage("")), findings: seen(ask(mx1, unknownUser, taken)), want: Consistent, limits: "after-rcpt"},
		{name: "asked: exists, but it was refused after DATA", category: unknownTo, subject: and(stage(bounce.StageEndOfData)), findings: seen(ask(mx1, taken, unknownUser)), want: Consistent, limits: "after-rcpt"},
		{name: "asked: another host of the pool refuses alone", category: unknownTo, subject: []func(*Subject){remote("", mx2)}, findings: pool(ask(mx1, unknownUser, taken)), want: Consistent, limits: "not-all-seen"},
		{name: "asked: another host of the pool takes it", category: unknownTo, subject: []func(*Subject){remote("", mx2)}, findings: pool(ask(mx1, taken, unknownUser)), want: Consistent, limits: "not-all-seen"},
		{name: "asked: one of several takes it, and none was named", category: unknownTo, findings: pool(ask(mx1, taken, unknownUser)), want: Consistent, limits: "not-all-seen"},
		{name: "asked: another host than the named one takes it", category: unknownTo, subject: []func(*Subject){remote("mx2.example.net", "")}, findings: pool(ask(mx1, taken, unknownUser)), want: Consistent, limits: "not-all-seen"},
		{name: "asked: a pool behind the name, one of it takes the mailbox", category: unknownTo, subject: []func(*Subject){remote("mx1.example.net", "")}, findings: []Finding{ok46, look(StepSMTP, mx1), look(StepSMTP, mx6), ask(mx1, taken, unknownUser)}, want: Consistent, limits: "not-all-seen"},
		{name: "asked: a pool behind the name, one of it refuses the mailbox", category: unknownTo, subject: []func(*Subject){remote("mx1.example.net", "")}, findings: []Finding{ok46, look(StepSMTP, mx1), look(StepSMTP, mx6), ask(mx1, unknownUser, taken)}, want: Confirmed},
		{name: "asked: a domain that takes no mail any more", category: unknownTo, subject: at1, findings: []Finding{noDom, ask(mx1, taken, unknownUser)}, want: Contradicted, as: classify.DNSFailure},
		{name: "asked: exists, says the front door of their gateway", category: unknownTo, subject: and(theirs), findings: seen(ask(mx1, taken, unknownUser)), want: Consistent, limits: "their-report"},
		{name: "asked: refused by the front door of their gateway", category: unknownTo, subject: and(theirs), findings: seen(ask(mx1, unknownUser, taken)), want: Consistent, limits: "their-report"},
		{name: "asked: an old bounce clears and is confirmed all the same", category: unknownTo, subject: and(old), findings: seen(ask(mx1, taken, unknownUser)), want: Cleared},

		// 2, 3
		{name: "asked: disabled", category: disabled, subject: at1, findings: seen(ask(mx1, suspended, taken)), want: Confirmed},
		{name: "asked: unknown by now", category: disabled, subject: at1, findings: seen(ask(mx1, unknownUser, taken)), want: Consistent, limits: "refused-otherwise"},
		{name: "asked: full", category: full, subject: at1, findings: seen(ask(mx1, overQuota, taken)), want: Confirmed, because: "rcpt.undecided"},
		{name: "asked: full for good", category: full, subject: at1, findings: seen(ask(mx1, "552 5.2.2 mailbox full", taken)), want: Confirmed, because: "rcpt.refused-alone"},
		{name: "asked: a bare 452", category: full, subject: at1, findings: seen(ask(mx1, "452 try later", taken)), want: Consistent},
		{name: "asked: a bare 552", category: full, subject: at1, findings: seen(ask(mx1, "552 denied", taken)), want: Consistent},
		{name: "asked: everybody is full", category: full, subject: at1, findings: seen(ask(mx1, overQuota, overQuota)), want: Consistent},
		{name: "asked: room again", category: full, subject: at1, findings: seen(ask(mx1, taken, unknownUser)), want: Cleared},

		// 6
		{name: "asked: SMTPUTF8 is not offered", category: classify.BadCommand, subject: []func(*Subject){remote("mx1.example.net", mx1), recipient("用戶@example.net")}, findings: seen(ask(mx1, "", "", withoutUTF8)), want: Confirmed, because: "rcpt.unsupported", limits: "address-needs-smtputf8"},
		{name: "asked: the address is refused again", category: classify.BadCommand, reason: classify.ReasonSMTPUTF8, subject: []func(*Subject){remote("mx1.example.net", mx1), recipient("用戶@example.net")}, findings: seen(ask(mx1, "553 5.6.7 Must use SMTPUTF8", taken)), want: Confirmed, because: "rcpt.refused-alone"},
		{name: "asked: SMTPUTF8 is lacking elsewhere", category: classify.BadCommand, subject: []func(*Subject){remote("", mx2), recipient("用戶@example.net")}, findings: pool(ask(mx1, "", "", withoutUTF8)), want: Consistent},

		// 8
		{name: "asked: the same refusal", category: classify.Rejected, subject: at1, findings: seen(ask(mx1, notYou, notYou)), want: Confirmed, because: "rcpt.all-refused"},
		{name: "asked: the same refusal of a laptop", category: classify.Rejected, subject: at1, findings: seen(ask(mx1, notYou, notYou, laptop)), want: Consistent, limits: "vantage"},
		{name: "asked: another refusal", category: classify.Rejected, subject: at1, findings: seen(ask(mx1, unknownUser, taken)), want: Consistent, limits: "refused-otherwise"},
		{name: "asked: another refusal of the same kind", category: classify.Rejected, reason: classify.ReasonRelay, subject: at1, findings: seen(ask(mx1, notYou, notYou)), want: Consistent, limits: "refused-otherwise"},
		{name: "asked: let in now", category: classify.Rejected, subject: at1, findings: seen(ask(mx1, taken, taken)), want: Cleared, because: "rcpt.catch-all"},
		{name: "asked: a laptop is let in", category: classify.Rejected, subject: at1, findings: seen(ask(mx1, taken, unknownUser, laptop)), want: Consistent, limits: "vantage"},
		{name: "asked: the other family is let in, which the sessions do not excuse", category: classify.Rejected, subject: []func(*Subject){remote("mx1.example.net", mx6)}, findings: []Finding{ok46, look(StepSMTP, mx1), look(StepSMTP, mx6), ask(mx6, taken, unknownUser)}, want: Consistent, limits: "vantage"},
		{name: "asked: a null sender is let in", category: classify.Rejected, subject: and(reply("550 5.7.1 <us@example.org>: Sender address rejected: Access denied")), findings: seen(ask(mx1, taken, unknownUser)), want: Consistent, limits: "null-sender"},
		{name: "asked: MAIL passes with a null sender", category: classify.Rejected, subject: and(stage(bounce.StageMail)), findings: seen(ask(mx1, taken, unknownUser)), want: Consistent, limits: "null-sender"},
		{name: "asked: MAIL is refused again", category: classify.Rejected, subject: and(stage(bounce.StageMail)), findings: seen(ask(mx1, "", "", atMail(notYou))), want: Confirmed, because: "rcpt.undecided"},
		{name: "asked: refused in MAIL, which is not as far as it was", category: classify.Rejected, subject: at1, findings: seen(ask(mx1, "", "", atMail(notYou))), want: Consistent},
		{name: "asked: let in by a host that is none of theirs, and maybe never was dialled", category: classify.Rejected, subject: []func(*Subject){remote("old.example.net", mx2), pasted}, findings: []Finding{ok1, look(StepSMTP, mx1), look(StepRefuser, mx2), ask(mx2, taken, unknownUser)}, want: Consistent},
		{name: "asked: refused in the greeting, of which RCPT says nothing", category: classify.Rejected, subject: and(stage(bounce.StageGreeting)), findings: seen(ask(mx1, notYou, notYou)), want: Cleared, because: "smtp.greets"},

		// 13
		{name: "asked: it greylists", category: classify.RateLimited, reason: classify.ReasonGreylist, subject: at1, findings: seen(ask(mx1, greylisting, "")), want: Confirmed, because: "rcpt.greylisted"},
		{name: "asked: it greylists a laptop", category: classify.RateLimited, reason: classify.ReasonGreylist, subject: at1, findings: seen(ask(mx1, greylisting, "", laptop)), want: Consistent, limits: "vantage"},
		{name: "asked: it greylists, but the bounce was about the rate", category: classify.RateLimited, subject: at1, findings: seen(ask(mx1, greylisting, "")), want: Consistent},
		{name: "asked: another visitor is let in", category: classify.RateLimited, reason: classify.ReasonGreylist, subject: at1, findings: seen(ask(mx1, taken, unknownUser)), want: Consistent, limits: "wait"},

		// 16
		{name: "asked: the same fault", category: classify.RemoteFault, subject: at1, findings: seen(ask(mx1, brokenDisk, brokenDisk)), want: Confirmed, because: "rcpt.undecided"},
		{name: "asked: the fault is gone", category: classify.RemoteFault, subject: at1, findings: seen(ask(mx1, taken, taken)), want: Cleared},
		{name: "asked: the fault in MAIL is gone", category: classify.RemoteFault, subject: and(stage(bounce.StageMail)), findings: seen(ask(mx1, unknownUser, taken)), want: Cleared},
		{name: "asked: a fault of one of a pool", category: classify.RemoteFault, findings: pool(ask(mx1, brokenDisk, brokenDisk)), want: Consistent, limits: "not-all-seen"},
	}
}

func TestAMailboxIsPlannedOnlyWhereTheAnswerBears(t *testing.T) {
	for _, x := range []struct {
		name    string
		c       classify.Classification
		subject []func(*Subject)
		want    bool
	}{
		{"unknown recipient", classify.Classification{Category: 1}, nil, true},
		{"disabled", classify.Classification{Category: 2}, nil, true},
		{"full, at an unknown stage", classify.Classification{Category: 3}, []func(*Subject){stage("")}, true},
		{"a filter", classify.Classification{Category: 4}, nil, false},
		{"rejected at RCPT", classify.Classification{Category: 8}, nil, true},
		{"rejected in the greeting", classify.Classification{Category: 8}, []func(*Subject){stage(bounce.StageGreeting)}, false},
		{"rejected at an unknown stage", classify.Classification{Category: 8}, []func(*Subject){stage("")}, false},
		{"greylisted", classify.Classification{Category: 13}, nil, true},
		{"a fault in MAIL", classify.Classification{Category: 16}, []func(*Subject){stage(bounce.StageMail)}, true},
		{"a loop", classify.Classification{Category: 16, Reason: classify.ReasonLoop}, nil, false},
		{"an ASCII address", classify.Classification{Category: 6}, nil, false},
		{"an address beyond ASCII", classify.Classification{Category: 6}, []func(*Subject){recipient("用戶@example.net")}, true},
		{"backscatter", classify.Classification{Category: 1}, []func(*Subject){func(s *Subject) { s.Backscatter = true }}, false},
		{"their gateway's bounce", classify.Classification{Category: 1}, []func(*Subject){theirs}, false},
		{"refused by our own server", classify.Classification{Category: 1}, []func(*Subject){stage(bounce.StageLocal)}, false},
		{"no recipient", classify.Classification{Category: 1}, []func(*Subject){recipient("")}, false},
	} {
		if got := len(PlanRcpt(x.c, subject(x.subject...))) == 1; got != x.want {
			t.Errorf("%s: %v", x.name, got)
		}
	}
}

func TestAskingIsNotAdvisedWhereItWouldShowNothing(t *testing.T) {
	for _, edit := range []func(*Subject){theirs, stage(bounce.StageLocal)} {
		v := Judge(classify.Classification{Category: classify.UnknownRecipient}, subject(edit), []Finding{ok1, look(StepSMTP, mx1)})
		if len(v.Limits) != 1 || v.Limits[0].Code == "needs-rcpt" {
			t.Errorf("%+v", v.Limits)
		}
	}
}

// postOffice is a server that counts who is asked for.
type postOffice struct {
	replies map[string]string
	mu      sync.Mutex
	asked   []string
}

func (p *postOffice) dialer(t *testing.T) smtptest.Dialer {
	return smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{Rcpt: func(mailbox string) string {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, strings.TrimSuffix(mailbox, "@example.net"))
		if r, ok := p.replies[mailbox]; ok {
			return r
		}
		return "550 5.1.1 User unknown"
	}}))
}

func (p *postOffice) runner(t *testing.T) (*Runner, *net4) {
	r, network, _ := testRunner(t, map[string]smtptest.Dialer{"203.0.113.25:25": p.dialer(t)})
	r.Name = shipped.Classify
	r.Random = func() string { return "qx7" }
	return r, network
}

func TestAMailboxIsAskedForAndJudged(t *testing.T) {
	for _, x := range []struct {
		name    string
		replies map[string]string
		asked   string
		want    Verdict
	}{
		{"unknown", map[string]string{"postmaster@example.net": taken}, "a postmaster", Confirmed},
		{"created", map[string]string{"a@example.net": taken}, "a qx7", Cleared},
		{"catch-all", map[string]string{"a@example.net": taken, "qx7@example.net": taken}, "a qx7", Consistent},
		{"greylisting is not pressed", map[string]string{"a@example.net": greylisting}, "a", Consistent},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &postOffice{replies: x.replies}
				r, network := p.runner(t)
				s := subject(remote("mx1.example.net", mx1))
				c := classify.Classification{Category: classify.UnknownRecipient}
				began := time.Now()
				v := Judge(c, s, run1(t, r, append(Plan(c, s), PlanRcpt(c, s)...)))
				if v.Verdict != x.want || strings.Join(p.asked, " ") != x.asked {
					t.Errorf("%s, asked for %v: %s", v.Verdict, p.asked, summary(v.Findings))
				}
				if took := time.Since(began); len(network.dialed) != 2 || took < time.Second {
					t.Errorf("dialled %v in %s", network.dialed, took)
				}
			})
		})
	}
}

func TestAMailboxIsAskedForOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &postOffice{}
		r, _ := p.runner(t)
		c := classify.Classification{Category: classify.UnknownRecipient}
		ask := func(to string) string {
			s := subject(recipient(to))
			return summary(run1(t, r, append(Plan(c, s), PlanRcpt(c, s)...)))
		}
		const want = "mx:mx.ok smtp:smtp.greets rcpt:rcpt.all-refused"
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if got := ask("a@example.net"); got != want {
					t.Error(got)
				}
			})
		}
		both.Wait()
		if got := ask("A@Example.NET"); got != want || len(p.asked) != 2 {
			t.Errorf("%s, asked for %v", got, p.asked)
		}
		time.Sleep(25 * time.Hour)
		if ask("a@example.net"); len(p.asked) != 4 {
			t.Errorf("a day later: %v", p.asked)
		}
	})
}

func TestOnlyTheRefusingServerOfTheDomainIsAsked(t *testing.T) {
	for _, x := range []struct {
		name string
		edit func(*Subject)
		want string
	}{
		{"by address", remote("", mx1), "rcpt.all-refused"},
		{"by name", remote("MX1.example.net.", ""), "rcpt.all-refused"},
		{"unnamed", remote("", ""), "rcpt.all-refused"},
		{"one that is none of the domain's", remote("mail.example.org", "198.51.100.77"), "skipped.no-server"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &postOffice{}
				r, network := p.runner(t)
				network.hosts["198.51.100.77:25"] = healthyHost(t)
				s := subject(x.edit)
				c := classify.Classification{Category: classify.Rejected}
				fs := run1(t, r, append(Plan(c, s), PlanRcpt(c, s)...))
				if f := fs[len(fs)-1]; f.Code != x.want || f.Step != StepRcpt {
					t.Errorf("%s: %s", f.Code, summary(fs))
				}
			})
		})
	}
}

// inTurn leads each connection to the next of the hosts.
func inTurn(hosts ...smtptest.Dialer) smtptest.Dialer {
	var next atomic.Int64
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return hosts[int(next.Add(1)-1)%len(hosts)](ctx, network, address)
	}
}

func TestASlowServerIsGivenTimeForAMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &postOffice{}
		r, network := p.runner(t)
		quick := network.hosts["203.0.113.25:25"]
		slow := smtptest.Pipe(t, smtptest.Sleep(29*time.Second), smtptest.Send("220 mx1.example.net\r\n"), smtptest.Expect("EHLO"), smtptest.Sleep(14*time.Second),
			smtptest.Send("250 mx1.example.net\r\n"), smtptest.Expect("MAIL"), smtptest.Send("250 ok\r\n"), smtptest.Expect("RCPT"), smtptest.Send("550 5.1.1 no\r\n"),
			smtptest.Expect("RCPT"), smtptest.Send("250 ok\r\n"), smtptest.Expect("RSET"), smtptest.Send("250 ok\r\n"), smtptest.Expect("QUIT"), smtptest.Send("221 bye\r\n"))
		network.hosts["203.0.113.25:25"] = inTurn(quick, slow)
		c, s := classify.Classification{Category: classify.UnknownRecipient}, subject()
		if got := summary(run1(t, r, append(Plan(c, s), PlanRcpt(c, s)...))); !strings.HasSuffix(got, "rcpt:rcpt.refused-alone") {
			t.Error(got)
		}
	})
}

func TestARandomNameCannotBeGuessed(t *testing.T) {
	r := new(Runner)
	if a, b := r.random(), r.random(); a == b || len(a) < 20 || len(a) > 64 || strings.Trim(a, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("%q, %q", a, b)
	}
}

func TestOnlyTheFirstFailureIsAskedForAndOnlyWithConsent(t *testing.T) {
	for _, consent := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := &postOffice{}
			r, _ := p.runner(t)
			d := diagnoser(r)
			d.Rcpt = consent
			rep := sample()
			f := rep.Failures[0]
			f.Stage, f.Text, f.Reply = bounce.StageRcpt, "", bounce.Reply{Code: 550, Status: "5.1.1", Text: unknownUser}
			g := f
			g.Recipient = "b@example.net"
			rep.Failures = []bounce.Failure{f, g}
			var limits []string
			if _, err := d.Reports(t.Context(), "in.eml", 1, rep, func(rep Report) error {
				limits = append(limits, rep.Verification.Limits[0].Code)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			want, wantLimits := "", "needs-rcpt needs-rcpt"
			if consent {
				want, wantLimits = "a postmaster", "rcpt.all-refused needs-rcpt"
			}
			if got := strings.Join(p.asked, " "); got != want || strings.Join(limits, " ") != wantLimits {
				t.Errorf("consent %v: asked for %q, limits %v", consent, got, limits)
			}
		})
	}
}
