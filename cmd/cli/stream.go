package cli

import (
	"context"
	"io"
)

// bulk gathers what is written until it is worth a system call. Whoever is
// about to wait flushes it.
type bulk struct {
	out  io.Writer
	text []byte
}

const bulkSize = 32 << 10

// Write never parts p, so that no reader is left with half a report.
func (g *bulk) Write(p []byte) (int, error) {
	if len(g.text)+len(p) > bulkSize {
		if err := g.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) > bulkSize {
		return g.out.Write(p)
	}
	g.text = append(g.text, p...)
	return len(p), nil
}

func (g *bulk) flush() error {
	if len(g.text) == 0 {
		return nil
	}
	_, err := g.out.Write(g.text)
	g.text = g.text[:0]
	return err
}

// patient calls waits before each read, which may take for ever.
type patient struct {
	io.ReadCloser
	waits func()
}

func (p patient) Read(b []byte) (int, error) {
	p.waits()
	return p.ReadCloser.Read(b)
}

// interruptible gives a reader that fails when the context ends, even while r
// itself waits, as a terminal or a pipe may for ever.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	in, out := io.Pipe()
	go func() {
		_, err := io.Copy(out, r)
		out.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { out.CloseWithError(ctx.Err()) })
	return in
}
