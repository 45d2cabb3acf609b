// Package report tells what was found: it turns the reports of package probe
// into words of a language, or into JSON. It is the only package that knows a
// human language, and it never looks at anything itself, so that a report
// saved as JSON renders to the very text that the run printed.
//
// The rules of the text: the first line is the answer; the remote's own words
// stand untouched beside ours; nothing is claimed that was not seen; columns
// are aligned by display width, with no character whose width differs between
// consoles.
package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/probe"
	"diagnose/rbl"
)

// Text writes reports as text, each in one piece. Close ends the text.
type Text struct {
	Out     io.Writer
	Words   *Words
	Colours Colours
	Columns int  // of the terminal; lines are wrapped there; 0: they are not
	Trace   bool // everything that was asked and answered, in order, below a report

	page      bytes.Buffer // the report at hand
	written   int
	notLooked bool     // some failure was only read
	terms     []string // keys of those that the reports used
}

// Write writes a report of any command.
func (t *Text) Write(v any) error {
	switch v := v.(type) {
	case probe.Report:
		return t.Report(v)
	case probe.CheckReport:
		return t.Check(v)
	case probe.ListReport:
		return t.Lists(v)
	case Explanation:
		return t.Explain(v)
	case Rule:
		return t.rule(v)
	case Proofs:
		return t.proofs(v)
	}
	return fmt.Errorf("no words for a %T", v)
}

// Report writes one failure, or one line for what is no failure.
func (t *Text) Report(r probe.Report) error {
	if !isFailure(r) {
		t.noFailure(r)
		return t.flush()
	}
	t.headline(r)
	t.advice(r.Advice)
	t.line("")
	t.recipient(r.Failure)
	t.said(r)
	t.source(r.Source)
	if v := r.Verification; v != nil {
		t.findings(v)
		t.limits(v)
		t.seen("label.also", "also.", v.AlsoSeen)
		if t.Trace {
			t.trace(v.Findings)
		}
	} else if r.Kind != bounce.KindBackscatter {
		t.notLooked = true
	}
	for _, n := range r.Notes {
		t.hang("", t.say("note."+n.Code, n.Args), plain)
	}
	t.meet(t.page.String())
	return t.flush()
}

// Close explains, once for all of them, the terms that the reports used, and
// says that failures were only read.
func (t *Text) Close() error {
	if err := t.glossary(); err != nil || !t.notLooked {
		return err
	}
	t.hang("", t.say("label.not-looked", nil), faint)
	return t.flush()
}

func (t *Text) say(key string, args map[string]string) string { return t.Words.Say(key, args) }

// flush writes the page, an empty line before it where it is not the first.
func (t *Text) flush() error {
	defer t.page.Reset()
	if t.written++; t.written > 1 {
		if _, err := io.WriteString(t.Out, "\n"); err != nil {
			return err
		}
	}
	_, err := t.Out.Write(t.page.Bytes())
	return err
}

// run writes the page as one of a list, without an empty line between.
func (t *Text) run() error {
	defer t.page.Reset()
	_, err := t.Out.Write(t.page.Bytes())
	return err
}

// noFailure is for mail that reports no failed delivery.
func (t *Text) noFailure(r probe.Report) {
	t.hang("", t.kind(r), heading)
	for _, n := range r.Notes {
		t.hang("  ", t.say("note."+n.Code, n.Args), plain)
	}
}

// kind says what mail is that reports no failed delivery.
func (t *Text) kind(r probe.Report) string {
	args := map[string]string{"name": r.Source.Name}
	if f := r.Failure; f != nil {
		args["recipient"], args["host"], args["reply"] = f.Recipient, cmp.Or(f.Remote.Host, f.Remote.IP), f.Reply.Text
	}
	return t.say("kind."+string(r.Kind), args)
}

// headline is the answer: what happened, is it true now, whose is it.
func (t *Text) headline(r probe.Report) {
	args, what := facts(r), t.what(r)
	if v := r.Verification; v != nil {
		verdict := t.Colours.paint(ofVerdict(v.Verdict), t.say("verdict."+string(v.Verdict), nil))
		if v.Verdict == probe.Contradicted {
			args["other"] = t.say("category."+v.Category.Slug(), args)
		}
		t.hang(verdict+t.say("label.colon", nil), what, plain)
		t.row("label.now", t.say("verdict-means."+string(v.Verdict), args))
		if proof := t.proof(v); proof != "" {
			t.row("label.proof", proof)
		}
	} else {
		t.hang("", capital(what), heading)
	}
	t.row("label.party", t.say("party."+actor(r), nil))
}

// recipient is who the message was for, and who it was sent to where that is
// somebody else.
func (t *Text) recipient(f *probe.Failure) {
	if f.Recipient == "" {
		return
	}
	who := f.Recipient
	if o := f.OriginalRecipient; o != "" && o != who {
		who += t.say("label.sent-to", map[string]string{"address": o})
	}
	t.row("label.recipient", Safe(who))
}

// what says what happened to the message.
func (t *Text) what(r probe.Report) string {
	args := facts(r)
	what := t.say("category."+r.Classification.Slug, args)
	switch r.Kind {
	case bounce.KindBackscatter:
		return t.say("kind.backscatter", args)
	case bounce.KindDelay:
		return t.say("label.delayed", args) + what
	}
	return what
}

// capital begins a sentence, in the scripts that have capitals.
func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// proof is the finding that the verdict rests on, in words: the one that a
// colleague can be shown. That the control hosts answer is only half of one.
func (t *Text) proof(v *probe.Verification) string {
	proof := ""
	for _, l := range v.Limits {
		if l.Code == "port25-closed" { // no single finding says as much
			return t.say("limit."+l.Code, l.Args)
		}
	}
	for _, f := range v.Findings {
		if f.Outcome != probe.Skipped && slices.Contains(v.Because, f.Code) && (proof == "" || f.Code != "control.ok") {
			proof = t.say("finding."+f.Code, t.args(f.Args))
			if f.Code != "control.ok" {
				break
			}
		}
	}
	return proof
}

// party says who has to act.
func (t *Text) party(r probe.Report) string { return t.say("party."+actor(r), nil) }

// actor is the party that has to act. What is only to be waited out is
// nobody's.
func actor(r probe.Report) string {
	undecided := r.Verification != nil && r.Verification.Verdict == probe.Inconclusive
	retried := r.Kind == bounce.KindDelay && r.Verification != nil && r.Verification.Verdict == probe.Cleared
	switch {
	case retried:
		return "nobody"
	case r.Party != "" && r.Party != probe.PartyUnknown:
		return string(r.Party)
	case r.Classification.Category == classify.RateLimited && !undecided:
		return "nobody"
	}
	return string(probe.PartyUnknown)
}

// facts are the arguments that sentences about a failure may use.
func facts(r probe.Report) map[string]string {
	f, c := r.Failure, r.Classification
	args := map[string]string{
		"name": r.Source.Name, "recipient": f.Recipient, "host": cmp.Or(f.Remote.Host, f.Remote.IP), "ip": f.SendingIP,
		"list": c.List, "provider": c.Provider, "until": f.RetryUntil, "bounced": "",
	}
	if i := strings.LastIndexByte(f.Recipient, '@'); i >= 0 {
		args["domain"] = f.Recipient[i+1:]
	}
	if v := r.Verification; v != nil {
		args["bounced"] = v.Bounced
		if args["ip"] == "" {
			args["ip"] = v.Vantage.SendingIP
		}
	}
	return args
}

// said quotes the remote, and says which rule took it for what.
func (t *Text) said(r probe.Report) {
	f, c := r.Failure, r.Classification
	switch {
	case f.Reply.Text != "":
		t.row("label.said", `"`+Safe(f.Reply.Text)+`"`)
	case f.Text != "": // no remote spoke
		t.row("label.reported", `"`+Safe(f.Text)+`"`)
	}
	if why := t.why(c); why != "" {
		t.row("label.why", why)
	}
	if c.Reference != "" {
		t.row("label.reference", Safe(c.Reference))
	}
}

// why says which rule took the reply for what; empty where none did.
func (t *Text) why(c *classify.Classification) string {
	if len(c.Evidence) == 0 {
		return ""
	}
	e := c.Evidence[0]
	return t.say("label.because", map[string]string{
		"rule": e.Rule, "quote": e.Quote, "slug": c.Slug, "number": strconv.Itoa(int(c.Category)),
		"confidence": t.say("confidence."+string(c.Confidence), nil), "rivals": t.rivals(c.Rivals),
	})
}

// source tells several files, and several failures in one, apart.
func (t *Text) source(s probe.Source) {
	if s.Name == "" || s.Name == "-" && s.Index == 1 {
		return
	}
	number := ""
	if s.Index > 1 {
		number = strconv.Itoa(s.Index)
	}
	t.row("label.source", t.say("label.place", map[string]string{"name": s.Name, "number": number}))
}

func (t *Text) rivals(rivals []classify.Rival) string {
	names := make([]string, len(rivals))
	for i, r := range rivals {
		names[i] = t.say("name."+r.Slug, nil)
	}
	return strings.Join(names, t.say("label.comma", nil))
}

// advice is what each party can do, a row for each.
func (t *Text) advice(list []probe.Advice) {
	if len(list) == 0 {
		return
	}
	parties := make([]string, len(list))
	width := 0
	for i, a := range list {
		parties[i] = t.who(a.Party)
		width = max(width, t.Words.Width(parties[i])+len("  "))
	}
	if !slices.ContainsFunc(list, func(a probe.Advice) bool { return a.Party != probe.PartyUnknown }) {
		clear(parties) // nobody to tell apart
		width = 0
	}
	label := t.Words.Pad(t.say("label.advice", nil), t.labelWidth()) + " "
	for i, a := range list {
		t.todo(label+t.Words.Pad(parties[i], width), a)
		label = t.Words.Pad("", t.Words.Width(label))
	}
}

// who is the party of an advice. What is for nobody else is for the one who
// reads the report.
func (t *Text) who(p probe.Party) string {
	if p == probe.PartyUnknown {
		return t.say("label.you", nil)
	}
	return t.say("party-short."+string(p), nil)
}

// todo writes one thing to do. Its further lines are records or commands to
// copy, which are not wrapped.
func (t *Text) todo(prefix string, a probe.Advice) {
	first, rest, more := strings.Cut(t.say("advice."+a.Code, a.Args), "\n")
	t.hang(prefix, first, plain)
	indent := t.Words.Pad("", t.Words.Width(prefix))
	for more {
		var l string
		l, rest, more = strings.Cut(rest, "\n")
		t.line(indent + l)
	}
}

// findings lists what was looked at, aligned: outcome, check, target, time,
// words.
func (t *Text) findings(v *probe.Verification) {
	args := map[string]string{"at": v.JudgedAt, "outbound": v.Vantage.OutboundIP, "resolver": v.Vantage.Resolver, "bounced": v.Bounced}
	t.heading("label.findings", args)
	t.table(v.Findings)
	if s := v.Vantage.SendingIP; s != "" {
		t.hang("  ", t.say("label.sending", map[string]string{"ip": s, "by": t.say("sending-by."+v.Vantage.SendingBy, nil)}), plain)
	}
}

// maxColumn keeps one long name from pushing everything to the right.
const maxColumn = 40

func (t *Text) table(findings []probe.Finding) {
	findings = once(findings)
	rows := make([][4]string, len(findings))
	var width [4]int
	for i, f := range findings {
		rows[i] = [4]string{t.say("outcome."+string(f.Outcome), nil), t.say("step."+f.Step, nil), Safe(f.Target), took(f)}
		for c := range rows[i] {
			width[c] = max(width[c], min(t.Words.Width(rows[i][c]), maxColumn))
		}
	}
	for i, f := range findings {
		r := rows[i]
		outcome := t.Colours.paint(ofOutcome(f.Outcome), t.Words.Pad(r[0], width[0]))
		time := t.Colours.paint(faint, fmt.Sprintf("%*s", width[3], r[3]))
		t.hang("  "+outcome+"  "+t.Words.Pad(r[1], width[1])+"  "+t.Words.Pad(r[2], width[2])+"  "+time+"  ", t.say("finding."+f.Code, t.args(f.Args)), plain)
		for _, l := range f.Lists {
			if (f.Step == probe.StepLists || f.Step == probe.StepDomainLists) && (l.Status == rbl.Listed || l.Status == rbl.AllowListed) {
				t.list(strings.Repeat(" ", width[0]+4), l)
			}
		}
	}
}

// took is how long a look took; nothing for one that was not taken.
func took(f probe.Finding) string {
	if f.Outcome == probe.Skipped {
		return ""
	}
	return strconv.FormatInt(f.TookMS, 10) + " ms"
}

// limits says what bounds the verdict: why it is no firmer or, where it is
// firm, what is to be kept in mind. What stands beside the verdict as its proof
// is not said again.
func (t *Text) limits(v *probe.Verification) {
	label := "label.limits"
	if v.Verdict == probe.Confirmed || v.Verdict == probe.Cleared {
		label = "label.remarks"
	}
	t.seen(label, "limit.", slices.DeleteFunc(slices.Clone(v.Limits), func(l probe.Seen) bool { return l.Code == "port25-closed" }))
}

// once leaves out the look at the host that refused where it is one of the
// mail servers that stand there already.
func once(findings []probe.Finding) []probe.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f probe.Finding) bool {
		return f.Step == probe.StepRefuser && slices.ContainsFunc(findings, func(g probe.Finding) bool {
			return g.Step == probe.StepSMTP && g.Target == f.Target
		})
	})
}

func (t *Text) seen(label, prefix string, list []probe.Seen) {
	if len(list) == 0 {
		return
	}
	t.heading(label, nil)
	for _, l := range t.seenLines(prefix, list) {
		t.hang("  ", l, plain)
	}
}

// seenLines are the sentences of what was seen, or of a limit.
func (t *Text) seenLines(prefix string, list []probe.Seen) (lines []string) {
	for _, s := range list {
		key := prefix + s.Code
		if !t.Words.Has(key) {
			key = "finding." + s.Code
		}
		lines = append(lines, t.say(key, t.args(s.Args)))
	}
	return lines
}

// args are a finding's arguments, with codes among them in words.
func (t *Text) args(args map[string]string) map[string]string {
	out := maps.Clone(args)
	for name, prefix := range map[string]string{"meaning": "meaning.", "status": "meaning.", "tls": "tls.", "fault": "fault."} {
		if key := prefix + args[name]; args[name] != "" && t.Words.Has(key) {
			out[name] = t.say(key, nil)
		}
	}
	return out
}
