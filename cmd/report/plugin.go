package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"diagnose/probe"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// PluginStatus is a state of a service as Nagios, Icinga and their like know
// it; its number is the exit status of a plugin (Monitoring Plugins Development
// Guidelines, "Plugin Return Codes").
type PluginStatus int

// The states.
const (
	PluginOK       PluginStatus = iota // nothing is wrong
	PluginWarning                      // it works, and somebody should look
	PluginCritical                     // a fault was seen
	PluginUnknown                      // it could not be told
)

// String is the keyword, the same in every language.
func (s PluginStatus) String() string {
	return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[s]
}

// worstFirst is the order in which the state of several targets is chosen.
// What was seen wins over what could not be told.
var worstFirst = []PluginStatus{PluginCritical, PluginWarning, PluginUnknown, PluginOK}

// Plugin gathers the answers of single checks and tells them as a monitoring
// plugin does: a line with the worst state, a sentence and the performance
// data, and a line for each target where there are several.
type Plugin struct {
	Check   string // the command: rbl, mx, ptr, smtp or server
	Words   *Words
	answers []pluginAnswer
}

type pluginAnswer struct {
	target string
	status PluginStatus
	text   string
	data   []datum
}

// datum is a value of the performance data with its unit and limits.
type datum struct{ label, value string }

// Write takes the report of a check.
func (p *Plugin) Write(v any) error {
	switch v := v.(type) {
	case probe.CheckReport:
		if v.Server != nil {
			p.answers = append(p.answers, p.server(v))
			return nil
		}
		p.answers = append(p.answers, p.check(v))
	case probe.ListReport:
		p.answers = append(p.answers, p.lists(v))
	default:
		return fmt.Errorf("no plugin output for a %T", v)
	}
	return nil
}

// Close has nothing to end: the first line can be told only when the whole run
// is over, by [Plugin.Tell].
func (p *Plugin) Close() error { return nil }

// Unable takes the reason why something could not be checked.
func (p *Plugin) Unable(reason string) {
	p.answers = append(p.answers, pluginAnswer{status: PluginUnknown, text: reason})
}

// Tell writes all that was gathered and gives the worst state, which is
// unknown where nothing was checked.
func (p *Plugin) Tell(out io.Writer) (PluginStatus, error) {
	if len(p.answers) == 0 {
		p.Unable(p.Words.Say("error.no-target", map[string]string{"command": p.Check}))
	}
	worst := p.worst()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s - %s%s", strings.ToUpper(p.Check), worst.status, p.count(), oneLine(worst.text))
	if data := p.data(); data != "" {
		b.WriteString(" | " + data)
	}
	b.WriteByte('\n')
	if len(p.answers) > 1 {
		for _, a := range p.answers {
			fmt.Fprintf(&b, "[%s] %s\n", a.status, oneLine(a.text))
		}
	}
	_, err := io.WriteString(out, b.String())
	return worst.status, err
}

// worst is the first of the answers in the worst state.
func (p *Plugin) worst() pluginAnswer {
	return slices.MinFunc(p.answers, func(a, b pluginAnswer) int {
		return cmp.Compare(slices.Index(worstFirst, a.status), slices.Index(worstFirst, b.status))
	})
}

// count says how many targets are in which state; nothing of a single one.
func (p *Plugin) count() string {
	if len(p.answers) == 1 {
		return ""
	}
	var parts []string
	for _, s := range worstFirst {
		n := 0
		for _, a := range p.answers {
			if a.status == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprint(n, " ", s))
		}
	}
	return strings.Join(parts, ", ") + ": "
}

// data is the performance data of all targets. The labels of several carry
// their targets, for a monitoring system takes equal ones for the same thing.
func (p *Plugin) data() string {
	var parts []string
	for _, a := range p.answers {
		for _, d := range a.data {
			label := d.label
			if len(p.answers) > 1 {
				label = "'" + strings.NewReplacer("'", "_", "=", "_", "|", "_").Replace(Safe(a.target)) + " " + label + "'"
			}
			parts = append(parts, label+"="+d.value)
		}
	}
	return strings.Join(parts, " ")
}

// maxPluginText is how much of a sentence is told, in characters: monitoring
// systems cut the output at a few kilobytes, and the performance data comes
// after it.
const maxPluginText = 500

// oneLine keeps a text from ending early: a "|" begins the performance data.
func oneLine(text string) string {
	text = strings.NewReplacer("|", " ", "\n", " ", "\r", " ").Replace(strings.TrimSpace(text))
	if r := []rune(text); len(r) > maxPluginText {
		return string(r[:maxPluginText]) + "..."
	}
	return text
}

// sentence is an answer and what there is to say besides.
func sentence(answer string, besides []string) string {
	return strings.Join(append([]string{strings.TrimRight(answer, ".。")}, besides...), "; ")
}

// check judges mx, ptr and smtp. It is a warning where mail still finds its way
// and something beside it is wrong.
func (p *Plugin) check(r probe.CheckReport) pluginAnswer {
	t := &Text{Words: p.Words}
	out := pluginAnswer{target: r.Target, data: p.checkData(r)}
	reasons := append(t.troubles(r), t.badCertificates(r)...)
	switch r.Outcome {
	case probe.Faulty:
		out.status = PluginCritical
	case probe.Healthy:
		if len(reasons) > 0 {
			out.status = PluginWarning
		}
	default:
		out.status = PluginUnknown
		if len(reasons) == 0 { // nothing was looked at
			reasons = t.wordsOf(r, func(f probe.Finding) bool { return f.Outcome == probe.Skipped })
		}
	}
	out.text = sentence(t.say("check."+p.Check+"."+string(r.Outcome), map[string]string{"target": r.Target}), reasons)
	return out
}

// server judges our own server: critical is what loses mail now.
func (p *Plugin) server(r probe.CheckReport) pluginAnswer {
	t := &Text{Words: p.Words}
	out := pluginAnswer{target: r.Target}
	urgent := 0
	var reasons []string
	for _, task := range append(slices.Clone(r.Server.Tasks), r.Server.Unknown...) {
		if task.Urgency == probe.Urgent {
			urgent++
		}
		reasons = append(reasons, t.taskWords(task))
	}
	switch {
	case urgent > 0:
		out.status = PluginCritical
	case len(r.Server.Tasks) > 0:
		out.status = PluginWarning
	case r.Outcome != probe.Healthy:
		out.status = PluginUnknown
	}
	answer := t.serverAnswer(r)
	if len(r.Server.Tasks) > 0 { // it names the first
		reasons = reasons[1:]
	}
	out.text = sentence(answer, reasons)
	out.data = []datum{
		{"tasks", strconv.Itoa(len(r.Server.Tasks))}, {"urgent", strconv.Itoa(urgent)}, {"unknown", strconv.Itoa(len(r.Server.Unknown))},
		{"looks", strconv.Itoa(len(r.Findings))}, {"certificate_days", fewestDays(r)}, {"time", seconds(elapsed(r.Findings))},
	}
	return out
}

// troubles are the findings that say that something is wrong or not known.
func (t *Text) troubles(r probe.CheckReport) []string {
	out := t.wordsOf(r, func(f probe.Finding) bool {
		return f.Outcome == probe.Faulty || f.Outcome == probe.UnknownOC || f.Code == "ptr.generic"
	})
	for _, f := range r.Findings {
		if broken := f.Args["broken"]; broken != "" && f.Outcome == probe.Healthy {
			out = append(out, t.say("plugin.broken", map[string]string{"hosts": broken}))
		}
	}
	return out
}

// wordsOf words some of the findings, each with what it is about where that is
// not the target itself.
func (t *Text) wordsOf(r probe.CheckReport, which func(probe.Finding) bool) (out []string) {
	for _, f := range r.Findings {
		if !which(f) {
			continue
		}
		text := t.say("finding."+f.Code, t.args(f.Args))
		if f.Target != "" && f.Target != r.Target {
			text = Safe(f.Target) + t.say("label.colon", nil) + text
		}
		out = append(out, text)
	}
	return out
}

// certificateDays is how many days a certificate must still have.
const certificateDays = 14

// badCertificates words the certificates that are bad or end soon. That we
// have nobody to judge one by is no fault of its server.
func (t *Text) badCertificates(r probe.CheckReport) (out []string) {
	for _, s := range r.SMTP {
		days, known := daysLeft(r, s)
		bad := s.TLS != nil && s.TLS.Problem != "" && s.TLS.Problem != smtpcheck.ProblemNoRoots
		if bad || known && days < certificateDays {
			out = append(out, t.encryption(s))
		}
	}
	return out
}

// daysLeft is how many whole days a server's certificate had when it was
// looked at; negative where it had ended.
func daysLeft(r probe.CheckReport, s probe.SMTP) (int, bool) {
	if s.TLS == nil || len(r.Findings) == 0 {
		return 0, false
	}
	until, err := time.Parse(time.RFC3339, s.TLS.NotAfter)
	if err != nil {
		return 0, false
	}
	left := until.Sub(r.Findings[0].Started)
	days := int(left / (24 * time.Hour))
	if left < 0 {
		days--
	}
	return days, true
}

// checkData counts what was asked and answered. A command has the same labels
// in every run, for the graphs that are drawn of them; what is not known is U.
func (p *Plugin) checkData(r probe.CheckReport) []datum {
	took := datum{"time", seconds(elapsed(r.Findings))}
	if p.Check == "ptr" {
		names, confirmed := 0, 0
		if r.PTR != nil {
			names = len(r.PTR.Names)
			for _, n := range r.PTR.Names {
				if n.Confirms {
					confirmed++
				}
			}
		}
		return []datum{{"names", strconv.Itoa(names)}, {"confirmed", strconv.Itoa(confirmed)}, took}
	}
	asked, answered := 0, 0
	for _, f := range r.Findings {
		if f.Check == probe.CheckSMTP && f.Outcome != probe.Skipped {
			asked++
			if f.Outcome == probe.Healthy {
				answered++
			}
		}
	}
	return []datum{{"asked", strconv.Itoa(asked)}, {"answered", strconv.Itoa(answered)}, {"certificate_days", fewestDays(r)}, took}
}

// fewestDays is how long the first certificate to end still has.
func fewestDays(r probe.CheckReport) string {
	var all []int
	for _, s := range r.SMTP {
		if days, known := daysLeft(r, s); known {
			all = append(all, days)
		}
	}
	if len(all) == 0 {
		return "U"
	}
	return fmt.Sprintf("%d;%d:", slices.Min(all), certificateDays)
}

// elapsed is the time from the first look's beginning to the last one's end.
func elapsed(findings []probe.Finding) time.Duration {
	if len(findings) == 0 {
		return 0
	}
	first, last := findings[0].Started, findings[0].Started
	for _, f := range findings {
		if f.Started.Before(first) {
			first = f.Started
		}
		if end := f.Started.Add(time.Duration(f.TookMS) * time.Millisecond); end.After(last) {
			last = end
		}
	}
	return last.Sub(first)
}

// seconds is a time as performance data.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Milliseconds())/1000, 'f', -1, 64) + "s;;;0"
}

// lists judges rbl. Where too few lists answered, a neighbour's listing does
// not hide it.
func (p *Plugin) lists(r probe.ListReport) pluginAnswer {
	t := &Text{Words: p.Words}
	var on, around []string
	var slowest int64
	for _, l := range r.Lists {
		slowest = max(slowest, l.TookMS)
		switch {
		case l.Counts():
			on = append(on, l.Zone)
		case l.Status == rbl.Listed && l.Tier == rbl.Neighbour:
			around = append(around, l.Zone)
		}
	}
	args := map[string]string{
		"target": r.Target, "asked": strconv.Itoa(r.Asked), "answered": strconv.Itoa(r.Answered),
		"listed": strings.Join(on, ", "), "neighbour": strings.Join(around, ", "),
	}
	out := pluginAnswer{target: r.Target, data: []datum{
		{"listed", strconv.Itoa(len(on))}, {"asked", args["asked"]}, {"answered", args["answered"]},
		{"time", seconds(time.Duration(slowest) * time.Millisecond)}, // they are asked at once
	}}
	var answer string
	switch {
	case r.Verdict == rbl.VerdictListed:
		out.status, answer = PluginCritical, t.say("plugin.listed", args)
	case r.Verdict == rbl.VerdictUnknown:
		out.status, answer = PluginUnknown, t.listAnswer(r)
	case len(around) > 0:
		out.status, answer = PluginWarning, t.say("plugin.neighbour", args)
	default:
		answer = t.listAnswer(r)
	}
	var reasons []string
	for _, n := range r.Notes {
		reasons = append(reasons, t.say("limit."+n.Code, n.Args))
	}
	out.text = sentence(answer, reasons)
	return out
}
