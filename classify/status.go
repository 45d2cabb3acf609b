package classify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"diagnose/classify/bounce"
)

// Status is what an enhanced status code means (RFC 3463 and the registry of
// RFC 5248).
type Status struct {
	Code     string   `toml:"code"`     // "x.1.1": the class, 4 or 5, says only whether a later try may pass
	Name     string   `toml:"name"`     // as registered
	Source   string   `toml:"source"`   // the document that defines it
	Category string   `toml:"category"` // a slug; empty where the code alone tells nothing
	Firm     bool     `toml:"firm"`     // most servers mean it
	Rivals   []string `toml:"rivals"`   // what else servers use it for

	category Category
	rivals   []Category
	id       string // as evidence names it
}

// codeMeaning is what a reply code means where nothing else is known.
type codeMeaning struct {
	Code     int            `toml:"code"`
	Stages   []bounce.Stage `toml:"stages"` // empty: at any
	Category string         `toml:"category"`
	Rivals   []string       `toml:"rivals"`

	category  Category
	rivals    []Category
	id, quote string
}

// learn takes over what the libraries say of codes, the first before the second.
func (c *Classifier) learn(own, ours library) {
	both := slices.Concat(own.statuses, ours.statuses)
	c.statuses = make(map[string]*Status, len(both))
	for i := range both {
		s := &both[i]
		s.category, s.rivals, s.id = category(s.Category), categories(s.Rivals), "status."+s.Code
		if c.statuses[s.Code] == nil {
			c.statuses[s.Code] = s
		}
	}
	c.codes = slices.Concat(own.codes, ours.codes)
	for i := range c.codes {
		m := &c.codes[i]
		m.category, m.rivals, m.quote = category(m.Category), categories(m.Rivals), strconv.Itoa(m.Code)
		m.id = "code." + m.quote
	}
}

func slugsExist(slugs []string) error {
	for _, s := range slugs {
		if c, ok := Parse(s); s != "" && (!ok || c == Unknown) {
			return fmt.Errorf("no such category: %q", s)
		}
	}
	return nil
}

func category(slug string) Category {
	c, _ := Parse(slug)
	return c
}

func categories(slugs []string) []Category {
	if len(slugs) == 0 {
		return nil
	}
	cs := make([]Category, len(slugs))
	for i, s := range slugs {
		cs[i] = category(s)
	}
	return cs
}

// Status explains an enhanced status code, "5.7.1" or "x.7.1". False where it
// is not one, or is not registered.
func (c *Classifier) Status(code string) (Status, bool) {
	known := c.status(code)
	if known == nil {
		return Status{}, false
	}
	return *known, true
}

// status finds what a code means; nil where it is not one, or not registered.
func (c *Classifier) status(code string) *Status {
	class, rest, ok := strings.Cut(code, ".")
	if !ok || class != "2" && class != "4" && class != "5" && !strings.EqualFold(class, "x") {
		return nil
	}
	return c.statuses["x."+rest]
}

// code gives the meaning of a reply code at a stage; nil where it has none.
func (c *Classifier) code(code int, stage bounce.Stage) *codeMeaning {
	for i := range c.codes {
		if m := &c.codes[i]; m.Code == code && (len(m.Stages) == 0 || slices.Contains(m.Stages, stage)) {
			return m
		}
	}
	return nil
}
