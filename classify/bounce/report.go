package bounce

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// readMessage reads one message, up to its end in l, into the memory of the one
// before.
func (r *reader) readMessage(l *lines) *Report {
	var known *memories
	if r.lines != nil { // the first message has nothing to gain
		known = r.memory.get()
	}
	*r = reader{lines: l, rep: &Report{}, texts: r.texts[:0], bounds: r.bounds[:0], inside: r.inside[:0], others: r.others[:0], dsn: dsn{groups: r.dsn.groups[:0]}, top: true, memory: r.memory, known: known}
	if l.arena = l.arena[:0]; cap(l.arena) == 0 {
		l.arena = make(header, 0, 256)
	}
	for r.next() { // empty lines before the header
		if len(r.lines.text) > 0 {
			r.back()
			break
		}
	}
	r.header, _, _, _ = r.readHeader()
	r.top = false
	if !r.header.has(keyContentType) {
		r.header = append(r.header, undeclared(l.peek(sniffed))...)
	}
	r.entity(r.header, 0)
	r.finish(false)
	r.giveOthers()
	if l.cut {
		r.note("input.truncated", "bytes", strconv.Itoa(maxMessage))
	}
	return r.rep
}

func (r *reader) note(code, key, value string) {
	r.rep.Notes = append(r.rep.Notes, Note{Code: code, Args: map[string]string{key: value}})
}

// finish makes the report of what the walk has kept.
func (r *reader) finish(pasted bool) {
	rep := r.rep
	rep.Subject = clip(r.header.text(keySubject), maxSubject)
	rep.Date = parseDate(r.header.get(keyDate))
	notice := r.notice()
	switch {
	case r.readNotification(notice):
		return
	case r.isFeedback(notice):
		rep.Kind = KindFeedbackReport
		return
	}
	r.dsn.flush()
	if pasted && len(r.dsn.groups) == 0 && isAway(notice) {
		rep.Kind = KindAutoReply
		return
	}
	if !pasted && len(r.dsn.groups) == 0 && !isSigned(r.header, rep.Subject) {
		rep.Kind = KindNotABounce
		if r.isAutoReply() {
			rep.Kind = KindAutoReply
			return
		}
		if notice = r.quoted(notice); notice == "" {
			r.reportInside()
			return
		}
	} else if hasLine(notice, "> ") {
		if inner := unquote(notice); reads(inner) {
			notice = inner
		}
	}
	p := r.prose(notice)
	rep.Failures = r.failures(p)
	if len(rep.Failures) == 0 {
		if rep.Kind = KindNotABounce; r.isAutoReply() {
			rep.Kind = KindAutoReply
		}
		return
	}
	r.dsn.more += p.more
	r.conclude(p, notice, pasted)
}

// conclude fills in what is common to all failures.
func (r *reader) conclude(p *prose, notice string, pasted bool) {
	rep := r.rep
	_, host := typed(r.dsn.reporting)
	if rep.ReportingHost = parseHost(host).Name; rep.ReportingHost == "" {
		rep.ReportingHost = p.host
	}
	if p.size > 0 {
		rep.Original.Size = p.size
	}
	if rep.Date.IsZero() {
		rep.Date = r.dsn.date()
	}
	// What did not come back the server has perhaps written down.
	rep.Original.EnvelopeSender = cmp.Or(rep.Original.EnvelopeSender, typedAddress(r.dsn.sender))
	if rep.Original.Date.IsZero() {
		rep.Original.Date = r.dsn.date()
	}
	untold := Action("") // what it is where no field tells
	failed, delayed := false, false
	for i := range rep.Failures {
		f := &rep.Failures[i]
		f.Sender = rep.Original.EnvelopeSender
		if f.Action == "" {
			if untold == "" {
				untold = actionTold(rep.Subject, notice)
			}
			f.Action = untold
		}
		kind := kindOf(f.Action)
		failed, delayed = failed || kind == KindBounce, delayed || kind == KindDelay
	}
	switch {
	case pasted && len(r.dsn.groups) == 0 && (failed || !delayed):
		rep.Kind = KindFragment
	case failed:
		rep.Kind = KindBounce
	case delayed:
		rep.Kind = KindDelay
	default:
		rep.Kind = KindDelivered
	}
	if r.dsn.more > 0 {
		r.note("failures.capped", "more", strconv.Itoa(r.dsn.more))
	}
}

// signedHost is the host by which a server without Reporting-MTA signs.
func signedHost(notice string) string {
	head := notice[:min(len(notice), 1000)]
	for i, w := signatures.find(head, 0); i >= 0; i, w = signatures.find(head, i+1) {
		if name := cleanHost(firstWord(head[i+len(signatures.words[w]):])); strings.Contains(name, ".") {
			return name
		}
	}
	return ""
}

var signatures = newPhrases("mail system at host ", "program at ", "mail server on ")

// notice is the text for people, without the original that may follow it, and
// without the delivery status that some put into it.
func (r *reader) notice() string {
	var all []string
	for _, html := range []bool{false, true} {
		for _, t := range r.texts {
			if t.html == html {
				all = append(all, r.noticeOf(t))
			}
		}
		if joined := strings.TrimSpace(strings.Join(all, "\n\n")); joined != "" {
			return joined
		}
	}
	return ""
}

func (r *reader) noticeOf(t *text) string {
	d := t.divide()
	if d == nil {
		body := r.embeddedStatus(t.plain())
		copied, _ := survey(body)
		d = divide(body, copied)
	}
	if len(d.original) > 0 && r.original == nil {
		r.setOriginal(d.original)
		r.rep.Original.Size = d.size + t.extra
		r.rep.Original.Complete = d.complete || t.extra > 0
	}
	return d.notice
}

// plain is a text without markup, its newlines and spaces made one.
func (t *text) plain() string {
	body := t.body
	if t.html {
		body = plainText(body)
	}
	return normalize(body)
}

// division is a text divided into the notice and the original that follows it.
type division struct {
	notice   string
	original header
	size     int64 // of the original, as far as it was kept
	complete bool  // more than its header
}

// divide is nil for a text that has more in it, a delivery status.
func (t *text) divide() *division {
	if t.divided == nil {
		body := t.plain()
		if copied, status := survey(body); !status {
			t.divided = divide(body, copied)
		}
	}
	return t.divided
}

// divide divides a text where it is known what announces the original.
func divide(body string, copied int) *division {
	notice, original := cutAt(body, copied)
	d := &division{notice: notice}
	if original = headed(original); original != "" {
		var rest string
		d.original, rest = parseHeader(dedent(original))
		d.size, d.complete = int64(len(original)), strings.TrimSpace(rest) != ""
	}
	return d
}

// headed takes the rest of its heading off an original: rules, empty lines, and
// the lines in which Exim tells how much of it came back.
func headed(original string) string {
	for original != "" {
		line, rest := cutLine(original)
		if words := strings.TrimSpace(line); words != "" && words[0] != '-' && words[0] != '=' {
			break
		}
		original = rest
	}
	return original
}

var (
	spaces = []string{"\u00a0", "\u3000", "\u200b", "\ufeff"}
	spaced = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u00a0", " ", "\u3000", " ", "\u200b", "", "\ufeff", "")
)

// normalize makes every newline one, and every space that looks like one.
func normalize(s string) string {
	high := s[ascii(s):]
	if strings.IndexByte(s, '\r') >= 0 || high != "" && slices.ContainsFunc(spaces, func(space string) bool { return strings.Contains(high, space) }) {
		return spaced.Replace(s)
	}
	return s
}

// dedent takes the indentation of the first line off all lines.
func dedent(s string) string {
	n := len(s) - len(strings.TrimLeft(s, " \t"))
	if n == 0 {
		return s
	}
	indent := s[:n]
	return strings.ReplaceAll(s[n:], "\n"+indent, "\n")
}

// embeddedStatus reads delivery status groups that stand in a text, and gives
// the text without them.
func (r *reader) embeddedStatus(body string) string {
	start := lineWith(body, recipientField)
	if start < 0 || !isField([]byte(body[start:min(len(body), start+20)])) {
		return body
	}
	for _, first := range []string{"reporting-mta:", "action:"} {
		if i := lineWith(body[:start], first); i >= 0 {
			start = i
		}
	}
	if len(r.dsn.groups) > 0 {
		return body[:start]
	}
	rest := body[start:]
	for rest != "" {
		line, after := cutLine(rest)
		if isTrace(line) || announcesCopy(line) {
			break
		}
		r.dsn.line([]byte(line), &r.store)
		rest = after
	}
	r.dsn.flush()
	return body[:start] + "\n" + rest
}

const recipientField = "final-recipient"

// lineWith is where the first line begins that begins with prefix, which is in
// lower case; -1 where there is none.
func lineWith(s, prefix string) int {
	for pos := 0; pos < len(s); {
		if hasPrefixFold(s[pos:], prefix) {
			return pos
		}
		i := strings.IndexByte(s[pos:], '\n')
		if i < 0 {
			break
		}
		pos += i + 1
	}
	return -1
}

// failures joins what the machine-readable part says with what the words say.
func (r *reader) failures(p *prose) []Failure {
	var all []Failure
	for _, g := range r.dsn.groups {
		f := r.complete(g.failure(r.known), p)
		if g.diagnostic == "" && f.Reply.Code == 0 { // the comment of a status is not all that is told
			f.Text = r.toldOf(f, p)
		}
		all = append(all, f)
	}
	if len(all) > 0 {
		return all
	}
	named := addresses(r.header.get(keyXFailedRecipients))
	if !p.listed && len(named) > 0 && !sameAddress(p.failures, named) {
		whole := p.whole()
		for _, addr := range named {
			f := whole
			f.Recipient = addr
			all = append(all, f)
		}
		return all
	}
	all = slices.Clone(p.failures)
	if len(all) == 1 && !isAddress(all[0].Recipient) {
		all[0].Recipient = cmp.Or(r.soleRecipient(), all[0].Recipient)
	}
	if len(all) > 1 || len(all) == 1 && (all[0].Reply.Text != "" || !p.replies()) {
		return all
	}
	f := p.whole()
	switch {
	case len(all) == 1 && f.Reply.Code >= 400:
		f.Recipient, f.OriginalRecipient = all[0].Recipient, all[0].OriginalRecipient
		f.setRemote(all[0].Remote)
		all[0] = f
	case len(all) == 0 && (f.Reply.Text != "" || f.Text != ""):
		if f.Recipient = replyRecipient(f.Reply.Text); f.Recipient == "" || r.isOwn(f.Recipient) {
			f.Recipient = r.soleRecipient()
		}
		all = []Failure{f}
	}
	return all
}

// toldOf is the text of a failure with all that the words say of it.
func (r *reader) toldOf(f Failure, p *prose) string {
	for _, w := range p.failures {
		if strings.EqualFold(w.Recipient, f.Recipient) && !strings.Contains(w.Text, f.Text) {
			return clip(f.Text+" "+w.Text, maxValue)
		} else if strings.EqualFold(w.Recipient, f.Recipient) {
			return w.Text
		}
	}
	return f.Text
}

// soleRecipient is the recipient of the original where it has only one.
func (r *reader) soleRecipient() string {
	if r.rep.Original.Recipients != 1 {
		return ""
	}
	return mailbox(r.original.text(keyTo) + r.original.text(keyCc))
}

func sameAddress(fs []Failure, named []string) bool {
	for _, f := range fs {
		for _, addr := range named {
			if strings.EqualFold(f.Recipient, addr) || strings.EqualFold(f.OriginalRecipient, addr) {
				return true
			}
		}
	}
	return false
}

// addresses are all the addresses in a list.
func addresses(s string) (all []string) {
	for i := 0; len(all) < maxFailures; {
		start, end := nextAddress(s, i)
		if end == 0 {
			break
		}
		all = append(all, s[start:end])
		i = end
	}
	return all
}

// complete adds to a failure of the delivery status what only the words tell:
// the stage, the address of the remote, and the reply where the status has
// none.
func (r *reader) complete(f Failure, p *prose) Failure {
	var words Failure
	if len(r.dsn.groups) == 1 {
		if len(p.failures) == 1 {
			words = p.failures[0]
		} else if f.Reply.Code == 0 {
			words = p.whole()
		}
	}
	for _, w := range p.failures {
		if strings.EqualFold(w.Recipient, f.Recipient) || strings.EqualFold(w.Recipient, f.OriginalRecipient) {
			words = w
			break
		}
	}
	if !isAddress(f.Recipient) { // the words may have it; Exim reports a file or a program
		switch {
		case isAddress(words.Recipient):
			f.Recipient = words.Recipient
		case isAddress(f.OriginalRecipient):
			f.Recipient, f.OriginalRecipient = f.OriginalRecipient, ""
		case f.Recipient == "":
			f.Recipient = cmp.Or(words.Recipient, replyRecipient(f.Reply.Text))
		}
	}
	if f.OriginalRecipient == "" && !strings.EqualFold(words.OriginalRecipient, f.Recipient) {
		f.OriginalRecipient = words.OriginalRecipient
	}
	status := f.Reply.Status
	if f.Reply.Code == 0 && words.Reply.Code >= 400 {
		f.Reply = words.Reply
		f.SendingIP = words.SendingIP
		if f.Text == "" {
			f.Text = words.Text
		}
		if f.Reply.Status == "" {
			f.Reply.Status = status
		}
	}
	if f.Reply.Text == "" && f.Text == "" {
		f.Text = words.Text
	}
	if f.Stage == "" || f.Stage == StageData && words.Stage == StageRcpt {
		f.Stage = words.Stage
	}
	if !f.SendingIP.IsValid() && f.Reply.Code == words.Reply.Code {
		f.SendingIP = words.SendingIP
	}
	f.setRemote(words.Remote)
	return f
}

// isOwn tells an address of the sender's side, or of the server that reports.
func (r *reader) isOwn(addr string) bool {
	local, _, _ := strings.Cut(lower(addr), "@")
	switch local {
	case "postmaster", "mailer-daemon", "abuse", "noreply", "no-reply", "post_master", "mailerdaemon":
		return true
	}
	return strings.EqualFold(addr, mailbox(r.header.get(keyTo))) || strings.EqualFold(addr, mailbox(r.header.get(keyFrom)))
}
