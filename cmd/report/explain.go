package report

import (
	"strconv"
	"strings"

	"diagnose/classify"
	"diagnose/probe"
)

// Explanation is what is to be said of a category, an enhanced status code or
// a reply, without looking at anything.
type Explanation struct {
	Schema         int                      `json:"schema"`
	Query          string                   `json:"query"`
	Category       classify.Category        `json:"category"`
	Slug           string                   `json:"slug"`
	Status         *Status                  `json:"status,omitempty"`         // the query is a code
	Classification *classify.Classification `json:"classification,omitempty"` // the query is a reply
	Examples       []string                 `json:"examples"`                 // replies that mean the category
	Checks         []string                 `json:"checks"`                   // steps that a probe would take
	Party          probe.Party              `json:"party"`                    // who usually has to act
}

// Status is the JSON form of a [classify.Status].
type Status struct {
	Code   string   `json:"code"`
	Name   string   `json:"name"`   // as it is registered
	Source string   `json:"source"` // the RFC
	Firm   bool     `json:"firm"`   // servers use it for what it was registered for
	Rivals []string `json:"rivals"` // slugs: what it is used for elsewhere
}

// Explain writes an explanation.
func (t *Text) Explain(e Explanation) error {
	number := map[string]string{"number": strconv.Itoa(int(e.Category)), "slug": e.Slug, "name": t.say("name."+e.Slug, nil)}
	if s := e.Status; s != nil {
		key := "explain.status"
		if !s.Firm {
			key = "explain.status-loose"
		}
		names := make([]string, len(s.Rivals))
		for i, r := range s.Rivals {
			names[i] = t.say("name."+r, nil)
		}
		t.line(t.Colours.paint(heading, t.say(key, map[string]string{
			"code": s.Code, "registered": s.Name, "source": s.Source, "rivals": strings.Join(names, t.say("label.comma", nil)),
		})))
	}
	if c := e.Classification; c != nil {
		if e.Category != classify.Unknown {
			t.line(t.Colours.paint(heading, t.say("explain.reply", number)))
		}
		for _, ev := range c.Evidence {
			t.line("  " + t.say("explain.evidence", map[string]string{
				"rule": ev.Rule, "quote": ev.Quote, "confidence": t.say("confidence."+string(c.Confidence), nil)}))
		}
		if len(c.Rivals) > 0 {
			t.line("  " + t.say("explain.rivals", map[string]string{"rivals": t.rivals(c.Rivals)}))
		}
		if c.Provider+c.List+c.Reference != "" {
			t.line("  " + t.say("explain.whose", map[string]string{"provider": c.Provider, "list": c.List, "reference": c.Reference}))
		}
	}
	if e.Category == classify.Unknown {
		if e.Status == nil {
			t.line(t.say("explain.unknown", map[string]string{"query": e.Query}))
		}
		return t.flush()
	}
	t.line(t.Colours.paint(heading, t.say("explain.category", number)))
	t.paragraph("explain.label-cause", t.say("explain."+e.Slug+".cause", nil))
	t.paragraph("explain.label-remedy", t.say("explain."+e.Slug+".remedy", nil))
	t.paragraph("explain.label-party", t.say("party."+string(e.Party), nil))
	t.paragraph("explain.label-checks", t.steps(e.Checks))
	if len(e.Examples) > 0 {
		t.line("  " + t.say("explain.label-examples", nil))
		for _, x := range e.Examples {
			t.line("    " + Safe(x))
		}
	}
	return t.flush()
}

func (t *Text) paragraph(label, text string) {
	if text != "" {
		t.line("  " + t.say(label, nil) + t.say("label.colon", nil) + text)
	}
}

// steps names the looks of a plan, each once.
func (t *Text) steps(ids []string) string {
	var names []string
	seen := map[string]bool{}
	for _, id := range ids {
		if n := t.say("step."+id, nil); !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	return strings.Join(names, t.say("label.comma", nil))
}
