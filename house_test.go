package casehook_test

import (
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/casehook/casehook"

// house is the order of the packages, the roof first. A package imports only what stands in a row
// below its own, and whatever lies in its own folder; "." is the package at the top of the module.
//
// A package whose name ends in test stands in no row: it is imported by tests, and by the
// benchmark, only.
var house = [][]string{
	{"cmd", "bench", "e2e", "examples", "sdk", "."},
	{"internal/app"},
	{"internal/config"},
	{"internal/rest", "internal/dashboard"},
	{"internal/doorway"},
	{"internal/service"},
	{"internal/delivery", "internal/upkeep"},
	{"internal/store", "internal/render", "internal/sample"},
	{"internal/caselog", "internal/subscription", "internal/blob", "internal/share"},
	{"internal/vault", "internal/bucket"},
	{"internal/telemetry"},
	{"internal/refusal"},
	{"webhook"},
	{"caseupdate"},
}

// public are the packages that import only the standard library, and each other, so that a receiver's
// module gains nothing else by importing them.
var public = []string{"caseupdate", "webhook"}

// pure are the packages that know no network, database, file or log. Of the house they import
// only each other and the public packages.
var pure = []string{"internal/caselog", "internal/subscription", "internal/refusal"}

// impure are the packages of the standard library, each with what lies below it, that a pure
// package does not import; but for the harmless, which only read text.
var (
	impure   = []string{"database", "log", "net", "os", "syscall"}
	harmless = []string{"net/url"}
)

func TestImportsRunDownwardsOnly(t *testing.T) {
	for _, breach := range breaches(packages(t)) {
		t.Error(breach)
	}
}

func TestBreachesAreNamed(t *testing.T) {
	for _, test := range []struct {
		name string
		pkg  pkg
		want []string
	}{
		{
			"a door may import what stands below it",
			pkg{"internal/rest", []string{"net/http", "github.com/danielgtaylor/huma/v2", module + "/internal/service", module + "/caseupdate"}},
			nil,
		},
		{
			"a package may import what lies in its own folder",
			pkg{"internal/store", []string{module + "/internal/store/migrations"}},
			nil,
		},
		{
			"a test package may import anything",
			pkg{"internal/store/storetest", []string{"testing", module + "/internal/service", module + "/internal/postgrestest"}},
			nil,
		},
		{
			"an import may not run upwards",
			pkg{"internal/store/migrations", []string{module + "/internal/service"}},
			[]string{"internal/store/migrations imports internal/service, which does not stand below it"},
		},
		{
			"an import may not run sideways",
			pkg{"internal/dashboard", []string{module + "/internal/rest"}},
			[]string{"internal/dashboard imports internal/rest, which does not stand below it"},
		},
		{
			"app is built by the commands only",
			pkg{"internal/rest", []string{module + "/internal/app"}},
			[]string{"internal/rest imports internal/app, which does not stand below it"},
		},
		{
			"the configuration is read by app and the commands only",
			pkg{"internal/service", []string{module + "/internal/config"}},
			[]string{"internal/service imports internal/config, which does not stand below it"},
		},
		{
			"the top of the module is imported by nobody",
			pkg{"cmd/casehook", []string{"fmt", module}},
			[]string{"cmd/casehook imports ., which does not stand below it"},
		},
		{
			"a test package is imported by tests only",
			pkg{"internal/store", []string{module + "/internal/postgrestest"}},
			[]string{"internal/store imports internal/postgrestest, which is for tests only"},
		},
		{
			"the benchmark may start what tests start",
			pkg{"bench", []string{module + "/internal/postgrestest"}},
			nil,
		},
		{
			"a public package needs only the standard library, and a public one that stands below it",
			pkg{"webhook", []string{"crypto/hmac", "golang.org/x/crypto/chacha20", module + "/caseupdate", module + "/internal/refusal"}},
			[]string{
				"webhook imports golang.org/x/crypto/chacha20, which is not of the standard library",
				"webhook imports github.com/casehook/casehook/internal/refusal, which is not of the standard library",
			},
		},
		{
			"the wire format knows nothing of signatures",
			pkg{"caseupdate", []string{module + "/webhook"}},
			[]string{"caseupdate imports webhook, which does not stand below it"},
		},
		{
			"a pure package does no I/O",
			pkg{"internal/caselog", []string{"time", "os", "net/http", "database/sql", "log/slog", module + "/caseupdate"}},
			[]string{
				"internal/caselog is pure and imports os",
				"internal/caselog is pure and imports net/http",
				"internal/caselog is pure and imports database/sql",
				"internal/caselog is pure and imports log/slog",
			},
		},
		{
			"a pure package does no telemetry",
			pkg{"internal/subscription", []string{module + "/internal/telemetry"}},
			[]string{"internal/subscription is pure and imports internal/telemetry"},
		},
		{
			"a new package needs a row",
			pkg{"internal/attic", []string{"os"}},
			[]string{"internal/attic has no row in the house: add it to house_test.go"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, breaches([]pkg{test.pkg})); diff != "" {
				t.Errorf("breaches (-want +got):\n%s", diff)
			}
		})
	}
}

// A pkg is a package of this module without its tests.
type pkg struct {
	path    string   // its folder, from the top of the module
	imports []string // import paths
}

// packages reads the packages of this module. It asks go/build and not the go command, so that
// the files read are known to go test, which then never answers from its cache when one changed.
func packages(t *testing.T) []pkg {
	t.Helper()
	var pkgs []pkg
	err := filepath.WalkDir(".", func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if dir != "." && foreign(dir) {
			return filepath.SkipDir
		}
		p, err := build.ImportDir(dir, 0)
		if _, empty := errors.AsType[*build.NoGoError](err); empty {
			return nil
		}
		pkgs = append(pkgs, pkg{filepath.ToSlash(dir), p.Imports})
		return err
	})
	if err != nil {
		t.Fatalf("read the packages of this module: %v", err)
	}
	return pkgs
}

// foreign reports whether the go command leaves dir out of this module's packages, or npm owns it.
func foreign(dir string) bool {
	name := filepath.Base(dir)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// breaches names each import in pkgs that the house does not allow.
func breaches(pkgs []pkg) []string {
	var found []string
	for _, p := range pkgs {
		if forTests(p.path) {
			continue
		}
		if room, _ := place(p.path); room == "" {
			found = append(found, p.path+" has no row in the house: add it to house_test.go")
			continue
		}
		for _, imported := range p.imports {
			if breach := breach(p.path, imported); breach != "" {
				found = append(found, breach)
			}
		}
	}
	return found
}

// breach says what is wrong with the package in dir importing imported; "" if nothing is.
func breach(dir, imported string) string {
	target, own := inModule(imported)
	room, row := place(dir)
	targetRoom, targetRow := place(target)

	switch {
	case own && forTests(target) && room != "bench":
		return fmt.Sprintf("%s imports %s, which is for tests only", dir, target)
	case own && (targetRoom == room || forTests(target)):
		return ""
	case slices.Contains(public, room) && !standard(imported) && !slices.Contains(public, targetRoom):
		return fmt.Sprintf("%s imports %s, which is not of the standard library", dir, imported)
	case slices.Contains(pure, room) && own && !slices.Contains(public, targetRoom) && !slices.Contains(pure, targetRoom):
		return fmt.Sprintf("%s is pure and imports %s", dir, target)
	case slices.Contains(pure, room) && !slices.Contains(harmless, imported) && slices.ContainsFunc(impure, func(top string) bool { return within(imported, top) }):
		return fmt.Sprintf("%s is pure and imports %s", dir, imported)
	case own && targetRow <= row:
		return fmt.Sprintf("%s imports %s, which does not stand below it", dir, target)
	}
	return ""
}

// place returns the entry of the house that dir lies in, and its row, counted from the roof. The
// entry is empty where there is none.
func place(dir string) (room string, row int) {
	for row, rooms := range house {
		for _, room := range rooms {
			if within(dir, room) {
				return room, row
			}
		}
	}
	return "", -1
}

// forTests reports whether the package in dir serves tests only.
func forTests(dir string) bool {
	return strings.HasSuffix(path.Base(dir), "test")
}

// inModule returns the folder of an import path of this module.
func inModule(importPath string) (dir string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// standard reports whether importPath is of the standard library: no host name in front.
func standard(importPath string) bool {
	host, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(host, ".")
}

// within reports whether the path p is top or lies below it.
func within(p, top string) bool {
	return p == top || strings.HasPrefix(p, top+"/")
}
