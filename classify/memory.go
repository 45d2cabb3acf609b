package classify

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
)

// The bounds of a memory: 4096 questions of at most 2 KiB each.
const (
	maxRemembered = 1 << 12
	maxQuestion   = 2 << 10
)

// memory keeps answers, since a server refuses mail after mail in the same
// words. A question has one place in it, where the next one that falls there
// drives it out.
type memory struct {
	seed   maphash.Seed
	places [maxRemembered]place
}

type place struct {
	asked  atomic.Uint64 // hash of the question that came last
	answer atomic.Pointer[answer]
}

// answer does not change once it is kept.
type answer struct {
	question
	Classification
}

func (m *memory) place(q *question) (p *place, hash uint64) {
	hash = maphash.Comparable(m.seed, *q)
	return &m.places[hash%maxRemembered], hash
}

// recall gives the answer to a question; nil where it is not known. Most
// questions come once: again says whether this one was the last to be asked
// here, and its answer is worth keeping.
func (m *memory) recall(q *question) (known *answer, again bool) {
	if len(q.reply.Text)+len(q.text) > maxQuestion {
		return nil, false
	}
	p, hash := m.place(q)
	if a := p.answer.Load(); a != nil && a.question == *q {
		return a, true
	}
	again = p.asked.Load() == hash
	p.asked.Store(hash)
	return nil, again
}

func (m *memory) keep(a *answer) {
	p, _ := m.place(&a.question)
	p.answer.Store(a)
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
