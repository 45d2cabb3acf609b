package probe

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

// Finding is what one look found: a code with arguments for whoever words it,
// and the typed facts for whoever judges it.
type Finding struct {
	Step    string            `json:"step"`
	Check   Check             `json:"check"`
	Target  string            `json:"target"`
	Outcome Outcome           `json:"outcome"`
	Code    string            `json:"code"`
	Args    map[string]string `json:"args"`
	Started time.Time         `json:"started"` // of what is remembered: when it was seen
	TookMS  int64             `json:"took_ms"`
	Needs   []string          `json:"needs,omitempty"` // the steps that it waited for
	Lists   []List            `json:"lists,omitempty"`

	MX        *dnscheck.MX        `json:"-"`
	Addresses *dnscheck.Addresses `json:"-"`
	Reverse   *dnscheck.Reverse   `json:"-"`
	SPF       *dnscheck.SPF       `json:"-"`
	DKIM      *dnscheck.DKIM      `json:"-"`
	DMARC     *dnscheck.DMARC     `json:"-"`
	STS       *dnscheck.STS       `json:"-"`
	DANE      *dnscheck.DANE      `json:"-"`
	NS        *dnscheck.Authority `json:"-"`
	Session   *smtpcheck.Session  `json:"-"`

	Named *classify.Classification `json:"-"` // of the refusal that StepRcpt met; nil where it met none
}

// Progress is a look that begins, goes on or has ended, for whoever waits. Of a
// sweep of block lists it says how many of them are through.
type Progress struct {
	Step, Target string
	Done, Of     int // lists; 0 of 0 for every other look
	Ended        bool
}

// Runner looks. It holds everything that reaches the network; its fields must
// not change while it runs. One Runner serves many bounces at once, each by
// its own [Look], and remembers what its control hosts said.
type Runner struct {
	Resolver dnscheck.Resolver
	Second   dnscheck.Resolver // asked where Resolver finds no way to a domain; may be nil
	ListDNS  dnscheck.Resolver // for the block lists, with shorter tries (rbl.Try): many are asked at once; nil is Resolver
	Dialer   smtpcheck.Dialer  // unguarded: the Runner wraps it
	Guard    Guard
	Lists    []rbl.List
	Keys     map[string]string // of the lists that need one, by zone
	Controls []string          // known-good mail servers, HOST or HOST:PORT
	HELO     string
	Port     uint16         // 25
	Roots    *x509.CertPool // who may vouch for certificates; nil means the system's authorities
	Policy   Policy
	Route    func(netip.Addr) (netip.Addr, error) // our end of a connection to an address; nil asks the system
	Now      func() time.Time                     // nil is time.Now
	Progress func(Progress)                       // told what is being looked at, from several goroutines; may be nil

	Memory Memory // nil: nothing is remembered beyond this Runner

	Name   func(bounce.Failure) classify.Classification // names a refusal of StepRcpt as that of a bounce; nil: it stays unnamed
	Random func() string                                // a local part that nobody has; nil makes one that cannot be guessed

	mu        sync.Mutex
	sessions  map[host]*remembered
	controls  map[netip.AddrPort]*remembered
	mailboxes map[string]*remembered // in lower case
	absent    string                 // see nobody
	invented  invention              // see madeUp
}

// invention is what the resolver had for a name that cannot exist. That it
// refuses to say is remembered, too, which no cache does.
type invention struct {
	asked time.Time
	addrs []netip.Addr
}

const inventionMemory = time.Minute

// host is one address under the name, and by the demands, by which its
// certificate is judged.
type host struct {
	visited
	name string
}

// Look is one bounce's share of the network: however many failures it tells
// of, they share one deadline, one budget of steps and queries, and what was
// already looked at.
type Look struct {
	*Runner
	policy   Policy
	resolver dnscheck.Resolver
	second   dnscheck.Resolver
	listDNS  dnscheck.Resolver
	dialer   smtpcheck.Dialer
	servers  dnscheck.Dialer // to name servers
	deadline time.Time
	steps    atomic.Int64

	mu     sync.Mutex
	visits map[visited]*visit
	looked map[string]*once
}

// once is a look that several plans ask for and one takes.
type once struct {
	done    chan struct{} // closed when the finding is there
	finding Finding
}

// Begin opens the look for one bounce.
func (r *Runner) Begin() *Look { return r.begin(r.Policy) }

func (r *Runner) begin(policy Policy) *Look {
	policy = policy.Defaults()
	queries := newBudget(policy.Queries)
	l := &Look{
		Runner: r, policy: policy,
		resolver: queries.on(r.Resolver),
		second:   queries.on(r.Second),
		listDNS:  queries.on(r.listDNS()),
		dialer:   r.Guard.Dialer(r.Dialer, r.ports()...),
		deadline: time.Now().Add(policy.Total),
		servers:  queries.dialer(r.Guard.Dialer(r.Dialer, portDNS)),
	}
	l.steps.Store(int64(policy.Steps))
	return l
}

// Run takes every step of a plan, each as soon as what it needs is known, and
// returns their findings in the plan's order: one for each step, and for a
// step over the addresses of another one for each address. A step that was
// not taken has a finding that says why; only those that nobody needs where
// the others came to something have none: the control hosts, the domain's name
// servers, and the second resolver.
func (l *Look) Run(ctx context.Context, plan []Step) []Finding {
	ctx, cancel := context.WithDeadline(ctx, l.deadline)
	defer cancel()
	run := &run{Look: l, plan: plan, done: make(map[string]chan struct{}, len(plan)), found: make([][]Finding, len(plan))}
	for _, s := range plan {
		run.done[s.ID] = make(chan struct{})
	}
	var wg sync.WaitGroup
	for i, s := range plan {
		if run.allWaitFor(s.ID, plan[i+1:]) { // so they may as well begin after it: no goroutine is worth while
			run.perform(ctx, i, s)
		} else {
			wg.Go(func() { run.perform(ctx, i, plan[i]) })
		}
	}
	wg.Wait()
	return slices.Concat(run.found...)
}

func (r *Runner) progress(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

// answered tells of the lists of a sweep as they are through.
func (r *Runner) answered(step, target string) func(done, total int) {
	return func(done, total int) { r.progress(Progress{Step: step, Target: target, Done: done, Of: total}) }
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Runner) port() uint16 {
	if r.Port == 0 {
		return 25
	}
	return r.Port
}

// listDNS is the resolver that the block lists are asked through.
func (r *Runner) listDNS() dnscheck.Resolver {
	if r.ListDNS != nil {
		return r.ListDNS
	}
	return r.Resolver
}

// ports are those that may be dialled: the SMTP port, and what the admin named
// for the control hosts.
func (r *Runner) ports() []uint16 {
	ports := []uint16{r.port()}
	for _, c := range r.Controls {
		_, p := r.splitControl(c)
		ports = append(ports, p)
	}
	return ports
}

// splitControl is a control host and its port, which is 25 even where the
// remote is asked on another one.
func (r *Runner) splitControl(c string) (string, uint16) {
	host, port := HostPort(c)
	if port == 0 {
		port = 25
	}
	return host, port
}

// run is one plan on its way.
type run struct {
	*Look
	plan  []Step
	done  map[string]chan struct{}
	found [][]Finding // by step; read only after its done channel is closed
}

// waitsFor are the steps of the plan that s needs.
func (r *run) waitsFor(s Step) []string {
	return slices.DeleteFunc(append(slices.Clone(s.Needs), s.From), func(id string) bool { return r.done[id] == nil })
}

// allWaitFor says whether each of some steps needs the one.
func (r *run) allWaitFor(id string, steps []Step) bool {
	return !slices.ContainsFunc(steps, func(s Step) bool { return s.From != id && !slices.Contains(s.Needs, id) })
}

// perform takes the step of that place in the plan as soon as it can be taken.
func (r *run) perform(ctx context.Context, i int, s Step) {
	defer close(r.done[s.ID])
	r.await(ctx, s)
	found := r.take(ctx, s)
	needs := r.waitsFor(s)
	for j := range found {
		found[j].Needs = needs
	}
	r.found[i] = found
}

// await blocks until the steps that s needs have ended.
func (r *run) await(ctx context.Context, s Step) {
	for _, id := range r.waitsFor(s) {
		select {
		case <-r.done[id]:
		case <-ctx.Done():
			return
		}
	}
}

// of returns the findings of a step that has ended.
func (r *run) of(id string) []Finding {
	for i, s := range r.plan {
		if s.ID == id {
			return r.found[i]
		}
	}
	return nil
}

// target is one thing to look at.
type target struct {
	name string // as it is shown: a host, or the address itself
	addr netip.Addr
}

// take takes one step.
func (r *run) take(ctx context.Context, s Step) []Finding {
	if ctx.Err() != nil {
		return []Finding{r.skip(s, s.Target, "skipped.time", nil)}
	}
	if s.Skip != "" {
		return []Finding{r.skip(s, s.Target, s.Skip, map[string]string{"target": s.Target})}
	}
	switch s.Check {
	case CheckMX, CheckAddress:
		return r.each(s, []target{{name: s.Target}}, func(t target) Finding { return r.lookUp(ctx, s, t) })
	case CheckControl:
		failed := slices.DeleteFunc(slices.Concat(r.of(StepSMTP), r.of(StepRefuser)), func(f Finding) bool { return !unconnected(f) })
		if len(failed) == 0 {
			return nil // no need to trouble the control hosts
		}
		return r.control(ctx, s, failed)
	case CheckDMARC, CheckDKIM, CheckSTS, CheckDANE, CheckNS, CheckSecond:
		return r.publication(ctx, s)
	case CheckOutbound, CheckTLS, CheckCompare, CheckPrivate, CheckSTSHosts:
		return r.ofServer(ctx, s)
	}
	if s.ID == StepRcpt {
		return r.mailbox(ctx, s)
	}
	targets, skipped := r.targets(s)
	return append(r.each(s, targets, func(t target) Finding {
		switch s.Check {
		case CheckPTR:
			return r.reverse(ctx, s, t)
		case CheckRBL:
			return r.blockLists(ctx, s, t)
		case CheckSPF:
			return r.spf(ctx, s, t)
		case CheckHELO:
			return r.helo(ctx, s, t)
		case CheckRelay:
			return r.relay(ctx, t)
		default:
			return r.smtp(ctx, s, t)
		}
	}), skipped...)
}

// each looks at all targets at once, within the budget of steps.
func (r *run) each(s Step, targets []target, look func(target) Finding) []Finding {
	out := make([]Finding, len(targets))
	one := func(i int) {
		o, first := r.once(s, targets[i])
		if first {
			o.finding = r.timed(s, targets[i], look)
			close(o.done)
		}
		<-o.done
		out[i] = o.finding
		out[i].Step = s.ID
	}
	var wg sync.WaitGroup
	for i := 1; i < len(targets); i++ {
		wg.Go(func() { one(i) })
	}
	if len(targets) > 0 {
		one(0)
	}
	wg.Wait()
	return out
}

// once finds the look that a step asks for; whoever is first has to take it.
func (l *Look) once(s Step, t target) (o *once, first bool) {
	key := strings.Join([]string{string(s.Check), t.name, t.addr.String(), s.List, s.Except, s.Sender, s.Rcpt, s.Demands, s.HELO}, "\x00")
	l.mu.Lock()
	defer l.mu.Unlock()
	if o = l.looked[key]; o != nil {
		return o, false
	}
	o = &once{done: make(chan struct{})}
	if l.looked == nil {
		l.looked = make(map[string]*once)
	}
	l.looked[key] = o
	return o, true
}

// timed takes one look, if the budget still allows it.
func (r *run) timed(s Step, t target, look func(target) Finding) Finding {
	if r.steps.Add(-1) < 0 {
		return r.skip(s, t.name, "skipped.limit", map[string]string{"limit": strconv.Itoa(r.policy.Steps)})
	}
	started := r.now()
	r.progress(Progress{Step: s.ID, Target: t.name})
	defer r.progress(Progress{Step: s.ID, Target: t.name, Ended: true})
	f := look(t)
	f.Step, f.Check = s.ID, s.Check
	if f.Started.IsZero() { // what is remembered was seen earlier
		f.Started = started.UTC()
	}
	if unconnected(f) { // the route tells from where it was tried
		if here, err := r.route(f.Session.Addr.Addr()); err == nil {
			f.Args["local"] = here.String()
		}
	}
	f.TookMS = r.now().Sub(started).Milliseconds()
	if f.Target == "" {
		f.Target = t.name
	}
	if f.Args == nil {
		f.Args = map[string]string{}
	}
	return f
}

func (r *run) skip(s Step, name, code string, args map[string]string) Finding {
	if args == nil {
		args = map[string]string{}
	}
	return Finding{Step: s.ID, Check: s.Check, Target: name, Outcome: Skipped, Code: code, Args: args, Started: r.now().UTC()}
}

// maxSkipped bounds the addresses of a step that are told apart though they are
// not looked at.
const maxSkipped = 20

// targets says what a step looks at, and gives a finding for everything that
// it must leave out.
func (r *run) targets(s Step) (out []target, skipped []Finding) {
	var all []target
	switch {
	case s.From == "":
		addr, err := netip.ParseAddr(s.Target)
		if err != nil { // a domain, for the lists of domains
			return []target{{name: s.Target}}, nil
		}
		addr = addr.Unmap()
		all = []target{{cmp.Or(s.Name, addr.String()), addr}}
	case r.done[s.From] == nil: // our own address, and only this machine knows it
		if addr, ok := r.outbound(); ok {
			all = []target{{addr.String(), addr}}
		}
	default:
		all = addressesOf(r.of(s.From))
	}
	if len(all) == 0 {
		return nil, []Finding{r.skip(s, s.Target, "skipped.no-target", map[string]string{"step": s.From})}
	}
	for i, t := range all {
		host := map[string]string{"host": t.name, "ip": t.addr.String()}
		switch {
		case len(out) >= r.policy.Hosts || len(skipped) >= maxSkipped:
			host["more"] = strconv.Itoa(len(all) - i)
			return out, append(skipped, r.skip(s, t.name, "skipped.hosts", host))
		case !r.Guard.Allows(t.addr):
			skipped = append(skipped, r.skip(s, t.addr.String(), "skipped.private", host))
		case s.Check == CheckSMTP && !r.reaches(t.addr):
			skipped = append(skipped, r.skip(s, t.addr.String(), "skipped.no-family", host))
		default:
			out = append(out, t)
		}
	}
	return out, skipped
}

// addressesOf lists the addresses that lookups found, in their order, each
// once.
func addressesOf(findings []Finding) (out []target) {
	add := func(a dnscheck.Addresses) {
		for _, ip := range a.Addrs {
			ip = ip.Unmap()
			if !slices.ContainsFunc(out, func(t target) bool { return t.addr == ip }) {
				out = append(out, target{a.Host, ip})
			}
		}
	}
	for _, f := range findings {
		if f.MX != nil && !f.MX.Null {
			for _, h := range f.MX.Hosts {
				add(h.Addresses)
			}
		}
		if f.Addresses != nil {
			add(*f.Addresses)
		}
	}
	return out
}

// somewhere are addresses that stand for the whole internet when the system
// is asked for its route; nothing is sent to them.
var somewhere = []netip.Addr{netip.MustParseAddr("198.41.0.4"), netip.MustParseAddr("2001:503:ba3e::2:30")}

// outbound is the address from which this machine reaches the internet.
func (r *run) outbound() (netip.Addr, bool) {
	for _, there := range somewhere {
		if here, err := r.route(there); err == nil {
			return here, true
		}
	}
	return netip.Addr{}, false
}

// route is our end of a connection to addr.
func (r *Runner) route(addr netip.Addr) (netip.Addr, error) {
	if r.Route != nil {
		return r.Route(addr)
	}
	// Connecting a UDP socket sends nothing: it only asks for the route.
	c, err := net.Dial("udp", netip.AddrPortFrom(addr, 9).String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// reaches says whether this machine has a route of the address's family. A
// family that we lack says nothing about the remote.
func (r *run) reaches(addr netip.Addr) bool {
	here, err := r.route(addr)
	var call *os.SyscallError
	if errors.As(err, &call) && call.Syscall != "connect" && call.Syscall != "socket" {
		return true // it was not the route that failed: the connection itself will tell
	}
	return err == nil && (Public(here) || !Public(addr) || here.Is4())
}

func (r *run) lookUp(ctx context.Context, s Step, t target) Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	if s.Check == CheckMX {
		f := findMX(dnscheck.CheckMX(ctx, r.resolver, t.name))
		if f.Code == "mx.implicit" && len(r.madeUp(ctx)) > 0 {
			f.Outcome, f.Code, f.MX = UnknownOC, "mx.invented", &dnscheck.MX{Domain: t.name, Status: dnscheck.Failed}
		}
		return f
	}
	f := findAddresses(dnscheck.CheckAddresses(ctx, r.resolver, t.name))
	if f.Outcome == Healthy && slices.ContainsFunc(r.madeUp(ctx), func(a netip.Addr) bool { return slices.Contains(f.Addresses.Addrs, a) }) {
		f.Outcome, f.Code, f.Addresses = UnknownOC, "address.invented", &dnscheck.Addresses{Host: t.name, V4: dnscheck.Failed, V6: dnscheck.Failed}
		delete(f.Args, "ips")
	}
	return f
}

// madeUp are the addresses that the resolver has for a name that cannot exist
// (RFC 6761 section 6.4): with any, one that it has for a domain without an MX
// is no evidence of the domain, and the same ones are none of a host.
func (r *run) madeUp(ctx context.Context) []netip.Addr {
	r.Runner.mu.Lock()
	known := r.invented
	r.Runner.mu.Unlock()
	if now := r.now(); !known.asked.After(now) && now.Sub(known.asked) < inventionMemory {
		return known.addrs
	}
	a := dnscheck.CheckAddresses(ctx, r.resolver, r.nobody()+".invalid")
	if s := a.Status(); s.Known() || s == dnscheck.Refused {
		r.Runner.mu.Lock()
		defer r.Runner.mu.Unlock()
		r.invented = invention{r.now(), a.Addrs}
	}
	return a.Addrs
}

func (r *run) reverse(ctx context.Context, _ Step, t target) Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	return findReverse(dnscheck.CheckReverse(ctx, r.resolver, t.addr))
}

func (r *run) spf(ctx context.Context, s Step, t target) Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	return findSPF(dnscheck.CheckSPF(ctx, r.resolver, t.addr, s.HELO, s.Sender), t.addr)
}

func (r *run) blockLists(ctx context.Context, s Step, t target) Finding {
	ctx, cancel := context.WithTimeout(ctx, r.policy.Step)
	defer cancel()
	checker := rbl.Checker{Resolver: r.Look.listDNS, Keys: r.Keys, Nobody: r.nobody(), Answered: r.answered(s.ID, t.name)}
	var f Finding
	switch {
	case s.List == "" && !t.addr.IsValid():
		f = r.domainLists(ctx, checker, t.name)
	case s.List == "":
		f = findLists(checker.CheckIP(ctx, t.addr, r.sweep(t.addr, s.Except)))
	case t.addr.IsValid():
		f = findNamed(s.List, checker.CheckIP(ctx, t.addr, r.named(s.List)))
	default:
		f = findNamed(s.List, checker.CheckDomain(ctx, t.name, r.named(s.List)))
	}
	if t.addr.IsValid() {
		f.Target = t.addr.String()
	}
	return f
}

// nobody is a label that no name has, the same for the whole run.
func (r *Runner) nobody() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.absent == "" {
		r.absent = strings.ToLower(rand.Text())
	}
	return r.absent
}

// named is the list that a reply names: ours, or one that our table does not
// have; none where the name can be no list's.
func (r *run) named(name string) []rbl.List {
	l, ok := rbl.Find(r.Lists, name)
	if !ok {
		if l, ok = rbl.Unlisted(name); !ok {
			return nil
		}
	}
	return []rbl.List{l}
}

// sweep is the default set for an address with the lists that our keys open,
// and without the list that is asked by name.
func (r *run) sweep(addr netip.Addr, except string) []rbl.List {
	return slices.DeleteFunc(r.defaultLists(rbl.KindOf(addr)), func(l rbl.List) bool {
		return slices.ContainsFunc(r.named(except), func(n rbl.List) bool { return n.Zone == l.Zone })
	})
}

// defaultLists are the lists that are asked unless others are named.
func (r *Runner) defaultLists(kind rbl.Kind) []rbl.List {
	return slices.Concat(rbl.Default(r.Lists, kind), rbl.Checker{Keys: r.Keys}.Keyed(r.Lists, kind))
}

// visited is an address, and the domain by whose demands its certificate was
// judged: "" where it had only to be good.
type visited struct {
	addr   netip.AddrPort
	domain string
}

// visit is one address's session; in one look an address is visited once,
// whatever number of steps and failures lead to it.
type visit struct {
	done chan struct{} // closed when the session has ended
	name string        // by which the certificate was judged
	heard
}

// smtp visits one address, and once more where no connection came about: one
// lost packet is no evidence.
func (r *run) smtp(ctx context.Context, s Step, t target) Finding {
	at := visited{netip.AddrPortFrom(t.addr, r.port()), s.Demands}
	v := r.visit(ctx, at, t.name, r.demanded(s.Demands, t.name))
	f := findSession(v.Session, v.name, v.tries)
	if v.again {
		f.Started = v.Session.Started.UTC()
		f.Args["remembered"] = stamp(f.Started)
	}
	return r.located(f)
}

// located adds our end to a session that has none: of a connection that never
// stood only the system's route tells it.
func (r *run) located(f Finding) Finding {
	if f.Args["local"] == "" && f.Outcome != Skipped {
		if here, err := r.route(f.Session.Addr.Addr()); err == nil {
			f.Args["local"] = here.String()
		}
	}
	return f
}

func (r *run) visit(ctx context.Context, at visited, name string, opt smtpcheck.Options) *visit {
	r.Look.mu.Lock()
	v, known := r.visits[at]
	before := false
	for other := range r.visits {
		before = before || other.addr == at.addr
	}
	if !known {
		v = &visit{done: make(chan struct{}), name: name}
		if r.visits == nil {
			r.visits = make(map[visited]*visit)
		}
		r.visits[at] = v
	}
	r.Look.mu.Unlock()
	if known {
		<-v.done
		return v
	}
	defer close(v.done)
	m := recollection(r.Runner, &r.sessions, host{at, name})
	v.heard = r.recalled(ctx, m, sessionMemory, "", at.addr, func() (heard, bool) {
		if before {
			r.pause(ctx)
		}
		return r.tryTwice(ctx, at.addr, name, opt)
	})
	return v
}

// tryTwice goes through the usual session, and says whether it is worth
// remembering: what was cut short is not.
func (r *run) tryTwice(ctx context.Context, addr netip.AddrPort, name string, opt smtpcheck.Options) (h heard, keep bool) {
	for h.tries = 1; ; h.tries++ {
		h.Session = r.session(ctx, addr, name, r.policy.Step, opt)
		failed := failedToConnect(h.Session)
		if h.tries == 2 || !failed {
			return h, h.Result != smtpcheck.Failed
		}
		if !r.pause(ctx) {
			return h, false
		}
	}
}

// session goes through a session within a limit, opt saying what is asked for
// beside the usual.
func (r *run) session(ctx context.Context, addr netip.AddrPort, name string, limit time.Duration, opt smtpcheck.Options) smtpcheck.Session {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := netip.ParseAddr(name); err == nil {
		name = "" // no certificate is expected to name an address
	}
	opt.HELO, opt.Greeting, opt.Name, opt.Roots = r.HELO, r.policy.Greeting, name, r.Roots
	return smtpcheck.Check(ctx, r.dialer, addr, opt)
}

// pause waits between two connections to one address; false where there is no
// time left.
func (r *run) pause(ctx context.Context) bool {
	select {
	case <-time.After(r.policy.Pause):
		return true
	case <-ctx.Done():
		return false
	}
}

func failedToConnect(s smtpcheck.Session) bool {
	return s.Phase == smtpcheck.PhaseConnect &&
		(s.Result == smtpcheck.Refused || s.Result == smtpcheck.Unreachable || s.Result == smtpcheck.Timeout)
}

// unconnected says whether a finding is a connection that did not come about,
// in either of two tries: one lost packet is no evidence.
func unconnected(f Finding) bool {
	return f.Session != nil && failedToConnect(*f.Session) && f.Args["tries"] != "1"
}

// control asks the control hosts whether they answer, in each family in which
// a connection failed.
func (r *run) control(ctx context.Context, s Step, failed []Finding) []Finding {
	var targets []netip.AddrPort
	for _, c := range r.Controls[:min(len(r.Controls), r.policy.Controls)] {
		host, port := r.splitControl(c)
		addrs := r.resolve(ctx, host)
		for _, v4 := range []bool{true, false} {
			inFamily := func(a netip.Addr) bool { return a.Is4() == v4 }
			if !slices.ContainsFunc(failed, func(f Finding) bool { return inFamily(f.Session.Addr.Addr()) }) {
				continue
			}
			i := slices.IndexFunc(addrs, inFamily)
			if i < 0 || !r.reaches(addrs[i]) {
				continue
			}
			if at := netip.AddrPortFrom(addrs[i], port); !slices.Contains(targets, at) { // one host under two names is one witness
				targets = append(targets, at)
			}
		}
	}
	if len(targets) == 0 {
		return []Finding{r.skip(s, "", "skipped.no-control", nil)}
	}
	named := make([]target, len(targets))
	for i, t := range targets {
		named[i] = target{t.String(), t.Addr()}
	}
	return r.each(s, named, func(t target) Finding {
		h := r.askControl(ctx, netip.MustParseAddrPort(t.name))
		f := findControl(h.Session)
		if h.again {
			f.Started = h.Session.Started.UTC()
		}
		return r.located(f)
	})
}

// resolve gives the addresses of a control host, which may be one itself.
func (r *run) resolve(ctx context.Context, host string) []netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}
	}
	return dnscheck.CheckAddresses(ctx, r.resolver, host).Addrs
}

// askControl remembers what a control host said to this address of ours. It is
// asked EHLO too, since many answer with the address that they see us by, but
// for nothing beyond.
func (r *run) askControl(ctx context.Context, addr netip.AddrPort) heard {
	here, _ := r.route(addr.Addr())
	key := "control " + addr.String() + " from " + here.String()
	return r.recalled(ctx, recollection(r.Runner, &r.controls, addr), controlMemory, key, addr, func() (heard, bool) {
		s := r.session(ctx, addr, "", r.policy.Step, smtpcheck.Options{NoTLS: true})
		return heard{Session: s, tries: 1}, s.Result != smtpcheck.Failed
	})
}
