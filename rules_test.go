package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// leaves import at most internal/conf of ours; those in which scripts and expressions look into answers, internal/rawjson too.
var leaves = []string{"internal/conf", "internal/jose", "internal/rawjson", "internal/inbound", "internal/outbound", "internal/splice", "internal/expr", "internal/lua"}

// mayImport is the import graph: the tree of the configuration. A feature of a parent that outgrew its file is a leaf under
// it, which does not know its parent. A package that is not here is a room nobody planned.
var mayImport = map[string][]string{
	"":                  {"internal/cli"},
	"internal/cli":      append([]string{"gateway", "backends", "backends/tokens", "validator", "internal/demo"}, leaves...),
	"internal/demo":     leaves,
	"gateway":           append([]string{"endpoints", "backends", "backends/keep", "backends/tokens", "validator"}, leaves...),
	"endpoints":         append([]string{"backends", "backends/keep", "backends/tokens", "validator"}, leaves...),
	"backends":          append([]string{"backends/cache", "backends/decode", "backends/keep", "backends/martian", "backends/tokens"}, leaves...),
	"backends/cache":    {"internal/conf", "internal/outbound"},
	"backends/decode":   {"internal/outbound", "internal/rawjson"},
	"backends/keep":     {},
	"backends/martian":  {"internal/conf", "internal/outbound"},
	"backends/tokens":   {"backends/keep", "internal/conf", "internal/jose", "internal/outbound", "internal/rawjson"},
	"validator":         leaves,
	"internal/conf":     {},
	"internal/jose":     {"internal/conf"},
	"internal/rawjson":  {"internal/conf"},
	"internal/inbound":  {"internal/conf", "internal/splice"},
	"internal/outbound": {"internal/conf", "internal/splice"},
	"internal/splice":   {},
	"internal/expr":     {"internal/conf", "internal/rawjson"},
	"internal/lua":      {"internal/conf", "internal/rawjson"},
	// For tests only: see TestNothingOfTestsIsLinked.
	"internal/gatewaytest": leaves,
}

// onlyIn says where a library lives: nobody else knows of it.
var onlyIn = map[string][]string{
	"github.com/lestrrat-go/jwx/v2": {"internal/jose/"},
	"filippo.io/bigmod":             {"internal/jose/"},
	"github.com/sony/gobreaker/v2":  {"backends/"},
	"github.com/spf13/cobra":        {"internal/cli/"},
}

const module = "gatehouse/"

func TestEveryImportIsAllowed(t *testing.T) {
	eachFile(t, func(file string, imports []string) {
		from := folder(file)
		allowed, planned := mayImport[from]
		if !planned {
			t.Errorf("%s: package %s has no row in the import rules", file, from)
			return
		}
		for _, imported := range imports {
			own, ours := strings.CutPrefix(imported, module)
			if ours && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s; %s may import %v", file, own, name(from), allowed)
			}
		}
	})
}

func TestEveryLibraryHasOneHome(t *testing.T) {
	eachFile(t, func(file string, imports []string) {
		for library, homes := range onlyIn {
			for _, imported := range imports {
				if imported != library && !strings.HasPrefix(imported, library+"/") {
					continue
				}
				if !slices.ContainsFunc(homes, func(home string) bool { return strings.HasPrefix(file, home) }) {
					t.Errorf("%s imports %s, which lives in %v alone", file, imported, homes)
				}
			}
		}
	})
}

func TestNothingOfTestsIsLinked(t *testing.T) {
	eachFile(t, func(file string, imports []string) {
		for _, imported := range imports {
			if imported == module+"internal/gatewaytest" || imported == "testing" && !strings.HasPrefix(file, "internal/gatewaytest/") {
				t.Errorf("%s imports %s, which is for tests", file, imported)
			}
		}
	})
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented, seen := map[string]bool{}, map[string]bool{}
	fset := token.NewFileSet()
	eachFile(t, func(file string, _ []string) {
		parsed, err := parser.ParseFile(fset, file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		seen[folder(file)] = true
		documented[folder(file)] = documented[folder(file)] || parsed.Doc != nil
	})
	for pkg := range seen {
		if !documented[pkg] {
			t.Errorf("package %s has no package comment", name(pkg))
		}
	}
}

func TestNoVagueRooms(t *testing.T) {
	for pkg := range mayImport {
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types"}, path.Base(pkg)) {
			t.Errorf("package %s: name it for what it holds", pkg)
		}
	}
}

func TestNoFileIsOverlong(t *testing.T) {
	eachFile(t, func(file string, _ []string) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "\n"); n > 400 {
			t.Errorf("%s has %d lines; a file is one idea, of at most 400", file, n)
		}
	})
}

// eachFile visits every Go file of the module that is not a test, with its imports.
func eachFile(t *testing.T, visit func(file string, imports []string)) {
	t.Helper()
	visited := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if own, _ := filepath.Glob(filepath.Join(file, "go.mod")); file != "." && (own != nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imported)
		}
		visited++
		visit(filepath.ToSlash(file), imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if visited < 30 {
		t.Fatalf("visited %d files only: the walk is broken", visited)
	}
}

func folder(file string) string {
	if dir := path.Dir(file); dir != "." {
		return dir
	}
	return ""
}

func name(pkg string) string {
	if pkg == "" {
		return "main"
	}
	return pkg
}
