package realtest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// floorVar holds the name server that this binary, run as the floor, asks.
const floorVar = "DIAGNOSE_REAL_FLOOR"

// inFlight is how many domains both sides look at at once: what mx does by
// itself where it asks nothing but the DNS.
const inFlight = 32

// mailDomain is a domain of the zone, and what must be said of it.
type mailDomain struct {
	name string
	code string   // of the finding about its MX
	ways []string // "host address", sorted
}

// mailDomains makes domains of every kind, mixed, and the zone that they stand
// in: below example., in the zone of the root, so that whatever else is asked
// for does certainly not exist.
func mailDomains(n int) (domains []mailDomain, zone string) {
	var z strings.Builder
	z.WriteString("$ORIGIN .\n$TTL 3600\n@ SOA ns.example. hostmaster.example. 1 3600 600 86400 3600\n@ NS ns.example.\nns.example. A 127.0.0.1\n$ORIGIN example.\n")
	random := rand.New(rand.NewPCG(1, 2)) // the same zone each time
	address := func() string {
		return netip.AddrFrom4([4]byte{198, 18, byte(random.Uint32()), byte(random.Uint32())}).String()
	}
	host := func(name string) (ways []string) { // of a host, which gets addresses
		for range 1 + random.IntN(2) {
			ip := address()
			fmt.Fprintf(&z, "%s A %s\n", name, ip)
			ways = append(ways, name+".example "+ip)
		}
		if random.IntN(3) == 0 {
			ip := fmt.Sprintf("2001:db8::%x:%x", 1+random.IntN(0xfffe), 1+random.IntN(0xfffe))
			fmt.Fprintf(&z, "%s AAAA %s\n", name, ip)
			ways = append(ways, name+".example "+ip)
		}
		return ways
	}
	providers := make([][]string, 40)
	for i := range providers {
		for j := range 2 {
			providers[i] = append(providers[i], host(fmt.Sprintf("mx%d.provider%d", j, i))...)
		}
	}
	for i := range n {
		d := mailDomain{name: fmt.Sprintf("d%05d.example", i), code: "mx.ok"}
		label := strings.TrimSuffix(d.name, ".example")
		switch kind := random.IntN(100); {
		case kind < 40:
			d.ways = host("mx." + label)
			fmt.Fprintf(&z, "%s MX 10 mx.%[1]s\n", label)
			if kind < 10 {
				d.ways = append(d.ways, host("backup."+label)...)
				fmt.Fprintf(&z, "%s MX 20 backup.%[1]s\n", label)
			}
		case kind < 65:
			p := random.IntN(len(providers))
			d.ways = slices.Clone(providers[p])
			fmt.Fprintf(&z, "%s MX 10 mx0.provider%d\n%[1]s MX 20 mx1.provider%[2]d\n", label, p)
		case kind < 75:
			d.code, d.ways = "mx.implicit", host(label)
		case kind < 80:
			d.code = "mx.null"
			fmt.Fprintf(&z, "%s MX 0 .\n", label)
		case kind < 87: // an MX that is a CNAME
			for _, way := range host("real." + label) {
				d.ways = append(d.ways, "alias."+label+".example"+way[strings.Index(way, " "):])
			}
			fmt.Fprintf(&z, "%s MX 10 alias.%[1]s\nalias.%[1]s CNAME real.%[1]s\n", label)
		case kind < 89: // an MX without an address
			d.code = "mx.dead"
			fmt.Fprintf(&z, "%s MX 10 gone.%[1]s\n", label)
		case kind < 90: // nothing that mail could use
			d.code = "mx.none"
			fmt.Fprintf(&z, "%s TXT \"v=spf1 -all\"\n", label)
		default:
			d.code = "mx.nxdomain"
		}
		slices.Sort(d.ways)
		d.ways = slices.Compact(d.ways)
		domains = append(domains, d)
	}
	return domains, z.String()
}

// nameServer is an NSD of our own on the loopback interface.
type nameServer struct {
	addr   string
	config string
}

// startNameServer starts NSD with one zone, that of the root.
func startNameServer(tb testing.TB, zone string) nameServer {
	tb.Helper()
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr := free.LocalAddr().(*net.UDPAddr).AddrPort()
	free.Close()
	dir := tb.TempDir()
	s := nameServer{addr.String(), filepath.Join(dir, "nsd.conf")}
	for name, text := range map[string]string{
		"root.zone": zone,
		"nsd.conf": fmt.Sprintf(`server:
	ip-address: 127.0.0.1@%d
	zonesdir: %q
	xfrdfile: ""
	zonelistfile: %q
	database: ""
	pidfile: ""
	username: ""
	server-count: 1
	rrl-ratelimit: 0
remote-control:
	control-enable: yes
	control-interface: %q
zone:
	name: "."
	zonefile: "root.zone"
`, addr.Port(), dir, filepath.Join(dir, "zones"), filepath.Join(dir, "control")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	nsd := exec.Command("nsd", "-d", "-c", s.config)
	said := new(bytes.Buffer)
	nsd.Stdout, nsd.Stderr = said, said
	if err := nsd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = nsd.Process.Signal(syscall.SIGTERM)
		_ = nsd.Wait()
	})
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		reply, err := dns.Exchange(new(dns.Msg).SetQuestion(".", dns.TypeSOA), s.addr)
		if err == nil && len(reply.Answer) == 1 {
			return s
		}
		if time.Since(began) > patience {
			tb.Fatalf("NSD does not answer: %v, %v\n%s", reply, err, said)
		}
	}
}

// questions says how many the server was asked since it was last asked this.
func (s nameServer) questions(tb testing.TB) int {
	tb.Helper()
	out, err := exec.Command("nsd-control", "-c", s.config, "stats").CombinedOutput()
	if err != nil {
		tb.Fatalf("nsd-control: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "num.queries="); ok {
			total, err := strconv.Atoi(n)
			if err != nil {
				tb.Fatal(err)
			}
			return total
		}
	}
	tb.Fatalf("no number of queries in %s", out)
	return 0
}

// runFloor puts the questions that mx needs answers to, and makes nothing of
// the answers: for each domain of standard input its MX, and for each host that
// was not asked about before its addresses.
func runFloor(server string) error {
	var asked sync.Map
	queue := make(chan string)
	var wg sync.WaitGroup
	var failure error
	var mu sync.Mutex
	for range inFlight {
		wg.Go(func() {
			f := &floor{server: server, asked: &asked}
			for d := range queue {
				if err := f.domain(d); err != nil {
					mu.Lock()
					failure = err
					mu.Unlock()
				}
			}
		})
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		queue <- in.Text() + "."
	}
	close(queue)
	wg.Wait()
	return cmp.Or(failure, in.Err())
}

type floor struct {
	dns.Client
	server string
	asked  *sync.Map // by host
}

func (f *floor) domain(name string) error {
	answer, code, err := f.ask(name, dns.TypeMX)
	if err == nil && len(answer) == 0 && code == dns.RcodeSuccess {
		return f.host(name)
	}
	for _, rr := range answer {
		if mx, ok := rr.(*dns.MX); ok && mx.Mx != "." {
			err = cmp.Or(err, f.host(strings.ToLower(mx.Mx)))
		}
	}
	return err
}

func (f *floor) host(name string) error {
	if _, twice := f.asked.LoadOrStore(name, true); twice {
		return nil
	}
	_, _, err := f.ask(name, dns.TypeA)
	_, _, err6 := f.ask(name, dns.TypeAAAA)
	return cmp.Or(err, err6)
}

func (f *floor) ask(name string, t uint16) ([]dns.RR, int, error) {
	m := new(dns.Msg).SetQuestion(name, t)
	m.SetEdns0(1232, false)
	reply, _, err := f.Exchange(m, f.server)
	if err != nil {
		return nil, 0, err
	}
	return reply.Answer, reply.Rcode, nil
}

// cost is what a program took.
type cost struct {
	wall, cpu time.Duration
	peak      int // KiB
}

// timed runs a program on the domains, and names the file of its output, which
// is in dir until the next one runs there.
func timed(tb testing.TB, dir string, domains []mailDomain, env []string, args ...string) (took cost, output string) {
	tb.Helper()
	// Files, because the other end of a pipe would be at work too.
	in, err := os.Create(filepath.Join(dir, "in"))
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	for _, d := range domains {
		fmt.Fprintln(in, d.name)
	}
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = append(os.Environ(), env...)
	var complaints bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = in, out, &complaints
	// A program starts with the peak of whoever starts it.
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		tb.Fatal(err)
	}
	start := time.Now()
	err = c.Run()
	wall := time.Since(start)
	var status *exec.ExitError // the status is an answer
	if (err != nil && !errors.As(err, &status)) || complaints.Len() > 0 {
		tb.Fatalf("%s: %v\n%s", args, err, &complaints)
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{wall, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), int(usage.Maxrss)}, out.Name()
}

// checkWays holds the program's output to the zone: every domain in its order,
// with the code that it deserves, with every way to it, and no other.
func checkWays(tb testing.TB, domains []mailDomain, output string) {
	tb.Helper()
	file, err := os.Open(output)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	lines := json.NewDecoder(file)
	wrong := 0
	for _, want := range domains {
		var said struct {
			Target   string
			Findings []struct{ Check, Code string }
			MX       struct {
				Hosts []struct {
					Host      string
					Addresses []string
				}
			}
		}
		if err := lines.Decode(&said); err != nil {
			tb.Fatalf("before %s: %v", want.name, err)
		}
		got := mailDomain{name: said.Target}
		for _, f := range said.Findings {
			if f.Check == "mx" {
				got.code += f.Code
			}
		}
		for _, h := range said.MX.Hosts {
			for _, ip := range h.Addresses {
				got.ways = append(got.ways, h.Host+" "+ip)
			}
		}
		slices.Sort(got.ways)
		if got.name != want.name || got.code != want.code || !slices.Equal(got.ways, want.ways) {
			tb.Errorf("got %q, want %q", got, want)
			if wrong++; wrong == 10 {
				tb.Fatal("and more")
			}
		}
	}
	if lines.More() {
		tb.Error("more is told than was asked")
	}
}

// plain keeps the machine's configuration out.
var plain = []string{"DIAGNOSE_CONFIG=" + os.DevNull}

// mx is the command that reads domains and asks this server.
func (s nameServer) mx(binary string) []string {
	return []string{binary, "mx", "--dns-only", "-o", "jsonl", "--resolver", s.addr, "-"}
}

// tryDomains asks about many domains at once.
func tryDomains(t *testing.T) {
	domains, zone := mailDomains(10_000)
	server := startNameServer(t, zone)
	_, output := timed(t, t.TempDir(), domains, plain, server.mx(os.Getenv(binaryVar))...)
	checkWays(t, domains, output)
}

// BenchmarkDomains holds mx --dns-only on 10,000 domains to a floor, a bare loop
// of the same questions by the DNS library alone, both asking an NSD on this
// machine. They take turns; the ratios are those of the medians. It needs nsd,
// but neither root nor the lab.
func BenchmarkDomains(b *testing.B) {
	domains, zone := mailDomains(10_000)
	server := startNameServer(b, zone)
	dir := b.TempDir()
	binary, err := program(dir)
	if err != nil {
		b.Fatal(err)
	}
	var ours, floor []cost
	server.questions(b)
	for b.Loop() {
		c, _ := timed(b, dir, domains, []string{floorVar + "=" + server.addr}, "/proc/self/exe")
		floor = append(floor, c)
		needed := server.questions(b)

		c, out := timed(b, dir, domains, plain, server.mx(binary)...)
		ours = append(ours, c)
		// Beside them, whether addresses are made up for names that cannot exist.
		if n := server.questions(b); n > needed+2 {
			b.Errorf("%d questions, where %d were needed", n, needed)
		}
		checkWays(b, domains, out)
	}
	wall := func(c cost) float64 { return c.wall.Seconds() }
	cpu := func(c cost) float64 { return c.cpu.Seconds() }
	b.ReportMetric(median(ours, wall)/median(floor, wall), "of-floor")
	b.ReportMetric(median(ours, cpu)/median(floor, cpu), "cpu-of-floor")
	b.ReportMetric(float64(len(domains))/median(ours, wall), "domains/s")
	b.ReportMetric(median(ours, func(c cost) float64 { return float64(c.peak) })/1024, "peak-MiB")
	b.ReportMetric(median(ours, cpu)*1000, "cpu-ms")
	b.ReportMetric(median(floor, wall)*1000, "floor-ms")
}

func median(runs []cost, of func(cost) float64) float64 {
	values := make([]float64, len(runs))
	for i, c := range runs {
		values[i] = of(c)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
