package realtest

import (
	"bytes"
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

const (
	ourAddr = "198.51.100.25"
	sender  = "carol@example.org"
)

// services is the part of master.cf that both servers share.
const services = `cleanup  unix       n - n - 0 cleanup
qmgr     unix       n - n 300 1 qmgr
pickup   unix       n - n 60 1 pickup
rewrite  unix       - - n - - trivial-rewrite
bounce   unix       - - n - 0 bounce
defer    unix       - - n - 0 bounce
trace    unix       - - n - 0 bounce
proxymap unix       - - n - - proxymap
anvil    unix       - - n - 1 anvil
smtp     unix       - - n - - smtp
error    unix       - - n - - error
retry    unix       - - n - - error
discard  unix       - - n - - discard
virtual  unix       - n n - - virtual
postlog  unix-dgram n - n - 1 postlogd
`

// listener is one inet line of master.cf: an address and the policy there.
type listener struct {
	addr    string
	options []string
}

func (l listener) line() string {
	line := l.addr + ":25 inet n - n - - smtpd"
	for _, o := range l.options {
		line += "\n\t-o " + o
	}
	return line + "\n"
}

// postfix is one Postfix instance; its name is that of its namespace.
type postfix struct{ name string }

func (p postfix) path(name string) string { return filepath.Join(workDir, p.name, name) }

// startPostfix starts an instance with these settings beside the common ones.
func startPostfix(t *testing.T, name, settings string, listeners ...listener) postfix {
	t.Helper()
	p := postfix{name}
	write(t, p.path("etc/main.cf"), fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
inet_protocols = ipv4
mydestination =
alias_maps =
local_recipient_maps =
virtual_mailbox_maps = texthash:%[1]s/mailboxes
`, p.path(""))+settings)
	p.writeListeners(t, listeners)
	for _, dir := range []string{"queue", "data", "mail"} {
		if err := os.MkdirAll(p.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "chown", "postfix", p.path("data"))
	run(t, "chown", "nobody", p.path("mail"))
	p.do(t, "start")
	t.Cleanup(func() {
		_ = command(context.Background(), p.control("stop")).Run()
		if log, err := os.ReadFile(p.path("log")); t.Failed() && err == nil {
			t.Logf("Postfix %s:\n%s", name, log)
		}
	})
	return p
}

func (p postfix) control(verb string) []string {
	return within(p.name, "postfix", "-c", p.path("etc"), verb)
}

func (p postfix) do(t *testing.T, verb string) {
	t.Helper()
	run(t, p.control(verb)...)
}

func (p postfix) writeListeners(t *testing.T, listeners []listener) {
	t.Helper()
	text := services
	for _, l := range listeners {
		text += l.line()
	}
	write(t, p.path("etc/master.cf"), text)
}

// setListeners puts other listeners in place of those that stand. The caller
// waits for what it wants to see of them.
func (p postfix) setListeners(t *testing.T, listeners ...listener) {
	t.Helper()
	p.writeListeners(t, listeners)
	p.do(t, "reload")
}

// setMailboxes says which mailboxes there are, "address path" on each line.
func (p postfix) setMailboxes(t *testing.T, lines string) {
	t.Helper()
	write(t, p.path("mailboxes"), lines)
	p.do(t, "reload")
}

// startOurs starts our own mail server: it relays for the router, where this
// test stands for a colleague's desk, and tries each message once.
func startOurs(t *testing.T) postfix {
	t.Helper()
	write(t, filepath.Join(workDir, "ours/mailboxes"), sender+" carol/\n")
	return startPostfix(t, "ours", `myhostname = mail.example.org
mynetworks = 198.51.100.0/24
virtual_mailbox_domains = example.org
virtual_mailbox_base = `+workDir+`/ours/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
maximal_queue_lifetime = 0
bounce_queue_lifetime = 0
smtp_connect_timeout = 5s
# Desk clients do not ask for SMTPUTF8, but Go's does wherever it is offered.
smtputf8_enable = no
# A destination that failed once is tried again with the next message.
default_destination_concurrency_failed_cohort_limit = 100
`, listener{addr: ourAddr})
}

// send submits a message of at least size bytes, as the colleague does.
func (p postfix) send(t *testing.T, to string, size int) {
	t.Helper()
	var msg bytes.Buffer
	fmt.Fprintf(&msg, "From: %s\r\nTo: %s\r\nSubject: offer\r\nMessage-ID: <%d@example.org>\r\nDate: %s\r\n\r\n",
		sender, to, time.Now().UnixNano(), time.Now().Format(time.RFC1123Z))
	for msg.Len() < size {
		msg.WriteString("The quick brown fox jumps over the lazy dog, and rests a while.\r\n")
	}
	if err := smtp.SendMail(ourAddr+":25", nil, sender, []string{to}, msg.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// bounce waits for the bounce for a recipient and returns its path in the
// colleague's maildir.
func (p postfix) bounce(t *testing.T, to string) (path string) {
	t.Helper()
	eventually(t, "bounce for "+to, func(context.Context) error {
		paths, err := filepath.Glob(p.path("mail/carol/new/*"))
		if err != nil {
			return err
		}
		for _, path = range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if strings.Contains(string(text), "Final-Recipient: rfc822; "+to+"\n") {
				return nil
			}
		}
		return errors.New("not in the mailbox")
	})
	return path
}

// deliver sends a message and waits until the log tells that another server
// took it.
func (p postfix) deliver(t *testing.T, to string, size int) {
	t.Helper()
	before, err := os.ReadFile(p.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	p.send(t, to, size)
	sent := regexp.MustCompile(`to=<` + regexp.QuoteMeta(to) + `>, .* status=sent \(250 `)
	eventually(t, "delivery to "+to, func(context.Context) error {
		log, err := os.ReadFile(p.path("log"))
		if err == nil && !sent.Match(log[len(before):]) {
			err = errors.New("not in the log")
		}
		return err
	})
}

// session opens an SMTP session to one of their listeners and hands it to look.
func session(addr string, look func(*smtp.Client) error) error {
	c, err := smtp.Dial(addr + ":25")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Hello("desk.example.org"); err != nil {
		return err
	}
	return look(c)
}
