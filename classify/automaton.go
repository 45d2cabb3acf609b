package classify

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// maxQuote bounds what a pattern spans, in bytes: words that stand further
// apart say different things.
const maxQuote = 120

// maxStates bounds what an automaton remembers, at some 600 bytes each. A
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
type automaton struct {
	prog   *syntax.Prog
	bounds []rune                // where the characters that the program tells apart begin
	kinds  []kind                // by run: a number of such characters, from 1; 0 is the end of the text
	ascii  [utf8.RuneSelf]uint16 // runs
	starts [len(kinds)]atomic.Pointer[state]

	making sync.Mutex
	states map[string]*state
	met    []bool // instructions, in the step that is being made
}

// state is where the program stands after some characters.
type state struct {
	threads []uint32 // instructions to go on with, the preferred first
	before  kind     // the character that was read last
	ended   bool     // a match ended before that character
	next    []atomic.Pointer[state]
}

// kind is what a look back tells of a character, for ^ and \b: its place in kinds.
type kind int

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
	prog.Inst = slices.Clone(prog.Inst) // it was grown by doubling
	a := &automaton{prog: prog, bounds: bounds(prog), states: map[string]*state{}, met: make([]bool, len(prog.Inst))}
	a.kinds = make([]kind, 1, len(a.bounds)+1)
	for _, r := range a.bounds {
		a.kinds = append(a.kinds, kindOf(r))
	}
	for r := range a.ascii {
		a.ascii[r] = uint16(a.run(rune(r)))
	}
	return a, nil
}

// bounds cuts all characters into runs that a program does not tell apart.
func bounds(prog *syntax.Prog) []rune {
	b := []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1}
	for _, in := range prog.Inst {
		if len(in.Rune) == 1 {
			r := in.Rune[0]
			b = append(b, r, r+1)
			if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					b = append(b, f, f+1)
				}
			}
			continue
		}
		for i := 0; i+1 < len(in.Rune); i += 2 {
			b = append(b, in.Rune[i], in.Rune[i+1]+1)
		}
	}
	slices.Sort(b)
	return slices.Clone(slices.Compact(b)) // without the room for what was said twice
}

// read gives the run and the length of the character at i; at the end of the
// text it is run 0.
func (a *automaton) read(text []byte, i int) (run int, n int) {
	if i < len(text) && text[i] < utf8.RuneSelf {
		return int(a.ascii[text[i]]), 1
	}
	return a.readRune(text[i:])
}

func (a *automaton) readRune(text []byte) (run int, n int) {
	if len(text) == 0 {
		return 0, 1
	}
	r, n := utf8.DecodeRune(text)
	return a.run(r), n
}

// run numbers the run of a character.
func (a *automaton) run(r rune) int {
	i, ok := slices.BinarySearch(a.bounds, r)
	if ok {
		i++
	}
	return i
}

// find says where the pattern stands in text. It tries every place with a step
// or two, and reads on from where a match may begin.
func (a *automaton) find(text []byte) (i, j int, ok bool) {
	before := kind(0)
	for i < len(text) {
		start := a.starts[before].Load()
		if start == nil {
			start = a.start(before)
		}
		run, n := a.read(text, i)
		s := a.step(start, run)
		if len(s.threads) > 0 {
			if j := a.end(s, text, i+n, min(len(text), i+maxQuote)); j > i {
				return i, j, true
			}
		}
		before = a.kinds[run]
		i += n
	}
	return 0, 0, false
}

// end says where the match ends that has come to state s at i; 0 where there is
// none, or where it could go on beyond the limit.
func (a *automaton) end(s *state, text []byte, i, limit int) (end int) {
	for i <= limit {
		run, n := a.read(text, i)
		s = a.step(s, run)
		if s.ended {
			end = i
		}
		if len(s.threads) == 0 {
			return end
		}
		i += n
	}
	return 0
}

// step goes from a state over a character of a run.
func (a *automaton) step(s *state, run int) *state {
	to := s.next[run].Load()
	if to == nil {
		to = a.learn(s, run)
	}
	return to
}

// start gives the state in which a match can begin after a character of a kind.
func (a *automaton) start(before kind) *state {
	a.making.Lock()
	defer a.making.Unlock()
	s := a.known(&state{threads: []uint32{uint32(a.prog.Start)}, before: before})
	a.starts[before].Store(s)
	return s
}

// learn works out a step.
func (a *automaton) learn(s *state, run int) *state {
	a.making.Lock()
	defer a.making.Unlock()
	r := rune(-1)
	if run > 0 {
		r = a.bounds[run-1]
	}
	to, beside := &state{before: kindOf(r)}, syntax.EmptyOpContext(kinds[s.before], r)
	clear(a.met)
	to.ended = slices.ContainsFunc(s.threads, func(pc uint32) bool { return a.follow(pc, beside, r, to) })
	to = a.known(to)
	s.next[run].Store(to)
	return to
}

// follow takes a thread up to and over the character r. It says whether the
// thread was at the end of the program: what is less preferred is then void.
func (a *automaton) follow(pc uint32, beside syntax.EmptyOp, r rune, to *state) bool {
	if a.met[pc] {
		return false
	}
	a.met[pc] = true
	switch in := &a.prog.Inst[pc]; in.Op {
	case syntax.InstMatch:
		return true
	case syntax.InstAlt, syntax.InstAltMatch:
		return a.follow(in.Out, beside, r, to) || a.follow(in.Arg, beside, r, to)
	case syntax.InstCapture, syntax.InstNop:
		return a.follow(in.Out, beside, r, to)
	case syntax.InstEmptyWidth:
		return syntax.EmptyOp(in.Arg)&^beside == 0 && a.follow(in.Out, beside, r, to)
	default:
		if r >= 0 && in.MatchRune(r) {
			to.threads = append(to.threads, in.Out)
		}
		return false
	}
}

// known gives the state that equals s. Where there are too many it forgets
// them, and the texts under way keep those that they still need.
func (a *automaton) known(s *state) *state {
	key := []byte{byte(s.before)}
	if s.ended {
		key[0] |= 0x80
	}
	for _, pc := range s.threads {
		key = binary.AppendUvarint(key, uint64(pc))
	}
	if k := a.states[string(key)]; k != nil {
		return k
	}
	if len(a.states) == maxStates {
		clear(a.states)
		for i := range a.starts {
			a.starts[i].Store(nil)
		}
	}
	s.next = make([]atomic.Pointer[state], len(a.bounds)+1)
	a.states[string(key)] = s
	return s
}
