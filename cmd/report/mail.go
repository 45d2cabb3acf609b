package report

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"

	"diagnose/probe"
)

// Mail makes a letter a message (RFC 5322) that a mail program opens as a
// draft, or that `sendmail -t -f ”` sends. It is marked as written by a
// program (RFC 3834), and belongs into an envelope without a sender: a letter
// about a bounce must never cause another one.
type Mail struct {
	Now time.Time // its Date
}

// write writes one message. Every header field is made of what was parsed
// again, never of a bounce's own bytes: no line of theirs becomes a field of
// ours.
func (m *Mail) write(out io.Writer, to Addressee, r probe.Report, subject string, body []byte) error {
	var b bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	from, addressee, thread := m.parties(to, r)
	field("From", from)
	field("To", first(addressee, "undisclosed-recipients:;"))
	field("Subject", strings.ReplaceAll(mime.QEncoding.Encode("utf-8", subject), " =?", "\r\n =?"))
	field("Date", m.Now.Format(time.RFC1123Z))
	field("Message-ID", messageID(from, m.Now, body))
	field("In-Reply-To", thread)
	field("References", thread)
	field("Auto-Submitted", map[Addressee]string{Colleague: "auto-replied", Remote: "auto-generated"}[to])
	field("X-Auto-Response-Suppress", "All") // Exchange heeds no other
	field("MIME-Version", "1.0")
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	if _, err := q.Write(body); err != nil {
		return err
	}
	if err := q.Close(); err != nil {
		return err
	}
	_, err := out.Write(b.Bytes())
	return err
}

// parties are who writes to whom, and the message that it is about. Whoever
// runs our mail answers as postmaster of our domain (RFC 5321 section 4.5.1).
func (m *Mail) parties(to Addressee, r probe.Report) (from, addressee, thread string) {
	if r.Failure == nil {
		return "", "", ""
	}
	sender, recipient := address(r.Failure.Sender), address(r.Failure.Recipient)
	from = postmaster(sender)
	if to == Remote {
		return from, postmaster(recipient), ""
	}
	return from, sender, identifier(r.Failure.Original.MessageID)
}

func postmaster(of string) string {
	if i := strings.LastIndexByte(of, '@'); i >= 0 {
		return address("postmaster@" + of[i+1:])
	}
	return ""
}

// address is s as an address in a header field, or nothing where it is none.
// Only what every mail system takes is used: ASCII, and no quoted local part.
func address(s string) string {
	a, err := mail.ParseAddress("<" + s + ">")
	if err != nil || len(a.Address) > 254 || strings.ContainsFunc(a.Address, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<>[\]`, r)
	}) {
		return ""
	}
	return a.Address
}

// identifier is s as a Message-ID (RFC 5322 section 3.6.4), or nothing.
func identifier(s string) string {
	inner, found := strings.CutPrefix(s, "<")
	inner, closed := strings.CutSuffix(inner, ">")
	if !found || !closed || inner == "" || len(s) > 250 || strings.ContainsFunc(inner, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '<' || r == '>'
	}) {
		return ""
	}
	return s
}

// messageID is the same for the same letter at the same time.
func messageID(from string, now time.Time, body []byte) string {
	_, domain, found := strings.Cut(from, "@")
	if !found {
		return "" // the mail server that takes the letter gives it one
	}
	h := sha256.New()
	fmt.Fprintln(h, from, now.UnixNano())
	h.Write(body)
	return fmt.Sprintf("<%x@%s>", h.Sum(nil)[:12], domain)
}
