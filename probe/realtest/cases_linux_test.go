package realtest

import (
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"os"
	"slices"
	"strings"
	"testing"
)

// Their server's addresses, each a domain's only MX with a policy of its own.
const (
	usersAddr    = "203.0.113.25" // knows its users
	shutAddr     = "203.0.113.26" // nothing listens
	smallAddr    = "203.0.113.27" // takes small messages only
	listingAddr  = "203.0.113.28" // asks a block list
	reverseAddr  = "203.0.113.29" // wants a PTR
	controlAddr1 = "203.0.113.251"
	controlAddr2 = "203.0.113.252"
)

var theirAddrs = []string{usersAddr, shutAddr, smallAddr, listingAddr, reverseAddr, controlAddr1, controlAddr2}

// theirListeners is their master.cf while every cause stands.
var theirListeners = []listener{
	{addr: usersAddr},
	{addr: smallAddr, options: []string{"message_size_limit=20000"}},
	// A smtpd process remembers what a list said for as long as it lives.
	{addr: listingAddr, options: []string{"smtpd_client_restrictions=reject_rbl_client,zen.spamhaus.org", "max_use=1"}},
	{addr: reverseAddr, options: []string{"smtpd_client_restrictions=reject_unknown_reverse_client_hostname"}},
	{addr: controlAddr1},
	{addr: controlAddr2},
}

func startTheirs(t *testing.T) postfix {
	t.Helper()
	write(t, workDir+"/theirs/mailboxes", mailboxes)
	return startPostfix(t, "theirs", `myhostname = mx.users.example
virtual_mailbox_domains = users.example, shut.example, small.example, listing.example, reverse.example, gone.example
virtual_transport = discard
unknown_client_reject_code = 550
`, theirListeners...)
}

const mailboxes = `postmaster@users.example x
dave@shut.example x
dave@small.example x
dave@listing.example x
dave@reverse.example x
dave@gone.example x
`

// world is all that a case can change.
type world struct {
	names        *names
	lists        *daemon
	ours, theirs postfix
}

// step is what a bounce is worth, first or after a change.
type step struct {
	name   string
	change func(*testing.T, *world) // mends it: the message, sent again, must arrive
	flags  []string
	want   want
}

// cases: a bounce, and what it is worth first with its cause in place, then
// without it.
var cases = []struct {
	name  string
	cause func(*testing.T, *world) // nil: it stands from the start
	to    string
	size  int    // of the message, in bytes
	says  string // a phrase of the bounce: that it failed as the case wants
	steps []step
}{
	{
		name: "an unknown user is seen with --rcpt only, and clears when created",
		to:   "nobody@users.example",
		says: "User unknown in virtual mailbox table",
		steps: []step{
			{name: "unknown", want: want{1, "consistent", "recipient", "smtp.greets"}},
			{name: "unknown, asked for", flags: []string{"--rcpt"}, want: want{1, "confirmed", "recipient", "rcpt.refused-alone"}},
			{name: "created", change: createUser, want: want{1, "consistent", "recipient", "smtp.greets"}},
			{name: "created, asked for", flags: []string{"--rcpt"}, want: want{1, "cleared", "sender", "rcpt.exists"}},
		},
	},
	{
		name: "a missing domain is confirmed and clears when it exists",
		to:   "dave@gone.example",
		says: "Name service error for name=gone.example",
		steps: []step{
			{name: "missing", want: want{5, "confirmed", "remote-server", "mx.nxdomain"}},
			{name: "registered", change: register, want: want{5, "cleared", "sender", "mx.ok"}},
		},
	},
	{
		name:  "a domain that takes no mail is confirmed",
		to:    "dave@nomail.example",
		says:  "nullMX",
		steps: []step{{name: "null MX", want: want{5, "confirmed", "sender", "mx.null"}}},
	},
	{
		name: "a refused connection is theirs while controls answer, and clears when they listen",
		to:   "dave@shut.example",
		says: "Connection refused",
		steps: []step{
			{name: "refused", flags: controls, want: want{9, "confirmed", "remote-server", "control.ok"}},
			{name: "listening", change: listen, flags: controls, want: want{9, "cleared", "sender", "smtp.greets"}},
		},
	},
	{
		name:  "a closed port 25 is ours, and clears when it opens",
		cause: closePort25,
		to:    "postmaster@users.example",
		says:  "connect to mx.users.example",
		steps: []step{
			{name: "closed", flags: controls, want: want{9, "confirmed", "our-server", "control.failed"}},
			{name: "open", change: openPort25, flags: controls, want: want{9, "cleared", "sender", "smtp.greets"}},
		},
	},
	{
		name: "a size limit is confirmed and never clears",
		to:   "dave@small.example",
		size: 30_000,
		says: "exceeds size limit 20000",
		steps: []step{
			{name: "limited", want: want{7, "confirmed", "sender", "smtp.greets"}},
			{name: "raised", change: raiseLimit, want: want{7, "consistent", "sender", "smtp.greets"}},
		},
	},
	{
		name:  "a listing is confirmed, clears with the delisting, and is unknown without the list",
		cause: list,
		to:    "dave@listing.example",
		says:  "blocked using zen.spamhaus.org",
		steps: []step{
			{name: "listed", want: want{11, "confirmed", "our-server", "named.listed"}},
			{name: "delisted", change: delist, want: want{11, "cleared", "sender", "named.not-listed"}},
			{name: "list down", change: stopLists, want: want{11, "inconclusive", "unknown", "named.no-answer"}},
		},
	},
	{
		name:  "a missing PTR is confirmed and clears when it is set",
		cause: removePTR,
		to:    "dave@reverse.example",
		says:  "cannot find your reverse hostname",
		steps: []step{
			{name: "missing", want: want{12, "confirmed", "our-server", "ptr.none"}},
			{name: "set", change: restorePTR, want: want{12, "cleared", "sender", "ptr.ok"}},
		},
	},
}

func TestRealServers(t *testing.T) {
	if os.Getenv(switchVar) == "" {
		t.Skip("needs root, namespaces and real servers: " + switchVar + "=1 go test -count=1 ./probe/realtest")
	}
	takeOver(t)
	buildNetwork(t)
	w := &world{names: startNames(t)}
	w.lists = startLists(t)
	w.theirs = startTheirs(t)
	w.ours = startOurs(t)

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.cause != nil {
				c.cause(t, w)
			}
			w.ours.send(t, c.to, c.size)
			bounce := w.ours.bounce(t, c.to)
			if text, err := os.ReadFile(bounce); err != nil || !strings.Contains(unfolded(text), c.says) {
				t.Fatalf("the bounce does not say %q (%v):\n%s", c.says, err, text)
			}
			for _, s := range c.steps {
				if s.change != nil {
					s.change(t, w)
					w.ours.deliver(t, c.to, c.size)
				}
				t.Run(s.name, func(t *testing.T) {
					diagnose(t, bounce, s.want, slices.Concat(allow, s.flags)...)
				})
			}
		})
	}
	t.Run("an address that is not public is not dialled unless allowed", func(t *testing.T) {
		const to = "lee@users.example" // whom no case before has a bounce for: this message must have failed before the port opens
		closePort25(t, w)
		w.ours.send(t, to, 0)
		bounce := w.ours.bounce(t, to)
		openPort25(t, w)

		dialled := countPort25(t)
		diagnose(t, bounce, want{9, "inconclusive", "unknown", "skipped.private"})
		if n := dialled(); n != 0 {
			t.Errorf("%d packets went out to port 25", n)
		}
		diagnose(t, bounce, want{9, "cleared", "sender", "smtp.greets"}, allow...)
		if dialled() == 0 {
			t.Error("no packet was counted, though it was dialled")
		}
	})
}

// unfolded joins the lines that Postfix folds its report at.
func unfolded(text []byte) string { return strings.Join(strings.Fields(string(text)), " ") }

func createUser(t *testing.T, w *world) {
	w.theirs.setMailboxes(t, mailboxes+"nobody@users.example x\n")
	await(t, "mailbox", usersAddr, func(c *smtp.Client) error {
		return errors.Join(c.Mail(sender), c.Rcpt("nobody@users.example"))
	})
}

func register(t *testing.T, w *world) {
	w.names.set(t, "example.", zones["example."]+"gone MX 10 mx.users\n")
}

func listen(t *testing.T, w *world) {
	w.theirs.setListeners(t, append([]listener{{addr: shutAddr}}, theirListeners...)...)
	await(t, "listener", shutAddr, (*smtp.Client).Noop)
}

func raiseLimit(t *testing.T, w *world) {
	listeners := slices.Clone(theirListeners)
	i := slices.IndexFunc(listeners, func(l listener) bool { return l.addr == smallAddr })
	listeners[i].options = []string{"message_size_limit=500000"}
	w.theirs.setListeners(t, listeners...)
	await(t, "limit", smallAddr, func(c *smtp.Client) error {
		if _, size := c.Extension("SIZE"); size != "500000" {
			return fmt.Errorf("SIZE %s", size)
		}
		return nil
	})
}

func list(t *testing.T, w *world) { listUs(t, w.lists, true) }

func delist(t *testing.T, w *world) { listUs(t, w.lists, false) }

// stopLists mends it too: a mail server that cannot ask its list takes the
// message.
func stopLists(_ *testing.T, w *world) { w.lists.stop() }

func removePTR(t *testing.T, w *world) {
	w.names.set(t, "in-addr.arpa.", strings.TrimPrefix(zones["in-addr.arpa."], ourPTR))
}

func restorePTR(t *testing.T, w *world) {
	w.names.set(t, "in-addr.arpa.", zones["in-addr.arpa."])
}

// await waits until a session with one of their listeners goes as wanted.
func await(t *testing.T, what, addr string, look func(*smtp.Client) error) {
	t.Helper()
	eventually(t, what, func(context.Context) error { return session(addr, look) })
}
