package bounce

import "strings"

// daemons are the names by which servers sign their reports.
var daemons = newPhrases(
	"mailer-daemon", "mailer daemon", "postmaster", "post_master", "mail delivery", "mail deliver system", "delivery subsystem",
	"mail administrator", "maildelivery", "mailerdaemon", "bounce@", "bounces@", "mail_delivery",
)

// subjects are what reports have for a subject.
var subjects = newPhrases(
	"undeliver", "non-deliver", "not deliver", "delivery fail", "delivery status", "delivery notification", "delivery report", "delivery problem",
	"delivery error", "failure notice", "failure notification", "failed delivery", "delivery has failed", "returned mail", "returned to sender", "return to sender",
	"could not be delivered", "couldn't be delivered", "mail system error", "mail failure", "mail failed", "message delivery", "delayed mail", "delivery delay",
	"delivery incomplete", "warning: message", "bounced", "cannot be delivered", "can't be delivered", "non remis", "unzustellbar", "undelivery",
	"退信", "退回", "未送達", "未送达", "无法投递", "無法投遞", "无法送达", "無法傳遞", "投递失败", "配信", "投遞失敗",
)

// sentences are what reports begin with, and other mail hardly ever.
var sentences = newPhrases(
	"able to deliver your message", "could not be delivered", "couldn't be delivered", "couldn\u2019t be delivered", "delivery to the following", "unable to deliver",
	"did not reach the following", "had permanent fatal errors", "had delivery errors", "had delivery problems", "delivery has failed",
	"undeliverable", "permanent delivery errors", "was not delivered", "wasn't delivered", "not been delivered", "cannot be delivered",
	"failed to deliver", "delivery failed", "error delivering your mail", "error has occurred while attempting to deliver", "returned to sender",
	"rejected by a remote mail server", "not a member of this mailing list", "duplicated message-id", "this is the smtp delivery program",
	"message could not be", "error message below", "diagnostic-code", "did not reach some or all", "不能成功的递送", "不能成功的遞送", "退信", "您的邮件被退回",
)

// isBounceHeader tells the header of a report by who signs it and by its
// subject.
func isBounceHeader(h header) bool {
	if isReport(h) || h.has("X-Failed-Recipients") {
		return true
	}
	if subject := h.text("Subject"); autoSubjects.in(subject) {
		return false
	} else if subjects.in(subject) && !hasPrefixFold(subject, "re:") && !isForward(subject) {
		return true
	}
	from := h.text("From")
	return from == "<>" || daemons.in(from)
}

// isReport tells a delivery status report by its type. RFC 3462 section 2
func isReport(h header) bool {
	kind := h.param("report-type")
	return h.mediaType() == "multipart/report" && (kind == "" || strings.EqualFold(kind, "delivery-status"))
}

func isForward(subject string) bool {
	for _, mark := range []string{"fw:", "fwd:", "转发", "轉寄", "wg:", "tr:"} {
		if hasPrefixFold(subject, mark) {
			return true
		}
	}
	return false
}

// reads tells a text that speaks of a failed delivery and says whose: by a
// reply or a status beside an address, or by naming the address in the
// sentence itself.
func (r *reader) reads(notice string) bool {
	head := unfold(notice[:min(len(notice), maxValue)])
	i, w := sentences.find(head, 0)
	if i < 0 {
		return false
	}
	rest := head[i+len(sentences.words[w]):]
	start, end := nextAddress(rest, 0)
	if end > 0 && start < 40 && !strings.Contains(rest[:start], ". ") {
		return true
	}
	if _, end := nextAddress(head, 0); end == 0 {
		return false
	}
	f := hear(notice, false)
	return f.Reply.Code >= 400 || f.Reply.Status != ""
}

// isAutoReply tells the answer of someone who is away. RFC 3834 section 5
func (r *reader) isAutoReply() bool {
	h := r.header
	auto := lower(h.get("Auto-Submitted"))
	return strings.HasPrefix(auto, "auto-replied") || h.has("X-Autoreply") || h.has("X-Autorespond") || h.has("X-Autoresponder") ||
		h.has("X-Auto-Reply-From") || strings.Contains(lower(h.get("X-Apple-Action")), "vacation") || strings.EqualFold(h.get("Precedence"), "auto_reply") || autoSubjects.in(r.rep.Subject)
}

// autoSubjects are what the answers of people who are away have for a subject.
var autoSubjects = newPhrases(
	"automatic reply", "auto reply", "auto-reply", "autoreply", "autorespon", "auto response", "auto-response", "out of office", "out of the office", "vacation",
	"automatische antwort", "réponse automatique", "respuesta automática", "abwesenheit", "自動回覆", "自动回复", "自動返信", "自动答复", "不在",
)

// isFeedback tells a complaint (RFC 5965), also where the part is missing, and
// a disposition notification (RFC 8098), which is about no delivery either.
func (r *reader) isFeedback(notice string) bool {
	if r.arf || r.mdn {
		return true
	}
	if kind := r.header.param("report-type"); kind != "" || len(r.dsn.groups) > 0 {
		return strings.EqualFold(kind, "feedback-report") || strings.EqualFold(kind, "disposition-notification")
	}
	return complaints.in(notice[:min(len(notice), 1000)])
}

var complaints = newPhrases("abuse report for", "apple mail sent this email to unsubscribe")

// actionTold tells a warning from a failure by its words.
func actionTold(subject, notice string) Action {
	notice = notice[:min(len(notice), maxValue)]
	if !givenUp.in(notice) && (delaySubjects.in(subject) || delays.in(notice)) {
		return ActionDelayed
	}
	return ActionFailed
}

// What tells a failure for good from a delivery that is still tried.
var (
	givenUp       = newPhrases("permanent error", "failed permanently", "permanent fatal", "given up", "permanent failure")
	delaySubjects = newPhrases("delay", "warning", "still being retried", "延迟", "延遲")
	delays        = newPhrases("warning message only", "warning only", "has been delayed", "will be retried", "is delayed", "will keep trying", "not yet been delivered", "continue to try", "will continue trying")
)

// quoted finds a bounce in a message whose header does not say that it is one:
// behind ">", below a forward's heading, or as the text itself. Empty where
// there is none.
func (r *reader) quoted(notice string) string {
	for _, t := range r.texts {
		body := t.body
		if t.html {
			body = plainText(body)
		}
		body = normalize(body)
		for _, inner := range []string{unquote(body), afterForwardMark(body)} {
			inner, _ = cutOriginal(r.embeddedStatus(inner))
			if len(r.dsn.groups) > 0 || r.reads(inner) {
				return inner
			}
		}
	}
	if r.reads(notice) {
		return notice
	}
	return ""
}

// forwardMarks head a forwarded message.
var forwardMarks = newPhrases("original message", "forwarded message", "原始郵件", "原始邮件")

// afterForwardMark is the text below "----- Original Message -----" and its
// few header lines, where these name a daemon or the subject of a report.
func afterForwardMark(body string) string {
	for rest := body; rest != ""; {
		line, after := cutLine(rest)
		if forwardMarks.in(line) {
			h, inner := parseHeader(strings.TrimLeft(after, "\r\n"))
			if isBounceHeader(h) {
				return inner
			}
		}
		rest = after
	}
	return ""
}
