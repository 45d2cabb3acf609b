package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"diagnose/classify/bounce"
	"diagnose/probe"
)

// Addressee is whom a letter is for.
type Addressee string

// The addressees.
const (
	Colleague Addressee = "colleague" // who wrote the message that came back
	Remote    Addressee = "remote"    // the postmaster of the other side
)

// Letter writes reports as letters that can be sent on as they are: to the
// colleague in plain words, with the proof in three lines and what to do; or to
// the other side's postmaster with what they need to find the case in their own
// log. A letter claims no more than the report does.
type Letter struct {
	Out   io.Writer
	To    Addressee
	Words []*Words // the letter is written once in each language
	Mail  *Mail    // where set, a letter is a message of its own

	written int
}

// Write writes one report as a letter. What is no report of a bounce has no
// letter, and is written as [Text] does.
func (l *Letter) Write(v any) error {
	r, ok := v.(probe.Report)
	if !ok {
		return (&Text{Out: l.Out, Words: l.Words[0]}).Write(v)
	}
	var body bytes.Buffer
	for i, w := range l.Words {
		if i > 0 {
			body.WriteString("\n\n" + strings.Repeat("-", 60) + "\n\n")
		}
		p := letterPage{Text: Text{Words: w}, r: r}
		p.write(l.To)
		body.Write(p.page.Bytes())
	}
	subject := l.subject(r)
	l.written++
	if l.Mail != nil {
		return l.Mail.write(l.Out, l.To, r, subject, body.Bytes())
	}
	between := ""
	if l.written > 1 {
		between = "\n" + strings.Repeat("=", 60) + "\n\n"
	}
	_, err := fmt.Fprintf(l.Out, "%s%s%s\n\n%s", between, l.Words[0].Say("letter.subject", nil), subject, body.Bytes())
	return err
}

// Close has nothing left to write.
func (l *Letter) Close() error { return nil }

func (l *Letter) subject(r probe.Report) string {
	w := l.Words[0]
	if !isFailure(r) {
		return w.Say("letter.subject-other", nil)
	}
	args := facts(r)
	if l.To == Remote {
		return w.Say("letter.subject-remote", args)
	}
	args["what"] = w.Say("name."+slug(r), nil)
	return w.Say("letter.subject-colleague", args)
}

// slug is that of the category that the report ends with.
func slug(r probe.Report) string {
	switch v := r.Verification; {
	case r.Classification == nil:
		return "unknown"
	case v != nil && v.Verdict == probe.Contradicted:
		return v.Category.Slug()
	}
	return r.Classification.Slug
}

// letterPage is one letter in one language.
type letterPage struct {
	Text
	r probe.Report
}

func (p *letterPage) write(to Addressee) {
	if !isFailure(p.r) {
		what := p.kindWords()
		p.line(p.say("letter.dear-"+string(to), nil))
		p.paragraph(what)
	} else {
		p.line(p.say("letter.dear-"+string(to), facts(p.r)))
		p.failure(to)
	}
	p.paragraph(p.say("letter.end-"+string(to), nil))
}

func (p *letterPage) failure(to Addressee) {
	switch {
	case p.r.Kind == bounce.KindBackscatter:
		p.paragraph(p.say("letter.backscatter", facts(p.r)))
	case to == Remote:
		p.remote()
	default:
		p.colleague()
	}
}

// isFailure tells a failed delivery from what is none: other mail, or the
// proof of a delivery.
func isFailure(r probe.Report) bool { return r.Failure != nil && r.Classification != nil }

func (p *letterPage) paragraph(s string) {
	p.line("")
	p.line(s)
}

// kindWords says what a message is that reports no failed delivery.
func (p *letterPage) kindWords() string {
	p.noFailure(p.r)
	words := p.page.String()
	p.page.Reset()
	return strings.TrimSpace(words)
}

// colleague: what happened, whose it is, the proof, what to do. A colleague
// who is told that "the server" failed wants to know whether it is ours.
func (p *letterPage) colleague() {
	args := p.arguments()
	opening := "letter.not-delivered"
	if p.r.Kind == bounce.KindDelay {
		opening = "letter.delayed"
	}
	p.paragraph(p.say(opening, args))
	p.paragraph(p.happened(args))
	p.paragraph(p.whose())
	p.proofs(args)
	p.todo(args)
}

// arguments are the facts of the failure and of the message that came back.
func (p *letterPage) arguments() map[string]string {
	args := facts(p.r)
	f := p.r.Failure
	args["subject"], args["date"], args["reply"] = f.Original.Subject, f.Original.Date, f.Reply.Text
	args["sender"], args["id"], args["theirs"] = f.Sender, f.Original.MessageID, f.Remote.Host
	args["address"] = f.Remote.IP
	args["sent"] = first(f.OriginalRecipient, f.Recipient)
	if args["sent"] != f.Recipient {
		args["via"] = f.Recipient
	}
	for _, name := range []string{"date", "until", "bounced"} {
		args[name] = clock(args[name])
	}
	return args
}

// clock makes a report's time (RFC 3339, always UTC) one that people read.
func clock(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return stamp
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func (p *letterPage) happened(args map[string]string) string {
	slug := slug(p.r)
	what := capital(p.say("category."+slug, args)) + p.say("letter.stop", nil)
	if key := "explain." + slug + ".cause"; p.Words.Has(key) {
		what += p.say(key, nil)
	}
	return what
}

// whose says who has to act, and no more firmly than the report does.
func (p *letterPage) whose() string {
	verdict := "offline"
	if v := p.r.Verification; v != nil {
		verdict = string(v.Verdict)
	}
	return p.say("letter.now-"+verdict, nil) + p.say("letter.whose-"+actor(p.r), nil)
}

// proofs are three lines: their words, what was seen, and by which sign the
// two were joined.
func (p *letterPage) proofs(args map[string]string) {
	p.heading("letter.proof", nil)
	n := 0
	proof := func(s string) {
		n++
		p.line(fmt.Sprintf("  %d. %s", n, s))
	}
	switch f := p.r.Failure; {
	case f.Reply.Text != "":
		proof(p.say("letter.proof-reply", args))
	case f.Text != "":
		proof(p.say("letter.proof-reported", map[string]string{"text": f.Text}))
	}
	if v := p.r.Verification; v != nil {
		if seen := p.proof(v); seen != "" {
			proof(p.say("letter.proof-seen", map[string]string{"at": clock(v.JudgedAt), "seen": seen}))
		}
	}
	if e := p.r.Classification.Evidence; len(e) > 0 {
		proof(p.say("letter.proof-words", map[string]string{"quote": e[0].Quote, "name": p.say("name."+p.r.Classification.Slug, nil)}))
	}
}

// todo lists what the reader can do. What is for those who run the servers is
// said by whose; their steps would mean nothing here.
func (p *letterPage) todo(args map[string]string) {
	p.advised("letter.for-sender", probe.PartySender)
	p.advised("letter.for-recipient", probe.PartyRecipient)
	switch {
	case p.waits():
		p.paragraph(p.say("advice.wait", args))
	case !slices.ContainsFunc(p.r.Advice, func(a probe.Advice) bool { return a.Party == probe.PartySender }):
		p.paragraph(p.say("letter.nothing-to-do", nil))
	}
}

func (p *letterPage) waits() bool {
	return slices.ContainsFunc(p.r.Advice, func(a probe.Advice) bool { return a.Code == "wait" })
}

// advised lists the advice for one party.
func (p *letterPage) advised(heading string, party probe.Party) {
	first := true
	for _, a := range p.r.Advice {
		if a.Party != party {
			continue
		}
		if first {
			p.heading(heading, nil)
			first = false
		}
		p.line("  - " + strings.ReplaceAll(p.say("advice."+a.Code, a.Args), "\n", "\n    "))
	}
}

// remote: what a postmaster needs to find the case, what we saw, and what is
// asked of them.
func (p *letterPage) remote() {
	args := p.arguments()
	p.paragraph(p.say("letter.remote-opening", args))
	p.line("")
	bounced, by := args["bounced"], ""
	if v := p.r.Verification; v != nil && v.Vantage.SendingIP == args["ip"] && v.Vantage.SendingBy != string(probe.ByReply) {
		by = p.say("sending-by."+v.Vantage.SendingBy, nil) // else it would be taken for what they saw
	}
	for _, row := range []struct{ label, value string }{
		{"letter.time", first(bounced, args["date"])},
		{"letter.from-ip", p.say("letter.address", map[string]string{"ip": args["ip"], "by": by})},
		{"letter.sender", args["sender"]},
		{"letter.recipient", args["recipient"]},
		{"letter.server", p.say("letter.host", map[string]string{"host": args["theirs"], "ip": args["address"]})},
		{"letter.stage", string(p.r.Failure.Stage)},
		{"letter.reply", first(args["reply"], p.r.Failure.Text)},
		{"letter.id", args["id"]},
		{"letter.list", args["list"]},
	} {
		if row.value != "" {
			p.line("  " + p.say(row.label, nil) + Safe(row.value))
		}
	}
	p.observed()
	if !slices.ContainsFunc(p.r.Advice, func(a probe.Advice) bool { return a.Party == probe.PartyRemote }) {
		p.paragraph(p.say("letter.please-tell", nil))
		return
	}
	p.advised("letter.please", probe.PartyRemote)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// observed lists what the verdict rests on: the only thing of ours that the
// other side can check.
func (p *letterPage) observed() {
	v := p.r.Verification
	if v == nil {
		return
	}
	var rests []probe.Finding
	for _, f := range v.Findings {
		if f.Outcome != probe.Skipped && f.Step != probe.StepControl && slices.Contains(v.Because, f.Code) {
			rests = append(rests, f)
		}
	}
	if len(rests) == 0 {
		return
	}
	p.heading("letter.observed", map[string]string{"at": clock(v.JudgedAt), "outbound": v.Vantage.OutboundIP})
	for _, f := range once(rests) {
		p.line("  - " + p.say("step."+f.Step, nil) + " " + Safe(f.Target) + p.say("label.colon", nil) + p.say("finding."+f.Code, p.args(f.Args)))
	}
}
