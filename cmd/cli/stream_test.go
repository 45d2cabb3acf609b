package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// writes keeps what came with each write.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestReportsAreGatheredAndNeverParted(t *testing.T) {
	var got writes
	b := &bulk{out: &got}
	long, half := strings.Repeat("x", bulkSize+1), strings.Repeat("y", bulkSize/2+1)
	for _, s := range []string{"a", "b", half, half, long, "c"} {
		if n, err := b.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	for range 2 { // the second has nothing to write
		if err := b.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if want := (writes{"ab" + half, half, long, "c"}); !slices.Equal(got, want) {
		t.Errorf("%.5q", got)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestAFailedWriteOfManyReportsIsTold(t *testing.T) {
	b := &bulk{out: brokenPipe{}}
	_, _ = b.Write([]byte("a"))
	if _, err := b.Write(make([]byte, bulkSize)); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

// A line that comes alone has its answer before the next, also where it has to
// wait for a file before it.
func TestASlowInputIsAnsweredLineByLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reply")
	if err := os.WriteFile(file, []byte("550 5.1.1 no such user\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		in, keyboard := io.Pipe()
		var out writes
		ended := make(chan int)
		env := testEnv(in, &out, io.Discard, "--lines", "-o", "jsonl", file, "-")
		go func() { ended <- Main(t.Context(), env) }()
		synctest.Wait()
		for lines := range 3 {
			if got := strings.Count(strings.Join(out, ""), "\n"); got != 1+lines {
				t.Errorf("%d reports of a file and %d lines", got, lines)
			}
			_, _ = io.WriteString(keyboard, "550 5.1.1 user unknown\n")
			synctest.Wait()
			time.Sleep(time.Hour)
		}
		keyboard.Close()
		<-ended
	})
}

func TestReportsStandBeforeWhatIsSaidAfterThem(t *testing.T) {
	dir := t.TempDir()
	good, none := filepath.Join(dir, "good"), filepath.Join(dir, "none")
	if err := os.WriteFile(good, []byte("550 5.1.1 no such user\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var both writes
	Main(context.Background(), testEnv(nil, &both, &both, "-o", "jsonl", good, none))
	if len(both) != 2 || !strings.HasPrefix(both[0], "{") || !strings.HasPrefix(both[1], "diagnose: ") {
		t.Errorf("%q", both)
	}
}

func TestALinkToAFolderIsThatFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"mail/b/2", "mail/a", "mail/c"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("550 5.1.1 no such user\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("mail", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for arg, want := range map[string][]string{
		"mail":    {"mail/a", "mail/b/2", "mail/c"},
		"./mail/": {"mail/a", "mail/b/2", "mail/c"},
		"link":    {"link/a", "link/b/2", "link/c"},
		"mail/..": {"mail/a", "mail/b/2", "mail/c"}, // the link in it is left out
	} {
		var got []string
		for in := range inputs([]string{arg}) {
			got = append(got, filepath.ToSlash(in.name))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", arg, got, want)
		}
	}
}
