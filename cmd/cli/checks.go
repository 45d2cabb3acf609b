package cli

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"diagnose/cmd/report"
	"diagnose/probe"
	"diagnose/rbl"
)

// The single checks: rbl, mx, ptr and smtp, each of several targets.

func (a *app) command(use, key string, run func(context.Context, *probe.Runner, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: a.words.Say("help."+key, nil), Example: a.words.Say("help."+key+"-examples", nil),
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := a.runner()
			if err != nil {
				return err
			}
			targets, err := a.targets(args)
			if err != nil {
				return err
			}
			return run(c.Context(), r, targets)
		},
	}
}

// maxTargets bounds what one run may ask of others.
const maxTargets = 1000

// targets replaces "-" by the lines of standard input. Empty lines and those
// that begin with # are passed over.
func (a *app) targets(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		if arg != "-" {
			out = append(out, arg)
			continue
		}
		lines := bufio.NewScanner(a.In)
		for lines.Scan() {
			if l := strings.TrimSpace(lines.Text()); l != "" && !strings.HasPrefix(l, "#") {
				out = append(out, l)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, failed("standard input: %w", err)
		}
	}
	if len(out) > maxTargets {
		return nil, failed("%d targets: at most %d in one run", len(out), maxTargets)
	}
	return out, nil
}

func (a *app) mxCommand() *cobra.Command {
	c := a.command("mx DOMAIN...", "mx", func(ctx context.Context, r *probe.Runner, targets []string) error {
		return a.each(ctx, "mx", targets, func(ctx context.Context, t string) (probe.CheckReport, error) {
			return probe.NewCheckReport(t, r.Begin().Run(ctx, probe.MXPlan(t, a.opt.dnsOnly))), nil
		})
	})
	c.Flags().BoolVar(&a.opt.dnsOnly, "dns-only", false, a.words.Say("flag.dns-only", nil))
	return c
}

func (a *app) ptrCommand() *cobra.Command {
	return a.command("ptr IP...", "ptr", func(ctx context.Context, r *probe.Runner, targets []string) error {
		return a.each(ctx, "ptr", targets, func(ctx context.Context, t string) (probe.CheckReport, error) {
			ip, err := netip.ParseAddr(t)
			if err != nil {
				return probe.CheckReport{}, fmt.Errorf("ptr %s: an IP address is needed: %w", t, err)
			}
			return probe.NewCheckReport(t, r.Begin().Run(ctx, probe.PTRPlan(ip.Unmap()))), nil
		})
	})
}

func (a *app) smtpCommand() *cobra.Command {
	return a.command("smtp HOST|IP[:PORT]...", "smtp", func(ctx context.Context, r *probe.Runner, targets []string) error {
		return a.each(ctx, "smtp", targets, func(ctx context.Context, t string) (probe.CheckReport, error) {
			host, port := probe.HostPort(t)
			if port == 0 {
				port = a.opt.port
			}
			return probe.NewCheckReport(t, r.OnPort(port).Begin().Run(ctx, probe.SMTPPlan(host))), nil
		})
	})
}

// each runs a check on every target, a few at a time, and reports in the
// order of the targets.
func (a *app) each(ctx context.Context, command string, targets []string, check func(context.Context, string) (probe.CheckReport, error)) error {
	reports := make([]probe.CheckReport, len(targets))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(a.jobs())
	for i, t := range targets {
		group.Go(func() (err error) {
			reports[i], err = check(inner, t)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	json := report.NewJSON(a.Out, a.opt.output == "json")
	text := a.text()
	for _, r := range reports {
		a.sawOutcome(r.Outcome)
		if err := a.write(text, json, command, r); err != nil {
			return failed("writing the report: %w", err)
		}
	}
	if a.opt.output == "text" {
		return nil
	}
	return json.Close()
}

func (a *app) write(text *report.Text, json *report.JSON, command string, r probe.CheckReport) error {
	if a.opt.output == "text" {
		return text.Check(command, r)
	}
	return json.Write(r)
}

func (a *app) sawOutcome(o probe.Outcome) {
	switch o {
	case probe.Faulty:
		a.saw(statusFault)
	case probe.UnknownOC, probe.Skipped:
		a.saw(statusUnknown)
	}
}

func (a *app) rblCommand() *cobra.Command {
	return a.command("rbl IP|DOMAIN...", "rbl", func(ctx context.Context, r *probe.Runner, targets []string) error {
		json := report.NewJSON(a.Out, a.opt.output == "json")
		text := a.text()
		for _, t := range targets {
			rep := r.Listings(ctx, t)
			switch rep.Verdict {
			case rbl.VerdictListed:
				a.saw(statusFault)
			case rbl.VerdictUnknown:
				a.saw(statusUnknown)
			}
			var err error
			if a.opt.output == "text" {
				err = text.Lists(rep)
			} else {
				err = json.Write(rep)
			}
			if err != nil {
				return failed("writing the report: %w", err)
			}
		}
		if a.opt.output == "text" {
			return nil
		}
		return json.Close()
	})
}
