package classify

import (
	"math"
	"strings"
)

// minLiteral is the shortest literal that a rule may rest on: the index works
// on three bytes.
const minLiteral = 3

// index finds every literal of all rules in one pass over a text. Each literal
// is filed under those three of its bytes that stand in fewest of the others,
// which are rare in replies, too: a text of 200 bytes costs some 200 look-ups
// and a few comparisons, however many rules there are.
type index struct {
	literals []literal
	first    [grams]int32 // by gram: 1 + the place in entries of the first
	entries  []entry
}

// literal is a text that rules look for. A blank at an end of it in the rule
// stands for the edge of a word.
type literal struct {
	text       string
	start, end bool  // there must be an edge of a word
	wakes      int32 // 1 + the rule that waits for it
}

type entry struct {
	literal int32
	next    int32 // 1 + its place in entries
	offset  int16 // of the gram in the literal
	after   byte  // what follows the gram in the literal; 0 at its end
}

// grams is how many kinds of three bytes the index tells apart.
const grams = 1 << 14

// gram numbers the three bytes at the start of text.
func gram[T string | []byte](text T) uint32 {
	_ = text[2]
	return (uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16) * 0x9e3779b1 >> (32 - 14)
}

// add takes up a folded literal and returns its number.
func (x *index) add(text string) int32 {
	x.literals = append(x.literals, literal{text: strings.TrimSpace(text), start: text[0] == ' ', end: text[len(text)-1] == ' '})
	return int32(len(x.literals)) - 1
}

// file makes the literals findable, after the last of them.
func (x *index) file() {
	var holders [grams]int32
	for i := range x.literals {
		for t := x.literals[i].text; len(t) >= minLiteral; t = t[1:] {
			holders[gram(t)]++
		}
	}
	x.entries = make([]entry, len(x.literals))
	for i := range x.literals {
		text, at := x.literals[i].text, 0
		for j := 1; j+minLiteral <= min(len(text), math.MaxInt16); j++ {
			if holders[gram(text[j:])] < holders[gram(text[at:])] {
				at = j
			}
		}
		e := entry{literal: int32(i), offset: int16(at), next: x.first[gram(text[at:])]}
		if after := at + minLiteral; after < len(text) {
			e.after = text[after]
		}
		x.entries[i] = e
		x.first[gram(text[at:])] = int32(i) + 1
	}
}

// hits is what a scan found: where each literal stood last, and which did.
type hits struct {
	last  []int32 // by literal: 1 + place of its last occurrence
	found []int32
}

// scan finds all literals in text.
func (x *index) scan(text []byte, h *hits) {
	if h.last == nil {
		h.last = make([]int32, len(x.literals))
	}
	for _, l := range h.found {
		h.last[l] = 0
	}
	h.found = h.found[:0]
	for i := 0; i+minLiteral <= len(text); i++ {
		e := x.first[gram(text[i:])]
		for e > 0 {
			at := x.entries[e-1]
			e = at.next
			if at.after != 0 && (i+minLiteral == len(text) || text[i+minLiteral] != at.after) {
				continue
			}
			from := i - int(at.offset)
			if !x.literals[at.literal].standsAt(text, from) {
				continue
			}
			if h.last[at.literal] == 0 {
				h.found = append(h.found, at.literal)
			}
			h.last[at.literal] = int32(from) + 1
		}
	}
}

func (l *literal) standsAt(text []byte, from int) bool {
	to := from + len(l.text)
	return from >= 0 && to <= len(text) && string(text[from:to]) == l.text &&
		(!l.start || from == 0 || !isAlnum(text[from-1])) &&
		(!l.end || to == len(text) || !isAlnum(text[to]))
}

// wake appends the rules that wait for what was found.
func (x *index) wake(h *hits, rules []int32) []int32 {
	for _, l := range h.found {
		if r := x.literals[l].wakes; r > 0 {
			rules = append(rules, r-1)
		}
	}
	return rules
}

// longest is the place of the longest of the literals that were found.
func (x *index) longest(ids []int32, h *hits) (i, j int, ok bool) {
	for _, id := range ids {
		if n := len(x.literals[id].text); h.last[id] > 0 && n > j-i {
			i, j, ok = int(h.last[id])-1, int(h.last[id])-1+n, true
		}
	}
	return i, j, ok
}

func (x *index) addAll(texts []string) []int32 {
	ids := make([]int32, len(texts))
	for i, t := range texts {
		ids[i] = x.add(foldString(t))
	}
	return ids
}
