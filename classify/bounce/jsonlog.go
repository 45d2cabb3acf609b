package bounce

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// record is what a line of KumoMTA's log says of one message: see "Log
// Record" in its reference.
type record struct {
	Type      string
	Sender    string
	Recipient json.RawMessage // one address or, of a batch, several
	Size      float64
	Time      float64 // seconds since 1970
	Response  struct {
		Code     int
		Enhanced *struct{ Class, Subject, Detail int } `json:"enhanced_code"`
		Content  string
		Command  string
	}
	Peer *struct{ Name, Addr string } // nil where no server was reached
	From struct{ Address string }     // ours, with a port
}

// outcomes are the types of records that tell what became of a message.
// Reception, Rejection (of a client of ours) and the rest do not.
var outcomes = map[string]struct {
	action Action
	stage  Stage
}{
	"Delivery":         {ActionDelivered, ""},
	"TransientFailure": {ActionDelayed, ""},
	"Bounce":           {ActionFailed, ""},
	"OOB":              {ActionFailed, ""}, // told by a bounce, after the delivery
	"Expiration":       {ActionFailed, StageQueue},
	"AdminBounce":      {ActionFailed, StageLocal},
}

// unwrapJSON is the line of a server that journald or a container's log has put
// into an object; what is no such object stays as it is.
func unwrapJSON(line string) string {
	if !strings.HasPrefix(line, "{") || !strings.Contains(line, `"log"`) && !strings.Contains(line, `"MESSAGE"`) {
		return line
	}
	var inner string
	if decodeFields(line, map[string]any{"log": &inner, "MESSAGE": &inner}); inner == "" {
		return line
	}
	return strings.TrimSpace(inner)
}

// readJSON reads a line that is a JSON object: a record of KumoMTA, or a
// notification of Amazon SES.
func (*logbook) readJSON(line string) (*Report, bool) {
	i := strings.IndexByte(line, '{')
	if i < 0 || i > 100 || !strings.HasPrefix(strings.TrimLeft(line[i+1:], " "), `"`) {
		return nil, false
	}
	line = line[i:]
	if r := (&reader{rep: &Report{}}); r.readNotification(line) {
		return r.rep, true
	}
	if !strings.Contains(line, `"recipient"`) {
		return nil, false
	}
	var rec record
	decodeFields(line, map[string]any{
		"type": &rec.Type, "sender": &rec.Sender, "recipient": &rec.Recipient, "size": &rec.Size, "timestamp": &rec.Time,
		"response": &rec.Response, "peer_address": &rec.Peer, "source_address": &rec.From,
	})
	if rec.Type == "" {
		return nil, false
	}
	return rec.report()
}

// decodeFields reads the fields of an object into what shall hold them, as far
// as it goes: a line too long was cut.
func decodeFields(object string, into map[string]any) {
	d := json.NewDecoder(strings.NewReader(object))
	if _, err := d.Token(); err != nil { // the brace
		return
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return
		}
		key, _ := name.(string)
		value, ok := into[key]
		if !ok {
			value = new(json.RawMessage)
		}
		if err := d.Decode(value); err != nil && !errors.As(err, new(*json.UnmarshalTypeError)) {
			return
		}
	}
}

// report makes one failure for each recipient.
func (rec *record) report() (*Report, bool) {
	if rec.Type == "Feedback" {
		return &Report{Kind: KindFeedbackReport}, true
	}
	outcome, ok := outcomes[rec.Type]
	if !ok {
		return noDelivery()
	}
	rep := &Report{Kind: kindOf(outcome.action)}
	rep.Original.EnvelopeSender = rec.Sender
	if rec.Size > 0 && rec.Size < 1<<50 && rec.Type != "OOB" { // there it is that of the bounce
		rep.Original.Size = int64(rec.Size)
	}
	if rec.Time > 0 && rec.Time < 1<<37 {
		rep.Date = time.Unix(int64(rec.Time), 0).UTC()
	}
	f := rec.failure()
	f.Action = outcome.action
	if outcome.stage != "" {
		f.Stage = outcome.stage
	}
	for _, to := range rec.recipients() {
		f.Recipient = to
		rep.Failures = append(rep.Failures, f)
	}
	return rep, true
}

func (rec *record) recipients() []string {
	var one string
	if json.Unmarshal(rec.Recipient, &one) == nil {
		return []string{one}
	}
	var all []string
	if json.Unmarshal(rec.Recipient, &all) != nil || len(all) == 0 {
		return []string{""}
	}
	return all[:min(len(all), maxFailures)]
}

// failure tells the reply of a server from KumoMTA's own words.
func (rec *record) failure() (f Failure) {
	r := rec.Response
	words, internal := strings.CutPrefix(r.Content, "KumoMTA internal: ")
	status := ""
	if e := r.Enhanced; e != nil {
		status = strconv.Itoa(e.Class) + "." + strconv.Itoa(e.Subject) + "." + strconv.Itoa(e.Detail)
	}
	switch own := rec.Type == "Expiration" || rec.Type == "AdminBounce"; {
	case own || internal || rec.Peer == nil && rec.Type != "OOB" || r.Code < 200 || r.Code > 599:
		f = hear(words, false)
		if f.Reply.Status == "" {
			f.Reply.Status = leadingStatus(status)
		}
	default:
		f = hear(strings.TrimSpace(strconv.Itoa(r.Code)+" "+strings.TrimSpace(status+" "+words)), true)
	}
	if rec.Peer != nil {
		f.setRemote(Host{cleanHost(rec.Peer.Name), parseIP(rec.Peer.Addr)})
	}
	f.sentFrom(rec.From.Address)
	if stage := commandStage(r.Command); stage != "" {
		f.Stage = stage
	}
	f.Sender = rec.Sender
	return f
}

// commandStage is the stage of an SMTP command. RFC 5321 section 4.1
func commandStage(command string) Stage {
	verb, _, _ := strings.Cut(lower(strings.TrimSpace(command)), " ")
	switch verb, _, _ = strings.Cut(verb, "\r"); verb {
	case "ehlo", "helo", "lhlo":
		return StageEHLO
	case "starttls":
		return StageSTARTTLS
	case "auth":
		return StageAuth
	case "mail":
		return StageMail
	case "rcpt":
		return StageRcpt
	case "data", "bdat":
		return StageData
	case ".":
		return StageEndOfData
	}
	return ""
}
