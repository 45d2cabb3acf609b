package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON writes values as one array, or one object a line as they come.
type JSON struct {
	out   io.Writer
	array bool
	n     int
	page  bytes.Buffer
	enc   *json.Encoder // into page
}

// NewJSON returns a writer of one JSON array, or of JSON lines. Close ends the
// array; it must be called even where nothing was written.
func NewJSON(out io.Writer, array bool) *JSON { return &JSON{out: out, array: array} }

// Write writes one value, in one piece. Control characters in it, the
// terminal's included, are escaped; text is otherwise left as it is.
func (j *JSON) Write(v any) error {
	j.page.Reset()
	switch {
	case j.array && j.n > 0:
		j.page.WriteString(",\n")
	case j.array:
		j.page.WriteString("[\n")
	}
	j.n++
	if j.enc == nil {
		j.enc = json.NewEncoder(&j.page)
		j.enc.SetEscapeHTML(false)
	}
	if err := j.enc.Encode(v); err != nil {
		return err
	}
	text := j.page.Bytes()
	if j.array {
		text = bytes.TrimSuffix(text, []byte("\n"))
	}
	_, err := j.out.Write(escapeControls(text))
	return err
}

// Close ends the array.
func (j *JSON) Close() error {
	if !j.array {
		return nil
	}
	end := "\n]\n"
	if j.n == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(j.out, end)
	return err
}

// escapeControls escapes DEL, C1 and direction controls, which JSON allows raw
// and a terminal must not see. It works on JSON text, where such characters
// can only stand inside strings; what is below 0x20 the encoder has escaped.
func escapeControls(text []byte) []byte {
	raw := func(r rune) bool { return r >= 0x7f && hidden(r) }
	if !bytes.ContainsFunc(text, raw) {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !raw(r):
			out = append(out, text[:size]...)
		case r > 0xffff:
			a, b := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, a, b)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}
