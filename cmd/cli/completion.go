package cli

import (
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"diagnose/classify"
	"diagnose/rbl"
)

func (a *app) completionCommand() *cobra.Command {
	scripts := map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(c *cobra.Command, w io.Writer) error { return c.GenBashCompletionV2(w, true) },
		"zsh":        (*cobra.Command).GenZshCompletion,
		"fish":       func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
		"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	}
	return &cobra.Command{
		Use: "completion bash|zsh|fish|powershell", Short: a.words.Say("help.completion", nil),
		Example: a.words.Say("help.completion-examples", nil), ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			script, ok := scripts[args[0]]
			if !ok {
				return usage("shell", "name", args[0])
			}
			return written(script(c.Root(), a.Out))
		},
	}
}

// completing says whether a shell asks what could stand next.
func completing(c *cobra.Command) bool {
	return c.Name() == cobra.ShellCompRequestCmd || c.Name() == cobra.ShellCompNoDescRequestCmd
}

// completions says what a shell offers: commands and flags, the values of those
// flags that have only some, and files where files are wanted. For everything
// else it would offer files too, if it were not told to offer nothing.
func completions(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	values := map[string]cobra.CompletionFunc{"config": anyFile, "lists": anyFile, "rules": anyFolder}
	for _, flag := range []string{"output", "lang", "color", "letter"} {
		values[flag] = cobra.FixedCompletions(choices(flag), cobra.ShellCompDirectiveNoFileComp)
	}
	for flag, offer := range values {
		_ = root.RegisterFlagCompletionFunc(flag, offer) // fails only the second time
	}
}

func anyFile(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func anyFolder(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeCommand offers the commands, and those of commands, to help.
func completeCommand(c *cobra.Command, args []string, begun string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
	of, rest, err := c.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, sub := range of.Commands() {
		if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), begun) {
			out = append(out, cobra.CompletionWithDesc(sub.Name(), sub.Short))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeExplain offers what can be explained: the categories, by name and by
// number, and the block lists.
func (a *app) completeExplain(_ *cobra.Command, _ []string, begun string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
	for c := classify.Unknown + 1; c <= classify.RemoteFault; c++ {
		what := a.words.Say("name."+c.Slug(), nil)
		for _, name := range []string{c.Slug(), strconv.Itoa(int(c))} {
			if strings.HasPrefix(name, begun) {
				out = append(out, cobra.CompletionWithDesc(name, what))
			}
		}
	}
	lists, err := a.blockLists()
	if err != nil {
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	for _, l := range lists {
		if begun != "" && strings.HasPrefix(l.Zone, begun) && l.Tier != rbl.DeadTier && l.Tier != rbl.Other {
			out = append(out, cobra.CompletionWithDesc(l.Zone, l.Operator))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
