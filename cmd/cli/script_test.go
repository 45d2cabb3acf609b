package cli

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck/smtptest"
)

// The stories of testdata/script run this test's own binary as diagnose.
func TestMain(m *testing.M) {
	programs := maps.Clone(otherSides)
	programs["diagnose"] = func() {
		os.Exit(Main(context.Background(), Env{
			Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv,
			Hostname:  func() (string, error) { return "mail.example.org", nil },
			ConfigDir: func() (string, error) { return os.Getenv("HOME"), nil },
			CacheDir: func() (string, error) {
				if dir := os.Getenv("CACHE"); dir != "" {
					return dir, nil
				}
				return "", errors.New("no cache folder")
			},
		}))
	}
	testscript.Main(m, programs)
}

// zones are what the stories' name server knows. Everything is on loopback.
const zones = `
	example.net.        300 IN SOA ns.example.net. admin.example.net. 1 1 1 1 60
	example.net.        300 IN MX  10 mx.example.net.
	mx.example.net.     300 IN A   127.0.0.1
	mail.example.net.   300 IN A   127.0.0.1
	null.example.net.   300 IN MX  0 .
	half.example.net.   300 IN MX  10 mx.example.net.
	half.example.net.   300 IN MX  20 gone.example.net.
	example.org.        300 IN SOA ns.example.org. admin.example.org. 1 1 1 1 60
	mail.example.org.   300 IN A   127.0.0.1
	example.org.        300 IN MX  10 mail.example.org.
	example.org.        300 IN TXT "v=spf1 ip4:192.0.2.25 -all"
	_dmarc.example.org. 300 IN TXT "v=DMARC1; p=none"
	_dmarc.example.com. 300 IN TXT "v=DMARC1; p=reject"
	lame.example.net.   300 IN NS  ns.lame.example.net.
	ns.lame.example.net. 300 IN A  192.0.2.53
	2.0.192.in-addr.arpa.     300 IN SOA ns.example.org. admin.example.org. 1 1 1 1 60
	0.0.127.in-addr.arpa.     300 IN SOA ns.example.org. admin.example.org. 1 1 1 1 60
	1.0.0.127.in-addr.arpa.   300 IN PTR mail.example.org.
	4.0.0.127.in-addr.arpa.   300 IN PTR host-127-0-0-4.example.org.
	host-127-0-0-4.example.org. 300 IN A 127.0.0.4
	net.example.com.            300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60
	2.0.0.127.net.example.com.  300 IN A   127.0.0.2
	26.2.0.192.net.example.com. 300 IN A   127.0.0.2
	invalid.                  300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60
	example.com.              300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60
	bl.example.com.           300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60
	2.0.0.127.bl.example.com.   300 IN A   127.0.0.2
	25.2.0.192.bl.example.com.  300 IN A   127.0.0.2
	25.2.0.192.bl.example.com.  300 IN TXT "spam seen from 192.0.2.25"
`

func TestStories(t *testing.T) {
	promised, record := promising(t)
	dns, outer := worlds(t, record)
	dns.Sign(strings.Fields(record)[0])
	dns.Fault("broken.example", dnstest.ServFail)
	dns.Fault("_dmarc.broken.example", dnstest.ServFail)
	dns.Fault("lame.example.net MX", dnstest.ServFail)
	other := dnstest.New(t, zones+"gone.example.net. 300 IN MX 10 mx.example.net.")
	dns.Fault("3.0.0.127.in-addr.arpa", dnstest.ServFail)
	port := func(of interface{ Port() uint16 }) string { return strconv.Itoa(int(of.Port())) }
	good := smtptest.Healthy(t, smtptest.Options{Name: "mx.example.net", Size: 10 << 20})
	// It knows lee, and whoever is asked for is seen in its reply.
	mailboxes := smtptest.Healthy(t, smtptest.Options{Name: "mx.example.net", Rcpt: func(mailbox string) string {
		switch mailbox {
		case "lee@example.net", "postmaster@example.net":
			return "250 2.1.5 Ok"
		}
		return "550 5.1.1 <" + mailbox + ">: Recipient address rejected: User unknown"
	}})
	vars := map[string]string{
		"OUTER": outer.Addr().String(), "RELAY": port(smtptest.Healthy(t, smtptest.Options{Rcpt: func(string) string { return "250 2.1.5 Ok" }})),
		"PROMISED": strconv.Itoa(int(promised)),
		"DNS":      dns.Addr().String(), "OTHER": other.Addr().String(), "CONTROL": good.String(), "SMTP": port(good),
		"MAILBOXES": port(mailboxes),
		"REFUSES":   port(smtptest.Greeting(t, "554 5.7.1 no service for you \x1b[2J")),
		"CLOSED":    port(smtptest.Closed(t)),
		"SECURED":   port(smtptest.Healthy(t, smtptest.Options{TLS: smtptest.SelfSigned(t, "mx.example.net")})),
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for name, value := range vars {
				e.Setenv(name, value)
			}
			e.Setenv("LANG", "C")
			e.Setenv("ESC", "\x1b")
			e.Setenv("DIAGNOSE_CONFIG", os.DevNull) // not this machine's
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status},
	})
}

// status runs a program that must end with a status: status 3 diagnose x.eml
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program [argument...]")
	}
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("status %d, want %s, of: %s", got, args[0], strings.Join(args[1:], " "))
	}
}
