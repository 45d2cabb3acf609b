package classify

import (
	"errors"
	"math"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxQuote bounds what a pattern spans, in bytes: words that stand further
// apart say different things.
const maxQuote = 120

// maxStates bounds what an automaton remembers, at some 200 bytes each. A
// thousand different replies need 300 of the pattern that needs most; where
// more are needed it begins anew.
const maxStates = 1000

// automaton is a regular expression that is matched in one step for each
// character. Package regexp follows every alternative of a pattern side by
// side, and our patterns have hundreds: that costs it 20 to 90 µs a reply. Here
// all that can be followed at one time is one state, and where a character
// leads from there is worked out once, when a text first asks.
//
// It finds what regexp does, the leftmost match and of those the preferred one,
// but none that is empty or longer than maxQuote.
//
// All of it is numbers in a few slices: a collection has nothing to follow in
// them.
type automaton struct {
	program []inst
	begin   uint32                // the first instruction
	sets    []runs                // that instructions take
	bounds  []rune                // where the characters that the program tells apart begin
	kinds   []kind                // by run: a number of such characters, from 1; 0 is the end of the text
	ascii   [utf8.RuneSelf]uint16 // runs

	searching sync.Mutex // for what a search adds to: two seldom meet at one pattern
	states    []state
	next      []stateID // by state and run; 0 is not worked out yet
	threads   []uint32  // of all states
	known     map[uint64]stateID
	starts    [len(kinds)]stateID
	vain      [len(kinds)][utf8.RuneSelf]bool // where a kind of character stands before this one, no match begins
	met       []bool                          // instructions, in the step that is being made
}

// inst is an instruction of the program. One that takes a character has its sets
// from arg to end.
type inst struct {
	op            syntax.InstOp
	out, arg, end uint32
}

// runs are runs of characters that follow each other.
type runs struct{ first, last uint16 }

// state is where the program stands after some characters.
type state struct {
	from, to uint32 // its threads: instructions to go on with, the preferred first
	before   kind   // the character that was read last
	ended    bool   // a match ended before that character
}

// stateID is 1 + the place of a state.
type stateID uint16

// kind is what a look back tells of a character, for ^ and \b: its place in kinds.
type kind uint8

// kinds has one character of each kind; -1 is the edge of the text.
var kinds = [...]rune{-1, '\n', ' ', 'a'}

func kindOf(r rune) kind {
	switch {
	case r < 0:
		return 0
	case r == '\n':
		return 1
	case syntax.IsWordChar(r):
		return 3
	}
	return 2
}

func compile(pattern string) (*automaton, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	cuts := bounds(prog)
	if len(cuts) > math.MaxUint16 {
		return nil, errors.New("too many different characters")
	}
	a := &automaton{bounds: cuts, begin: uint32(prog.Start), known: map[uint64]stateID{}, met: make([]bool, len(prog.Inst))}
	a.kinds = make([]kind, 1, len(a.bounds)+1)
	for _, r := range a.bounds {
		a.kinds = append(a.kinds, kindOf(r))
	}
	for r := range a.ascii {
		a.ascii[r] = a.run(rune(r))
	}
	a.program = make([]inst, len(prog.Inst))
	for i := range prog.Inst {
		a.program[i] = a.inst(&prog.Inst[i])
	}
	a.sets = slices.Clone(a.sets) // it was grown by doubling
	return a, nil
}

// inst is an instruction in our form.
func (a *automaton) inst(in *syntax.Inst) inst {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		from := uint32(len(a.sets))
		characters(in, func(first, last rune) { a.sets = append(a.sets, runs{a.run(first), a.run(last)}) })
		return inst{syntax.InstRune, in.Out, from, uint32(len(a.sets))}
	}
	return inst{op: in.Op, out: in.Out, arg: in.Arg}
}

// characters gives the ranges of characters that an instruction takes.
func characters(in *syntax.Inst, give func(first, last rune)) {
	if len(in.Rune) == 1 {
		r := in.Rune[0]
		give(r, r)
		if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				give(f, f)
			}
		}
		return
	}
	for i := 0; i+1 < len(in.Rune); i += 2 {
		give(in.Rune[i], in.Rune[i+1])
	}
}

// bounds cuts all characters into runs that a program does not tell apart.
func bounds(prog *syntax.Prog) []rune {
	b := []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1}
	for i := range prog.Inst {
		characters(&prog.Inst[i], func(first, last rune) { b = append(b, first, last+1) })
	}
	slices.Sort(b)
	return slices.Clone(slices.Compact(b)) // without the room for what was said twice
}

// read gives the run and the length of the character at i; at the end of the
// text it is run 0.
func (a *automaton) read(text []byte, i int) (run uint16, n int) {
	if i < len(text) && text[i] < utf8.RuneSelf {
		return a.ascii[text[i]], 1
	}
	return a.readRune(text[i:])
}

func (a *automaton) readRune(text []byte) (run uint16, n int) {
	if len(text) == 0 {
		return 0, 1
	}
	r, n := utf8.DecodeRune(text)
	return a.run(r), n
}

// run numbers the run of a character.
func (a *automaton) run(r rune) uint16 {
	i, ok := slices.BinarySearch(a.bounds, r)
	if ok {
		i++
	}
	return uint16(i)
}

// find says where the pattern stands in text. It tries every place with a step
// or two, and reads on from where a match may begin.
func (a *automaton) find(text []byte) (i, j int, ok bool) {
	a.searching.Lock()
	defer a.searching.Unlock()
	before := kind(0)
	for i < len(text) {
		if b := text[i]; b < utf8.RuneSelf && a.vain[before][b] {
			before = a.kinds[a.ascii[b]]
			i++
			continue
		}
		start := a.starts[before]
		if start == 0 {
			start = a.start(before)
		}
		run, n := a.read(text, i)
		s := a.step(start, run)
		if a.alive(s) {
			if j := a.end(s, text, i+n, min(len(text), i+maxQuote)); j > i {
				return i, j, true
			}
		} else if b := text[i]; b < utf8.RuneSelf {
			a.vain[before][b] = true
		}
		before = a.kinds[run]
		i += n
	}
	return 0, 0, false
}

// end says where the match ends that has come to state s at i; 0 where there is
// none, or where it could go on beyond the limit.
func (a *automaton) end(s stateID, text []byte, i, limit int) (end int) {
	for i <= limit {
		run, n := a.read(text, i)
		s = a.step(s, run)
		if a.states[s-1].ended {
			end = i
		}
		if !a.alive(s) {
			return end
		}
		i += n
	}
	return 0
}

// alive says whether there is anything to go on with.
func (a *automaton) alive(s stateID) bool { return a.states[s-1].from < a.states[s-1].to }

// step goes from a state over a character of a run.
func (a *automaton) step(s stateID, run uint16) stateID {
	if to := a.next[a.way(s, run)]; to != 0 {
		return to
	}
	return a.learn(s, run)
}

// way is the place in next of a step.
func (a *automaton) way(s stateID, run uint16) int { return int(s-1)*len(a.kinds) + int(run) }

// start gives the state in which a match can begin after a character of a kind.
func (a *automaton) start(before kind) stateID {
	n := uint32(len(a.threads))
	a.threads = append(a.threads, a.begin)
	id, _ := a.add(state{from: n, to: n + 1, before: before})
	a.starts[before] = id
	return id
}

// learn works out a step.
func (a *automaton) learn(s stateID, run uint16) stateID {
	r := rune(-1)
	if run > 0 {
		r = a.bounds[run-1]
	}
	from := a.states[s-1]
	to := state{from: uint32(len(a.threads)), before: kindOf(r)}
	beside := syntax.EmptyOpContext(kinds[from.before], r)
	clear(a.met)
	for i := from.from; i < from.to && !to.ended; i++ {
		to.ended = a.follow(a.threads[i], beside, run)
	}
	to.to = uint32(len(a.threads))
	id, forgot := a.add(to)
	if !forgot {
		a.next[a.way(s, run)] = id
	}
	return id
}

// follow takes a thread up to and over a character of a run, to the end of
// threads. It says whether the thread was at the end of the program: what is
// less preferred is then void.
func (a *automaton) follow(pc uint32, beside syntax.EmptyOp, run uint16) bool {
	if a.met[pc] {
		return false
	}
	a.met[pc] = true
	switch in := &a.program[pc]; in.op {
	case syntax.InstMatch:
		return true
	case syntax.InstAlt, syntax.InstAltMatch:
		return a.follow(in.out, beside, run) || a.follow(in.arg, beside, run)
	case syntax.InstCapture, syntax.InstNop:
		return a.follow(in.out, beside, run)
	case syntax.InstEmptyWidth:
		return syntax.EmptyOp(in.arg)&^beside == 0 && a.follow(in.out, beside, run)
	case syntax.InstRune:
		if slices.ContainsFunc(a.sets[in.arg:in.end], func(s runs) bool { return s.first <= run && run <= s.last }) {
			a.threads = append(a.threads, in.out)
		}
	}
	return false
}

// add gives the number of the state that equals s, whose threads are the last.
// Where there are too many it first forgets all.
func (a *automaton) add(s state) (id stateID, forgot bool) {
	hash := a.hash(s)
	for ; a.known[hash] != 0; hash++ {
		if id := a.known[hash]; a.same(a.states[id-1], s) {
			a.threads = a.threads[:s.from]
			return id, false
		}
	}
	if forgot = len(a.states) == maxStates; forgot {
		a.threads = append(a.threads[:0], a.threads[s.from:]...)
		s.from, s.to = 0, uint32(len(a.threads))
		a.states, a.next = a.states[:0], a.next[:0]
		clear(a.known)
		clear(a.starts[:])
		hash = a.hash(s)
	}
	a.states = append(a.states, s)
	a.next = append(a.next, make([]stateID, len(a.kinds))...)
	id = stateID(len(a.states))
	a.known[hash] = id
	return id, forgot
}

func (a *automaton) same(s, t state) bool {
	return s.before == t.before && s.ended == t.ended && slices.Equal(a.threads[s.from:s.to], a.threads[t.from:t.to])
}

func (a *automaton) hash(s state) uint64 {
	h := uint64(s.before)
	for _, pc := range a.threads[s.from:s.to] {
		h = (h ^ uint64(pc)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return h
}
