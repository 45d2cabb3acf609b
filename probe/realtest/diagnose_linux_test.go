package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"
)

// want is what a run must say of a bounce.
type want struct {
	category       int
	verdict, party string
	saw            string // the code of a finding that proves it; empty: any
}

// exit is the status that goes with it: 3 where the fault is ours, 4 where
// nobody can tell.
func (w want) exit() int {
	switch {
	case w.party == "our-server":
		return 3
	case w.verdict == "inconclusive":
		return 4
	}
	return 0
}

// answer is the part of the program's JSON that is looked at here.
type answer struct {
	Classification struct{ Category int }
	Verification   struct {
		Verdict  string
		Findings []struct{ Code string }
	}
	Party string
}

func (a answer) saw(code string) bool {
	for _, f := range a.Verification.Findings {
		if f.Code == code {
			return true
		}
	}
	return false
}

// The networks that the guard must let through, and how the other things that
// a configuration file would say are said.
var (
	allow    = []string{"--allow-private", "203.0.113.0/24", "--allow-private", ourAddr + "/32"}
	controls = []string{"--control", "control1.example", "--control", "control2.example"}
	identity = []string{"--resolver", resolverAddr, "--our-domain", "example.org",
		"--sending-ip", ourAddr, "--helo", "mail.example.org"}
)

// diagnose runs the program on a bounce, where our mail server runs, and checks
// that it gives one answer, the wanted one, and the exit status that goes with it.
func diagnose(t *testing.T, bounce string, w want, flags ...string) {
	t.Helper()
	args := append([]string{os.Getenv(binaryVar), "--probe", "-o", "jsonl", "--timeout", "40s"}, identity...)
	args = append(append(args, flags...), bounce)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := command(ctx, within("ours", args...))
	// A home of its own: what an earlier run remembers must not decide this one.
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}

	exit := cmd.ProcessState.ExitCode()
	var a answer
	if err := json.Unmarshal(stdout.Bytes(), &a); err != nil {
		t.Fatalf("not one JSON object (%v), exit %d:\n%s%s", err, exit, &stdout, &stderr)
	}
	got := want{a.Classification.Category, a.Verification.Verdict, a.Party, w.saw}
	if got != w || exit != w.exit() {
		t.Errorf("got %+v, exit %d; want %+v, exit %d", got, exit, w, w.exit())
	}
	if w.saw != "" && !a.saw(w.saw) {
		t.Errorf("no finding %s", w.saw)
	}
	if t.Failed() {
		t.Logf("%s\n%s", &stdout, &stderr)
	}
}
