package cli

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"diagnose/classify"
	"diagnose/cmd/report"
)

var update = flag.Bool("update", false, "write the handbook instead of comparing with it")

// preface is what stands before the pages of the handbook.
var preface = map[string]string{
	"en": "# Why mail comes back\n\nA section for each kind of failure that `diagnose` knows: what is behind it, what is to be done, " +
		"what a probe looks at, what its verdict rests on, and replies that mean it. `diagnose explain` says the same.\n\n" +
		"This file is made by `go test ./cmd/cli -update` of the texts in `cmd/report/locale` and the rules in `classify/rules`.\n",
	"zh-TW": "# 退信原因手冊\n\n`diagnose` 所知的每一種失敗各有一節：背後的原因、如何處理、線上檢查什麼、判定以什麼為依據，以及常見的回覆。`diagnose explain` 說的也是這些。\n\n" +
		"本檔由 `go test ./cmd/cli -update` 依 `cmd/report/locale` 的文字與 `classify/rules` 的規則產生。\n",
	"zh-CN": "# 退信原因手册\n\n`diagnose` 所知的每一种失败各有一节：背后的原因、如何处理、联网检查什么、判定以什么为依据，以及常见的回复。`diagnose explain` 说的也是这些。\n\n" +
		"本文件由 `go test ./cmd/cli -update` 根据 `cmd/report/locale` 的文字与 `classify/rules` 的规则生成。\n",
}

// The handbook in docs is what explain says, of every category.
func TestTheHandbookIsWhatExplainSays(t *testing.T) {
	for _, lang := range report.Languages() {
		w, err := report.Load(lang)
		if err != nil {
			t.Fatal(err)
		}
		c, err := builtIn()
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		b.WriteString(preface[lang])
		for category := classify.Unknown + 1; category <= classify.RemoteFault; category++ {
			chapter(&b, w, explain(c, nil, category.Slug()))
		}
		name := filepath.Join("../../docs", "handbook."+lang+".md")
		if *update {
			if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != b.String() {
			t.Errorf("%s is not what explain says (go test ./cmd/cli -update writes it anew) %v", name, err)
		}
	}
}

func chapter(out io.Writer, w *report.Words, e report.Explanation) {
	fmt.Fprintf(out, "\n## %d. %s (`%s`)\n", e.Category, w.Say("name."+e.Slug, nil), e.Slug)
	for _, p := range e.Paragraphs(w) {
		fmt.Fprintf(out, "\n**%s**%s%s\n", p.Label, w.Say("label.colon", nil), p.Text)
	}
	fmt.Fprintf(out, "\n**%s**\n\n```text\n", w.Say("explain.label-examples", nil))
	for _, x := range e.Examples {
		fmt.Fprintln(out, report.Safe(x))
	}
	fmt.Fprintln(out, "```")
}

func TestExplainIsAPageOfTheHandbook(t *testing.T) {
	for _, query := range []string{"11", "blocklisted"} {
		_, out, _ := run(t.Context(), nil, "explain", query)
		for _, want := range []string{"Cause: ", "Who acts: ", "What to do: ", "What --probe looks at: ", "Confirmed where: ", "Cleared where: ", "Otherwise: ", "Typical replies:\n    ", "Terms: "} {
			if !strings.Contains(out, want) {
				t.Errorf("explain %s lacks %q:\n%s", query, want, out)
			}
		}
	}
}
