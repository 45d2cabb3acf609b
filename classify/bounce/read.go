package bounce

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"strings"
)

// ErrEmpty says that there was nothing to read.
var ErrEmpty = errors.New("bounce: empty input")

// Reader reads one input after another and keeps its buffers for the next. The
// zero value is ready. It is for one goroutine at a time, and for one input at
// a time: what is left of the input before is lost.
type Reader struct {
	// Memory is what readers share that read much alike; nil for none.
	Memory *Memory

	lines lines
	walk  reader
}

// Read is Reader.Read for a single input.
func Read(in io.Reader) (*Report, error) { return new(Reader).Read(in) }

// All is Reader.All for a single input.
func All(in io.Reader) iter.Seq2[*Report, error] { return new(Reader).All(in) }

// Lines is Reader.Lines for a single input.
func Lines(in io.Reader) iter.Seq2[*Report, error] { return new(Reader).Lines(in) }

// Read reads one message, pasted fragment, reply or log line. It fails with
// ErrEmpty, or with the error of in: then the report, if any, is of what came
// before. Whatever else is wrong with the input becomes a Note. Of a message
// longer than 64 MiB the rest is not read.
func (r *Reader) Read(in io.Reader) (*Report, error) {
	l := r.lines.begin(in, sniffed)
	head := l.peek(sniffed)
	switch {
	case isBlank(head) && l.onlyBlank():
		return nil, l.problem()
	case isOutlook(head):
		rep := readOutlook(l)
		return rep, l.err
	case isMessage(head, l.newline):
		rep := r.message(l)
		return rep, l.err
	case isNoise(head):
		return noise(), l.err
	}
	rep := readPasted(l)
	return rep, l.err
}

// All gives every report of an input whose form its content tells: a message
// (a report for each bounce that is attached), an mbox, a log (a report for each
// delivery that failed or waits; the last line that could be read, where none
// did) or a pasted text. It holds one message at a time. An error of in ends it, after the report of what came
// before, and comes with a nil Report.
func (r *Reader) All(in io.Reader) iter.Seq2[*Report, error] {
	return func(yield func(*Report, error) bool) {
		l := r.lines.begin(in, sniffed)
		head := l.peek(sniffed)
		more := true
		switch {
		case isBlank(head) && l.onlyBlank():
			yield(nil, l.problem())
			return
		case isFromLine(firstLine(head)):
			l.mbox = true
			for next := true; more && next; next = l.message() {
				more = each(r.message(l), yield)
			}
		case isOutlook(head):
			more = yield(readOutlook(l), nil)
		case isMessage(head, l.newline):
			more = each(r.message(l), yield)
		case isLog(head):
			more = readLogLines(l, yield)
		case isNoise(head):
			more = yield(noise(), nil)
		default:
			more = yield(readPasted(l), nil)
		}
		if more && l.err != nil {
			yield(nil, l.err)
		}
	}
}

// Lines reads every line as one reply or log line, and gives exactly one
// report for each, in order; for an empty line one of KindNotABounce.
func (r *Reader) Lines(in io.Reader) iter.Seq2[*Report, error] {
	return func(yield func(*Report, error) bool) {
		l := r.lines.begin(in, 1)
		var book logbook
		for l.line() {
			if !yield(readLine(&book, decodeCharset(l.text, "")), nil) {
				return
			}
		}
		if l.err != nil {
			yield(nil, l.err)
		}
	}
}

// line is next for input of any length: a line is read whole or cut, and never
// comes as two.
func (l *lines) line() bool {
	l.left = maxMessage
	if !l.next() {
		return false
	}
	if l.piece {
		l.text = bytes.Clone(l.text)
	}
	for l.piece { // the rest of a line too long
		rest := l.take()
		l.piece = len(rest) > 0 && rest[len(rest)-1] != l.newline
	}
	return true
}

// each gives a report, and those of the other bounces of the same mail.
func each(rep *Report, yield func(*Report, error) bool) bool {
	others := rep.Others
	rep.Others = nil
	more := yield(rep, nil)
	for _, other := range others {
		more = more && yield(other, nil)
	}
	return more
}

func (r *Reader) message(l *lines) *Report {
	r.walk.memory = r.Memory
	return r.walk.readMessage(l)
}

func isBlank(b []byte) bool {
	for _, c := range b {
		if c > ' ' {
			return false
		}
	}
	return true
}

// onlyBlank skips empty lines, and tells whether there was nothing else.
func (l *lines) onlyBlank() bool {
	for l.next() {
		if !isBlank(l.text) {
			l.back()
			return false
		}
	}
	return true
}

func (l *lines) problem() error {
	if l.err != nil {
		return l.err
	}
	return ErrEmpty
}

func firstLine(head []byte) []byte {
	line := bytes.TrimLeft(head, " \t\r\n")
	line = line[:min(len(line), 512)]
	if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	return line
}

// isMessage tells whether a text begins with the header of a message: fields
// of which at least two are such as mail has, or all, or one where the header
// is longer than what was looked at.
func isMessage(head []byte, newline byte) bool {
	rest := bytes.TrimLeft(head[:min(len(head), sniffed)], "\r\n")
	known, all := 0, 0
	for len(rest) > 0 && known < 2 {
		line, after, _ := bytes.Cut(rest, []byte{newline})
		line = trimNewline(line)
		switch n := fieldName(line); {
		case len(line) > 0 && (line[0] == ' ' || line[0] == '\t'):
		case n > 0:
			all++
			known += weight(line[:n])
		case all > 0 && isStray(line), all == 0 && isFromLine(line):
		default:
			return known > 0 && (known == all || len(bytes.TrimSpace(after)) == 0 && len(head) >= sniffed)
		}
		rest = after
	}
	return known >= 2 || known > 0 && (known == all || len(head) >= sniffed)
}

// weight is how much a field tells that a text is a message.
func weight(name []byte) int {
	switch keyOf(name) {
	case keyFrom, keyTo, keyDate, keyReceived, keyReturnPath, keyMessageID, keyMIMEVersion, keyDeliveredTo, keyContentType, keyXFailedRecipients, keyEnvelopeTo, keyAutoSubmitted:
		return 1
	case keySubject:
		return 2
	}
	return 0
}

// isLog tells whether most of the first lines are a server's log.
func isLog(head []byte) bool {
	logged, all := 0, 0
	for line := range strings.Lines(strings.ReplaceAll(string(head), "\r", "\n")) {
		if strings.TrimSpace(line) == "" || all > 20 {
			continue
		}
		all++
		if isLogLine(line) {
			logged++
		}
	}
	return logged > 0 && logged*2 > all
}

// readLogLines gives a report for every delivery that failed or waits; false
// where no more are wanted.
func readLogLines(l *lines, yield func(*Report, error) bool) bool {
	other := &Report{Kind: KindNotABounce}
	found := false
	var book logbook
	for l.line() {
		rep, ok := book.read(decodeCharset(l.text, ""))
		switch {
		case !ok || rep.Kind == KindNotABounce:
		case rep.Kind == KindDelivered:
			other = rep
		default:
			found = true
			if !yield(rep, nil) {
				return false
			}
		}
	}
	return found || yield(other, nil)
}

// readLine reads one reply or log line.
func readLine(book *logbook, line string) *Report {
	if rep, ok := book.read(line); ok {
		return rep
	}
	if strings.TrimSpace(line) == "" {
		return &Report{Kind: KindNotABounce}
	}
	return &Report{Kind: KindFragment, Failures: []Failure{readReply(line)}}
}

// readReply reads a bare reply, perhaps behind the address that it is about:
// "<a@example.net>: host mx.example.net said: 550 ...".
func readReply(s string) Failure {
	if addr, rest, ok := listedAddress(s); ok && rest != "" {
		rest, original := cutExpansion(rest, "")
		f := hear(rest, false)
		f.Recipient, f.OriginalRecipient = addr, original
		return f
	}
	f := hear(s, false)
	f.Recipient = replyRecipient(f.Reply.Text)
	return f
}

// others are words about an address that is not the recipient's.
var others = newPhrases("sender", "mail from", "envelope-from", "from:", "contact", "postmaster")

// replyRecipient is the address that a reply speaks of, where it is not the
// sender's.
func replyRecipient(reply string) string {
	if i := indexFold(reply, "rcpt to:"); i >= 0 {
		if start, end := nextAddress(reply, i); end > 0 {
			return reply[start:end]
		}
	}
	start, end := nextAddress(reply, 0)
	if end == 0 || others.in(reply) {
		return ""
	}
	return reply[start:end]
}

// readPasted reads a text without a header: a piece of a bounce, one reply,
// log lines.
func readPasted(l *lines) *Report {
	r := &reader{lines: l, rep: &Report{Kind: KindFragment}}
	if h := undeclared(l.peek(sniffed)); h != nil {
		r.entity(h, 0)
		r.finish(true)
		return r.rep
	}
	extra, _ := r.keep(maxText)
	body := strings.TrimSpace(decodeCharset(r.raw, ""))
	r.texts = []*text{{body: body, html: isHTML(body), extra: extra}}
	if strings.Count(body, "\n") == 0 && !r.texts[0].html {
		return readLine(new(logbook), body)
	}
	if rep, ok := readPastedLog(body); ok {
		return rep
	}
	if strings.HasPrefix(body, ">") {
		r.texts[0].body = unquote(body)
	}
	r.finish(true)
	return r.rep
}

// readPastedLog puts the lines of a log that someone pasted into one report.
func readPastedLog(body string) (*Report, bool) {
	var all *Report
	var book logbook
	for line := range strings.Lines(unwrapQueue(body)) {
		rep, ok := book.read(strings.TrimSpace(line))
		switch {
		case !ok || rep.Kind == KindNotABounce:
		case all == nil:
			all = rep
		case len(all.Failures) < maxFailures:
			if all.Kind == KindDelivered {
				all.Kind = rep.Kind
			}
			all.Failures = append(all.Failures, rep.Failures...)
		}
	}
	return all, all != nil
}

// isNoise says whether a beginning is no text at all: a picture, a program, an
// encrypted file. Text in any charset has next to no control characters; a few
// that crept in do not make it noise.
func isNoise(head []byte) bool {
	if len(head) < 64 {
		return false
	}
	controls := 0
	for _, b := range head {
		if b < ' ' && b != '\t' && b != '\n' && b != '\v' && b != '\f' && b != '\r' && b != 0x1b || b == 0x7f {
			controls++
		}
	}
	return controls*16 > len(head)
}

// noise is all that is to be said of it.
func noise() *Report { return &Report{Kind: KindFragment, Notes: []Note{{Code: "binary"}}} }
