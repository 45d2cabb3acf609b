package bounce

import (
	"bytes"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	maxMessage = 64 << 20 // bytes read of one message
	maxLine    = 8 << 10  // a longer line comes in pieces
	sniffed    = 4 << 10  // bytes looked at to tell one form of input from another
	window     = 64 << 10 // bytes read at once, of an input longer than a line
	dashless   = 256      // bytes without a dash that are likely one
)

// lines gives input line by line, whatever its newlines, and knows where one
// message of an mbox ends.
type lines struct {
	in      io.Reader
	buf     []byte // what was read; from pos on it was not given yet
	pos     int
	stopped error // what in ended with
	newline byte
	text    []byte    // the current line without its newline; valid until next
	size    int       // the bytes it took, newline included
	piece   bool      // it goes on: the line was too long
	joins   bool      // it goes on from the one before
	again   bool      // the next call of next gives the same line
	mbox    bool      // a "From " line after an empty one ends the message
	blank   bool      // the current line is empty
	ended   bool      // the message has ended, the mbox perhaps not
	left    int       // bytes that may still be read of this message
	cut     bool      // the message was longer than that
	err     error     // what stopped reading, if not the end of the input
	raw     []byte    // a header or text that is put together from lines
	values  []fieldAt // of the fields of a header in raw
	wanted  bool      // the field that is being read is kept
	arena   header    // where the headers of a message are, as far as they fit
	store   store     // where the strings are that reports are made of
}

// store keeps strings side by side: few allocations for many of them.
type store struct{ *strings.Builder }

const shelf = 4 << 10 // bytes that a store takes at once

// keep is string(b).
func (s *store) keep(b []byte) string {
	if s.Builder == nil || s.Len()+len(b) > s.Cap() {
		s.Builder = new(strings.Builder)
		s.Grow(max(len(b), shelf))
	}
	start := s.Len()
	s.Write(b)
	return s.String()[start:]
}

// begin takes up an input, and looks at its first bytes, at least want of them
// where there are so many, for a byte order mark, UTF-16 and the kind of
// newline.
func (l *lines) begin(r io.Reader, want int) *lines {
	*l = lines{in: r, newline: '\n', left: maxMessage, buf: l.buf[:0], raw: l.raw, values: l.values, arena: l.arena, store: l.store}
	if head := l.peek(want); isUTF16(head) {
		order := unicode.LittleEndian
		if head[0] == 0xFE || head[0] == 0 {
			order = unicode.BigEndian
		}
		l.in = transform.NewReader(io.MultiReader(bytes.NewReader(head), r), unicode.UTF16(order, unicode.UseBOM).NewDecoder())
		l.buf, l.stopped = nil, nil
	} else if bytes.HasPrefix(head, []byte("\ufeff")) {
		l.pos = 3
	}
	if head := l.peek(want); bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 {
		l.newline = '\r'
	}
	return l
}

// peek gives at least want bytes, or all there are. What has arrived beyond
// that comes with it.
func (l *lines) peek(want int) []byte {
	for len(l.buf)-l.pos < want && l.fill() {
	}
	return l.buf[l.pos:]
}

// rest is what was not given yet, for what does not come in lines.
func (l *lines) rest() io.Reader {
	return io.MultiReader(bytes.NewReader(l.buf[l.pos:]), l.in)
}

// fill reads on, false at the end of the input. Lines given before are lost.
func (l *lines) fill() bool {
	if l.stopped != nil {
		return false
	}
	to := l.buf[:0]
	switch {
	case cap(l.buf) == 0:
		to = make([]byte, 0, maxLine)
	case len(l.buf) == cap(l.buf) && cap(l.buf) < window:
		to = make([]byte, 0, window)
	}
	l.buf = append(to, l.buf[l.pos:]...)
	l.pos = 0
	for range 100 {
		n, err := l.in.Read(l.buf[len(l.buf):cap(l.buf)])
		l.buf, l.stopped = l.buf[:len(l.buf)+n], err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	l.stopped = io.ErrNoProgress
	return false
}

// isUTF16 tells UTF-16 by its mark, or by every other byte being zero.
func isUTF16(head []byte) bool {
	if len(head) < 2 {
		return false
	}
	if head[0] == 0xFF && head[1] == 0xFE || head[0] == 0xFE && head[1] == 0xFF {
		return true
	}
	n := min(len(head)&^1, 64)
	if bytes.IndexByte(head[:n], 0) < 0 {
		return false
	}
	var zero [2]int
	for i, c := range head[:n] {
		if c == 0 {
			zero[i&1]++
		}
	}
	return n >= 8 && (zero[0] == 0) != (zero[1] == 0) && max(zero[0], zero[1]) > n*3/8
}

// next moves to the next line of the message, false at its end.
func (l *lines) next() bool {
	if l.again {
		l.again = false
		return true
	}
	if l.ended {
		return false
	}
	raw := l.take()
	if len(raw) == 0 || l.left <= 0 {
		l.cut, l.ended = len(raw) > 0, true
		if len(raw) == 0 && l.stopped != io.EOF {
			l.err = l.stopped
		}
		return false
	}
	l.joins, l.piece = l.piece, raw[len(raw)-1] != l.newline
	l.size = len(raw)
	l.left -= len(raw)
	l.text = trimNewline(raw)
	if l.mbox && !l.joins && l.atFrom() {
		l.ended = true
		return false
	}
	l.blank = len(l.text) == 0
	return true
}

// take gives the bytes up to the next newline, or maxLine of them, or the last
// there are.
func (l *lines) take() []byte {
	n := 0
	for {
		rest := l.buf[l.pos:]
		if i := bytes.IndexByte(rest[n:], l.newline); i >= 0 {
			n += i + 1
		} else if n = len(rest); n < maxLine && l.fill() {
			continue
		}
		n = min(n, maxLine)
		l.pos += n
		return l.buf[l.pos-n : l.pos]
	}
}

// pass goes past the lines that are in the buffer, as far as they can be no
// delimiter and no "From " line, and gives at most limit bytes of them. What
// has no dash holds no delimiter, and without a space it is no "From " line: so
// attachments go by at the speed of memory.
func (l *lines) pass(limit int) []byte {
	if l.again || l.ended || l.piece {
		return nil
	}
	n, rest := 0, l.buf[l.pos:]
	rest = rest[:min(len(rest), max(min(l.left, limit), 0))]
	dash, space := -1, -1 // the next ones
	if !l.mbox {
		space = len(rest)
	}
	for n < len(rest) && !l.mayDelimit(rest[n:]) {
		i := -1
		if dash = nextByte(rest, '-', n, dash); dash-n > dashless {
			space = nextByte(rest, ' ', n, space)
			i = bytes.LastIndexByte(rest[n:min(dash, space)], l.newline)
		}
		if i < 0 {
			i = bytes.IndexByte(rest[n:], l.newline)
		}
		if i < 0 {
			break
		}
		n += i + 1
	}
	return l.passed(rest[:n])
}

// mayDelimit tells whether a line may be a delimiter, or of those that an mbox
// treats apart, by how it begins.
func (l *lines) mayDelimit(line []byte) bool {
	switch line[0] {
	case '-':
		return true
	case ' ': // some servers indent it
		for len(line) > 0 && line[0] == ' ' {
			line = line[1:]
		}
		return len(line) > 0 && line[0] == '-'
	case 'F', '>':
		return l.mbox
	}
	return false
}

// passed takes whole lines out of the buffer.
func (l *lines) passed(all []byte) []byte {
	n := len(all)
	if n == 0 {
		return nil
	}
	l.joins = false
	if l.mbox {
		words := len(trimNewline(all))
		l.blank = words == 0 || bytes.Count(all[words:], []byte{l.newline}) > 1
	}
	l.pos += n
	l.left -= n
	return all
}

// nextByte is the place of the first c at or after n, where the one that was
// known is not; the length of b where there is none.
func nextByte(b []byte, c byte, n, known int) int {
	if known >= n {
		return known
	}
	if i := bytes.IndexByte(b[n:], c); i >= 0 {
		return n + i
	}
	return len(b)
}

// back makes the next call of next give the current line again.
func (l *lines) back() { l.again = true }

func trimNewline(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// atFrom tells the "From " line of an mbox (RFC 4155), and takes the quoting
// off lines of the message that look like one.
func (l *lines) atFrom() bool {
	if len(l.text) < 5 || l.text[0] != 'F' && l.text[0] != '>' {
		return false
	}
	if quoted := bytes.TrimLeft(l.text, ">"); len(quoted) < len(l.text) && bytes.HasPrefix(quoted, []byte("From ")) {
		l.text = l.text[1:]
		return false
	}
	if !l.blank || !isFromLine(l.text) {
		return false
	}
	l.pos -= l.size
	ahead := l.peek(l.size + 80)
	l.text = trimNewline(ahead[:l.size])
	l.pos += l.size
	return isField(ahead[l.size:])
}

// isFromLine tells "From sender Thu Jan  1 00:00:00 1970".
func isFromLine[T string | []byte](line T) bool {
	if len(line) < 5 || string(line[:5]) != "From " {
		return false
	}
	spaces, colons := 0, 0
	for i := range len(line) {
		switch line[i] {
		case ' ':
			spaces++
		case ':':
			colons++
		}
	}
	return spaces >= 4 && colons > 0
}

// message goes to the next message of an mbox, past what is left of the one
// before, false where there is none.
func (l *lines) message() bool {
	for l.cut || !l.ended {
		if l.cut {
			l.cut, l.ended, l.left = false, false, maxMessage
		}
		for l.next() {
			l.pass(l.left)
		}
	}
	if l.err != nil || len(l.peek(1)) == 0 {
		return false
	}
	l.ended, l.again, l.blank, l.left = false, false, false, maxMessage
	return true
}

// isField tells whether b begins with a header field, "Name: value".
func isField(b []byte) bool { return fieldName(b) > 0 }

// inName are the bytes that a field name may have. RFC 5322 section 2.2 allows
// more, but what has these is text.
var inName = func() (ok [256]bool) {
	for c := '!'; c <= '~'; c++ {
		ok[c] = true
	}
	for _, c := range "<>@(/,;[:" {
		ok[c] = false
	}
	return ok
}()

// fieldName is the length of the field name that b begins with, 0 where it
// begins with none. A space before the colon is damage that some servers do.
func fieldName[T string | []byte](b T) int {
	if len(b) > 80 {
		b = b[:80]
	}
	n := 0
	for n < len(b) && inName[b[n]] {
		n++
	}
	for i := n; i < min(len(b), n+3); i++ {
		switch b[i] {
		case ':':
			return n
		case ' ', '\t':
		default:
			return 0
		}
	}
	return 0
}
