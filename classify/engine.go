package classify

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"diagnose/classify/bounce"
)

// trial is the working memory of one classification.
type trial struct {
	masked, raw hits
	awake       []int32
	matches     []match
	zone        string
	kind        listKind
}

// question is all of a failure that its classification depends on.
type question struct {
	reply     bounce.Reply
	text      string
	stage     bounce.Stage
	temporary bool
	sender    string // domain, in lower case
	recipient string // domain, in lower case
	remote    string // host, in lower case
}

func ask(f *bounce.Failure) question {
	return question{
		reply: f.Reply, text: f.Text, stage: f.Stage, temporary: f.Temporary(),
		sender: domain(f.Sender), recipient: domain(f.Recipient), remote: strings.ToLower(f.Remote.Name),
	}
}

// Classify names the reason for a failure. Every input has an answer; Unknown
// is one. It reads the reply first, and the report's own words only where the
// reply has none that a rule knows.
func (c *Classifier) Classify(f bounce.Failure) Classification {
	q := ask(&f)
	known, again := c.memory.recall(&q)
	switch {
	case known != nil:
		return known.copy()
	case !again:
		return c.classify(&q)
	}
	known = &answer{question: q.clone()}
	known.Classification = c.classify(&known.question)
	c.memory.keep(known)
	return known.copy()
}

func (c *Classifier) classify(q *question) Classification {
	t, ok := c.scratch.Get().(*trial)
	if !ok {
		t = new(trial)
	}
	defer c.scratch.Put(t)
	t.matches, t.zone, t.kind = t.matches[:0], "", ""

	c.judge(t, q, q.reply.Text, true)
	if q.text != q.reply.Text && !slices.ContainsFunc(t.matches, func(m match) bool { return m.rank >= firmStatusRank }) {
		c.judge(t, q, q.text, false)
	}
	c.judgeStatus(t, q.reply.Status)
	c.judgeCode(t, q)
	slices.SortFunc(t.matches, func(a, b match) int { return a.before(&b) })
	return t.verdict()
}

// judge finds the rules that a text satisfies.
func (c *Classifier) judge(t *trial, q *question, text string, fromReply bool) {
	if text == "" {
		return
	}
	s := c.sheets.get(text)
	defer c.sheets.put(s)
	c.masked.scan(s.words.text, &t.masked)
	c.raw.scan(s.plain.text, &t.raw)
	t.wake(c)
	v := view{sheet: s, question: q, fromReply: fromReply}
	found, settled := len(t.matches), false
	for _, i := range t.awake {
		r := &c.rules[i]
		if settled && r.rank <= hintRank {
			break // what is vague neither wins beside clear words nor is their rival
		}
		if m, ok := v.try(c, t, r); ok {
			m.order = int(i)
			settled = settled || m.rank > firmStatusRank
			t.matches = append(t.matches, m)
		}
	}
	if t.zone == "" && slices.ContainsFunc(t.matches[found:], func(m match) bool { return m.category.listed() }) {
		t.zone, t.kind = c.list(s, &t.raw, q)
	}
}

// listed says whether a list can be the cause.
func (c Category) listed() bool { return c == Blocklisted || c == Rejected }

// wake gathers the rules whose literals were found, each once and in order.
func (t *trial) wake(c *Classifier) {
	t.awake = c.raw.wake(&t.raw, c.masked.wake(&t.masked, t.awake[:0]))
	slices.Sort(t.awake)
	t.awake = slices.Compact(t.awake)
}

// view is a text with what is known of the failure that it speaks of.
type view struct {
	*sheet
	*question
	fromReply bool
}

// fromRemote says whether the text is an SMTP reply: only a code proves that.
func (v *view) fromRemote() bool { return v.fromReply && v.reply.Code != 0 }

// try asks one rule.
func (v *view) try(c *Classifier, t *trial, r *rule) (match, bool) {
	if !v.applies(r) {
		return match{}, false
	}
	text, x, h := &v.words, &c.masked, &t.masked
	if r.Raw {
		text, x, h = &v.plain, &c.raw, &t.raw
	}
	i, j, ok := r.find(x, h, text.text)
	if !ok {
		return match{}, false
	}
	quote := text.quote(v.original, i, j)
	if !v.names(r.Names, quote) {
		return match{}, false
	}
	from := FromBody
	if v.fromReply {
		from = FromReply
	}
	return match{category: r.category, rivals: r.rivals, rank: r.rank, remote: v.fromReply,
		segment: segments(text.text[:i]), confidence: r.Confidence, rule: r, id: r.ID, quote: quote, from: from}, true
}

// applies checks the conditions of a rule that are not about its text.
func (v *view) applies(r *rule) bool {
	return (r.Speaker == "" || (r.Speaker == "remote") == v.fromRemote()) &&
		(r.Temporary == nil || *r.Temporary == v.temporary) &&
		(len(r.Stages) == 0 || slices.Contains(r.Stages, v.stage)) &&
		(len(r.Codes) == 0 || beginsOne(r.Codes, strconv.Itoa(v.reply.Code))) &&
		(len(r.Statuses) == 0 || slices.ContainsFunc(r.Statuses, func(s string) bool { return sameStatus(s, v.reply.Status) })) &&
		(len(r.Remote) == 0 || endsOne(r.Remote, v.remote) || endsOne(r.Remote, v.recipient))
}

func beginsOne(prefixes []string, s string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

func endsOne(suffixes []string, host string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool {
		return host == s || strings.HasSuffix(host, "."+s)
	})
}

// sameStatus compares a status with one whose class may be "x".
func sameStatus(want, got string) bool {
	return want == got || strings.HasPrefix(want, "x.") && len(got) > 1 && want[1:] == got[1:]
}

// names says whether the quote holds the domain of the one who is asked for.
func (v *view) names(who, quote string) bool {
	var d string
	switch who {
	case "":
		return true
	case "sender":
		d = v.sender
	case "recipient":
		d = v.recipient
	}
	return d != "" && strings.Contains(strings.ToLower(quote), d)
}

func domain(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// find says where the rule's words stand: the match of its pattern, else its
// longest literal.
func (r *rule) find(x *index, h *hits, text []byte) (i, j int, ok bool) {
	found := func(l int32) bool { return h.last[l] > 0 }
	missing := func(l int32) bool { return h.last[l] == 0 }
	if slices.ContainsFunc(r.none, found) || slices.ContainsFunc(r.all, missing) {
		return 0, 0, false
	}
	literals := r.any
	if len(literals) == 0 {
		literals = r.all
	}
	i, j, ok = x.longest(literals, h)
	if !ok || r.Pattern == "" {
		return i, j, ok
	}
	p := r.pattern.get()
	if p == nil {
		return 0, 0, false
	}
	return p.find(text)
}

// segments counts the replies that begin in text: a chain of servers quotes
// one reply within the other, and the last one knows best.
func segments(text []byte) int {
	n := bytes.Count(text, []byte("said:"))
	for i := 0; i+4 < len(text); i++ {
		if isReplyCode(text[i+1:]) && !isAlnum(text[i]) && text[i] != '.' && text[i] != '-' {
			n++
		}
	}
	return n
}

// isReplyCode says whether b starts with a refusal's code and a blank or "-".
func isReplyCode(b []byte) bool {
	return len(b) > 3 && (b[0] == '4' || b[0] == '5') && b[1] <= '5' && isDigit(b[1]) && isDigit(b[2]) &&
		(b[3] == ' ' || b[3] == '-')
}

// judgeStatus lets the enhanced status speak.
func (c *Classifier) judgeStatus(t *trial, status string) {
	s := c.status(status)
	if s == nil || s.category == Unknown {
		return
	}
	rank := looseStatusRank
	if s.Firm {
		rank = firmStatusRank
		for i := range t.matches {
			t.matches[i].confirmed = t.matches[i].category == s.category
		}
	}
	t.matches = append(t.matches, match{category: s.category, rivals: s.rivals, rank: rank,
		remote: true, confidence: Weak, id: s.id, quote: status, from: FromStatus})
}

// judgeCode lets the reply code speak. A code that tells nothing still names
// what it could be.
func (c *Classifier) judgeCode(t *trial, q *question) {
	m := c.code(q.reply.Code, q.stage)
	if m == nil {
		return
	}
	t.matches = append(t.matches, match{category: m.category, rivals: m.rivals, rank: codeRank,
		remote: true, confidence: Weak, id: m.id, quote: m.quote, from: FromCode})
}
