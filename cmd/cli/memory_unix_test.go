//go:build unix

package cli

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestAPipeInThePlaceOfTheMemoryIsAsGoodAsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "memory.json")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan []byte, 1)
	go func() { done <- (&memory{file: file, now: time.Now}).Recall("key") }()
	select {
	case got := <-done:
		if got != nil {
			t.Errorf("recalled %q", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for a writer")
	}
}
