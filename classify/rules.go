package classify

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"path"
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
// Literals and the pattern are matched against the folded text: lower case
// without accents, single blanks, plain quotes and dashes, with "_" as a blank, and with names
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
	Pattern string   `toml:"pattern"` // RE2; must match too, in at most 120 bytes, and is then the quote
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

	File string `toml:"-"` // where the rule stands
	Line int    `toml:"-"` // of its [[rule]], from 1; 0 where that is not known
}

// file is a file of rules, with what its rules have in common, or of the tables
// that stand beside them.
type file struct {
	Category  string        `toml:"category"`
	Provider  string        `toml:"provider"`
	Reference string        `toml:"reference"`
	Rules     []Rule        `toml:"rule"`
	Lists     []list        `toml:"list"`
	Statuses  []Status      `toml:"status"`
	Codes     []codeMeaning `toml:"code"`
}

// library is what a folder of files holds.
type library struct {
	rules    []Rule
	lists    []list
	statuses []Status
	codes    []codeMeaning
}

// Classifier names the reason for a failure. It is safe for concurrent use, and
// what it keeps of its work is bounded.
type Classifier struct {
	own, ours library // an admin's, and the built-in one
	rules     []rule  // of both, the strongest first
	masked    index   // over texts with names masked
	raw       index   // over texts with names
	lists     []list
	statuses  map[string]*Status
	codes     []codeMeaning
	zone      lazyPattern // finds the name of a list that is in no table

	sheets  sheets
	scratch sync.Pool
	memory  memory
}

// rule is a Rule made ready.
type rule struct {
	*Rule
	category       Category
	rivals         []Category
	rank           int
	any, all, none []int32 // literals
	pattern        lazyPattern
}

// lazyPattern compiles when it is first needed: a run over one bounce needs a
// few of hundreds.
type lazyPattern struct {
	text     string
	once     sync.Once
	compiled *automaton
}

// get is the compiled pattern; nil where it does not compile, which the proofs
// rule out.
func (l *lazyPattern) get() *automaton {
	l.once.Do(func() { l.compiled, _ = compile(l.text) })
	return l.compiled
}

// Default gives the built-in rules. They are not checked and their proofs not
// run, since the tests have done it; an error means that the program was built
// from damaged ones.
func Default() (*Classifier, error) {
	ours, err := read(builtIn, "rules", false)
	if err != nil {
		return nil, err
	}
	return build(library{}, ours), nil
}

// Load reads an admin's own rules: every *.toml file at the root of fsys. It is
// strict. A key that no rule has, an unknown slug, reason or class, a pattern
// that does not compile, a rule without example or counter, and a proof that
// fails are errors that name the file and the rule.
func Load(fsys fs.FS) (*Classifier, error) {
	own, err := read(fsys, ".", true)
	if err != nil {
		return nil, err
	}
	c := build(own, library{})
	if faults := c.Prove(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// With gives a classifier that asks own's rules before those of c.
func (c *Classifier) With(own *Classifier) *Classifier {
	return build(own.own.and(c.own), c.ours)
}

// Rules gives all rules with their proofs, an admin's own first, and with what
// they take from their file filled in.
func (c *Classifier) Rules() []Rule { return c.own.and(c.ours).rules }

func (l library) and(o library) library {
	return library{
		rules:    slices.Concat(l.rules, o.rules),
		lists:    slices.Concat(l.lists, o.lists),
		statuses: slices.Concat(l.statuses, o.statuses),
		codes:    slices.Concat(l.codes, o.codes),
	}
}

func read(fsys fs.FS, dir string, checked bool) (library, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.toml"))
	if err != nil {
		return library{}, err
	}
	if len(names) == 0 {
		return library{}, errors.New("no *.toml file")
	}
	files := make([]file, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return library{}, err
		}
		f, err := parse(path.Base(name), text, checked)
		if err == nil && checked {
			err = f.check()
		}
		if err != nil {
			return library{}, fmt.Errorf("%s: %w", name, err)
		}
		files[i] = f
	}
	return gather(files), nil
}

// gather joins what stands in several files.
func gather(files []file) (l library) {
	rules := 0
	for i := range files {
		rules += len(files[i].Rules)
	}
	l.rules = make([]Rule, 0, rules)
	for i := range files {
		f := &files[i]
		l.rules = append(l.rules, f.Rules...)
		l.lists = append(l.lists, f.Lists...)
		l.statuses = append(l.statuses, f.Statuses...)
		l.codes = append(l.codes, f.Codes...)
	}
	return l
}

// parse reads a whole file. A key that nothing has is an error where it is
// strict, which costs a start more.
func parse(name string, text []byte, strict bool) (file, error) {
	f := file{Rules: make([]Rule, 0, bytes.Count(text, []byte("\n[[rule]]")))} // they are big, and growing copies them
	var err error
	if strict {
		err = toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&f)
	} else {
		err = toml.Unmarshal(text, &f)
	}
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		return f, errors.New(unknown.String())
	}
	if err != nil {
		return f, err
	}
	f.complete(name)
	f.number(text)
	return f, nil
}

// complete gives the rules what they take from their file, and the defaults.
func (f *file) complete(name string) {
	for i := range f.Rules {
		r := &f.Rules[i]
		r.File = name
		r.ID = strings.TrimSuffix(name, ".toml") + "." + r.ID
		r.Category = or(r.Category, f.Category)
		r.Provider = or(r.Provider, f.Provider)
		r.Reference = or(r.Reference, f.Reference)
		r.Class = or(r.Class, Words)
		if r.Confidence == "" {
			r.Confidence = Likely
			if r.Class == Hint || r.Class == Aftermath {
				r.Confidence = Weak
			}
		}
	}
}

// number finds the lines of the rules. Where the file is written in an unusual
// way they stay unknown.
func (f *file) number(text []byte) {
	var lines []int
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if bytes.HasPrefix(line, []byte("[[rule]]")) {
			lines = append(lines, n)
		}
	}
	if len(lines) != len(f.Rules) {
		return
	}
	for i := range f.Rules {
		f.Rules[i].Line = lines[i]
	}
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// check finds what would make a file useless or unsafe.
func (f *file) check() error {
	for i := range f.Rules {
		if err := f.Rules[i].check(); err != nil {
			return f.Rules[i].fault(err)
		}
	}
	for _, s := range f.Statuses {
		if err := slugsExist(append(s.Rivals, s.Category)); err != nil {
			return fmt.Errorf("status %s: %w", s.Code, err)
		}
	}
	for _, c := range f.Codes {
		if err := slugsExist(append(c.Rivals, c.Category)); err != nil {
			return fmt.Errorf("code %d: %w", c.Code, err)
		}
	}
	return nil
}

func (r *Rule) check() error {
	if strings.HasSuffix(r.ID, ".") {
		return errors.New("no id")
	}
	if r.Category == "" {
		return errors.New("no category")
	}
	if err := slugsExist(append(r.Rivals, r.Category)); err != nil {
		return err
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

// build makes a classifier ready. Its rules stand in the order of precedence,
// so that the weak ones need not be asked where a strong one has spoken.
func build(own, ours library) *Classifier {
	c := &Classifier{own: own, ours: ours, rules: make([]rule, len(own.rules)+len(ours.rules)), zone: lazyPattern{text: namedZone}, memory: memory{seed: maphash.MakeSeed()}}
	c.masked.literals = make([]literal, 0, own.literals()+ours.literals())
	n := 0
	for _, part := range []struct {
		rules []Rule
		lead  int
	}{{own.rules, ownRank}, {ours.rules, 0}} {
		for _, class := range classes {
			for i := range part.rules {
				if r := &part.rules[i]; r.Class == class {
					c.prepare(int32(n), r, part.lead)
					n++
				}
			}
		}
	}
	c.lists = slices.Concat(own.lists, ours.lists)
	for i := range c.lists {
		c.lists[i].literals = c.raw.addAll(c.lists[i].Names)
	}
	c.masked.file()
	c.raw.file()
	c.learn(own, ours)
	return c
}

// literals counts what the rules look for.
func (l *library) literals() int {
	n := 0
	for i := range l.rules {
		n += len(l.rules[i].Any) + len(l.rules[i].All) + len(l.rules[i].Not)
	}
	return n
}

// prepare makes the rule that stands at a place ready.
func (c *Classifier) prepare(at int32, r *Rule, lead int) {
	made := &c.rules[at]
	made.Rule, made.pattern.text = r, r.Pattern
	made.rank, _ = r.Class.rank()
	made.rank += lead
	made.category, made.rivals = category(r.Category), categories(r.Rivals)
	x := &c.masked
	if r.Raw {
		x = &c.raw
	}
	made.any, made.all, made.none = x.addAll(r.Any), x.addAll(r.All), x.addAll(r.Not)
	// One kind of literal is enough to wake the rule.
	wake := made.any
	if len(wake) == 0 {
		wake = made.all[:1]
	}
	for _, l := range wake {
		x.literals[l].wakes = at + 1
	}
}
