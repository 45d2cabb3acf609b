package classify

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"diagnose/classify/bounce"

	"github.com/pelletier/go-toml/v2"
)

//go:embed rules/*.toml
var builtIn embed.FS

// Class is the order of precedence of a rule.
type Class string

// The classes, strongest first. A status stands between Words and Hint where
// it is firm, and below Hint where servers use it for anything; a code stands
// last.
const (
	Decisive  Class = "decisive"  // settles it, whatever else is said: a named block list
	Code      Class = "code"      // a provider's own code
	Words     Class = "words"     // words with a meaning of their own; the default
	Hint      Class = "hint"      // words that many causes share: "access denied"
	Aftermath Class = "aftermath" // a consequence, not a cause: "giving up", "need RCPT first"
)

// Rule recognises one way in which servers word a reason.
//
// Literals and the pattern are matched against the folded text: lower case,
// single blanks, plain quotes and dashes, with "_" as a blank, and with names
// masked as {addr}, {host}, {ip} and {url}. A blank at the end of a literal
// stands for the edge of a word.
type Rule struct {
	ID         string     `toml:"id"`         // unique in its file; Rules gives it as "file.id"
	Category   string     `toml:"category"`   // a slug; else the file's
	Reason     string     `toml:"reason"`     // a Reason constant
	Class      Class      `toml:"class"`      // Words where it is empty
	Confidence Confidence `toml:"confidence"` // Likely where it is empty, Weak for Hint and Aftermath
	Rivals     []string   `toml:"rivals"`     // slugs: the other things that these words are known to mean

	Any     []string `toml:"any"`     // at least one must stand in the text
	All     []string `toml:"all"`     // each must
	Not     []string `toml:"not"`     // none may
	Pattern string   `toml:"pattern"` // RE2; must match too, and is then the quote
	Raw     bool     `toml:"raw"`     // match against the text without masks

	Codes     []string       `toml:"codes"`     // one must begin the reply code: "4", "550"
	Statuses  []string       `toml:"statuses"`  // one must be the status: "5.7.1", "x.7.1"
	Stages    []bounce.Stage `toml:"stages"`    // the failure must have happened at one
	Speaker   string         `toml:"speaker"`   // "remote": only what an SMTP reply says; "reporter": only what does not come from one
	Temporary *bool          `toml:"temporary"` // the failure must be a temporary one, or must not
	Names     string         `toml:"names"`     // "sender", "recipient": the quote must hold that one's domain
	Remote    []string       `toml:"remote"`    // the remote host or the recipient's domain must end in one

	Provider  string   `toml:"provider"`  // whose code it is; else the file's
	Reference string   `toml:"reference"` // a page that explains it; else the file's
	Source    string   `toml:"source"`    // whose words they are
	Example   []string `toml:"example"`   // replies that this rule must win
	Counter   []string `toml:"counter"`   // replies that it must not match
}

// ruleFile is a file of rules, with what its rules have in common.
type ruleFile struct {
	Category  string `toml:"category"`
	Provider  string `toml:"provider"`
	Reference string `toml:"reference"`
	Rules     []Rule `toml:"rule"`
}

// Classifier names the reason for a failure. It is read-only after it is made,
// and safe for concurrent use.
type Classifier struct {
	rules    []rule
	masked   index // over texts with names masked
	raw      index // over texts with names
	lists    []list
	statuses map[string]Status
	codes    []codeMeaning
	zone     *lazyPattern // finds the name of a list that is in no table

	sheets  sheets
	scratch sync.Pool
}

// rule is a Rule made ready.
type rule struct {
	Rule
	category       Category
	rivals         []Category
	rank           int
	any, all, none []int32 // literals
	pattern        *lazyPattern
}

// lazyPattern compiles when it is first needed: a run over one bounce needs a
// few of hundreds.
type lazyPattern struct {
	text     string
	once     sync.Once
	compiled *regexp.Regexp
}

// get is the compiled pattern; nil where it does not compile, which the proofs
// rule out.
func (l *lazyPattern) get() *regexp.Regexp {
	l.once.Do(func() { l.compiled, _ = regexp.Compile(l.text) })
	return l.compiled
}

// Default gives the built-in rules. Their proofs are run by the tests, not here.
func Default() *Classifier {
	c, err := read(builtIn, "rules")
	if err != nil {
		// Cannot happen with the files that the tests have proved. A classifier
		// that knows nothing answers everything with an honest unknown.
		c = build(nil, nil, nil, nil)
	}
	return c
}

// Load reads an admin's own rules: every *.toml file at the root of fsys. It is
// strict. A key that no rule has, an unknown slug, reason or class, a pattern
// that does not compile, a rule without example or counter, and a proof that
// fails are errors that name the file and the rule.
func Load(fsys fs.FS) (*Classifier, error) {
	c, err := read(fsys, ".")
	if err != nil {
		return nil, err
	}
	if err := c.prove(); err != nil {
		return nil, err
	}
	return c, nil
}

// With gives a classifier that asks own's rules before those of c.
func (c *Classifier) With(own *Classifier) *Classifier {
	first := make([]Rule, len(own.rules))
	for i := range own.rules {
		first[i] = own.rules[i].Rule
	}
	merged := build(first, c.Rules(), slices.Concat(own.lists, c.lists), c.statuses)
	merged.codes = c.codes
	return merged
}

// Rules gives all rules, an admin's own first, with what they take from their
// file filled in.
func (c *Classifier) Rules() []Rule {
	rules := make([]Rule, len(c.rules))
	for i := range c.rules {
		rules[i] = c.rules[i].Rule
	}
	return rules
}

// The data files that hold no rules.
const (
	listsFile    = "lists.toml"
	statusesFile = "statuses.toml"
)

func read(fsys fs.FS, dir string) (*Classifier, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.toml"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("no *.toml file")
	}
	var rules []Rule
	var lists listFile
	var statuses statusFile
	for _, name := range names {
		switch path.Base(name) {
		case listsFile:
			err = decode(fsys, name, &lists)
		case statusesFile:
			err = decode(fsys, name, &statuses)
		default:
			rules, err = readRules(fsys, name, rules)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	known, err := statuses.index()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", statusesFile, err)
	}
	c := build(nil, rules, lists.Lists, known)
	c.codes = statuses.Codes
	return c, nil
}

func decode(fsys fs.FS, name string, into any) error {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	err = toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(into)
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		return errors.New(unknown.String())
	}
	return err
}

// readRules appends the rules of a file, their defaults filled in.
func readRules(fsys fs.FS, name string, rules []Rule) ([]Rule, error) {
	var file ruleFile
	if err := decode(fsys, name, &file); err != nil {
		return nil, err
	}
	prefix := strings.TrimSuffix(path.Base(name), ".toml") + "."
	for _, r := range file.Rules {
		r.Category = or(r.Category, file.Category)
		r.Provider = or(r.Provider, file.Provider)
		r.Reference = or(r.Reference, file.Reference)
		r.Class = or(r.Class, Words)
		if r.Confidence == "" {
			r.Confidence = Likely
			if r.Class == Hint || r.Class == Aftermath {
				r.Confidence = Weak
			}
		}
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("rule %q: %w", r.ID, err)
		}
		r.ID = prefix + r.ID
		rules = append(rules, r)
	}
	return rules, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// check finds what would make the rule useless or unsafe.
func (r *Rule) check() error {
	if r.ID == "" {
		return errors.New("no id")
	}
	for _, slug := range append([]string{r.Category}, r.Rivals...) {
		if c, ok := Parse(slug); !ok || c == Unknown || c.Slug() != slug {
			return fmt.Errorf("no such category: %q", slug)
		}
	}
	if _, ok := r.Class.rank(); !ok {
		return fmt.Errorf("no such class: %q", r.Class)
	}
	if r.Confidence != Certain && r.Confidence != Likely && r.Confidence != Weak {
		return fmt.Errorf("no such confidence: %q", r.Confidence)
	}
	if r.Reason != "" && !slices.Contains(reasons[:], r.Reason) {
		return fmt.Errorf("no such reason: %q", r.Reason)
	}
	if !slices.Contains([]string{"", "remote", "reporter"}, r.Speaker) || !slices.Contains([]string{"", "sender", "recipient"}, r.Names) {
		return errors.New("speaker is remote or reporter, names is sender or recipient")
	}
	if len(r.Any)+len(r.All) == 0 {
		return errors.New("neither any nor all: a rule must rest on words")
	}
	for _, l := range slices.Concat(r.Any, r.All, r.Not) {
		if len(strings.TrimSpace(foldString(l))) < minLiteral {
			return fmt.Errorf("literal %q is shorter than %d bytes", l, minLiteral)
		}
	}
	return nil
}

// build makes a classifier ready; own rules come before the others.
func build(own, others []Rule, lists []list, statuses map[string]Status) *Classifier {
	c := &Classifier{rules: make([]rule, 0, len(own)+len(others)), lists: lists, statuses: statuses, zone: &lazyPattern{text: namedZone}}
	c.masked.ids, c.raw.ids = map[string]int32{}, map[string]int32{}
	for _, r := range own {
		c.add(r, ownRank)
	}
	for _, r := range others {
		c.add(r, 0)
	}
	for i := range c.lists {
		c.lists[i].literals = c.raw.addAll(c.lists[i].Names)
	}
	return c
}

func (c *Classifier) add(r Rule, lead int) {
	made := rule{Rule: r, pattern: &lazyPattern{text: r.Pattern}}
	made.rank, _ = r.Class.rank()
	made.rank += lead
	made.category, _ = Parse(r.Category)
	for _, slug := range r.Rivals {
		rival, _ := Parse(slug)
		made.rivals = append(made.rivals, rival)
	}
	x := c.index(r.Raw)
	made.any, made.all, made.none = x.addAll(r.Any), x.addAll(r.All), x.addAll(r.Not)
	// One kind of literal is enough to wake the rule.
	wake := made.any
	if len(wake) == 0 {
		wake = made.all[:1]
	}
	for _, l := range wake {
		x.literals[l].rules = append(x.literals[l].rules, int32(len(c.rules)))
	}
	c.rules = append(c.rules, made)
}

func (c *Classifier) index(raw bool) *index {
	if raw {
		return &c.raw
	}
	return &c.masked
}

func (x *index) addAll(texts []string) []int32 {
	ids := make([]int32, len(texts))
	for i, t := range texts {
		ids[i] = x.add(foldString(t))
	}
	return ids
}
