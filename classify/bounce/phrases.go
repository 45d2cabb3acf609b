package bounce

// phrases are words to look for in one pass over a text, however many they
// are. Only every step-th place of a text is looked at: the three bytes there
// are in no word, nearly always, or they tell the few that may stand around.
// The words are in lower case and have at least three bytes; ASCII letters are
// found in either case.
type phrases struct {
	words []string
	step  int
	seen  [hashes / 64]uint64 // a bit by hash: three bytes of a word
	heads [hashes]uint16      // one more than the first place with that hash
	next  []uint16            // one more than the next: by place, word * step + offset in the word
}

const hashes = 1 << 12

func newPhrases(words ...string) *phrases {
	p := &phrases{words: words, step: 4}
	for _, w := range words {
		p.step = min(p.step, len(w)-2)
	}
	p.next = make([]uint16, len(words)*p.step)
	for place := range p.next {
		h := hash(words[place/p.step][place%p.step:])
		p.seen[h/64] |= 1 << (h % 64)
		p.next[place], p.heads[h] = p.heads[h], uint16(place+1)
	}
	return p
}

// hash is of the first three bytes, without regard to case.
func hash(s string) uint32 {
	return (uint32(s[2]) | uint32(s[1])<<8 | uint32(s[0])<<16 | 0x202020) * 0x9E3779B1 >> 20
}

// find gives place and number of the first word in s at or after i; at is -1
// where there is none. Of words that begin at the same place the one that was
// named first is found.
func (p *phrases) find(s string, i int) (at, word int) {
	for j := i; j+3 <= len(s); j += p.step {
		h := hash(s[j:])
		if p.seen[h/64]>>(h%64)&1 == 0 {
			continue
		}
		at = -1
		for n := p.heads[h]; n != 0; n = p.next[n-1] {
			w, start := int(n-1)/p.step, j-int(n-1)%p.step
			if start >= i && (at < 0 || start < at || start == at && w < word) && hasPrefixFold(s[start:], p.words[w]) {
				at, word = start, w
			}
		}
		if at >= 0 {
			return at, word
		}
	}
	return -1, -1
}

// in tells whether any of the words stands in s.
func (p *phrases) in(s string) bool {
	at, _ := p.find(s, 0)
	return at >= 0
}

// hasPrefixFold is strings.HasPrefix without regard to the case of ASCII
// letters; prefix is in lower case.
func hasPrefixFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := s[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// hasSuffixFold is strings.HasSuffix likewise.
func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && hasPrefixFold(s[len(s)-len(suffix):], suffix)
}

// indexFold is strings.Index likewise; -1 for an empty sub.
func indexFold(s, sub string) int {
	for i := 0; i+len(sub) <= len(s) && sub != ""; i++ {
		if s[i]|0x20 == sub[0]|0x20 && hasPrefixFold(s[i:], sub) {
			return i
		}
	}
	return -1
}

func containsFold(s, sub string) bool { return indexFold(s, sub) >= 0 }
