package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/probe"
	"diagnose/rbl"
)

// byStandard is the JSON that we want: that of encoding/json, and what a
// terminal must not see as escapes.
func byStandard(t *testing.T, v any) string {
	t.Helper()
	var page bytes.Buffer
	enc := json.NewEncoder(&page)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, r := range page.String() {
		if r < 0x7f || !hidden(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

func byUs(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	if err := NewJSON(&out, false).Write(v); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestOurJSONIsThatOfEncodingJSON(t *testing.T) {
	values := map[string][]any{
		"scalars":      {1, int64(-1), uint16(65535), true, "", "<a&b>", classify.Category(3), bounce.KindBounce},
		"nothing":      {[]string(nil), map[string]string(nil), (*probe.MX)(nil), probe.Report{}, probe.CheckReport{}, probe.ListReport{}},
		"empty":        {[]string{}, map[string]string{}, &probe.MX{}},
		"embedded":     {probe.List{Result: rbl.Result{Zone: "bl.example.com", Codes: []netip.Addr{{}, netip.MustParseAddr("127.0.0.2")}}, TookMS: 3}},
		"times":        {time.Date(2026, 1, 2, 3, 4, 5, 678, time.FixedZone("", 3600)), time.Time{}},
		"explanations": {Explanation{Status: &Status{Code: "x.1.1"}}, Rule{}, Proofs{Rules: 1}},
		"many keys":    {manyKeys()},
	}
	for name, reports := range goldens {
		values[name] = reports
	}
	for _, tt := range hostile {
		values["strings"] = append(values["strings"], tt.in, map[string]string{tt.in: tt.in})
	}
	for name, vs := range values {
		for i, v := range vs {
			if d := cmp.Diff(byStandard(t, v), byUs(t, v)); d != "" {
				t.Errorf("%s %d: %s", name, i, d)
			}
		}
	}
}

func manyKeys() map[string]string {
	m := map[string]string{}
	for i := range 40 {
		m[fmt.Sprint(i)] = "x"
	}
	return m
}

func TestAValueOfAnotherKindIsRefused(t *testing.T) {
	for _, v := range []any{nil, 1.5, []any{1}, map[int]string{}, struct{ A func() }{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		var out bytes.Buffer
		j := NewJSON(&out, false)
		if err := j.Write(v); err == nil || out.Len() > 0 {
			t.Errorf("%v: %v, %q", v, err, out.String())
		}
		if err := j.Write(1); err != nil || out.String() != "1\n" {
			t.Errorf("after %v: %v, %q", v, err, out.String())
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, tt := range hostile {
		f.Add(tt.in, "x", int64(0), true)
	}
	f.Fuzz(func(t *testing.T, a, b string, n int64, told bool) {
		r := probe.Report{
			Schema: int(n), Source: probe.Source{Name: a, Index: int(n)}, Kind: bounce.Kind(b),
			Failure: &probe.Failure{
				Recipient: a, Temporary: told, Text: b, Reply: probe.Reply{Code: int(n), Status: b, Text: a},
				Original: probe.Original{Subject: a, Size: n, Complete: told},
			},
			Classification: &classify.Classification{Evidence: []classify.Evidence{{Rule: a, Quote: b}}},
			Advice:         []probe.Advice{{Code: a, Args: map[string]string{a: b, b: a, "": ""}}},
			Notes:          []bounce.Note{{Code: a}},
		}
		if d := cmp.Diff(byStandard(t, r), byUs(t, r)); d != "" {
			t.Error(d)
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	r := any(report(classify.UnknownRecipient, "550 5.1.1 <a@example.net>... User unknown"))
	j := NewJSON(io.Discard, false)
	b.ReportAllocs()
	for b.Loop() {
		if err := j.Write(r); err != nil {
			b.Fatal(err)
		}
	}
}
