package probe

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"diagnose/classify"
	"diagnose/dnscheck"
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

// once is a look that several plans ask for and one takes.
type once struct {
	done    chan struct{} // closed when the finding is there
	finding Finding
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
