package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"diagnose/classify/bounce"
	"diagnose/cmd/report"
	"diagnose/probe"
	"diagnose/rbl"
)

// bounces is the main job: read, name, and with --probe look and judge.
func (a *app) bounces(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"-"}
	}
	if a.opt.rcpt && (a.opt.lines || many(args)) {
		return usage("rcpt-bulk")
	}
	d, err := a.diagnoser()
	if err != nil {
		return err
	}
	if a.opt.rcpt {
		a.warn("hint.rcpt")
	}
	reports := &bulk{out: a.Out}
	out := a.output(reports)
	most := maxUnit
	if a.opt.probe {
		most = 1 // of what takes long each is worth a worker
	}
	err = inOrder(ctx, a.jobs(), units(inputs(args), most),
		func(ctx context.Context, u unit, send func(result) error) {
			runtime.Gosched() // a collection under way gets its turn, and so ends before it has grown
			for _, in := range u {
				err := a.read(ctx, in, d, send)
				if ctx.Err() != nil {
					return // nobody waits for more
				}
				if err != nil {
					_ = send(result{flush: true, name: in.name, err: err})
				}
			}
		},
		func(_ unit, r result) (err error) {
			if r.flush {
				err = reports.flush()
			}
			if r.err != nil {
				a.unreadable(r.name, r.err)
			}
			if r.report != nil && err == nil {
				a.judge(r.report)
				err = out.Write(r.report)
			}
			if err == nil && (a.opt.probe || a.Terminal) { // slow, or looked at
				err = reports.flush()
			}
			return written(err)
		})
	return errors.Join(err, written(out.Close()), written(reports.flush()))
}

// result is a report, or the end of an input, or none of them and only a
// reason to flush the reports before: what follows goes to standard error, or
// may be long in coming.
type result struct {
	report any
	name   string // of the input that gave err
	err    error
	flush  bool
}

func (a *app) diagnoser() (*probe.Diagnoser, error) {
	ours, err := a.ours()
	if err != nil {
		return nil, err
	}
	c, err := a.classifier()
	if err != nil {
		return nil, err
	}
	lists := sync.OnceValue(func() []rbl.List {
		l, err := a.blockLists()
		if err != nil { // --probe says so; without, the reply's own words must do
			return nil
		}
		return l
	})
	d := &probe.Diagnoser{Classifier: c, Ours: ours, Lists: lists, Tool: "diagnose " + Version, Now: time.Now}
	if a.opt.probe {
		if d.Runner, err = a.runner(); err != nil {
			return nil, err
		}
		d.Runner.Name = c.Classify
		d.Runner.Memory = a.memory()
	}
	return d, nil
}

// input is one file to read, or the reason why it cannot be.
type input struct {
	name string
	slow bool // no file: what it gives may be long in coming
	err  error
}

// unit is what a worker takes at once.
type unit []input

// maxUnit is some half a millisecond of work.
const maxUnit = 16

// units gathers inputs: workers that meet at every small file spend their time on
// that. A few inputs stay single, so that all workers have some, and units grow
// with what went before them. An input that may be long in coming is the last of
// its unit.
func units(inputs iter.Seq[input], most int) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		n, u := 0, unit{}
		for in := range inputs {
			n, u = n+1, append(u, in)
			if size := min(most, 1+n/64); len(u) >= size || in.slow {
				if !yield(u) {
					return
				}
				u = make(unit, 0, size)
			}
		}
		if len(u) > 0 {
			yield(u)
		}
	}
}

// inputs walks what was named: files, folders (a maildir is one), and "-".
// Links inside a folder are not followed, and what is no regular file there is
// left out. Standard input is read once, however often it is named.
func inputs(args []string) iter.Seq[input] {
	return func(yield func(input) bool) {
		stdin := false
		for _, arg := range args {
			if arg == "-" {
				if !stdin && !yield(input{name: arg, slow: true}) {
					return
				}
				stdin = true
				continue
			}
			for _, name := range expanded(arg) {
				if !fileOrFolder(name, yield) {
					return
				}
			}
		}
	}
}

// expanded are the files that a pattern means where no shell has put them in
// its place, as on Windows. What exists, or means nothing, is itself.
func expanded(arg string) []string {
	if _, err := os.Lstat(arg); err != nil && strings.ContainsAny(arg, "*?") {
		if names, _ := filepath.Glob(arg); len(names) > 0 {
			return names
		}
	}
	return []string{arg}
}

func fileOrFolder(name string, yield func(input) bool) bool {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return yield(input{name: name, err: err})
	case info.IsDir():
		return folder(name, yield)
	}
	return yield(input{name: name, slow: !info.Mode().IsRegular()})
}

// folder yields the regular files of a folder and of those in it, by name.
func folder(dir string, yield func(input) bool) bool {
	found := false
	more := files(dir, func(in input) bool {
		found = true
		return yield(in)
	})
	if more && !found {
		more = yield(input{name: dir, err: errNoMail})
	}
	return more
}

func files(dir string, yield func(input) bool) bool {
	entries, err := list(dir)
	if err != nil && !yield(input{name: dir, err: err}) {
		return false
	}
	inside := strings.TrimSuffix(filepath.Join(dir, "x"), "x")
	for _, e := range entries {
		if e.folder && !files(inside+e.name, yield) || !e.folder && !yield(input{name: inside + e.name}) {
			return false
		}
	}
	return true
}

// listed is a folder or a regular file.
type listed struct {
	name   string
	folder bool
}

// list gives the entries of a folder by name, also where it could not be read
// to its end. A maildir may have a million, so no more is kept of each.
func list(dir string) (entries []listed, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for err == nil {
		var some []fs.DirEntry
		some, err = f.ReadDir(512)
		for _, e := range some {
			if e.IsDir() || e.Type().IsRegular() {
				entries = append(entries, listed{e.Name(), e.IsDir()})
			}
		}
	}
	slices.SortFunc(entries, func(a, b listed) int { return strings.Compare(a.name, b.name) })
	if err == io.EOF {
		err = nil
	}
	return entries, err
}

var errNoMail = errors.New("no file in this folder")

// read reads one input to its end and hands on a report of each failure.
func (a *app) read(ctx context.Context, in input, d *probe.Diagnoser, send func(result) error) error {
	if in.err != nil {
		return in.err
	}
	r, err := a.open(ctx, in, send)
	if err != nil {
		return err
	}
	defer r.Close()
	reader, ok := a.readers.Get().(*bounce.Reader)
	if !ok {
		reader = &bounce.Reader{Memory: &a.known}
	}
	defer a.readers.Put(reader)
	all := (*bounce.Reader).All
	if a.opt.lines {
		all = (*bounce.Reader).Lines
	}
	emit := func(r probe.Report) error { return send(result{report: r, flush: r.Failure == nil}) }
	index := 1
	for rep, err := range all(reader, r) {
		if err != nil {
			return err
		}
		if index, err = a.mayAsk(d, rep).Reports(ctx, in.name, index, rep, emit); err != nil {
			return err
		}
	}
	return nil
}

// many says whether arguments plainly name more than one bounce.
func many(args []string) bool {
	if len(args) > 1 {
		return true
	}
	info, err := os.Stat(args[0])
	return err == nil && info.IsDir()
}

// mayAsk gives the consent of --rcpt to the first failure of an input, and to
// no other: whoever asks servers for many mailboxes looks like a spammer. Only
// on the way does a mailbox or a log turn out to hold several.
func (a *app) mayAsk(d *probe.Diagnoser, r *bounce.Report) *probe.Diagnoser {
	failures := len(r.Failures)
	if !a.opt.rcpt || failures == 0 || r.Kind == bounce.KindDelivered {
		return d
	}
	before := a.failures
	a.failures += failures
	if before <= 1 && a.failures > 1 {
		a.warn("hint.rcpt-first")
	}
	asks := *d
	asks.Rcpt = before == 0
	return &asks
}

func (a *app) open(ctx context.Context, in input, send func(result) error) (io.ReadCloser, error) {
	if !in.slow {
		return openFile(in.name)
	}
	r, err := a.openAny(ctx, in.name)
	if err != nil {
		return nil, err
	}
	return patient{r, func() { _ = send(result{flush: true}) }}, nil
}

// openAny opens a file of any kind, or standard input.
func (a *app) openAny(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "-" {
		return interruptible(ctx, a.In), nil
	}
	return os.Open(name)
}

// unreadable names an input that could not be read, and what to do.
func (a *app) unreadable(name string, err error) {
	a.saw(statusFailed)
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
	a.warn(key, "name", name, "error", err.Error())
}

// judge turns a report of any command into an exit status.
func (a *app) judge(v any) {
	switch r := v.(type) {
	case probe.Report:
		a.judgeBounce(r)
	case probe.CheckReport:
		switch r.Outcome {
		case probe.Faulty:
			a.saw(statusFault)
		case probe.UnknownOC, probe.Skipped:
			a.saw(statusUnknown)
		}
	case probe.ListReport:
		switch r.Verdict {
		case rbl.VerdictListed:
			a.saw(statusFault)
		case rbl.VerdictUnknown:
			a.saw(statusUnknown)
		}
	}
}

func (a *app) judgeBounce(r probe.Report) {
	switch {
	case r.Classification == nil:
		a.judgeOther(r)
	case r.Kind == bounce.KindBackscatter:
	case r.Party == probe.PartyOurServer:
		a.saw(statusFault)
	case r.Classification.Category == 0, r.Verification != nil && r.Verification.Verdict == probe.Inconclusive:
		a.saw(statusUnknown)
	}
}

// judgeOther is for what tells of no failed delivery, and hints at what to give
// instead. A bounce or a fragment
// in which none was recognised is one that we cannot explain.
func (a *app) judgeOther(r probe.Report) {
	switch r.Kind {
	case bounce.KindBounce, bounce.KindFragment:
		a.saw(statusUnknown)
	case bounce.KindNotABounce:
	default:
		return
	}
	if !a.opt.lines { // there every line has its answer, and a log has many that are no reply
		a.warn("hint.no-failure", "name", r.Source.Name)
	}
}

// output writes reports of every kind, as text or as JSON.
type output interface {
	Write(any) error
	Close() error
}

func (a *app) output(to io.Writer) output {
	out := a.form(to)
	if a.opt.redact {
		ours, _ := a.ours() // whoever reads bounces has complained of what is wrong with it
		return redacted{out, ours}
	}
	return out
}

// redacted takes out of reports what strangers need not know, whatever form
// they are written in.
type redacted struct {
	output
	ours probe.Our
}

func (r redacted) Write(v any) error { return r.output.Write(report.Redact(v, r.ours)) }

func (a *app) form(to io.Writer) output {
	switch {
	case a.plugin != nil:
		return a.plugin
	case a.opt.letter != "" || a.opt.output == "eml":
		return a.letter(to)
	case a.opt.output == "html":
		return &report.HTML{Out: to, Words: a.words}
	case a.opt.output == "text":
		return a.text(to)
	}
	return report.NewJSON(to, a.opt.output == "json")
}

// letter is for the colleague unless the other side is named.
func (a *app) letter(to io.Writer) output {
	l := &report.Letter{Out: to, To: report.Colleague, Words: []*report.Words{a.words}}
	if a.opt.letter == string(report.Remote) {
		l.To = report.Remote
		l.Words = a.bilingual
	}
	if a.opt.output == "eml" {
		l.Mail = &report.Mail{Now: time.Now()}
		return &onlyFirst{a: a, to: l}
	}
	return l
}

// onlyFirst writes the first failure alone: two messages in one stream would be
// none.
type onlyFirst struct {
	a       *app
	to      output
	written int
}

func (o *onlyFirst) Write(v any) error {
	switch o.written++; o.written {
	case 1:
		return o.to.Write(v)
	case 2:
		o.a.warn("hint.first-letter")
	}
	return nil
}

func (o *onlyFirst) Close() error { return o.to.Close() }

func (a *app) text(to io.Writer) output {
	if a.opt.brief {
		return &report.Brief{Out: to, Words: a.words, Colours: a.colours(), Columns: a.columns()}
	}
	return &report.Text{Out: to, Words: a.words, Colours: a.colours(), Columns: a.columns(), Trace: a.opt.trace}
}

// columns is how wide the report may be: as the terminal, or as COLUMNS says of
// it. What goes elsewhere is not wrapped, so that a fact stays on its line for
// whoever searches it. What is hardly a width is none.
func (a *app) columns() int {
	if !a.Terminal {
		return 0
	}
	return a.columnsOf(a.Columns)
}

// columnsOf is a terminal's width as COLUMNS corrects it.
func (a *app) columnsOf(n int) int {
	if said, err := strconv.Atoi(a.Getenv("COLUMNS")); err == nil {
		n = said
	}
	if n < 20 {
		return 0
	}
	return n
}

// written words the error of a write.
func written(err error) error {
	if err == nil {
		return nil
	}
	return failed("output", "error", err.Error())
}
