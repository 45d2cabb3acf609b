package bounce

import (
	"net/netip"
	"strings"
)

// logbook reads the lines of one log. Most tell all about a delivery by
// themselves. What others leave to the lines before them it remembers: the
// names of the columns that begin a table, the messages and deliveries to
// whose numbers qmail-send keeps, and the sessions of MDaemon.
type logbook struct {
	columns    []string
	messages   map[string]string   // the senders of qmail-send's messages
	deliveries map[string]delivery // that qmail-send has begun
	sessions   map[string]mdaemon  // that MDaemon has begun
}

type delivery struct{ recipient, sender string }

// read reads one line, false where it is none of a mail server's log. A line
// that is, but tells of no delivery, is KindNotABounce.
func (b *logbook) read(line string) (*Report, bool) {
	line = unwrapJSON(line)
	for _, read := range forms {
		if rep, ok := read(b, line); ok {
			return rep, true
		}
	}
	return readLog(line)
}

// forms are the readers of what readLog does not know. They come first: some
// lines have the fields of sendmail, too.
var forms = []func(*logbook, string) (*Report, bool){
	(*logbook).readTable, (*logbook).readMDaemon, (*logbook).readQmail, (*logbook).readJSON, (*logbook).readSMTPD, (*logbook).readCourier, (*logbook).readQueue,
}

// noDelivery is what a line says that belongs to a log and is about nothing.
func noDelivery() (*Report, bool) { return &Report{Kind: KindNotABounce}, true }

// logged is the report of a line about one delivery.
func logged(line string, f Failure) (*Report, bool) {
	return &Report{Kind: kindOf(f.Action), ReportingHost: logHost(line), Failures: []Failure{f}}, true
}

// readQmail reads qmail-send: "info msg 7: bytes 2048 from <a> ...", "starting
// delivery 12: msg 7 to remote b", and "delivery 12: failure: 192.0.2.1_does_
// not_like_recipient./Remote_host_said:_550_...". qmail-log(5)
func (b *logbook) readQmail(line string) (*Report, bool) {
	if _, after, ok := strings.Cut(line, "delivery "); ok {
		number, rest, _ := strings.Cut(after, ": ")
		if len(number) > 20 || !isNumber(number) {
			return nil, false
		}
		if strings.HasSuffix(line[:len(line)-len(after)], "starting delivery ") {
			return b.begin(number, rest)
		}
		result, reason, _ := strings.Cut(rest, ": ")
		action, ok := map[string]Action{"success": ActionDelivered, "failure": ActionFailed, "deferral": ActionDelayed}[result]
		if !ok {
			return nil, false
		}
		f := hear(qmailReason(reason), false)
		f.Action, f.Recipient, f.Sender = action, b.deliveries[number].recipient, b.deliveries[number].sender
		delete(b.deliveries, number)
		return logged(line, f)
	}
	if number := value(line, "info msg ", ":"); isNumber(number) {
		b.messages = remember(b.messages, number, value(line, " from <", ">"))
		return noDelivery()
	}
	return nil, false
}

// begin remembers "msg 7 to remote b@example.net".
func (b *logbook) begin(number, rest string) (*Report, bool) {
	to := value(rest, " to remote ", " ")
	if to == "" {
		to = value(rest, " to local ", " ")
	}
	b.deliveries = remember(b.deliveries, number, delivery{clip(to, maxValue), b.messages[value(rest, "msg ", " ")]})
	return noDelivery()
}

// remember bounds what a log can make us keep.
func remember[T any](m map[string]T, key string, v T) map[string]T {
	if m == nil || len(m) >= maxFailures {
		m = map[string]T{}
	}
	m[key] = v
	return m
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// qmailReason undoes what keeps a reason on one line: "_" for each space, "/"
// for each newline. A "/" inside a line is told by what follows it.
func qmailReason(s string) string {
	var out strings.Builder
	s = strings.ReplaceAll(s, "_", " ")
	for {
		line, rest, ok := strings.Cut(s, "/")
		out.WriteString(line)
		if !ok {
			return out.String()
		}
		_, digits := codeAt(rest, 0)
		if rest == "" || digits > 0 || strings.HasPrefix(rest, "Remote host said:") || strings.HasPrefix(rest, "Giving up on ") || strings.HasPrefix(rest, "I'm not going") {
			out.WriteByte('\n')
		} else {
			out.WriteByte('/')
		}
		s = rest
	}
}

// readSMTPD reads OpenSMTPD: `mta delivery evpid=... from=<a> to=<b> rcpt=<->
// source="192.0.2.9" relay="203.0.113.25 (mx.example.net)" delay=1s
// result="PermFail" stat="550 ..."`. Before version 6 it was "relay: PermFail
// for ID: ..., to=<b>, ..., stat=550 ...".
func (*logbook) readSMTPD(line string) (*Report, bool) {
	before, stat, ok := strings.Cut(line, "stat=")
	if !ok {
		return nil, false
	}
	result := strings.Trim(value(before, "result=", " "), `"`)
	if result == "" {
		result, _, _ = strings.Cut(before, " for ")
		result = result[strings.LastIndexByte(result, ' ')+1:]
	}
	action, ok := map[string]Action{"Ok": ActionDelivered, "PermFail": ActionFailed, "TempFail": ActionDelayed}[result]
	if !ok {
		return nil, false
	}
	f := hear(strings.Trim(stat, `" `), false)
	f.Action, f.Sender, f.Recipient = action, value(before, "from=<", ">"), value(before, " to=<", ">")
	if typed := value(before, "rcpt=<", ">"); typed != "-" && typed != f.Recipient {
		f.OriginalRecipient = typed
	}
	relay := strings.TrimLeft(value(before, "relay=", "delay="), `"`)
	ip, name, _ := strings.Cut(strings.TrimRight(relay, `", )`), " (")
	f.setRemote(Host{cleanHost(name), parseIP(ip)})
	f.sentFrom(strings.Trim(firstWord(value(before, "source=", "relay=")), `"`))
	return logged(line, f)
}

// sentFrom notes our address where the log has it and no reply does: only one
// that others can have seen.
func (f *Failure) sentFrom(address string) {
	ip := parseIP(address)
	if !ip.IsValid() {
		to, _ := netip.ParseAddrPort(address)
		ip = to.Addr().Unmap()
	}
	if !f.SendingIP.IsValid() && ip != f.Remote.IP && ip.IsGlobalUnicast() && !ip.IsPrivate() {
		f.SendingIP = ip
	}
}

// readCourier reads "courieresmtp: id=...,from=<a>,addr=<b>: 550 ...", and of
// what follows it only "...,success: delivered: host [address]".
func (*logbook) readCourier(line string) (*Report, bool) {
	before, after, ok := strings.Cut(line, ",addr=<")
	to, rest, closed := strings.Cut(after, ">")
	if !ok || !closed {
		return nil, false
	}
	reason, told := strings.CutPrefix(rest, ": ")
	_, success, delivered := strings.Cut(rest, "success: ")
	if !told && !delivered {
		return noDelivery()
	}
	f := Failure{Text: clip(success, maxValue), Action: ActionDelivered}
	if told {
		f = hear(reason, false)
		if f.Action = ActionFailed; f.Temporary() {
			f.Action = ActionDelayed
		}
	}
	f.Recipient, f.Sender = to, value(before, "from=<", ">")
	return logged(line, f)
}

// readQueue reads why Exchange could not empty a queue yet: "LastError :
// [{LRT=...};{LED=451 4.4.0 ...};{FQDN=mx.example.net};{IP=203.0.113.25}]".
func (*logbook) readQueue(line string) (*Report, bool) {
	f, ok := hearLastError(line)
	if !ok {
		return nil, false
	}
	f.Action = ActionDelayed
	return logged(line, f)
}

// hearLastError reads the LED (last error details) of such a list, and the
// host beside it.
func hearLastError(s string) (Failure, bool) {
	_, details, ok := strings.Cut(s, "{LED=")
	if !ok {
		return Failure{}, false
	}
	for _, end := range []string{"};{", "}]"} {
		details, _, _ = strings.Cut(details, end)
	}
	f := hear(details, false)
	told := f.Remote
	f.Remote = Host{cleanHost(value(s, "{FQDN=", "}")), parseIP(value(s, "{IP=", "}"))}
	f.setRemote(told)
	return f, true
}

// unwrapQueue joins the lines into which PowerShell breaks a long value.
func unwrapQueue(body string) string {
	if !strings.Contains(body, "{LED=") && !strings.Contains(body, "{LRT=") {
		return body
	}
	var out strings.Builder
	for line := range strings.Lines(body) {
		if words := strings.TrimLeft(line, " \t"); len(line)-len(words) >= 10 {
			out.WriteByte(' ')
			out.WriteString(strings.TrimSpace(words))
		} else {
			out.WriteByte('\n')
			out.WriteString(strings.TrimRight(line, " \r\n"))
		}
	}
	return out.String()
}
