package cli

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"diagnose/dnscheck/dnstest"
	"diagnose/smtpcheck/smtptest"
)

// serverZones are two domains whose servers the stories look at as their own.
const serverZones = `
	ours.example.                300 IN SOA ns.ours.example. admin.ours.example. 1 1 1 1 60
	ours.example.                300 IN MX  10 mail.ours.example.
	ours.example.                300 IN TXT "v=spf1 ip4:127.0.0.1 -all"
	mail.ours.example.           300 IN A   127.0.0.1
	_dmarc.ours.example.         300 IN TXT "v=DMARC1; p=reject"
	s1._domainkey.ours.example.  300 IN TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	bad.example.                 300 IN SOA ns.bad.example. admin.bad.example. 1 1 1 1 60
	bad.example.                 300 IN MX  10 mail.bad.example.
	greedy.example.              300 IN TXT "v=spf1 include:greedy.example -all"
	bad.example.                 300 IN TXT "v=spf1 ip4:127.0.0.1 -all"
	mail.bad.example.            300 IN A   127.0.0.1
	example.                     300 IN SOA ns.example. admin.example. 1 1 1 1 60
`

// promising serves a certificate for mail.ours.example that its TLSA record
// promises, and gives the port.
func promising(t *testing.T) (port uint16, record string) {
	config := smtptest.SelfSigned(t, "mail.ours.example")
	at := smtptest.Healthy(t, smtptest.Options{Name: "mail.ours.example", Size: 20 << 20, TLS: config})
	sum := sha256.Sum256(config.Certificates[0].Certificate[0])
	return at.Port(), fmt.Sprintf("_%d._tcp.mail.ours.example. 300 IN TLSA 3 0 1 %x", at.Port(), sum)
}

// worlds are two name servers: what we see, and what the world sees. They
// differ in bad.example.
func worlds(t *testing.T, more string) (inner, outer *dnstest.Server) {
	inner = dnstest.New(t, zones, serverZones, more)
	outer = dnstest.New(t, `
	ours.example.       300 IN SOA ns.ours.example. admin.ours.example. 1 1 1 1 60
	ours.example.       300 IN MX  10 mail.ours.example.
	mail.ours.example.  300 IN A   127.0.0.1
	bad.example.        300 IN SOA ns.bad.example. admin.bad.example. 1 1 1 1 60
	bad.example.        300 IN MX  10 mail.bad.example.
	mail.bad.example.   300 IN A   127.0.0.9
`)
	for _, name := range []string{"ours.example", "mail.ours.example"} {
		inner.Sign(name)
	}
	return inner, outer
}

// More targets than fit into any limit come from standard input, each answered
// in its turn, bad ones and all.
func TestTargetsFromStandardInputHaveNoLimit(t *testing.T) {
	dns := dnstest.New(t, "example.com. 300 IN SOA ns.example.com. admin.example.com. 1 1 1 1 60\n*.example.com. 300 IN MX 0 .")
	var in strings.Builder
	const many = 3000
	for i := range many {
		fmt.Fprintf(&in, "d%d.example.com\n", i)
	}
	in.WriteString("# a remark\n\n" + strings.Repeat("x", 10_000) + "\nlast.example.com")
	status, out, _ := run(t.Context(), strings.NewReader(in.String()), "mx", "--dns-only", "-o", "jsonl", "--resolver", dns.Addr().String(), "-")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != statusFailed || len(lines) != many+1 {
		t.Fatalf("status %d, %d answers", status, len(lines))
	}
	for i, line := range lines[:many] {
		if want := fmt.Sprintf(`{"schema":1,"target":"d%d.example.com","outcome":"faulty"`, i); !strings.HasPrefix(line, want) {
			t.Fatalf("answer %d: %s", i, line)
		}
	}
	if !strings.Contains(lines[many], "last.example.com") {
		t.Error(lines[many])
	}
}
