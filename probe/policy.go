package probe

import "time"

// Policy bounds what one bounce can cause. The zero value of a field means
// its default.
type Policy struct {
	Total    time.Duration // the whole run of one bounce
	Step     time.Duration // one step of it
	Mailbox  time.Duration // the session that asks for a mailbox
	Greeting time.Duration // until a server's greeting ended
	Pause    time.Duration // between two connections to one address
	Steps    int           // checks, counting every address of a mail server as one
	Queries  int           // DNS questions
	Hosts    int           // addresses of mail servers that are dialled
	Controls int           // control hosts that are asked
}

// The defaults, each with its reason.
const (
	defaultTotal    = 90 * time.Second // what an admin waits for with a colleague at the desk
	defaultStep     = 40 * time.Second // a slow greeting (30 s) after a slow connect
	defaultMailbox  = 60 * time.Second // servers that are asked for a name they do not know answer slowly on purpose
	defaultGreeting = 30 * time.Second // servers that delay their greeting against spam take 20 to 30 s
	defaultPause    = time.Second      // nobody takes one connection a second for an attack
	defaultSteps    = 32
	defaultQueries  = 120
	defaultHosts    = 10
	defaultControls = 2
)

// Defaults fills the fields that are zero.
func (p Policy) Defaults() Policy {
	duration := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	count := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	duration(&p.Total, defaultTotal)
	duration(&p.Step, defaultStep)
	duration(&p.Mailbox, defaultMailbox)
	duration(&p.Greeting, defaultGreeting)
	duration(&p.Pause, defaultPause)
	count(&p.Steps, defaultSteps)
	count(&p.Queries, defaultQueries)
	count(&p.Hosts, defaultHosts)
	count(&p.Controls, defaultControls)
	return p
}
