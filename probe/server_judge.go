package probe

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"diagnose/dnscheck"
)

// ServerReport is what is known of our own server as a whole.
type ServerReport struct {
	Addresses []OwnAddress `json:"addresses"`
	Domains   []string     `json:"domains"`
	HELO      string       `json:"helo"`
	Tasks     []Task       `json:"tasks"`   // ours to do, the most urgent first
	Unknown   []Task       `json:"unknown"` // what could not be told, and what would tell
}

// Task is one fault of ours and what to do about it.
type Task struct {
	Urgency Urgency           `json:"urgency,omitempty"`
	Step    string            `json:"step"`
	Target  string            `json:"target"`
	Code    string            `json:"code"` // as in findings
	Args    map[string]string `json:"args"`
	Advice  *Advice           `json:"advice,omitempty"`

	weight int
}

// Urgency is what a fault does to our mail.
type Urgency string

// The urgencies.
const (
	Urgent Urgency = "urgent" // mail is refused or lost now, or the server is abused
	Soon   Urgency = "soon"   // some receivers refuse or distrust our mail
	Minor  Urgency = "minor"  // nothing is lost yet
)

// The least weights of the urgencies.
const (
	urgentFrom = 80
	soonFrom   = 50
)

func urgency(weight int) Urgency {
	switch {
	case weight >= urgentFrom:
		return Urgent
	case weight >= soonFrom:
		return Soon
	}
	return Minor
}

// NewServerReport judges what was found of our own server: faulty where there
// is something for us to do, unknown where nothing is and something that
// matters could not be told. It is pure.
func NewServerReport(s Server, findings []Finding) CheckReport {
	j := serverJudge{Server: s, findings: slices.Clone(findings)}
	j.compareSeen()
	j.doubtRelays()
	if len(s.Addresses) == 0 {
		j.unknown = append(j.unknown, Task{Step: StepSending, Code: "vantage.no-address", Advice: &Advice{PartyOurServer, "name-sending-ip", nil}})
	}
	out := CheckReport{
		Schema: Schema, Target: s.target(), Outcome: Healthy,
		Server: &ServerReport{Addresses: nonNil(s.Addresses), Domains: nonNil(s.Domains), HELO: s.HELO},
	}
	for _, f := range j.findings {
		j.judge(f)
		if f.Session != nil && f.Check == CheckSMTP {
			out.SMTP = append(out.SMTP, smtpJSON(*f.Session))
		}
	}
	slices.SortStableFunc(j.tasks, func(a, b Task) int { return cmp.Compare(b.weight, a.weight) })
	out.Findings, out.Server.Tasks, out.Server.Unknown = nonNil(j.findings), nonNil(j.tasks), nonNil(j.unknown)
	switch {
	case len(j.tasks) > 0:
		out.Outcome = Faulty
	case len(j.unknown) > 0 || !slices.ContainsFunc(findings, func(f Finding) bool { return f.Outcome == Healthy }):
		out.Outcome = UnknownOC
	}
	return out
}

// target names what was looked at.
func (s Server) target() string {
	names := slices.Clone(s.Domains)
	for _, a := range s.Addresses {
		names = append(names, a.IP.String())
	}
	return strings.Join(names, ", ")
}

type serverJudge struct {
	Server
	findings       []Finding
	tasks, unknown []Task
}

// compareSeen adds what the control hosts' greetings say of our address.
func (j *serverJudge) compareSeen() {
	for _, f := range j.findings {
		if f.Check == CheckOutbound && f.Args["seen"] != "" {
			seen := findSeen(f.Args["family"], f.Args["local"], f.Args["seen"], f.Args["by"], j.Addresses)
			seen.Step, seen.Check, seen.Started = StepSeen, CheckOutbound, f.Started
			j.findings = append(j.findings, seen)
		}
	}
}

func (j *serverJudge) judge(f Finding) {
	switch {
	case f.Check == CheckSMTP && f.Session != nil && failedToConnect(*f.Session):
		j.unconnected(f)
	case f.Outcome == Faulty && f.Code == "vantage.port25-closed" && (j.Relayhost != "" || j.elsewhere()):
		return // it is not from here that our mail leaves
	case f.Code == "skipped.private" && f.Step == StepLists: // so nothing is known of how the world sees us
		j.unknown = append(j.unknown, task(f, 0, Advice{PartyOurServer, "name-sending-ip", nil}))
	case f.Code == "skipped.time" || f.Code == "skipped.limit" || f.Code == "skipped.hosts":
		j.unknown = append(j.unknown, task(f, 0, Advice{PartyOurServer, "look-later", nil}))
	case f.Outcome == UnknownOC && j.decides(f):
		j.unknown = append(j.unknown, task(f, 0, Advice{PartyUnknown, unknownAdvice(f), map[string]string{"server": f.Args["server"], "ip": f.Args["ip"]}}))
	case f.Outcome == Faulty:
		weight, advice := j.remedy(f)
		j.tasks = append(j.tasks, task(f, weight, advice))
	case f.Outcome == Healthy:
		j.blemishes(f)
	}
}

func task(f Finding, weight int, a Advice) Task {
	t := Task{Step: f.Step, Target: f.Target, Code: f.Code, Args: f.Args, weight: weight}
	if weight > 0 {
		t.Urgency = urgency(weight)
	}
	if a.Code != "" {
		t.Advice = &a
	}
	return t
}

// decides says whether not to know a finding leaves the whole unknown. The
// other resolver is only asked for comparison, and often out of reach.
func (j *serverJudge) decides(f Finding) bool {
	switch f.Code {
	case "vantage.dns-undecided", "dane.unproven", "tls.unjudged":
		return false
	case "vantage.port25-unknown":
		return j.Relayhost == "" && !j.elsewhere()
	}
	return true
}

func unknownAdvice(f Finding) string {
	switch f.Check {
	case CheckRelay:
		if f.Code == "relay.trusted" {
			return "look-from-outside"
		}
		return "look-later"
	case CheckSMTP, CheckTLS:
		return "look-later"
	case CheckOutbound:
		return "name-control"
	}
	return "ask-another-resolver"
}

// elsewhere says whether this machine is seen by addresses that are not ours:
// it is not the server, then.
func (j *serverJudge) elsewhere() bool {
	seen, ours := 0, 0
	for _, f := range j.findings {
		switch f.Code {
		case "vantage.elsewhere":
			seen++
		case "vantage.nat", "vantage.same":
			ours++
		}
	}
	if seen+ours > 0 {
		return ours == 0
	}
	return !slices.ContainsFunc(j.findings, func(f Finding) bool {
		return f.Check == CheckOutbound && j.own(f.Args["local"])
	})
}

func (j *serverJudge) own(ip string) bool {
	return slices.ContainsFunc(j.Addresses, func(a OwnAddress) bool { return a.IP.String() == ip })
}

// unconnected judges a mail server of ours that no connection came about to.
// It is at fault only where others of its family can be reached from here, or
// where it is this very machine. From behind the NAT whose outside it is,
// nothing is known: many routers do not lead such a connection back in.
func (j *serverJudge) unconnected(f Finding) {
	inside, open := false, f.Args["local"] == f.Args["ip"]
	for _, g := range j.findings {
		if g.Check != CheckOutbound || !sameFamily(g.Args["family"], f.Args["ip"]) {
			continue
		}
		inside = inside || g.Args["seen"] == f.Args["ip"] && g.Args["local"] != f.Args["ip"]
		open = open || g.Code == "vantage.port25-open"
	}
	switch {
	case inside:
		j.unknown = append(j.unknown, task(f, 0, Advice{PartyOurServer, "look-from-outside", map[string]string{"ip": f.Args["ip"]}}))
	case open:
		j.tasks = append(j.tasks, task(f, 85, Advice{PartyOurServer, "start-server", map[string]string{"domain": f.Args["host"]}}))
	default:
		j.unknown = append(j.unknown, task(f, 0, Advice{PartyOurServer, "name-control", nil}))
	}
}

func sameFamily(family, ip string) bool {
	return (family == "IPv6") == strings.Contains(ip, ":")
}

// doubtRelays takes back that a server relays for strangers where we are none:
// every server relays for its own network.
func (j *serverJudge) doubtRelays() {
	for i, f := range j.findings {
		if f.Code != "relay.open" {
			continue
		}
		here, err := netip.ParseAddr(f.Args["local"])
		if !j.elsewhere() || err == nil && !Public(here) && !j.seenAsAStranger() {
			j.findings[i].Outcome, j.findings[i].Code = UnknownOC, "relay.trusted"
		}
	}
}

func (j *serverJudge) seenAsAStranger() bool {
	return slices.ContainsFunc(j.findings, func(f Finding) bool { return f.Code == "vantage.elsewhere" })
}

// remedy is how much a fault weighs and what to do about it.
func (j *serverJudge) remedy(f Finding) (int, Advice) {
	family, rest, _ := strings.Cut(f.Code, ".")
	ip, domain := f.Args["ip"], f.Args["domain"]
	us := func(weight int, code string, args map[string]string) (int, Advice) {
		return weight, Advice{PartyOurServer, code, args}
	}
	switch family {
	case "relay":
		return us(100, "close-relay", map[string]string{"ip": ip})
	case "lists":
		return us(95, "delist", j.delisting(f))
	case "mx":
		if rest == "null" { // as it is said on purpose
			return us(soonFrom, "repair-domain", map[string]string{"domain": domain})
		}
		return us(90, "repair-domain", map[string]string{"domain": domain})
	case "smtp":
		return us(85, "repair-server", map[string]string{"host": f.Args["host"]})
	case "vantage":
		return j.vantage(f)
	case "ptr":
		return us(80, "set-ptr", j.ptr(ip))
	case "spf":
		weight, advice := j.spf(f)
		return cmp.Or(weight, 60), advice
	case "helo":
		return us(60, "fix-helo", map[string]string{"helo": f.Args["helo"]})
	case "dkim":
		return us(55, "publish-dkim", map[string]string{"key": f.Target})
	case "dane":
		if rest == "mismatch" || rest == "bogus" {
			return us(75, "fix-dane", map[string]string{"host": f.Args["host"]})
		}
		return us(30, "fix-dane", map[string]string{"host": f.Args["host"]})
	case "sts":
		return us(52, "fix-sts", map[string]string{"domain": domain})
	case "dmarc":
		if rest == "none" {
			return us(40, "publish-dmarc", map[string]string{"author": domain, "dmarc": dmarcRecord(domain)})
		}
		return us(45, "fix-dmarc", map[string]string{"domain": domain})
	case "tls":
		return j.tls(f)
	}
	return us(10, "", nil)
}

// tls weighs a certificate's fault: senders that go by an enforced MTA-STS
// policy deliver to none that is not valid, all others do.
func (j *serverJudge) tls(f Finding) (int, Advice) {
	weight := 30
	if slices.ContainsFunc(j.findings, func(g Finding) bool { return g.Code == "sts.enforce" && g.STS != nil && g.STS.Covers(f.Args["host"]) }) {
		weight = 78
	}
	return weight, Advice{PartyOurServer, certificateAdvice(f), map[string]string{"host": f.Args["host"]}}
}

func certificateAdvice(f Finding) string {
	if f.Code == "tls.ends" {
		return "renew-certificate"
	}
	return "repair-tls"
}

func (j *serverJudge) vantage(f Finding) (int, Advice) {
	if f.Code == "vantage.dns-differs" {
		return 35, Advice{PartyOurServer, "align-dns", map[string]string{"domain": f.Args["domain"]}}
	}
	weight := 92
	if slices.ContainsFunc(j.findings, func(g Finding) bool { return g.Code == "vantage.port25-open" }) {
		weight = 45 // the other family gets out
	}
	return weight, Advice{PartyOurServer, "open-port-25", map[string]string{"outbound": f.Args["local"]}}
}

func (j *serverJudge) spf(f Finding) (int, Advice) {
	domain := f.Args["domain"]
	if f.Code == "spf.permerror" {
		return 70, Advice{PartyOurServer, "fix-spf", map[string]string{"domain": domain}}
	}
	args := map[string]string{"sender": domain}
	if ip, err := netip.ParseAddr(f.Args["ip"]); err == nil {
		args["mechanism"] = mechanism(ip)
		if record := withMechanism(f.Args["record"], mechanism(ip), f.Code == "spf.none"); record != "" {
			args["spf"] = domain + ". TXT " + txt(record)
		}
	}
	return map[string]int{"spf.fail": 82, "spf.none": 58}[f.Code], Advice{PartyOurServer, "extend-spf", args}
}

// ptr is the record that an address lacks: the name that our server greets
// with, where it leads to an address.
func (j *serverJudge) ptr(ip string) map[string]string {
	args := map[string]string{}
	if addr, err := netip.ParseAddr(ip); err == nil && len(withCode(j.findings, "helo.ok", "helo.elsewhere")) > 0 {
		args["reverse"], args["helo"] = dnscheck.ReverseName(addr), j.HELO
	}
	return args
}

// delisting names where to ask for removal: the page of the first list that
// counts.
func (j *serverJudge) delisting(f Finding) map[string]string {
	args := map[string]string{"ip": f.Target}
	for _, l := range f.Lists {
		if l.Counts() {
			args["url"] = cmp.Or(l.DelistURL, l.LookupURL)
			return args
		}
	}
	return args
}

// blemishes are faults beside a healthy finding.
func (j *serverJudge) blemishes(f Finding) {
	add := func(weight int, code string, args map[string]string, a Advice) {
		t := task(f, weight, a)
		t.Code, t.Args = code, args
		j.tasks = append(j.tasks, t)
	}
	if f.Code == "ptr.generic" {
		add(soonFrom, f.Code, f.Args, Advice{PartyOurServer, "set-ptr", j.ptr(f.Args["ip"])})
	}
	if f.MX == nil {
		return
	}
	repair := Advice{PartyOurServer, "repair-domain", map[string]string{"domain": f.MX.Domain}}
	for _, h := range f.MX.Hosts {
		args := map[string]string{"domain": f.MX.Domain, "host": h.Host}
		switch {
		case h.IsAddress:
			add(55, "mx.address", args, repair)
		case h.Status().Absent():
			add(48, "mx.broken-host", args, repair)
		case h.CNAME != "":
			add(20, "mx.cname", args, repair)
		}
	}
}
