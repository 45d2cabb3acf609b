package bounce

import (
	"encoding/json"
	"strings"
)

// notification is the JSON by which Amazon SES tells of a bounce, a complaint
// or a delivery, alone or as the "Message" of an SNS envelope.
type notification struct {
	Message string
	Type    string `json:"notificationType"`
	Event   string `json:"eventType"`
	Bounce  struct {
		Recipients []struct {
			Address    string `json:"emailAddress"`
			Action     string `json:"action"`
			Status     string `json:"status"`
			Diagnostic string `json:"diagnosticCode"`
		} `json:"bouncedRecipients"`
		Reporting string `json:"reportingMTA"`
	}
	Delivery struct {
		Recipients []string
		Response   string `json:"smtpResponse"`
		Reporting  string `json:"reportingMTA"`
	}
	Mail struct {
		Source    string
		MessageID string `json:"messageId"`
	}
}

// readNotification reads such a JSON text, false where it is none.
func (r *reader) readNotification(body string) bool {
	body = strings.TrimSpace(body)
	if !strings.HasPrefix(body, "{") || !strings.Contains(body, "otificationType") && !strings.Contains(body, "eventType") {
		return false
	}
	n, ok := parseNotification(body)
	if !ok {
		return false
	}
	switch n.Type + n.Event {
	case "Complaint":
		r.rep.Kind = KindFeedbackReport
	case "Delivery":
		r.rep.Kind = KindDelivered
		for _, addr := range n.Delivery.Recipients[:min(len(n.Delivery.Recipients), maxFailures)] {
			f := r.known.hear(n.Delivery.Response, true)
			f.Recipient, f.Action, f.Sender = addr, ActionDelivered, n.Mail.Source
			r.rep.Failures = append(r.rep.Failures, f)
		}
	case "Bounce":
		r.rep.Kind = KindBounce
		for _, to := range n.Bounce.Recipients[:min(len(n.Bounce.Recipients), maxFailures)] {
			f := group{final: to.Address, action: to.Action, status: to.Status, diagnostic: to.Diagnostic}.failure(r.known)
			f.Sender = n.Mail.Source
			r.rep.Failures = append(r.rep.Failures, f)
		}
	default:
		return false
	}
	_, host := typed(n.Bounce.Reporting + n.Delivery.Reporting)
	r.rep.ReportingHost = parseHost(host).Name
	r.rep.Original.EnvelopeSender = n.Mail.Source
	return true
}

func parseNotification(body string) (n notification, ok bool) {
	// Mail servers break the one long line that the JSON is.
	body = strings.ReplaceAll(strings.ReplaceAll(body, "\n ", ""), "\n", "")
	if json.NewDecoder(strings.NewReader(body)).Decode(&n) != nil {
		return n, false
	}
	if n.Message != "" {
		var inner notification
		err := json.NewDecoder(strings.NewReader(n.Message)).Decode(&inner)
		return inner, err == nil
	}
	return n, true
}
