package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMemoryOutlivesTheRunAndNamesNoMailbox(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	file := filepath.Join(t.TempDir(), "diagnose", "memory.json")
	first := &memory{file: file, now: clock}
	first.Keep("mailbox lee@example.net", []byte("550 <lee@example.net> unknown"), now.Add(time.Hour))
	second := &memory{file: file, now: clock}
	second.Keep("control 203.0.113.200:25", []byte("220"), now.Add(time.Minute))
	if got := (&memory{file: file, now: clock}).Recall("mailbox lee@example.net"); string(got) != "550 <lee@example.net> unknown" {
		t.Errorf("%q", got)
	}
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte("lee")) || bytes.Contains(text, []byte("example")) || bytes.Contains(text, []byte("203.0")) {
		t.Errorf("%v: %s", err, text)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	left, err := fs.Glob(os.DirFS(filepath.Dir(file)), "*")
	if err != nil || len(left) != 1 {
		t.Errorf("in the folder: %v, %v", left, err)
	}
	now = now.Add(2 * time.Hour)
	if got := second.Recall("mailbox lee@example.net"); got != nil {
		t.Errorf("what is over is recalled: %q", got)
	}
}

func TestMemoryIsBoundedAndForgetsWhatEndsFirst(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	m := &memory{file: filepath.Join(t.TempDir(), "memory.json"), now: func() time.Time { return now }}
	entries := map[string]entry{}
	for i := range 3 * maxEntries {
		entries[name(fmt.Sprint(i))] = entry{Until: now.Add(time.Duration(i+1) * time.Minute), Value: []byte("x")}
	}
	m.write(entries)
	m.Keep("last", []byte("y"), now.Add(1000*time.Hour))
	left := m.read()
	if _, first := left[name("0")]; len(left) != maxEntries || first || string(m.Recall("last")) != "y" {
		t.Errorf("%d entries are kept, the first of all %v", len(left), first)
	}
	m.Keep("long", make([]byte, maxEntry+1), now.Add(time.Hour))
	if m.Recall("long") != nil {
		t.Error("a long value is kept")
	}
}

func TestABrokenMemoryIsEmpty(t *testing.T) {
	good := name("k")
	for _, text := range []string{
		"", "{", "null", "[]", "\x00\xff", `{"` + good + `":{"until":"x"}}`, `{"` + good + `":{"until":"2999-01-01T00:00:00Z","value":"AA=="}}`,
		`{"` + good + `":{"until":"2999-01-01T00:00:00Z","value":"` + strings.Repeat("AAAA", 20) + `"}}`,
	} {
		m := &memory{file: filepath.Join(t.TempDir(), "memory.json"), now: time.Now}
		if err := os.WriteFile(m.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := m.Recall("k"); got != nil {
			t.Errorf("%q recalls %q", text, got)
		}
		if m.Keep("k", []byte("v"), time.Now().Add(time.Hour)); string(m.Recall("k")) != "v" {
			t.Errorf("%q cannot be mended", text)
		}
	}
	nowhere := &memory{file: filepath.Join(t.TempDir(), "file", "memory.json"), now: time.Now}
	if err := os.WriteFile(filepath.Dir(nowhere.file), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nowhere.Keep("k", []byte("v"), time.Now().Add(time.Hour)) // must not fail, and cannot keep
	if nowhere.Recall("k") != nil {
		t.Error("recalled out of nowhere")
	}
}
