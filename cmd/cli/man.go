package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"diagnose/cmd/report"
)

// manCommand prints the manual page: diagnose man | man -l -
func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man", Short: a.words.Say("help.man", nil), Example: a.words.Say("help.man-examples", nil), Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(a.Out, a.manual(c.Root()))
			return written(err)
		},
	}
}

// manual is the page of the whole program, made of the texts that --help shows.
func (a *app) manual(root *cobra.Command) string {
	p := &page{words: a.words}
	fmt.Fprintf(p, ".TH %s 1 \"\" \"diagnose %s\"\n", strings.ToUpper(root.Name()), roff(Version))
	p.WriteString(".nh\n.ad l\n") // names of flags are not broken, nor Chinese lines spread
	p.section("man.name")
	p.text(root.Name() + " - " + root.Short)
	p.section("man.synopsis")
	for _, c := range available(root) {
		p.usage(c)
	}
	p.section("man.description")
	p.text(root.Long)
	p.section("man.options")
	p.flags(root.LocalFlags())
	p.section("man.commands")
	for _, c := range available(root)[1:] {
		p.subsection(c)
	}
	p.section("man.exit-status")
	for status, key := range []string{"man.status-ok", "man.status-failed", "man.status-usage", "man.status-fault", "man.status-unknown"} {
		p.item(bold(fmt.Sprint(status)), a.words.Say(key, nil))
	}
	p.paragraph(a.words.Say("man.status-worst", nil))
	p.paragraph(a.words.Say("man.status-nagios", nil))
	for s := report.PluginOK; s <= report.PluginUnknown; s++ {
		p.item(bold(fmt.Sprint(int(s))), s.String())
	}
	p.section("man.examples")
	p.verbatim(root.Example)
	return p.String()
}

// available is a command and all those below it that help would show.
func available(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			all = slices.Concat(all, available(sub))
		}
	}
	return all
}

// page is a manual page in the making, in the macros of man(7).
type page struct {
	strings.Builder
	words *report.Words
}

func (p *page) section(key string) { p.WriteString(".SH " + roff(p.words.Say(key, nil)) + "\n") }

// subsection is what there is to say of a command.
func (p *page) subsection(c *cobra.Command) {
	p.WriteString(".SS " + roff(c.UseLine()) + "\n")
	p.text(c.Short)
	p.flags(c.NonInheritedFlags())
	if c.Example != "" {
		p.WriteString(".PP\n")
		p.verbatim(c.Example)
	}
}

// usage is a command's line of the synopsis.
func (p *page) usage(c *cobra.Command) {
	p.WriteString(bold(c.CommandPath()) + roff(strings.TrimPrefix(c.UseLine(), c.CommandPath())) + "\n.br\n")
}

func (p *page) flags(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		value, text := pflag.UnquoteUsage(f)
		name := bold("--" + f.Name)
		if f.Shorthand != "" {
			name = bold("-"+f.Shorthand) + ", " + name
		}
		switch value = `\fI` + roff(value) + `\fR`; {
		case f.Value.Type() == "bool":
		case f.NoOptDefVal != "": // a value only behind =
			name += "[=" + value + "]"
		default:
			name += " " + value
		}
		p.item(name, text)
	})
}

// item is a tagged paragraph; the tag is roff already.
func (p *page) item(tag, text string) {
	p.WriteString(".TP\n" + tag + "\n")
	p.text(text)
}

func (p *page) paragraph(text string) {
	p.WriteString(".PP\n")
	p.text(text)
}

// verbatim keeps lines as they are.
func (p *page) verbatim(text string) {
	p.WriteString(".nf\n")
	p.text(text)
	p.WriteString(".fi\n")
}

func (p *page) text(text string) {
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		p.WriteString(roff(line) + "\n")
	}
}

func bold(text string) string { return `\fB` + roff(text) + `\fR` }

// roff makes a line of text mean itself: no escape sequence, no request at its
// beginning, and no sign that a formatter would replace by a nicer one, for
// commands are copied from manual pages.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`).Replace(line)
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}
