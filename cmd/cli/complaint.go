package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"diagnose/cmd/report"
)

// complaint is why a run ends without doing its work: an exit status, and a
// text of the catalogue with its arguments.
type complaint struct {
	status int
	key    string
	args   map[string]string
}

func (c *complaint) Error() string { return fmt.Sprintf("%s %v", c.key, c.args) }

// failed is for what could not be done. Arguments are names and values in
// turn.
func failed(key string, args ...string) error {
	return &complaint{statusFailed, "error." + key, named(args)}
}

// usage is for a command line that makes no sense.
func usage(key string, args ...string) error {
	return &complaint{statusUsage, "error." + key, named(args)}
}

func named(pairs []string) map[string]string {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// flagComplaint words what the flags' library found wrong.
func flagComplaint(err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return usage("flag-unknown", "flag", dashed(unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()))
	case errors.As(err, &bare):
		return usage("flag-value", "flag", dashed(bare.GetSpecifiedName(), bare.GetSpecifiedShortnames()))
	case errors.As(err, &invalid):
		return usage("flag-invalid", "flag", "--"+invalid.GetFlag().Name, "value", invalid.GetValue())
	}
	return err
}

func dashed(name, shorthands string) string {
	if shorthands != "" {
		return "-" + shorthands[:1]
	}
	return "--" + name
}

// complain writes a line to standard error.
func (a *app) complain(line string) { fmt.Fprintln(a.Err, "diagnose: "+line) }

// warn complains in words of the catalogue.
func (a *app) warn(key string, args ...string) { a.complain(a.words.Say(key, named(args))) }

// refuse complains about one target of several; the others are still checked.
func (a *app) refuse(why error) {
	a.saw(statusFailed)
	if a.plugin != nil {
		a.plugin.Unable(a.reason(why))
		return
	}
	a.complain(a.reason(why))
}

// reason words an error.
func (a *app) reason(err error) string {
	var c *complaint
	switch {
	case errors.As(err, &c):
		return a.words.Say(c.key, c.args)
	case a.interrupted:
		return a.words.Say("plugin.interrupted", nil)
	}
	return report.Safe(err.Error())
}

// end turns the error that a run ended with into its exit status.
func (a *app) end(err error) int {
	var c *complaint
	switch {
	case err == nil:
		return a.status
	case errors.As(err, &c):
		a.complain(a.reason(err))
		if c.status == statusUsage {
			a.warn("hint.usage")
		}
		return c.status
	case a.interrupted:
		return statusFailed
	}
	a.complain(a.reason(err))
	a.warn("hint.usage")
	return statusUsage
}

// endPlugin ends a run with --nagios. Whatever went wrong is told on standard
// output, the only one that a monitoring system shows, and makes the state
// unknown: the statuses of other runs would mean something else there.
func (a *app) endPlugin(command string, err error) int {
	if a.plugin == nil {
		a.plugin = a.newPlugin(command)
	}
	if err != nil {
		a.plugin.Unable(a.reason(err))
	}
	status, err := a.plugin.Tell(a.Out)
	if err != nil {
		a.complain(a.reason(written(err)))
		return int(report.PluginUnknown)
	}
	return int(status)
}

func (a *app) newPlugin(command string) *report.Plugin {
	return &report.Plugin{Check: command, Words: a.words}
}

// given says whether a flag stands on the command line. It is asked where the
// flags could not be parsed.
func given(args []string, flag string) bool {
	for _, arg := range args {
		switch arg {
		case "--":
			return false
		case flag, flag + "=true":
			return true
		}
	}
	return false
}
