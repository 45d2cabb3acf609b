package bounce

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// The bounds of a memory: 4,096 slots, each for a text of at most 8 KiB, and
// 2 MiB for all of them.
const (
	memorySlots = 1 << 12
	maxKnown    = 8 << 10
	maxHeld     = 2 << 20
	maxAsked    = 8 // addresses of a notice that is kept
)

// Memory is what readers know from the messages before. Servers repeat
// themselves: the dead addresses of a list come back with every issue of it, and
// what one server says of a thousand messages differs by nothing. The zero value
// is ready, and for readers in several goroutines. It changes no report, and
// takes some MiB at most.
type Memory struct {
	once sync.Once
	*memories
}

// get is nil where there is no memory.
func (m *Memory) get() *memories {
	if m == nil {
		return nil
	}
	m.once.Do(func() { m.memories = &memories{seed: maphash.MakeSeed()} })
	return m.memories
}

type memories struct {
	seed    maphash.Seed
	held    atomic.Int64 // bytes of all texts that are kept
	texts   memory[knownText]
	notices memory[knownNotice]
	replies memory[Failure] // what a remote server said
	reports memory[Failure] // what else tells of a failure
}

// memory keeps what texts were read as. A text has one slot, by its hash, and is
// kept when it comes there twice in a row: mail of which no two are alike costs
// only the looking.
type memory[T any] [memorySlots]slot[T]

type slot[T any] struct {
	last atomic.Uint64 // the hash of the text that came last
	kept atomic.Pointer[kept[T]]
}

// kept does not change.
type kept[T any] struct {
	text string
	as   T
}

// at is the slot of a hash, and whether it was the last to come there.
func (m *memory[T]) at(hash uint64) (s *slot[T], again bool) {
	s = &m[hash%memorySlots]
	if again = s.last.Load() == hash; !again {
		s.last.Store(hash)
	}
	return s, again
}

// keep puts a text into its slot, and drives out the one that is there. Where
// there is no more room it does not.
func (s *slot[T]) keep(held *atomic.Int64, text string, as T) {
	old := s.kept.Load()
	more := int64(len(text))
	if old != nil {
		more -= int64(len(old.text))
	}
	if held.Add(more) > maxHeld && more > 0 || !s.kept.CompareAndSwap(old, &kept[T]{text, as}) {
		held.Add(-more)
	}
}

// knownText is a text part that was decoded.
type knownText struct {
	text
	encoding, charset string
}

// textOf decodes the text in r.raw.
func (r *reader) textOf(encoding, charset string, html bool, extra int64) *text {
	decoded := func() *text {
		return &text{body: r.decode(r.decodeTransfer(r.raw, encoding), charset), html: html, extra: extra}
	}
	if r.known == nil || len(r.raw) > maxKnown || extra > 0 {
		return decoded()
	}
	s, again := r.known.texts.at(maphash.Bytes(r.known.seed, r.raw))
	if k := s.kept.Load(); k != nil && k.text == string(r.raw) && k.as.encoding == encoding && k.as.charset == charset && k.as.html == html {
		return &k.as.text
	}
	if !again {
		return decoded()
	}
	raw, notes := string(r.raw), len(r.rep.Notes)
	t := decoded()
	if t.body = strings.Clone(t.body); t.body == raw {
		t.body = raw
	}
	t.divide()
	if len(r.rep.Notes) == notes { // what was noted must be noted again
		s.keep(&r.known.held, raw, knownText{*t, strings.Clone(encoding), strings.Clone(charset)})
	}
	return t
}

// knownNotice is a notice that was read. It says the same in another message
// where the same of its addresses are the report's own.
type knownNotice struct {
	*prose
	asked []askedAddress
}

type askedAddress struct {
	address string
	own     bool
}

// holds is whether that is so.
func (k *knownNotice) holds(own func(string) bool) bool {
	for _, a := range k.asked {
		if own(a.address) != a.own {
			return false
		}
	}
	return true
}

// prose is what a notice says.
func (r *reader) prose(notice string) *prose {
	if r.known == nil || len(notice) > maxKnown {
		return readProse(notice, r.isOwn, r.known)
	}
	s, again := r.known.notices.at(maphash.String(r.known.seed, notice))
	if k := s.kept.Load(); k != nil && k.text == notice && k.as.holds(r.isOwn) {
		return k.as.prose
	}
	if !again {
		return readProse(notice, r.isOwn, r.known)
	}
	notice = strings.Clone(notice) // of a longer text, perhaps
	var asked []askedAddress
	p := readProse(notice, func(address string) bool {
		own := r.isOwn(address)
		asked = append(asked, askedAddress{address, own})
		return own
	}, r.known)
	if len(asked) <= maxAsked {
		s.keep(&r.known.held, notice, knownNotice{p, asked})
	}
	return p
}

// hear is hear, of a text that may be known.
func (m *memories) hear(text string, remote bool) Failure {
	if m == nil || text == "" || len(text) > maxKnown {
		return hear(text, remote)
	}
	heard := &m.reports
	if remote {
		heard = &m.replies
	}
	s, again := heard.at(maphash.String(m.seed, text))
	if k := s.kept.Load(); k != nil && k.text == text {
		return k.as
	}
	if !again {
		return hear(text, remote)
	}
	text = strings.Clone(text)
	f := hear(text, remote)
	s.keep(&m.held, text, f)
	return f
}
