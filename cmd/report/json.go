package report

import "io"

// JSON writes values as one array, or one object a line as they come.
type JSON struct {
	out   io.Writer
	array bool
	n     int
	page  encoder
}

// NewJSON returns a writer of one JSON array, or of JSON lines. Close ends the
// array; it must be called even where nothing was written.
func NewJSON(out io.Writer, array bool) *JSON { return &JSON{out: out, array: array} }

// Write writes one value, in one piece. Control characters in it, the
// terminal's included, are escaped; text is otherwise left as it is. It fails
// for a value of a kind that no report has.
func (j *JSON) Write(v any) error {
	p := &j.page
	p.text = p.text[:0]
	switch {
	case j.array && j.n > 0:
		p.text = append(p.text, ",\n"...)
	case j.array:
		p.text = append(p.text, "[\n"...)
	}
	j.n++
	if err := p.encode(v); err != nil {
		return err
	}
	if !j.array {
		p.text = append(p.text, '\n')
	}
	_, err := j.out.Write(p.text)
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
