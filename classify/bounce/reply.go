package bounce

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxReply  = 2 << 10 // bytes kept of one reply
	maxAround = 800     // bytes before and after a reply that are about it
)

// said are the words after which a report quotes the other server, by the
// letter before the colon or quote that they end in.
var said = byLetter(
	" said:", "\u2026said:", "said[response message]:", "refused to talk to me:", "server returned was:", "the response was:",
	"response from the remote server was:", "server returned '", "responded with failure:", "server responded:",
	"remote server replied:", "server said:", "responded with:", "responded as follows:",
)

func byLetter(all ...string) (by [256][]string) {
	for _, words := range all {
		letter := words[len(words)-2]
		by[letter] = append(by[letter], words)
	}
	return by
}

// lastSaid is where the quotation behind the last of these words begins, -1
// where there is none. The reply there is the one that was nearest to the
// refusal: a server quotes what the next one told it.
func lastSaid(s string) int {
	from := -1
	for _, mark := range []byte(":'") { // what the words end in
		for end := 0; ; {
			i := strings.IndexByte(s[end:], mark)
			if i < 0 {
				break
			}
			if end += i + 1; end == 1 {
				continue
			}
			letter := s[end-2]
			if letter-'A' < 26 {
				letter |= 0x20
			}
			for _, words := range said[letter] {
				if hasSuffixFold(s[:end], words) && strings.TrimSpace(s[end:]) != "" {
					from = max(from, end)
				}
			}
		}
	}
	if i := indexFold(s[:max(from, 0)], calloutRefused); i >= 0 {
		return lastSaid(s[:i+len(calloutRefused)])
	}
	return from
}

// calloutRefused is what the sender's own server says to a callout: a server that
// is quoted after it gives no answer to us.
const calloutRefused = "sender address rejected"

// tails begin the lines that a report writes behind a reply.
var tails = []string{
	"\n", "giving up on", "i'm not going to try", "step:", "this has been a permanent",
	"---", "***", "===", "\u2014 ", "reporting-mta:", "action:", "status:", "remote system:", "[message header", "<<< ", ">>> ",
}

// hear takes what a report says of one failure and tells the remote's reply
// from the report's own words. Remote says that all of it is the remote's, as
// in "Diagnostic-Code: smtp; ...". Lines may still be folded.
func hear(s string, remote bool) (f Failure) {
	if s = strings.TrimSpace(s[:min(len(s), maxValue)]); s == "" {
		return f
	}
	s = normalize(strings.ReplaceAll(s, "ERROR_CODE :", "")) // Zoho labels code and status
	from := replyStart(s)
	status := leadingStatus(s[clippedCode(s):])
	if from < 0 && (remote || status != "") && !unspoken(stages.of(unfold(s))) {
		from = 0
	}
	if from < 0 {
		f.Text = clip(unfold(s), maxValue)
		if f.Reply.Status = status; status == "" {
			f.Reply.Status = looseStatus(s, 0)
		}
		f.hearAround(s, "")
		if f.SendingIP = clientAddress(s); f.SendingIP.IsValid() && f.SendingIP == f.Remote.IP {
			f.Remote = Host{}
		}
		return f
	}
	to := replyEnd(s, from)
	head, tail := s[:from], s[to:]
	if outside := strings.TrimSuffix(head, "(reason: "); outside != head { // sendmail
		head, tail = outside, strings.TrimPrefix(tail, ")")
	}
	f.Reply = parseReply(s[from:to])
	f.Text = clip(joinFields(strings.TrimRight(head, " \n:'\"<#(["), strings.TrimLeft(tail, " \n>'\")]#")), maxValue)
	f.hearAround(head, tail)
	if f.Stage == "" {
		f.Stage = replyStages.of(f.Reply.Text)
	}
	f.SendingIP = ourAddress(f.Reply.Text, f.Remote.IP)
	return f
}

// mayReply is false for a text in which hear finds no reply, and costs less.
func mayReply(s string) bool {
	s = strings.TrimSpace(s[:min(len(s), maxValue)])
	return replyStart(s) >= 0 || leadingStatus(s[clippedCode(s):]) != ""
}

// unspoken tells the stages at which no remote speaks: what is said there is
// our own server's.
func unspoken(s Stage) bool { return s == StageConnect || s == StageQueue || s == StageLocal }

// clippedCode is the length of a code that lost its first digit, "50 ", before
// the enhanced status that it stood for.
func clippedCode(s string) int {
	if len(s) > 3 && s[0] <= '9' && s[0] >= '0' && s[1] <= '9' && s[1] >= '0' && s[2] == ' ' {
		return 3
	}
	return 0
}

// clients are words that name the client's address.
var clients = newPhrases("mail from ", "client [", "client host [", "messages from ", "blocked ip ")

// clientAddress finds our address in words that may not be a reply at all: only
// where they speak of the client.
func clientAddress(s string) netip.Addr {
	for i, w := clients.find(s, 0); i >= 0; i, w = clients.find(s, i+1) {
		word := firstWord(strings.TrimLeft(s[i+len(clients.words[w]):], "["))
		if ip := parseIP(strings.TrimRight(word, "].,")); ip.IsValid() {
			return ip
		}
	}
	return netip.Addr{}
}

// hearAround takes stage and remote host from the words around a reply.
func (f *Failure) hearAround(head, tail string) {
	head = head[max(0, len(head)-maxAround):]
	tail, head = unfold(tail[:min(len(tail), maxAround)]), unfold(head)
	f.Stage = stages.of(tail, head)
	f.Remote = namedHost(head)
}

// replyStart finds where the remote begins to speak, -1 where it does not.
func replyStart(s string) int {
	from := lastSaid(s)
	if from < 0 {
		if from = nextReply(s); from < 0 {
			return from
		}
	}
	for from < len(s) && strings.IndexByte(" \t\r\n'\"[", s[from]) >= 0 {
		from++
	}
	if from == len(s) {
		return -1 // quotes nothing
	}
	// "554 4.4.7 Message expired.<421 4.4.2 Connection timed out>": the reply
	// of the server behind, in that of the server before.
	for _, open := range []string{"<", "... ", "smtp;"} {
		if strings.IndexByte(s, open[len(open)-1]) < 0 { // fast
			continue
		}
		for i := from + 1; ; {
			j := strings.Index(s[i:], open)
			if j < 0 {
				break
			}
			i += j + len(open)
			at := i + len(s[i:]) - len(strings.TrimLeft(s[i:], " "))
			if code, n := codeAt(s, at); code >= 400 && at+n < len(s) && s[at+n] == ' ' && (open != "<" || leadingStatus(s[at+n:]) != "") {
				from = at
			}
		}
	}
	return from
}

// nextReply finds a reply code that stands where a reply can begin: first on a
// line, after punctuation, or before an enhanced status.
func nextReply(s string) int {
	for i := 0; i+3 <= len(s); i++ {
		if s[i+2]-'0' > 9 { // no code has a place here
			i += 2
			continue
		}
		code, n := codeAt(s, i)
		if n == 0 {
			continue
		}
		before := strings.TrimRight(s[:i], " \t")
		first := before == "" || before[len(before)-1] == '\n'
		after := s[i+n:]
		switch {
		case code < 400 && before != "", isQuantity(after):
		case leadingStatus(after) != "",
			first && (after == "" || strings.IndexByte(" -#,<:\t\r\n\"", after[0]) >= 0),
			!first && code >= 400 && (strings.IndexByte(":;,'\"<(#>=|-", before[len(before)-1]) >= 0 || strings.HasSuffix(before, "：") || strings.HasSuffix(before, "...")) &&
				after != "" && strings.IndexByte(" -#,<:", after[0]) >= 0,
			hasSuffixFold(before, "responsecode"):
			return i
		}
	}
	return -1
}

// isQuantity tells "550 bytes" from "550 User unknown".
func isQuantity(after string) bool {
	word, _, _ := strings.Cut(strings.TrimLeft(lower(after[:min(len(after), 20)]), " "), " ")
	switch strings.TrimRight(word, ".,;)s") {
	case "byte", "kb", "mb", "kbyte", "minute", "hour", "second", "day":
		return true
	}
	return false
}

// codeAt reads a reply code at i: three digits that stand alone. Servers make
// codes up (445, 571), so all of 200 to 599 count. RFC 5321 section 4.2
func codeAt(s string, i int) (code, n int) {
	if i+3 > len(s) || i > 0 && (isAlnum(s[i-1]) || s[i-1] == '.' && (i < 2 || s[i-2] != '.') || s[i-1] == '-' && i > 1 && isAlnum(s[i-2])) {
		return 0, 0
	}
	for _, c := range []byte(s[i : i+3]) {
		if c < '0' || c > '9' {
			return 0, 0
		}
		code = code*10 + int(c-'0')
	}
	if code < 200 || code > 599 || i+3 < len(s) && (isAlnum(s[i+3]) || s[i+3] == '.' && i+4 < len(s) && isAlnum(s[i+4]) || s[i+3] == '@' || s[i+3] == '/') {
		return 0, 0
	}
	return code, 3
}

func isAlnum(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' }

// statusAt reads an enhanced status at i, "5.1.1". RFC 3463 section 2
func statusAt(s string, i int) (status string, n int) {
	if i+5 > len(s) || s[i] != '2' && s[i] != '4' && s[i] != '5' || i > 0 && (isAlnum(s[i-1]) || s[i-1] == '.') {
		return "", 0
	}
	j := i + 1
	for range 2 {
		if j >= len(s) || s[j] != '.' {
			return "", 0
		}
		k := j + 1
		for k < len(s) && k < j+4 && s[k] >= '0' && s[k] <= '9' {
			k++
		}
		if k == j+1 {
			return "", 0
		}
		j = k
	}
	if j < len(s) && (isAlnum(s[j]) || s[j] == '.' && j+1 < len(s) && isAlnum(s[j+1])) {
		return "", 0
	}
	return s[i:j], j - i
}

// leadingStatus is the enhanced status that s begins with, past punctuation;
// empty where it begins otherwise.
func leadingStatus(s string) string {
	for i := 0; i < len(s) && i < 6; i++ {
		if strings.IndexByte(" -#\"',:([", s[i]) < 0 {
			status, _ := statusAt(s, i)
			return status
		}
	}
	return ""
}

// looseStatus is an enhanced status further on in a text: "(#5.1.1)",
// "(5.1.1)", or behind a repetition of the code.
func looseStatus(s string, code int) string {
	for i := 1; i+5 <= len(s); i++ {
		if s[i] != '2' && s[i] != '4' && s[i] != '5' {
			continue
		}
		status, n := statusAt(s, i)
		if n == 0 {
			continue
		}
		switch before := s[:i]; {
		case s[i-1] == '#', s[i-1] == '(' && i+n < len(s) && s[i+n] == ')', s[i-1] == '\n' && i+n < len(s) && s[i+n] == ' ':
			return status
		case code != 0 && i >= 4:
			if same, _ := codeAt(before, i-4); same == code {
				return status
			}
		}
	}
	return ""
}

// replyEnd finds where the remote's words end.
func replyEnd(s string, from int) int {
	to := len(s)
	for _, mark := range []byte("\n(#") { // what the tails begin with
		for i := from + 1; i < to; i++ {
			n := strings.IndexByte(s[i:to], mark)
			if n < 0 {
				break
			}
			if i += n; isTail(s[i:]) {
				to = i
			}
		}
	}
	if from > 0 {
		closing := byte(0)
		if i := strings.IndexByte(`'<"[`, s[from-1]); i >= 0 {
			closing = `'>"]`[i]
		} else if strings.HasSuffix(strings.TrimRight(s[:from], " "), "(reason:") {
			closing = ')'
		}
		if i := strings.LastIndexByte(s[from:to], closing); closing != 0 && i > 0 {
			to = from + i
		}
	}
	return to
}

// maxFold is more than what a line is folded by.
const maxFold = 32

// isTail tells whether s, which begins as all of them do, is one.
func isTail(s string) bool {
	switch s[0] {
	case '\n':
		return slices.ContainsFunc(tails, func(words string) bool { return hasPrefixFold(s[1:], words) })
	case '(':
		return hasPrefixFold(s, "(in") && hasPrefixFold(unfold(s[:min(len("(in reply to")+maxFold, len(s))]), "(in reply to")
	}
	return strings.HasPrefix(s, "##")
}

// parseReply reads a reply that may have several lines. RFC 5321 section 4.2.1
func parseReply(s string) Reply {
	s = strings.TrimLeft(unfold(s), "# \"'")
	var r Reply
	code, n := codeAt(s, 0)
	r.Code = code
	rest := s[max(n, clippedCode(s)):]
	if again, m := codeAt(rest, 1); n > 0 && again == code && m > 0 {
		rest = rest[1+m:] // "550 550 5.7.1 ...", of a gateway
	}
	if r.Status = leadingStatus(rest); r.Status == "" && !callouts.in(s) {
		r.Status = looseStatus(s, code)
	}
	if n > 0 && len(s) > n && s[n] == '-' {
		s = joinContinued(s, s[:n])
	}
	if strings.HasSuffix(s, ">") && strings.Count(s, ">") > strings.Count(s, "<") {
		s = s[:len(s)-1] // of "<host #5.7.1 smtp;550 ...>"
	}
	r.Text = clip(strings.TrimRight(s, " "), maxReply)
	return r
}

// callouts are the words of a server that asked our own server about the
// sender: the status that it quotes is that of our address.
var callouts = newPhrases("sender verify", "sender verification", "callout", "callback")

// joinContinued drops the code and status that begin every further line of a
// reply, so that its sentences can be read. RFC 5321 section 4.2.1
func joinContinued(s, code string) string {
	out := make([]byte, 0, 512)
	first, rest := nextWord(s)
	out = append(out, first...)
	status := first[len(code)+1:]
	for {
		var w string
		if w, rest = nextWord(rest); w == "" {
			return string(out)
		}
		if strings.HasPrefix(w, code) {
			if len(w) > len(code) && w[len(code)] == '-' {
				if w = w[len(code)+1:]; w == status {
					continue
				}
			} else if next, after := nextWord(rest); len(w) == len(code) && next != "" && next == status {
				rest = after
				continue
			}
		}
		if w != "" {
			out = append(append(out, ' '), w...)
		}
	}
}

// clip cuts a text to at most n bytes, at a character.
func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	if utf8.ValidString(s) { // much faster than ToValidUTF8
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// lower is strings.ToLower for ASCII only: every byte keeps its place, so
// that what is found in the one can be cut from the other.
func lower(s string) string {
	first := 0
	for first < len(s) && s[first]-'A' >= 26 {
		first++
	}
	if first == len(s) {
		return s
	}
	b := []byte(s)
	for i, c := range b[first:] {
		if c-'A' < 26 {
			b[first+i] = c | 0x20
		}
	}
	return string(b)
}

// stageTable tells stages by words. All words behind one anchor form a row, of
// which the first in a text counts; words without an anchor are a row each. The
// earliest row decides.
type stageTable struct {
	*phrases
	rows   []int // of each of the phrases
	stages []Stage
}

// stageWords are words, each with the stage of the same index.
type stageWords struct {
	anchor string
	words  []string
	stages []Stage
}

func newStageTable(all ...stageWords) *stageTable {
	t := &stageTable{}
	var words []string
	row := 0
	for _, a := range all {
		row++
		for i, w := range a.words {
			words, t.rows, t.stages = append(words, a.anchor+w), append(t.rows, row), append(t.stages, a.stages[i])
			if a.anchor == "" {
				row++
			}
		}
	}
	t.phrases = newPhrases(words...)
	return t
}

// of is the stage that texts tell, the first text first.
func (t *stageTable) of(texts ...string) (stage Stage) {
	best := math.MaxInt
	for _, s := range texts {
		for i, w := t.find(s, 0); i >= 0; i, w = t.find(s, i+1) {
			if t.rows[w] < best {
				best, stage = t.rows[w], t.stages[w]
			}
		}
	}
	return stage
}

// stages are the words of the reporting server, Postfix and Exim first.
var stages = newStageTable(
	stageWords{"in reply to ",
		[]string{"rcpt", "mail from", "data", "end of data", "ehlo", "helo", "lhlo", "starttls", "auth", "initial server greeting", "message"},
		[]Stage{StageRcpt, StageMail, StageData, StageEndOfData, StageEHLO, StageEHLO, StageEHLO, StageSTARTTLS, StageAuth, StageGreeting, StageEndOfData}},
	stageWords{"after ",
		[]string{"rcpt to", "mail from", "end of data", "data", "pipelined data", "sending data block", "initial connection", "ehlo", "helo", "starttls", "auth", "i sent the message"},
		[]Stage{StageRcpt, StageMail, StageEndOfData, StageData, StageData, StageEndOfData, StageGreeting, StageEHLO, StageEHLO, StageSTARTTLS, StageAuth, StageEndOfData}},
	stageWords{"sending ",
		[]string{"rcpt to", "mail from", "data command", "message body", "end of data", "mail body"},
		[]Stage{StageRcpt, StageMail, StageData, StageEndOfData, StageEndOfData, StageEndOfData}},
	stageWords{"did not like our ",
		[]string{"rcpt to", "mail from", "final data", "data", "ehlo", "helo"},
		[]Stage{StageRcpt, StageMail, StageEndOfData, StageData, StageEHLO, StageEHLO}},
	stageWords{"reply of ", []string{"rcpt to", "mail from"}, []Stage{StageRcpt, StageMail}},
	stageWords{">>> ",
		[]string{"rcpt", "mail", "data", "ehlo", "helo", "starttls"},
		[]Stage{StageRcpt, StageMail, StageData, StageEHLO, StageEHLO, StageSTARTTLS}},
	stageWords{"(state 1", // Gmail
		[]string{"3)", "4)", "7)", "8)"},
		[]Stage{StageRcpt, StageRcpt, StageEndOfData, StageEndOfData}},
	stageWords{"", []string{
		"refused to talk to me", "receiving the initial server greeting", "welcome message from", "but greeting failed", "performing the ehlo", "performing the helo",
		"does not like recipient", "sender was rejected", "my name was rejected", "failed on data command", "step: data send", "smtp:rcpt",
		"tls handshake", "cannot start tls", "tls is required", "establish an smtp connection", "accept our requests to connect",
		"connect to ", "connect remote host", "connection refused", "no route to host", "network is unreachable", "connection timed out",
		"envelope expired", "message expired", "retry timeout exceeded", "retry time not reached", "could not deliver for the last", "in the queue too long", "delivery time expired",
		"loops back to myself", "name service error", "host not found", "unrouteable address", "find any host named", "mail exchanger", "no mailbox here by that name",
		"unknown user:", "mail forwarding loop", "command died",
	}, []Stage{
		StageGreeting, StageGreeting, StageGreeting, StageGreeting, StageEHLO, StageEHLO,
		StageRcpt, StageMail, StageEHLO, StageData, StageEndOfData, StageRcpt,
		StageSTARTTLS, StageSTARTTLS, StageSTARTTLS, StageConnect, StageConnect,
		StageConnect, StageConnect, StageConnect, StageConnect, StageConnect, StageConnect,
		StageQueue, StageQueue, StageQueue, StageQueue, StageQueue, StageQueue, StageQueue,
		StageLocal, StageLocal, StageLocal, StageLocal, StageLocal, StageLocal, StageLocal,
		StageLocal, StageLocal, StageLocal,
	}},
)

// replyStages are the words by which a reply itself tells the stage.
var replyStages = newStageTable(
	stageWords{"", []string{"(rcpt to:", "at rcpt state", "at data state", " rp:", " mi:", " dt:", " hl:", "recipient address rejected", "must issue a starttls"},
		[]Stage{StageRcpt, StageRcpt, StageEndOfData, StageRcpt, StageMail, StageEndOfData, StageEHLO, StageRcpt, StageMail}},
)

// namedHost finds the server that a report's words name: "host
// mx.example.net[192.0.2.1]", "mx.example.net (192.0.2.1)", "host
// mx.example.net:", or an address alone.
func namedHost(s string) Host {
	var h Host
	last := 0
	for _, open := range []byte("[(") {
		for i := 0; ; {
			n := strings.IndexByte(s[i:], open)
			if n < 0 {
				break
			}
			i += n + 1
			inside := s[i:]
			end := strings.IndexAny(inside[:min(len(inside), 50)], "])")
			if end <= 0 {
				continue
			}
			inside, _, _ = strings.Cut(strings.TrimLeft(inside[:end], " "), " ")
			if ip := parseIP(inside); ip.IsValid() && i > last { // of several the last one
				h, last = Host{Name: lastName(s[:i-1]), IP: ip}, i
			}
		}
	}
	if h.IP.IsValid() {
		return h
	}
	if strings.IndexByte(s, '#') >= 0 {
		if before, _, ok := strings.Cut(s, " #"); ok && lastName(before) != "" { // Exchange: "<mx.example.net #5.7.1 smtp;"
			return Host{Name: lastName(before)}
		}
	}
	if host := introducedHost(s); host != (Host{}) {
		return host
	}
	for i := range len(s) {
		if s[i] > '9' || s[i] == ' ' || i > 0 && s[i-1] != ' ' { // most places
			continue
		}
		word, _, _ := strings.Cut(s[i:], " ")
		word, _, _ = strings.Cut(strings.TrimRight(word, ".,;:"), ":")
		if ip := parseIP(word); ip.Is4() {
			return Host{IP: ip}
		}
	}
	return h
}

// hosts are words before the name of a server, the most telling first.
var hosts = newPhrases("connect to ", "talking to ", "lost connection with ", "conversation with ", "host ", "connected to ", "remote server ", "giving up on ", "domain name=")

// introducedHost is the host behind such words; of the same words the last
// count.
func introducedHost(s string) Host {
	var last [9]int // one more than the place of each
	for i, w := hosts.find(s, 0); i >= 0; i, w = hosts.find(s, i+1) {
		last[w] = i + 1
	}
	for w, i := range last {
		if i == 0 || i > 1 && isAlnum(s[i-2]) {
			continue
		}
		word := firstWord(s[i-1+len(hosts.words[w]):])
		if ip := parseIP(word); ip.IsValid() {
			return Host{IP: ip}
		}
		if name := cleanHost(word); strings.Contains(name, ".") && isAlnum(name[len(name)-1]) {
			return Host{Name: name}
		}
	}
	return Host{}
}

func firstWord(s string) string {
	s = strings.TrimLeft(s, " ")
	if i := strings.IndexAny(s, " \t\n[(,;"); i >= 0 {
		s = s[:i]
	}
	s, _, _ = strings.Cut(s, ":")
	return s
}

// lastName is the host name that s ends with; empty where it ends otherwise.
func lastName(s string) string {
	s = strings.TrimRight(s, " .")
	i := strings.LastIndexAny(s, " \t\n(<,;:=") + 1
	if name := cleanHost(s[i:]); strings.Contains(name, ".") && !parseIP(name).IsValid() {
		return name
	}
	return ""
}

// ourAddress finds the address of our server in a reply: an address that is
// not the remote's, and that the words around speak of as the client's.
func ourAddress(reply string, remote netip.Addr) netip.Addr {
	if strings.Count(reply, ".") < 3 && strings.Count(reply, ":") < 2 {
		return netip.Addr{}
	}
	for i := 0; i < len(reply); i++ {
		if reply[i]-'0' > 9 {
			continue
		}
		if i > 0 && (isAlnum(reply[i-1]) || reply[i-1] == '.' || reply[i-1] == ':' && !startsAddress(reply[:i])) {
			continue
		}
		j := i
		for j < len(reply) && j < i+45 && (isHex(reply[j]) || reply[j] == '.' || reply[j] == ':') {
			j++
		}
		word := strings.TrimRight(reply[i:j], ".:")
		if strings.Count(word, ".") == 3 || strings.Count(word, ":") >= 2 {
			ip := parseIP(word)
			if ip.IsValid() && ip != remote && !ip.IsLoopback() && !ip.IsUnspecified() && isOurs(reply[max(0, i-60):i], reply[j:min(len(reply), j+40)]) {
				return ip
			}
			i = j
		}
	}
	return netip.Addr{}
}

// startsAddress tells a colon that stands before an address, not in one:
// "client: 192.0.2.1", "IPv6:2001:db8::1".
func startsAddress(before string) bool {
	return hasSuffixFold(before, "ipv6:") || len(before) < 2 || !isHex(before[len(before)-2])
}

// isOurs judges the words before and after an address. "Resolves to" and the
// like speak of a third address.
func isOurs(before, after string) bool {
	if near := strings.TrimRight(before, " ["); hasSuffixFold(near, " through") || hasSuffixFold(near, " resolves to") {
		return false
	}
	return containsFold(before, "ip") || oursBefore.in(before) || oursAfter.in(after)
}

// The words that speak of an address as the client's.
var (
	oursBefore = newPhrases(
		"client", "from ", "from [", "block", "listed", "host", "refused", "banned", "reject", "connection", "connecting", "server [",
		"sender", "sending", "reverse", "ptr", "dns", "rbl", "reputation", "spam", "your ", "not accept", "denied",
	)
	oursAfter = newPhrases("blocked", "listed", "rejected", "not allowed", "banned", "blacklist", "is not", "has been", "temporarily")
)
