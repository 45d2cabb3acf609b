package report

import (
	"slices"
	"strings"
)

// A report is read by a colleague too, who need not know what an MX is. The
// terms that a run's reports used are explained once, below them: those of the
// catalogue's family term.*, each "TERM: what it is".

// meet notes the terms in a text.
func (t *Text) meet(text string) {
	for _, key := range t.Words.terms {
		if term, _ := t.term(key); !slices.Contains(t.terms, key) && hasWord(text, term) {
			t.terms = append(t.terms, key)
		}
	}
}

// term is a term and what it means.
func (t *Text) term(key string) (term, meaning string) {
	term, meaning, _ = strings.Cut(t.say(key, nil), t.say("label.colon", nil))
	return term, meaning
}

// hasWord says whether a word stands in a text, and not only as a part of a
// longer one.
func hasWord(text, word string) bool {
	for {
		before, after, found := strings.Cut(text, word)
		if !found {
			return false
		}
		if (before == "" || !inName(before[len(before)-1])) && (after == "" || !inName(after[0])) {
			return true
		}
		text = after
	}
}

func inName(b byte) bool {
	return b == '-' || b == '_' || b == '@' || '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// glossary writes what the terms mean, in as few lines as it can: it must not
// push the answer off the screen.
func (t *Text) glossary() error {
	if len(t.terms) == 0 {
		return nil
	}
	slices.Sort(t.terms)
	meanings := make([]string, len(t.terms))
	for i, key := range t.terms {
		term, meaning := t.term(key)
		meanings[i] = term + " = " + meaning
	}
	t.hang(t.say("label.terms", nil)+t.say("label.colon", nil), strings.Join(meanings, t.say("label.semicolon", nil)), faint)
	return t.flush()
}
