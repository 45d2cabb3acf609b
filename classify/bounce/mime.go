package bounce

import (
	"bytes"
	"strings"
)

const (
	maxDepth = 16        // parts inside parts
	maxParts = 1000      // of one message
	maxText  = 64 << 10  // bytes kept of one text, encoded
	maxTexts = 256 << 10 // and of all of them
	maxLimbo = 64 << 10  // of the text before the first delimiter
)

// reader walks the parts of one message, once and forwards, and keeps what a
// report can be made of: header, texts, delivery status, and the header and
// size of the original.
type reader struct {
	*lines
	rep      *Report
	header   header   // of the report itself
	texts    []*text  // what people are told
	dsn      dsn      // what machines are told
	original header   // of the message that failed
	bounds   []string // the delimiters of the parts that are open, outermost first
	parts    int
	kept     int  // bytes of all texts
	arf      bool // a feedback report was among the parts
	mdn      bool // a disposition notification (read receipt)
	nested   int  // bounces found inside others
	top      bool // the header of the report itself is being read
	inside   []inside
	within   bool      // one of them is being read
	forwards int       // at which depth bounces are attached to a mail that is none; 0 where none are
	others   []*Report // of those after the first
	told     int       // failures in them
	lost     int       // failures in those that were too many
	memory   *Memory
	known    *memories // what is in it; nil where there is none, and for the first message
}

// text is one text part.
type text struct {
	body    string
	html    bool
	extra   int64     // bytes that were too many to keep
	divided *division // once it was, and wherever it comes
}

// delimiter is a boundary line: of which of the open parts, and whether it
// closes it. Level -1 is the end of the message.
type delimiter struct {
	level int
	last  bool
}

var end = delimiter{level: -1}

// atDelimiter tells whether the current line is a boundary of an open part.
// The innermost wins; one left of it ends all the parts inside.
func (r *reader) atDelimiter() (delimiter, bool) {
	line := r.text
	if len(line) > 0 && line[0] == ' ' { // some servers indent it
		line = bytes.TrimLeft(line, " ")
	}
	if len(line) < 3 || line[0] != '-' || line[1] != '-' {
		return end, false
	}
	line = bytes.TrimRight(line[2:], " \t")
	for i := len(r.bounds) - 1; i >= 0; i-- {
		n := len(r.bounds[i])
		if len(line) >= n && string(line[:n]) == r.bounds[i] && (len(line) == n || string(line[n:]) == "--") {
			return delimiter{i, len(line) > n}, true
		}
	}
	return end, false
}

// skip reads up to the next delimiter and counts the bytes.
func (r *reader) skip() (size int64, d delimiter) {
	for r.next() {
		if d, ok := r.atDelimiter(); ok {
			return size, d
		}
		size += int64(r.size + len(r.pass(r.left)))
	}
	return size, end
}

// keep reads up to the next delimiter into r.raw, at most limit bytes, each
// newline as one; extra counts the rest.
func (r *reader) keep(limit int) (extra int64, d delimiter) {
	r.raw = r.raw[:0]
	d = end
	for r.next() {
		at, ok := r.atDelimiter()
		if ok {
			d = at
			break
		}
		if len(r.raw)+len(r.text) >= limit {
			extra += int64(r.size + len(r.pass(r.left)))
			continue
		}
		r.append()
		if r.newline == '\n' {
			r.raw = append(r.raw, r.pass(limit-len(r.raw))...)
		}
	}
	r.raw = dropReturns(r.raw)
	return extra, d
}

// dropReturns takes the carriage returns out that stand before a newline.
func dropReturns(b []byte) []byte {
	i := bytes.IndexByte(b, '\r')
	if i < 0 {
		return b
	}
	out := b[:i]
	for rest := b[i:]; len(rest) > 0; {
		n := 0
		for n < len(rest) && rest[n] == '\r' {
			n++
		}
		if n == len(rest) || rest[n] != '\n' {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
		if n = bytes.IndexByte(rest, '\r'); n < 0 {
			n = len(rest)
		}
		out, rest = append(out, rest[:n]...), rest[n:]
	}
	return out
}

// append puts the current line into r.raw, whole again where it came in pieces.
func (r *reader) append() {
	if n := len(r.raw); r.joins && n > 0 {
		r.raw = r.raw[:n-1]
	}
	r.raw = append(append(r.raw, r.text...), '\n')
}

// readHeader reads the header of a message or part. A delimiter where its end
// should be ends it, and the part.
func (r *reader) readHeader() (h header, size int64, d delimiter, open bool) {
	r.raw, r.values, r.wanted = r.raw[:0], r.values[:0], false
	for {
		size += r.takeFields()
		if !r.next() {
			break
		}
		if d, ok := r.atDelimiter(); ok {
			return r.fields(), size, d, false
		}
		if len(r.text) == 0 {
			size += int64(r.size)
			break
		}
		if c := r.text[0]; !r.joins && c != ' ' && c != '\t' {
			if name := fieldName(r.text); name > 0 {
				r.text = r.text[r.startField(r.text, name, len(r.raw)):]
			} else if !isStray(r.text) && !isFromLine(r.text) {
				r.back() // a body without an empty line before it
				break
			}
		}
		size += int64(r.size)
		if r.wanted && len(r.raw)+len(r.text) < maxHeader {
			r.append()
		}
	}
	return r.fields(), size, end, true
}

// takeFields takes the lines of a header that are in the buffer and are plainly
// fields or go one on, and gives the number of their bytes.
func (r *reader) takeFields() int64 {
	if r.again || r.ended || r.piece || r.newline != '\n' {
		return 0
	}
	n, rest := 0, r.buf[r.pos:]
	rest = rest[:min(len(rest), max(min(r.left, maxHeader-len(r.raw)), 0))]
	value := 0 // where that of the field begins that is being read
lines:
	for n < len(rest) {
		line := bytes.IndexByte(rest[n:], '\n') + 1
		if line == 0 {
			break
		}
		switch c := rest[n]; {
		case c > '-':
			name := fieldName(rest[n:])
			if name == 0 {
				break lines
			}
			if r.wanted {
				r.raw = append(r.raw, rest[value:n]...)
			}
			value = n + r.startField(rest[n:], name, len(r.raw))
		case c != ' ' && c != '\t' || r.mayDelimit(rest[n:]):
			break lines
		}
		n += line
	}
	if r.wanted {
		r.raw = append(r.raw, rest[value:n]...)
	}
	r.passed(rest[:n])
	return int64(n)
}

// fieldAt is where the value of a field begins in raw. It goes up to the next one.
type fieldAt struct {
	key   fieldKey
	start int
}

// startField files the field that a line begins, and gives where its value is
// in the line. Fields that nobody asks for are not kept, except that there was
// one; nor is the way that the report itself came.
func (r *reader) startField(line []byte, name, start int) int {
	key := keyOf(line[:name])
	r.wanted = key != 0 && !(r.top && (key == keyReceived || key == keyDKIMSignature))
	if key != 0 || len(r.values) == 0 {
		r.values = append(r.values, fieldAt{key, start})
	}
	for line[name] != ':' { // there may be space before it
		name++
	}
	return name + 1
}

// fields is the header whose values are in r.raw.
func (r *reader) fields() header {
	if len(r.values) == 0 {
		return nil
	}
	all := r.store.keep(r.raw)
	var h header
	if used := len(r.arena); used+len(r.values) <= cap(r.arena) {
		r.arena = r.arena[:used+len(r.values)]
		h = r.arena[used:]
	} else {
		h = make(header, len(r.values))
	}
	for i, v := range r.values {
		end := len(all)
		if i+1 < len(r.values) {
			end = r.values[i+1].start
		}
		for end > v.start && (all[end-1] == '\n' || all[end-1] == '\r') {
			end--
		}
		h[i] = field{v.key, all[v.start:end]}
	}
	return h
}

// entity reads the body that h describes, and gives the delimiter it ended at.
func (r *reader) entity(h header, depth int) delimiter {
	r.parts++
	if depth > maxDepth || r.parts > maxParts {
		_, d := r.skip()
		return d
	}
	switch media := h.mediaType(); {
	case strings.HasPrefix(media, "multipart/"):
		return r.multipart(h, depth)
	case media == "message/delivery-status" || media == "message/global-delivery-status":
		return r.status(h)
	case media == "message/feedback-report":
		r.arf = true
	case strings.HasPrefix(media, "message/disposition-notification"):
		r.mdn = true
	case strings.HasPrefix(media, "message/"), media == "text/rfc822-headers", media == "text/rfc822":
		return r.attached(h, depth)
	case depth > 0 && !h.has(keyContentType) && h.has(keyReceived): // the type was forgotten
		r.setOriginal(h)
		size, d := r.skip()
		r.rep.Original.Size, r.rep.Original.Complete = size, size > 0
		return d
	case media == "text/html" && len(r.texts) > 0 && !r.texts[0].html && isReport(r.header): // the same once more
	case strings.HasPrefix(media, "text/"), media == "application/json", !strings.Contains(media, "/"):
		return r.readText(h, media == "text/html")
	case isSaved(h):
		return r.attached(h, depth)
	case isSavedOutlook(h):
		return r.attachedOutlook(h)
	}
	_, d := r.skip()
	return d
}

// readText keeps a text part, decoded.
func (r *reader) readText(h header, isHTML bool) delimiter {
	extra, d := r.keep(min(maxText, maxTexts-r.kept))
	r.kept += len(r.raw)
	if len(bytes.TrimSpace(r.raw)) > 0 {
		r.texts = append(r.texts, r.textOf(h.get(keyContentTransferEncoding), h.param("charset"), isHTML, extra))
	}
	return d
}

// status reads a delivery-status part, as it comes unless it is encoded.
func (r *reader) status(h header) delimiter {
	switch lower(h.get(keyContentTransferEncoding)) {
	case "base64", "quoted-printable":
		_, d := r.keep(maxTexts)
		body := r.decodeTransfer(r.raw, h.get(keyContentTransferEncoding))
		for line := range bytes.Lines(body) {
			r.dsn.line(trimNewline(line), &r.store)
		}
		r.dsn.flush()
		return d
	}
	for r.next() {
		if d, ok := r.atDelimiter(); ok {
			r.dsn.flush()
			return d
		}
		r.dsn.line(r.text, &r.store)
	}
	r.dsn.flush()
	return end
}

// multipart reads parts until its last delimiter, or one further out, or the
// end. Text before the first one is kept where no first one comes: a missing
// boundary must not cost the report.
func (r *reader) multipart(h header, depth int) delimiter {
	level := len(r.bounds)
	boundary := strings.TrimRight(h.param("boundary"), " ")
	if boundary == "" {
		boundary = r.findBoundary()
	}
	r.bounds = append(r.bounds, boundary)
	defer func() { r.bounds = r.bounds[:level] }()
	extra, d := r.keep(maxLimbo)
	if d.level != level && len(bytes.TrimSpace(r.raw)) > 0 {
		r.texts = append(r.texts, &text{body: decodeCharset(r.raw, h.param("charset")), extra: extra})
	}
	for d.level == level {
		if d.last {
			_, d = r.skip() // the epilogue; some servers go on after the last delimiter
			continue
		}
		part, _, at, open := r.readHeader()
		switch d = at; {
		case !open:
		case !part.has(keyContentType) && isDigest(h):
			d = r.attached(part, depth+1)
		default:
			d = r.entity(part, depth+1)
		}
	}
	return d
}

// undeclared is the header that a body needs whose parts are there and whose
// header is lost or does not tell: a line that is a delimiter, and a field of a
// part below it. Nil where there is none.
func undeclared(body []byte) header {
	body = body[:min(len(body), sniffed)]
	for preamble := 0; len(body) > 0 && preamble < 4; { // an original may have parts, too
		line := body
		if n := bytes.IndexAny(body, "\r\n"); n >= 0 {
			line = body[:n]
		}
		body = bytes.TrimPrefix(body[len(line):], []byte("\r"))
		body = bytes.TrimPrefix(body, []byte("\n"))
		boundary, ok := bytes.CutPrefix(bytes.TrimRight(line, " \t"), []byte("--"))
		if ok && len(boundary) > 2 && !bytes.ContainsAny(boundary, " \"") && len(body) > 8 && hasPrefixFold(string(body[:8]), "content-") {
			return header{{keyContentType, `multipart/mixed; boundary="` + string(boundary) + `"`}}
		}
		if len(line) > 0 {
			preamble++
		}
		if isField(line) {
			return nil
		}
	}
	return nil
}

// findBoundary takes the first line that looks like a delimiter for one,
// where the header names none.
func (r *reader) findBoundary() string {
	for r.next() {
		if line := bytes.TrimRight(r.text, " \t"); len(line) > 4 && line[0] == '-' && line[1] == '-' && bytes.IndexByte(line, ' ') < 0 {
			r.back()
			return string(line[2:])
		}
		if len(r.text) > 0 {
			r.back()
			break
		}
	}
	return "\x00" // matches no line
}

// returned reads the message that came back, or its header. A bounce may be
// there instead, where it was forwarded, or where a gateway wrapped it: that
// is then the report.
func (r *reader) returned(h header, depth int) delimiter {
	inner, size, d, open := r.readHeader()
	if len(inner) == 0 && !open {
		return d
	}
	if open && r.isOther(inner, depth) {
		return r.readOther(inner, depth)
	}
	if r.nested < 4 && len(r.dsn.groups) == 0 && (isReport(inner) || isBounceHeader(inner) && !isBounceHeader(r.header) && !isComplaint(r.header, r.header.text(keySubject))) {
		r.nested++
		if !isSigned(r.header, r.header.text(keySubject)) {
			r.forwards = depth
		}
		r.header, r.texts, r.original = inner, nil, nil
		r.rep.Original = Original{}
		switch {
		case !open:
		case inner.has(keyContentType):
			d = r.entity(inner, depth+1)
		default: // text, RFC 2045 section 5.2
			d = r.readText(inner, false)
		}
		return d
	}
	var body int64
	switch {
	case !open:
	case r.mayReport():
		if body, d = r.readInside(inner, depth); r.nested > 0 || len(r.dsn.groups) > 0 {
			return d
		}
	default:
		body, d = r.skip()
	}
	if r.original == nil {
		r.setOriginal(inner)
		if strings.HasPrefix(h.mediaType(), "message/") || isSaved(h) {
			r.rep.Original.Size, r.rep.Original.Complete = size+body, body > 0 && !r.cut
		}
	}
	return d
}
