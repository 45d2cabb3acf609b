package probe

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"diagnose/smtpcheck"
)

// Memory keeps what servers said beyond one run, so that whoever runs diagnose
// twice does not ask them twice. It may forget anything at any time, and what
// it gives back need not be what was given to it: it is read as input is. Many
// use it at once.
type Memory interface {
	Recall(key string) []byte // nil where nothing is kept, or not any more
	Keep(key string, value []byte, until time.Time)
}

// How long what a server said is believed.
const (
	sessionMemory = 5 * time.Minute  // so many bounces of one domain cost its servers one connection; no longer than answers of the DNS
	controlMemory = 10 * time.Minute // likewise of the control hosts, also between runs
	mailboxMemory = 24 * time.Hour   // a mailbox is not asked for again, also between runs: each time is a callout
)

// maxRemembered bounds the servers of each kind that a Runner remembers.
const maxRemembered = 256

// heard is what came of a visit.
type heard struct {
	smtpcheck.Session
	tries int
	again bool // remembered, not heard now
}

// remembered is what was heard, and when; whoever reads or changes it holds
// the turn.
type remembered struct {
	turn chan struct{}
	heard
	at time.Time
}

// recollection finds the place of what is remembered under a key. Where there
// are too many, any one is forgotten.
func recollection[K comparable](r *Runner, in *map[K]*remembered, key K) *remembered {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *in == nil {
		*in = make(map[K]*remembered)
	}
	if m := (*in)[key]; m != nil {
		return m
	}
	for old := range *in {
		if len(*in) < maxRemembered {
			break
		}
		delete(*in, old)
	}
	m := &remembered{turn: make(chan struct{}, 1)}
	(*in)[key] = m
	return m
}

// recalled is what is remembered, or else what look hears, remembered where it
// says so: by this Runner and, where there is a key for it, by its Memory.
// Those that come while it looks wait for what it hears. addr is only for the
// session of those who cannot wait as long.
func (r *run) recalled(ctx context.Context, m *remembered, memory time.Duration, key string, addr netip.AddrPort, look func() (heard, bool)) heard {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return neverBegan(ctx, addr)
	}
	if m.at.IsZero() && key != "" {
		r.fromMemory(m, key)
	}
	if age := r.now().Sub(m.at); !m.at.IsZero() && age >= 0 && age < memory {
		old := m.heard
		old.again = true
		return old
	}
	h, keep := look()
	if keep {
		m.heard, m.at = h, r.now()
		if key != "" && h.Greeting.Code != 0 { // a closed port may be opened before the next run
			r.toMemory(m, key, memory)
		}
	}
	return h
}

// neverBegan is a session that never began.
func neverBegan(ctx context.Context, addr netip.AddrPort) heard {
	return heard{Session: smtpcheck.Session{Addr: addr, Phase: smtpcheck.PhaseConnect, Result: smtpcheck.Failed, Err: context.Cause(ctx).Error()}, tries: 1}
}

// kept is the form in which a Memory keeps what was heard.
type kept struct {
	At      time.Time         `json:"at"`
	Session smtpcheck.Session `json:"session"`
}

func (r *Runner) fromMemory(m *remembered, key string) {
	if r.Memory == nil {
		return
	}
	var k kept
	if err := json.Unmarshal(r.Memory.Recall(key), &k); err == nil && k.Session.Addr.IsValid() && !k.At.IsZero() {
		m.heard, m.at = heard{Session: k.Session, tries: 1}, k.At
	}
}

// toMemory leaves out what no judgement looks at.
func (r *Runner) toMemory(m *remembered, key string, memory time.Duration) {
	if r.Memory == nil {
		return
	}
	k := kept{m.at, m.Session}
	k.Session.Transcript, k.Session.Timings, k.Session.TLS = nil, nil, smtpcheck.TLS{}
	if value, err := json.Marshal(k); err == nil {
		r.Memory.Keep(key, value, m.at.Add(memory))
	}
}
