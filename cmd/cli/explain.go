package cli

import (
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/cmd/report"
	"diagnose/probe"
	"diagnose/rbl"
)

// maxExamples is how many typical replies an explanation shows.
const maxExamples = 6

// explainCommand says offline what a category, an enhanced status code, a block
// list or a reply means.
func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use: `explain CATEGORY|CODE|LIST|"REPLY"...`, Short: a.words.Say("help.explain", nil),
		Example: a.words.Say("help.explain-examples", nil), Args: atLeastOne, ValidArgsFunction: a.completeExplain,
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.classifier()
			if err != nil {
				return err
			}
			lists, err := a.blockLists()
			if err != nil {
				return err
			}
			return a.explainAll(c, lists, args)
		},
	}
}

func (a *app) explainAll(c *classify.Classifier, lists []rbl.List, args []string) error {
	out := a.output(a.Out)
	for _, arg := range args {
		e := explain(c, lists, arg)
		if e.Category == classify.Unknown {
			a.saw(statusUnknown)
		}
		if err := written(out.Write(e)); err != nil {
			return err
		}
	}
	return written(out.Close())
}

var statusCode = regexp.MustCompile(`^[245xX]\.\d{1,3}\.\d{1,3}$`)

// explain finds out what kind of thing is asked about, and what there is to
// say of it.
func explain(c *classify.Classifier, lists []rbl.List, query string) report.Explanation {
	e := report.Explanation{Schema: probe.Schema, Query: query, Examples: []string{}, Checks: []string{}, Party: probe.PartyUnknown}
	of := classify.Classification{}
	if category, ok := classify.Parse(strings.TrimSpace(query)); ok {
		of.Category = category
	} else if s, ok := c.Status(strings.ToLower(query)); ok && statusCode.MatchString(query) {
		of.Category, _ = classify.Parse(s.Category)
		e.Status = &report.Status{Code: query, Name: s.Name, Source: s.Source, Firm: s.Firm, Rivals: append([]string{}, s.Rivals...)}
	} else if l, ok := rbl.Find(lists, query); ok && !strings.ContainsAny(query, " @/") {
		e.List = report.NewListPage(l)
		of.Category, of.List = classify.Blocklisted, l.Zone
	} else {
		of = classifyText(c, query)
		e.Classification = &of
	}
	e.Category, e.Slug = of.Category, of.Category.Slug()
	if e.Category == classify.Unknown {
		return e
	}
	s := probe.NewSubject(model(), 0, probe.Our{}, time.Time{})
	for _, step := range probe.Plan(of, s) {
		e.Checks = append(e.Checks, step.ID)
	}
	e.Party, _ = probe.Advise(of, s, nil)
	if e.Classification == nil && e.List == nil {
		e.Examples = examples(c, of.Category)
	}
	return e
}

// model is a failure of which everything is known, so that a plan for it has
// every step that the category can have.
func model() *bounce.Report {
	return &bounce.Report{
		ReportingHost: "mail.example.org",
		Original:      bounce.Original{From: "someone@example.org", DKIM: []bounce.DKIMKey{{Domain: "example.org", Selector: "s"}}},
		Failures: []bounce.Failure{{
			Recipient: "someone@example.net", Sender: "someone@example.org",
			Remote: bounce.Host{Name: "mx.example.net"},
		}},
	}
}

func classifyText(c *classify.Classifier, text string) classify.Classification {
	for r, err := range bounce.Lines(strings.NewReader(text)) {
		if err == nil && len(r.Failures) > 0 {
			return c.Classify(r.Failures[0])
		}
	}
	return c.Classify(bounce.Failure{Reply: bounce.Reply{Text: text}})
}

// examples are replies that mean a category, of different rules: of those that
// are about the category first, then of those about a language. The codes of
// single providers would teach nobody.
func examples(c *classify.Classifier, category classify.Category) []string {
	own, others := []string{}, []string{}
	for _, r := range c.Rules() {
		switch {
		case r.Category != category.Slug() || r.Provider != "" || len(r.Example) == 0:
		case strings.HasPrefix(r.ID, r.Category+"."):
			own = append(own, r.Example[0])
		default:
			others = append(others, r.Example[0])
		}
	}
	all := append(own, others...)
	return all[:min(len(all), maxExamples)]
}
