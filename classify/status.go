package classify

import (
	"fmt"
	"slices"
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
}

// codeMeaning is what a reply code means where nothing else is known.
type codeMeaning struct {
	Code     int            `toml:"code"`
	Stages   []bounce.Stage `toml:"stages"` // empty: at any
	Category string         `toml:"category"`
	Rivals   []string       `toml:"rivals"`
}

type statusFile struct {
	Statuses []Status      `toml:"status"`
	Codes    []codeMeaning `toml:"code"`
}

func (f *statusFile) index() (map[string]Status, error) {
	known := make(map[string]Status, len(f.Statuses))
	for _, s := range f.Statuses {
		if err := slugsExist(append(s.Rivals, s.Category)); err != nil {
			return nil, fmt.Errorf("status %s: %w", s.Code, err)
		}
		known[s.Code] = s
	}
	for _, c := range f.Codes {
		if err := slugsExist(append(c.Rivals, c.Category)); err != nil {
			return nil, fmt.Errorf("code %d: %w", c.Code, err)
		}
	}
	return known, nil
}

func slugsExist(slugs []string) error {
	for _, s := range slugs {
		if c, ok := Parse(s); s != "" && (!ok || c.Slug() != s) {
			return fmt.Errorf("no such category: %q", s)
		}
	}
	return nil
}

// Status explains an enhanced status code, "5.7.1" or "x.7.1". False where it
// is not one, or is not registered.
func (c *Classifier) Status(code string) (Status, bool) {
	class, rest, ok := strings.Cut(code, ".")
	if !ok || class != "2" && class != "4" && class != "5" && !strings.EqualFold(class, "x") {
		return Status{}, false
	}
	s, ok := c.statuses["x."+rest]
	return s, ok
}

// code gives the meaning of a reply code at a stage.
func (c *Classifier) code(code int, stage bounce.Stage) (codeMeaning, bool) {
	for _, m := range c.codes {
		if m.Code == code && (len(m.Stages) == 0 || slices.Contains(m.Stages, stage)) {
			return m, true
		}
	}
	return codeMeaning{}, false
}
