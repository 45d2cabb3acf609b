package cli

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"diagnose/probe"
)

// The bounds of the file that servers' words are kept in between runs.
const (
	maxEntries = 1000
	maxEntry   = 8 << 10 // bytes; what is longer is not kept
	maxMemory  = 16 << 20
)

// memory is a [probe.Memory] in a file of the user's cache folder. An entry is
// found by a hash of its key and sealed with another: the file names no mailbox,
// and tells what a server said of one only to those who know it. A file that is
// broken, or of somebody else's making, is as good as none; one that cannot be
// written is no reason to complain.
type memory struct {
	file string
	now  func() time.Time
	mu   sync.Mutex
}

// memory is where servers' words are kept, nil where this process has no
// folder for it.
func (a *app) memory() probe.Memory {
	if a.CacheDir == nil {
		return nil
	}
	dir, err := a.CacheDir()
	if err != nil {
		return nil
	}
	return &memory{file: filepath.Join(dir, "diagnose", "memory.json"), now: time.Now}
}

// entry is one thing kept; its value is sealed.
type entry struct {
	Until time.Time `json:"until"`
	Value []byte    `json:"value"`
}

// Recall implements [probe.Memory].
func (m *memory) Recall(key string) []byte {
	m.mu.Lock()
	e, ok := m.read()[name(key)]
	m.mu.Unlock()
	if !ok || !m.now().Before(e.Until) {
		return nil
	}
	c := seal(key)
	if len(e.Value) < c.NonceSize() {
		return nil
	}
	value, err := c.Open(nil, e.Value[:c.NonceSize()], e.Value[c.NonceSize():], nil)
	if err != nil {
		return nil
	}
	return value
}

// Keep implements [probe.Memory]. What another process writes in the same
// instant may be lost.
func (m *memory) Keep(key string, value []byte, until time.Time) {
	if len(value) > maxEntry {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	entries := m.read()
	c := seal(key)
	nonce := make([]byte, c.NonceSize())
	rand.Read(nonce) // never fails
	entries[name(key)] = entry{until, c.Seal(nonce, nonce, value, nil)}
	m.forget(entries)
	m.write(entries)
}

// forget drops what is over, and of too many the ones that are over first.
func (m *memory) forget(entries map[string]entry) {
	for k, e := range entries {
		if !m.now().Before(e.Until) {
			delete(entries, k)
		}
	}
	for len(entries) > maxEntries {
		first := ""
		for k, e := range entries {
			if first == "" || e.Until.Before(entries[first].Until) {
				first = k
			}
		}
		delete(entries, first)
	}
}

func (m *memory) read() map[string]entry {
	entries := map[string]entry{}
	if info, err := os.Stat(m.file); err != nil || !info.Mode().IsRegular() {
		return entries // opening a pipe would wait for who writes to it
	}
	f, err := os.Open(m.file)
	if err != nil {
		return entries
	}
	defer f.Close()
	if json.NewDecoder(io.LimitReader(f, maxMemory)).Decode(&entries) != nil || entries == nil {
		return map[string]entry{}
	}
	return entries
}

// write puts a whole new file in the place of the old one, for the user's eyes
// only (os.CreateTemp gives 0600).
func (m *memory) write(entries map[string]entry) {
	text, err := json.Marshal(entries)
	if err != nil || os.MkdirAll(filepath.Dir(m.file), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(m.file), "memory-*")
	if err != nil {
		return
	}
	_, err = f.Write(text)
	if closed := f.Close(); err != nil || closed != nil || os.Rename(f.Name(), m.file) != nil {
		os.Remove(f.Name())
	}
}

// name is what an entry is found by.
func name(key string) string {
	sum := sha256.Sum256([]byte("name of " + key))
	return hex.EncodeToString(sum[:])
}

// seal is what its value is closed with.
func seal(key string) cipher.AEAD {
	sum := sha256.Sum256([]byte("value of " + key))
	block, _ := aes.NewCipher(sum[:]) // fails for other lengths of key only
	aead, _ := cipher.NewGCM(block)
	return aead
}
