package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// want is what a run must say of a bounce.
type want struct {
	category       int // that the bounce is classified as
	verdict, party string
	saw            string // the code of a finding that proves it, or of a limit; empty: any
}

// answer is the part of the program's JSON that is looked at here.
type answer struct {
	Classification struct{ Category int }
	Verification   struct {
		Verdict  string
		Category int
		Because  []string
		Limits   []struct{ Code string }
		Findings []struct{ Code string }
	}
	Failure struct {
		Stage string
		Reply struct{ Text string }
	}
	Party string

	exit int
}

// status is the exit status that goes with it: 3 where the fault is ours, 4
// where nobody can tell.
func (a answer) status() int {
	switch {
	case a.Party == "our-server":
		return 3
	case a.Verification.Verdict == "inconclusive" || a.Classification.Category == 0:
		return 4
	}
	return 0
}

func (a answer) saw(code string) bool {
	is := func(x struct{ Code string }) bool { return x.Code == code }
	return slices.ContainsFunc(a.Verification.Findings, is) || slices.ContainsFunc(a.Verification.Limits, is)
}

// check holds an answer to what is wanted of it.
func (a answer) check(t *testing.T, w want) {
	t.Helper()
	got := want{a.Classification.Category, a.Verification.Verdict, a.Party, w.saw}
	if got != w {
		t.Errorf("got %+v, want %+v", got, w)
	}
	if w.saw != "" && !a.saw(w.saw) {
		t.Errorf("no finding or limit %s", w.saw)
	}
	if a.exit != a.status() {
		t.Errorf("exit status %d, want %d", a.exit, a.status())
	}
	if t.Failed() {
		t.Logf("%+v %+v", a.Failure, a.Verification)
	}
}

// The networks that the guard must let through, the name servers' among them,
// and how the other things that
// a configuration file would say are said.
var (
	allow    = []string{"--allow-private", "203.0.113.0/24", "--allow-private", "198.51.100.0/24", "--allow-private", "192.0.2.0/24"}
	identity = []string{
		"--resolver", resolverAddr, "--our-domain", "example.org",
		"--control", "control1.example", "--control", "control2.example",
	}
)

// diagnose runs the program on a bounce, where our mail server runs, and returns
// its answer.
func diagnose(t *testing.T, s sender, bounce string, flags ...string) answer {
	t.Helper()
	args := append([]string{
		os.Getenv(binaryVar), "--probe", "-o", "jsonl", "--timeout", "80s",
		"--sending-ip", s.addr, "--bind", s.addr, "--helo", s.helo,
	}, identity...)
	args = append(append(args, flags...), bounce)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := command(ctx, within(s.name, args...))
	// A home of its own: what an earlier run remembers must not decide this one.
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home,
		"SSL_CERT_FILE="+authorityFile)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	a := answer{exit: cmd.ProcessState.ExitCode()}
	// A bounce for several recipients gives several, of the same kind.
	if err := json.NewDecoder(&stdout).Decode(&a); err != nil {
		t.Fatalf("no JSON object (%v), exit %d:\n%s%s", err, a.exit, &stdout, &stderr)
	}
	return a
}
