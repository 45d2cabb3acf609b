package bounce

import "strings"

// readLog reads one log line of Postfix, Exim or sendmail, false where the line
// tells of no delivery. What stands before it (date, host, a container's
// name) does not matter.
func readLog(line string) (*Report, bool) {
	for _, read := range []func(string) (Failure, bool){readPostfix, readSendmail, readExim} {
		if f, ok := read(line); ok {
			rep := &Report{Kind: kindOf(f.Action), ReportingHost: logHost(line), Failures: []Failure{f}}
			return rep, true
		}
	}
	return nil, false
}

func kindOf(a Action) Kind {
	switch a {
	case ActionDelayed:
		return KindDelay
	case ActionDelivered, ActionRelayed, ActionExpanded:
		return KindDelivered
	}
	return KindBounce
}

// readPostfix reads "to=<a>, relay=host[ip]:25, dsn=5.1.1, status=bounced
// (host ... said: ...)".
func readPostfix(line string) (Failure, bool) {
	before, after, ok := strings.Cut(line, "status=")
	_, to, named := strings.Cut(before, "to=<")
	if !ok || !named {
		return Failure{}, false
	}
	to, _, _ = strings.Cut(to, ">")
	word, reason, _ := strings.Cut(after, " ")
	action := map[string]Action{"sent": ActionDelivered, "bounced": ActionFailed, "expired": ActionFailed, "deferred": ActionDelayed, "undeliverable": ActionFailed, "deliverable": ActionDelivered}[strings.Trim(word, ",")]
	if action == "" {
		return Failure{}, false
	}
	reason = strings.TrimSpace(reason)
	if strings.HasPrefix(reason, "(") {
		reason = strings.TrimSuffix(reason[1:], ")")
	}
	f := hear(reason, false)
	f.Recipient, f.Action = to, action
	if orig := value(before, "orig_to=<", ">"); orig != to {
		f.OriginalRecipient = orig
	}
	f.Sender = value(before, "from=<", ">")
	if relay := value(before, "relay=", ","); relay != "none" && relay != "local" && relay != "virtual" {
		relay, _, _ = strings.Cut(relay, "]:")
		f.setRemote(parseHost(relay))
	}
	if f.Reply.Status == "" {
		f.Reply.Status = leadingStatus(value(before, "dsn=", ","))
	}
	return f, true
}

// readSendmail reads "to=<a>, ..., relay=host. [ip], dsn=5.1.1, reply=550 5.1.1
// ..., stat=User unknown"; older ones log no reply.
func readSendmail(line string) (Failure, bool) {
	before, stat, ok := strings.Cut(line, "stat=")
	to := value(before, "to=", ", ")
	if !ok || to == "" {
		return Failure{}, false
	}
	first, _, _ := strings.Cut(to, ",")
	reason, action := stat, ActionFailed
	switch {
	case strings.HasPrefix(stat, "Sent"):
		action = ActionDelivered
		reason = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(stat, "Sent"), " ("), ")")
	case strings.HasPrefix(stat, "Deferred"):
		action = ActionDelayed
	case strings.HasPrefix(stat, "queued"):
		return Failure{}, false
	}
	f := hear(reason, false)
	if _, reply, ok := strings.Cut(strings.TrimRight(before, ", "), ", reply="); ok && f.Reply.Code == 0 {
		f = hear(reply, true)
		f.Text = clip(reason, maxValue)
	}
	f.Recipient, f.Action = cleanAddress(first), action
	f.setRemote(parseHost(value(before, "relay=", ",")))
	if f.Reply.Status == "" {
		f.Reply.Status = leadingStatus(value(before, "dsn=", ","))
	}
	return f, true
}

// readExim reads "ID ** a@x R=... T=...: reason", "ID == a@x ... defer (n):
// reason" and "ID => a@x ... C="250 ..."".
func readExim(line string) (Failure, bool) {
	for _, mark := range []struct {
		flag   string
		action Action
	}{{" ** ", ActionFailed}, {" == ", ActionDelayed}, {" => ", ActionDelivered}, {" -> ", ActionDelivered}} {
		before, after, ok := strings.Cut(line, mark.flag)
		if !ok || !endsInEximID(before) {
			continue
		}
		start, end := nextAddress(after, 0)
		if end == 0 {
			return Failure{}, false
		}
		rest := after[end:]
		reason := rest
		if mark.action == ActionDelivered {
			reason = value(rest+`"`, ` C="`, `"`)
		} else if i := strings.Index(rest, ": "); i >= 0 {
			reason = rest[i+2:]
		}
		f := hear(reason, false)
		if h := strings.Index(rest, " H="); h >= 0 {
			f.setRemote(namedHost(rest[h+3 : min(len(rest), h+200)]))
		}
		f.Recipient, f.Action = after[start:end], mark.action
		if a, b := nextAddress(rest, 0); b > 0 && a < 3 && strings.HasPrefix(strings.TrimSpace(rest), "<") {
			f.OriginalRecipient = rest[a:b] // "final <as typed>"
		}
		f.Sender = cleanAddress(value(rest, " F=<", ">"))
		return f, true
	}
	return Failure{}, false
}

// endsInEximID tells a message id such as 1tVxyz-000abc-1X, or the longer one
// of Exim 4.97.
func endsInEximID(s string) bool {
	id := s[strings.LastIndexByte(s, ' ')+1:]
	return len(id) >= 16 && len(id) <= 24 && strings.Count(id, "-") == 2 && id[6] == '-'
}

// value is what stands in s between two strings; empty where the first does
// not.
func value(s, from, to string) string {
	_, after, ok := strings.Cut(s, from)
	if !ok {
		return ""
	}
	v, _, _ := strings.Cut(after, to)
	return strings.TrimSpace(v)
}

// logHost is the host that wrote a syslog line: the word before
// "postfix/smtp[123]:".
func logHost(line string) string {
	words := strings.Fields(line[:min(len(line), 200)])
	for i, w := range words {
		if i > 0 && strings.HasSuffix(w, "]:") && strings.Contains(w, "[") {
			if host := cleanHost(words[i-1]); strings.IndexByte(words[i-1], ':') < 0 && words[i-1] != "|" {
				return host
			}
			return ""
		}
	}
	return ""
}

// isLogLine tells a line that a mail server wrote into its log, of whatever
// kind.
func isLogLine(line string) bool {
	if _, ok := new(logbook).read(line); ok {
		return true
	}
	words := strings.Fields(line[:min(len(line), 200)])
	if len(words) < 4 {
		return false
	}
	for i, w := range words[:min(len(words), 8)] {
		if i > 1 && strings.HasSuffix(w, "]:") && strings.Contains(w, "[") {
			return true // program[pid]:
		}
	}
	return len(words[0]) == 10 && words[0][4] == '-' && words[0][7] == '-' && len(words[1]) >= 8 && words[1][2] == ':' // Exim
}
