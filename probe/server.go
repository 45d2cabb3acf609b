package probe

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"diagnose/classify/bounce"
)

// Server is our own mail server, to be looked at as the world sees it.
type Server struct {
	Addresses []OwnAddress // that our mail leaves from; empty: found out
	Domains   []string     // that we send as and take mail for
	HELO      string       // the name that our server greets with; empty: not known, unless we are that server
	Relayhost string       // our mail leaves through it, so our own way out does not matter
	Selectors []string     // of the DKIM keys of our domains; they cannot be found without
	OpenRelay bool         // may ask our addresses to relay for strangers
}

// OwnAddress is an address of ours, and why we take it for ours.
type OwnAddress struct {
	IP netip.Addr `json:"ip"`
	By AddressBy  `json:"by"`
}

// AddressBy says where an address of ours was taken from.
type AddressBy string

// The origins of our addresses. The first two are the admin's word.
const (
	AddressGiven      AddressBy = "given"         // on the command line
	AddressConfigured AddressBy = "configuration" // in diagnose.toml
	AddressMX         AddressBy = "mx"            // of our domains' mail servers, which need not be the ones that send
	AddressSeen       AddressBy = "seen"          // by which a control host greets us
	AddressMachine    AddressBy = "machine"       // this machine's own
)

// ours says whether it is certain enough that an address is ours to try
// whether it relays.
func (a OwnAddress) ours() bool {
	return a.By == AddressGiven || a.By == AddressConfigured || a.By == AddressMachine
}

// The checks that only our own server needs.
const (
	CheckHELO     Check = "helo"      // the name we greet with leads to our address
	CheckRelay    Check = "relay"     // our server relays for nobody
	CheckOutbound Check = "outbound"  // port 25 gets out, and by which address we are seen
	CheckTLS      Check = "tls"       // what became of STARTTLS in sessions that were gone through
	CheckCompare  Check = "compare"   // our resolver knows what another one knows
	CheckPrivate  Check = "private"   // the mail servers' addresses can be reached by the world
	CheckSTSHosts Check = "sts-hosts" // the MTA-STS policy names the mail servers
)

// Their steps.
const (
	StepRelay       = "relay"
	StepOutbound    = "outbound"
	StepSeen        = "seen" // what the greetings of StepOutbound say of our address
	StepTLS         = "tls"
	StepCompare     = "compare"
	StepPrivate     = "private"
	StepSTSHosts    = "sts-hosts"
	StepDomainLists = "domain-lists"
)

// ServerPlans says what is to be looked at, as plans that do not wait for one
// another: our addresses, then each domain, then the lists of domains. It is
// pure.
func ServerPlans(s Server) (plans [][]Step) {
	for _, a := range s.Addresses {
		plans = append(plans, addressPlan(s, a))
	}
	for _, d := range s.Domains {
		plans = append(plans, domainPlan(d))
		for _, a := range s.Addresses {
			plans = append(plans, []Step{{ID: StepSPF, Check: CheckSPF, Target: a.IP.String(), Sender: "postmaster@" + d, HELO: s.HELO}})
		}
		for _, selector := range s.Selectors {
			plans = append(plans, []Step{{ID: StepDKIM, Check: CheckDKIM, Keys: []bounce.DKIMKey{{Domain: d, Selector: selector}}}})
		}
		if len(s.Selectors) == 0 {
			plans = append(plans, []Step{{ID: StepDKIM, Check: CheckDKIM, Target: d, Skip: "dkim.no-selector"}})
		}
	}
	if names := s.names(); len(names) > 0 {
		plans = append(plans, []Step{{ID: StepDomainLists, Check: CheckRBL, Target: strings.Join(names, ", ")}})
	}
	return plans
}

// names are those that a receiver knows our mail by.
func (s Server) names() []string {
	names := slices.Clone(s.Domains)
	if s.HELO != "" && !slices.Contains(names, s.HELO) {
		names = append(names, s.HELO)
	}
	return names
}

func addressPlan(s Server, a OwnAddress) []Step {
	ip := a.IP.String()
	plan := []Step{
		{ID: StepLists, Check: CheckRBL, Target: ip},
		{ID: StepPTR, Check: CheckPTR, Target: ip},
		{ID: StepHELO, Check: CheckHELO, Target: ip, HELO: s.HELO},
	}
	if s.OpenRelay {
		relay := Step{ID: StepRelay, Check: CheckRelay, Target: ip}
		if !a.ours() {
			relay.Skip = "relay.not-ours"
		}
		plan = append(plan, relay)
	}
	return plan
}

func domainPlan(domain string) []Step {
	return []Step{
		{ID: StepMX, Check: CheckMX, Target: domain},
		{ID: StepPrivate, Check: CheckPrivate, Needs: []string{StepMX}},
		{ID: StepCompare, Check: CheckCompare, Target: domain},
		{ID: StepDANE, Check: CheckDANE, Needs: []string{StepMX}, Demands: domain},
		{ID: StepSMTP, Check: CheckSMTP, From: StepMX, Needs: []string{StepDANE, StepSTS}, Demands: domain},
		{ID: StepTLS, Check: CheckTLS, Needs: []string{StepSMTP}},
		{ID: StepSTS, Check: CheckSTS, Target: domain},
		{ID: StepSTSHosts, Check: CheckSTSHosts, Target: domain, Needs: []string{StepMX, StepSTS}},
		{ID: StepDMARC, Check: CheckDMARC, Target: domain},
	}
}

// What looking at our own server may cost. It is asked for by name and not by
// a stranger's bounce, and an admin has several addresses and domains.
const (
	serverSteps   = 400
	serverQueries = 4000
	serverHosts   = 20
)

// Server looks at our own server from all sides at once and judges what it
// found. Where no address is given, those of the domains' mail servers are
// taken, else the one by which the control hosts see us, else this machine's.
func (r *Runner) Server(ctx context.Context, s Server) CheckReport {
	policy := r.Policy
	policy.Steps, policy.Queries, policy.Hosts = serverSteps, serverQueries, serverHosts
	l := r.begin(policy)
	var outbound []Finding
	var out, rest sync.WaitGroup
	out.Go(func() { outbound = l.Run(ctx, []Step{{ID: StepOutbound, Check: CheckOutbound}}) })
	if len(s.Addresses) == 0 {
		s.Addresses = l.mailServers(ctx, s.Domains)
	}
	if len(s.Addresses) == 0 {
		out.Wait()
		s.Addresses = r.thisMachine(outbound)
	}
	s.HELO = r.heloOf(s)
	plans := ServerPlans(s)
	found := make([][]Finding, len(plans))
	for i, plan := range plans {
		rest.Go(func() { found[i] = l.Run(ctx, plan) })
	}
	rest.Wait()
	out.Wait()
	return NewServerReport(s, append(slices.Concat(found...), outbound...))
}

// heloOf is the name that our server greets with. This machine's own counts
// only where it is that server.
func (r *Runner) heloOf(s Server) string {
	name := s.HELO
	if name == "" && slices.ContainsFunc(s.Addresses, r.isHere) {
		name = r.HELO
	}
	name = domainOf("@" + name)
	if _, err := netip.ParseAddr(name); err == nil {
		return ""
	}
	return name
}

// isHere says whether an address is this machine's own.
func (r *Runner) isHere(a OwnAddress) bool {
	if a.By == AddressMachine || a.By == AddressSeen {
		return true
	}
	here, err := r.route(a.IP)
	return err == nil && here == a.IP
}

// mailServers are the addresses of our domains' mail servers.
func (l *Look) mailServers(ctx context.Context, domains []string) (out []OwnAddress) {
	for _, d := range domains {
		for _, t := range addressesOf(l.Run(ctx, []Step{{ID: StepMX, Check: CheckMX, Target: d}})) {
			if a := (OwnAddress{t.addr, AddressMX}); l.Guard.Allows(t.addr) && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// thisMachine is where our mail leaves from as far as this machine can tell:
// the addresses by which the control hosts greeted us, else our own end.
func (r *Runner) thisMachine(outbound []Finding) (out []OwnAddress) {
	add := func(text string, by AddressBy) {
		if ip, err := netip.ParseAddr(text); err == nil {
			out = append(out, OwnAddress{ip, by})
		}
	}
	for _, f := range outbound {
		if f.Args["seen"] != "" {
			add(f.Args["seen"], AddressSeen)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, there := range somewhere {
		if here, err := r.route(there); err == nil {
			add(here.String(), AddressMachine)
		}
	}
	return out
}
