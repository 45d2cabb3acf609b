package bounce

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	maxMessage = 64 << 20 // bytes read of one message
	maxLine    = 8 << 10  // a longer line comes in pieces
	sniffed    = 4 << 10  // bytes looked at to tell one form of input from another
)

// lines gives input line by line, whatever its newlines, and knows where one
// message of an mbox ends.
type lines struct {
	br      *bufio.Reader
	newline byte
	text    []byte // the current line without its newline; valid until next
	size    int    // the bytes it took, newline included
	piece   bool   // it goes on: the line was too long for the buffer
	joins   bool   // it goes on from the one before
	again   bool   // the next call of next gives the same line
	mbox    bool   // a "From " line after an empty one ends the message
	blank   bool   // the current line is empty
	ended   bool   // the message has ended, the mbox perhaps not
	left    int    // bytes that may still be read of this message
	cut     bool   // the message was longer than that
	err     error  // what stopped reading, if not the end of the input
}

// newLines looks at the first bytes, at least want of them where there are so
// many, for a byte order mark, UTF-16 and the kind of newline.
func newLines(r io.Reader, want int) *lines {
	br := bufio.NewReaderSize(r, maxLine)
	if head := peek(br, want); isUTF16(head) {
		order := unicode.LittleEndian
		if head[0] == 0xFE || head[0] == 0 {
			order = unicode.BigEndian
		}
		br = bufio.NewReaderSize(transform.NewReader(br, unicode.UTF16(order, unicode.UseBOM).NewDecoder()), maxLine)
	} else if bytes.HasPrefix(head, []byte("\ufeff")) {
		_, _ = br.Discard(3)
	}
	l := &lines{br: br, newline: '\n', left: maxMessage}
	if head := peek(br, want); bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 {
		l.newline = '\r'
	}
	return l
}

// peek gives at least want bytes, or all there are. What has arrived beyond
// that comes with it.
func peek(br *bufio.Reader, want int) []byte {
	_, _ = br.Peek(want)
	head, _ := br.Peek(br.Buffered())
	return head
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
	raw, err := l.br.ReadSlice(l.newline)
	if len(raw) == 0 || l.left <= 0 {
		l.cut, l.ended = len(raw) > 0, true
		if err != io.EOF && err != bufio.ErrBufferFull {
			l.err = err
		}
		return false
	}
	l.joins, l.piece = l.piece, err == bufio.ErrBufferFull
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
	if quoted := bytes.TrimLeft(l.text, ">"); len(quoted) < len(l.text) && bytes.HasPrefix(quoted, []byte("From ")) {
		l.text = l.text[1:]
		return false
	}
	if !l.blank || !isFromLine(l.text) {
		return false
	}
	head, _ := l.br.Peek(80)
	return isField(head)
}

// isFromLine tells "From sender Thu Jan  1 00:00:00 1970".
func isFromLine(b []byte) bool {
	return bytes.HasPrefix(b, []byte("From ")) && bytes.Count(b, []byte(" ")) >= 4 && bytes.IndexByte(b, ':') > 0
}

// message goes to the next message of an mbox, past what is left of the one
// before, false where there is none.
func (l *lines) message() bool {
	for l.cut || !l.ended {
		if l.cut {
			l.cut, l.ended, l.left = false, false, maxMessage
		}
		for l.next() {
		}
	}
	if l.err != nil || len(peek(l.br, 1)) == 0 {
		return false
	}
	l.ended, l.again, l.blank, l.left = false, false, false, maxMessage
	return true
}

// isField tells whether b begins with a header field, "Name: value".
func isField(b []byte) bool { return fieldName(b) > 0 }

// fieldName is the length of the field name that b begins with, 0 where it
// begins with none. A space before the colon is damage that some servers do.
func fieldName[T string | []byte](b T) int {
	for i := range min(len(b), 80) {
		switch c := b[i]; {
		case c == ':':
			return i
		case c == ' ' || c == '\t':
			for j := i; j < min(len(b), i+3); j++ {
				if b[j] == ':' {
					return i
				}
				if b[j] != ' ' && b[j] != '\t' {
					return 0
				}
			}
			return 0
		case c < '!' || c > '~' || c == '<' || c == '>' || c == '@' || c == '(' || c == '/' || c == ',' || c == ';' || c == '[':
			return 0
		}
	}
	return 0
}
