package cli

import (
	"bufio"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"diagnose/probe"
)

// check is a command that asks one thing about several targets: rbl, mx, ptr
// and smtp.
type check struct {
	name, use string
	accepts   func(target string) bool                         // nil: anything
	jobs      int                                              // targets at once; 0: as many as --jobs says
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
			targets, err := a.targets(k, args)
			if err != nil {
				return err
			}
			return a.ask(c.Context(), k, r, targets)
		},
	}
	c.Flags().BoolVar(&a.opt.nagios, "nagios", false, "")
	return c
}

func (k check) takes(target string) bool { return k.accepts == nil || k.accepts(target) }

// ask runs the check on every target, a few at a time, and reports in their
// order.
func (a *app) ask(ctx context.Context, k check, r *probe.Runner, targets []string) error {
	jobs := k.jobs
	if jobs == 0 {
		jobs = a.jobs()
	}
	out := a.output(a.Out)
	err := inOrder(ctx, jobs, slices.Values(targets),
		func(ctx context.Context, t string, send func(any) error) { _ = send(k.run(ctx, r, t)) },
		func(_ string, got any) error {
			a.judge(got)
			return written(out.Write(got))
		})
	return errors.Join(err, written(out.Close()))
}

// maxTargets bounds what one run may ask of others.
const maxTargets = 1000

// targets replaces "-" by the lines of standard input. Empty lines and those
// that begin with # are passed over; one that the check cannot take is named
// and left out.
func (a *app) targets(k check, args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		if arg != "-" {
			out = append(out, arg)
			continue
		}
		lines := bufio.NewScanner(a.In)
		for lines.Scan() {
			switch l := strings.TrimSpace(lines.Text()); {
			case l == "" || strings.HasPrefix(l, "#"):
			case !k.takes(l):
				a.refuse(usage("target", "command", k.name, "target", l, "use", k.use))
			default:
				out = append(out, l)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, failed("stdin", "error", err.Error())
		}
	}
	if len(out) > maxTargets {
		return nil, failed("too-many", "targets", strconv.Itoa(len(out)), "limit", strconv.Itoa(maxTargets))
	}
	return out, nil
}

func (a *app) mxCommand() *cobra.Command {
	c := a.checkCommand(check{name: "mx", use: "DOMAIN...", run: func(ctx context.Context, r *probe.Runner, t string) any {
		return probe.NewCheckReport(t, r.Begin().Run(ctx, probe.MXPlan(t, a.opt.dnsOnly)))
	}})
	c.Flags().BoolVar(&a.opt.dnsOnly, "dns-only", false, "")
	return c
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
	return a.checkCommand(check{name: "rbl", use: "IP|DOMAIN...", jobs: 1, run: func(ctx context.Context, r *probe.Runner, t string) any {
		return r.Listings(ctx, t)
	}})
}
