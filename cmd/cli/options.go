package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"diagnose/classify"
	"diagnose/cmd/report"
	"diagnose/dnscheck"
	"diagnose/probe"
	"diagnose/rbl"
)

// options are the flags as they were given.
type options struct {
	probe, lines, dnsOnly                  bool
	output, lang, colour                   string
	resolvers, ourDomains, allow, controls []string
	sendingIP, bind, helo                  string
	lists, rules, config                   string
	port                                   uint16
	timeout                                time.Duration
	jobs                                   int
	file                                   configFile
}

// configFile is diagnose.toml. Flags win over it.
type configFile struct {
	Our struct {
		Addresses []netip.Addr `toml:"addresses"`
		Domains   []string     `toml:"domains"`
		HELO      string       `toml:"helo"`
		Relayhost string       `toml:"relayhost"`
	} `toml:"our"`
	DNS struct {
		Resolvers []string `toml:"resolvers"`
	} `toml:"dns"`
	Probe struct {
		Controls     []string `toml:"controls"`
		Timeout      string   `toml:"timeout"`
		AllowPrivate []string `toml:"allow_private"`
	} `toml:"probe"`
	Lists struct {
		File string            `toml:"file"`
		Keys map[string]secret `toml:"keys"`
	} `toml:"lists"`
	Report struct {
		Lang string `toml:"lang"`
	} `toml:"report"`
}

// secret names the place of a key: an environment variable or a file.
type secret struct {
	Env  string `toml:"env"`
	File string `toml:"file"`
}

func (a *app) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	o := &a.opt
	say := func(name string) string { return a.words.Say("flag."+name, nil) }
	root.Flags().BoolVar(&o.probe, "probe", false, say("probe"))
	root.Flags().BoolVar(&o.lines, "lines", false, say("lines"))
	root.Flags().IntVar(&o.jobs, "jobs", 0, say("jobs"))
	f.StringVarP(&o.output, "output", "o", "text", say("output"))
	f.StringVar(&o.lang, "lang", "", say("lang"))
	f.StringVar(&o.colour, "color", "auto", say("color"))
	f.StringArrayVar(&o.resolvers, "resolver", nil, say("resolver"))
	f.Uint16Var(&o.port, "smtp-port", 25, say("smtp-port"))
	f.DurationVar(&o.timeout, "timeout", 90*time.Second, say("timeout"))
	f.StringVar(&o.sendingIP, "sending-ip", "", say("sending-ip"))
	f.StringArrayVar(&o.ourDomains, "our-domain", nil, say("our-domain"))
	f.StringVar(&o.bind, "bind", "", say("bind"))
	f.StringVar(&o.helo, "helo", "", say("helo"))
	f.StringArrayVar(&o.allow, "allow-private", nil, say("allow-private"))
	f.StringArrayVar(&o.controls, "control", nil, say("control"))
	f.StringVar(&o.lists, "lists", "", say("lists"))
	f.StringVar(&o.rules, "rules", "", say("rules"))
	f.StringVar(&o.config, "config", "", say("config"))
}

// complete checks the flags and joins the configuration to them: what a flag
// does not say, the file does.
func (a *app) complete(c *cobra.Command) error {
	o := &a.opt
	if err := a.readConfig(); err != nil {
		return err
	}
	cfg := o.file
	fill := func(flag string, dst *[]string, src []string) {
		if !c.Flags().Changed(flag) {
			*dst = src
		}
	}
	fill("resolver", &o.resolvers, cfg.DNS.Resolvers)
	fill("our-domain", &o.ourDomains, cfg.Our.Domains)
	fill("control", &o.controls, cfg.Probe.Controls)
	fill("allow-private", &o.allow, cfg.Probe.AllowPrivate)
	if !c.Flags().Changed("timeout") && cfg.Probe.Timeout != "" {
		d, err := time.ParseDuration(cfg.Probe.Timeout)
		if err != nil {
			return failed("configuration: probe.timeout: %w", err)
		}
		o.timeout = d
	}
	if o.helo == "" {
		o.helo = cfg.Our.HELO
	}
	if o.lists == "" {
		o.lists = cfg.Lists.File
	}
	switch o.output {
	case "text", "json", "jsonl":
	default:
		return fmt.Errorf("--output %q: want text, json or jsonl", o.output)
	}
	switch o.colour {
	case "auto", "always", "never":
	default:
		return fmt.Errorf("--color %q: want auto, always or never", o.colour)
	}
	return a.chooseWords(cfg.Report.Lang)
}

// chooseWords lets the configuration's language in where neither a flag nor
// the program's own variable names one.
func (a *app) chooseWords(configured string) error {
	if a.opt.lang != "" {
		if _, ok := report.Match(a.opt.lang); !ok {
			return fmt.Errorf("--lang %q: want one of %s", a.opt.lang, strings.Join(report.Languages(), ", "))
		}
		return nil
	}
	if configured == "" || a.Getenv("DIAGNOSE_LANG") != "" {
		return nil
	}
	lang, _ := report.Match(configured)
	return a.loadWords(lang)
}

// readConfig reads the file that --config or DIAGNOSE_CONFIG names, else the
// first that exists of the user's and the system's. It is strict: a key that
// does nothing would be a false promise.
func (a *app) readConfig() error {
	name := a.opt.config
	if name == "" {
		name = a.Getenv("DIAGNOSE_CONFIG")
	}
	candidates := []string{name}
	if name == "" {
		candidates = nil
		if dir, err := os.UserConfigDir(); err == nil {
			candidates = append(candidates, filepath.Join(dir, "diagnose", "diagnose.toml"))
		}
		candidates = append(candidates, "/etc/diagnose.toml")
	}
	for _, c := range candidates {
		f, err := os.Open(c)
		if errors.Is(err, fs.ErrNotExist) && name == "" {
			continue
		}
		if err != nil {
			return failed("configuration: %w", err)
		}
		defer f.Close()
		dec := toml.NewDecoder(f)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&a.opt.file); err != nil {
			var strict *toml.StrictMissingError
			if errors.As(err, &strict) {
				return failed("configuration %s: unknown key:\n%s", c, strict.String())
			}
			return failed("configuration %s: %w", c, err)
		}
		return nil
	}
	return nil
}

// ours is who we are.
func (a *app) ours() (probe.Our, error) {
	cfg := a.opt.file.Our
	ours := probe.Our{Addresses: cfg.Addresses, Domains: a.opt.ourDomains, HELO: a.opt.helo, Relayhost: cfg.Relayhost}
	if a.opt.sendingIP != "" {
		ip, err := netip.ParseAddr(a.opt.sendingIP)
		if err != nil {
			return ours, fmt.Errorf("--sending-ip: %w", err)
		}
		ours.Addresses = []netip.Addr{ip.Unmap()}
	}
	return ours, nil
}

// classifier is the built-in one, with an admin's own rules before it.
func (a *app) classifier() (*classify.Classifier, error) {
	c := classify.Default()
	if a.opt.rules == "" {
		return c, nil
	}
	own, err := classify.Load(os.DirFS(a.opt.rules))
	if err != nil {
		return nil, failed("--rules %s: %w", a.opt.rules, err)
	}
	return c.With(own), nil
}

// defaultControls are mail servers that have answered on port 25 for many
// years, of two operators.
var defaultControls = []string{"gmail-smtp-in.l.google.com", "mx1.mail.icloud.com"}

// runner is everything that reaches the network. Where no resolver is known it
// still runs, says so, and finds nothing out.
func (a *app) runner() (*probe.Runner, error) {
	allow, err := prefixes(a.opt.allow)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{}
	if a.opt.bind != "" {
		ip, err := netip.ParseAddr(a.opt.bind)
		if err != nil {
			return nil, fmt.Errorf("--bind: %w", err)
		}
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
	}
	resolver, err := a.resolver()
	if err != nil {
		return nil, err
	}
	lists, err := a.blockLists()
	if err != nil {
		return nil, err
	}
	keys, err := a.keys()
	if err != nil {
		return nil, err
	}
	controls := a.opt.controls
	if len(controls) == 0 {
		controls = defaultControls
	}
	r := &probe.Runner{
		Resolver: resolver, Dialer: dialer, Guard: probe.Guard{Allow: allow},
		Lists: lists, Keys: keys, Controls: controls, HELO: a.heloName(), Port: a.opt.port,
		Policy: probe.Policy{Total: a.opt.timeout},
	}
	if ip := dialer.LocalAddr; ip != nil {
		bound, _ := netip.ParseAddr(a.opt.bind)
		r.Route = func(there netip.Addr) (netip.Addr, error) {
			if there.Is4() != bound.Is4() {
				return netip.Addr{}, errors.New("--bind is of the other address family")
			}
			return bound, nil
		}
	}
	return r, nil
}

// heloName is the name that we greet with: the configured one, else this
// machine's where it has a full one, else its address (RFC 5321 section
// 4.1.4).
func (a *app) heloName() string {
	if a.opt.helo != "" {
		return a.opt.helo
	}
	if name, err := a.Hostname(); err == nil && strings.Contains(name, ".") && !strings.HasPrefix(name, "localhost") {
		return name
	}
	if c, err := net.Dial("udp", "198.41.0.4:9"); err == nil { // asks for the route, sends nothing
		defer c.Close()
		return "[" + c.LocalAddr().(*net.UDPAddr).IP.String() + "]"
	}
	return "[127.0.0.1]"
}

// resolver is the one of --resolver, else the system's.
func (a *app) resolver() (dnscheck.Resolver, error) {
	var servers []netip.AddrPort
	for _, s := range a.opt.resolvers {
		host, port := probe.HostPort(s)
		if port == 0 {
			port = 53
		}
		ip, err := netip.ParseAddr(host)
		if err != nil {
			return nil, fmt.Errorf("--resolver %q: want an IP address, with or without :PORT", s)
		}
		servers = append(servers, netip.AddrPortFrom(ip, port))
	}
	if len(servers) == 0 {
		var err error
		if servers, err = dnscheck.SystemServers(); err != nil {
			a.complain(err.Error())
			a.saw(statusFailed)
			return noResolver{}, nil
		}
	}
	return &dnscheck.Cache{Resolver: &dnscheck.Client{Servers: servers}}, nil
}

// noResolver stands in where the system has no resolver: it knows nothing.
type noResolver struct{}

func (noResolver) Lookup(_ context.Context, q dnscheck.Question) (dnscheck.Answer, error) {
	return dnscheck.Answer{Question: q, Status: dnscheck.Failed, Err: "no resolver"}, nil
}

// blockLists are the built-in ones, those of --lists FILE in their place, or
// those of --lists +FILE beside them.
func (a *app) blockLists() ([]rbl.List, error) {
	name, beside := strings.CutPrefix(a.opt.lists, "+")
	if name == "" {
		return rbl.Builtin(), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, failed("--lists: %w", err)
	}
	defer f.Close()
	own, err := rbl.LoadLists(f)
	if err != nil {
		return nil, failed("--lists %s: %w", name, err)
	}
	if beside {
		return append(own, rbl.Builtin()...), nil
	}
	return own, nil
}

// keys reads the keys of lists from where the configuration says that they
// are.
func (a *app) keys() (map[string]string, error) {
	out := map[string]string{}
	for zone, s := range a.opt.file.Lists.Keys {
		key := a.Getenv(s.Env)
		if s.File != "" {
			b, err := os.ReadFile(s.File)
			if err != nil {
				return nil, failed("key for %s: %w", zone, err)
			}
			key = strings.TrimSpace(string(b))
		}
		if key != "" {
			out[zone] = key
		}
	}
	return out, nil
}

func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		if s == "all" {
			return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, nil
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			ip, err := netip.ParseAddr(s)
			if err != nil {
				return nil, fmt.Errorf("--allow-private %q: want a network such as 192.0.2.0/24, an address, or all", s)
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

func (a *app) jobs() int {
	if a.opt.jobs > 0 {
		return a.opt.jobs
	}
	return runtime.GOMAXPROCS(0)
}

// colours decides about colour: --color, NO_COLOR, and whether somebody
// looks.
func (a *app) colours() report.Colours {
	switch a.opt.colour {
	case "always":
		return report.NewColours(true)
	case "never":
		return report.NewColours(false)
	}
	return report.NewColours(a.Terminal && a.Getenv("NO_COLOR") == "" && a.Getenv("TERM") != "dumb")
}
