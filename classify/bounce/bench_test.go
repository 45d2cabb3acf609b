package bounce

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"strings"
	"testing"
)

// The benchmarks read the samples, and text made of them: BenchmarkRead and
// BenchmarkStdlibMIME the same, so that their ratio says what naming the
// failures costs beyond taking the mail apart.

func sampleTexts(b *testing.B) (texts [][]byte) {
	b.Helper()
	for _, file := range sampleFiles(b) {
		in, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		texts = append(texts, in)
	}
	return texts
}

func benchmark(b *testing.B, seq func(*Reader, io.Reader) int, texts ...[]byte) {
	b.Helper()
	var r Reader
	size, reports := 0, 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		text := texts[i%len(texts)]
		size += len(text)
		reports += seq(&r, bytes.NewReader(text))
	}
	b.SetBytes(int64(size / b.N))
	b.ReportMetric(float64(reports)/float64(b.N), "reports/op")
}

func countAll(r *Reader, in io.Reader) (n int) {
	for range r.All(in) {
		n++
	}
	return n
}

func countLines(r *Reader, in io.Reader) (n int) {
	for range r.Lines(in) {
		n++
	}
	return n
}

func BenchmarkRead(b *testing.B) { benchmark(b, countAll, sampleTexts(b)...) }

// BenchmarkBig reads a bounce whose original has an attachment of 8 MB.
func BenchmarkBig(b *testing.B) {
	attachment := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("\x00\x10\x83Qu"), 8<<20*3/4/5))
	var folded strings.Builder
	for ; len(attachment) > 76; attachment = attachment[76:] {
		folded.WriteString(attachment[:76] + "\n")
	}
	sample := string(readSample(b, "postfix-unknown-user"))
	end := strings.LastIndex(sample, "\n--")
	benchmark(b, countAll, []byte(sample[:end]+folded.String()+sample[end:]))
}

func BenchmarkMbox(b *testing.B) {
	var mbox []byte
	for range 20 {
		for _, text := range sampleTexts(b) {
			mbox = append(append(append(mbox, "From MAILER-DAEMON Mon Jan 12 09:30:05 2026\n"...), text...), '\n', '\n')
		}
	}
	benchmark(b, countAll, mbox)
}

func BenchmarkLines(b *testing.B) {
	benchmark(b, countLines, []byte(strings.Repeat("host mx.example.net[203.0.113.25] said: 554 5.7.1 Client host [192.0.2.9] blocked (in reply to MAIL FROM command)\n"+
		"550 5.1.1 <a@example.net>... User unknown\n"+postfixLog, 50)))
}

// BenchmarkHostile reads the shapes of TestHostileInputIsReadInBounds at two
// sizes: the speed stays, as long as none is gone over again and again.
func BenchmarkHostile(b *testing.B) {
	for _, size := range []int{4 << 20, 8 << 20} {
		for name, in := range hostile(size) {
			b.Run(fmt.Sprintf("%s/%dM", name, size>>20), func(b *testing.B) {
				benchmark(b, countAll, []byte(in))
			})
		}
	}
}

// BenchmarkStdlibMIME takes the samples apart with the standard library alone.
func BenchmarkStdlibMIME(b *testing.B) {
	benchmark(b, func(_ *Reader, in io.Reader) int {
		if m, err := mail.ReadMessage(in); err == nil {
			walkMIME(m.Header.Get("Content-Type"), m.Body)
		}
		return 1
	}, sampleTexts(b)...)
}

func walkMIME(contentType string, body io.Reader) {
	media, params, _ := mime.ParseMediaType(contentType)
	if strings.HasPrefix(media, "multipart/") && params["boundary"] != "" {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err != nil {
				return
			}
			walkMIME(part.Header.Get("Content-Type"), part)
		}
	}
	if media == "message/rfc822" {
		if m, err := mail.ReadMessage(body); err == nil {
			walkMIME(m.Header.Get("Content-Type"), m.Body)
			return
		}
	}
	_, _ = io.Copy(io.Discard, body)
}
