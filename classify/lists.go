package classify

import "bytes"

// list is a block list as replies name it.
type list struct {
	Zone     string   `toml:"zone"`  // where it is asked; or the name of a list that no DNS query shows
	Names    []string `toml:"names"` // literals, any of which names it
	Kind     listKind `toml:"kind"`  // "" for a list of addresses
	literals []int32
}

type listKind string

const (
	privateList listKind = "private"
	domainList  listKind = "domain"
)

// namedZone finds a zone that is not in the table: what a server says that it
// used is a list of somebody's.
const namedZone = `(?:block(?:ed|listed)|blacklisted|(?:block|black) ?list|listed|found|rejected|refused|deferred) (?:using|in|at|by|on|via) (?:the )?(?:lookup site |dns(?:bl| blacklist)? (?:at )?)?['"(]?[a-z0-9_-]+(?:\.[a-z0-9_-]+)+`

// list finds the block list that a text names. Of several that it knows, the
// one with the longest name is the most exact ("zen.spamhaus.org" beside
// "spamhaus").
func (c *Classifier) list(s *sheet, h *hits) (zone string, kind listKind) {
	best := 0
	for i := range c.lists {
		for _, l := range c.lists[i].literals {
			if n := len(c.raw.literals[l].text); n > best && h.last[l] > 0 {
				best, zone, kind = n, c.lists[i].Zone, c.lists[i].Kind
			}
		}
	}
	if best > 0 {
		return zone, kind
	}
	i, j, ok := c.zone.get().find(s.plain.text)
	if !ok {
		return "", ""
	}
	name := s.plain.text[i:j]
	name = name[bytes.LastIndexAny(name, ` '"(`)+1:]
	if !isHost(name) {
		return "", ""
	}
	return string(name), ""
}
