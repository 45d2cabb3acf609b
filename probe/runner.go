package probe

import (
	"crypto/x509"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"diagnose/classify"
	"diagnose/classify/bounce"
	"diagnose/dnscheck"
	"diagnose/rbl"
	"diagnose/smtpcheck"
)

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
