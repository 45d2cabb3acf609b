package realtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sender is one of our own mail servers, with a namespace, an address and a
// name of its own. It relays for the router, where this test stands for a
// colleague's desk, and tries each message once.
type sender struct {
	name string // of the namespace and of the folder
	addr string
	helo string
	log  string // that tells of deliveries
	sent string // how it tells that one was made: a pattern with %s for the recipient
}

var senders = []sender{
	{
		name: "postfix", addr: "198.51.100.25", helo: "mail.example.org",
		log: "log", sent: `to=<%s>, .* status=sent \(250 `,
	},
	{
		name: "exim", addr: "198.51.100.90", helo: "mail2.example.org",
		log: "log/main", sent: `[=-]> %s .* C="250`,
	},
}

func (s sender) path(name string) string { return filepath.Join(workDir, s.name, name) }

func startSenders(t *testing.T) {
	t.Helper()
	for _, s := range senders {
		makeDir(t, s.path("mail"))
		run(t, "chown", "nobody", s.path("mail"))
	}
	startPostfix(t, "postfix", read(t, workDir+"/postfix/ours.cf"), read(t, workDir+"/postfix/ours.master"))
	startExim(t, "exim", read(t, workDir+"/exim/ours.conf"))
	for _, s := range senders {
		await(t, s.name, s.addr, (*smtp.Client).Noop)
	}
}

// mail is what the colleague sends.
type mail struct {
	from   string
	as     string // the author in From; empty: from
	to     []string
	header string // more lines of it, each with its end
	size   int    // at least, in bytes
	port   int    // where it is handed in; 0: 25
}

// send hands a message in, as the colleague does.
func (s sender) send(t *testing.T, m mail) {
	t.Helper()
	var msg bytes.Buffer
	fmt.Fprintf(&msg, "From: %s\r\nTo: %s\r\nSubject: offer\r\nMessage-ID: <%d@example.org>\r\nDate: %s\r\n%s\r\n",
		cmp.Or(m.as, m.from), strings.Join(m.to, ",\r\n "), time.Now().UnixNano(), time.Now().Format(time.RFC1123Z), m.header)
	for msg.Len() < max(m.size, 500) {
		msg.WriteString("The quick brown fox jumps over the lazy dog, and rests a while.\r\n")
	}
	if m.port == 0 {
		m.port = 25
	}
	if err := smtp.SendMail(fmt.Sprintf("%s:%d", s.addr, m.port), nil, m.from, m.to, msg.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// bounce waits for the bounce for a recipient and returns its path in the
// colleague's maildir.
func (s sender) bounce(t *testing.T, to string) (path string) {
	t.Helper()
	line := regexp.MustCompile(`(?mi)^Final-Recipient: (rfc822|utf-8); ?` + regexp.QuoteMeta(to) + `\r?$`)
	eventually(t, "bounce for "+to, func(context.Context) error {
		paths, err := filepath.Glob(s.path("mail/all/new/*"))
		if err != nil {
			return err
		}
		for _, path = range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if line.Match(text) {
				return nil
			}
		}
		return errors.New("not in the mailbox")
	})
	return path
}

// deliver sends a message and waits until the log tells that another server
// took it.
func (s sender) deliver(t *testing.T, m mail) {
	t.Helper()
	before := len(read(t, s.path(s.log)))
	s.send(t, m)
	sent := regexp.MustCompile(fmt.Sprintf(s.sent, regexp.QuoteMeta(m.to[0])))
	eventually(t, "delivery to "+m.to[0], func(context.Context) error {
		log, err := os.ReadFile(s.path(s.log))
		if err == nil && !sent.Match(log[before:]) {
			err = errors.New("not in the log")
		}
		return err
	})
}

// await waits until a session with a mail server goes as wanted.
func await(t *testing.T, what, addr string, look func(*smtp.Client) error) {
	t.Helper()
	eventually(t, what+" at "+addr, func(context.Context) error {
		c, err := smtp.Dial(addr + ":25")
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.Hello("desk.example.org"); err != nil {
			return err
		}
		return look(c)
	})
}
