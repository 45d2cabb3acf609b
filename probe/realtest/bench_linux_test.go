package realtest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// world is all that a case can change.
type world struct {
	names   *names
	lists   lists
	remotes map[string]remote
	tally   tally
}

// state is how things stand for a case. In its texts {d} is the recipient's
// domain, {o} a domain of ours, {ip} the remote's address.
type state struct {
	policy string // of the remote at the case's address; empty: it takes all that it knows
	dns    string // the records of {d}; empty: an MX at the address
	ours   string // the records of {o}; empty: those of a mail domain in order
	lost   bool   // packets to the address
	do     func(*testing.T, *world)
}

// bounceCase is a cause in place, the bounces that our servers write of it, and
// what each is worth in one state after another.
type bounceCase struct {
	label    string // of its domains
	category int
	quick    bool // it is of the short run, too
	alone    bool // its states bear on other cases
	unseen   bool // no look up to RCPT can show the cause

	at    string // the remote
	by    string // the only one of our servers that writes such a bounce; empty: each of them
	own   bool   // it is sent as of {o}
	prime bool   // a message before it arrives
	mail  mail   // from and to: by default carol's and dave's
	cause state
	says  string // a pattern of the bounce: that it failed as the case wants
	looks []look
}

// look is what a bounce is worth in a state.
type look struct {
	name  string
	in    *state // nil: as it was
	truth int    // the category of what stands in the way now; 0: nothing, the message arrives
	flags []string
	want  want
	exim  want // of the bounce that our Exim wrote, where it says less or more
}

const rcpt = "--rcpt"

// now is a look while the cause stands.
func now(verdict, party, saw string, flags ...string) look {
	return look{name: "now", truth: -1, flags: flags, want: want{0, verdict, party, saw}}
}

// fixed is a look after the cause was mended.
func fixed(verdict, party, saw string, flags ...string) look {
	return look{name: "fixed", in: &state{}, flags: flags, want: want{0, verdict, party, saw}}
}

// after gives the state that counts as mended, where it is not the usual one.
func (l look) after(s state) look {
	l.in = &s
	return l
}

// instead is a look while something else stands in the way.
func instead(category int, s state, verdict, party, saw string, flags ...string) look {
	return look{name: "instead", in: &s, truth: category, flags: flags, want: want{0, verdict, party, saw}}
}

// byExim says what the bounce of our Exim is worth, and called, in place of
// that: it keeps the cause to itself where trying again might have helped.
func (l look) byExim(category int, verdict, party, saw string) look {
	l.exim = want{category, verdict, party, saw}
	return l
}

// place is a case with its address.
type place struct {
	bounceCase
	addr string
	dkim string // the record of the key that our Exim signs with
	in   state
}

func (p *place) domain() string { return p.label + ".example" }

func (p *place) fill(text string) string {
	return strings.NewReplacer("{d}", p.domain(), "{o}", p.label+".example.org", "{ip}", p.addr, "{dkim}", p.dkim).Replace(text)
}

func (p *place) records(s state) string {
	if s.dns == "" {
		return p.fill("@ MX 10 mx\nmx A {ip}")
	}
	return p.fill(s.dns)
}

func (p *place) ownRecords(s state) string {
	if s.ours == "" {
		return "@ MX 10 mail.example.org.\n@ TXT \"v=spf1 ip4:198.51.100.0/24 -all\""
	}
	return p.fill(s.ours)
}

// enter changes what differs from the state that is.
func (p *place) enter(t *testing.T, w *world, s state) {
	t.Helper()
	if s.policy != p.in.policy {
		w.remotes[p.at].set(t, p.addr, p.fill(s.policy))
	}
	if p.records(s) != p.records(p.in) {
		w.names.set(t, "example", p.label, p.records(s))
		if s.dns == "" { // a failure may be remembered for some seconds
			eventually(t, "address of "+p.domain(), func(ctx context.Context) error {
				if _, err := resolver.LookupMX(ctx, p.domain()+"."); err != nil {
					return err
				}
				_, err := resolver.LookupHost(ctx, "mx."+p.domain()+".")
				return err
			})
		}
	}
	if p.ownRecords(s) != p.ownRecords(p.in) {
		w.names.set(t, "example.org", p.label, p.ownRecords(s))
	}
	if s.lost && !p.in.lost {
		lose(t, p.addr)
	}
	if !s.lost && p.in.lost {
		find(t, p.addr)
	}
	if s.do != nil {
		s.do(t, w)
	}
	p.in = s
}

// message is what the case sends.
func (p *place) message() mail {
	m := p.mail
	m.as = p.fill(m.as)
	m.from = "carol@example.org"
	if p.own {
		m.from = p.fill("carol@{o}")
	}
	m.to = nil
	for _, local := range append(slices.Clone(p.mail.to), "dave")[:max(1, len(p.mail.to))] {
		m.to = append(m.to, local+"@"+p.domain())
	}
	return m
}

func (p *place) senders() []sender {
	return slices.DeleteFunc(slices.Clone(senders), func(s sender) bool { return p.by != "" && p.by != s.name })
}

// try takes a case through its states.
func (p *place) try(t *testing.T, w *world) {
	m := p.message()
	if p.prime {
		for _, s := range p.senders() {
			s.deliver(t, m)
		}
	}
	if p.cause.lost {
		lose(t, p.addr)
	}
	if p.cause.do != nil {
		p.cause.do(t, w)
	}
	p.in = p.cause
	bounces := map[string]string{}
	for _, s := range p.senders() {
		s.send(t, m)
	}
	for _, s := range p.senders() {
		path := s.bounce(t, m.to[len(m.to)-1])
		if text := unfolded(read(t, path)); !regexp.MustCompile(p.says).MatchString(text) {
			t.Fatalf("the bounce does not say %q:\n%s", p.says, report(t, path))
		}
		bounces[s.name] = path
	}
	for _, l := range p.looks {
		if l.in != nil {
			p.enter(t, w, *l.in)
		}
		if l.in != nil && l.truth == 0 {
			for _, s := range p.senders() {
				s.deliver(t, m)
			}
		}
		if l.truth < 0 {
			l.truth = p.category
		}
		for _, s := range p.senders() {
			t.Run(strings.Join(append([]string{l.name, s.name}, l.flags...), " "), func(t *testing.T) {
				wanted := l.want
				if s.name == "exim" && l.exim != (want{}) {
					wanted = l.exim
				}
				wanted.category = cmp.Or(wanted.category, p.category)
				got := diagnose(t, s, bounces[s.name], slices.Concat(allow, l.flags)...)
				got.check(t, wanted)
				w.tally.add(t, p, l, got)
				if t.Failed() {
					t.Log(report(t, bounces[s.name]))
				}
			})
		}
	}
}

// report is what a bounce says before it returns the message.
func report(t *testing.T, path string) string {
	t.Helper()
	text := read(t, path)
	if i := strings.Index(text, "Final-Recipient:"); i >= 0 {
		i += strings.Index(text[i:], "\n\n")
		return text[:i]
	}
	return text
}

// unfolded joins the lines that a server folds its report at.
func unfolded(text string) string { return strings.Join(strings.Fields(text), " ") }

// tally counts what would mislead an admin, whatever a case expects.
type tally struct {
	mu                 sync.Mutex
	cases              map[string]bool
	looks              int
	confirmed, cleared []string // wrongly
	visible            int
	undecided          []string
}

func (y *tally) add(t *testing.T, p *place, l look, got answer) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.cases == nil {
		y.cases = map[string]bool{}
	}
	y.cases[p.label] = true
	y.looks++
	v := got.Verification
	switch {
	case v.Verdict == "confirmed" && v.Category != l.truth:
		y.confirmed = append(y.confirmed, t.Name())
	case v.Verdict == "cleared" && l.truth == p.category:
		y.cleared = append(y.cleared, t.Name())
	}
	if l.truth == p.category && !p.unseen {
		y.visible++
		if v.Verdict == "inconclusive" {
			y.undecided = append(y.undecided, t.Name())
		}
	}
}

// check fails the test where an admin would be misled, or left without an
// answer where there is one to be had.
func (y *tally) check(t *testing.T) {
	t.Logf("%d cases, %d verdicts: %d wrongly confirmed, %d wrongly cleared, %d undecided of %d whose cause can be seen at or before RCPT",
		len(y.cases), y.looks, len(y.confirmed), len(y.cleared), len(y.undecided), y.visible)
	for _, name := range y.undecided {
		t.Logf("undecided: %s", name)
	}
	for _, name := range slices.Concat(y.confirmed, y.cleared) {
		t.Errorf("wrong: %s", name)
	}
	if len(y.undecided)*10 > y.visible {
		t.Errorf("more than one in ten is undecided")
	}
}

// settle gives each case an address of its remote and its records.
func settle(w *world, short bool) []*place {
	next := map[string]int{}
	var out []*place
	for _, c := range cases {
		if short && !c.quick {
			continue
		}
		if c.at == "" {
			c.at = "postfix"
		}
		r := w.remotes[c.at]
		next[c.at]++
		p := &place{bounceCase: c, addr: nth(r.space(), 1+next[c.at]), in: c.cause}
		if !c.prime || c.cause.policy != "" {
			r.plan(p.addr, p.fill(c.cause.policy))
		}
		out = append(out, p)
	}
	return out
}

func tryCases(t *testing.T) {
	w := &world{names: startNames(t), remotes: map[string]remote{
		"postfix": &postfixRemote{policies: map[string]string{}},
		"exim":    eximRemote{},
		"smtpd":   &smtpdRemote{policies: map[string]string{}, servers: map[string]*daemon{}},
	}}
	w.lists = startLists(t)
	places := settle(w, os.Getenv(extentVar) != "all")
	var hosts []string
	dkim := makeDKIM(t)
	for _, p := range places {
		p.dkim = dkim
		hosts = append(hosts, "mx."+p.domain(), "mta-sts."+p.domain())
	}
	makeCertificates(t, hosts...)
	for zone, records := range map[string]func(*place) string{
		"example":     func(p *place) string { return p.records(p.cause) },
		"example.org": func(p *place) string { return p.ownRecords(p.cause) },
	} {
		w.names.change(t, zone, func() {
			for _, p := range places {
				if zone == "example" || p.own {
					w.names.added[zone][p.label] = records(p)
				}
			}
		})
	}
	for _, r := range w.remotes {
		r.start(t)
	}
	startPolicies(t)
	start(t, within("remote-postfix", lab("sbin/opendmarc"), "-f", "-c", workDir+"/postfix/opendmarc.conf")...)
	startControls(t)
	startSenders(t)

	t.Run("case", func(t *testing.T) {
		for _, p := range places {
			t.Run(fmt.Sprintf("%d %s at %s", p.category, p.label, p.at), func(t *testing.T) {
				if !p.alone {
					t.Parallel()
				}
				p.try(t, w)
			})
		}
	})
	t.Run("an address that is not public is not dialled unless allowed", func(t *testing.T) { tryGuard(t, w) })
	w.tally.check(t)
}
