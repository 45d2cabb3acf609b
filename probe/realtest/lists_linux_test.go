package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// silentAddr is a name server that takes questions and never answers.
const silentAddr = "192.0.2.56"

// Each pair is listed, and not, by the lists that can tell.
var (
	pair4      = [2]string{"203.0.113.9", "203.0.113.10"}
	pair6      = [2]string{"2001:db8::9", "2001:db8::10"}
	pairDomain = [2]string{"bad.example", "good.example"}
)

// listState is a way in which a list answers. Its zone lies under example., and
// what rbldnsd serves there stands in data.
type listState struct {
	zone    string
	row     string // of the table, beside the zone
	dataset string // rbldnsd's type; empty: it does not know the zone
	data    string
	server  string // that the zone is delegated to; empty: rbldnsd's, "-": none
	pair    [2]string
	want    [2]string
}

var listStates = []listState{
	{zone: "alive", dataset: "ip4set", data: ":127.0.0.2:seen $\n127.0.0.2\n203.0.113.9", pair: pair4, want: [2]string{"listed", "not-listed"}},
	{
		zone: "bits", row: `codes = [{ bit = 2, label = "spam" }, { bit = 8, label = "phish" }, { bit = 1, effect = "error" }]`,
		dataset: "ip4set", data: "127.0.0.2\n203.0.113.9 :127.0.0.10:both", pair: pair4, want: [2]string{"listed", "not-listed"},
	},
	{zone: "error", dataset: "ip4trie", data: "0.0.0.0/0 :127.255.255.254:open resolver", pair: pair4, want: [2]string{"refused", "refused"}},
	{zone: "wildcard", dataset: "ip4trie", data: "0.0.0.0/0 :127.0.0.2:closed", pair: pair4, want: [2]string{"dead", "dead"}},
	{zone: "parked", dataset: "ip4trie", data: "0.0.0.0/0 :91.195.240.117:", pair: pair4, want: [2]string{"dead", "dead"}},
	{
		zone: "loopback", row: `codes = [{ code = "127.0.0.1", effect = "error" }, { code = "127.0.0.2" }]`,
		dataset: "ip4trie", data: "0.0.0.0/0 :127.0.0.1:refused", pair: pair4, want: [2]string{"refused", "refused"},
	},
	{
		zone: "allow", row: `codes = [{ code = "127.0.0.0-127.0.5.255", effect = "allow" }]`,
		dataset: "ip4set", data: "127.0.0.2\n203.0.113.9 :127.0.5.1:", pair: pair4, want: [2]string{"allow-listed", "not-listed"},
	},
	{zone: "failing", pair: pair4, want: [2]string{"no-answer", "no-answer"}}, // rbldnsd refuses, so unbound fails
	{zone: "silent", server: "ns.silent", pair: pair4, want: [2]string{"no-answer", "no-answer"}},
	{zone: "emptied", dataset: "generic", data: "9.113.0.203 TXT \"closed\"\n10.113.0.203 TXT \"closed\"", pair: pair4, want: [2]string{"not-proven", "not-proven"}},
	{zone: "gone", server: "-", pair: pair4, want: [2]string{"not-proven", "not-proven"}},
	{zone: "odd", dataset: "ip4set", data: "127.0.0.2\n203.0.113.9 :127.0.0.77:new", pair: pair4, want: [2]string{"unknown-code", "not-listed"}},
	{
		zone: "six", row: `kinds = ["ip6"]`,
		dataset: "ip6trie", data: "::ffff:7f00:2/128\n2001:db8::9/128", pair: pair6, want: [2]string{"listed", "not-listed"},
	},
	{
		zone: "sixwild", row: `kinds = ["ip6"]`,
		dataset: "ip6trie", data: "::/0", pair: pair6, want: [2]string{"dead", "dead"},
	},
	{
		zone: "names", row: `kinds = ["domain"]`,
		dataset: "dnset", data: "test\n.bad.example", pair: pairDomain, want: [2]string{"listed", "not-listed"},
	},
}

// listAnswer is what the program says of a target.
type listAnswer struct {
	Target string
	Lists  []struct{ Zone, Target, Status, Meaning, Reason string }
}

// tryLists asks about a listed and an unlisted target in every state that
// rbldnsd, behind unbound, can bring a list into, and counts the questions.
func tryLists(t *testing.T) {
	log := startStates(t)

	targets := slices.Concat(pair4[:], pair6[:], pairDomain[:])
	wanted := map[string]string{} // by target and zone
	for _, s := range listStates {
		for i, target := range s.pair {
			wanted[target+" "+s.zone+".example"] = s.want[i]
		}
	}
	for _, a := range askLists(t, resolverAddr, targets...) {
		for _, l := range a.Lists {
			key := a.Target + " " + l.Zone
			want, ok := wanted[key]
			delete(wanted, key)
			if l.Status != want || !ok {
				t.Errorf("%s of %s: got %s (%s, %q), want %s", l.Zone, a.Target, l.Status, l.Meaning, l.Reason, want)
			}
		}
	}
	for key := range wanted {
		t.Errorf("no answer about %s", key)
	}
	checkQueries(t, log)

	t.Run("REFUSED is no answer", func(t *testing.T) {
		refused := 0
		for _, a := range askLists(t, listsAddr, pair4[:]...) {
			for _, l := range a.Lists {
				if l.Zone == "failing.example" && l.Status == "refused" {
					refused++
				}
			}
		}
		if refused != 2 {
			t.Errorf("%d refusals, want one a target", refused)
		}
	})
}

// startStates starts the DNS with a block list in every state, and returns
// where rbldnsd logs what it is asked.
func startStates(t *testing.T) (log string) {
	t.Helper()
	run(t, "ip", "addr", "add", silentAddr+"/32", "dev", "lo")
	silent, err := net.ListenPacket("udp", silentAddr+":53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })

	log = dnsPath("queries")
	write(t, log, "")
	if err := os.Chmod(log, 0o666); err != nil { // rbldnsd opens it as its own user
		t.Fatal(err)
	}
	delegations := "ns.silent A " + silentAddr + "\n"
	var table strings.Builder
	args := []string{"rbldnsd", "-n", "-c", "0", "-l", "+" + log, "-b", listsAddr, "-w", dnsPath("")}
	for _, s := range listStates {
		fmt.Fprintf(&table, "[[list]]\nzone = \"%s.example\"\ntier = \"core\"\n%s\n", s.zone, s.row)
		if s.server == "" {
			s.server = "ns.lists"
		}
		if s.server != "-" {
			delegations += s.zone + " 3600 NS " + s.server + "\n"
		}
		if s.dataset != "" {
			write(t, dnsPath(s.zone), "$TTL 60\n$SOA 60 ns.lists.example. hostmaster.lists.example. 1 3600 600 86400 60\n$NS 3600 ns.lists.example.\n"+s.data+"\n")
			args = append(args, s.zone+".example:"+s.dataset+":"+s.zone)
		}
	}
	write(t, dnsPath("lists.toml"), table.String())
	n := startNames(t)
	n.setBase(t, "example", n.base["example"]+delegations)
	start(t, args...)
	eventually(t, "rbldnsd", func(ctx context.Context) error {
		_, err := resolver.LookupHost(ctx, "2.0.0.127.alive.example.")
		return err
	})
	return log
}

// askLists runs the program about some targets, which its guard lets through.
func askLists(t *testing.T, server string, targets ...string) []listAnswer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := []string{os.Getenv(binaryVar), "rbl", "-o", "jsonl", "--lists", dnsPath("lists.toml"), "--resolver", server,
		"--allow-private", "203.0.113.0/24", "--allow-private", "2001:db8::/32"}
	cmd := command(ctx, append(args, targets...))
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var status *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	var answers []listAnswer
	for d := json.NewDecoder(&stdout); d.More(); {
		var a listAnswer
		if err := d.Decode(&a); err != nil {
			t.Fatalf("%v\n%s", err, &stderr)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(targets) {
		t.Fatalf("%d answers, want %d: %s", len(answers), len(targets), &stderr)
	}
	return answers
}

// checkQueries holds the program to what lists may be asked, by rbldnsd's log:
// the target's name and one control entry's. Names that unbound has shortened
// on its way (RFC 9156) are not counted, nor is what this test asked to see
// whether the server is up.
func checkQueries(t *testing.T, log string) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]int{} // by list, for each pair of targets
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // time, client, name, type, class, ...
		if len(fields) < 4 || fields[3] != "A" {
			continue
		}
		for _, s := range listStates {
			entry, ok := strings.CutSuffix(strings.TrimSuffix(fields[2], "."), "."+s.zone+".example")
			if ok && s.dataset != "" && s.whole(entry) {
				asked[s.zone]++
			}
		}
	}
	for _, s := range listStates {
		switch n := asked[s.zone]; {
		case s.dataset != "" && n == 0:
			t.Errorf("%s was never asked, by its own log", s.zone)
		case n > 4:
			t.Errorf("%s was asked %d times about two targets:\n%s", s.zone, n, text)
		}
	}
}

// whole says whether what stands before a zone is a whole address backwards,
// or a name that is asked for.
func (s listState) whole(entry string) bool {
	switch s.pair {
	case pair6: // the beginning of one may look like an IPv4 address
		return strings.Count(entry, ".") == 31
	case pairDomain:
		return slices.Contains(append(pairDomain[:], "test", "invalid"), entry)
	}
	_, err := netip.ParseAddr(entry)
	return err == nil
}
