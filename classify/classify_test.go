package classify

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"diagnose/classify/bounce"

	"github.com/google/go-cmp/cmp"
)

func TestBuiltInRulesAreProved(t *testing.T) {
	if _, err := read(builtIn, "rules", true); err != nil {
		t.Error(err)
	}
	for _, fault := range shipped(t).Prove() {
		t.Error(fault)
	}
}

// shipped are the rules as they are built in.
func shipped(t testing.TB) *Classifier {
	t.Helper()
	c, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRulesComeWithTheirProofsAndPlaces(t *testing.T) {
	for _, r := range shipped(t).Rules() {
		if len(r.Example) == 0 || len(r.Counter) == 0 || r.Source == "" || r.File == "" || r.Line == 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestEveryCategoryAndReasonHasARule(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range shipped(t).Rules() {
		seen[r.Category], seen[r.Reason] = true, true
	}
	for _, want := range slices.Concat(slugs[1:], reasons[:]) {
		if !seen[want] && want != ReasonDomainList { // told by the table of lists
			t.Errorf("no rule gives %q", want)
		}
	}
}

// said is a failure with a remote's reply; a text without a code is what the
// reporting server says.
func said(text string, more ...func(*bounce.Failure)) bounce.Failure {
	f := parseReply(text)
	for _, m := range more {
		m(&f)
	}
	return f
}

func at(s bounce.Stage) func(*bounce.Failure) { return func(f *bounce.Failure) { f.Stage = s } }

func from(sender string) func(*bounce.Failure) { return func(f *bounce.Failure) { f.Sender = sender } }

// TestGuide holds the examples of the guide for Winmail admins, section by
// section.
func TestGuide(t *testing.T) {
	tests := []struct {
		want   Category
		rivals []Category // that must be named
		text   string
	}{
		{want: 1, text: "sorry, no mailbox here by that name"},
		{want: 1, text: "554 delivery error: dd This user doesn’t have a yahoo.com account (***@yahoo.com) [-5] – mta155.mail.sc5.yahoo.com"},
		{want: 1, text: "550 Invalid recipient: <***@index.com.jo> (RCPT TO:***@index.com.jo)"},
		{want: 1, text: "550 ***@szonline.net unknown user account (RCPT TO:***@szonline.net)"},
		{want: 1, text: "550 5.1.1 <***@melco.com.hk>… User unknown (RCPT TO:***@melco.com.hk)"},
		{want: 1, text: "<*****@eyou.com>…… invalid address"},
		{want: 1, text: "550 5.7.1 Unable to relay for *****@126.com:host……said: 550 5.1.1 is not a valid mailbox"},
		{want: 1, text: "550 <*****>, No such user."},
		{want: 1, rivals: []Category{2}, text: "<*****@hotmail.com>……user account inactive"},
		{want: 1, text: "<*****@zjuem.zju.edu.cn>…… unknown or illegal alias:*****"},
		{want: 1, text: "<*****@163.net>: User ***@163.net is not found in Server."},
		{want: 2, text: "sorry, the mailbox has disabled."},
		{want: 2, text: "User *****@163.net is disabled"},
		{want: 2, text: "554 delivery error: ??? Sorry your message to *****@yahoo.com.cn cannot be delivered. This account has been disabled or discontinued. – mta582.mail.yahoo.com"},
		{want: 3, text: "mail size/count over quota"},
		{want: 3, text: "***@pa.inter.net mailbox is full (MTA-imposed quota exceeded while writing to file tmp/1084783015.15814.clever.eusc.inter.net): retry timeout exceeded"},
		{want: 3, text: "<*****@tom.com>: the message to ***@tom.com is bounced because : Quota exceed the hard limit"},
		{want: 3, text: "552 This person’s account is exceeding their quota."},
		{want: 3, text: "<*****@hotmail.com>……: exceeded storage allocation"},
		{want: 4, text: "delivery failure: the message matches up to the filter rule(level: system， name:xxx)"},
		{want: 4, rivals: []Category{8, 9}, text: "445 服務器拒絕 – server rejected (#4.4.4)"},
		{want: 4, rivals: []Category{8}, text: "550 5.5.0 Mail refused"},
		{want: 4, text: "<*****@163.net>: This Message is not welcome"},
		{want: 4, text: "<*****@163.com>:……Error: content rejected"},
		{want: 4, text: "450 Fail, Box is busy"},
		{want: 9, rivals: []Category{4}, text: "******@163.com ： No welcome message from 202.108.44.203"},
		{want: 4, text: "550 Recipient reject"},
		{want: 4, rivals: []Category{8}, text: "554 <***@long-horn.com>: Sender address rejected: c46 (RCPT TO:***@dial.pipex.com)"},
		{want: 5, text: "don’t find mail exchanger and domain’s ip address"},
		{want: 5, text: "<*****@sian.com>: Name service error for domain sian.com: Host not found"},
		{want: 5, text: "<***@.powerise.com.cn>: bad host/domain syntax: “.powerise.com.cn\""},
		{want: 9, rivals: []Category{5, 8}, text: "****@shou.com>: connect to shou.com: Connection refused"},
		{want: 5, rivals: []Category{9}, text: "<*****@263.com>: domain unreachable"},
		{want: 6, text: "500 error in command"},
		{want: 6, text: "555 *****??? -syntax error (#5.5.4)"},
		{want: 6, text: "***@codiac.co.il, Error email address format"},
		{want: 7, text: "sorry, the message size exceeds databytes limit"},
		{want: 7, text: "552 5.2.3 Message size exceeds fixed maximum message size (7200000)"},
		{want: 7, text: "552 Data size must not exceed 4096K bytes"},
		{want: 8, text: "553 sorry, you don’t authenticate or the domain isn’t in the list of allowed rcpthosts"},
		{want: 8, text: "50 5.7.1 <******@kalmarlighting.com>… Relaying denied. Please check your mail first or restart your mail session."},
		{want: 8, text: "571 ****@21cn.com… from mail01j.rapidsite.net You are banned, contact yourlocal admin."},
		{want: 8, text: "553 sorry, that domain isn’t in my list of allowed rcpthosts (#5.7.1)"},
		{want: 8, text: "<*****@morgan.ucs.mun.ca>……<*****@163.net>… We don’t accept mail from spammers"},
		{want: 9, text: "connect remote host error (xxx.xxx.xxx.xxx : 25)"},
		{want: 9, text: "<*****@iris.sipp.ac.cn>: connect to iris.sipp.ac.cn: Connection timed out"},
		{want: 9, text: "*****@hkbn.com ; Connect to 212.227.34.3:25 failure"},
		{want: 9, text: "*******@163.com ; Error sending mail body to 202.108.44.215"},
		{want: 9, text: "***@t-online.de; Failure welcome message from 194.25.134.10"},
		{want: 10, text: "sorry, too many recipients"},
		{want: 10, text: "553 Too many recipients in the mail, should less than xx"},
		{want: 11, text: "553 sorry, your mailserver is listed in bl.spamcop.net(Please see: *********), mail from is not accepted here"},
		{want: 11, text: "550 5.7.1 blacklisted [*.*.*.*] refer <www.dnsbl.sorbs.net/cgi-bin/lookup?IP=*.*.*.*>: ***@tm.net.my (RCPT TO:***@tm.net.my)"},
		{want: 11, text: "554 Service unavailable; Client host [202.105.45.53] blocked using cblplus.anti-spam.org.cn; Mail from 202.105.45.53 refused, see http://anti-spam.org.cn/services/rblquery.php?IP=202.105.45.53"},
		{want: 11, text: "554 5.7.1 Rejected xxx.xxx.xxx.xxx found in dnsbl.sorbs.net"},
		{want: 11, text: "451 Mail from *.*.*.* refused, see http://anti-spam.org.cn/"},
		{want: 12, text: "554 refused ‘mail from’ because return MX does not exist"},
		{want: 12, text: "553 can’t verify FROM domain in DNS"},
		{want: 12, text: "553 zeng.pionmi.com does not exist"},
		{want: 12, text: "550-Verification failed for <jqh@bpeg.cn> 550-It appears that the DNS operator for bpeg.cn 550-has installed an invalid MX record with an IP address 550-instead of a domain name on the right hand side. 550 Sender verify failed"},
	}
	c := shipped(t)
	for _, tt := range tests {
		got := c.Classify(said(tt.text))
		if got.Category != tt.want {
			t.Errorf("%s\n\tis %s by %v; want %s", tt.text, got.Slug, got.Evidence, tt.want.Slug())
		}
		for _, r := range tt.rivals {
			if !slices.ContainsFunc(got.Rivals, func(g Rival) bool { return g.Category == r }) {
				t.Errorf("%s\n\tdoes not name %s as a rival: %v", tt.text, r.Slug(), got.Rivals)
			}
		}
	}
}

// testdata/paraphrases.txt says each category in words that no rule gives as its example.
func TestOtherWordsForTheSame(t *testing.T) {
	text, err := os.ReadFile("testdata/paraphrases.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := shipped(t)
	for line := range strings.Lines(string(text)) {
		want, reply, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if got := c.Classify(said(reply)); got.Slug != want {
			t.Errorf("%s\n\tis %s by %v; want %s", reply, got.Slug, got.Evidence, want)
		}
	}
}

func TestBlockedUsingQuotesTheZoneAsWritten(t *testing.T) {
	got := shipped(t).Classify(said("554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using dnsbl.example.net; https://dnsbl.example.net/query/192.0.2.25"))
	if got.List != "dnsbl.example.net" || got.Evidence[0].Rule != "blocklisted.blocked-using" {
		t.Errorf("list %q by %v", got.List, got.Evidence)
	}
}

func TestWordsThatMislead(t *testing.T) {
	tests := []struct {
		name string
		want Category
		f    bounce.Failure
	}{
		{"a remote that says connection refused bans us", 8, said("554 Connection refused")},
		{"the reporter that says it was not let in", 9, said("Connection refused")},
		{"refused because listed", 11, said("554 Connection refused. This IP address is listed on the Spamhaus Block List (SBL).")},
		{"refused because busy, in an SMTP reply", 13, said("421 4.4.5 CCRT 192.0.2.3: Connection refused. Server is busy(RT)")},
		{"mailbox unavailable, but a list", 11, said("550 5.2.1 Mailbox unavailable. Your IP address 192.0.2.1 is blacklisted")},
		{"mailbox unavailable, but a limit", 13, said("550 Mailbox unavailable or access denied")},
		{"unknown by the words, disabled by the status", 1, said("550 5.2.1 <a@example.net>... User Unknown")},
		{"a 421 that is final", 8, said("421 4.7.1 [TS03] All messages from 192.0.2.25 will be permanently deferred; Retrying will NOT succeed.")},
		{"a 554 that is temporary", 13, said("554 Transient reject by behaviour spam at DATA State(Connection IP address:192.0.2.1)ANTISPAM_BAT[1]: currently unexpected sending")},
		{"a 550 that is a rate", 13, said("550 Domain frequency limited")},
		{"a reply within a reply: the last one", 1, said("550 550 5.7.1 relaying denied by host a said: 550 5.1.1 no such user")},
		{"a callout's inner reply speaks of us", 12, said("550-Verification failed for <a@example.org> 550-Called: 192.0.2.1 550-Response: 550 5.1.1 <a@example.org>: User unknown 550 Sender verify failed")},
		{"so does that of a Postfix", 12, said("550 5.1.7 <a@example.org>: Sender address rejected: undeliverable address: host mx.example.org[192.0.2.9] said: 550 5.1.1 no such user")},
		{"not welcome: the message", 4, said("550 this message is not welcome")},
		{"not welcome: the domain", 8, said("550 your domain is not welcome here")},
		{"no welcome message", 9, said("No welcome message from 192.0.2.1")},
		{"does not exist: the user", 1, said("550 user does not exist")},
		{"does not exist: the sender's domain", 12, said("553 example.org does not exist", from("a@example.org"))},
		{"does not exist: the recipient's domain", 5, said("553 example.net does not exist", func(f *bounce.Failure) { f.Recipient = "b@example.net" })},
		{"does not exist: at MAIL FROM it is the sender's, also within one domain", 12, said("550 5.1.7 No such domain example.net.", at(bounce.StageMail), func(f *bounce.Failure) { f.Recipient = "b@example.net" })},
		{"a page about SPF is advice, not the reason", 4, said("Your email to group a@example.net was rejected due to spam classification. Set up SPF records for your sending domain.")},
		{"quota of the mailbox", 3, said("552 5.2.2 user over quota")},
		{"quota of sending", 13, said("550 5.2.2 Submission quota exceeded")},
		{"a disk, not a quota", 16, said("452 4.4.5 Insufficient disk space")},
		{"a time-out, not a quota", 16, said("451 Timeout quota exceeded")},
		{"exceeded: a rate", 13, said("452 4.3.2 Connection rate limit exceeded.")},
		{"exceeded: hops", 16, said("554 5.4.6 Hop count exceeded - possible mail loop")},
		{"exceeded: the queue's lifetime", 9, said("retry timeout exceeded")},
		{"too many: recipients in a message", 10, said("452 4.5.3 Too many recipients")},
		{"too many: recipients in a time", 13, said("450 4.7.1 Error: too many recipients from 192.0.2.9")},
		{"too many: connections", 13, said("421 too many connections from your host")},
		{"too many: errors", 6, said("421 4.7.0 Error: too many errors")},
		{"too many: Received headers", 16, said("550 Too many received headers - possible mail loop")},
		{"too many: invalid recipients", 8, said("554 This IP has been blocked for the day, for attempting to mail too many invalid recipients.")},
		{"a full mailbox whose time is over", 3, said("save to /var/mail/a mailbox is full: retry timeout exceeded")},
		{"an odd code", 8, said("571 Relaying denied")},
		{"full-width letters", 1, said("550 Ｕｓｅｒ　ｕｎｋｎｏｗｎ")},
		{"no-break spaces and curly quotes", 1, said("550 This user doesn’t have a example.net account")},
		{"prefixes of continuation lines tear a sentence", 1, said("550-5.1.1 The email account that you 550-5.1.1 tried to reach does not 550 5.1.1 exist.")},
		{"prefixes with underscores", 4, said("550-5.7.1_likely_unsolicited_mail._To_reduce_the_amount_of_spam 550 5.7.1 this message has been blocked")},
		{"a dead list is still a list", 11, said("554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using dnsbl.sorbs.net")},
		{"found in a list is not a domain not found", 11, said("554 Host found in DNS blacklist at dnsbl.example.com")},
		{"two things, and the status knows which", 3, said("452 4.2.2 The email account that you tried to reach is over quota and inactive.")},
		{"a command that is disabled", 0, said("550 VRFY command is disabled")},
		{"what follows a refusal does not count", 1, said("550 5.1.1 <a@example.net>... User unknown 503 5.0.0 Need RCPT (recipient)")},
		{"a URL in the message is content, whatever list has it", 4, said("550 Blacklisted URL in message. See http://lookup.uribl.com.")},
		{"access denied at a recipient's directory", 1, said("550 5.4.1 Recipient address rejected: Access denied.")},
		{"a joke that still names the address", 8, said("550 ip in prison")},
		{"a provider's own low opinion of an address is its own ban", 8, said("550 5.7.1 this message is suspicious due to the very low reputation of the sending IP address")},
		{"the same for a while is a limit", 13, said("421 4.7.0 this message is suspicious due to the very low reputation of the sending IP address")},
		{"a DKIM domain in a complaint about the rate", 13, said("421 4.7.28 unusual rate of unsolicited mail originating from your DKIM domain")},
		{"SMTPUTF8 that is not offered is no TLS", 6, said("SMTPUTF8 is required, but was not offered by host mx.example.net[192.0.2.1]")},
		{"a page is no link in the message", 11, said("550 192.0.2.4 is in an RBL: Blocked - see https://www.spamcop.net/bl.shtml?192.0.2.4")},
		{"a code that says only that something failed", 0, said("554 5.0.0 Transaction failed")},
		{"words that nobody knows", 0, said("550 Dumb.")},
	}
	c := shipped(t)
	for _, tt := range tests {
		if got := c.Classify(tt.f); got.Category != tt.want {
			t.Errorf("%s: %q%q is %s by %v; want %s", tt.name, tt.f.Reply.Text, tt.f.Text, got.Slug, got.Evidence, tt.want.Slug())
		}
	}
}

func TestAccentsMakeNoDifference(t *testing.T) {
	c := shipped(t)
	for _, text := range []string{"550 Usuário não encontrado", "550 USUARIO NAO ENCONTRADO", "550 Schránka neexistuje", "550 schranka neexistuje"} {
		if got := c.Classify(said(text)); got.Category != UnknownRecipient || !strings.Contains(text, got.Evidence[0].Quote) {
			t.Errorf("%s is %s by %v", text, got.Slug, got.Evidence)
		}
	}
}

func TestProveNamesThePlaceOfEveryFault(t *testing.T) {
	const file = "# ours\n[[rule]]\nid = \"%s\"\ncategory = \"rejected\"\nany = [\"gone fishing\"]\nexample = [\"550 %s\"]\ncounter = [\"550 here\"]\n"
	_, err := Load(fstest.MapFS{
		"a.toml": {Data: fmt.Appendf(nil, file, "x", "gone hunting")},
		"b.toml": {Data: fmt.Appendf(nil, file, "y", "gone swimming")},
	})
	for _, want := range []string{`a.toml:2: rule "x"`, `b.toml:2: rule "y"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

func TestNamesDoNotSpeak(t *testing.T) {
	c := shipped(t)
	for _, text := range []string{
		"550 mx.mailspamprotection.com",
		"550 <spam@virus.example.net>",
		"550 see https://example.com/relay-access-denied/spam",
		"host quota-exceeded.example.net said nothing",
		"550 greylist.example.net",
	} {
		if got := c.Classify(said(text)); got.Category != Unknown {
			t.Errorf("%q is %s by %v", text, got.Slug, got.Evidence)
		}
	}
}

func TestReplyIsJudgedBeforeTheReport(t *testing.T) {
	f := said("550 user unknown")
	f.Text = "Your message was blocked by our spam firewall as content"
	if got := shipped(t).Classify(f); got.Category != UnknownRecipient || got.Evidence[0].From != FromReply {
		t.Errorf("got %+v", got)
	}
	f = said("550 5.0.0")
	f.Text = "The mailbox is full"
	if got := shipped(t).Classify(f); got.Category != MailboxFull || got.Evidence[0].From != FromBody {
		t.Errorf("got %+v", got)
	}
}

func TestListThatTheReplyNames(t *testing.T) {
	tests := []struct {
		text, list, reason string
	}{
		{"554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.9", "zen.spamhaus.org", ""},
		{"554 5.7.1 Client host [192.0.2.9] blocked using BL.Example.com", "bl.example.com", ""},
		{"554 5.7.1 Client host [192.0.2.25] blocked using dnsbl.example.net", "dnsbl.example.net", ""},
		{"554 Host found in DNS blacklist at rbl.example.net", "rbl.example.net", ""},
		{"550 rejected because 192.0.2.9 is in a black list at dnsbl.example.net", "dnsbl.example.net", ""},
		{"550 192.0.2.9 is listed in dnsbl-2.uceprotect.net", "dnsbl-2.uceprotect.net", ""},
		{"550 192.0.2.44 is blacklisted, see http://www.spamhaus.org/query/bl?ip=192.0.2.44", "zen.spamhaus.org", ""},
		{"553 http://cbl.abuseat.org/lookup.cgi?ip=192.0.2.46", "zen.spamhaus.org", ""},
		{"554 5.7.1 Sender address [a@example.org] blocked using dbl.spamhaus.org", "dbl.spamhaus.org", ReasonDomainList},
		{"554 5.7.1 Client host [192.0.2.9] blocked using zen.spamhaus.org; Error: open resolver; https://check.spamhaus.org/returnc/pub/192.0.2.53/", "zen.spamhaus.org", ReasonResolver},
		{"550 5.7.1 part of their network is on our block list (S3150).", "Microsoft", ReasonPrivateList},
		{"554 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.225", "Proofpoint Dynamic Reputation", ReasonPrivateList},
		{"550 Your IP address is on our blacklist", "", ReasonPrivateList},
		{"550 user unknown", "", ""},
	}
	c := shipped(t)
	for _, tt := range tests {
		got := c.Classify(said(tt.text))
		if got.List != tt.list || got.Reason != tt.reason {
			t.Errorf("%s: list %q reason %q by %v; want %q, %q", tt.text, got.List, got.Reason, got.Evidence, tt.list, tt.reason)
		}
	}
}

func TestStatusAloneIsWeak(t *testing.T) {
	c := shipped(t)
	tests := []struct {
		status string
		want   Category
	}{{"5.1.1", 1}, {"4.2.2", 3}, {"5.7.25", 12}, {"5.7.1", 8}, {"5.0.0", 0}, {"5.9.99", 0}, {"", 0}, {"x.y", 0}}
	for _, tt := range tests {
		got := c.Classify(bounce.Failure{Reply: bounce.Reply{Status: tt.status}})
		if got.Category != tt.want || got.Confidence != Weak {
			t.Errorf("%q is %s, %s; want %s, weak", tt.status, got.Slug, got.Confidence, tt.want.Slug())
		}
	}
}

func TestCodeAloneGoesByTheStage(t *testing.T) {
	c := shipped(t)
	for _, tt := range []struct {
		text  string
		stage bounce.Stage
		want  Category
	}{
		{"550 no", "", Unknown}, {"550 no", bounce.StageRcpt, UnknownRecipient}, {"550 no", bounce.StageEndOfData, Filtered}, {"550 no", bounce.StageGreeting, Rejected},
		{"421 no", "", Unknown}, {"421 no", bounce.StageGreeting, RateLimited}, {"421 no", bounce.StageEndOfData, RemoteFault},
	} {
		got := c.Classify(said(tt.text, at(tt.stage)))
		if got.Category != tt.want || got.Confidence != Weak || len(got.Rivals) == 0 {
			t.Errorf("%s at %q is %s, %s, rivals %v; want %s", tt.text, tt.stage, got.Slug, got.Confidence, got.Rivals, tt.want.Slug())
		}
	}
}

func TestStatusExplained(t *testing.T) {
	c := shipped(t)
	for _, code := range []string{"5.1.1", "4.1.1", "x.1.1", "X.1.1"} {
		if s, ok := c.Status(code); !ok || s.Category != "unknown-recipient" || !s.Firm {
			t.Errorf("%s: %+v, %v", code, s, ok)
		}
	}
	for _, code := range []string{"", "5", "5.", "6.1.1", "5.1.1.1", "550"} {
		if s, ok := c.Status(code); ok {
			t.Errorf("%q: %+v", code, s)
		}
	}
}

func TestAdminsRulesComeFirst(t *testing.T) {
	own, err := Load(fstest.MapFS{"house.toml": {Data: []byte(`
[[rule]]
id = "prison"
category = "rejected"
class = "hint"
any = ["user unknown"]
example = ["550 user unknown"]
counter = ["550 ip in prison"]
source = "us"
`)}})
	if err != nil {
		t.Fatal(err)
	}
	base := shipped(t)
	both := base.With(own)
	got := both.Classify(said("550 user unknown"))
	if got.Category != Rejected || got.Evidence[0].Rule != "house.prison" {
		t.Errorf("got %+v", got)
	}
	if got.Rivals[0].Category != UnknownRecipient {
		t.Errorf("the built-in rule is no rival: %v", got.Rivals)
	}
	if got := both.Rules(); got[0].ID != "house.prison" || len(got) != len(base.Rules())+1 {
		t.Errorf("%d rules, first %s", len(got), got[0].ID)
	}
	if got := base.Classify(said("550 user unknown")); got.Category != UnknownRecipient {
		t.Errorf("With changed the rules that it was asked of")
	}
}

func TestLoadRefuses(t *testing.T) {
	const proof = "example = [\"550 gone fishing\"]\ncounter = [\"550 user unknown\"]\n"
	rule := func(lines ...string) string {
		return "[[rule]]\nid = \"x\"\n" + strings.Join(lines, "\n") + "\n"
	}
	tests := []struct{ name, file, want string }{
		{"an unknown key", rule(`category = "rejected"`, `any = ["gone fishing"]`, `colour = "red"`, proof), "colour"},
		{"an unknown category", rule(`category = "lost"`, `any = ["gone fishing"]`, proof), "lost"},
		{"an unknown reason", rule(`category = "rejected"`, `reason = "because"`, `any = ["gone fishing"]`, proof), "because"},
		{"an unknown class", rule(`category = "rejected"`, `class = "loud"`, `any = ["gone fishing"]`, proof), "loud"},
		{"a bad pattern", rule(`category = "rejected"`, `any = ["gone"]`, `pattern = "gone ("`, proof), "missing closing"},
		{"no words", rule(`category = "rejected"`, proof), "neither any nor all"},
		{"a short literal", rule(`category = "rejected"`, `any = ["go"]`, proof), "shorter"},
		{"an example that it does not match", rule(`category = "rejected"`, `any = ["gone hunting"]`, proof), "example"},
		{"a counter that it matches", rule(`category = "rejected"`, `any = ["gone fishing", "unknown"]`, proof), "counter"},
		{"no proof", rule(`category = "rejected"`, `any = ["gone fishing"]`), "needs an example"},
		{"an id twice", rule(`category = "rejected"`, `any = ["gone fishing"]`, proof) + rule(`category = "rejected"`, `any = ["gone fishing"]`, proof), "twice"},
		{"no TOML", "[[rule", "house.toml"},
	}
	for _, tt := range tests {
		_, err := Load(fstest.MapFS{"house.toml": {Data: []byte(tt.file)}})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "house.toml") {
			t.Errorf("%s: %v; want %q and the file's name", tt.name, err, tt.want)
		}
	}
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("an empty folder is taken for rules")
	}
}

// holds checks what is true of every answer.
func holds(t *testing.T, c *Classifier, f bounce.Failure) {
	t.Helper()
	got := c.Classify(f)
	if diff := cmp.Diff(got, c.Classify(f)); diff != "" {
		t.Errorf("%+v: asked twice, it differs:\n%s", f, diff)
	}
	if got.Slug != got.Category.Slug() || got.Evidence == nil || got.Rivals == nil || len(got.Rivals) > maxRivals {
		t.Errorf("%+v: %+v", f, got)
	}
	for _, e := range got.Evidence {
		switch e.From {
		case FromReply:
			if e.Quote == "" || !strings.Contains(f.Reply.Text, e.Quote) {
				t.Errorf("quote %q is not in the reply %q", e.Quote, f.Reply.Text)
			}
		case FromBody:
			if e.Quote == "" || !strings.Contains(f.Text, e.Quote) {
				t.Errorf("quote %q is not in the text %q", e.Quote, f.Text)
			}
		}
	}
	seen := map[Category]bool{got.Category: true, Unknown: true}
	for _, r := range got.Rivals {
		if seen[r.Category] || r.Slug != r.Category.Slug() {
			t.Errorf("%+v: rivals %v of %s", f, got.Rivals, got.Slug)
		}
		seen[r.Category] = true
	}
}

func TestEveryAnswerIsWellFormed(t *testing.T) {
	c := shipped(t)
	for _, r := range c.Rules() {
		for _, text := range slices.Concat(r.Example, r.Counter) {
			holds(t, c, r.failure(text))
			holds(t, c, bounce.Failure{Text: text + " 550 user unknown"})
		}
	}
	holds(t, c, bounce.Failure{Reply: bounce.Reply{Code: -1, Status: "\xff", Text: strings.Repeat("user unknown ", 9000)}})
}

func TestConcurrentUse(t *testing.T) {
	c := shipped(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, r := range c.Rules()[:60] {
				if got := c.Classify(r.failure(r.Example[0])); got.Evidence[0].Rule != r.ID {
					t.Errorf("%s is won by %v", r.Example[0], got.Evidence)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzClassify(f *testing.F) {
	f.Add(550, "5.1.1", "550 5.1.1 <a@example.net>… User unknown", "host mx.example.net said:", "rcpt")
	f.Add(0, "", "", "connect to mx.example.net[192.0.2.1]:25: Connection refused", "connect")
	f.Add(554, "x.7.1", "554-5.7.1 blocked using\xff bl.example.com 554 5.7.1 see http", "＠．…￼", "greeting")
	c := shipped(f)
	f.Fuzz(func(t *testing.T, code int, status, reply, text, stage string) {
		holds(t, c, bounce.Failure{Sender: "a@example.org", Recipient: "b@example.net", Text: text, Stage: bounce.Stage(stage),
			Reply: bounce.Reply{Code: code, Status: status, Text: reply}})
	})
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("category = \"rejected\"\n[[rule]]\nid = \"x\"\nany = [\" gone \"]\nexample = [\"550 gone\"]\ncounter = [\"550 here\"]\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := Load(fstest.MapFS{"own.toml": {Data: file}})
		if err == nil {
			holds(t, c, bounce.Failure{Text: string(file)})
		}
	})
}

// The examples of all rules stand for what servers say.
func BenchmarkClassify(b *testing.B) {
	c := shipped(b)
	var failures []bounce.Failure
	for _, r := range c.Rules() {
		for _, text := range r.Example {
			failures = append(failures, r.failure(text))
		}
	}
	judge := func(f bounce.Failure) { q := ask(&f); c.classify(&q) }
	for _, bench := range []struct {
		name     string
		failures []bounce.Failure
		classify func(bounce.Failure)
	}{
		{"new", failures, judge},
		{"repeated", failures[:50], func(f bounce.Failure) { c.Classify(f) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for _, f := range failures {
				bench.classify(f) // builds the patterns
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bench.classify(bench.failures[i%len(bench.failures)])
			}
		})
	}
}

func BenchmarkDefault(b *testing.B) {
	for b.Loop() {
		shipped(b)
	}
}
