package probe

import (
	"diagnose/classify"
	"diagnose/classify/bounce"
)

// Check is a kind of look.
type Check string

// The checks.
const (
	CheckMX      Check = "mx"      // mail routing of a domain
	CheckAddress Check = "address" // A and AAAA of a host
	CheckPTR     Check = "ptr"     // reverse DNS of an address, forward-confirmed
	CheckRBL     Check = "rbl"     // the block lists, or one of them
	CheckSMTP    Check = "smtp"    // port 25 of an address, to the end of EHLO
	CheckSPF     Check = "spf"     // SPF of the sender's domain for the sending address
	CheckDMARC   Check = "dmarc"   // DMARC policy of a domain
	CheckDKIM    Check = "dkim"    // DKIM keys
	CheckSTS     Check = "sts"     // MTA-STS policy of a domain
	CheckDANE    Check = "dane"    // TLSA records of mail servers
	CheckSecond  Check = "second"  // mail routing of a domain by another resolver than ours
	CheckNS      Check = "ns"      // the domain's own name servers, each asked directly
	CheckControl Check = "control" // port 25 of a known-good host: does it get out of here at all?
)

// The steps of a plan, by name.
const (
	StepMX       = "mx"        // of the recipient's domain
	StepRemote   = "remote"    // addresses of the host that refused, where only its name is known
	StepSMTP     = "smtp"      // at the addresses of StepMX
	StepRefuser  = "refuser"   // SMTP at the host that refused
	StepControl  = "control"   // only after a connection failed
	StepSending  = "sending"   // addresses of our reporting server, or of our relayhost
	StepPTR      = "ptr"       // of the sending address
	StepNamed    = "named"     // the list that the reply names
	StepLists    = "lists"     // the default lists
	StepHELO     = "helo"      // addresses of the name that we greet with
	StepSenderMX = "sender-mx" // mail routing of the sender's domain
	StepSPF      = "spf"
	StepDMARC    = "dmarc"  // of the domain in From
	StepDKIM     = "dkim"   // the keys of the original's signatures
	StepSTS      = "sts"    // of the recipient's domain
	StepDANE     = "dane"   // of the hosts of StepMX
	StepNS       = "ns"     // of StepMX's domain; where it needs StepMX, only after that came to nothing
	StepSecond   = "second" // StepMX by another resolver, only where ours finds no way
	StepRcpt     = "rcpt"   // asks one mail server for the recipient's mailbox; only where that was asked for
)

// Step is one look that a plan asks for.
type Step struct {
	ID      string
	Check   Check
	Target  string           // what to look at; empty where From gives it
	Name    string           // CheckSMTP: the host's, where Target is its address
	From    string           // the step whose addresses are the targets, one finding for each
	Needs   []string         // further steps that must have ended before this one starts
	List    string           // CheckRBL: ask only this list ...
	Except  string           // ... or all default ones but this
	HELO    string           // CheckSPF: the name we greet with
	Sender  string           // CheckSPF: the envelope sender
	Rcpt    string           // StepRcpt: the mailbox ...
	Keys    []bounce.DKIMKey // CheckDKIM: a finding for each
	Demands string           // CheckSMTP, CheckDANE: the domain whose demands on certificates (StepSTS, StepDANE) are to be judged by
	Skip    string           // the code of why it is not to be taken
	At      bounce.Host      // ... and the host that refused it; empty: the best of the domain's mail servers
}

// Plan says what has to be looked at to try the hypothesis that c is right
// for s. It is a pure table: no step is asked for that cannot bear on the
// verdict or name the party, and none waits for one that it does not need.
// Backscatter is not probed at all.
func Plan(c classify.Classification, s Subject) []Step {
	if s.Backscatter {
		return nil
	}
	var p planner
	p.route(s)
	switch c.Category {
	case classify.DNSFailure, classify.ConnectionFailed, classify.Rejected,
		classify.TLSFailed, classify.RemoteFault, classify.TooLarge:
		p.refuser(s)
	}
	switch c.Category {
	case classify.Blocklisted, classify.RateLimited, classify.Filtered, classify.Rejected, classify.Unknown:
		p.reputation(c, s)
		p.reverse(s)
	case classify.SenderDNS:
		p.reverse(s)
		p.senderDomain(s)
		p.helo(c, s)
	case classify.AuthFailed:
		p.senderDomain(s)
		p.spf(s)
		p.published(s)
	case classify.DNSFailure, classify.ConnectionFailed:
		p.otherViews(s)
	case classify.TLSFailed:
		p.demands(s)
	}
	return p.steps
}

// PlanRcpt says whether the mailbox of s is worth asking for: naming it to its
// server is a callout, which servers dislike and some lists punish, so it is
// done only where the answer can bear on the verdict. The steps belong behind
// those of [Plan], whose sessions show which server can be asked.
func PlanRcpt(c classify.Classification, s Subject) []Step {
	to, stage := s.Failure.Recipient, s.stage(c)
	if s.Backscatter || s.TheirReport || domainOf(to) == "" || stage == bounce.StageLocal || !rcptBears(c, to, stage) {
		return nil
	}
	return []Step{{ID: StepRcpt, Check: CheckSMTP, Needs: []string{StepSMTP}, Rcpt: to, At: s.Failure.Remote}}
}

// rcptBears says whether a session up to RCPT bears on a category: it shows
// what was refused there or in MAIL. Of a mailbox it is worth knowing in any
// case, though what was refused later is not settled by it.
func rcptBears(c classify.Classification, to string, stage bounce.Stage) bool {
	switch c.Category {
	case classify.UnknownRecipient, classify.MailboxDisabled, classify.MailboxFull:
		return rank(stage) >= rank(bounce.StageRcpt)
	case classify.BadCommand:
		return inEnvelope(stage) && addressFault(to) == "utf8"
	case classify.Rejected, classify.RateLimited:
		return inEnvelope(stage)
	case classify.RemoteFault:
		return inEnvelope(stage) && c.Reason != classify.ReasonLoop
	}
	return false
}

// inEnvelope says whether it was MAIL or RCPT that was refused.
func inEnvelope(s bounce.Stage) bool { return s == bounce.StageMail || s == bounce.StageRcpt }

type planner struct{ steps []Step }

func (p *planner) add(s Step) { p.steps = append(p.steps, s) }

func (p *planner) has(id string) bool {
	for _, s := range p.steps {
		if s.ID == id {
			return true
		}
	}
	return false
}

// route: where does mail for the recipient go, and who answers there?
func (p *planner) route(s Subject) {
	if s.Domain == "" {
		return
	}
	p.add(Step{ID: StepMX, Check: CheckMX, Target: s.Domain})
	p.add(Step{ID: StepSMTP, Check: CheckSMTP, From: StepMX})
	p.add(Step{ID: StepControl, Check: CheckControl, Needs: []string{StepSMTP}})
}

// refuser: the very host that refused, where the bounce names it. It is also
// looked at where today's MX lead there too: the runner dials no address
// twice.
func (p *planner) refuser(s Subject) {
	remote := s.Failure.Remote
	switch {
	case remote.IP.IsValid():
		p.add(Step{ID: StepRefuser, Check: CheckSMTP, Target: remote.IP.String(), Name: domainOf("@" + remote.Name)})
	case domainOf("@"+remote.Name) != "" && s.Domain != "" && !s.TheirReport:
		p.add(Step{ID: StepRemote, Check: CheckAddress, Target: domainOf("@" + remote.Name)})
		p.add(Step{ID: StepRefuser, Check: CheckSMTP, From: StepRemote})
	default:
		return
	}
	for i := range p.steps {
		if p.steps[i].ID == StepControl {
			p.steps[i].Needs = append(p.steps[i].Needs, StepRefuser)
			return
		}
	}
	p.add(Step{ID: StepControl, Check: CheckControl, Needs: []string{StepRefuser}})
}

// sending gives the step its target: our address, or the step that finds it.
func (p *planner) sending(s Subject, step Step) Step {
	if s.SendingIP.IsValid() {
		step.Target = s.SendingIP.String()
		return step
	}
	if host := domainOf("@" + s.sendingHost(s.SendingBy)); host != "" && !p.has(StepSending) {
		p.add(Step{ID: StepSending, Check: CheckAddress, Target: host})
	}
	step.From = StepSending // without that step: this machine's own address
	return step
}

// reputation: is our address on the list that the reply names, or on others?
func (p *planner) reputation(c classify.Classification, s Subject) {
	if c.Reason == classify.ReasonDomainList {
		if s.SenderDomain != "" && c.List != "" {
			p.add(Step{ID: StepNamed, Check: CheckRBL, Target: s.SenderDomain, List: c.List})
		}
		return
	}
	if s.SendingBy == ByNobody {
		return
	}
	if c.List != "" {
		p.add(p.sending(s, Step{ID: StepNamed, Check: CheckRBL, List: c.List}))
	}
	p.add(p.sending(s, Step{ID: StepLists, Check: CheckRBL, Except: c.List}))
}

func (p *planner) reverse(s Subject) {
	if s.SendingBy == ByNobody {
		return
	}
	p.add(p.sending(s, Step{ID: StepPTR, Check: CheckPTR}))
}

func (p *planner) senderDomain(s Subject) {
	if s.SenderDomain != "" {
		p.add(Step{ID: StepSenderMX, Check: CheckMX, Target: s.SenderDomain})
	}
}

// helo: does the name that we greet with resolve? The reply names it, or the
// configuration does; a relayhost greets by its own.
func (p *planner) helo(c classify.Classification, s Subject) {
	name := s.Ours.HELO
	if s.Ours.Relayhost != "" {
		name = ""
	}
	if c.Reason == classify.ReasonHELO {
		if n := heloIn(s.Failure.Reply.Text); n != "" && !s.isRemote(n) {
			name = n
		}
	}
	if name = domainOf("@" + name); name != "" {
		p.add(Step{ID: StepHELO, Check: CheckAddress, Target: name})
	}
}

func (p *planner) spf(s Subject) {
	if s.SenderDomain != "" && s.SendingBy != ByNobody {
		sender := s.Failure.Sender
		if domainOf(sender) == "" {
			sender = "postmaster@" + s.SenderDomain
		}
		p.add(p.sending(s, Step{ID: StepSPF, Check: CheckSPF, Sender: sender, HELO: s.Ours.HELO}))
	}
}

// maxKeys bounds how many signatures of one message are looked into: a
// forwarder or two add theirs.
const maxKeys = 3

// published: what the From domain asks for, and the keys of the signatures
// that the message bore.
func (p *planner) published(s Subject) {
	if from := domainOf(s.Original.From); from != "" {
		p.add(Step{ID: StepDMARC, Check: CheckDMARC, Target: from})
	}
	if keys := s.Original.DKIM; len(keys) > 0 {
		p.add(Step{ID: StepDKIM, Check: CheckDKIM, Keys: keys[:min(len(keys), maxKeys)]})
	}
}

// otherViews: where our resolver finds no way to a domain, do its name servers
// and another resolver find one?
func (p *planner) otherViews(s Subject) {
	if s.Domain != "" {
		p.add(Step{ID: StepNS, Check: CheckNS, Target: s.Domain, Needs: []string{StepMX}})
		p.add(Step{ID: StepSecond, Check: CheckSecond, Target: s.Domain, Needs: []string{StepMX}})
	}
}

// demands: what the domain asks of the certificates of its mail servers must
// be known before they are looked at.
func (p *planner) demands(s Subject) {
	if s.Domain == "" {
		return
	}
	p.add(Step{ID: StepSTS, Check: CheckSTS, Target: s.Domain})
	p.add(Step{ID: StepDANE, Check: CheckDANE, Needs: []string{StepMX}, Demands: s.Domain})
	for i, step := range p.steps {
		if step.ID == StepSMTP || step.ID == StepRefuser {
			p.steps[i].Needs, p.steps[i].Demands = []string{StepSTS, StepDANE}, s.Domain
		}
	}
}

// rank orders the stages of a session; what is not known counts as after
// DATA, so that no shorter look can claim to have tested it.
func rank(s bounce.Stage) int {
	for i, st := range []bounce.Stage{
		bounce.StageConnect, bounce.StageGreeting, bounce.StageEHLO, bounce.StageSTARTTLS,
		bounce.StageAuth, bounce.StageMail, bounce.StageRcpt, bounce.StageData,
	} {
		if s == st {
			return i
		}
	}
	return len("after data")
}
