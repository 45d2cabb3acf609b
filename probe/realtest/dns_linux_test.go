package realtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The addresses of the router's own servers.
const (
	resolverAddr  = "192.0.2.53" // unbound: the resolver of the mail servers and of diagnose
	authorityAddr = "192.0.2.54" // NSD: the root and the zones
	listsAddr     = "192.0.2.55" // rbldnsd: the block lists
	policiesAddr  = "192.0.2.52" // the web server with the MTA-STS policies
)

// zoneNames are the zones that NSD serves, by the file of testdata/lab/zones
// that they start from. Data have a TTL of nought, so that a change is seen at
// once; only delegations may be kept.
var zoneNames = map[string]string{
	"root":         ".",
	"example":      "example.",
	"example.org":  "example.org.",
	"in-addr.arpa": "in-addr.arpa.",
}

// names is the DNS: NSD with its zones, and unbound before it.
type names struct {
	nsd *daemon

	mu     sync.Mutex
	serial int // of all zones; each change takes the next
	signed int // how often a zone was
	base   map[string]string
	added  map[string]map[string]string // by zone and label
}

func startNames(t *testing.T) *names {
	t.Helper()
	n := &names{base: map[string]string{}, added: map[string]map[string]string{}}
	for zone := range zoneNames {
		n.base[zone] = read(t, filepath.Join(workDir, "zones", zone))
		n.added[zone] = map[string]string{}
		n.write(t, zone)
	}
	for _, zone := range signedZones {
		run(t, "sh", "-c", "cd "+dnsPath("")+" && ln -sf $("+lab("bin/ldns-keygen")+" -a ECDSAP256SHA256 -k "+zone+").key "+zone+".key")
		n.sign(t, zone, "")
	}
	n.nsd = start(t, "nsd", "-d", "-c", dnsPath("nsd.conf"))
	start(t, "unbound", "-d", "-c", dnsPath("unbound.conf"))
	for zone := range zoneNames {
		n.await(t, zone)
	}
	return n
}

// set gives a label of a zone these records in place of those that it had, and
// waits until the resolver shows them.
func (n *names) set(t *testing.T, zone, label, records string) {
	t.Helper()
	n.change(t, zone, func() { n.added[zone][label] = records })
}

// setBase puts other records in place of those that a zone starts from.
func (n *names) setBase(t *testing.T, zone, records string) {
	t.Helper()
	n.change(t, zone, func() { n.base[zone] = records })
}

func (n *names) change(t *testing.T, zone string, do func()) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	do()
	n.serial++
	n.write(t, zone)
	n.nsd.reload(t)
	n.await(t, zone)
}

func (n *names) write(t *testing.T, zone string) {
	t.Helper()
	name := zoneNames[zone]
	text := fmt.Sprintf(`$ORIGIN %s
$TTL 0
@      SOA ns.example. hostmaster.example.org. %d 3600 600 86400 0
@      3600 NS ns.example.
serial TXT "%[2]d"
%s`, name, n.serial+1, n.base[zone])
	for _, label := range slices.Sorted(maps.Keys(n.added[zone])) {
		text += fmt.Sprintf("$ORIGIN %s.%s\n%s\n", label, name, n.added[zone][label])
	}
	write(t, filepath.Join(workDir, "zones", zone+".zone"), text)
}

// await waits until the resolver shows the zone with the serial last written.
func (n *names) await(t *testing.T, zone string) {
	t.Helper()
	n.appears(t, zone, func(ctx context.Context) error {
		txt, err := resolver.LookupTXT(ctx, "serial."+strings.TrimPrefix(zoneNames[zone], "."))
		if err == nil && (len(txt) != 1 || txt[0] != fmt.Sprint(n.serial+1)) {
			err = fmt.Errorf("serial %q, want %d", txt, n.serial+1)
		}
		return err
	})
}

// appears waits until what NSD was told to read shows. It may have to be told
// again: it is deaf while it ends a reload.
func (n *names) appears(t *testing.T, zone string, shows func(context.Context) error) {
	t.Helper()
	told := time.Now()
	eventually(t, "zone "+zone, func(ctx context.Context) error {
		if time.Since(told) > time.Second {
			n.nsd.reload(t)
			told = time.Now()
		}
		return shows(ctx)
	})
}

func dnsPath(name string) string { return filepath.Join(workDir, "dns", name) }

// resolver asks unbound.
var resolver = &net.Resolver{
	PreferGo: true,
	Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: time.Second}
		return d.DialContext(ctx, network, resolverAddr+":53")
	},
}

// signedZones are zones of their own, signed, in the mail domains of two cases.
var signedZones = []string{"bogus-expired.example", "bogus-changed.example"}

// sign writes a zone that is in order, or whose signatures have expired, or one
// that was changed after it was signed.
func (n *names) sign(t *testing.T, zone, fault string) {
	t.Helper()
	const records = `$ORIGIN %s.
$TTL 1
@  SOA ns.example. hostmaster.example.org. %d 3600 600 86400 0
@  NS ns.example.
@  MX 10 mx
mx A 203.0.113.251
`
	n.signed++
	write(t, dnsPath(zone), fmt.Sprintf(records, zone, n.signed))
	expires := time.Now().Add(24 * time.Hour)
	if fault == "expired" {
		expires = time.Now().Add(-24 * time.Hour)
	}
	key, err := os.Readlink(dnsPath(zone + ".key"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(workDir, "zones", zone+".zone")
	const stamp = "20060102150405"
	run(t, lab("bin/ldns-signzone"), "-o", zone, "-f", file, "-i", time.Now().Add(-48*time.Hour).UTC().Format(stamp),
		"-e", expires.UTC().Format(stamp), dnsPath(zone), dnsPath(strings.TrimSuffix(key, ".key")))
	if fault == "changed" {
		write(t, file, strings.ReplaceAll(read(t, file), "MX\t10 mx.", "MX\t20 mx."))
	}
}

// resign signs a zone so, and waits until the resolver believes it, or not.
func (n *names) resign(t *testing.T, zone, fault string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sign(t, zone, fault)
	n.nsd.reload(t)
	n.appears(t, zone, func(ctx context.Context) error {
		_, err := resolver.LookupMX(ctx, zone+".")
		if fault != "" && err == nil {
			return errors.New("it is believed")
		} else if fault != "" {
			return nil
		}
		return err
	})
}

// lists is rbldnsd with block lists that the program knows; every other list
// does not exist here.
type lists struct{ *daemon }

// startLists starts the lists. All have the test entry of RFC 5782 section 5.
func startLists(t *testing.T) lists {
	t.Helper()
	args := []string{"rbldnsd", "-n", "-c", "1s", "-b", listsAddr, "-w", dnsPath("")}
	zones := []string{"zen.spamhaus.org", "bl.spamcop.net"}
	for _, zone := range zones {
		writeList(t, zone, "")
		args = append(args, zone+":ip4trie:"+zone)
	}
	// One that has closed answers for everybody.
	write(t, dnsPath("njabl"), "$SOA 0 ns.lists.example. hostmaster.lists.example. 1 3600 600 86400 0\n$NS 3600 ns.lists.example.\n0.0.0.0/0 :127.0.0.2:closed\n")
	args = append(args, "dnsbl.njabl.org:ip4trie:njabl")
	l := lists{start(t, args...)}
	for _, zone := range zones {
		l.await(t, zone, "127.0.0.2", "127.0.0.2")
	}
	return l
}

// silence makes the lists take questions and answer none, until they speak.
func (l lists) silence(t *testing.T) { l.signal(t, syscall.SIGSTOP) }

func (l lists) speak(t *testing.T) { l.signal(t, syscall.SIGCONT) }

func writeList(t *testing.T, zone, entries string) {
	t.Helper()
	// rbldnsd takes a TTL of nought for its default, half an hour.
	write(t, dnsPath(zone), `$TTL 1
$SOA 0 ns.lists.example. hostmaster.lists.example. 1 3600 600 86400 0
$NS 3600 ns.lists.example.
:127.0.0.2:listed by this test: $
127.0.0.2
`+entries+"\n")
}

// set gives a list these entries, and waits until the resolver shows that it
// answers so for an address; an empty answer: that it has none.
func (l lists) set(t *testing.T, zone, entries, addr, answer string) {
	t.Helper()
	writeList(t, zone, entries)
	l.reload(t)
	l.await(t, zone, addr, answer)
}

func (l lists) await(t *testing.T, zone, addr, answer string) {
	t.Helper()
	octets := strings.Split(addr, ".")
	slices.Reverse(octets)
	eventually(t, addr+" at "+zone, func(ctx context.Context) error {
		got, err := resolver.LookupHost(ctx, strings.Join(octets, ".")+"."+zone+".")
		var gone *net.DNSError
		if answer == "" && errors.As(err, &gone) && gone.IsNotFound {
			return nil
		}
		if err == nil && (len(got) != 1 || got[0] != answer) {
			err = fmt.Errorf("%s, want %s", got, cmp.Or(answer, "nothing"))
		}
		return err
	})
}
