package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"diagnose/classify"
	"diagnose/cmd/report"
	"diagnose/dnscheck"
	"diagnose/probe"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// options are the flags as they were given.
type options struct {
	probe, rcpt, lines, dnsOnly, nagios             bool
	output, lang, colour, letter                    string
	resolvers, compare, ourDomains, allow, controls []string
	sendingIP, bind, helo                           string
	lists, rules, config                            string
	port                                            uint16
	timeout                                         time.Duration
	authoritative                                   bool
	server                                          serverFlags
	jobs                                            int
	file                                            configFile
	brief, trace, redact                            bool
}

// configFile is diagnose.toml. Flags win over it.
type configFile struct {
	Our struct {
		Addresses []netip.Addr `toml:"addresses"`
		Domains   []string     `toml:"domains"`
		HELO      string       `toml:"helo"`
		Relayhost string       `toml:"relayhost"`
		Selectors []string     `toml:"dkim_selectors"`

		Correspondents []string `toml:"correspondents"` // domains that are often written to
	} `toml:"our"`
	DNS struct {
		Resolvers []string `toml:"resolvers"`
		Compare   []string `toml:"compare"`
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

// flags declares the flags. Their texts are those of the catalogue under
// their names.
func (a *app) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	o := &a.opt
	root.Flags().BoolVar(&o.probe, "probe", false, "")
	root.Flags().BoolVar(&o.rcpt, "rcpt", false, "")
	root.Flags().BoolVar(&o.lines, "lines", false, "")
	root.Flags().StringArrayVar(&o.compare, "compare-resolver", nil, "")
	f.BoolP("help", "h", false, "")
	f.IntVar(&o.jobs, "jobs", 0, "")
	f.StringVarP(&o.output, "output", "o", "text", "")
	f.StringVar(&o.lang, "lang", "", "")
	f.StringVar(&o.colour, "color", "auto", "")
	f.StringArrayVar(&o.resolvers, "resolver", nil, "")
	f.Uint16Var(&o.port, "smtp-port", 25, "")
	f.DurationVar(&o.timeout, "timeout", 90*time.Second, "")
	f.StringVar(&o.sendingIP, "sending-ip", "", "")
	f.StringArrayVar(&o.ourDomains, "our-domain", nil, "")
	f.StringVar(&o.bind, "bind", "", "")
	f.StringVar(&o.helo, "helo", "", "")
	f.StringArrayVar(&o.allow, "allow-private", nil, "")
	f.StringArrayVar(&o.controls, "control", nil, "")
	f.StringVar(&o.lists, "lists", "", "")
	f.StringVar(&o.rules, "rules", "", "")
	f.StringVar(&o.config, "config", "", "")
	for _, c := range available(root) {
		if c == root || c.Name() == "render" {
			c.Flags().StringVar(&o.letter, "letter", "", "")
			c.Flags().Lookup("letter").NoOptDefVal = string(report.Colleague)
			c.Flags().BoolVar(&o.brief, "brief", false, "")
			c.Flags().BoolVar(&o.trace, "trace", false, "")
			c.Flags().BoolVar(&o.redact, "redact", false, "")
		}
	}
	for _, c := range available(root) {
		c.DisableFlagsInUseLine = true
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			f.Usage = a.words.Say("flag."+f.Name, map[string]string{"default": f.DefValue})
		})
	}
}

// join checks the flags and joins the configuration to them: what a flag
// does not say, the file does.
func (a *app) join(c *cobra.Command) error {
	if completing(c) {
		return nil // a broken configuration is no reason to complete nothing
	}
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
	fill("compare-resolver", &o.compare, cfg.DNS.Compare)
	fill("our-domain", &o.ourDomains, cfg.Our.Domains)
	fill("control", &o.controls, cfg.Probe.Controls)
	fill("allow-private", &o.allow, cfg.Probe.AllowPrivate)
	if !c.Flags().Changed("timeout") && cfg.Probe.Timeout != "" {
		d, err := time.ParseDuration(cfg.Probe.Timeout)
		if err != nil {
			return failed("config-value", "key", "probe.timeout", "value", cfg.Probe.Timeout)
		}
		o.timeout = d
	}
	if o.helo == "" {
		o.helo = cfg.Our.HELO
	}
	if o.lists == "" {
		o.lists = cfg.Lists.File
	}
	if o.rcpt && !o.probe {
		return usage("rcpt-alone")
	}
	if o.timeout <= 0 {
		return usage("timeout", "value", o.timeout.String())
	}
	if err := oneOf("output", o.output); err != nil {
		return err
	}
	if err := oneOf("color", o.colour); err != nil {
		return err
	}
	if o.letter != "" {
		if err := oneOf("letter", o.letter); err != nil {
			return err
		}
		if o.output != "text" && o.output != "eml" {
			return usage("letter-output", "value", o.output)
		}
	}
	if o.brief && (o.output != "text" || o.letter != "") {
		return usage("brief-output", "value", cmp.Or(o.letter, o.output))
	}
	if o.nagios && o.output != "text" {
		return usage("nagios-output", "value", o.output)
	}
	if err := a.chooseWords(cfg.Report.Lang); err != nil {
		return err
	}
	return a.loadBilingual()
}

// loadBilingual loads what a letter to the other side is written in: English,
// and the Chinese that was chosen, since nobody knows what is read there.
func (a *app) loadBilingual() error {
	if a.opt.letter != string(report.Remote) {
		return nil
	}
	chinese := a.words.Lang
	if chinese == "en" {
		chinese = report.Languages()[0]
	}
	for _, lang := range []string{"en", chinese} {
		w, err := report.Load(lang)
		if err != nil {
			return err
		}
		a.bilingual = append(a.bilingual, w)
	}
	return nil
}

// choices are the values of a flag that takes only some.
func choices(flag string) []string {
	switch flag {
	case "output":
		return []string{"text", "json", "jsonl", "html", "eml"}
	case "letter":
		return []string{string(report.Colleague), string(report.Remote)}
	case "color":
		return []string{"auto", "always", "never"}
	case "lang":
		return report.Languages()
	}
	return nil
}

func oneOf(flag, value string) error {
	if slices.Contains(choices(flag), value) {
		return nil
	}
	return usage("choice", "flag", flag, "value", value, "choices", strings.Join(choices(flag), ", "))
}

// chooseWords lets the configuration's language in where neither a flag nor
// the program's own variable names one.
func (a *app) chooseWords(configured string) error {
	if a.opt.lang != "" {
		if _, ok := report.Match(a.opt.lang); !ok {
			return oneOf("lang", a.opt.lang)
		}
		return nil
	}
	if configured == "" || a.Getenv("DIAGNOSE_LANG") != "" {
		return nil
	}
	lang, ok := report.Match(configured)
	if !ok {
		return failed("config-value", "key", "report.lang", "value", configured)
	}
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
	if name != "" {
		return a.readConfigFile(name)
	}
	candidates := []string{"/etc/diagnose.toml"}
	if dir, err := a.ConfigDir(); err == nil {
		candidates = append([]string{filepath.Join(dir, "diagnose", "diagnose.toml")}, candidates...)
	}
	for _, c := range candidates {
		if _, err := os.Stat(c); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return a.readConfigFile(c)
	}
	return nil
}

func (a *app) readConfigFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return failed("config", "name", name, "error", err.Error())
	}
	defer f.Close()
	err = toml.NewDecoder(f).DisallowUnknownFields().Decode(&a.opt.file)
	var strict *toml.StrictMissingError
	var syntax *toml.DecodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		row, _ := strict.Errors[0].Position()
		return failed("config-key", "name", name, "line", strconv.Itoa(row), "key", strings.Join(strict.Errors[0].Key(), "."))
	case errors.As(err, &syntax):
		row, _ := syntax.Position()
		return failed("config", "name", name, "line", strconv.Itoa(row), "error", syntax.Error())
	}
	return failed("config", "name", name, "error", err.Error())
}

// ours is who we are.
func (a *app) ours() (probe.Our, error) {
	cfg := a.opt.file.Our
	ours := probe.Our{Addresses: cfg.Addresses, Domains: a.opt.ourDomains, HELO: a.opt.helo, Relayhost: cfg.Relayhost, Correspondents: cfg.Correspondents}
	if a.opt.sendingIP != "" {
		ip, err := netip.ParseAddr(a.opt.sendingIP)
		if err != nil {
			return ours, usage("address", "flag", "sending-ip", "value", a.opt.sendingIP)
		}
		ours.Addresses = []netip.Addr{ip.Unmap()}
	}
	return ours, nil
}

// classifier is the built-in one, with an admin's own rules before it.
func (a *app) classifier() (*classify.Classifier, error) {
	c, err := builtIn()
	if err != nil || a.opt.rules == "" {
		return c, err
	}
	own, err := a.ownRules()
	if err != nil {
		return nil, err
	}
	return c.With(own), nil
}

// builtIn are the rules that the program was built with.
func builtIn() (*classify.Classifier, error) {
	c, err := classify.Default()
	if err != nil {
		return nil, failed("proofs", "error", err.Error())
	}
	return c, nil
}

// ownRules are those in the folder of --rules, proved.
func (a *app) ownRules() (*classify.Classifier, error) {
	own, err := classify.Load(os.DirFS(a.opt.rules))
	if err != nil {
		return nil, failed("file", "flag", "rules", "name", a.opt.rules, "error", err.Error())
	}
	return own, nil
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
	var dialer smtpcheck.Dialer = &net.Dialer{}
	var bound netip.Addr
	if a.opt.bind != "" {
		if bound, err = netip.ParseAddr(a.opt.bind); err != nil {
			return nil, usage("address", "flag", "bind", "value", a.opt.bind)
		}
		dialer = dialFrom{netip.AddrPortFrom(bound, 0)}
	}
	servers, chosen, err := a.nameServers()
	if err != nil {
		return nil, err
	}
	second, err := a.second(chosen || len(servers) == 0)
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
	silence := new(dnscheck.Silence)
	r := &probe.Runner{
		Resolver: resolver(servers, chosen, 0, silence), Second: second, ListDNS: resolver(servers, chosen, rbl.Try, silence), Dialer: dialer, Guard: probe.Guard{Allow: allow},
		Lists: lists, Keys: keys, Controls: controls, HELO: a.heloName(bound), Port: a.opt.port,
		Policy: probe.Policy{Total: a.opt.timeout},
	}
	if a.progress != nil {
		r.Progress = a.progress.see
	}
	if bound.IsValid() {
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
// 4.1.3).
func (a *app) heloName(bound netip.Addr) string {
	if a.opt.helo != "" {
		return a.opt.helo
	}
	if name, err := a.Hostname(); err == nil && strings.Contains(name, ".") && !strings.HasPrefix(name, "localhost") {
		return name
	}
	if !bound.IsValid() {
		bound = ownAddress()
	}
	if bound.Is4() {
		return "[" + bound.String() + "]"
	}
	return "[IPv6:" + bound.WithZone("").String() + "]"
}

// ownAddress is the address that this machine sends from, by its route to a
// root name server; nothing is sent there.
func ownAddress() netip.Addr {
	for _, there := range []string{"198.41.0.4:9", "[2001:503:ba3e::2:30]:9"} {
		if c, err := net.Dial("udp", there); err == nil {
			defer c.Close()
			return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// nameServers are those of --resolver, else the system's; chosen says which.
// Where the system has none, there are none, and that is said.
func (a *app) nameServers() (servers []netip.AddrPort, chosen bool, err error) {
	servers, err = addresses("resolver", a.opt.resolvers)
	if err != nil {
		return nil, false, err
	}
	if len(servers) > 0 {
		return servers, true, nil
	}
	servers, err = dnscheck.SystemServers()
	if err != nil {
		a.warn("hint.no-resolver", "error", err.Error())
		a.saw(statusFailed)
		return nil, false, nil
	}
	return servers, false, nil
}

// addresses reads the IP[:PORT] of name servers.
func addresses(flag string, values []string) (servers []netip.AddrPort, err error) {
	for _, s := range values {
		host, port := probe.HostPort(s)
		if port == 0 {
			port = 53
		}
		ip, err := netip.ParseAddr(host)
		if err != nil {
			return nil, usage("resolver", "flag", flag, "value", s)
		}
		servers = append(servers, netip.AddrPortFrom(ip, port))
	}
	return servers, nil
}

// publicResolvers are of two operators who answer everybody.
var publicResolvers = []string{"1.1.1.1", "9.9.9.9"}

// second is the resolver to compare ours with; nil where there is none. A
// public one is no more believed than the system's: a network may answer in its
// stead.
func (a *app) second(unwanted bool) (dnscheck.Resolver, error) {
	servers, err := a.others(unwanted)
	if err != nil || len(servers) == 0 {
		return nil, err
	}
	return resolver(servers, len(a.opt.compare) > 0, 0, new(dnscheck.Silence)), nil
}

// others are the name servers to compare ours with: the named ones, else public
// ones unless that is unwanted. Who names a resolver may have names that are
// nobody else's business, and is asked to name the other too.
func (a *app) others(unwanted bool) ([]netip.AddrPort, error) {
	named := a.opt.compare
	switch {
	case len(named) == 1 && named[0] == "none", len(named) == 0 && unwanted:
		return nil, nil
	case len(named) == 0:
		named = publicResolvers
	}
	return addresses("compare-resolver", named)
}

// dialFrom dials from one address of ours, whatever the protocol.
type dialFrom struct{ netip.AddrPort }

// DialContext implements [smtpcheck.Dialer].
func (from dialFrom) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var local net.Addr = net.TCPAddrFromAddrPort(from.AddrPort)
	if strings.HasPrefix(network, "udp") {
		local = net.UDPAddrFromAddrPort(from.AddrPort)
	}
	return (&net.Dialer{LocalAddr: local}).DialContext(ctx, network, address)
}

// resolver asks name servers and remembers; try bounds one of its two tries,
// and 0 is the usual time; silence is shared by all that ask these. Only what an
// admin chose is believed without further ado.
func resolver(servers []netip.AddrPort, chosen bool, try time.Duration, silence *dnscheck.Silence) dnscheck.Resolver {
	if len(servers) == 0 {
		return noResolver{}
	}
	cache := &dnscheck.Cache{Resolver: &dnscheck.Client{Servers: servers, Try: try, Silence: silence}}
	if chosen {
		return cache
	}
	return &dnscheck.Grounded{Resolver: cache}
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
		return nil, failed("file", "flag", "lists", "name", name, "error", err.Error())
	}
	defer f.Close()
	own, err := rbl.LoadLists(f)
	if err != nil {
		return nil, failed("file", "flag", "lists", "name", name, "error", err.Error())
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
		key := ""
		if s.Env != "" {
			key = a.Getenv(s.Env)
		}
		if s.File != "" {
			b, err := os.ReadFile(s.File)
			if err != nil {
				return nil, failed("key", "zone", zone, "error", err.Error())
			}
			key = string(b)
		}
		if key = strings.TrimSpace(key); key != "" {
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
				return nil, usage("network", "value", s)
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		out = append(out, p)
	}
	return out, nil
}

// maxJobs keeps a slip of the finger from opening a million files.
const maxJobs = 256

func (a *app) jobs() int {
	if a.opt.jobs > 0 {
		return min(a.opt.jobs, maxJobs)
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
