// Package realtest tries the built program on bounces that real mail servers
// wrote of real failures, against a real DNS and real block lists.
//
// A mail admin proves a diagnosis by mending the cause: the domain comes back,
// the listener is started, the address is taken off the list – and the same
// bounce must then be judged otherwise. This package does just that. Our two
// mail servers, a Postfix and an Exim, stand in networks of their own; so do
// theirs, three kinds of them, and the control hosts. The router between them
// carries the name servers and the block lists:
//
//	Postfix   198.51.100.25 ─┐  router               ┌─ 203.0.113.0/26    Postfix
//	diagnose                 │  unbound  192.0.2.53  ├─ 203.0.113.64/26   Exim
//	                         ├─ NSD      192.0.2.54 ─┼─ 203.0.113.128/26  OpenSMTPD
//	Exim      198.51.100.90 ─┘  rbldnsd  192.0.2.55  └─ 203.0.113.192/26  control hosts
//	diagnose
//
// Our servers try each message once, so a failure comes back as a bounce at
// once. unbound resolves from the root that NSD serves: a name that no zone
// here has does not exist, and no packet leaves the machine.
//
// Configurations and zones are in testdata/lab; the cases here add to them,
// each for a domain and an address of its own, so that most of them can run
// side by side. The servers that Debian will not install beside Postfix are
// only extracted, by testdata/lab/fetch.
//
// All of it lives in a child process with network, mount and process
// namespaces of its own. When that child ends – passed, failed, timed out or
// killed – the kernel ends every process in it and drops every mount and link,
// so there is nothing that a clean-up could forget.
//
// It needs root, the programs in [needed], and what testdata/lab/fetch fetches.
// To run it, in short (1) or with every case (all):
//
//	DIAGNOSE_REAL=1 go test -count=1 ./probe/realtest
//
// (-count=1, because go test cannot know that the built program changed.)
// DIAGNOSE_BINARY names a program to try in place of one built for the
// occasion, DIAGNOSE_LAB the folder that fetch filled.
package realtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const (
	switchVar = "DIAGNOSE_REAL"        // unset: skip; "inside": this is the child; else: run
	extentVar = "DIAGNOSE_REAL_EXTENT" // what it was outside: "all" for every case
	binaryVar = "DIAGNOSE_BINARY"      // the program under test
	labVar    = "DIAGNOSE_LAB"         // what testdata/lab/fetch filled
)

// needed says which Debian package brings each program.
var needed = map[string]string{
	"ip":      "iproute2",
	"nft":     "nftables",
	"nsd":     "nsd",
	"postfix": "postfix",
	"rbldnsd": "rbldnsd",
	"unbound": "unbound",
}

func TestMain(m *testing.M) {
	if server := os.Getenv(floorVar); server != "" {
		if err := runFloor(server); err != nil {
			fmt.Fprintln(os.Stderr, "floor:", err)
			os.Exit(1)
		}
		return
	}
	switch os.Getenv(switchVar) {
	case "", "inside":
		os.Exit(m.Run())
	}
	if err := runInside(); err != nil {
		fmt.Fprintln(os.Stderr, "realtest:", err)
		os.Exit(1)
	}
}

// runInside runs this test binary again, with the same arguments, in
// namespaces of its own, and then looks for anything left behind.
func runInside() error {
	if err := checkMachine(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "diagnose-real-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := program(dir)
	if err != nil {
		return err
	}

	space, err := runChild(binary)
	if left := leftBehind(space); len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("left behind: %q", left))
	}
	return err
}

// checkMachine says all that is missing at once.
func checkMachine() error {
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, needed[name])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("programs are missing: apt-get install %s", strings.Join(missing, " "))
	}
	if _, err := os.Stat(filepath.Join(extracted(), "complete")); err != nil {
		return errors.New("Exim, OpenSMTPD and others are missing: run testdata/lab/fetch")
	}
	if os.Geteuid() != 0 {
		return errors.New("needs root, to make network namespaces and to start Postfix")
	}
	return nil
}

// extracted is the folder that testdata/lab/fetch filled.
func extracted() string { return cmp.Or(os.Getenv(labVar), "/var/cache/diagnose-lab") }

// program gives the path of the program under test, built into dir unless the
// environment names one.
func program(dir string) (string, error) {
	if named := os.Getenv(binaryVar); named != "" {
		return filepath.Abs(named)
	}
	path := filepath.Join(dir, "diagnose")
	out, err := exec.Command("go", "build", "-o", path, "diagnose/cmd/diagnose").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build diagnose/cmd/diagnose: %w\n%s", err, out)
	}
	return path, nil
}

// runChild runs the child to its end and returns its process namespace.
func runChild(binary string) (space string, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Pdeathsig fires when the thread that forked ends, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Most of a case is waiting, so that many fit on a processor.
	child := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"-test.parallel=12"}, os.Args[1:]...)...)
	child.Env = append(os.Environ(), switchVar+"=inside", extentVar+"="+os.Getenv(switchVar), binaryVar+"="+binary)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := child.Start(); err != nil {
		return "", fmt.Errorf("namespaces are not permitted here (a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN): %w", err)
	}
	space, err = os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", child.Process.Pid))
	return space, errors.Join(err, child.Wait())
}

// leftBehind lists what of the child's is still there, or reached the machine
// itself: processes, namespaces, links, files.
func leftBehind(space string) []string {
	var found []string
	for _, path := range []string{
		workDir, "/run/netns/postfix", "/run/netns/control", "/sys/class/net/postfix", "/sys/class/net/control",
	} {
		if _, err := os.Lstat(path); err == nil {
			found = append(found, path)
		}
	}
	links, _ := filepath.Glob("/proc/[0-9]*/ns/pid")
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && at == space {
			found = append(found, link)
		}
	}
	return found
}

func TestReal(t *testing.T) {
	if os.Getenv(switchVar) == "" {
		t.Skip("needs root, namespaces and real servers: " + switchVar + "=1 go test -count=1 ./probe/realtest")
	}
	takeOver(t)
	buildNetwork(t)
	t.Run("domains", tryDomains)
	t.Run("lists", tryLists)
	t.Run("bounces", tryCases)
}
