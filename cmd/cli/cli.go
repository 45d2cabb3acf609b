// Package cli is the command line: it turns flags, the configuration and the
// environment into values, hands them to the packages that do the work, and
// turns what comes back into an exit status.
//
// The rules of the interface. Standard output carries the report and nothing
// else; warnings and hints go to standard error, each naming the file or the
// target and what to do next. One bad input never keeps the others from being
// read. Without --probe nothing leaves the machine.
//
//	0  answered, and nothing is wrong on our side
//	1  could not run: unreadable input, no resolver
//	2  the command line makes no sense
//	3  answered, and the fault is ours; for single checks: a fault was found
//	4  answered "do not know"
//
// Of several the worst wins, in the order 1, 3, 4, 0. With --nagios the statuses
// are those of a monitoring plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/inconshreveable/mousetrap"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"diagnose/classify/bounce"
	"diagnose/cmd/report"
)

// Version is what diagnose version prints, and a part of every JSON report.
const Version = "0.1.0"

// The exit statuses.
const (
	statusOK      = 0
	statusFailed  = 1
	statusUsage   = 2
	statusFault   = 3
	statusUnknown = 4
)

// Env is everything of the process that a run touches.
type Env struct {
	Args       []string // without the program's name
	In         io.Reader
	Out, Err   io.Writer
	Getenv     func(string) string
	Hostname   func() (string, error)
	ConfigDir  func() (string, error) // the user's configuration folder
	CacheDir   func() (string, error) // the user's cache folder; nil: nothing is kept between runs
	Terminal   bool                   // Out is a terminal
	Columns    int                    // how wide it is; 0: not known
	Progress   bool                   // Err is one
	ErrColumns int                    // how wide that is
	Language   string                 // of the system, where the environment names none
	Explorer   bool                   // started by a double click on Windows, in a window of its own
}

// IsTerminal says whether a file is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Columns is how wide a terminal is; 0 where that is not known.
func Columns(f *os.File) int {
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// Main runs one command and returns its exit status. It never exits the
// process and keeps no state between runs.
func Main(ctx context.Context, env Env) int {
	a := &app{Env: env}
	status := a.main(ctx, env)
	if a.Explorer && a.words != nil { // the window closes with us, and nobody would have read it
		fmt.Fprintln(a.Err, "\n"+a.words.Say("hint.close", nil))
		_, _ = a.In.Read(make([]byte, 1)) // whatever comes, or nothing: we are done
	}
	return status
}

func (a *app) main(ctx context.Context, env Env) int {
	a.Err = &oneAtATime{w: env.Err}
	if a.Progress {
		a.progress = &progress{out: a.Err, words: func() *report.Words { return a.words }, columns: a.columnsOf(env.ErrColumns)}
		a.Out, a.Err = a.progress.before(a.Out), a.progress.before(a.Err)
	}
	prepareConsole()
	if err := a.loadWords(language(env)); err != nil {
		a.complain(err.Error())
		return statusFailed
	}
	root := a.root()
	root.SetArgs(append([]string{}, env.Args...)) // nil would mean those of the process
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(a.Err)
	command, err := root.ExecuteContextC(ctx)
	a.interrupted = ctx.Err() != nil
	if a.plugin != nil || err != nil && given(env.Args, "--nagios") {
		return a.endPlugin(command.Name(), err)
	}
	return a.end(err)
}

// app is one run.
type app struct {
	Env
	words       *report.Words
	bilingual   []*report.Words // for a letter to the other side
	opt         options
	status      int
	plugin      *report.Plugin // where --nagios asks for its output
	progress    *progress      // nil: nobody sees it
	interrupted bool
	failures    int           // read so far; counted with --rcpt only, which reads one input
	readers     sync.Pool     // of *bounce.Reader, which keep their buffers from one input to the next
	known       bounce.Memory // of all of them
}

// oneAtATime keeps lines of several goroutines apart.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// saw keeps the worst status, in the order 1, 3, 4, 0.
func (a *app) saw(status int) {
	rank := map[int]int{statusOK: 0, statusUnknown: 1, statusFault: 2, statusFailed: 3}
	if rank[status] > rank[a.status] {
		a.status = status
	}
}

func (a *app) loadWords(lang string) (err error) {
	a.words, err = report.Load(lang)
	return err
}

// language is the one of --lang, else of the environment. It is needed before
// the flags are parsed, for the help texts.
func language(env Env) string {
	for i, arg := range env.Args {
		if arg == "--" {
			break
		}
		if v, ok := strings.CutPrefix(arg, "--lang="); ok {
			lang, _ := report.Match(v)
			return lang
		}
		if arg == "--lang" && i+1 < len(env.Args) {
			lang, _ := report.Match(env.Args[i+1])
			return lang
		}
	}
	for _, name := range []string{"DIAGNOSE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env.Getenv(name); v != "" {
			lang, _ := report.Match(v)
			return lang
		}
	}
	lang, _ := report.Match(env.Language)
	return lang
}

// Explorer says whether the program was started by a double click on Windows.
func Explorer() bool { return mousetrap.StartedByExplorer() }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "diagnose [--probe] [FILE | DIR | MBOX | -]...",
		Short:             a.words.Say("help.root", nil),
		Long:              a.words.Say("help.root-long", nil),
		Example:           a.words.Say("help.root-examples", nil),
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: anyFile,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},

		DisableFlagsInUseLine: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 && a.stdinIsTerminal() {
				return c.Help()
			}
			return a.bounces(c.Context(), args)
		},
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return a.join(c) },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagComplaint(err) })
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { fmt.Fprint(a.Out, a.help(c)) })
	root.SetHelpCommand(a.helpCommand())
	root.AddCommand(a.rblCommand(), a.mxCommand(), a.ptrCommand(), a.smtpCommand(), a.serverCommand(), a.explainCommand(), a.rulesCommand(), a.renderCommand(), a.completionCommand(), a.manCommand(), a.versionCommand())
	a.flags(root)
	completions(root)
	return root
}

func (a *app) stdinIsTerminal() bool {
	f, ok := a.In.(*os.File)
	return ok && IsTerminal(f)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: a.words.Say("help.version", nil), Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.Out, "diagnose "+Version)
			return written(err)
		},
	}
}
