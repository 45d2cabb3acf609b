package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"diagnose/cmd/report"
)

// rulesCommand shows the rules, and proves an admin's own.
func (a *app) rulesCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "rules", Short: a.words.Say("help.rules", nil), Example: a.words.Say("help.rules-examples", nil),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		&cobra.Command{
			Use: "list", Short: a.words.Say("help.rules-list", nil), Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.rulesList() },
		},
		&cobra.Command{
			Use: "test", Short: a.words.Say("help.rules-test", nil), Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.rulesTest() },
		},
	)
	return c
}

// rulesList writes every rule, an admin's own first.
func (a *app) rulesList() error {
	c, err := a.classifier()
	if err != nil {
		return err
	}
	out := a.output(a.Out)
	for _, r := range c.Rules() {
		if err := written(out.Write(report.NewRule(r))); err != nil {
			return err
		}
	}
	return written(out.Close())
}

// rulesTest runs the proofs: of an admin's own rules where --rules names them,
// else of the built-in ones. Loading own rules proves them already, and its
// error names the file, the line and the rule.
func (a *app) rulesTest() error {
	load := builtIn
	if a.opt.rules != "" {
		load = a.ownRules
	}
	c, err := load()
	if err != nil {
		return err
	}
	err = errors.Join(c.Prove()...)
	if err == nil && len(c.Rules()) == 0 {
		err = errors.New("there are none")
	}
	if err != nil {
		return failed("proofs", "error", err.Error())
	}
	var proofs report.Proofs
	for _, r := range c.Rules() {
		proofs.Rules++
		proofs.Examples += len(r.Example)
		proofs.Counters += len(r.Counter)
	}
	out := a.output(a.Out)
	if err := written(out.Write(proofs)); err != nil {
		return err
	}
	return written(out.Close())
}
