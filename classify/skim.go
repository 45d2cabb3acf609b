package classify

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// skimmer reads the built-in files without their proofs. It knows only as much
// of TOML as those files use, one key or table a line, and is several times
// faster than a parser that knows all of it. A test holds what it reads against
// what the parser reads. It remembers which key is which field of a table.
type skimmer map[reflect.Type]map[string]int

func (k skimmer) read(name string, text []byte) (file, error) {
	var f file
	whole := reflect.ValueOf(&f).Elem()
	at, all := whole, string(text)
	for line := range strings.Lines(all) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if table, ok := strings.CutPrefix(line, "[["); ok {
			field := k.field(whole, strings.TrimSuffix(table, "]]"))
			if !field.IsValid() || field.Kind() != reflect.Slice {
				return f, fmt.Errorf("no such table: %s", line)
			}
			if field.IsNil() {
				field.Grow(strings.Count(all, line))
			}
			field.SetLen(field.Len() + 1)
			at = field.Index(field.Len() - 1)
			continue
		}
		key, value, _ := strings.Cut(line, " = ")
		if isProof(key) {
			continue
		}
		if field := k.field(at, key); !field.IsValid() || !set(field, value) {
			return f, fmt.Errorf("cannot be read: %s", line)
		}
	}
	f.complete(name)
	return f, nil
}

// isProof knows the keys that nothing but a proof or an explanation needs.
func isProof(key string) bool {
	return key == "example" || key == "counter" || key == "source" || key == "name"
}

// field is the field of a table that a key names; invalid where there is none.
func (k skimmer) field(table reflect.Value, key string) reflect.Value {
	t := table.Type()
	known, ok := k[t]
	if !ok {
		known = make(map[string]int, t.NumField())
		for i := range t.NumField() {
			known[t.Field(i).Tag.Get("toml")] = i
		}
		delete(known, "")
		k[t] = known
	}
	i, ok := known[key]
	if !ok {
		return reflect.Value{}
	}
	return table.Field(i)
}

// set gives a field its value; false where the value is of another kind.
func set(field reflect.Value, value string) bool {
	switch field.Kind() {
	case reflect.String:
		s, rest, ok := cutString(value)
		field.SetString(s)
		return ok && rest == ""
	case reflect.Slice:
		return setList(field, value)
	case reflect.Bool:
		field.SetBool(value == "true")
		return value == "true" || value == "false"
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
		return set(field.Elem(), value)
	case reflect.Int:
		n, err := strconv.Atoi(value)
		field.SetInt(int64(n))
		return err == nil
	}
	return false
}

func setList(field reflect.Value, value string) bool {
	value, ok := strings.CutPrefix(value, "[")
	value, end := strings.CutSuffix(value, "]")
	most := strings.Count(value, ", ") + 1
	list, n := reflect.MakeSlice(field.Type(), most, most), 0
	for ok = ok && end; ok && value != "" && n < most; n++ {
		var s string
		s, value, ok = cutString(value)
		list.Index(n).SetString(s)
		value = strings.TrimPrefix(value, ", ")
	}
	field.Set(list.Slice(0, n))
	return ok && value == ""
}

// cutString takes the string that text starts with.
func cutString(text string) (s, rest string, ok bool) {
	for _, quote := range []string{"'''", "'"} {
		if inner, found := strings.CutPrefix(text, quote); found {
			return strings.Cut(inner, quote)
		}
	}
	if inner, found := strings.CutPrefix(text, `"`); found {
		if s, rest, ok = strings.Cut(inner, `"`); ok && !strings.Contains(s, `\`) {
			return s, rest, true
		}
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", text, false
	}
	s, err = strconv.Unquote(quoted)
	return s, text[len(quoted):], err == nil
}
