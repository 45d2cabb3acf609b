package cli

import (
	"context"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"diagnose/dnscheck"
	"diagnose/probe"
)

// serverFlags are the flags of diagnose server alone.
type serverFlags struct {
	ips, domains, selectors []string
	openRelay               bool
}

func (a *app) serverCommand() *cobra.Command {
	o := &a.opt.server
	c := &cobra.Command{
		Use: "server [--ip IP]... [--domain D]...", Short: a.words.Say("help.server", nil), Example: a.words.Say("help.server-examples", nil),
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.server(c.Context()) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.ips, "ip", nil, "")
	f.StringArrayVar(&o.domains, "domain", nil, "")
	f.StringArrayVar(&o.selectors, "dkim-selector", nil, "")
	f.BoolVar(&o.openRelay, "open-relay", false, "")
	f.StringArrayVar(&a.opt.compare, "compare-resolver", nil, "")
	f.BoolVar(&a.opt.nagios, "nagios", false, "")
	return c
}

func (a *app) server(ctx context.Context) error {
	if a.opt.nagios {
		a.plugin = a.newPlugin("server")
	}
	s, err := a.ourServer()
	if err != nil {
		return err
	}
	r, err := a.runner()
	if err != nil {
		return err
	}
	got := r.Server(ctx, s)
	if err := ctx.Err(); err != nil {
		return err
	}
	a.judge(got)
	out := a.output(a.Out)
	if err := written(out.Write(got)); err != nil {
		return err
	}
	return written(out.Close())
}

// ourServer is what is known of our server: the flags, else the configuration.
func (a *app) ourServer() (probe.Server, error) {
	o, ours := a.opt.server, probe.Our{}
	s := probe.Server{Selectors: o.selectors, OpenRelay: o.openRelay, HELO: a.opt.helo, Domains: o.domains}
	ours, err := a.ours()
	if err != nil {
		return s, err
	}
	s.Relayhost = ours.Relayhost
	by := probe.AddressGiven
	for _, text := range o.ips {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return s, usage("address", "flag", "ip", "value", text)
		}
		s.Addresses = append(s.Addresses, probe.OwnAddress{IP: ip.Unmap().WithZone(""), By: by})
	}
	if len(s.Addresses) == 0 {
		if a.opt.sendingIP == "" {
			by = probe.AddressConfigured
		}
		for _, ip := range ours.Addresses {
			s.Addresses = append(s.Addresses, probe.OwnAddress{IP: ip.Unmap().WithZone(""), By: by})
		}
	}
	if len(s.Domains) == 0 {
		s.Domains = ours.Domains
	}
	for i, d := range s.Domains {
		s.Domains[i] = strings.ToLower(strings.TrimSuffix(d, "."))
		if dnscheck.CheckName(d) != nil {
			return s, usage("domain", "value", d)
		}
	}
	if len(s.Selectors) == 0 {
		s.Selectors = a.opt.file.Our.Selectors
	}
	return s, nil
}
