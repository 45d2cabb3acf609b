package realtest

import (
	"bytes"
	"context"
	"fmt"
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
	workDir  = "/run/realtest"  // on the child's own tmpfs
	patience = 30 * time.Second // for anything to come about: mostly far under one, 10 with the lists down
)

// takeOver makes the child's mounts its own, puts a fresh file system on /run –
// where the network namespaces are named, and where we work – and points the
// system's resolver at unbound.
func takeOver(t *testing.T) {
	t.Helper()
	resolvConf, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	mount(t, "", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	mount(t, "proc", "/proc", "proc", 0, "")
	mount(t, "tmpfs", "/run", "tmpfs", 0, "mode=0755")
	// The system's own may be a link into the /run that was just covered.
	if err := os.MkdirAll(filepath.Dir(resolvConf), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(resolvConf); err != nil {
		write(t, resolvConf, "")
	}
	ours := filepath.Join(workDir, "resolv.conf")
	write(t, ours, "nameserver "+resolverAddr+"\n")
	mount(t, ours, resolvConf, "", syscall.MS_BIND, "")
}

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s: %v (a container needs CAP_SYS_ADMIN)", target, err)
	}
}

// buildNetwork makes the three networks. The child's own namespace is the
// router.
func buildNetwork(t *testing.T) {
	t.Helper()
	run(t, "ip", "link", "set", "lo", "up")
	for _, addr := range []string{resolverAddr, authorityAddr, listsAddr} {
		run(t, "ip", "addr", "add", addr+"/32", "dev", "lo")
	}
	attach(t, "ours", "198.51.100.1", ourAddr)
	attach(t, "theirs", "203.0.113.1", theirAddrs...)
	write(t, "/proc/sys/net/ipv4/ip_forward", "1")
}

// attach makes a namespace with these addresses, all in the /24 of the router's
// own address there.
func attach(t *testing.T, name, router string, addrs ...string) {
	t.Helper()
	run(t, "ip", "netns", "add", name)
	run(t, "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
	run(t, "ip", "addr", "add", router+"/24", "dev", name)
	run(t, "ip", "link", "set", name, "up")
	for _, addr := range addrs {
		run(t, "ip", "-n", name, "addr", "add", addr+"/24", "dev", "eth0")
	}
	run(t, "ip", "-n", name, "link", "set", "lo", "up")
	run(t, "ip", "-n", name, "link", "set", "eth0", "up")
	run(t, "ip", "-n", name, "route", "add", "default", "via", router)
}

// closePort25 does what many providers do: our port 25 does not get out, to
// whomever it goes.
func closePort25(t *testing.T, _ *world) {
	t.Helper()
	run(t, "nft", `table ip provider {
	chain forward {
		type filter hook forward priority 0
		ip saddr `+ourAddr+` tcp dport 25 reject with icmp admin-prohibited
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
		ip saddr `+ourAddr+` tcp dport 25 tcp flags & (syn | ack) == syn counter
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
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
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
