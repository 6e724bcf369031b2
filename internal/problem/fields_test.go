package problem_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

// carriedFields finds, in the source of every package, which metadata each code can carry: every call of WithField, followed back to
// the problem.New that it began with.
func carriedFields(t *testing.T) map[problem.Code]map[string]bool {
	t.Helper()
	carried := map[problem.Code]map[string]bool{}
	names := codeNames(t)
	for dir, files := range source(t) {
		s := sourcePackage{funcs: map[string]*ast.FuncDecl{}}
		for _, f := range files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
					s.funcs[fn.Name.Name] = fn
				}
			}
		}
		for _, f := range files {
			for _, d := range f.Decls {
				ast.Inspect(d, func(n ast.Node) bool {
					on, member := fieldOf(n)
					if member == "" {
						return true
					}
					began := s.began(on, d, map[string]bool{})
					if len(began) == 0 {
						t.Errorf("%s: it cannot be told which code has the field %s", dir, member)
					}
					for name := range began {
						c := names[name]
						if carried[c] == nil {
							carried[c] = map[string]bool{}
						}
						carried[c][member] = true
					}
					return true
				})
			}
		}
	}
	return carried
}

// source parses what is under internal, but tests, by directory.
func source(t *testing.T) map[string][]*ast.File {
	t.Helper()
	parsed := map[string][]*ast.File{}
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		parsed[filepath.Dir(path)] = append(parsed[filepath.Dir(path)], f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// codeNames gives the codes by the names of their constants.
func codeNames(t *testing.T) map[string]problem.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]problem.Code{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				value, _ := strconv.Unquote(lit.Value)
				names[v.Names[0].Name] = problem.Code(value)
			}
		}
		return true
	})
	return names
}

type sourcePackage struct{ funcs map[string]*ast.FuncDecl }

// fieldOf gives the problem and the member of a call of WithField.
func fieldOf(n ast.Node) (ast.Expr, string) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil, ""
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "WithField" {
		return nil, ""
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return sel.X, "a name that is no literal"
	}
	member, _ := strconv.Unquote(lit.Value)
	return sel.X, member
}

// began gives the names of the codes that the problem x, in a declaration, can have begun with. visited are the variables and functions on the way.
func (s sourcePackage) began(x ast.Expr, in ast.Node, visited map[string]bool) map[string]bool {
	switch x := x.(type) {
	case *ast.Ident: // a variable: whatever is assigned to it
		found := map[string]bool{}
		if visited[x.Name] {
			return found
		}
		visited[x.Name] = true
		ast.Inspect(in, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
				for i, left := range a.Lhs {
					if v, ok := left.(*ast.Ident); ok && v.Name == x.Name {
						add(found, s.began(a.Rhs[i], in, visited))
					}
				}
			}
			return true
		})
		return found
	case *ast.CallExpr:
		return s.beganCall(x, in, visited)
	}
	return nil
}

func (s sourcePackage) beganCall(call *ast.CallExpr, in ast.Node, visited map[string]bool) map[string]bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident: // a function of the package: whatever it makes
		fn := s.funcs[fun.Name]
		if fn == nil || visited[fun.Name] {
			return nil
		}
		visited[fun.Name] = true
		return codesIn(fn)
	case *ast.SelectorExpr:
		if fun.Sel.Name != "New" {
			return s.began(fun.X, in, visited) // a link of a chain
		}
		if named := codesIn(call.Args[0]); len(named) > 0 {
			return named
		}
		found := map[string]bool{} // the code is in a table
		ast.Inspect(in, func(n ast.Node) bool {
			if table, ok := n.(*ast.CompositeLit); ok {
				add(found, codesIn(table))
			}
			return true
		})
		return found
	}
	return nil
}

// codesIn gives the names of the codes that stand in n, as problem.NotFound.
func codesIn(n ast.Node) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := sel.X.(*ast.Ident); ok && of.Name == "problem" && sel.Sel.Name != "New" && sel.Sel.Name != "Error" && sel.Sel.Name != "Code" {
			found[sel.Sel.Name] = true
		}
		return true
	})
	return found
}

func add(to, more map[string]bool) {
	for name := range more {
		to[name] = true
	}
}
