package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"diagnose/classify/bounce"
	"diagnose/probe"
	"diagnose/rbl"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var pageStyle string

// maxSections bounds a page, and the memory that it takes: what comes after
// is in the summary only.
const maxSections = 200

// HTML writes reports as one page: for one failure the way of the message, a
// mark where it ended, and what the text says; for many a summary first. The
// page needs nothing from outside, runs no script, and its policy forbids both,
// whatever a bounce may have put into it. It is written by Close.
type HTML struct {
	Out   io.Writer
	Words *Words

	sections []section
	met      *Text // the terms of the sections
	failures int
	counts   map[string]map[string]int // of failures, by a chart's key and a row's name
}

// section is one report on the page.
type section struct {
	ID, Title, Verdict, VerdictName string
	Of                              string // whom it is about, where the title does not say so
	Facts                           []fact // the answer
	Said                            []fact // by the mail, and what was made of it
	Path                            []node
	Advice                          []todo
	Findings                        []seenRow
	Asides                          []aside
	Plain                           string // the text, for what has no picture
}

type fact struct{ Label, Value string }

type todo struct {
	Who   string
	Lines []string
}

type seenRow struct {
	Outcome, OutcomeName, Step, Target, Words, Took string
	More                                            []string
}

type aside struct {
	Title string
	Lines []string
}

// node is a station on the way of a message.
type node struct{ State, StateName, Name, Detail string }

// chart is a count of failures by one of their sides.
type chart struct {
	Title string
	Bars  []bar
}

type bar struct {
	Name  string
	Count int
	Width int // of 100
}

// Write takes a report in.
func (h *HTML) Write(v any) error {
	r, ok := v.(probe.Report)
	counted := ok && isFailure(r)
	if counted {
		h.count(r)
	}
	if len(h.sections) >= maxSections {
		return nil
	}
	s, err := h.plain(v), error(nil)
	if counted {
		s = h.section(r)
	}
	s.ID = "r" + strconv.Itoa(len(h.sections)+1)
	h.meet(s)
	h.sections = append(h.sections, s)
	return err
}

// Close writes the page.
func (h *HTML) Close() error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"say": func(key string) string { return h.say(key, nil) },
	}).Parse(pageTemplate)
	if err != nil {
		return fmt.Errorf("the page's template: %w", err)
	}
	sum := sha256.Sum256([]byte(pageStyle))
	title := h.say("html.title", nil)
	if len(h.sections) == 1 {
		title = h.sections[0].Title
	}
	var page bytes.Buffer
	err = t.Execute(&page, map[string]any{
		"Lang": h.Words.Lang, "Title": title,
		"Style":    template.CSS(pageStyle),
		"Policy":   "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		"Charts":   h.charts(),
		"Sections": h.sections,
		"Many":     len(h.sections) > 1,
		"Total":    h.say("html.total", map[string]string{"failures": strconv.Itoa(h.failures)}),
		"More":     h.more(),
		"Terms":    h.terms(),
	})
	if err != nil {
		return err
	}
	_, err = h.Out.Write(page.Bytes())
	return err
}

// meet notes the terms that a section uses, to explain them once below.
func (h *HTML) meet(s section) {
	if h.met == nil {
		h.met = h.text()
	}
	h.met.meet(s.Title)
	for _, f := range slices.Concat(s.Facts, s.Said) {
		h.met.meet(f.Value)
	}
	for _, a := range s.Advice {
		h.met.meet(strings.Join(a.Lines, " "))
	}
	for _, f := range s.Findings {
		h.met.meet(f.Step + " " + f.Words)
	}
	for _, n := range s.Path {
		h.met.meet(n.Name)
	}
}

func (h *HTML) terms() (rows []fact) {
	if h.met == nil {
		return nil
	}
	slices.Sort(h.met.terms)
	for _, key := range h.met.terms {
		term, meaning := h.met.term(key)
		rows = append(rows, fact{term, meaning})
	}
	return rows
}

func (h *HTML) say(key string, args map[string]string) string { return h.Words.Say(key, args) }

func (h *HTML) more() string {
	if h.failures <= maxSections {
		return ""
	}
	return h.say("html.more", map[string]string{"failures": strconv.Itoa(h.failures), "shown": strconv.Itoa(maxSections)})
}

// text has the words that the text report uses for the same things.
func (h *HTML) text() *Text { return &Text{Words: h.Words} }

// plain is what a command other than the main one found, as its text.
func (h *HTML) plain(v any) section {
	var out strings.Builder
	t := &Text{Out: &out, Words: h.Words}
	if err := t.Write(v); err != nil {
		return section{Title: err.Error()}
	}
	title, rest, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
	return section{Title: title, Plain: rest}
}

func (h *HTML) section(r probe.Report) section {
	t := h.text()
	args := facts(r)
	s := section{Title: capital(t.what(r)), Path: h.path(r)}
	if v := r.Verification; v != nil {
		s.Verdict, s.VerdictName = string(v.Verdict), h.say("verdict."+string(v.Verdict), nil)
		if v.Verdict == probe.Contradicted {
			args["other"] = h.say("category."+v.Category.Slug(), args)
		}
		s.fact(h.say("label.now", nil), h.say("verdict-means."+string(v.Verdict), args))
		s.fact(h.say("label.proof", nil), t.proof(v))
	}
	s.fact(h.say("label.party", nil), t.party(r))
	for _, a := range r.Advice {
		s.Advice = append(s.Advice, todo{t.who(a.Party), strings.Split(h.say("advice."+a.Code, a.Args), "\n")})
	}
	if s.Of = Safe(r.Failure.Recipient); strings.Contains(s.Title, s.Of) {
		s.Of = ""
	}
	s.Said = h.said(r)
	h.observed(&s, r)
	return s
}

func (s *section) fact(label, value string) {
	if value != "" {
		s.Facts = append(s.Facts, fact{label, value})
	}
}

// said is what the mail says, and what it was taken for.
func (h *HTML) said(r probe.Report) (rows []fact) {
	f, quote := r.Failure, "label.said"
	if f.Reply.Text == "" {
		quote = "label.reported"
	}
	sentTo := f.OriginalRecipient
	if sentTo == f.Recipient {
		sentTo = ""
	}
	for _, row := range []fact{
		{"label.recipient", f.Recipient}, {"html.sent-to", sentTo}, {quote, first(f.Reply.Text, f.Text)},
		{"label.why", h.text().why(r.Classification)}, {"label.reference", r.Classification.Reference}, {"label.source", r.Source.Name},
	} {
		if row.Value != "" {
			rows = append(rows, fact{h.say(row.Label, nil), Safe(row.Value)})
		}
	}
	return rows
}

// observed adds what was looked at, what bounds the verdict, and what else was
// seen.
func (h *HTML) observed(s *section, r probe.Report) {
	t := h.text()
	if v := r.Verification; v != nil {
		for _, f := range once(v.Findings) {
			row := seenRow{
				Outcome: string(f.Outcome), OutcomeName: h.say("outcome."+string(f.Outcome), nil), Step: h.say("step."+f.Step, nil),
				Target: Safe(f.Target), Words: h.say("finding."+f.Code, t.args(f.Args)),
			}
			if f.Outcome != probe.Skipped {
				row.Took = fmt.Sprintf("%d ms", f.TookMS)
			}
			for _, l := range f.Lists {
				if f.Step == probe.StepLists && (l.Status == rbl.Listed || l.Status == rbl.AllowListed) {
					row.More = append(row.More, t.listWords(l))
				}
			}
			s.Findings = append(s.Findings, row)
		}
		s.aside(h.say("label.limits", nil), t.seenLines("limit.", v.Limits))
		s.aside(h.say("label.also", nil), t.seenLines("also.", v.AlsoSeen))
	}
	notes := make([]string, len(r.Notes))
	for i, n := range r.Notes {
		notes[i] = h.say("note."+n.Code, n.Args)
	}
	s.aside(h.say("html.notes", nil), notes)
}

func (s *section) aside(title string, lines []string) {
	if len(lines) > 0 {
		s.Asides = append(s.Asides, aside{title, lines})
	}
}

// path draws the way of the message: you, our server, the DNS, their server,
// the mailbox.
func (h *HTML) path(r probe.Report) []node {
	if r.Kind == bounce.KindBackscatter {
		return nil
	}
	f, args := r.Failure, facts(r)
	names := []node{
		{Name: h.say("html.you", nil), Detail: f.Sender},
		{Name: h.say("html.ours", nil), Detail: first(f.ReportingHost, args["ip"])},
		{Name: h.say("html.dns", nil), Detail: args["domain"]},
		{Name: h.say("html.theirs", nil), Detail: args["host"]},
		{Name: h.say("html.mailbox", nil), Detail: f.Recipient},
	}
	if strings.HasSuffix(names[1].Detail, args["domain"]) && args["domain"] != "" {
		names[1].Detail = args["ip"] // the bounce is theirs: its writer is not our server
	}
	broken := brokenAt(r)
	for i := range names {
		n := &names[i]
		n.Detail = Safe(n.Detail)
		switch {
		case broken < 0:
			n.State = "unknown"
		case i < broken:
			n.State = "passed"
		case i > broken:
			n.State = "beyond"
		case r.Kind == bounce.KindDelay:
			n.State = "waits"
		case r.Verification != nil && r.Verification.Verdict == probe.Cleared:
			n.State = "mended"
		default:
			n.State = "broken"
		}
		n.StateName = h.say("html.state-"+n.State, nil)
	}
	return names
}

// brokenAt is the station where the message ended, counted from 0; -1 where
// that is not known.
func brokenAt(r probe.Report) int {
	const ours, dns, theirs, mailbox = 1, 2, 3, 4
	switch slug(r) {
	case "unknown":
		if r.Failure.Reply.Text == "" {
			return -1
		}
		return theirs
	case "dns-failure":
		return dns
	case "unknown-recipient", "mailbox-disabled", "mailbox-full":
		return mailbox
	case "connection-failed":
		if r.Party == probe.PartyOurServer {
			return ours
		}
	}
	if r.Failure.Stage == bounce.StageLocal {
		return ours
	}
	return theirs
}

// count adds a failure to the summary.
func (h *HTML) count(r probe.Report) {
	h.failures++
	if h.counts == nil {
		h.counts = map[string]map[string]int{}
	}
	add := func(chart, name string) {
		if name == "" {
			return
		}
		if h.counts[chart] == nil {
			h.counts[chart] = map[string]int{}
		}
		if _, known := h.counts[chart][name]; !known && len(h.counts[chart]) >= maxNames {
			name = h.say("html.others", nil)
		}
		h.counts[chart][name]++
	}
	add("html.by-cause", h.say("name."+slug(r), nil))
	add("html.by-party", h.party(r))
	if v := r.Verification; v != nil {
		add("html.by-verdict", h.say("verdict."+string(v.Verdict), nil))
	}
	add("html.by-provider", Safe(r.Classification.Provider))
	domain := facts(r)["domain"]
	add("html.by-domain", Safe(first(strings.ToLower(domain), r.Failure.Remote.Host)))
	if when := first(facts(r)["bounced"], r.Failure.Original.Date); len(when) >= len("2006-01-02") {
		add("html.by-day", when[:len("2006-01-02")])
	}
}

// party is who has to act, in a word.
func (h *HTML) party(r probe.Report) string {
	switch who := actor(r); who {
	case "nobody", string(probe.PartyUnknown):
		return h.say("html.party-"+who, nil)
	default:
		return h.say("party-short."+who, nil)
	}
}

const (
	maxNames = 10_000 // kept of one chart while counting
	maxBars  = 12     // drawn of one
	maxDays  = 31     // drawn of the time, else months, else years
)

// calendar counts days, or where they are too many, months or years.
func calendar(days map[string]int) map[string]int {
	for _, length := range []int{len("2006-01-02"), len("2006-01"), len("2006")} {
		counts := map[string]int{}
		for day, n := range days {
			counts[day[:min(len(day), length)]] += n
		}
		if days = counts; len(counts) <= maxDays {
			break
		}
	}
	return days
}

// charts are those of the summary, the largest bars first, days in their
// order. A chart of one bar tells nothing that the total does not.
func (h *HTML) charts() (out []chart) {
	if h.failures < 2 {
		return nil
	}
	for _, key := range []string{"html.by-cause", "html.by-party", "html.by-verdict", "html.by-provider", "html.by-domain", "html.by-day"} {
		counts := h.counts[key]
		if key == "html.by-day" {
			counts = calendar(counts)
		}
		if len(counts) < 2 {
			continue
		}
		bars := make([]bar, 0, len(counts))
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			bars = append(bars, bar{Name: name, Count: counts[name]})
		}
		most := 0
		for _, b := range bars {
			most = max(most, b.Count)
		}
		if key != "html.by-day" {
			slices.SortStableFunc(bars, func(a, b bar) int { return cmp.Compare(b.Count, a.Count) })
			bars = h.largest(bars)
		}
		for i := range bars {
			bars[i].Width = max(1, min(100, bars[i].Count*100/most))
		}
		out = append(out, chart{h.say(key, nil), bars})
	}
	return out
}

// largest keeps the first bars, and makes one of the others.
func (h *HTML) largest(bars []bar) []bar {
	if len(bars) <= maxBars {
		return bars
	}
	rest := bar{Name: h.say("html.others", nil)}
	for _, b := range bars[maxBars-1:] {
		rest.Count += b.Count
	}
	return append(bars[:maxBars-1:maxBars-1], rest)
}
