package smtpcheck_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "diagnose/smtpcheck"
	"diagnose/smtpcheck/smtptest"

	"github.com/google/go-cmp/cmp"
)

var curious = Options{HELO: "mail.example.org", Rcpt: "user@example.net", RandomName: "qx7-nobody"}

const (
	yes = "250 2.1.5 Ok"
	no  = "550 5.1.1 no such user"
)

// postOffice gives each mailbox its reply; any other mailbox fails the test.
func postOffice(t *testing.T, replies map[string]string) smtptest.Dialer {
	return smtptest.Pipe(t, smtptest.Postfix(smtptest.Options{Rcpt: func(mailbox string) string {
		r, ok := replies[mailbox]
		if !ok {
			t.Errorf("asked for %q", mailbox)
		}
		return r
	}}))
}

func TestAMailboxIsAskedForAndNoMessageSent(t *testing.T) {
	hello := []string{"S: 220 mx.example.net ESMTP", "C: EHLO mail.example.org", "S: 250 mx.example.net", "C: MAIL FROM:<>"}
	begin := []smtptest.Step{send("220 mx.example.net ESMTP\r\n"), expect("EHLO"), send("250 mx.example.net\r\n"), expect("MAIL FROM:<>")}
	bye := []string{"C: RSET", "S: 250 reset", "C: QUIT", "S: 221 bye"}
	end := []smtptest.Step{expect("RSET"), send("250 reset\r\n"), expect("QUIT"), send("221 bye\r\n")}
	tests := []struct {
		name   string
		said   []string // after MAIL FROM
		phase  Phase
		result Result
		want   MailboxVerdict
	}{
		{"it exists", []string{"S: 250 ok", "C: RCPT TO:<user@example.net>", "S: 250 ok", "C: RCPT TO:<qx7-nobody@example.net>", "S: 550 5.1.1 unknown"},
			PhaseDone, Accepted, MailboxExists},
		{"everybody exists", []string{"S: 250 ok", "C: RCPT TO:<user@example.net>", "S: 250 ok", "C: RCPT TO:<qx7-nobody@example.net>", "S: 250 ok"},
			PhaseDone, Accepted, MailboxCatchAll},
		{"it does not exist", []string{"S: 250 ok", "C: RCPT TO:<user@example.net>", "S: 550 5.1.1 unknown", "C: RCPT TO:<postmaster@example.net>", "S: 250 ok"},
			PhaseRcpt, Rejected, MailboxAlone},
		{"nobody is let in", []string{"S: 250 ok", "C: RCPT TO:<user@example.net>", "S: 554 5.7.1 go away", "C: RCPT TO:<postmaster@example.net>", "S: 554 5.7.1 go away"},
			PhaseRcpt, Rejected, MailboxAllRefused},
		{"greylisting is left in peace", []string{"S: 250 ok", "C: RCPT TO:<user@example.net>", "S: 450 4.2.0 Greylisted"},
			PhaseRcpt, Rejected, MailboxGreylisted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			script := slices.Clone(begin)
			for _, line := range tt.said {
				if said, ok := strings.CutPrefix(line, "S: "); ok {
					script = append(script, send(said+"\r\n"))
				} else {
					script = append(script, expect(strings.TrimPrefix(line, "C: ")))
				}
			}
			s := Check(t.Context(), &net.Dialer{}, smtptest.Serve(t, append(script, end...)...), curious)
			if diff := cmp.Diff(slices.Concat(hello, tt.said, bye), s.Transcript); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if s.Phase != tt.phase || s.Result != tt.result || s.Mailbox() != tt.want {
				t.Errorf("%s, %s, %s", s.Phase, s.Result, s.Mailbox())
			}
			if (s.Refusal().Code != 0) != (tt.result == Rejected) {
				t.Errorf("refusal %+v", s.Refusal())
			}
			for _, p := range []Phase{PhaseMail, PhaseRcpt, PhaseDone} {
				if s.Timings[p] <= 0 {
					t.Errorf("no time for %s", p)
				}
			}
		})
	}
}

func TestAMailboxIsJudgedByTheReplies(t *testing.T) {
	mail, rcpt := PhaseMail, PhaseRcpt
	ok := reply(250, "2.1.5 Ok")
	unknown := reply(550, "5.1.1 no such user")
	tests := []struct {
		name string
		s    Session
		want MailboxVerdict
	}{
		{"not asked for", Session{Phase: PhaseDone}, MailboxNotAsked},
		{"the session ended before", Session{Phase: PhaseGreeting, Result: Rejected}, MailboxNotAsked},
		{"no reply to MAIL", Session{Phase: mail}, MailboxUndecided},
		{"MAIL refused", Session{Phase: mail, Mail: reply(550, "null sender not welcome")}, MailboxUndecided},
		{"MAIL greylisted", Session{Phase: mail, Mail: reply(451, "Greylisted")}, MailboxGreylisted},
		{"no reply", Session{Phase: rcpt, Mail: ok}, MailboxUndecided},
		{"random name not asked for", Session{Phase: PhaseDone, Mail: ok, Rcpt: ok}, MailboxAccepted},
		{"random name refused", Session{Mail: ok, Rcpt: ok, Random: unknown}, MailboxExists},
		{"random name refused for now", Session{Mail: ok, Rcpt: ok, Random: reply(450, "4.1.1 later")}, MailboxAccepted},
		{"random name accepted", Session{Mail: ok, Rcpt: reply(251, "forwarded"), Random: ok}, MailboxCatchAll},
		{"postmaster says nothing", Session{Mail: ok, Rcpt: unknown}, MailboxRefused},
		{"postmaster accepted", Session{Mail: ok, Rcpt: unknown, Postmaster: ok}, MailboxAlone},
		{"postmaster refused for now", Session{Mail: ok, Rcpt: unknown, Postmaster: reply(450, "5.1.1 later")}, MailboxAlone},
		{"postmaster refused otherwise", Session{Mail: ok, Rcpt: unknown, Postmaster: reply(550, "5.7.1 not you")}, MailboxAlone},
		{"postmaster refused likewise", Session{Mail: ok, Rcpt: unknown, Postmaster: reply(550, "5.1.1 <postmaster> unknown")}, MailboxAllRefused},
		{"refused likewise without status", Session{Mail: ok, Rcpt: reply(550, "no"), Postmaster: reply(550, "no!")}, MailboxAllRefused},
		{"full for now", Session{Mail: ok, Rcpt: reply(452, "4.2.2 mailbox full")}, MailboxUndecided},
	}
	for _, tt := range tests {
		if got := tt.s.Mailbox(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestGreylistingIsToldFromOtherDelays(t *testing.T) {
	tests := []struct {
		code int
		text string
		want MailboxVerdict
	}{
		{450, "4.2.0 <user@example.net>: Recipient address rejected: Greylisted, see http://example.net/", MailboxGreylisted},
		{451, "4.7.1 Greylisting in action, please come back later", MailboxGreylisted},
		{421, "grey-listed, come again", MailboxGreylisted},
		{451, "Your triplet is new to us", MailboxGreylisted},
		{450, "4.7.1 Please try again in 300 seconds", MailboxGreylisted},
		{451, "4.7.1 Deferred", MailboxGreylisted},
		{451, "4.7.1 Service unavailable - try again later", MailboxUndecided}, // a milter that is down
		{450, "4.7.1 Client host rejected: cannot find your reverse hostname, try later", MailboxUndecided},
		{450, "4.7.1 too many connections, retry later", MailboxUndecided},
		{451, "4.3.0 try again later", MailboxUndecided},
		{452, "4.7.1 try again later", MailboxUndecided},
		{451, "try again later", MailboxUndecided},
		{451, "4.7.1 no", MailboxUndecided},
		{550, "5.7.1 greylisted for ever", MailboxRefused},
	}
	for _, tt := range tests {
		s := Session{Mail: reply(250, "ok"), Rcpt: reply(tt.code, tt.text)}
		if got := s.Mailbox(); got != tt.want {
			t.Errorf("%d %s: %q, want %q", tt.code, tt.text, got, tt.want)
		}
	}
}

// Whatever becomes of the second question, the answer to the first stands.
func TestTheSecondNameDoesNotSpoilTheFirst(t *testing.T) {
	start := []smtptest.Step{send("220 x\r\n"), expect("EHLO"), send("250 x\r\n"), expect("MAIL"), send("250 ok\r\n"), expect("RCPT TO:<user@")}
	tests := []struct {
		name   string
		then   []smtptest.Step
		phase  Phase
		result Result
		want   MailboxVerdict
	}{
		{"hung up at the random name", []smtptest.Step{send("250 ok\r\n"), expect("RCPT TO:<qx7"), smtptest.Close()}, PhaseDone, Accepted, MailboxAccepted},
		{"silent at the random name", []smtptest.Step{send("250 ok\r\n"), expect("RCPT TO:<qx7"), smtptest.Silence()}, PhaseDone, Accepted, MailboxAccepted},
		{"hung up at the postmaster", []smtptest.Step{send("550 no\r\n"), expect("RCPT TO:<postmaster"), smtptest.Close()}, PhaseRcpt, Rejected, MailboxRefused},
		{"babble at the postmaster", []smtptest.Step{send("550 no\r\n"), expect("RCPT TO:<postmaster"), send("hm\r\n"), smtptest.Silence()}, PhaseRcpt, Rejected, MailboxRefused},
		{"421 is not asked on", []smtptest.Step{send("421 4.7.0 enough\r\n"), expect("RSET")}, PhaseRcpt, Rejected, MailboxUndecided},
		{"354 is no answer", []smtptest.Step{send("354 go on\r\n"), expect("RSET")}, PhaseRcpt, NotSMTP, MailboxUndecided},
		{"hung up at the first", []smtptest.Step{smtptest.Close()}, PhaseRcpt, Closed, MailboxUndecided},
		{"silent at the first", []smtptest.Step{smtptest.Silence()}, PhaseRcpt, Timeout, MailboxUndecided},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Check(t.Context(), smtptest.Pipe(t, append(slices.Clone(start), tt.then...)...), somewhere, curious)
				if s.Phase != tt.phase || s.Result != tt.result || s.Mailbox() != tt.want {
					t.Errorf("%s, %s, %s", s.Phase, s.Result, s.Mailbox())
				}
				if took := time.Since(s.Started); took > 20*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestOnlyWhatIsNeededIsAskedFor(t *testing.T) {
	tests := []struct {
		name    string
		opt     Options
		replies map[string]string
		want    MailboxVerdict
	}{
		{"no random name", Options{Rcpt: "user@example.net"}, map[string]string{"user@example.net": yes}, MailboxAccepted},
		{"the random name is the mailbox", Options{Rcpt: "user@example.net", RandomName: "USER"}, map[string]string{"user@example.net": yes}, MailboxAccepted},
		{"the mailbox is the postmaster", Options{Rcpt: "Postmaster@example.net"}, map[string]string{"Postmaster@example.net": no}, MailboxRefused},
		{"a refused mailbox has no random neighbour", Options{Rcpt: "user@example.net", RandomName: "qx7"}, map[string]string{"user@example.net": no, "postmaster@example.net": yes}, MailboxAlone},
		{"a domain in its own letters", Options{Rcpt: "user@bücher.example.", RandomName: "qx7"}, map[string]string{"user@xn--bcher-kva.example": yes, "qx7@xn--bcher-kva.example": no}, MailboxExists},
		{"an address for a domain", Options{Rcpt: "user@[192.0.2.1]"}, map[string]string{"user@[192.0.2.1]": yes}, MailboxAccepted},
		{"a quoted name", Options{Rcpt: `"a>\" b"@example.net`}, map[string]string{`"a>\" b"@example.net`: yes}, MailboxAccepted},
		{"dots where a phone company puts them", Options{Rcpt: ".a..b.@example.net"}, map[string]string{".a..b.@example.net": yes}, MailboxAccepted},
		{"greeting only", Options{Rcpt: "user@example.net", GreetingOnly: true}, nil, MailboxNotAsked},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.opt.HELO = "mail.example.org"
				s := Check(t.Context(), postOffice(t, tt.replies), somewhere, tt.opt)
				if s.Mailbox() != tt.want {
					t.Errorf("%s, %q", s.Mailbox(), s.Transcript)
				}
			})
		})
	}
}

func TestMailboxesThatCannotBeSaidAreNotDialled(t *testing.T) {
	long := strings.Repeat("a", 60)
	tests := []string{
		"user", "@example.net", "user@", "@", "a b@example.net", "a@b@example.net", "<user@example.net>", "a>@example.net",
		"a\r\nDATA@example.net", "a\x00@example.net", "a\x7f@example.net", "\xff@example.net", "a\u0085@example.net",
		`"a@example.net`, `a"@example.net`, `"a\"@example.net`, `"a"b"@example.net`, `"@example.net`, "\"a\r\n\"@example.net", `a\@example.net`,
		"user@example..net", "user@.example.net", "user@exa mple.net", "user@example.net>", "user@例 え.example", "user@" + long + long + ".example",
		"user@[192.0.2.1", "user@[mx.example.net]", "user@[2001:db8::1]", "user@[IPv6:192.0.2.1]", "user@[IPv6:fe80::1%\r\nDATA]",
		"user@" + strings.Repeat(long+".", 4) + "example", strings.Repeat(long, 5) + "@example.net", "user@" + strings.Repeat("用", 1<<20),
	}
	for _, address := range tests {
		for _, opt := range []Options{{Rcpt: address}, {Rcpt: "user@example.net", RandomName: address}} {
			opt.HELO = "mail.example.org"
			if opt.RandomName == "user" { // fine for a local part
				continue
			}
			s := Check(t.Context(), smtptest.Network(t, nil), somewhere, opt) // dialling it fails the test
			if s.Phase != PhaseConnect || s.Result != Failed || s.Err == "" || len(s.Err) > 500 {
				t.Errorf("%q: %s, %s, %s", address, s.Phase, s.Result, s.Err)
			}
		}
	}
	opt := Options{HELO: "mail.example.org", Rcpt: "user@example.net", RandomName: "用戶"} // it would need SMTPUTF8 on its own
	if s := Check(t.Context(), smtptest.Network(t, nil), somewhere, opt); s.Phase != PhaseConnect || s.Result != Failed {
		t.Errorf("random name: %s, %s", s.Phase, s.Result)
	}
}

func TestAddressesBeyondASCIINeedSMTPUTF8(t *testing.T) {
	opt := Options{HELO: "mail.example.org", Rcpt: "用戶@example.net"}
	with := smtptest.Serve(t, send("220 x\r\n"), expect("EHLO"), send("250-x\r\n250 SMTPUTF8\r\n"),
		expect("MAIL FROM:<> SMTPUTF8"), send("250 ok\r\n"), expect("RCPT TO:<用戶@example.net>"), send("250 ok\r\n"), expect("RSET"), send("250 ok\r\n"), expect("QUIT"))
	if s := Check(t.Context(), &net.Dialer{}, with, opt); s.Phase != PhaseDone || s.Mailbox() != MailboxAccepted {
		t.Errorf("offered: %s, %s", s.Phase, s.Result)
	}
	without := smtptest.Serve(t, send("220 x\r\n"), expect("EHLO"), send("250 x\r\n"), expect("QUIT"))
	if s := Check(t.Context(), &net.Dialer{}, without, opt); s.Phase != PhaseMail || s.Result != Unsupported || s.Mailbox() != MailboxUndecided {
		t.Errorf("not offered: %s, %s, %s", s.Phase, s.Result, s.Mailbox())
	}
}

func TestAMailboxIsAskedForOverTLS(t *testing.T) {
	asked := 0
	addr := smtptest.Healthy(t, smtptest.Options{TLS: smtptest.SelfSigned(t, "mx.example.net"), Rcpt: func(string) string { asked++; return yes }})
	s := Check(t.Context(), &net.Dialer{}, addr, curious)
	encrypted := slices.Index(s.Transcript, "S: 220 2.0.0 Ready to start TLS")
	if s.Mailbox() != MailboxCatchAll || asked != 2 || s.TLS.Result != Accepted || encrypted < 0 ||
		!slices.Contains(s.Transcript[encrypted:], "C: EHLO mail.example.org") || !slices.Contains(s.Transcript[encrypted:], "C: MAIL FROM:<>") {
		t.Errorf("%s, TLS %s, %q", s.Mailbox(), s.TLS.Result, s.Transcript)
	}
}

func TestAMailboxIsAskedForInTheClearWhereSTARTTLSIsRefused(t *testing.T) {
	offered := []smtptest.Step{send("220 x\r\n"), expect("EHLO"), send("250-x\r\n250 STARTTLS\r\n"), expect("STARTTLS")}
	transaction := []smtptest.Step{send("454 no key\r\n"), expect("MAIL"), send("250 ok\r\n"), expect("RCPT"), send("250 ok\r\n"), expect("RCPT"), send("550 no\r\n"), expect("RSET")}
	s := Check(t.Context(), &net.Dialer{}, smtptest.Serve(t, append(slices.Clone(offered), transaction...)...), curious)
	if s.Phase != PhaseDone || s.Result != Accepted || s.Mailbox() != MailboxExists || s.TLS.Result != Rejected || s.TLS.Reply.Code != 454 {
		t.Errorf("%s, %s, %s, TLS %+v", s.Phase, s.Result, s.Mailbox(), s.TLS)
	}
	for name, then := range map[string][]smtptest.Step{
		"leaving":             {send("421 bye\r\n"), expect("QUIT")},
		"a broken handshake":  {send("220 go\r\n"), smtptest.Close()},
		"silence":             {smtptest.Close()},
		"words for handshake": {send("220 go\r\n250 injected\r\n"), smtptest.Silence()},
	} {
		s := Check(t.Context(), &net.Dialer{}, smtptest.Serve(t, append(slices.Clone(offered), then...)...), curious)
		if s.Phase != PhaseSTARTTLS || s.Mailbox() != MailboxNotAsked {
			t.Errorf("%s: %s, %s, %s", name, s.Phase, s.Result, s.Mailbox())
		}
	}
}

func TestContextEndsAQuestionAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := smtptest.Pipe(t, send("220 x\r\n"), expect("EHLO"), send("250 x\r\n"), expect("MAIL"), send("250 ok\r\n"), expect("RCPT"), send("250 ok\r\n"), expect("RCPT"), smtptest.Silence())
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		s := Check(ctx, d, somewhere, curious)
		if took := time.Since(s.Started); took != 3*time.Second || s.Mailbox() != MailboxAccepted {
			t.Errorf("%s after %v", s.Mailbox(), took)
		}
	})
}

// Whether a server relays is asked of it alone: nobody beside is named, and no
// message follows.
func TestAStrangerAsksToSendToAStranger(t *testing.T) {
	for _, sender := range []string{"stranger@example.com", "<>"} {
		path := "<" + strings.Trim(sender, "<>") + ">"
		addr := smtptest.Serve(t, send("220 mx.example.net ESMTP\r\n"), expect("EHLO"), send("250 mx.example.net\r\n"),
			expect("MAIL FROM:"+path), send("250 ok\r\n"), expect("RCPT TO:<stranger@example.org>"), send("554 5.7.1 Relay access denied\r\n"),
			expect("RSET"), send("250 reset\r\n"), expect("QUIT"), send("221 bye\r\n"))
		s := Check(t.Context(), &net.Dialer{}, addr, Options{HELO: "mail.example.org", Sender: sender, Rcpt: "stranger@example.org", RandomName: "qx7-nobody"})
		if s.Rcpt.Code != 554 || s.Postmaster.Code != 0 || s.Phase != PhaseRcpt {
			t.Errorf("%+v", s)
		}
	}
	for _, sender := range []string{"a b@example.com", "stranger@example.com>\r\nDATA", "\u4e2d@example.com"} {
		if s := Check(t.Context(), smtptest.Dialer(smtptest.Drop), smtptest.Closed(t), Options{HELO: "mail.example.org", Sender: sender, Rcpt: "stranger@example.org"}); s.Result != Failed {
			t.Errorf("%q was dialled with: %s", sender, s.Result)
		}
	}
}
