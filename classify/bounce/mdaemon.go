package bounce

import "strings"

// MDaemon writes whole SMTP sessions, one line for each command and reply, into
// its log ("[1234:2]" is the session) and, without the number, into its bounces:
//
//	Mon 2026-04-06 10:00:00.300: 03: [1234:2] --> RCPT To:<b@example.net>
//	Mon 2026-04-06 10:00:00.310: 02: [1234:2] <-- 550 5.1.1 User unknown
//
// In the log of what comes in the arrows stand the same way round: there the
// replies are ours, behind "-->", and tell of no delivery of our own.

// mdaemon is a session that has not ended.
type mdaemon struct {
	sender, recipient string
	command           string
	remote            Host
	failed            bool // the current recipient; what follows is its consequence
}

// cutMDaemon divides a line of a session: its number, where it has one, and
// what was said.
func cutMDaemon(line string) (session, words string, ok bool) {
	if len(line) < 25 || line[3] != ' ' || line[8] != '-' || line[11] != '-' || line[14] != ' ' || line[17] != ':' || line[20] != ':' {
		return "", "", false
	}
	clock, words, ok := strings.Cut(line[15:], ": ")
	if !ok || len(clock) > 12 || strings.Trim(clock, "0123456789:.") != "" {
		return "", "", false
	}
	if level, rest, ok := strings.Cut(words, ": "); ok && len(level) == 2 && isNumber(level) {
		words = rest
	}
	if strings.HasPrefix(words, "[") {
		if number, rest, ok := strings.Cut(words[1:], "] "); ok && strings.Trim(number, "0123456789:") == "" {
			session, words = number, rest
		}
	}
	return clip(session, 40), strings.TrimSpace(words), true
}

// readMDaemon reads a line of its log.
func (b *logbook) readMDaemon(line string) (*Report, bool) {
	number, words, ok := cutMDaemon(line)
	if !ok {
		return nil, false
	}
	s := b.sessions[number]
	f, told := s.hear(words)
	b.sessions = remember(b.sessions, number, s)
	if !told {
		return noDelivery()
	}
	return &Report{Kind: kindOf(f.Action), Failures: []Failure{f}}, true
}

// hear takes note of a line, and gives the failure that it tells of.
func (s *mdaemon) hear(words string) (Failure, bool) {
	direction, said, _ := strings.Cut(words, " ")
	said = strings.TrimSpace(said)
	switch direction {
	case "-->":
		s.send(said)
	case "<--":
		return s.reply(said)
	case "*":
		return s.remark(said)
	default:
		s.progress(words)
	}
	return Failure{}, false
}

func (s *mdaemon) send(command string) {
	s.command = clip(command, maxValue)
	start, end := nextAddress(s.command, 0)
	switch {
	case end == 0:
	case hasPrefixFold(command, "mail from"):
		s.sender = s.command[start:end]
	case hasPrefixFold(command, "rcpt to"):
		s.recipient, s.failed = s.command[start:end], false
	}
}

// reply files a refusal. One of EHLO is none: HELO follows.
func (s *mdaemon) reply(said string) (Failure, bool) {
	code, _ := codeAt(said, 0)
	if code < 400 || s.failed || hasPrefixFold(s.command, "ehlo") || hasPrefixFold(s.command, "quit") || hasPrefixFold(s.command, "rset") {
		return Failure{}, false
	}
	f := hear(said, true)
	f.Stage = StageGreeting
	if s.command != "" {
		f.Stage = stages.of(">>> " + s.command)
	}
	if f.Action = ActionFailed; f.Temporary() {
		f.Action = ActionDelayed
	}
	return s.tell(f), true
}

// remark reads what MDaemon says itself: whom the message is from and to, and
// what went wrong without a reply.
func (s *mdaemon) remark(said string) (Failure, bool) {
	switch label, value, _ := strings.Cut(said, ": "); {
	case label == "From":
		s.sender = cleanAddress(clip(value, maxValue))
	case label == "To":
		s.recipient, s.failed = cleanAddress(clip(value, maxValue)), false
	case hasPrefixFold(said, "winsock error"), hasPrefixFold(said, "socket error"):
		f := Failure{Action: ActionDelayed, Stage: StageConnect, Text: clip(said, maxValue)}
		if s.command != "" {
			f.Stage = stages.of(">>> " + s.command)
		}
		return s.tell(f), true
	}
	return Failure{}, false
}

// tell completes a failure from what the session has said before.
func (s *mdaemon) tell(f Failure) Failure {
	f.Sender, f.Recipient = s.sender, s.recipient
	f.setRemote(s.remote)
	s.failed = true
	return f
}

// progress notes the server that is dialled.
func (s *mdaemon) progress(words string) {
	if host := value(words, "connection to [", "]"); host != "" {
		s.remote, s.command, s.failed = dialled(host), "", false
	}
}

// dialled is the host of "192.0.2.25:25" or "mx.example.net:25".
func dialled(s string) Host {
	if name, port, ok := strings.Cut(s, ":"); ok && isNumber(port) {
		s = name
	}
	return parseHost(s)
}

// mdaemonTitle stands over the session in its bounces.
const mdaemonTitle = "--- Session Transcript ---"

// plainMDaemon turns the session that an MDaemon puts into its bounces into one
// as sendmail writes it, behind the rest of the notice. Of MDaemon's own lines
// only those stay that tell of something going wrong.
func plainMDaemon(notice string) string {
	title := strings.Index(notice, mdaemonTitle)
	if title < 0 {
		return notice
	}
	var rest, session strings.Builder
	rest.WriteString(notice[:title])
	session.WriteString("\ntranscript of session follows\n")
	for line := range strings.Lines(notice[title+len(mdaemonTitle):]) {
		_, words, ok := cutMDaemon(strings.TrimSpace(line))
		switch {
		case !ok && !isRule(line):
			rest.WriteString(line)
		case strings.HasPrefix(words, "--> "):
			session.WriteString(">>> " + words[4:] + "\n")
		case strings.HasPrefix(words, "<-- "):
			session.WriteString("<<< " + words[4:] + "\n")
		case strings.Contains(words, "SMTP connection to ["):
			host := dialled(value(words, "connection to [", "]"))
			if host.Name == "" && host.IP.IsValid() {
				host.Name = "[" + host.IP.String() + "]"
			}
			session.WriteString("... while talking to " + host.Name + ":\n")
		case mdaemonFaults.in(words):
			rest.WriteString(strings.TrimLeft(words, "* ") + "\n")
		}
	}
	return rest.String() + session.String()
}

var mdaemonFaults = newPhrases("error", "unable", "could not", "cannot", "timed out", "does not exist", "no mx", "refused", "no such", "nxdomain", "expired", "days old")
