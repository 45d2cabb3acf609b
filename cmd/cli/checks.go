package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"diagnose/probe"
)

// check is a command that asks one thing about several targets: rbl, mx, ptr
// and smtp.
type check struct {
	name, use string
	accepts   func(target string) bool                         // nil: anything
	jobs      func() int                                       // targets at once; nil: as many as --jobs says
	run       func(context.Context, *probe.Runner, string) any // its report
}

func (a *app) checkCommand(k check) *cobra.Command {
	c := &cobra.Command{
		Use: k.name + " " + k.use, Short: a.words.Say("help."+k.name, nil), Example: a.words.Say("help."+k.name+"-examples", nil),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("no-target", "command", k.name)
			}
			for _, t := range args {
				if t != "-" && !k.takes(t) {
					return usage("target", "command", k.name, "target", t, "use", k.use)
				}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if a.opt.nagios {
				a.plugin = a.newPlugin(k.name)
			}
			r, err := a.runner()
			if err != nil {
				return err
			}
			return a.ask(c.Context(), k, r, a.targets(c.Context(), k, args))
		},
	}
	c.Flags().BoolVar(&a.opt.nagios, "nagios", false, "")
	return c
}

func (k check) takes(target string) bool { return k.accepts == nil || k.accepts(target) }

// ask runs the check on every target, a few at a time, and reports in their
// order, each as soon as those before it are told.
func (a *app) ask(ctx context.Context, k check, r *probe.Runner, targets iter.Seq[target]) error {
	jobs := a.jobs
	if k.jobs != nil {
		jobs = k.jobs
	}
	out := a.output(a.Out)
	err := inOrder(ctx, jobs(), targets,
		func(ctx context.Context, t target, send func(any) error) {
			if t.wrong == nil {
				_ = send(k.run(ctx, r, t.name))
				return
			}
			_ = send(t.wrong)
		},
		func(_ target, got any) error {
			if wrong, ok := got.(error); ok {
				a.refuse(wrong)
				return nil
			}
			a.judge(got)
			return written(out.Write(got))
		})
	return errors.Join(err, written(out.Close()))
}

// target is one thing to be asked about, or why it cannot be.
type target struct {
	name  string
	wrong error
}

// maxLine bounds a line of standard input: no name is as long.
const maxLine = 4 << 10

// targets replaces "-" by the lines of standard input, each as it comes. Empty
// lines and those that begin with # are passed over; one that the check cannot
// take is named and left out.
func (a *app) targets(ctx context.Context, k check, args []string) iter.Seq[target] {
	return func(yield func(target) bool) {
		for _, arg := range args {
			if arg != "-" {
				if !yield(target{name: arg}) {
					return
				}
				continue
			}
			if !a.lines(ctx, k, yield) {
				return
			}
		}
	}
}

// lines yields the targets of standard input; false where no more are wanted.
func (a *app) lines(ctx context.Context, k check, yield func(target) bool) bool {
	stdin := interruptible(ctx, a.In)
	defer stdin.Close()
	in := bufio.NewReaderSize(stdin, maxLine)
	for {
		line, cut, err := in.ReadLine()
		for more := cut; more && err == nil; { // the rest of a line that is too long
			_, more, err = in.ReadLine()
		}
		name := strings.TrimSpace(string(line))
		switch {
		case name == "" || strings.HasPrefix(name, "#"):
		case cut || !k.takes(name):
			if !yield(target{wrong: usage("target", "command", k.name, "target", name, "use", k.use)}) {
				return false
			}
		case !yield(target{name: name}):
			return false
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return true
		default:
			return yield(target{wrong: failed("stdin", "error", err.Error())})
		}
	}
}

func (a *app) mxCommand() *cobra.Command {
	c := a.checkCommand(check{name: "mx", use: "DOMAIN...", jobs: a.mxJobs, run: func(ctx context.Context, r *probe.Runner, t string) any {
		return probe.NewCheckReport(t, r.Begin().Run(ctx, probe.MXPlan(t, a.opt.dnsOnly, a.opt.authoritative)))
	}})
	c.Flags().BoolVar(&a.opt.dnsOnly, "dns-only", false, "")
	c.Flags().BoolVar(&a.opt.authoritative, "authoritative", false, "")
	return c
}

// manyLookups is how many domains are looked up at once where nothing but the
// DNS is asked: the answers come from afar, and hardly any come from one server.
const manyLookups = 32

func (a *app) mxJobs() int {
	if a.opt.dnsOnly && a.opt.jobs == 0 {
		return manyLookups
	}
	return a.jobs()
}

func (a *app) ptrCommand() *cobra.Command {
	isAddress := func(t string) bool { _, err := netip.ParseAddr(t); return err == nil }
	return a.checkCommand(check{name: "ptr", use: "IP...", accepts: isAddress, run: func(ctx context.Context, r *probe.Runner, t string) any {
		ip, _ := netip.ParseAddr(t)
		return probe.NewCheckReport(t, r.Begin().Run(ctx, probe.PTRPlan(ip.Unmap())))
	}})
}

func (a *app) smtpCommand() *cobra.Command {
	return a.checkCommand(check{name: "smtp", use: "HOST|IP[:PORT]...", run: func(ctx context.Context, r *probe.Runner, t string) any {
		host, port := probe.HostPort(t)
		if port == 0 {
			port = a.opt.port
		}
		return probe.NewCheckReport(t, r.OnPort(port).Begin().Run(ctx, probe.SMTPPlan(host)))
	}})
}

// rblCommand asks about one target after the other: the lists' operators do
// not like bursts.
func (a *app) rblCommand() *cobra.Command {
	return a.checkCommand(check{name: "rbl", use: "IP|DOMAIN...", jobs: func() int { return 1 }, run: func(ctx context.Context, r *probe.Runner, t string) any {
		return r.Listings(ctx, t)
	}})
}
