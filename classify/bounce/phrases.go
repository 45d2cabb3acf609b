package bounce

// phrases are words to look for in one pass over a text, however many they
// are: a table of the first three bytes passes by nearly everything that is
// none of them. They are in lower case and have at least three bytes; ASCII
// letters are found in either case.
type phrases struct {
	words []string
	heads [1 << 12]uint8 // by hash: one more than the first word with it
	next  []uint8        // one more than the next word with the same hash
}

// newPhrases takes at most 254 words. Of words that begin at the same place
// the one that comes first here is found.
func newPhrases(words ...string) *phrases {
	p := &phrases{words: words, next: make([]uint8, len(words))}
	for i := len(words) - 1; i >= 0; i-- {
		w := words[i]
		head := &p.heads[hash(uint32(w[0]|0x20)<<16|uint32(w[1]|0x20)<<8|uint32(w[2]|0x20))]
		p.next[i], *head = *head, uint8(i+1)
	}
	return p
}

// hash is of the lower three bytes.
func hash(three uint32) uint32 { return three << 8 * 0x9E3779B1 >> 20 }

// find gives place and number of the first word in s at or after i; at is -1
// where there is none.
func (p *phrases) find(s string, i int) (at, word int) {
	three := uint32(0)
	for j, c := range []byte(s[min(i, len(s)):]) {
		three = three<<8 | uint32(c|0x20)
		n := p.heads[hash(three)]
		if n == 0 {
			continue
		}
		for at = i + j - 2; n != 0; n = p.next[n-1] {
			if at >= i && hasPrefixFold(s[at:], p.words[n-1]) {
				return at, int(n - 1)
			}
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
