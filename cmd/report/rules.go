package report

import (
	"strconv"

	"diagnose/classify"
)

// Rule is the JSON form of a [classify.Rule].
type Rule struct {
	ID         string   `json:"id"`
	Category   string   `json:"category"` // a slug
	Reason     string   `json:"reason"`
	Class      string   `json:"class"`
	Confidence string   `json:"confidence"`
	Provider   string   `json:"provider"`
	Reference  string   `json:"reference"`
	Source     string   `json:"source"`
	Examples   []string `json:"examples"`
	Counters   []string `json:"counters"`
	File       string   `json:"file"`
	Line       int      `json:"line"`
}

// NewRule gives a rule its JSON form.
func NewRule(r classify.Rule) Rule {
	return Rule{
		ID: r.ID, Category: r.Category, Reason: r.Reason, Class: string(r.Class), Confidence: string(r.Confidence),
		Provider: r.Provider, Reference: r.Reference, Source: r.Source,
		Examples: append([]string{}, r.Example...), Counters: append([]string{}, r.Counter...), File: r.File, Line: r.Line,
	}
}

// Proofs counts the proofs that held.
type Proofs struct {
	Rules    int `json:"rules"`
	Examples int `json:"examples"`
	Counters int `json:"counters"`
}

// rule writes a rule in a line: its id, category, strength, and a reply that
// it recognises.
func (t *Text) rule(r Rule) error {
	example := ""
	if len(r.Examples) > 0 {
		example = r.Examples[0]
	}
	t.hang(t.Words.Pad(Safe(r.ID), 40)+"  ", t.say("label.rule", map[string]string{
		"category": t.say("name."+r.Category, nil), "confidence": t.say("confidence."+r.Confidence, nil),
		"provider": r.Provider, "example": example,
	}), plain)
	return t.run()
}

// proofs says that all proofs held, and how many those are.
func (t *Text) proofs(p Proofs) error {
	t.hang("", t.say("label.proofs", map[string]string{
		"rules": strconv.Itoa(p.Rules), "examples": strconv.Itoa(p.Examples), "counters": strconv.Itoa(p.Counters),
	}), good)
	return t.flush()
}
