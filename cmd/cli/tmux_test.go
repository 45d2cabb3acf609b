package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck/smtptest"
)

// How wide a character is, what a line break in the last column does and
// whether an erased line is gone, only a terminal knows. With
//
//	DIAGNOSE_TMUX=1 go test -count=1 -run Terminal ./cmd/cli
//
// the program runs in tmux, one of its own, and what stands on the screen
// is compared with testdata/golden/terminal.*.txt (-update writes them).
const tmuxVar = "DIAGNOSE_TMUX"

// terminal is a tmux server with one window.
type terminal struct {
	t      *testing.T
	socket string
	dir    string
}

// newTerminal opens a window of so many columns and lines. A tmux in the locale
// C shows ASCII only, as terminals there may.
func newTerminal(t *testing.T, locale string, columns, lines int) *terminal {
	t.Helper()
	term := &terminal{t, filepath.Join(t.TempDir(), "socket"), t.TempDir()}
	server := "C.UTF-8"
	if locale == "C" {
		server = "C"
	}
	cmd := exec.Command("tmux", "-S", term.socket, "-f", os.DevNull, "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(lines),
		"-e", "LC_ALL="+locale, "-e", "DIAGNOSE_CONFIG="+os.DevNull, "-e", "DIAGNOSE_LANG=", "-e", "COLUMNS=", "-e", "NO_COLOR=", "cat")
	cmd.Env = append(os.Environ(), "LC_ALL="+server, "TERM=xterm-256color", "TMUX=", "SHELL=/bin/sh")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tmux (apt-get install tmux): %v %s", err, out)
	}
	t.Cleanup(func() { term.tmux("kill-server") })
	return term
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...).Output()
	if err != nil {
		term.t.Fatalf("tmux %v: %v", args, err)
	}
	return string(out)
}

// start types a command, with a signal behind it.
func (term *terminal) start(command string) {
	// cat keeps the window without a prompt in it.
	term.tmux("respawn-pane", "-k", "cd "+term.dir+"; "+command+"; tmux -S "+term.socket+" wait-for -S done; exec cat")
}

func (term *terminal) wait() { term.tmux("wait-for", "done") }

// screen is what can be seen, without what is empty below it.
func (term *terminal) screen() string {
	return strings.TrimRight(term.tmux("capture-pane", "-p"), "\n ") + "\n"
}

// until waits for words on the screen.
func (term *terminal) until(words string) string {
	term.t.Helper()
	for range 100 {
		if s := term.screen(); strings.Contains(s, words) {
			return s
		}
		time.Sleep(50 * time.Millisecond) // of another process, which no bubble holds
	}
	term.t.Fatalf("%q never stood on the screen:\n%s", words, term.screen())
	return ""
}

func TestTerminalsShowWhatTheTranscriptsSay(t *testing.T) {
	if os.Getenv(tmuxVar) == "" {
		t.Skip(tmuxVar + " is not set")
	}
	diagnose := built(t)
	bounces, err := filepath.Abs("../../testdata/bounces")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, locale, args string }{
		{"zh-TW", "zh_TW.UTF-8", "postfix-rbl.eml opensmtpd-big5.eml"},
		{"zh-CN", "zh_CN.UTF-8", "postfix-rbl.eml opensmtpd-big5.eml"},
		{"brief", "zh_TW.UTF-8", "--brief postfix-rbl.eml postfix-size.eml opensmtpd-big5.eml"},
		{"C", "C", "postfix-rbl.eml opensmtpd-big5.eml"},
		{"C-zh-TW", "C", "--lang zh-TW postfix-rbl.eml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			term := newTerminal(t, tt.locale, 80, 60)
			term.start("cd " + bounces + " && " + diagnose + " " + tt.args)
			term.wait()
			compare(t, "terminal."+tt.name+".txt", term.screen())
			colours := term.tmux("capture-pane", "-p", "-e")
			if !strings.Contains(colours, "\x1b[1m") && !strings.Contains(colours, "\x1b[2m") {
				t.Errorf("nothing stands out: %q", colours)
			}
		})
	}
}

func TestTerminalsShowProgressAndForgetIt(t *testing.T) {
	if os.Getenv(tmuxVar) == "" {
		t.Skip(tmuxVar + " is not set")
	}
	dns := dnstest.New(t, zones)
	silent, good := smtptest.Silent(t), smtptest.Healthy(t, smtptest.Options{Name: "mx.example.net"})
	term := newTerminal(t, "zh_TW.UTF-8", 80, 40)
	reply := filepath.Join(term.dir, "reply")
	if err := os.WriteFile(reply, []byte("421 4.4.1 <lee@example.net>: connect to mx.example.net[127.0.0.1]:25: Connection timed out\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	term.start(built(t) + " --probe --timeout 3s --resolver " + dns.Addr().String() + " --smtp-port " + strconv.Itoa(int(silent.Port())) + " --control " + good.String() +
		" --allow-private 127.0.0.0/8 " + reply)
	if s := term.until("進行中"); strings.Count(s, "\n") != 1 || !strings.Contains(s, "SMTP") {
		t.Errorf("progress is no line:\n%s", s)
	}
	term.wait()
	if s := term.screen(); strings.Contains(s, "進行中") || !strings.Contains(s, "實際檢查結果") {
		t.Errorf("progress is still there, or the report is not:\n%s", s)
	}
}

func built(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "diagnose")
	if out, err := exec.Command("go", "build", "-o", name, "../diagnose").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return name
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("../../testdata/golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-update writes it anew):\n%s", name, d)
	}
}
