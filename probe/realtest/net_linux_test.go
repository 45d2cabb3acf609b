package realtest

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	workDir  = "/run/lab"       // on the child's own tmpfs
	patience = 30 * time.Second // for anything to come about: mostly far under one, 10 with the lists down
)

// takeOver makes the child's mounts its own and puts fresh file systems on /run
// – where the network namespaces are named, and where we work – and on /var,
// where Exim and OpenSMTPD expect their spools. It copies the lab's
// configurations to where we work, and points the system's resolver at unbound.
func takeOver(t *testing.T) {
	t.Helper()
	resolvConf, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	mount(t, "", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	mount(t, "proc", "/proc", "proc", 0, "")
	mount(t, "tmpfs", "/run", "tmpfs", 0, "mode=0755")
	if err := os.CopyFS(workDir, os.DirFS("../../testdata/lab")); err != nil {
		t.Fatal(err)
	}
	bind(t, extracted(), filepath.Join(workDir, "root"))
	mount(t, "tmpfs", "/var", "tmpfs", 0, "mode=0755")
	for _, dir := range []string{"lib/exim4", "lib/opensmtpd/empty", "spool/smtpd", "mail", "run", "tmp"} {
		makeDir(t, filepath.Join("/var", dir))
	}
	// The system's own may be a link into the /run that was just covered.
	if err := os.MkdirAll(filepath.Dir(resolvConf), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(resolvConf); err != nil {
		write(t, resolvConf, "")
	}
	cover(t, resolvConf, "nameserver "+resolverAddr+"\n")
	addUsers(t, "Debian-exim", "opensmtpd", "opensmtpq", "vmail")
	bind(t, filepath.Join(workDir, "root/usr/libexec"), "/usr/libexec")
	knowLibraries(t)
}

// cover puts another file over one of the system's, for us alone.
func cover(t *testing.T, path, text string) {
	t.Helper()
	own := filepath.Join(workDir, "etc", filepath.Base(path))
	write(t, own, text)
	mount(t, own, path, "", syscall.MS_BIND, "")
}

// addUsers adds users that the servers run as, each with a group of its name.
func addUsers(t *testing.T, names ...string) {
	t.Helper()
	passwd, group := read(t, "/etc/passwd"), read(t, "/etc/group")
	for i, name := range names {
		passwd += fmt.Sprintf("%s:x:%d:%[2]d::/var/lib/opensmtpd/empty:/bin/sh\n", name, 60_001+i)
		group += fmt.Sprintf("%s:x:%d:\n", name, 60_001+i)
	}
	cover(t, "/etc/passwd", passwd)
	cover(t, "/etc/group", group)
}

// knowLibraries lets the loader find the extracted libraries. A variable would
// not do: the loader ignores it for a program that changes its user.
func knowLibraries(t *testing.T) {
	t.Helper()
	conf, cache := filepath.Join(workDir, "etc/ld.conf"), filepath.Join(workDir, "etc/ld.cache")
	dirs := filepath.Join(workDir, "root/usr/lib") + "\n"
	under, err := filepath.Glob(filepath.Join(workDir, "root/*/lib/*-linux-gnu"))
	if err != nil {
		t.Fatal(err)
	}
	also, err := filepath.Glob(filepath.Join(workDir, "root/lib/*-linux-gnu"))
	if err != nil {
		t.Fatal(err)
	}
	dirs += strings.Join(append(under, also...), "\n") + "\n"
	write(t, conf, dirs)
	run(t, "ldconfig", "-X", "-C", cache, "-f", conf)
	mount(t, cache, "/etc/ld.so.cache", "", syscall.MS_BIND, "")
}

// lab is the path of a program that was extracted and not installed.
func lab(program string) string { return filepath.Join(workDir, "root/usr", program) }

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s: %v (a container needs CAP_SYS_ADMIN)", target, err)
	}
}

func bind(t *testing.T, source, target string) {
	t.Helper()
	makeDir(t, target)
	mount(t, source, target, "", syscall.MS_BIND, "")
}

func makeDir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// The namespaces, each with a network of 62 addresses, the first of which is
// the router's. The child's own namespace is the router.
var networks = map[string]string{
	"postfix":        "198.51.100.0", // ours
	"exim":           "198.51.100.64",
	"remote-postfix": "203.0.113.0", // theirs
	"remote-exim":    "203.0.113.64",
	"remote-smtpd":   "203.0.113.128",
	"control":        "203.0.113.192",
}

// nth is an address of a namespace's network; the first is the router's.
func nth(space string, n int) string {
	addr := netip.MustParseAddr(networks[space])
	for range n {
		addr = addr.Next()
	}
	return addr.String()
}

// buildNetwork makes the networks. Every address of the remote ones is there,
// whether something listens or not.
func buildNetwork(t *testing.T) {
	t.Helper()
	run(t, "ip", "link", "set", "lo", "up")
	for _, addr := range []string{resolverAddr, authorityAddr, listsAddr, policiesAddr} {
		run(t, "ip", "addr", "replace", addr+"/32", "dev", "lo")
	}
	for space := range networks {
		attach(t, space)
	}
	write(t, "/proc/sys/net/ipv4/ip_forward", "1")
	run(t, "nft", `table ip lab {
	set lost { type ipv4_addr; }
	chain forward {
		type filter hook forward priority 0
		ip daddr @lost tcp dport 25 drop
	}
}`)
}

// attach makes a namespace and its network.
func attach(t *testing.T, space string) {
	t.Helper()
	run(t, "ip", "netns", "add", space)
	run(t, "ip", "link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
	run(t, "ip", "addr", "add", nth(space, 1)+"/26", "dev", space)
	run(t, "ip", "link", "set", space, "up")
	addrs := ""
	for n := 2; n < 63; n++ {
		addrs += "addr add " + nth(space, n) + "/26 dev eth0\n"
	}
	batch := filepath.Join(workDir, "etc", space+".ip")
	write(t, batch, addrs)
	run(t, "ip", "-n", space, "-batch", batch)
	run(t, "ip", "-n", space, "link", "set", "lo", "up")
	run(t, "ip", "-n", space, "link", "set", "eth0", "up")
	run(t, "ip", "-n", space, "route", "add", "default", "via", nth(space, 1))
}

// lose drops what goes to port 25 of an address; find lets it through again.
func lose(t *testing.T, addr string) { run(t, "nft", "add element ip lab lost { "+addr+" }") }

func find(t *testing.T, addr string) { run(t, "nft", "delete element ip lab lost { "+addr+" }") }

// closePort25 does what many providers do: our port 25 does not get out, to
// whomever it goes.
func closePort25(t *testing.T, _ *world) {
	t.Helper()
	run(t, "nft", `table ip provider {
	chain forward {
		type filter hook forward priority 0
		ip saddr 198.51.100.0/24 tcp dport 25 reject with icmp admin-prohibited
	}
}`)
}

func openPort25(t *testing.T, _ *world) {
	t.Helper()
	run(t, "nft", "delete table ip provider")
}

// countPort25 counts from now on what we send to anybody's port 25.
func countPort25(t *testing.T) (packets func() int) {
	t.Helper()
	run(t, "nft", `table ip watch {
	chain forward {
		type filter hook forward priority 0
		ip saddr 198.51.100.0/24 tcp dport 25 tcp flags & (syn | ack) == syn counter
	}
}`)
	counter := regexp.MustCompile(`counter packets (\d+) `)
	return func() int {
		t.Helper()
		found := counter.FindStringSubmatch(run(t, "nft", "list", "table", "ip", "watch"))
		if found == nil {
			t.Fatal("nft shows no counter")
		}
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// within is the command line for a program in one of the namespaces.
func within(space string, args ...string) []string {
	return append([]string{"ip", "netns", "exec", space}, args...)
}

func command(ctx context.Context, args []string) *exec.Cmd {
	return exec.CommandContext(ctx, args[0], args[1:]...)
}

// run runs a command to its end and returns its output, or fails the test with
// it.
func run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := command(ctx, args).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// daemon is a server that runs in the foreground, as our child.
type daemon struct {
	cmd *exec.Cmd
	log bytes.Buffer // to be read only after stop
}

// start starts a server; it is stopped when the test ends, and its output is
// shown if the test failed.
func start(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := &daemon{cmd: exec.Command(args[0], args[1:]...)}
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	d.cmd.WaitDelay = time.Second
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.stop()
		if t.Failed() {
			t.Logf("%s:\n%s", args[0], d.log.Bytes())
		}
	})
	return d
}

// reload asks the server to read its data again.
func (d *daemon) reload(t *testing.T) {
	t.Helper()
	d.signal(t, syscall.SIGHUP)
}

func (d *daemon) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// stop ends the server and waits for it. To stop it twice does no harm.
func (d *daemon) stop() {
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { _ = d.cmd.Process.Kill() })
	defer kill.Stop()
	_ = d.cmd.Wait()
}

// eventually waits until holds gives no error, and fails the test with the last
// one if it does not come to that.
func eventually(t *testing.T, what string, holds func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := holds(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not come about: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// write writes a file that the daemons' own users can read, with its folders.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
