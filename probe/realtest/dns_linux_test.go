package realtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The name servers' addresses.
const (
	resolverAddr  = "192.0.2.53" // unbound: the resolver of both mail servers and of diagnose
	authorityAddr = "192.0.2.54" // NSD: the root and the zones
	listsAddr     = "192.0.2.55" // rbldnsd: the block lists
)

// The zones as they stand when nothing is broken. Data have a TTL of nought, so
// that a change is seen at once; only delegations may be kept.
var zones = map[string]string{
	".": `
ns.example.       3600 A  192.0.2.54
zen.spamhaus.org. 3600 NS ns.lists.example.
bl.spamcop.net.   3600 NS ns.lists.example.
ns.lists.example. 3600 A  192.0.2.55
`,
	"example.org.": `
@     MX 10 mail
@     TXT "v=spf1 ip4:198.51.100.25 -all"
mail  A  198.51.100.25
`,
	"example.": `
ns           A  192.0.2.54
ns.lists     A  192.0.2.55
users        MX 10 mx.users
mx.users     A  203.0.113.25
shut         MX 10 mx.shut
mx.shut      A  203.0.113.26
small        MX 10 mx.small
mx.small     A  203.0.113.27
listing      MX 10 mx.listing
mx.listing   A  203.0.113.28
reverse      MX 10 mx.reverse
mx.reverse   A  203.0.113.29
nomail       MX 0  .
control1     A  203.0.113.251
control2     A  203.0.113.252
`,
	"in-addr.arpa.": ourPTR + `
25.113.0.203  PTR mx.users.example.
26.113.0.203  PTR mx.shut.example.
27.113.0.203  PTR mx.small.example.
28.113.0.203  PTR mx.listing.example.
29.113.0.203  PTR mx.reverse.example.
251.113.0.203 PTR control1.example.
252.113.0.203 PTR control2.example.
`,
}

const ourPTR = "25.100.51.198 PTR mail.example.org.\n"

// names is the DNS: NSD with its zones, and unbound before it.
type names struct {
	nsd    *daemon
	serial int // of all zones; each change takes the next
}

func startNames(t *testing.T) *names {
	t.Helper()
	n := &names{}
	conf := fmt.Sprintf(`server:
	ip-address: %s
	zonesdir: %[2]q
	xfrdfile: ""
	zonelistfile: "%[2]s/zone.list"
	database: ""
	pidfile: ""
	username: ""
	server-count: 1
remote-control:
	control-enable: no
`, authorityAddr, dnsPath(""))
	for name, records := range zones {
		n.writeZone(t, name, records)
		conf += fmt.Sprintf("zone:\n\tname: %q\n\tzonefile: %q\n", name, zonePath(name))
	}
	write(t, dnsPath("nsd.conf"), conf)
	n.nsd = start(t, "nsd", "-d", "-c", dnsPath("nsd.conf"))

	write(t, dnsPath("root.hints"), ". 3600 NS ns.example.\nns.example. 3600 A "+authorityAddr+"\n")
	// unblock-lan-zones: else unbound answers the documentation networks'
	// reverse zones itself, with NXDOMAIN.
	write(t, dnsPath("unbound.conf"), fmt.Sprintf(`server:
	interface: %s
	access-control: 0.0.0.0/0 allow
	root-hints: %q
	unblock-lan-zones: yes
	module-config: "iterator"
	do-ip6: no
	do-daemonize: no
	chroot: ""
	username: ""
	directory: %q
	pidfile: ""
	use-syslog: no
remote-control:
	control-enable: no
`, resolverAddr, dnsPath("root.hints"), dnsPath("")))
	start(t, "unbound", "-d", "-c", dnsPath("unbound.conf"))
	for zone := range zones {
		n.await(t, zone)
	}
	return n
}

// set puts a zone's records in place of those it had, and waits until the
// resolver shows them.
func (n *names) set(t *testing.T, zone, records string) {
	t.Helper()
	n.serial++
	n.writeZone(t, zone, records)
	n.nsd.reload(t)
	n.await(t, zone)
}

func (n *names) writeZone(t *testing.T, zone, records string) {
	t.Helper()
	write(t, zonePath(zone), fmt.Sprintf(`$ORIGIN %s
$TTL 0
@      SOA ns.example. hostmaster.example.org. %d 3600 600 86400 0
@      3600 NS ns.example.
serial TXT "%[2]d"
%s`, zone, n.serial+1, records))
}

// await waits until the resolver shows the zone with the serial last written.
func (n *names) await(t *testing.T, zone string) {
	t.Helper()
	eventually(t, "zone "+zone, func(ctx context.Context) error {
		txt, err := resolver.LookupTXT(ctx, "serial."+strings.TrimPrefix(zone, "."))
		if err == nil && (len(txt) != 1 || txt[0] != fmt.Sprint(n.serial+1)) {
			err = fmt.Errorf("serial %q, want %d", txt, n.serial+1)
		}
		return err
	})
}

func dnsPath(name string) string { return filepath.Join(workDir, "dns", name) }

func zonePath(zone string) string { return dnsPath("zone-" + strings.TrimSuffix(zone, ".")) }

// resolver asks unbound.
var resolver = &net.Resolver{
	PreferGo: true,
	Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: time.Second}
		return d.DialContext(ctx, network, resolverAddr+":53")
	},
}

// startLists starts two lists that the program knows; every other list does not
// exist here. Both have the test entry of RFC 5782 section 5.
func startLists(t *testing.T) *daemon {
	t.Helper()
	writeList(t, "zen", "")
	writeList(t, "spamcop", "")
	d := start(t, "rbldnsd", "-n", "-c", "1s", "-b", listsAddr, "-w", dnsPath(""),
		"zen.spamhaus.org:ip4set:zen", "bl.spamcop.net:ip4set:spamcop")
	for _, zone := range []string{"zen.spamhaus.org", "bl.spamcop.net"} {
		eventually(t, zone, func(ctx context.Context) error {
			_, err := resolver.LookupHost(ctx, "2.0.0.127."+zone+".")
			return err
		})
	}
	return d
}

func writeList(t *testing.T, file, entry string) {
	t.Helper()
	// rbldnsd takes a TTL of nought for its default, half an hour.
	write(t, dnsPath(file), `$TTL 1
$SOA 0 ns.lists.example. hostmaster.lists.example. 1 3600 600 86400 0
$NS 3600 ns.lists.example.
:127.0.0.2:listed by this test: $
127.0.0.2
`+entry+"\n")
}

// listUs puts our address on the list that their server asks, or takes it off.
func listUs(t *testing.T, lists *daemon, listed bool) {
	t.Helper()
	entry := ""
	if listed {
		entry = ourAddr
	}
	writeList(t, "zen", entry)
	lists.reload(t)
	eventually(t, "list entry", func(ctx context.Context) error {
		_, err := resolver.LookupHost(ctx, "25.100.51.198.zen.spamhaus.org.")
		var gone *net.DNSError
		switch {
		case listed:
			return err
		case err == nil:
			return fmt.Errorf("%s is still listed", ourAddr)
		case errors.As(err, &gone) && gone.IsNotFound:
			return nil
		}
		return err
	})
}
