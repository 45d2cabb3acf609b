package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"diagnose/classify/bounce"
	"diagnose/cmd/report"
	"diagnose/probe"
)

// bounces is the main job: read, name, and with --probe look and judge.
func (a *app) bounces(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"-"}
	}
	d, err := a.diagnoser(ctx)
	if err != nil {
		return err
	}
	out := a.reports()
	err = a.ordered(ctx, a.inputs(args), d, out.Report)
	return errors.Join(err, out.Close())
}

func (a *app) diagnoser(context.Context) (*probe.Diagnoser, error) {
	ours, err := a.ours()
	if err != nil {
		return nil, err
	}
	c, err := a.classifier()
	if err != nil {
		return nil, err
	}
	d := &probe.Diagnoser{Classifier: c, Ours: ours, Tool: "diagnose " + Version, Now: time.Now}
	if a.opt.probe {
		if d.Runner, err = a.runner(); err != nil {
			return nil, err
		}
		d.Runner.Progress = a.progress()
	}
	return d, nil
}

// input is one file to read, or the reason why it cannot be.
type input struct {
	name string
	err  error
}

// inputs walks what was named: files, folders (a maildir is one), and "-".
// Links inside a folder are not followed, and what is no regular file there is
// left out.
func (a *app) inputs(args []string) iter.Seq[input] {
	return func(yield func(input) bool) {
		for _, arg := range args {
			info, err := os.Stat(arg)
			if arg == "-" || err != nil || !info.IsDir() {
				if arg == "-" {
					err = nil
				}
				if !yield(input{arg, err}) {
					return
				}
				continue
			}
			if !a.folder(arg, yield) {
				return
			}
		}
	}
}

func (a *app) folder(dir string, yield func(input) bool) bool {
	found, more := false, true
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			more = yield(input{name, err})
		case e.Type().IsRegular():
			found = true
			more = yield(input{name, nil})
		}
		if !more {
			return fs.SkipAll
		}
		return nil
	})
	if more && err == nil && !found {
		more = yield(input{dir, errNoMail})
	}
	return more
}

var errNoMail = errors.New("no file in this folder")

// result is a report, or the end of an input.
type result struct {
	report probe.Report
	err    error
}

// ahead is how many reports of one input may wait for the inputs before it.
const ahead = 64

// ordered reads several inputs at once and emits their reports in the order
// of the inputs.
func (a *app) ordered(ctx context.Context, inputs iter.Seq[input], d *probe.Diagnoser, emit func(probe.Report) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type job struct {
		input
		results chan result
	}
	queue := make(chan job, a.jobs())
	slots := make(chan struct{}, a.jobs())
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	workers.Go(func() {
		defer close(queue)
		for in := range inputs {
			j := job{in, make(chan result, ahead)}
			select {
			case queue <- j:
			case <-ctx.Done():
				return
			}
			slots <- struct{}{}
			workers.Go(func() {
				defer func() { <-slots; close(j.results) }()
				send := func(r result) error {
					select {
					case j.results <- r:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				err := a.read(ctx, j.input, d, func(r probe.Report) error { return send(result{report: r}) })
				if err != nil {
					_ = send(result{err: err}) // the context has ended: nobody waits for it
				}
			})
		}
	})
	for j := range queue {
		for r := range j.results {
			if r.err != nil {
				a.unreadable(j.name, r.err)
				continue
			}
			a.judge(r.report)
			if err := emit(r.report); err != nil {
				return failed("writing the report: %w", err)
			}
		}
	}
	return ctx.Err()
}

// read reads one input to its end and hands on a report of each failure.
func (a *app) read(ctx context.Context, in input, d *probe.Diagnoser, emit func(probe.Report) error) error {
	if in.err != nil {
		return in.err
	}
	r := a.In
	if in.name != "-" {
		f, err := os.Open(in.name)
		if err != nil {
			return err
		}
		defer f.Close()
		r = f
	}
	all := bounce.All
	if a.opt.lines {
		all = bounce.Lines
	}
	index := 1
	for rep, err := range all(r) {
		if err != nil {
			return err
		}
		if index, err = d.Reports(ctx, in.name, index, rep, emit); err != nil {
			return err
		}
	}
	return nil
}

// unreadable names an input that could not be read, and what to do.
func (a *app) unreadable(name string, err error) {
	a.saw(statusFailed)
	args := map[string]string{"name": name, "error": err.Error()}
	key := "hint.unreadable"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key = "hint.no-file"
	case errors.Is(err, fs.ErrPermission):
		key = "hint.no-permission"
	case errors.Is(err, errNoMail):
		key = "hint.no-mail"
	case errors.Is(err, bounce.ErrEmpty):
		key = "hint.empty"
	}
	a.warn(key, args)
}

// judge turns a report into an exit status, and hints at what was no bounce.
func (a *app) judge(r probe.Report) {
	switch {
	case r.Classification == nil && (r.Kind == bounce.KindNotABounce || r.Kind == bounce.KindFragment):
		a.warn("hint.no-failure", map[string]string{"name": r.Source.Name})
	case r.Classification == nil || r.Kind == bounce.KindBackscatter:
	case r.Party == probe.PartyOurServer:
		a.saw(statusFault)
	case r.Classification.Category == 0, r.Verification != nil && r.Verification.Verdict == probe.Inconclusive:
		a.saw(statusUnknown)
	}
}

// progress shows how far the checks are, on a terminal and only after half a
// second.
func (a *app) progress() func(done, total int) {
	if !a.Progress {
		return nil
	}
	started := time.Now()
	return func(done, total int) {
		switch {
		case done == total:
			fmt.Fprint(a.Err, "\r\x1b[K")
		case time.Since(started) > 500*time.Millisecond:
			fmt.Fprintf(a.Err, "\r\x1b[K%d/%d", done, total)
		}
	}
}

// sink is where reports go.
type sink interface {
	Report(probe.Report) error
	Close() error
}

func (a *app) reports() sink {
	if a.opt.output == "text" {
		return textSink{a.text()}
	}
	return &jsonSink{report.NewJSON(a.Out, a.opt.output == "json")}
}

func (a *app) text() *report.Text {
	return &report.Text{Out: a.Out, Words: a.words, Colours: a.colours()}
}

type textSink struct{ *report.Text }

func (textSink) Close() error { return nil }

type jsonSink struct{ *report.JSON }

func (s *jsonSink) Report(r probe.Report) error { return s.Write(r) }

var _ io.Closer = (*jsonSink)(nil)
