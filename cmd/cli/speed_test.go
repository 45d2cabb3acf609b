package cli

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"diagnose/classify/bounce"
	"diagnose/cmd/report"
	"diagnose/probe"
)

// otherSides are programs to measure ours against: they take the files of a
// folder and make nothing of them.
var otherSides = map[string]func(){
	"only-read": func() { eachFile(os.Args[1], func([]byte) {}) },
	"only-parse": func() {
		eachFile(os.Args[1], func(text []byte) {
			if m, err := mail.ReadMessage(bytes.NewReader(text)); err == nil {
				walkParts(m.Header.Get("Content-Type"), m.Body)
			}
		})
	},
}

func eachFile(dir string, f func(text []byte)) {
	names, err := os.ReadDir(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buf := make([]byte, 1<<20)
	for _, name := range names {
		file, err := os.Open(filepath.Join(dir, name.Name()))
		if err != nil {
			continue
		}
		n, _ := io.ReadFull(file, buf)
		file.Close()
		f(buf[:n])
	}
}

// walkParts takes a message apart as the standard library does.
func walkParts(contentType string, body io.Reader) {
	media, params, _ := mime.ParseMediaType(contentType)
	switch {
	case strings.HasPrefix(media, "multipart/"):
		parts := multipart.NewReader(body, params["boundary"])
		for part, err := parts.NextPart(); err == nil; part, err = parts.NextPart() {
			walkParts(part.Header.Get("Content-Type"), part)
		}
	case media == "message/rfc822":
		if m, err := mail.ReadMessage(body); err == nil {
			walkParts(m.Header.Get("Content-Type"), m.Body)
		}
	}
	_, _ = io.Copy(io.Discard, body)
}

// BenchmarkMaildir compares the CPU time of the whole program on a folder of
// bounces with that of programs that only read the same files, or parse them
// with net/mail and mime/multipart. The sides take turns, and the ratio is that
// of the medians. The folder is that of DIAGNOSE_MAILDIR, or one made of the
// samples.
func BenchmarkMaildir(b *testing.B) {
	dir := os.Getenv("DIAGNOSE_MAILDIR")
	if dir == "" {
		dir = manySamples(b, 20000)
	}
	program := filepath.Join(b.TempDir(), "diagnose")
	if out, err := exec.Command("go", "build", "-o", program, "../diagnose").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	sides := [][]string{{program, "-o", "jsonl", dir}, {"only-parse", dir}, {"only-read", dir}}
	times := make([][]time.Duration, len(sides))
	for b.Loop() {
		for i, side := range sides {
			times[i] = append(times[i], cpuTime(b, side))
		}
	}
	ours, parse, read := median(times[0]), median(times[1]), median(times[2])
	b.ReportMetric(ours.Seconds()*1000, "cpu-ms/op")
	b.ReportMetric(float64(ours)/float64(parse), "of-parsing")
	b.ReportMetric(float64(ours)/float64(read), "of-reading")
}

func cpuTime(b *testing.B, command []string) time.Duration {
	b.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Env = append(os.Environ(), "DIAGNOSE_CONFIG="+os.DevNull)
	_ = c.Run() // the status is an answer
	if c.ProcessState == nil || c.ProcessState.ExitCode() == statusUsage {
		b.Fatalf("%s did not run", command)
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)/2]
}

// manySamples fills a folder with copies of the samples, no two alike.
func manySamples(b *testing.B, n int) string {
	b.Helper()
	dir := b.TempDir()
	names, err := filepath.Glob("../../testdata/bounces/*.eml")
	if err != nil || len(names) == 0 {
		b.Fatal(err, "no samples")
	}
	for i := range n {
		text, err := os.ReadFile(names[i%len(names)])
		if err == nil {
			text = append(fmt.Appendf(nil, "X-Copy: %d\n", i), text...)
			err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d", i)), text, 0o600)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// BenchmarkTell is everything behind the reader: naming, advising and JSON, of
// replies that were named before.
func BenchmarkTell(b *testing.B) {
	var read []*bounce.Report
	names, err := filepath.Glob("../../testdata/bounces/*.eml")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		r, err := bounce.Read(f)
		f.Close()
		if err == nil && len(r.Failures) == 1 {
			read = append(read, r)
		}
	}
	c, err := builtIn()
	if err != nil {
		b.Fatal(err)
	}
	d := &probe.Diagnoser{Classifier: c, Now: time.Now}
	out := report.NewJSON(io.Discard, false)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, err := d.Reports(b.Context(), "x.eml", 1, read[i%len(read)], func(r probe.Report) error { return out.Write(r) })
		if err != nil {
			b.Fatal(err)
		}
	}
}
