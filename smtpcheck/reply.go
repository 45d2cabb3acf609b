package smtpcheck

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// What a server may say. RFC 5321 section 4.5.3.1.5 stops a line at 512 bytes;
// real ones go beyond, but not by much.
const (
	maxLine    = 2 << 10  // bytes of one line
	maxReply   = 50       // lines of one reply
	maxSession = 64 << 10 // bytes of all replies together
)

// notSMTP is why something is no SMTP reply.
type notSMTP string

func (e notSMTP) Error() string { return string(e) }

const (
	errNoCode    notSMTP = "line without a reply code"
	errLongLine  notSMTP = "line longer than 2 KiB"
	errLongReply notSMTP = "reply of more than 50 lines"
	errFlood     notSMTP = "more than 64 KiB of replies"
	errOrder     notSMTP = "reply out of place"
)

// replyReader reads the replies of one session and keeps their bounds.
type replyReader struct {
	in    *bufio.Reader
	left  int               // bytes that the session may still say
	heard func(line string) // told of each line as it comes, even of a broken one
}

func newReplyReader(r io.Reader, heard func(string)) *replyReader {
	return &replyReader{in: bufio.NewReaderSize(r, maxLine), left: maxSession, heard: heard}
}

// read reads one reply to its end. It takes bare LF for a line's end, a code
// without text, any bytes in the text, and differing codes, of which the last
// counts. Whatever stops it, no part of a reply is returned with the error.
func (r *replyReader) read() (Reply, error) {
	var reply Reply
	for range maxReply {
		line, err := r.line()
		if err != nil {
			return Reply{}, err
		}
		code, text, more, ok := parseLine(line)
		if !ok {
			return Reply{}, errNoCode
		}
		reply.Code = code // RFC 5321 section 4.2.1: a client that finds several goes by the last
		reply.Lines = append(reply.Lines, text)
		if !more {
			return reply, nil
		}
	}
	return Reply{}, errLongReply
}

// line reads one line without its end.
func (r *replyReader) line() (string, error) {
	raw, err := r.in.ReadSlice('\n')
	line := strings.TrimRight(string(raw), "\r\n")
	if len(raw) > 0 {
		r.heard(line)
	}
	r.left -= len(raw)
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errLongLine
	case err != nil:
		return "", err
	case r.left < 0:
		return "", errFlood
	}
	return line, nil
}

// parseLine takes a reply line apart (RFC 5321 section 4.2): three digits, of
// which the first is 2 to 5, then a space or the end, or "-" where more lines
// follow.
func parseLine(line string) (code int, text string, more, ok bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, "", false, false
	}
	for _, c := range []byte(line[:3]) {
		if c < '0' || c > '9' {
			return 0, "", false, false
		}
		code = code*10 + int(c-'0')
	}
	switch rest := line[3:]; {
	case rest == "":
		return code, "", false, true
	case rest[0] == ' ', rest[0] == '-':
		return code, rest[1:], rest[0] == '-', true
	}
	return 0, "", false, false
}

// Status is the enhanced status code that the text begins with, "5.1.1" (RFC
// 2034 section 4), or empty.
func (r Reply) Status() string {
	if len(r.Lines) == 0 {
		return ""
	}
	word, _, _ := strings.Cut(r.Lines[0], " ")
	word = strings.TrimPrefix(word, "#") // QUIRK: IronPort writes "550 #5.1.0 Address rejected."
	parts := strings.Split(word, ".")
	if len(parts) != 3 || parts[0] != "2" && parts[0] != "4" && parts[0] != "5" {
		return ""
	}
	for _, p := range parts[1:] {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return ""
		}
	}
	return word
}
