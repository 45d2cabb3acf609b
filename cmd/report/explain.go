package report

import (
	"cmp"
	"strconv"
	"strings"

	"diagnose/classify"
	"diagnose/probe"
	"diagnose/rbl"
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
	List           *ListPage                `json:"list,omitempty"`           // the query is a block list
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

// ListPage is what there is to say of a block list without asking it.
type ListPage struct {
	Zone      string   `json:"zone"`
	Operator  string   `json:"operator"`
	Tier      rbl.Tier `json:"tier"`
	Scope     string   `json:"scope"`
	Key       bool     `json:"key"` // it answers only those who have one
	LookupURL string   `json:"lookup_url"`
	DelistURL string   `json:"delist_url"`
	Rule      string   `json:"delist_rule"` // how an entry comes off
	Terms     string   `json:"terms"`       // the operator's limits
	Closed    string   `json:"closed"`
	Died      string   `json:"died"`
}

// NewListPage takes what is told of a list.
func NewListPage(l rbl.List) *ListPage {
	return &ListPage{
		Zone: l.Zone, Operator: l.Operator, Tier: l.Tier, Scope: l.Scope, Key: l.Key, LookupURL: bare(l.LookupURL), DelistURL: bare(l.DelistURL),
		Rule: l.DelistRule, Terms: l.Terms, Closed: l.Closed, Died: string(l.Died),
	}
}

// bare is a page without the place for what is looked up.
func bare(url string) string {
	before, _, _ := strings.Cut(url, "{")
	return before
}

func (t *Text) listPage(l *ListPage) {
	args := map[string]string{"zone": l.Zone, "operator": l.Operator, "closed": l.Closed, "rule": l.Rule, "url": cmp.Or(l.DelistURL, l.LookupURL)}
	if l.Tier == rbl.DeadTier {
		if l.Died != "" {
			args["died"] = t.say("died."+l.Died, nil)
		}
		t.hang("", t.say("explain.list-dead", args), heading)
		return
	}
	t.hang("", t.say("explain.list", args), heading)
	if l.Scope == "range" || l.Scope == "asn" {
		t.hang("  "+t.say("explain.label-scope", nil)+t.say("label.colon", nil), t.say("scope."+l.Scope, nil), plain)
	}
	if l.Key {
		t.hang("  ", t.say("explain.list-key", nil), plain)
	}
	for _, row := range []struct{ label, value string }{{"explain.label-lookup", l.LookupURL}, {"explain.label-terms", l.Terms}} {
		if row.value != "" {
			t.hang("  "+t.say(row.label, nil)+t.say("label.colon", nil), Safe(row.value), plain)
		}
	}
	if args["url"]+l.Rule != "" {
		t.hang("  ", t.say("label.delist", args), plain)
	}
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
	if e.List != nil {
		t.listPage(e.List)
		return t.flush()
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
