package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/cmd/report"
	"diagnose/probe"
)

func newProgress(t *testing.T, out *bytes.Buffer, columns int) *progress {
	w, err := report.Load("en")
	if err != nil {
		t.Fatal(err)
	}
	return &progress{out: out, words: func() *report.Words { return w }, columns: columns}
}

func TestProgressIsForSlowRunsAndLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stderr bytes.Buffer
		p := newProgress(t, &stderr, 80)
		mx := probe.Progress{Step: probe.StepMX, Target: "example.net"}
		p.see(mx)
		mx.Ended = true
		p.see(mx)
		time.Sleep(time.Second)
		if stderr.Len() > 0 {
			t.Errorf("a quick run shows %q", stderr.String())
		}
		smtp, lists := probe.Progress{Step: probe.StepSMTP, Target: "mx.\x1bexample.net"}, probe.Progress{Step: probe.StepLists, Target: "192.0.2.25"}
		p.see(smtp)
		p.see(lists)
		time.Sleep(time.Second) // nothing happens, and it shows all the same
		synctest.Wait()
		lists.Done, lists.Of = 12, 18
		p.see(lists)
		late := lists
		late.Done = 11
		p.see(late)
		smtp.Ended, lists.Ended = true, true
		p.see(smtp)
		p.see(lists)
		want := []string{
			"", "0 done; now: SMTP mx.\\x1bexample.net, block lists 192.0.2.25",
			"0 done; now: SMTP mx.\\x1bexample.net, block lists 12/18",
			"0 done; now: SMTP mx.\\x1bexample.net, block lists 12/18",
			"1 done; now: block lists 12/18", "",
		}
		if got := strings.Split(stderr.String(), eraseLine); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestProgressGivesWayToTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		p := newProgress(t, &terminal, 30)
		out := p.before(&terminal)
		smtp := probe.Progress{Step: probe.StepSMTP, Target: strings.Repeat("long.", 20)}
		p.see(smtp)
		time.Sleep(quick)
		synctest.Wait()
		if _, err := out.Write([]byte("report\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte("more\n")); err != nil {
			t.Fatal(err)
		}
		smtp.Ended = true
		p.see(smtp)
		if got, want := terminal.String(), eraseLine+"0 done; now: SMTP long.lon..."+eraseLine+"report\nmore\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
