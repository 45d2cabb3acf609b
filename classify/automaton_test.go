package classify

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
)

// agrees checks a search against that of package regexp.
func agrees(t *testing.T, a *automaton, re *regexp.Regexp, text []byte) {
	t.Helper()
	i, j, ok := a.find(text)
	at := re.FindIndex(text)
	switch {
	case ok && (at == nil || i < at[0] || i >= j || j-i > maxQuote || j > len(text)):
		t.Errorf("%q in %q: found at %d to %d, regexp %v", re, text, i, j, at)
	case at != nil && at[0] < at[1] && len(text) <= maxQuote && (i != at[0] || j != at[1]):
		t.Errorf("%q in %q: found %v at %d to %d, regexp %v", re, text, ok, i, j, at)
	}
}

func TestPatternsFindWhatRegexpFinds(t *testing.T) {
	rules := shipped(t).Rules()
	for _, r := range rules {
		a, err := compile(r.Pattern)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(r.Pattern)
		for _, o := range rules {
			if o.File != r.File {
				continue
			}
			for _, text := range slices.Concat(o.Example, o.Counter) {
				var s sheet
				s.write(text)
				agrees(t, a, re, s.words.text)
			}
		}
	}
}

func TestAPatternSpansNoMoreThanAQuote(t *testing.T) {
	a, err := compile("open.*close")
	if err != nil {
		t.Fatal(err)
	}
	far, near := bytes.Repeat([]byte("."), maxQuote), []byte("open close")
	for _, tt := range []struct {
		text []byte
		i, j int
	}{
		{near, 0, 10},
		{bytes.Join([][]byte{far, near}, nil), maxQuote, maxQuote + 10},
		{bytes.Join([][]byte{[]byte("open"), far, []byte("close")}, nil), 0, 0},
		{bytes.Join([][]byte{[]byte("open"), far, near}, nil), maxQuote + 4, maxQuote + 14},
		{bytes.Join([][]byte{[]byte("open"), far[:maxQuote-9], []byte("close")}, nil), 0, maxQuote},
	} {
		if i, j, ok := a.find(tt.text); i != tt.i || j != tt.j || ok != (tt.j > 0) {
			t.Errorf("%q: %d to %d, want %d to %d", tt.text, i, j, tt.i, tt.j)
		}
	}
}

// The pattern has a state for each of the last twelve letters that were read.
func TestAnAutomatonForgetsRatherThanGrows(t *testing.T) {
	const pattern = "a[ab]{12}c"
	a, err := compile(pattern)
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		text := make([]byte, maxQuote)
		for i := range text {
			text[i] = "ababababc"[random.IntN(9)]
		}
		agrees(t, a, re, text)
	}
	if n := len(a.states); n > maxStates {
		t.Errorf("%d states are kept", n)
	}
}

func FuzzAutomaton(f *testing.F) {
	f.Add(`(?:user|mailbox)\b[^.;]*?(?:unknown|full)|^no\b|gone$`, "550 mailbox of user unknown")
	f.Add(`(?i)\bk[a-z]*?(?:x|xy)\B|(?m)^a+?$`, "K\nKelvin \u212axy aaa\naa\xff")
	f.Add(`(a*)*|(?s)b.{0,9}[^a-f\n用户]`, "用户 b\nab")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := regexp.Compile(pattern)
		a, ours := compile(pattern)
		if (err == nil) != (ours == nil) {
			t.Fatalf("%q: %v, regexp: %v", pattern, ours, err)
		}
		if err != nil || len(pattern) > 200 || len(text) > 1000 {
			return
		}
		agrees(t, a, re, []byte(text))
	})
}
