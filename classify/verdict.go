package classify

import (
	"cmp"
	"slices"
)

// The order of precedence. Higher wins:
//
//  1. an admin's own rules before the built-in ones;
//  2. the class: decisive > code > words > firm status > hint > aftermath >
//     loose status > reply code;
//  3. what the remote said before what the reporting server wrote;
//  4. the later reply of a chain ("host a said: 550 ... host b said: 550 ...");
//  5. the confidence of the rule: words that only frame a cause ("message
//     rejected") are weak, and lose to those that name it;
//  6. what a firm status says, too: of two things in the words, 4.2.2 knows which;
//  7. the longer quote: more words mean something more exact;
//  8. the order of the files and of the rules in them.
//
// Two matches are never equal in all of them, so the order is total.
const (
	codeRank = iota
	looseStatusRank
	aftermathRank
	hintRank
	firmStatusRank
	wordsRank
	providerRank
	decisiveRank

	ownRank = 100 // added to the rank of an admin's own rule
)

// classes, the strongest first.
var classes = [...]Class{Decisive, Code, Words, Hint, Aftermath}

// rank is the class's place; false where there is no such class.
func (c Class) rank() (int, bool) {
	switch c {
	case Decisive:
		return decisiveRank, true
	case Code:
		return providerRank, true
	case Words:
		return wordsRank, true
	case Hint:
		return hintRank, true
	case Aftermath:
		return aftermathRank, true
	}
	return 0, false
}

// maxRivals bounds what a reader is asked to weigh.
const maxRivals = 4

// match is one witness for a category.
type match struct {
	category   Category
	rivals     []Category
	rank       int
	remote     bool
	segment    int
	confidence Confidence
	confirmed  bool // by a firm status
	order      int
	rule       *rule // nil for a status or a code
	id         string
	quote      string
	from       Source
}

func (m *match) before(o *match) int {
	return cmp.Or(
		cmp.Compare(o.rank, m.rank),
		trueFirst(m.remote, o.remote),
		cmp.Compare(o.segment, m.segment),
		cmp.Compare(m.confidence.depth(), o.confidence.depth()),
		trueFirst(m.confirmed, o.confirmed),
		cmp.Compare(len(o.quote), len(m.quote)),
		cmp.Compare(m.order, o.order),
	)
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (c Confidence) depth() int {
	switch c {
	case Certain:
		return 0
	case Likely:
		return 1
	}
	return 2
}

// verdict makes the answer of the sorted matches.
func (t *trial) verdict() Classification {
	a := Classification{Slug: Unknown.Slug(), Confidence: Weak, Evidence: make([]Evidence, 0, len(t.matches)), Rivals: []Rival{}}
	if len(t.matches) == 0 {
		return a
	}
	won := &t.matches[0]
	a.Category, a.Slug, a.Confidence = won.category, won.category.Slug(), won.confidence
	for i := range t.matches {
		if m := &t.matches[i]; m.category == won.category {
			a.support(m, won)
		}
	}
	if a.Category == Blocklisted || t.kind == privateList && a.Category == Rejected {
		a.List = t.zone
		if a.Reason == ReasonPrivateList && t.kind == "" && isListName(t.zone) { // it says whose
			a.Reason = ""
		}
		a.Reason = or(a.Reason, t.kind.reason())
	}
	a.Rivals = t.rivals(won)
	return a
}

// support adds a witness for the category that won.
func (a *Classification) support(m, won *match) {
	if m == won || m.rule == nil {
		a.Evidence = append(a.Evidence, Evidence{Rule: m.id, Quote: m.quote, From: m.from})
	}
	if m != won && m.rank == firmStatusRank && a.Confidence == Likely {
		a.Confidence = Certain
	}
	if m.rule != nil && m.rank == won.rank {
		a.Reason = or(a.Reason, m.rule.Reason)
		a.Provider = or(a.Provider, m.rule.Provider)
		a.Reference = or(a.Reference, m.rule.Reference)
	}
}

func (k listKind) reason() string {
	switch k {
	case privateList:
		return ReasonPrivateList
	case domainList:
		return ReasonDomainList
	}
	return ""
}

// rivals names the categories that lost: those that the words spoke for, then
// those that the winner's words are known to mean elsewhere. A weak witness is
// no rival of a strong one.
func (t *trial) rivals(won *match) []Rival {
	rivals := []Rival{}
	add := func(c Category, rule string) {
		known := func(r Rival) bool { return r.Category == c }
		if c != Unknown && c != won.category && len(rivals) < maxRivals && !slices.ContainsFunc(rivals, known) {
			rivals = append(rivals, Rival{Category: c, Slug: c.Slug(), Rule: rule})
		}
	}
	for i := range t.matches {
		if m := &t.matches[i]; m.rank >= min(won.rank, hintRank) {
			add(m.category, m.id)
		}
	}
	for _, c := range won.rivals {
		add(c, won.id)
	}
	return rivals
}
