package report

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// encoder appends the JSON form of values to text. It gives what encoding/json
// gives without HTML escapes, by the same struct tags, except that what a
// terminal must not see is escaped, too. It looks at a type once, and
// knows the kinds that reports are made of; for the others it fails.
type encoder struct {
	text  []byte
	err   error
	forms map[reflect.Type]form

	args     uintptr // the dictionary of this value that was appended last
	from, to int     // where it stands in text
}

// form appends a value of one type.
type form func(*encoder, reflect.Value)

func (e *encoder) encode(v any) error {
	e.err, e.args = nil, 0
	value := reflect.ValueOf(v)
	if !value.IsValid() {
		return fmt.Errorf("report: no JSON form for %v", v)
	}
	e.form(value.Type())(e, value)
	return e.err
}

func (e *encoder) form(t reflect.Type) form {
	f := e.forms[t]
	if f == nil {
		if e.forms == nil {
			e.forms = map[reflect.Type]form{}
		}
		f = e.newForm(t)
		e.forms[t] = f
	}
	return f
}

func (e *encoder) newForm(t reflect.Type) form {
	if t == reflect.TypeFor[time.Time]() {
		return (*encoder).time
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return (*encoder).marshaled
	}
	switch t.Kind() {
	case reflect.String:
		return func(e *encoder, v reflect.Value) { e.quote(v.String()) }
	case reflect.Bool:
		return func(e *encoder, v reflect.Value) { e.text = strconv.AppendBool(e.text, v.Bool()) }
	case reflect.Int, reflect.Int64:
		return func(e *encoder, v reflect.Value) { e.text = strconv.AppendInt(e.text, v.Int(), 10) }
	case reflect.Uint16:
		return func(e *encoder, v reflect.Value) { e.text = strconv.AppendUint(e.text, v.Uint(), 10) }
	case reflect.Pointer:
		return e.pointer(t)
	case reflect.Slice:
		return e.list(t)
	case reflect.Map:
		if t == reflect.TypeFor[map[string]string]() {
			return (*encoder).dictionary
		}
	case reflect.Struct:
		return e.object(t)
	}
	return func(e *encoder, v reflect.Value) { e.err = fmt.Errorf("report: no JSON form for a %v", v.Type()) }
}

// time spares every finding a copy of its time on the heap, and its text.
func (e *encoder) time(v reflect.Value) {
	if !v.CanAddr() {
		e.marshaled(v)
		return
	}
	var room [len(time.RFC3339Nano)]byte
	text, err := v.Addr().Interface().(*time.Time).AppendText(room[:0])
	if err != nil {
		e.err = err
	}
	e.quote(string(text))
}

func (e *encoder) marshaled(v reflect.Value) {
	text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		e.err = err
	}
	e.quote(string(text))
}

func (e *encoder) pointer(t reflect.Type) form {
	to := e.form(t.Elem())
	return func(e *encoder, v reflect.Value) {
		if v.IsNil() {
			e.text = append(e.text, "null"...)
			return
		}
		to(e, v.Elem())
	}
}

func (e *encoder) list(t reflect.Type) form {
	of := e.form(t.Elem())
	return func(e *encoder, v reflect.Value) {
		if v.IsNil() {
			e.text = append(e.text, "null"...)
			return
		}
		e.text = append(e.text, '[')
		for i := range v.Len() {
			e.comma(i)
			of(e, v.Index(i))
		}
		e.text = append(e.text, ']')
	}
}

func (e *encoder) dictionary(v reflect.Value) {
	if v.IsNil() {
		e.text = append(e.text, "null"...)
		return
	}
	if v.Pointer() == e.args { // several pieces of advice share one
		e.text = append(e.text, e.text[e.from:e.to]...)
		return
	}
	e.args, e.from = v.Pointer(), len(e.text)
	m := v.Interface().(map[string]string)
	var room [16]string
	keys := room[:0]
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	e.text = append(e.text, '{')
	for i, k := range keys {
		e.comma(i)
		e.quote(k)
		e.text = append(e.text, ':')
		e.quote(m[k])
	}
	e.text = append(e.text, '}')
	e.to = len(e.text)
}

// member is one field of an object.
type member struct {
	name      string // quoted, with its colon
	index     []int
	omitEmpty bool
	form      form
}

func (e *encoder) object(t reflect.Type) form {
	var members []member
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "-" {
			continue
		}
		members = append(members, member{strconv.Quote(name) + ":", f.Index, options == "omitempty", e.form(f.Type)})
	}
	return func(e *encoder, v reflect.Value) {
		e.text = append(e.text, '{')
		n := 0
		for i := range members {
			m := &members[i]
			f := v.Field(m.index[0])
			if len(m.index) > 1 { // of an embedded struct
				f = v.FieldByIndex(m.index)
			}
			if m.omitEmpty && isEmpty(f) {
				continue
			}
			e.comma(n)
			n++
			e.text = append(e.text, m.name...)
			m.form(e, f)
		}
		e.text = append(e.text, '}')
	}
}

// isEmpty is what omitempty means.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func (e *encoder) comma(before int) {
	if before > 0 {
		e.text = append(e.text, ',')
	}
}

// asIs are the bytes that stand for themselves in a string.
var asIs = func() (is [256]bool) {
	for b := byte(' '); b < 0x7f; b++ {
		is[b] = b != '"' && b != '\\'
	}
	return is
}()

// quote appends a string. Of a byte that is no UTF-8 it makes U+FFFD.
func (e *encoder) quote(s string) {
	out := append(e.text, '"')
	from := 0
	for i := 0; i < len(s); {
		b := s[i]
		if asIs[b] {
			i++
			continue
		}
		r, n := rune(b), 1
		if b >= utf8.RuneSelf {
			if r, n = utf8.DecodeRuneInString(s[i:]); (r != utf8.RuneError || n > 1) && !hidden(r) {
				i += n
				continue
			}
		}
		out = append(out, s[from:i]...)
		out = escape(out, r)
		i += n
		from = i
	}
	e.text = append(append(out, s[from:]...), '"')
}

const hex = "0123456789abcdef"

func escape(out []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(out, '\\', byte(r))
	case '\b':
		return append(out, `\b`...)
	case '\f':
		return append(out, `\f`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	}
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return escape(escape(out, high), low)
	}
	return append(out, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
