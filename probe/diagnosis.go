package probe

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/rbl"
)

// Diagnoser joins reading to looking: it makes a [Report] of every failure
// that a bounce tells of.
type Diagnoser struct {
	Classifier *classify.Classifier
	Runner     *Runner // nil: offline, nothing is looked at
	Rcpt       bool    // the mailbox of a bounce's first failure may be asked for, which is a callout ([PlanRcpt]); never without consent
	Ours       Our
	Lists      func() []rbl.List // what is known of the list that a reply names; asked only then; may be nil
	Tool       string            // "diagnose 0.1.0"
	Now        func() time.Time
}

// Reports makes a report of each failure of r, or a single one without a
// failure where r is no bounce, and hands them on in order. index numbers
// them from the given one; the next free number is returned. A cancelled
// context ends it early.
func (d *Diagnoser) Reports(ctx context.Context, name string, index int, r *bounce.Report, emit func(Report) error) (int, error) {
	base := Report{
		Schema: Schema, Tool: d.Tool, Kind: r.Kind,
		Advice: []Advice{}, Notes: nonNil(r.Notes),
	}
	if len(r.Failures) == 0 {
		base.Source = Source{name, index}
		return index + 1, emit(base)
	}
	var look *Look
	if d.Runner != nil {
		look = d.Runner.Begin()
	}
	for i := range r.Failures {
		if err := ctx.Err(); err != nil {
			return index, err
		}
		rep := base
		rep.Source = Source{name, index}
		d.diagnose(ctx, look, r, i, &rep)
		if i > 0 {
			rep.Notes = []bounce.Note{}
		}
		if err := emit(rep); err != nil {
			return index, err
		}
		index++
	}
	return index, nil
}

// diagnose fills rep with what is to be said of failure number i of r; look
// is nil where nothing is to be looked at.
func (d *Diagnoser) diagnose(ctx context.Context, look *Look, r *bounce.Report, i int, rep *Report) {
	s := NewSubject(r, i, d.Ours, d.Now())
	rep.Failure = failureOf(r, &s)
	if r.Kind == bounce.KindDelivered {
		return
	}
	if s.Backscatter {
		rep.Kind = bounce.KindBackscatter
	}
	c := refine(d.Classifier.Classify(s.Failure), &s)
	rep.Classification = &c
	if c.List != "" && d.Lists != nil {
		s.List, _ = rbl.Find(d.Lists(), c.List)
	}
	if look != nil && !s.Backscatter {
		plan := Plan(c, s)
		if d.Rcpt && i == 0 {
			plan = append(plan, PlanRcpt(c, s)...)
		}
		findings := look.Run(ctx, plan)
		s.Now = d.Now()
		v := Judge(c, s, findings)
		rep.Verification = &v
	}
	rep.Party, rep.Advice = advise(&c, &s, rep.Verification)
}

// refine adds what the reply shows and its words do not say. An answer in
// 127.255.255.0/24 is a list's refusal to answer, which the other side's server
// took for a listing.
func refine(c classify.Classification, s *Subject) classify.Classification {
	refuses := func(text string) bool { return strings.Contains(text, "127.255.255.") }
	if c.Category == classify.Blocklisted && c.Reason == "" && (refuses(s.Failure.Reply.Text) || refuses(s.Failure.Text)) {
		c.Reason = classify.ReasonResolver
	}
	return c
}

// failureOf is the JSON form of what a subject is about.
func failureOf(r *bounce.Report, s *Subject) *Failure {
	f, o := &s.Failure, &r.Original
	return &Failure{
		Recipient: f.Recipient, OriginalRecipient: f.OriginalRecipient, Sender: f.Sender,
		Action: f.Action, Temporary: f.Temporary(), Stage: f.Stage,
		Reply: Reply(f.Reply), Text: f.Text,
		Remote:        Remote{f.Remote.Name, addrText(f.Remote.IP)},
		ReportingHost: r.ReportingHost, SendingIP: addrText(f.SendingIP), RetryUntil: stamp(f.RetryUntil),
		Original: Original{o.MessageID, o.Subject, stamp(o.Date), o.Size, o.Recipients, o.Complete},
	}
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
