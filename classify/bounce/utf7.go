package bounce

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// decodeUnlikeASCII reads the charsets whose bytes below 0x80 are not the
// characters of ASCII, false where the label names none of them or the text is
// in none: UTF-16, and those that came through servers with seven bits.
func decodeUnlikeASCII(body []byte, label string) (string, bool) {
	switch label = lower(strings.Trim(label, " \t\"'")); label {
	case "utf-7", "utf7", "unicode-1-1-utf-7", "unicode-2-0-utf-7", "x-unicode-2-0-utf-7", "csunicode11utf7":
		return decodeUTF7(string(body)), true
	case "hz-gb-2312", "hz":
		out, err := simplifiedchinese.HZGB2312.NewDecoder().Bytes(body)
		return string(out), err == nil
	case "utf-16", "utf-16le", "utf-16be", "utf16", "unicode", "ucs-2":
		if bytes.IndexByte(body, 0) < 0 && !isUTF16(body) {
			return "", false
		}
		order := unicode.LittleEndian
		if strings.HasSuffix(label, "be") || len(body) > 0 && body[0] == 0 {
			order = unicode.BigEndian
		}
		out, err := unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(body)
		return string(out), err == nil
	}
	return "", false
}

// decodeUTF7 reads "+cSFs1Q-": UTF-16 in base64 without padding, up to a
// character that base64 has not; "-" is taken with it. RFC 2152
func decodeUTF7(s string) string {
	var out strings.Builder
	for {
		plain, rest, ok := strings.Cut(s, "+")
		out.WriteString(plain)
		if !ok {
			return out.String()
		}
		n := 0
		for n < len(rest) && (isAlnum(rest[n]) || rest[n] == '+' || rest[n] == '/') {
			n++
		}
		if n == 0 {
			out.WriteByte('+')
		}
		packed, _ := base64.RawStdEncoding.DecodeString(rest[:n])
		units := make([]uint16, len(packed)/2)
		for i := range units {
			units[i] = uint16(packed[2*i])<<8 | uint16(packed[2*i+1])
		}
		out.WriteString(string(utf16.Decode(units)))
		s = strings.TrimPrefix(rest[n:], "-")
	}
}
