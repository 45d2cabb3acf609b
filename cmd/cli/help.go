package cli

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// help replaces the help that cobra writes, which knows only English and
// aligns by bytes.
func (a *app) help(c *cobra.Command) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(cmp.Or(c.Long, c.Short)) + "\n")
	section := func(key, body string) {
		if body = strings.Trim(body, "\n"); body != "" {
			b.WriteString("\n" + a.words.Say(key, nil) + "\n" + body + "\n")
		}
	}
	section("help.usage", "  "+c.UseLine())
	section("help.examples", c.Example)
	var commands [][2]string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			commands = append(commands, [2]string{sub.Name(), sub.Short})
		}
	}
	section("help.commands", a.table(commands))
	section("help.flags", a.flagTable(c.LocalFlags()))
	section("help.global-flags", a.flagTable(c.InheritedFlags()))
	if len(commands) > 0 {
		b.WriteString("\n" + a.words.Say("help.more", nil) + "\n")
	}
	return b.String()
}

// flagTable lists flags, each with the name of its value, which the catalogue
// marks with back-quotes.
func (a *app) flagTable(flags *pflag.FlagSet) string {
	var rows [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		value, text := pflag.UnquoteUsage(f)
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		switch {
		case f.Value.Type() == "bool":
		case f.NoOptDefVal != "": // a value only behind =
			name += "[=" + value + "]"
		default:
			name += " " + value
		}
		rows = append(rows, [2]string{name, text})
	})
	return a.table(rows)
}

func (a *app) table(rows [][2]string) string {
	width := 0
	for _, r := range rows {
		width = max(width, a.words.Width(r[0]))
	}
	var b strings.Builder
	for _, r := range rows {
		b.WriteString("  " + a.words.Pad(r[0], width) + "  " + r[1] + "\n")
	}
	return b.String()
}

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: a.words.Say("help.help", nil), DisableFlagsInUseLine: true,
		ValidArgsFunction: completeCommand,
		PersistentPreRun:  func(*cobra.Command, []string) {}, // help needs no configuration
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("no-command", "name", strings.Join(args, " "))
			}
			return of.Help()
		},
	}
}

// exactly wants n arguments.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usage("arguments", "use", c.UseLine())
	}
}

func atLeastOne(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return usage("arguments", "use", c.UseLine())
}
