package bounce

// phrases are words to look for in one pass over a text, however many they
// are. Only every step-th place of a text is looked at: the few bytes there
// are in no word, nearly always, or they tell the ones that may stand around.
// The words are in lower case and have at least three bytes; ASCII letters are
// found in either case.
type phrases struct {
	words  []string
	step   int
	mask   uint32              // of the bytes that are looked at: four, or three where a word is short
	seen   [hashes / 64]uint64 // a bit by hash: those bytes of a word
	heads  [hashes]uint16      // one more than the first of the places with that hash
	places []place
}

// place is that of such bytes in a word.
type place struct {
	word, offset uint16
	next         uint16 // one more than the next with the same hash
	first        uint32 // the first bytes of the word, folded
}

const (
	hashBits   = 12
	hashes     = 1 << hashBits
	hashFactor = 0x9E3779B1
	maxStep    = 12
)

func newPhrases(words ...string) *phrases {
	shortest := len(words[0])
	for _, w := range words {
		shortest = min(shortest, len(w))
	}
	p := &phrases{words: words, step: min(shortest-3, maxStep), mask: 0xFFFFFFFF}
	if p.step < 4 {
		p.step, p.mask = shortest-2, 0xFFFFFF
	}
	for i, w := range words {
		for offset := range p.step {
			h := p.hash(load(w, offset))
			p.seen[h/64] |= 1 << (h % 64)
			p.places = append(p.places, place{uint16(i), uint16(offset), p.heads[h], p.fold(load(w, 0))})
			p.heads[h] = uint16(len(p.places))
		}
	}
	return p
}

// fold takes the bytes of the mask, without regard to case; the hash is of
// these.
func (p *phrases) fold(b uint32) uint32 { return b&p.mask | 0x20202020 }
func (p *phrases) hash(b uint32) uint32 { return p.fold(b) * hashFactor >> (32 - hashBits) }

// load is the four bytes at i, or as many as there are.
func load(s string, i int) (b uint32) {
	if i+4 <= len(s) {
		four := s[i : i+4]
		return uint32(four[0]) | uint32(four[1])<<8 | uint32(four[2])<<16 | uint32(four[3])<<24
	}
	for n := range len(s) - i {
		b |= uint32(s[i+n]) << (8 * n)
	}
	return b
}

// find gives place and number of the first word in s at or after i; at is -1
// where there is none. Of words that begin at the same place the one that was
// named first is found.
func (p *phrases) find(s string, i int) (at, word int) {
	for j := p.skip(s, i); j+3 <= len(s); j = p.skip(s, j+p.step) {
		at = -1
		for n := p.heads[p.hash(load(s, j))]; n != 0; n = p.places[n-1].next {
			place := &p.places[n-1]
			w, start := int(place.word), j-int(place.offset)
			if start >= i && (at < 0 || start < at || start == at && w < word) && p.fold(load(s, start)) == place.first && hasPrefixFold(s[start:], p.words[w]) {
				at, word = start, w
			}
		}
		if at >= 0 {
			return at, word
		}
	}
	return -1, -1
}

// skip goes on from i, step by step, past the bytes that are in no word.
func (p *phrases) skip(s string, i int) int {
	step, mask := p.step, p.mask
	for ; i >= 0 && i < len(s)-3; i += step {
		four := s[i : i+4] // as load does
		b := uint32(four[0]) | uint32(four[1])<<8 | uint32(four[2])<<16 | uint32(four[3])<<24
		h := (b&mask | 0x20202020) * hashFactor >> (32 - hashBits)
		if p.seen[h/64]>>(h%64)&1 != 0 {
			break
		}
	}
	return i
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
	if sub == "" {
		return -1
	}
	first := sub[0] | 0x20
	for i := 0; i <= len(s)-len(sub); i++ {
		if s[i]|0x20 == first && hasPrefixFold(s[i:], sub) {
			return i
		}
	}
	return -1
}

func containsFold(s, sub string) bool { return indexFold(s, sub) >= 0 }
