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
		t.hang("", t.say(key, map[string]string{
			"code": s.Code, "registered": s.Name, "source": s.Source, "rivals": strings.Join(names, t.say("label.comma", nil)),
		}), heading)
	}
	if c := e.Classification; c != nil {
		if e.Category != classify.Unknown {
			t.hang("", t.say("explain.reply", number), heading)
		}
		for _, ev := range c.Evidence {
			t.hang("  ", t.say("explain.evidence", map[string]string{
				"rule": ev.Rule, "quote": ev.Quote, "confidence": t.say("confidence."+string(c.Confidence), nil)}), plain)
		}
		if len(c.Rivals) > 0 {
			t.hang("  ", t.say("explain.rivals", map[string]string{"rivals": t.rivals(c.Rivals)}), plain)
		}
		if c.Provider+c.List+c.Reference != "" {
			t.hang("  ", t.say("explain.whose", map[string]string{"provider": c.Provider, "list": c.List, "reference": c.Reference}), plain)
		}
	}
	if e.Category == classify.Unknown {
		if e.Status == nil {
			t.hang("", t.say("explain.unknown", map[string]string{"query": e.Query}), plain)
		}
		return t.flush()
	}
	t.hang("", t.say("explain.category", number), heading)
	for _, p := range e.Paragraphs(t.Words) {
		t.hang("  "+p.Label+t.say("label.colon", nil), p.Text, plain)
	}
	if len(e.Examples) > 0 {
		t.line("  " + t.say("explain.label-examples", nil))
		for _, x := range e.Examples {
			t.hang("    ", Safe(x), plain)
		}
	}
	t.meet(t.page.String())
	return t.flush()
}

// Paragraph is a part of what there is to say of a category.
type Paragraph struct{ Label, Text string }

// Paragraphs are all that there is to say of a category, but for the replies
// that mean it; a page of the handbook.
func (e Explanation) Paragraphs(w *Words) []Paragraph {
	t := &Text{Words: w}
	of := func(label, part string) Paragraph {
		return Paragraph{w.Say(label, nil), w.Say("explain."+e.Slug+part, nil)}
	}
	return []Paragraph{
		of("explain.label-cause", ".cause"),
		{w.Say("explain.label-party", nil), w.Say("party."+string(e.Party), nil)},
		of("explain.label-remedy", ".remedy"),
		{w.Say("explain.label-checks", nil), t.steps(e.Checks)},
		of("explain.label-confirmed", ".confirmed"),
		of("explain.label-cleared", ".cleared"),
		of("explain.label-otherwise", ".otherwise"),
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
