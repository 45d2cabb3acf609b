package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/cmd/report"
	"diagnose/dnscheck"
	"diagnose/probe"
)

// run runs the program as one function, with nothing of this machine's
// environment.
func run(ctx context.Context, in io.Reader, args ...string) (status int, out, err string) {
	var stdout, stderr bytes.Buffer
	status = Main(ctx, testEnv(in, &stdout, &stderr, args...))
	return status, stdout.String(), stderr.String()
}

func testEnv(in io.Reader, out, err io.Writer, args ...string) Env {
	return Env{
		Args: args, In: in, Out: out, Err: err,
		Getenv:    func(string) string { return "" },
		Hostname:  func() (string, error) { return "mail.example.org", nil },
		ConfigDir: func() (string, error) { return "", errors.New("no home") },
	}
}

func TestTheWorstStatusWins(t *testing.T) {
	for _, tt := range []struct {
		seen []int
		want int
	}{
		{nil, statusOK},
		{[]int{statusOK, statusUnknown}, statusUnknown},
		{[]int{statusFault, statusUnknown}, statusFault},
		{[]int{statusUnknown, statusFault, statusOK}, statusFault},
		{[]int{statusFailed, statusFault}, statusFailed},
		{[]int{statusUnknown, statusFailed}, statusFailed},
	} {
		var a app
		for _, s := range tt.seen {
			a.saw(s)
		}
		if a.status != tt.want {
			t.Errorf("%v gives %d, want %d", tt.seen, a.status, tt.want)
		}
	}
}

func TestTheLanguageIsTheFirstThatIsNamed(t *testing.T) {
	for _, tt := range []struct {
		args []string
		env  map[string]string
		want string
	}{
		{nil, nil, "en"},
		{nil, map[string]string{"LANG": "zh_TW.UTF-8"}, "zh-TW"},
		{nil, map[string]string{"LANG": "zh_CN.UTF-8"}, "zh-CN"},
		{nil, map[string]string{"LANG": "zh_HK.UTF-8"}, "zh-TW"},
		{nil, map[string]string{"LC_MESSAGES": "en_US", "LANG": "zh_TW"}, "en"},
		{nil, map[string]string{"LC_ALL": "zh_TW", "LC_MESSAGES": "en_US"}, "zh-TW"},
		{nil, map[string]string{"LC_ALL": "C", "LANG": "zh_TW"}, "en"},
		{nil, map[string]string{"DIAGNOSE_LANG": "zh-TW", "LC_ALL": "en_US"}, "zh-TW"},
		{[]string{"--lang", "en"}, map[string]string{"DIAGNOSE_LANG": "zh-TW"}, "en"},
		{[]string{"x", "--lang=zh-TW"}, nil, "zh-TW"},
		{[]string{"--", "--lang=zh-TW"}, nil, "en"},
		{[]string{"--lang"}, map[string]string{"LANG": "zh_TW"}, "zh-TW"},
	} {
		if got := language(Env{Args: tt.args, Getenv: func(n string) string { return tt.env[n] }}); got != tt.want {
			t.Errorf("%v with %v: %s, want %s", tt.args, tt.env, got, tt.want)
		}
	}
}

func TestColourIsForTerminalsUnlessAskedFor(t *testing.T) {
	for _, tt := range []struct {
		flag     string
		terminal bool
		env      map[string]string
		want     bool
	}{
		{"auto", true, nil, true},
		{"auto", false, nil, false},
		{"auto", true, map[string]string{"NO_COLOR": "1"}, false},
		{"auto", true, map[string]string{"TERM": "dumb"}, false},
		{"always", false, map[string]string{"NO_COLOR": "1"}, true},
		{"never", true, nil, false},
	} {
		var out, stderr bytes.Buffer
		env := testEnv(strings.NewReader("550 5.1.1 User unknown"), &out, &stderr, "--color", tt.flag)
		env.Terminal, env.Getenv = tt.terminal, func(n string) string { return tt.env[n] }
		Main(t.Context(), env)
		if got := strings.Contains(out.String(), "\x1b["); got != tt.want {
			t.Errorf("%+v: colour is %v", tt, got)
		}
	}
}

// parse gives an app whose flags and configuration are read.
func parse(t *testing.T, config string, args ...string) (*app, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "diagnose.toml")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{Env: testEnv(strings.NewReader(""), io.Discard, io.Discard)}
	if err := a.loadWords("en"); err != nil {
		t.Fatal(err)
	}
	root := a.root()
	if err := root.ParseFlags(append(args, "--config", name)); err != nil {
		t.Fatal(err)
	}
	return a, a.join(root)
}

const fullConfig = `
[our]
addresses = ["192.0.2.25"]
domains = ["example.org"]
correspondents = ["example.com"]
helo = "mail.example.org"
relayhost = "relay.example.org"
[dns]
resolvers = ["192.0.2.53"]
compare = ["192.0.2.54"]
[probe]
controls = ["mx.example.com"]
timeout = "20s"
allow_private = ["10.0.0.0/8"]
[lists]
file = "lists.toml"
[lists.keys]
"dq.example.com" = { env = "KEY" }
[report]
lang = "zh-TW"
`

func TestTheConfigurationFillsWhatNoFlagSays(t *testing.T) {
	a, err := parse(t, fullConfig)
	if err != nil {
		t.Fatal(err)
	}
	a.Getenv = func(n string) string { return map[string]string{"KEY": " secret\n"}[n] }
	keys, _ := a.keys()
	ours, _ := a.ours()
	got := fmt.Sprintln(a.opt.resolvers, a.opt.compare, a.opt.controls, a.opt.timeout, a.opt.allow, a.opt.lists, a.words.Lang, keys, ours)
	want := "[192.0.2.53] [192.0.2.54] [mx.example.com] 20s [10.0.0.0/8] lists.toml zh-TW map[dq.example.com:secret] {[192.0.2.25] [example.org] mail.example.org [example.com] relay.example.org}\n"
	if got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

func TestFlagsWinOverTheConfiguration(t *testing.T) {
	a, err := parse(t, fullConfig, "--resolver", "198.51.100.53", "--control", "mx.example.net", "--timeout", "5s", "--allow-private", "all",
		"--lists", "+own.toml", "--lang", "en", "--sending-ip", "::ffff:198.51.100.25", "--our-domain", "example.com", "--helo", "mx.example.com")
	if err != nil {
		t.Fatal(err)
	}
	ours, _ := a.ours()
	got := fmt.Sprintln(a.opt.resolvers, a.opt.controls, a.opt.timeout, a.opt.allow, a.opt.lists, a.words.Lang, ours)
	want := "[198.51.100.53] [mx.example.net] 5s [all] +own.toml en {[198.51.100.25] [example.com] mx.example.com [example.com] relay.example.org}\n"
	if got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

func TestNobodyIsComparedWithUnlessThatIsWanted(t *testing.T) {
	for _, tt := range []struct {
		compare  []string
		unwanted bool
		servers  string
	}{
		{nil, false, "[1.1.1.1:53 9.9.9.9:53]"},
		{nil, true, "[]"},
		{[]string{"none"}, false, "[]"},
		{[]string{"192.0.2.53", "[2001:db8::53]:5353"}, true, "[192.0.2.53:53 [2001:db8::53]:5353]"},
	} {
		var a app
		a.opt.compare = tt.compare
		servers, err := a.others(tt.unwanted)
		if got := fmt.Sprint(servers); err != nil || got != tt.servers {
			t.Errorf("%v: %s, %v", tt.compare, got, err)
		}
		r, err := a.second(tt.unwanted)
		if _, grounded := r.(*dnscheck.Grounded); err != nil || (r == nil) != (tt.servers == "[]") || grounded != (tt.compare == nil && r != nil) {
			t.Errorf("%v: %T, %v", tt.compare, r, err)
		}
	}
}

func TestABoundAddressIsDialledFromWhateverTheProtocol(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	from := dialFrom{netip.MustParseAddrPort("127.0.0.7:0")}
	for _, there := range []net.Addr{server.LocalAddr(), listener.Addr()} {
		conn, err := from.DialContext(t.Context(), there.Network(), there.String())
		if err != nil || !strings.HasPrefix(conn.LocalAddr().String(), "127.0.0.7:") {
			t.Fatalf("%s: %v, %v", there.Network(), conn, err)
		}
		conn.Close()
	}
}

func TestTheEnvironmentsLanguageWinsOverTheConfigurations(t *testing.T) {
	a := &app{Env: testEnv(nil, io.Discard, io.Discard)}
	a.Getenv = func(n string) string { return map[string]string{"DIAGNOSE_LANG": "en"}[n] }
	if err := a.loadWords("en"); err != nil {
		t.Fatal(err)
	}
	if err := a.chooseWords("zh-TW"); err != nil || a.words.Lang != "en" {
		t.Errorf("%s, %v", a.words.Lang, err)
	}
}

func TestTheFirstConfigurationThatExistsCounts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"home/diagnose/diagnose.toml": "[report]\nlang = \"zh-TW\"", "named.toml": "[report]\nlang = \"en\""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for named, want := range map[string]string{"": "類別", filepath.Join(dir, "named.toml"): "category"} {
		var out bytes.Buffer
		env := testEnv(strings.NewReader("550 5.1.1 User unknown"), &out, io.Discard)
		env.ConfigDir = func() (string, error) { return filepath.Join(dir, "home"), nil }
		env.Getenv = func(n string) string { return map[string]string{"DIAGNOSE_CONFIG": named}[n] }
		if status := Main(t.Context(), env); status != statusOK || !strings.Contains(out.String(), want) {
			t.Errorf("DIAGNOSE_CONFIG=%q: status %d\n%s", named, status, out.String())
		}
	}
}

func TestTheNameThatWeGreetWith(t *testing.T) {
	for _, tt := range []struct{ helo, host, bind, want string }{
		{"mx.example.org", "mail.example.org", "", "mx.example.org"},
		{"", "mail.example.org", "192.0.2.1", "mail.example.org"},
		{"", "mail", "192.0.2.1", "[192.0.2.1]"},
		{"", "localhost.localdomain", "2001:db8::1", "[IPv6:2001:db8::1]"},
	} {
		a := &app{Env: Env{Hostname: func() (string, error) { return tt.host, nil }}}
		a.opt.helo = tt.helo
		bound, _ := netip.ParseAddr(tt.bind)
		if got := a.heloName(bound); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

func TestAnInputThatCannotBeReadIsNamedWithWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, "x: not allowed to read it"},
		{&fs.PathError{Op: "stat", Path: "x", Err: fs.ErrNotExist}, "x: there is no such file"},
		{errNoMail, "x: no mail in this folder"},
		{fmt.Errorf("read: %w", bounce.ErrEmpty), "x: empty"},
		{errors.New("bad disk \x1b[2J"), `x: cannot be read: bad disk \x1b[2J`},
	} {
		var stderr bytes.Buffer
		a := &app{Env: testEnv(nil, io.Discard, &stderr)}
		if err := a.loadWords("en"); err != nil {
			t.Fatal(err)
		}
		a.unreadable("x", tt.err)
		if a.status != statusFailed || !strings.HasPrefix(stderr.String(), "diagnose: "+tt.want) {
			t.Errorf("%v: status %d, %q", tt.err, a.status, stderr.String())
		}
	}
}

func TestAReportHasItsExitStatus(t *testing.T) {
	for _, tt := range []struct {
		name   string
		report probe.Report
		want   int
	}{
		{"theirs", categorised(1, probe.PartyRecipient, ""), statusOK},
		{"ours", categorised(12, probe.PartyOurServer, ""), statusFault},
		{"unknown", categorised(0, probe.PartyUnknown, ""), statusUnknown},
		{"waited out", categorised(13, probe.PartyUnknown, ""), statusOK},
		{"inconclusive", categorised(5, probe.PartyUnknown, probe.Inconclusive), statusUnknown},
		{"backscatter", func() probe.Report {
			r := categorised(1, probe.PartyOurServer, "")
			r.Kind = bounce.KindBackscatter
			return r
		}(), statusOK},
		{"a bounce without a recipient", probe.Report{Kind: bounce.KindBounce}, statusUnknown},
		{"a fragment without a reply", probe.Report{Kind: bounce.KindFragment}, statusUnknown},
		{"no bounce", probe.Report{Kind: bounce.KindNotABounce}, statusOK},
		{"delivered", probe.Report{Kind: bounce.KindDelivered}, statusOK},
	} {
		a := &app{Env: testEnv(nil, io.Discard, io.Discard)}
		if err := a.loadWords("en"); err != nil {
			t.Fatal(err)
		}
		if a.judge(tt.report); a.status != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, a.status, tt.want)
		}
	}
}

func categorised(c classify.Category, p probe.Party, v probe.Verdict) probe.Report {
	r := probe.Report{Kind: bounce.KindBounce, Failure: &probe.Failure{}, Classification: &classify.Classification{Category: c}, Party: p}
	if v != "" {
		r.Verification = &probe.Verification{Verdict: v}
	}
	return r
}

func TestNoInputGivesAnEmptyArray(t *testing.T) {
	dir := t.TempDir()
	for format, want := range map[string]string{"json": "[]\n", "jsonl": "", "text": ""} {
		status, out, stderr := run(t.Context(), nil, "-o", format, dir)
		if status != statusFailed || out != want || !strings.Contains(stderr, dir) {
			t.Errorf("%s: status %d, %q, %q", format, status, out, stderr)
		}
	}
}

func TestACancelledRunEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		keyboard, hands := io.Pipe()
		defer hands.Close()
		time.AfterFunc(time.Second, cancel)
		started := time.Now()
		status, out, stderr := run(ctx, keyboard, "--lines", "-o", "jsonl")
		if d := time.Since(started); status != statusFailed || out+stderr != "" || d > 2*time.Second {
			t.Errorf("status %d after %v, %q, %q", status, d, out, stderr)
		}
	})
}

// broken is a pipe whose reader goes away.
type broken struct{ left int }

func (b *broken) Write(p []byte) (int, error) {
	if b.left--; b.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestAClosedOutputEndsTheRun(t *testing.T) {
	for _, format := range []string{"text", "json", "jsonl"} {
		synctest.Test(t, func(t *testing.T) {
			var stderr bytes.Buffer
			lines := strings.Repeat("550 5.1.1 User unknown\n", 5000)
			status := Main(t.Context(), testEnv(strings.NewReader(lines), &broken{3}, &stderr, "--lines", "-o", format))
			if status != statusFailed || !strings.Contains(stderr.String(), "could not be written") {
				t.Errorf("%s: status %d, %q", format, status, stderr.String())
			}
		})
	}
}

func TestReportsOfManyInputsStandInTheirOrder(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 50 {
		name := filepath.Join(dir, fmt.Sprintf("%02d.txt", i))
		if err := os.WriteFile(name, []byte(fmt.Sprintf("550 5.1.1 <u%d@example.net>... User unknown\n", i)), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	_, out, _ := run(t.Context(), nil, append(names, "-o", "jsonl", "--jobs", "8")...)
	var got []string
	for line := range strings.Lines(out) {
		var r probe.Report
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Source.Name)
	}
	if !slices.Equal(got, names) {
		t.Error(got)
	}
}

// Whatever the input, there is an answer, on one page, soon.
func TestHostileInputHasAnAnswer(t *testing.T) {
	noise := rand.NewChaCha8([32]byte{1})
	hosts := "From: <>\nTo: wang@example.org\nSubject: failure notice\n\nHi. This is the qmail-send program at mail.example.org.\n\n"
	for i := range 10_000 {
		hosts += fmt.Sprintf("<u%d@h%d.example>:\nConnected to 192.0.2.%d but greylisted by h%d.example.\n\n", i, i, i%256, i)
	}
	for name, in := range map[string]io.Reader{
		"noise":         io.LimitReader(noise, 64<<20),
		"NUL bytes":     bytes.NewReader(make([]byte, 1<<20)),
		"one long line": io.LimitReader(endless('x'), 16<<20),
		"headers only":  strings.NewReader(strings.Repeat("Received: from a by b\n", 100_000)),
		"10,000 hosts":  strings.NewReader(hosts),
		"escapes":       strings.NewReader("550 5.1.1 \x1b]0;owned\a\x9b31m\u202e User unknown"),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			status, out, stderr := run(ctx, in, "-o", "jsonl")
			if ctx.Err() != nil || out == "" && stderr == "" {
				t.Errorf("status %d, %d bytes, %q", status, len(out), stderr)
			}
			for line := range strings.Lines(out) {
				if !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %.200q", line)
				}
			}
			if strings.ContainsAny(out+stderr, "\x1b\x00\a\u009b\u202e") {
				t.Error("control characters reached the output")
			}
		})
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestTheHelpIsInTheLanguage(t *testing.T) {
	for lang, want := range map[string]string{"en": "Usage:", "zh-TW": "旗標：", "zh-CN": "选项："} {
		for _, args := range [][]string{{"--help"}, {"help", "mx"}, {"mx", "-h"}, {"help"}} {
			status, out, stderr := run(t.Context(), nil, append(args, "--lang", lang)...)
			if status != statusOK || !strings.Contains(out, want) || stderr != "" {
				t.Errorf("%v in %s: status %d, %q, %q", args, lang, status, out, stderr)
			}
			if lang != "en" && (strings.Contains(out, "Usage:") || strings.Contains(out, "Flags") || strings.Contains(out, "help for")) {
				t.Errorf("%v in %s: English in\n%s", args, lang, out)
			}
		}
	}
}

func TestAMonitoringSystemIsToldOfAnInterruptedRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	status, out, stderr := run(ctx, nil, "ptr", "--nagios", "192.0.2.25", "--resolver", "127.0.0.1:9")
	if status != int(report.PluginUnknown) || !strings.HasPrefix(out, "PTR UNKNOWN - ") || !strings.Contains(out, "interrupted") || stderr != "" {
		t.Errorf("status %d, %q, %q", status, out, stderr)
	}
}

func TestAMonitoringSystemThatHangsUpIsUnknown(t *testing.T) {
	var stderr bytes.Buffer
	status := Main(t.Context(), testEnv(nil, &broken{0}, &stderr, "ptr", "--nagios"))
	if status != int(report.PluginUnknown) || !strings.Contains(stderr.String(), "could not be written") {
		t.Errorf("status %d, %q", status, stderr.String())
	}
}

func TestAPatternThatNoShellReplacedNamesItsFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.eml", "a.eml", "c.txt", "[odd].eml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("550 5.1.1 <nobody@example.net>: User unknown\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names := func(args ...string) (out []string) {
		for in := range inputs(args) {
			out = append(out, filepath.Base(in.name))
			if in.err != nil {
				out = append(out, "?")
			}
		}
		return out
	}
	for pattern, want := range map[string][]string{
		"*.eml": {"[odd].eml", "a.eml", "b.eml"}, "?.txt": {"c.txt"}, "*.msg": {"*.msg", "?"}, "[odd].eml": {"[odd].eml"},
	} {
		if got := names(filepath.Join(dir, pattern)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

func TestADoubleClickIsToldWhatToDoAndWaitedFor(t *testing.T) {
	var out, stderr bytes.Buffer
	env := testEnv(strings.NewReader("\nrest"), &out, &stderr, "--help")
	env.Explorer, env.Language = true, "zh-Hant-TW"
	if status := Main(t.Context(), env); status != statusOK || !strings.Contains(out.String(), "用法：") || !strings.Contains(stderr.String(), "Enter") {
		t.Errorf("status %d, %q, %q", status, out.String(), stderr.String())
	}
	if rest, _ := io.ReadAll(env.In); string(rest) != "rest" {
		t.Errorf("%q is left", rest)
	}
}
