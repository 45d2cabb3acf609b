package classify

import (
	"bytes"
	"slices"
	"strings"
)

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

// namedZone finds a list that is in no table, in masked text: what a server says
// that it used is a list of somebody's. In the languages of servers, either an
// address is listed, entered or found "in" it (a verb and a preposition), or the
// word for a list stands before it, or behind it. What is merely "listed:" is no
// list.
const namedZone = `(?:block(?:ed|listed)|blacklisted|(?:block|black) ?list|listed|listing|found|rejected|refused|deferred|appears?|entered|present|` +
	`gelistet|gefunden|eingetragen|eintrag|steht|vermeld|geplaatst|staat|listet|listee?|listad[oa]|elencat[oa]|inserit[oa]|trovat[oa]|repertorie\w*|figur\w*|inscrit\w*|presente|encuentra|encontrad[oa]|registrad[oa]|cadastrad[oa]|` +
	`wpisan\w*|znajduje sie|uveden\w*|zapsan\w*|finns|находится|числится|найден|внес[её]н|занес[её]н)(?: \w+){0,2}? ` +
	`(?:using|in|at|by|on|via|bei|auf|von|dans|sur|par|chez|en|em|na|no|su|nel|nella|op|door|do|w|v|ve|pa|hos|i|в|на)(?: the| el| la| il| le| der| o| a)? ?(?:lookup site |dns(?:bl| blacklist)? (?:at )?)?['"(]?\{host}|` +
	`(?:\b\w{0,10}(?:list[aey]?|listan|listen|lijst|listu|liscie)|\b(?:dns|r)bl|seznamu?|spis\w*|списке?|список|реестре?|[名清][单單]|リスト|목록|리스트)(?: \w+){0,2}?[ :=('"\[]{1,3}\{host}|` +
	`bei \{host} gelistet|\{host}['")]? ?(?:的?[黑阻封拒]\S{0,2}?[名清][单單]|(?:black ?|block ?)?list\b|(?:kara|siyah) liste|に(?:登録|掲載|リスト)|のリスト|블랙리스트|의? ?(?:목록|차단)|에 등[록재]|[列收]入)`

// otherList is the list of no table that a text names: a host by whose name one
// sees that it is a list, or else one beside which the words say so. The hosts
// that a reply is known to be about are none.
func (c *Classifier) otherList(s *sheet, q *question) string {
	named := func(i, j int) string {
		name := strings.ToLower(s.words.quote(s.original, i, j))
		if name == q.remote || name == q.sender || name == q.recipient {
			return ""
		}
		return name
	}
	for i, text := 0, s.words.text; ; i += len(hostMask) {
		n := bytes.Index(text[i:], []byte(hostMask))
		if n < 0 {
			break
		}
		i += n
		if name := named(i, i+len(hostMask)); isListName(name) {
			return name
		}
	}
	for from, p := 0, c.zone.get(); ; {
		i, j, ok := p.find(s.words.text[from:])
		if !ok {
			return ""
		}
		at := from + i + bytes.Index(s.words.text[from+i:from+j], []byte(hostMask))
		if name := named(at, at+len(hostMask)); name != "" {
			return name
		}
		from += j
	}
}

// isListName knows the host of a list by one of its labels: "bl", "dnsbl-2",
// "blacklist".
func isListName(host string) bool {
	labels := strings.Split(host, ".")
	return slices.ContainsFunc(labels[:len(labels)-1], func(l string) bool {
		l = strings.TrimRight(l, "0123456789-")
		return strings.HasSuffix(l, "bl") && len(l) <= len("dnswrbl") || strings.Contains(l, "dnsbl") || strings.Contains(l, "blacklist") || strings.Contains(l, "blocklist")
	})
}

// list finds the block list that a text names. Of several that it knows, the
// one with the longest name is the most exact ("zen.spamhaus.org" beside
// "spamhaus").
func (c *Classifier) list(s *sheet, h *hits, q *question) (zone string, kind listKind) {
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
	return c.otherList(s, q), ""
}
