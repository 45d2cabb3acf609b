package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var hostile = []struct{ name, in, want string }{
	{"plain", "550 5.1.1 <a@example.net>", "550 5.1.1 <a@example.net>"},
	{"words of any script stay", "信箱不存在 почта é", "信箱不存在 почта é"},
	{"an escape sequence", "\x1b[2J\x1b]0;t\a", `\x1b[2J\x1b]0;t\x07`},
	{"C1 CSI", "\u009b31m", `\u009b31m`},
	{"a raw 0x9b byte", "a\x9b31m", "a\ufffd31m"},
	{"NUL, DEL, backspace", "a\x00b\x7fc\bd", `a\x00b\x7fc\x08d`},
	{"line ends and tabs", "a\r\nb\tc", "a  b c"},
	{"line and paragraph separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
	{"direction controls", "a\u202eb\u2066c\u200fd", `a\u202eb\u2066c\u200fd`},
	{"invisible letters", "a\u200bb\u3164c\u115fd\u00ade\ufefff", `a\u200bb\u3164c\u115fd\u00ade\ufefff`},
	{"tags and variation selectors", "a\U000e0041b\ufe0f", `a\U000e0041b\ufe0f`},
	{"invalid UTF-8", "a\xffb\xc3", "a\ufffdb\ufffd"},
	{"longer than a line may be", strings.Repeat("x", maxArgument+1), strings.Repeat("x", maxArgument) + "..."},
	{"as long as a line may be", strings.Repeat("信", maxArgument), strings.Repeat("信", maxArgument)},
}

func TestSafeShowsWhatATerminalMustNotGet(t *testing.T) {
	for _, tt := range hostile {
		if got := Safe(tt.in); got != tt.want {
			t.Errorf("%s: Safe(%q) = %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

func TestJSONHoldsNoRawControlCharacters(t *testing.T) {
	for _, tt := range hostile {
		var out bytes.Buffer
		if err := NewJSON(&out, false).Write(tt.in); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsFunc(line, hidden) || !utf8.ValidString(line) {
			t.Errorf("%s: %q", tt.name, line)
		}
		var back string
		if err := json.Unmarshal([]byte(line), &back); err != nil || back != strings.ToValidUTF8(replaceBytes(tt.in), "") {
			t.Errorf("%s: %q comes back as %q, %v", tt.name, tt.in, back, err)
		}
		if Safe(back) != tt.want {
			t.Errorf("%s: what was saved gives other text: %q", tt.name, Safe(back))
		}
	}
}

// replaceBytes puts U+FFFD in the place of every byte that is no UTF-8.
func replaceBytes(s string) string { return string([]rune(s)) }

func TestJSONIsAnArrayOrLines(t *testing.T) {
	for _, tt := range []struct {
		array  bool
		values []any
		want   string
	}{
		{true, nil, "[]\n"},
		{true, []any{1}, "[\n1\n]\n"},
		{true, []any{1, "<a>"}, "[\n1,\n\"<a>\"\n]\n"},
		{false, nil, ""},
		{false, []any{1, "&"}, "1\n\"&\"\n"},
	} {
		var out bytes.Buffer
		j := NewJSON(&out, tt.array)
		for _, v := range tt.values {
			if err := j.Write(v); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil || out.String() != tt.want {
			t.Errorf("%v: %q, %v; want %q", tt.values, out.String(), err, tt.want)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, tt := range hostile {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, hidden) || utf8.RuneCountInString(got) > 10*maxArgument+3 {
			t.Errorf("Safe(%q) = %q", s, got)
		}
		var out bytes.Buffer
		if err := NewJSON(&out, false).Write(s); err != nil {
			t.Fatal(err)
		}
		text := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
		if bytes.ContainsFunc(text, hidden) {
			t.Fatalf("%q is written as %q", s, text)
		}
		var back string
		if err := json.Unmarshal(text, &back); err != nil || Safe(back) != got {
			t.Errorf("%q is shown as %q, and as %q after it was saved: %v", s, got, Safe(back), err)
		}
	})
}
