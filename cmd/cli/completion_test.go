package cli

import (
	"strings"
	"testing"
)

// offered is what a shell is told to offer after a command line, without
// descriptions, and its directive: 0 files too, 4 nothing else, 16 folders.
func offered(t *testing.T, args ...string) (words []string, directive string) {
	t.Helper()
	status, out, _ := run(t.Context(), nil, append([]string{"__complete"}, args...)...)
	if status != statusOK {
		t.Fatalf("%q: status %d", args, status)
	}
	for l := range strings.Lines(out) {
		word, _, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
		if d, ok := strings.CutPrefix(word, ":"); ok {
			return words, d
		}
		words = append(words, word)
	}
	t.Fatalf("%q: no directive in %q", args, out)
	return nil, ""
}

func TestAShellIsOfferedWhatCanStandNext(t *testing.T) {
	for _, tt := range []struct {
		line      string // what is begun stands last
		want      string
		directive string
	}{
		{"explain mail", "mailbox-disabled mailbox-full", "4"},
		{"explain sender-dns block", "blocklisted", "4"},
		{"explain 1", "1 10 11 12 13 14 15 16", "4"},
		{"explain 0", "0spamtrust.fusionzero.com", "4"},
		{"explain zen", "zen.spamhaus.org zen.dq.spamhaus.net", "4"},
		{"explain unknown", "unknown-recipient", "4"},
		{"--lang ", "zh-TW zh-CN en", "4"},
		{"mx --lang=z", "zh-TW zh-CN en", "4"}, // values: the shell picks those that fit,
		{"-o ", "text json jsonl html eml", "4"},
		{"rbl --output=json", "text json jsonl html eml", "4"},
		{"--color ", "auto always never", "4"},
		{"--resolver ", "", "4"},
		{"--config ", "", "0"},
		{"--lists ", "", "0"},
		{"rules list --rules ", "", "16"},
		{"rbl --nag", "--nagios", "4"},
		{"bou", "", "0"},
		{"--probe ", "", "0"},
		{"rb", "rbl", "0"},
		{"rbl ", "", "4"},
		{"render ", "", "0"},
		{"rules ", "list test", "4"},
		{"help ru", "rules", "4"},
		{"help rules ", "list test", "4"},
		{"help no such", "", "4"},
		{"completion b", "bash", "4"},
		{"version ", "", "4"},
	} {
		words, directive := offered(t, strings.Split(tt.line, " ")...)
		if got := strings.Join(words, " "); got != tt.want || directive != tt.directive {
			t.Errorf("%q: %q and %s, want %q and %s", tt.line, got, directive, tt.want, tt.directive)
		}
	}
}

func TestWhatAShellIsOfferedIsInTheLanguage(t *testing.T) {
	_, out, _ := run(t.Context(), nil, "__complete", "explain", "--lang", "zh-TW", "mailbox-f")
	if !strings.HasPrefix(out, "mailbox-full\t收件者") {
		t.Errorf("%q", out)
	}
}

func TestABrokenConfigurationDoesNotStopTheShell(t *testing.T) {
	if words, _ := offered(t, "--config", "/no/such/file", "--output", ""); len(words) != 5 {
		t.Error(words)
	}
}
