package bounce

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// Outlook keeps a text also, or only, as RTF, packed by a dictionary of 4 KiB
// that begins with what most such texts have in them ([MS-OXRTFCP]). Of the RTF
// only the words count: a page that was put into it stands there twice, as its
// tags, which RTF calls an unknown destination, and as what RTF shows of it
// ([MS-OXRTFEX]).
const (
	maxRTF    = 1 << 20 // bytes unpacked
	maxGroups = 1 << 10 // groups inside groups
)

const rtfDictionary = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

// unpackRTF unpacks compressed RTF, up to where it is damaged; nil where it is
// none.
func unpackRTF(packed []byte) []byte {
	if len(packed) < 16 {
		return nil
	}
	size := min(binary.LittleEndian.Uint32(packed[4:]), maxRTF)
	in := packed[16:]
	switch string(packed[8:12]) {
	case "MELA":
		return in[:min(len(in), int(size))]
	case "LZFu":
		return inflateRTF(in, int(size))
	}
	return nil
}

// inflateRTF undoes LZFu: each bit of a control byte, the lowest first, tells
// of a byte that comes as it is, or of a place in the dictionary (12 bits) and a
// length (4 bits, less 2). The place where the dictionary is written ends all.
func inflateRTF(in []byte, size int) []byte {
	var dictionary [4096]byte
	at := copy(dictionary[:], rtfDictionary)
	out := make([]byte, 0, min(size, 4*len(in)))
	put := func(b byte) {
		out = append(out, b)
		dictionary[at] = b
		at = (at + 1) % len(dictionary)
	}
	for len(in) > 0 {
		control := in[0]
		in = in[1:]
		for bit := 0; bit < 8; bit++ {
			switch {
			case len(out) >= size || len(in) == 0:
				return out
			case control>>bit&1 == 0:
				put(in[0])
				in = in[1:]
				continue
			case len(in) < 2:
				return out
			}
			reference := binary.BigEndian.Uint16(in)
			in = in[2:]
			from, n := int(reference>>4), int(reference&15)+2
			if from == at {
				return out
			}
			for ; n > 0 && len(out) < size; n-- {
				put(dictionary[from])
				from = (from + 1) % len(dictionary)
			}
		}
	}
	return out
}

// rtf is RTF that is being read.
type rtf struct {
	in      string
	out     strings.Builder
	bytes   []byte // of the text, not yet decoded
	charset string
	group   rtfGroup
	outer   []rtfGroup
	skip    int // characters that stand for a Unicode one, for readers that know none
}

// rtfGroup is what holds until a "}".
type rtfGroup struct {
	hidden   bool // no part of the text
	fallback int  // characters after each \u
}

// plainRTF is the text of RTF.
func plainRTF(b []byte) string {
	if !strings.HasPrefix(string(b[:min(len(b), 16)]), `{\rtf`) {
		return ""
	}
	r := &rtf{in: string(b), charset: "cp1252", group: rtfGroup{fallback: 1}}
	for r.in != "" && len(r.outer) < maxGroups {
		c := r.in[0]
		r.in = r.in[1:]
		switch c {
		case '{':
			r.outer = append(r.outer, r.group)
		case '}':
			if n := len(r.outer); n > 0 {
				r.group, r.outer = r.outer[n-1], r.outer[:n-1]
			}
			r.skip = 0
		case '\\':
			r.control()
		case '\r', '\n':
		default:
			r.write(c)
		}
	}
	r.flush()
	return r.out.String()
}

func (r *rtf) write(c byte) {
	switch {
	case r.skip > 0:
		r.skip--
	case !r.group.hidden:
		r.bytes = append(r.bytes, c)
	}
}

// flush decodes what was written: a character may have come as two bytes.
func (r *rtf) flush() {
	r.out.WriteString(decodeCharset(r.bytes, r.charset))
	r.bytes = r.bytes[:0]
}

// control reads a control word, or a control symbol, behind its backslash.
func (r *rtf) control() {
	n := 0
	for n < len(r.in) && r.in[n]|0x20 >= 'a' && r.in[n]|0x20 <= 'z' {
		n++
	}
	if n == 0 {
		r.symbol()
		return
	}
	word, rest := r.in[:n], r.in[n:]
	digits := 0
	for digits < len(rest) && digits < 11 && (rest[digits] >= '0' && rest[digits] <= '9' || digits == 0 && rest[0] == '-') {
		digits++
	}
	number, _ := strconv.Atoi(rest[:digits])
	r.in = strings.TrimPrefix(rest[digits:], " ")
	r.word(word, number)
}

func (r *rtf) symbol() {
	if r.in == "" {
		return
	}
	c := r.in[0]
	r.in = r.in[1:]
	switch c {
	case '\\', '{', '}':
		r.write(c)
	case '~':
		r.write(' ')
	case '_':
		r.write('-')
	case '\r', '\n':
		r.write('\n')
	case '*':
		r.group.hidden = true
	case '\'':
		if len(r.in) >= 2 && isHex(r.in[0]) && isHex(r.in[1]) {
			r.write(unhex(r.in[0])<<4 | unhex(r.in[1]))
			r.in = r.in[2:]
		}
	}
}

func (r *rtf) word(word string, number int) {
	switch word {
	case "par", "line", "row", "sect", "page":
		r.write('\n')
	case "tab", "cell", "emspace", "enspace":
		r.write(' ')
	case "emdash", "endash":
		r.write('-')
	case "lquote", "rquote":
		r.write('\'')
	case "ldblquote", "rdblquote":
		r.write('"')
	case "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "filetbl", "listtable", "generator", "themedata":
		r.group.hidden = true
	case "ansicpg":
		if number > 0 {
			r.charset = codepage(number)
		}
	case "bin":
		r.in = r.in[min(len(r.in), max(number, 0)):]
	case "uc":
		r.group.fallback = min(max(number, 0), 8)
	case "u":
		r.rune(uint16(number))
	}
}

// rune writes a character that comes as a signed number of 16 bits. Those
// outside the first plane come as two, which no bounce needs.
func (r *rtf) rune(c uint16) {
	r.skip = 0
	if !r.group.hidden {
		r.flush()
		r.out.WriteRune(rune(c))
	}
	r.skip = r.group.fallback
}
