// Package house holds the project to its own rules. The sources are read here,
// in the test's own process: a test that asks the go command can be answered
// from a cache that is older than the sources.
package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "diagnose/"

// mayImport says which of our packages each of them may import.
var mayImport = map[string][]string{
	"classify/bounce":    {},
	"classify":           {"classify/bounce"},
	"dnscheck":           {},
	"dnscheck/dnstest":   {"dnscheck"},
	"smtpcheck":          {},
	"smtpcheck/smtptest": {},
	"rbl":                {"dnscheck"},
	"probe":              {"classify", "classify/bounce", "dnscheck", "rbl", "smtpcheck"},
	"cmd/report":         {"classify", "classify/bounce", "dnscheck", "rbl", "smtpcheck", "probe"},
	"cmd/cli":            {"classify", "classify/bounce", "dnscheck", "rbl", "smtpcheck", "probe", "cmd/report"},
	"cmd/diagnose":       {"cmd/cli"},
}

// forTests are packages that only tests may import.
var forTests = []string{"dnscheck/dnstest", "smtpcheck/smtptest"}

// kept are other people's packages that we keep to one place each.
var kept = map[string][]string{
	"github.com/miekg/dns":   {"dnscheck/client.go", "dnscheck/dnstest/"},
	"github.com/spf13/cobra": {"cmd/cli/"},
	"github.com/spf13/pflag": {"cmd/cli/"},
	"github.com/fatih/color": {"cmd/report/colour.go"},
	"testing":                {"dnscheck/dnstest/", "smtpcheck/smtptest/"},
	"log":                    {},
	"log/slog":               {},
}

// calls are functions that are called in one place each, if anywhere.
var calls = map[string][]string{
	"panic":       {},
	"print":       {},
	"println":     {},
	"fmt.Print":   {},
	"fmt.Printf":  {},
	"fmt.Println": {},
	"os.Exit":     {"cmd/diagnose/"},
}

func TestTheSourcesKeepTheHouseRules(t *testing.T) {
	faults, files := inspect(t, os.DirFS("."))
	for _, f := range faults {
		t.Error(f)
	}
	if files < 50 {
		t.Errorf("only %d sources were read", files)
	}
}

func TestABreachOfARuleIsFound(t *testing.T) {
	const dns = "dnscheck/dns.go"
	for _, tt := range []struct{ name, file, source, want string }{
		{"a forbidden import", "classify/a.go", `package classify; import _ "diagnose/probe"`, "may not import probe"},
		{"a package without a place", "util/a.go", `package util; import _ "diagnose/rbl"`, "util is not in the table"},
		{"a test helper in the program", "probe/a.go", `package probe; import _ "diagnose/dnscheck/dnstest"`, "only tests"},
		{"miekg/dns elsewhere", "rbl/a.go", `package rbl; import _ "github.com/miekg/dns"`, "github.com/miekg/dns belongs"},
		{"miekg/dns in another file of dnscheck", dns, `package dnscheck; import _ "github.com/miekg/dns"`, "github.com/miekg/dns belongs"},
		{"cobra elsewhere", "cmd/report/a.go", `package report; import _ "github.com/spf13/cobra"`, "github.com/spf13/cobra belongs"},
		{"colour in another file", "cmd/report/a.go", `package report; import _ "github.com/fatih/color"`, "github.com/fatih/color belongs"},
		{"a log", dns, `package dnscheck; import _ "log"`, "log belongs"},
		{"init", dns, `package dnscheck; func init() {}`, "init"},
		{"panic", dns, `package dnscheck; func f() { panic(1) }`, "panic is called"},
		{"exit", "cmd/cli/a.go", `package cli; import "os"; func f() { os.Exit(1) }`, "os.Exit is called"},
		{"standard output", dns, `package dnscheck; import "fmt"; func f() { fmt.Println() }`, "fmt.Println is called"},
		{"a variable to be set later", dns, `package dnscheck; var cache map[string]int`, "cache"},
		{"a shared lock", dns, `package dnscheck; import "sync"; var once = sync.Once{}`, "once"},
		{"a variable that is set", dns, `package dnscheck; var n = 0; func f() { n++ }`, "n is package state"},
		{"a table that is written to", dns, `package dnscheck; var m = map[int]int{}; func f() { m[1] = 2 }`, "m is package state"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			faults, _ := inspect(t, fstest.MapFS{tt.file: {Data: []byte(tt.source)}})
			if len(faults) != 1 || !strings.Contains(faults[0], tt.want) {
				t.Errorf("found %q, want one fault with %q", faults, tt.want)
			}
		})
	}
}

func TestWhatIsAllowedIsNoBreach(t *testing.T) {
	faults, _ := inspect(t, fstest.MapFS{
		"probe/probe.go":      {Data: []byte(`package probe; import _ "diagnose/classify"; var table = []int{1}; func f() { n := table[0]; n++ }`)},
		"probe/a_test.go":     {Data: []byte(`package probe; import _ "diagnose/smtpcheck/smtptest"; func f() { panic(1) }`)},
		"cmd/diagnose/m.go":   {Data: []byte(`package main; import "os"; func main() { os.Exit(1) }`)},
		"probe/testdata/x.go": {Data: []byte(`package x; func init() {}`)},
	})
	if len(faults) > 0 {
		t.Error(faults)
	}
}

// inspect reads all sources of a tree and lists what breaks a rule.
func inspect(t *testing.T, tree fs.FS) (faults []string, files int) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || len(name) > 1 && strings.HasPrefix(e.Name(), ".")):
			return fs.SkipDir
		case e.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, name, text, 0)
		if err != nil {
			return err
		}
		files++
		s := source{name: name, file: tree, set: set}
		s.imports()
		if !strings.HasSuffix(name, "_test.go") {
			ast.Inspect(tree, s.visit)
			s.state()
		}
		faults = append(faults, s.faults...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return faults, files
}

type source struct {
	name   string
	file   *ast.File
	set    *token.FileSet
	faults []string
}

func (s *source) fault(at token.Pos, format string, args ...any) {
	s.faults = append(s.faults, s.set.Position(at).String()+": "+fmt.Sprintf(format, args...))
}

// keptTo says whether the file is one of the places, which are files or
// folders.
func (s *source) keptTo(places []string) bool {
	return slices.ContainsFunc(places, func(p string) bool {
		return s.name == p || strings.HasSuffix(p, "/") && strings.HasPrefix(s.name, p)
	})
}

func (s *source) imports() {
	test := strings.HasSuffix(s.name, "_test.go")
	dir := path.Dir(s.name)
	for _, spec := range s.file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if places, ok := kept[imported]; ok && !s.keptTo(places) && !test {
			s.fault(spec.Pos(), "%s belongs into %v", imported, places)
		}
		ours, ok := strings.CutPrefix(imported, module)
		if !ok || test {
			continue
		}
		allowed, known := mayImport[dir]
		switch {
		case slices.Contains(forTests, ours):
			s.fault(spec.Pos(), "%s is for tests: only tests may import it", ours)
		case !known:
			s.fault(spec.Pos(), "%s is not in the table of packages", dir)
		case !slices.Contains(allowed, ours):
			s.fault(spec.Pos(), "%s may not import %s", dir, ours)
		}
	}
}

func (s *source) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if n.Name.Name == "init" && n.Recv == nil {
			s.fault(n.Pos(), "init: what runs before main hides from tests")
		}
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			if x, ok := f.X.(*ast.Ident); ok {
				name = x.Name + "." + f.Sel.Name
			}
		}
		if places, ok := calls[name]; ok && !s.keptTo(places) {
			s.fault(n.Pos(), "%s is called", name)
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, l := range n.Lhs {
				s.written(l)
			}
		}
	case *ast.IncDecStmt:
		s.written(n.X)
	}
	return true
}

// written reports an assignment to a variable of the package.
func (s *source) written(to ast.Expr) {
	switch e := to.(type) {
	case *ast.IndexExpr:
		s.written(e.X)
	case *ast.SelectorExpr:
		s.written(e.X)
	case *ast.Ident:
		if o := s.file.Scope.Lookup(e.Name); o != nil && o.Kind == ast.Var && o == e.Obj {
			s.fault(e.Pos(), "%s is package state, and is written to", e.Name)
		}
	}
}

// locks are types that are of no use to what never changes.
var locks = []string{"Mutex", "RWMutex", "Once", "Pool", "WaitGroup", "Cond"}

// state reports variables of the package that can only be there to change:
// without a value, unless it is embedded, or with a lock in them.
func (s *source) state() {
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			embedded := slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"embed"` })
			if len(v.Values) == 0 && !embedded {
				s.fault(v.Pos(), "%s has no value: a variable to be set later is package state", v.Names[0])
			}
			ast.Inspect(v, func(n ast.Node) bool {
				if _, ok := n.(*ast.FuncLit); ok {
					return false
				}
				if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(locks, sel.Sel.Name) {
					s.fault(v.Pos(), "%s holds a %s: package state", v.Names[0], sel.Sel.Name)
				}
				return true
			})
		}
	}
}
