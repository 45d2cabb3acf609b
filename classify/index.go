package classify

import (
	"slices"
	"strings"
)

// minLiteral is the shortest literal that a rule may rest on: the index works
// on three bytes.
const minLiteral = 3

// index finds every literal of all rules in one pass over a text. Each literal
// is filed under the three of its bytes that fewest others are filed under, so
// that a text of 200 bytes costs some 200 look-ups, however many rules there are.
type index struct {
	literals []literal
	first    [1 << 14]int32 // by gram: 1 + the place in entries of the first
	load     [1 << 14]uint8
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
	offset  int32 // of the gram in the literal
	next    int32 // 1 + its place in entries
}

func gram(a, b, c byte) uint32 {
	return (uint32(a)*0x9e5 ^ uint32(b)*0x1f3 ^ uint32(c)*0x25) & (1<<14 - 1)
}

// add files a folded literal and returns its number.
func (x *index) add(text string) int32 {
	id := int32(len(x.literals))
	bare := strings.TrimSpace(text)
	x.literals = append(x.literals, literal{text: bare, start: text[0] == ' ', end: text[len(text)-1] == ' '})
	best, at := uint32(0), -1
	for i := range len(bare) - minLiteral + 1 {
		if g := gram(bare[i], bare[i+1], bare[i+2]); at < 0 || x.load[g] < x.load[best] {
			best, at = g, i
		}
	}
	x.load[best] += min(1, 255-x.load[best])
	x.entries = append(x.entries, entry{id, int32(at), x.first[best]})
	x.first[best] = int32(len(x.entries))
	return id
}

// hits is what a scan found: where each literal stood last, and which did.
type hits struct {
	last  []int32 // by literal: 1 + place of its last occurrence
	found []int32
}

// scan finds all literals in text.
func (x *index) scan(text []byte, h *hits) {
	if cap(h.last) < len(x.literals) {
		h.last = make([]int32, len(x.literals))
	}
	h.last = h.last[:len(x.literals)]
	clear(h.last)
	h.found = h.found[:0]
	for i := 0; i+minLiteral <= len(text); i++ {
		for e := x.first[gram(text[i], text[i+1], text[i+2])]; e > 0; {
			at := x.entries[e-1]
			e = at.next
			if from := i - int(at.offset); x.literals[at.literal].standsAt(text, from) {
				if h.last[at.literal] == 0 {
					h.found = append(h.found, at.literal)
				}
				h.last[at.literal] = int32(from) + 1
			}
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

// grow makes room for n literals.
func (x *index) grow(n int) {
	x.literals, x.entries = slices.Grow(x.literals, n), slices.Grow(x.entries, n)
}

func (x *index) addAll(texts []string) []int32 {
	ids := make([]int32, len(texts))
	for i, t := range texts {
		ids[i] = x.add(foldString(t))
	}
	return ids
}
