package report

import (
	"strconv"
	"strings"

	"diagnose/probe"
)

// server writes what is known of our own server: what to fix, the most urgent
// first, then what could not be told, then all that was looked at.
func (t *Text) server(r probe.CheckReport) error {
	t.hang("", t.serverAnswer(r), ofOutcome(r.Outcome))
	for i, task := range r.Server.Tasks {
		t.task(strconv.Itoa(i+1)+". "+t.say("urgency."+string(task.Urgency), nil)+t.say("label.colon", nil), task)
	}
	if len(r.Server.Unknown) > 0 {
		t.heading("label.unknown", nil)
		for _, task := range r.Server.Unknown {
			t.task("", task)
		}
	}
	t.heading("label.looked", nil)
	for _, a := range r.Server.Addresses {
		t.hang("  "+t.say("label.addresses", nil)+t.say("label.colon", nil),
			t.say("label.address", map[string]string{"ip": a.IP.String(), "by": t.say("address-by."+string(a.By), nil)}), plain)
	}
	t.table(r.Findings)
	return t.flush()
}

func (t *Text) serverAnswer(r probe.CheckReport) string {
	args := map[string]string{
		"target": r.Target, "tasks": strconv.Itoa(len(r.Server.Tasks)), "unknown": strconv.Itoa(len(r.Server.Unknown)),
		"looks": strconv.Itoa(len(r.Findings)),
	}
	if len(r.Server.Tasks) > 0 {
		args["first"] = t.taskWords(r.Server.Tasks[0])
	}
	return t.say("check.server."+string(r.Outcome), args)
}

// task writes a fault and, below it, what to do.
func (t *Text) task(label string, task probe.Task) {
	t.hang("  "+t.Colours.paint(heading, label), t.taskWords(task), plain)
	if task.Advice != nil {
		t.todo("     ", *task.Advice)
	}
}

// taskWords word a fault, with what it is about where its sentence does not
// say so.
func (t *Text) taskWords(task probe.Task) string {
	words := t.say("finding."+task.Code, t.args(task.Args))
	about := Safe(task.Target)
	if host, _ := probe.HostPort(task.Target); !strings.Contains(words, about) && !strings.Contains(words, Safe(host)) {
		return about + t.say("label.colon", nil) + words
	}
	return words
}
