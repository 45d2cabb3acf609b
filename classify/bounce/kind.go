package bounce

import "strings"

// daemons are the names by which servers sign their reports.
var daemons = newPhrases(
	"mailer-daemon", "mailer daemon", "mail delivery", "mail deliver system", "delivery subsystem",
	"maildelivery", "mailerdaemon", "mail_delivery",
)

// offices sign reports and are people or mailing lists, too.
var offices = newPhrases("postmaster", "post_master", "mail administrator", "bounce@", "bounces@")

// subjects are what reports have for a subject.
var subjects = newPhrases(
	"undeliver", "non-deliver", "not deliver", "delivery fail", "delivery status", "delivery notification", "delivery report", "delivery problem",
	"delivery error", "failure notice", "failure notification", "failed delivery", "delivery has failed", "returned mail", "returned to sender", "return to sender",
	"could not be delivered", "couldn't be delivered", "mail system error", "mail failure", "mail failed", "message delivery", "delayed mail", "delivery delay",
	"delivery incomplete", "warning: message", "bounced", "cannot be delivered", "can't be delivered", "non remis", "unzustellbar", "undelivery",
	"退信", "退回", "未送達", "未送达", "无法投递", "無法投遞", "无法送达", "無法送達", "無法傳遞", "投递失败", "配信", "投遞失敗",
)

// sentences are what reports begin with, and other mail hardly ever.
var sentences = newPhrases(
	"able to deliver your message", "could not be delivered", "couldn't be delivered", "couldn\u2019t be delivered", "delivery to the following", "unable to deliver",
	"did not reach the following", "had permanent fatal errors", "had delivery errors", "had delivery problems", "delivery has failed",
	"undeliverable", "permanent delivery errors", "was not delivered", "wasn't delivered", "not been delivered", "cannot be delivered",
	"failed to deliver", "delivery failed", "error delivering your mail", "error has occurred while attempting to deliver", "returned to sender",
	"rejected by a remote mail server", "not a member of this mailing list", "duplicated message-id", "this is the smtp delivery program",
	"message could not be", "error message below", "diagnostic-code", "did not reach some or all", "不能成功的递送", "不能成功的遞送", "退信", "您的邮件被退回", "無法送達", "无法送达", "无法投递", "無法投遞", "recipients did not receive",
)

// isBounceHeader tells the header of a report by who signs it or by its
// subject.
func isBounceHeader(h header) bool {
	subject := h.text(keySubject)
	return isSigned(h, subject) || isTitle(subject)
}

// isSigned tells the header of a report by what no person and no mailing puts
// into one.
func isSigned(h header, subject string) bool {
	if isReport(h) || h.has(keyXFailedRecipients) {
		return true
	}
	if autoSubjects.in(subject) {
		return false
	}
	from := h.text(keyFrom)
	office, title := offices.in(from), isTitle(subject)
	return from == "<>" || daemons.in(from) || office && title || (office || title) && isAutomatic(h)
}

// isAutomatic tells mail that no person wrote: its envelope had no sender (RFC
// 5321 section 4.5.5), or its header says so (RFC 3834 section 5).
func isAutomatic(h header) bool {
	return strings.HasPrefix(h.get(keyReturnPath), "<>") || hasPrefixFold(h.get(keyAutoSubmitted), "auto-")
}

// isTitle tells the subject of a report, which is neither that of an answer to
// one nor that of a forward. People write about bounces, too: it is a hint.
func isTitle(subject string) bool {
	return subjects.in(subject) && !autoSubjects.in(subject) && !isAnswer(subject)
}

// isReport tells a delivery status report by its type. RFC 3462 section 2
func isReport(h header) bool {
	kind := h.param("report-type")
	return h.mediaType() == "multipart/report" && (kind == "" || strings.EqualFold(kind, "delivery-status"))
}

// isAnswer tells the subject of an answer or a forward by what mail programs
// put before it, each in the language of its user.
func isAnswer(subject string) bool {
	prefix, _, ok := strings.Cut(strings.ReplaceAll(subject[:min(len(subject), 40)], "\uff1a", ":"), ":")
	switch lower(strings.TrimSpace(prefix)) {
	case "re", "aw", "antw", "sv", "vs", "odp", "ynt", "res", "ref", "rif", "atb", "回复", "回覆", "答复", "答覆", "返信", "회신",
		"fw", "fwd", "[fwd", "wg", "tr", "rv", "enc", "vb", "vl", "pd", "ilt", "doorst", "转发", "转寄", "轉寄", "轉發", "転送", "전달":
		return ok
	}
	return false
}

// reads tells a text that speaks of a failed delivery and says whose: by a
// reply or a status beside an address, or by naming the address in the
// sentence itself.
func reads(notice string) bool {
	head := unfold(notice[:min(len(notice), maxValue)])
	i, w := sentences.find(head, 0)
	if i < 0 {
		return false
	}
	rest := head[i+len(sentences.words[w]):]
	start, end := nextAddress(rest, 0)
	if end > 0 && start < 40 && !strings.Contains(rest[:start], ". ") && !containsFold(rest[:start], "write to") && !containsFold(rest[:start], "contact") {
		return true
	}
	return tells(notice)
}

// tells is whether a text names an address and has a reply or a status for it.
func tells(notice string) bool {
	if _, end := nextAddress(notice[:min(len(notice), maxValue)], 0); end == 0 {
		return false
	}
	f := hear(notice, false)
	return f.Reply.Code >= 400 || f.Reply.Status != ""
}

// isAutoReply tells the answer of someone who is away. RFC 3834 section 5
func (r *reader) isAutoReply() bool {
	h := r.header
	auto := lower(h.get(keyAutoSubmitted))
	return strings.HasPrefix(auto, "auto-replied") || h.has(keyXAutoreply) || h.has(keyXAutorespond) || h.has(keyXAutoresponder) ||
		h.has(keyXAutoReplyFrom) || strings.Contains(lower(h.get(keyXAppleAction)), "vacation") || strings.EqualFold(h.get(keyPrecedence), "auto_reply") || autoSubjects.in(r.rep.Subject)
}

// autoSubjects are what the answers of people who are away have for a subject.
var autoSubjects = newPhrases(
	"automatic reply", "auto reply", "auto-reply", "autoreply", "autorespon", "auto response", "auto-response", "out of office", "out of the office", "vacation",
	"automatische antwort", "réponse automatique", "respuesta automática", "abwesenheit", "自動回覆", "自动回复", "自動返信", "自动答复", "不在",
)

// isFeedback tells a complaint (RFC 5965), also where the part is missing, and
// a disposition notification (RFC 8098), which is about no delivery either.
func (r *reader) isFeedback(notice string) bool {
	if r.arf || r.mdn || isComplaint(r.header, r.rep.Subject) {
		return true
	}
	if kind := r.header.param("report-type"); kind != "" || len(r.dsn.groups) > 0 {
		return strings.EqualFold(kind, "feedback-report") || strings.EqualFold(kind, "disposition-notification")
	}
	return complaints.in(notice[:min(len(notice), 1000)])
}

// isComplaint tells a complaint by its header, as Microsoft sends them.
func isComplaint(h header, subject string) bool {
	return h.has(keyXHmXmrOriginalRecipient) || complaints.in(subject)
}

var complaints = newPhrases("abuse report for", "complaint about message from", "feedback-type: ", "apple mail sent this email to unsubscribe")

// actionTold tells a warning from a failure by its words.
func actionTold(subject, notice string) Action {
	notice = notice[:min(len(notice), maxValue)]
	delayed := false
	for i, w := fates.find(notice, 0); i >= 0; i, w = fates.find(notice, i+1) {
		if w < stillTried {
			return ActionFailed
		}
		delayed = true
	}
	if delayed || delaySubjects.in(subject) {
		return ActionDelayed
	}
	return ActionFailed
}

// fates tell a failure for good, and from stillTried on a delivery that is still
// tried.
var fates = newPhrases(
	"permanent error", "failed permanently", "permanent fatal", "given up", "permanent failure",
	"warning message only", "warning only", "has been delayed", "will be retried", "is delayed", "will keep trying", "not yet been delivered", "continue to try", "will continue trying",
)

const stillTried = 5

// delaySubjects are what warnings have for a subject.
var delaySubjects = newPhrases("delay", "warning", "still being retried", "延迟", "延遲")
