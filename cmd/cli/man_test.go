package cli

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"diagnose/cmd/report"
)

// manual is the page as the program prints it.
func manual(t *testing.T, lang string) string {
	t.Helper()
	status, out, stderr := run(t.Context(), nil, "man", "--lang", lang)
	if status != statusOK || stderr != "" {
		t.Fatalf("status %d, %q", status, stderr)
	}
	return out
}

func TestTheManualHasItsSections(t *testing.T) {
	for lang, want := range map[string][]string{
		"en":    {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "EXAMPLES"},
		"zh-TW": {"名稱", "概要", "說明", "選項", "指令", "結束狀態", "範例"},
		"zh-CN": {"名称", "概要", "描述", "选项", "命令", "退出状态", "示例"},
	} {
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^\.SH (.+)$`).FindAllStringSubmatch(manual(t, lang), -1) {
			got = append(got, m[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
}

func TestTheManualHasEveryCommandAndEveryFlag(t *testing.T) {
	for _, lang := range report.Languages() {
		page := manual(t, lang)
		a := &app{Env: testEnv(nil, io.Discard, io.Discard)}
		if err := a.loadWords(lang); err != nil {
			t.Fatal(err)
		}
		root := a.root()
		commands, flags := 0, map[string]bool{}
		for _, c := range available(root) {
			commands++
			if !strings.Contains(page, bold(c.CommandPath())) || !strings.Contains(page, roff(c.Short)) {
				t.Errorf("%s: %s is missing", lang, c.CommandPath())
			}
			c.LocalFlags().VisitAll(func(f *pflag.Flag) {
				flags[f.Name] = true
				_, text := pflag.UnquoteUsage(f)
				if !strings.Contains(page, bold("--"+f.Name)) || text == "" || !strings.Contains(page, "\n"+roff(text)+"\n") {
					t.Errorf("%s: --%s is missing", lang, f.Name)
				}
			})
		}
		if commands < 12 || len(flags) < 20 {
			t.Errorf("%s: only %d commands and %d flags were looked for", lang, commands, len(flags))
		}
	}
}

// Every line that begins with a dot is one of ours, and every escape is known.
func TestTheManualIsGoodRoff(t *testing.T) {
	request := regexp.MustCompile(`^\.(TH DIAGNOSE 1 "" "[^"]+"|nh|ad l|SH .+|SS .+|TP|PP|nf|fi|br)$`)
	escape := regexp.MustCompile(`\\(e|&|-|f[BIR]|\((aq|ga|ha|ti|dq))`)
	for _, lang := range report.Languages() {
		for line := range strings.Lines(manual(t, lang)) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, ".") && !request.MatchString(line) || strings.HasPrefix(line, "'") {
				t.Errorf("%s: request %q", lang, line)
			}
			if rest := escape.ReplaceAllString(line, ""); strings.ContainsAny(rest, "\\`") {
				t.Errorf("%s: stray escape in %q", lang, line)
			}
			if strings.Contains(line, "help.") || strings.Contains(line, "man.") && !strings.Contains(line, "command.") {
				t.Errorf("%s: a text is missing: %q", lang, line)
			}
		}
	}
}

func TestALineMeansItselfInRoff(t *testing.T) {
	for line, want := range map[string]string{
		".TH x":      `\&.TH x`,
		"'br":        `\(aqbr`,
		`a\fBb`:      `a\efBb`,
		"--x=~^`'\"": `\-\-x=\(ti\(ha\(ga\(aq\(dq`,
	} {
		if got := roff(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
