package bounce

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
)

// isSaved tells an attachment that is a message by its name alone, as mail
// programs attach what was saved to a file: "bounce.eml".
func isSaved(h header) bool {
	return containsFold(h.get(keyContentType), ".eml") || containsFold(h.get(keyContentDisposition), ".eml")
}

// attached is returned for a message that may be encoded as a whole. RFC 2046
// section 5.2.1 forbids it; mail programs and gateways do it.
func (r *reader) attached(h header, depth int) delimiter {
	encoding := lower(h.get(keyContentTransferEncoding))
	if encoding != "base64" && encoding != "quoted-printable" {
		return r.returned(h, depth)
	}
	in := &part{reader: reader{lines: r.lines, bounds: r.bounds}, at: end}
	var decoded io.Reader
	switch encoding {
	case "base64":
		if isField(bytes.TrimLeft(r.peek(sniffed), "\r\n")) {
			return r.returned(h, depth) // it is not
		}
		decoded = base64.NewDecoder(base64.StdEncoding, in)
	case "quoted-printable":
		decoded = quotedprintable.NewReader(in)
	}
	r.lines, r.bounds = new(lines).begin(decoded, sniffed), nil
	r.returned(h, depth)
	if err := r.stopped; err != nil && err != io.EOF {
		r.damaged(encoding)
	}
	r.lines, r.bounds = in.lines, in.bounds
	if !in.ended {
		_, in.at = in.skip()
	}
	return in.at
}

// part gives the body of the part that is being read, up to the delimiter that
// ends it.
type part struct {
	reader
	rest  []byte // of the current line
	at    delimiter
	ended bool
}

func (p *part) Read(to []byte) (int, error) {
	if len(p.rest) == 0 && !p.advance() {
		return 0, io.EOF
	}
	n := copy(to, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// advance takes up the next line of the part, false at its end.
func (p *part) advance() bool {
	if p.ended {
		return false
	}
	more := p.next()
	if more {
		p.at, p.ended = p.atDelimiter()
	}
	if p.ended = p.ended || !more; p.ended {
		return false
	}
	p.raw = p.raw[:0]
	p.append()
	p.rest = p.raw
	return true
}
