// Package realtest tries the built program on bounces that a real Postfix
// wrote, against a real DNS and a real block list.
//
// A mail admin proves a diagnosis by mending the cause: the domain comes back,
// the listener is started, the address is taken off the list – and the same
// bounce must then be judged otherwise. This package does just that. Two
// Postfix instances, ours and theirs, stand in two networks with a router
// between them; the router also carries the name servers:
//
//	ours                      router                         theirs
//	mail.example.org          unbound   192.0.2.53           one Postfix, a listener
//	198.51.100.25  ─────────  NSD       192.0.2.54  ───────  and a policy for each
//	Postfix, diagnose         rbldnsd   192.0.2.55           address in 203.0.113.0/24
//
// Our Postfix tries each message once, so a failure comes back as a bounce at
// once. unbound resolves from the root that NSD serves: a name that no zone
// here has does not exist, and no packet leaves the machine.
//
// All of it lives in a child process with network, mount and process
// namespaces of its own. When that child ends – passed, failed, timed out or
// killed – the kernel ends every process in it and drops every mount and link,
// so there is nothing that a clean-up could forget.
//
// It needs root and the programs in [needed]. To run it:
//
//	DIAGNOSE_REAL=1 go test -count=1 ./probe/realtest
//
// (-count=1, because go test cannot know that the built program changed.)
// DIAGNOSE_BINARY names a program to try in place of one built for the
// occasion.
package realtest

import (
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
	switchVar = "DIAGNOSE_REAL"   // unset: skip; "inside": this is the child; else: run
	binaryVar = "DIAGNOSE_BINARY" // the program under test
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
	if os.Geteuid() != 0 {
		return errors.New("needs root, to make network namespaces and to start Postfix")
	}
	return nil
}

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
	child := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	child.Env = append(os.Environ(), switchVar+"=inside", binaryVar+"="+binary)
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
		workDir, "/run/netns/ours", "/run/netns/theirs", "/sys/class/net/ours", "/sys/class/net/theirs",
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
