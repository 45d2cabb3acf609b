package bounce

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// decodeTransfer undoes a Content-Transfer-Encoding. Damage ends the decoding
// where no more can be made of it, and is noted, once.
func (r *reader) decodeTransfer(body []byte, encoding string) []byte {
	whole := true
	switch encoding = lower(encoding); encoding {
	case "base64":
		body, whole = decodeBase64(body)
	case "quoted-printable":
		body, whole = decodeQuoted(body)
	}
	if !whole {
		r.damaged(encoding)
	}
	return body
}

// damaged notes a part that could not be decoded as a whole.
func (r *reader) damaged(encoding string) {
	if !slices.ContainsFunc(r.rep.Notes, func(n Note) bool { return n.Code == "part.damaged" }) {
		r.note("part.damaged", "encoding", encoding)
	}
}

// decodeQuoted undoes quoted-printable in place; what is no escape stays, and
// is damage. RFC 2045 section 6.7
func decodeQuoted(body []byte) (text []byte, whole bool) {
	out, whole := body[:0], true
	for len(body) > 0 {
		line := body
		i := bytes.IndexByte(body, '\n')
		if i >= 0 {
			line = body[:i]
		}
		body = body[min(len(line)+1, len(body)):]
		for len(line) > 0 && isSpace(line[len(line)-1]) {
			line = line[:len(line)-1]
		}
		soft := len(line) > 0 && line[len(line)-1] == '='
		if soft {
			line = line[:len(line)-1]
		}
		for {
			escape := bytes.IndexByte(line, '=')
			if escape < 0 {
				break
			}
			out = append(out, line[:escape]...)
			if line = line[escape:]; len(line) >= 3 && isHex(line[1]) && isHex(line[2]) {
				out = append(out, unhex(line[1])<<4|unhex(line[2]))
				line = line[3:]
			} else {
				out = append(out, '=')
				line, whole = line[1:], false
			}
		}
		out = append(out, line...)
		if !soft && i >= 0 {
			out = append(out, '\n')
		}
	}
	return out, whole
}

// unhex is the value of a digit that isHex.
func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return (c | 0x20) - 'a' + 10
}

// decodeBase64 takes text before or after the base64 (a footer of a mailing
// list) for its end. What is no base64, or ends in the middle of a byte, is
// damage.
func decodeBase64(body []byte) (text []byte, whole bool) {
	packed := make([]byte, 0, len(body))
	for line := range bytes.Lines(body) {
		line = bytes.TrimSpace(line)
		if bytes.ContainsAny(line, " \t-:") {
			break
		}
		packed = append(packed, line...)
	}
	packed = bytes.TrimRight(packed, "=")
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(packed)))
	n, err := base64.RawStdEncoding.Decode(out, packed)
	return out[:n], err == nil && len(packed) > 0
}

// decodeCharset turns text in the named charset into UTF-8. Labels lie and go
// missing: text that is valid UTF-8 is not touched, and without a label that
// is known the charset is guessed.
func decodeCharset(body []byte, label string) string {
	if out, ok := decodeUnlikeASCII(body, label); ok {
		return out
	}
	if isUTF8(body, label) {
		return string(body)
	}
	enc := charset(label)
	if enc == nil || bytes.Contains(body, []byte("\x1b$")) {
		enc = guess(body)
	}
	if enc == nil {
		return strings.ToValidUTF8(string(body), "\uFFFD")
	}
	out, _ := enc.NewDecoder().Bytes(body)
	return string(out)
}

// isUTF8 tells text that needs no decoding.
func isUTF8(body []byte, label string) bool {
	return utf8.Valid(body) && bytes.IndexByte(body, 0x1B) < 0 && (label != "iso-2022-jp" || ascii(body) == len(body))
}

// decode is decodeCharset for a text of the report: what its charset has no
// character for is noted.
func (r *reader) decode(body []byte, label string) string {
	s, ok := decodeUnlikeASCII(body, label)
	switch {
	case ok:
	case isUTF8(body, label):
		return r.store.keep(body)
	default:
		s = decodeCharset(body, label)
	}
	if strings.Contains(s, "\uFFFD") && !bytes.Contains(body, []byte("\uFFFD")) {
		r.note("text.undecoded", "charset", clip(label, 40))
	}
	return s
}

// ascii is the number of ASCII bytes that s begins with.
func ascii[T string | []byte](s T) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		eight := s[i : i+8] // one load
		if (uint64(eight[0])|uint64(eight[1])<<8|uint64(eight[2])<<16|uint64(eight[3])<<24|
			uint64(eight[4])<<32|uint64(eight[5])<<40|uint64(eight[6])<<48|uint64(eight[7])<<56)&0x8080808080808080 != 0 {
			break
		}
	}
	for i < len(s) && s[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// charset finds an encoding by its label, nil where the label names none or
// says only "ASCII", which 8-bit text is not.
func charset(label string) encoding.Encoding {
	switch label = strings.ToLower(strings.Trim(label, " \t\"'")); label {
	case "", "us-ascii", "ascii", "utf-8", "utf8", "uft-8", "unknown-8bit", "x-unknown", "8bit":
		return nil
	case "gb2312", "gbk", "gb_2312-80", "cp936", "ms936", "x-gbk", "euc-cn", "hz-gb-2312":
		return simplifiedchinese.GB18030 // the superset: servers say gb2312 and send gbk
	case "cp950", "ms950", "big5-hkscs", "big5hkscs":
		return traditionalchinese.Big5
	case "cp932":
		return japanese.ShiftJIS
	case "cp949", "ms949", "uhc":
		return korean.EUCKR
	}
	if strings.HasPrefix(label, "cp125") {
		label = "windows-" + label[2:]
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		return nil
	}
	return enc
}

// guess names the charset of 8-bit text without a label: the escapes of
// ISO-2022-JP, then UTF-8 with a little damage (nil), then Shift_JIS, Big5 or
// GB18030, and Latin where the high bytes stand alone.
func guess(b []byte) encoding.Encoding {
	if bytes.Contains(b, []byte("\x1b$")) {
		return japanese.ISO2022JP
	}
	high, lone, low, bad8, kana := 0, 0, 0, 0, 0
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		high++
		switch next := byteAt(b, i+1); {
		case next >= 0xA1:
		case next >= 0x40 && next <= 0x7E && byteAt(b, i+2) >= utf8.RuneSelf:
			low++ // a trail byte that Big5 has and GB 2312 has not
		default:
			lone++
		}
		if b[i] == 0x82 || b[i] == 0x83 {
			kana++ // as Shift_JIS has them; hardly used elsewhere
		}
		if r, n := utf8.DecodeRune(b[i:]); r == utf8.RuneError || n == 1 {
			bad8++
		}
		i += 2
	}
	switch {
	case bad8*10 < high:
		return nil
	case kana*3 > high:
		return japanese.ShiftJIS
	case lone*2 > high:
		return charmap.Windows1252
	case low > 0 && damage(b, traditionalchinese.Big5) <= damage(b, simplifiedchinese.GB18030):
		return traditionalchinese.Big5
	}
	return simplifiedchinese.GB18030
}

func byteAt(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// damage counts the bytes that an encoding has no character for.
func damage(b []byte, enc encoding.Encoding) int {
	out, _ := enc.NewDecoder().Bytes(b)
	return bytes.Count(out, []byte("\uFFFD"))
}

// decodeWords undoes RFC 2047 encoded words, and 8-bit text where it stands
// raw in a header. A word in an unknown charset stays as it is.
func decodeWords(s string) string {
	if ascii(s) < len(s) || strings.IndexByte(s, 0x1B) >= 0 {
		s = decodeCharset([]byte(s), "")
	}
	if !strings.Contains(s, "=?") {
		return s
	}
	dec := mime.WordDecoder{CharsetReader: func(label string, in io.Reader) (io.Reader, error) {
		body, err := io.ReadAll(in)
		return strings.NewReader(decodeCharset(body, label)), err
	}}
	if out, err := dec.DecodeHeader(s); err == nil {
		return out
	}
	return s
}
