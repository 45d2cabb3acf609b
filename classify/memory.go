package classify

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
)

// The bounds of a memory: 2048 places for two questions each, of at most 2 KiB.
const (
	maxPlaces   = 1 << 11
	maxQuestion = 2 << 10
)

// memory keeps answers, since a server refuses mail after mail in the same
// words. A question has one place in it, where the second next that falls
// there drives it out.
type memory struct {
	seed   maphash.Seed
	places [maxPlaces]place
}

// place has what came to it last before what came earlier.
type place struct {
	asked   [2]atomic.Uint64 // hashes of questions
	answers [2]atomic.Pointer[answer]
}

// answer does not change once it is kept.
type answer struct {
	question
	Classification
}

func (m *memory) place(q *question) (p *place, hash uint64) {
	hash = maphash.Comparable(m.seed, *q)
	return &m.places[hash%maxPlaces], hash
}

// recall gives the answer to a question; nil where it is not known. Most
// questions come once: again says whether this one was among the last two
// to be asked here, and its answer is worth keeping.
func (m *memory) recall(q *question) (known *answer, again bool) {
	if len(q.reply.Text)+len(q.text) > maxQuestion {
		return nil, false
	}
	p, hash := m.place(q)
	for i := range p.answers {
		if a := p.answers[i].Load(); a != nil && a.question == *q {
			return a, true
		}
	}
	last := p.asked[0].Load()
	again = last == hash || p.asked[1].Load() == hash
	if last != hash {
		p.asked[1].Store(last)
		p.asked[0].Store(hash)
	}
	return nil, again
}

func (m *memory) keep(a *answer) {
	p, _ := m.place(&a.question)
	p.answers[1].Store(p.answers[0].Load())
	p.answers[0].Store(a)
}

// clone frees the question from the mail that its strings may be parts of.
func (q *question) clone() question {
	c := *q
	for _, s := range []*string{&c.reply.Status, &c.reply.Text, &c.text, (*string)(&c.stage), &c.sender, &c.recipient, &c.remote} {
		*s = strings.Clone(*s)
	}
	return c
}

// copy is the answer for a receiver who may change it.
func (a *answer) copy() Classification {
	c := a.Classification
	c.Evidence, c.Rivals = slices.Clone(c.Evidence), slices.Clone(c.Rivals)
	return c
}
