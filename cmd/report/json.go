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
}

// NewJSON returns a writer of one JSON array, or of JSON lines. Close ends the
// array; it must be called even where nothing was written.
func NewJSON(out io.Writer, array bool) *JSON { return &JSON{out: out, array: array} }

// Write writes one value. Control characters in it, the terminal's included,
// are escaped; text is otherwise left as it is.
func (j *JSON) Write(v any) error {
	lead := ""
	if j.array {
		lead = "[\n"
		if j.n > 0 {
			lead = ",\n"
		}
	}
	j.n++
	b, err := marshal(v)
	if err != nil {
		return err
	}
	if !j.array {
		b = append(b, '\n')
	}
	_, err = j.out.Write(append([]byte(lead), b...))
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

// marshal is json.Marshal without the escapes for HTML, and with DEL, C1 and
// direction controls escaped: JSON allows them raw, a terminal must not see
// them.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escapeControls(bytes.TrimRight(b.Bytes(), "\n")), nil
}

// escapeControls works on JSON text, where such characters can only stand
// inside strings. What is below 0x20 the encoder has escaped already.
func escapeControls(text []byte) []byte {
	if bytes.IndexFunc(text, hidden) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !hidden(r):
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
