// Package typescript_test builds the npm package that lies here, has it test itself, and compares it with
// the packages for Go, of which it is the translation.
package typescript_test

import (
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePackageForTypeScript(t *testing.T) {
	build(t)
	out, err := exec.CommandContext(t.Context(), "npm", "test").CombinedOutput()
	require.NoErrorf(t, err, "npm test: %s", out)
}

var built = sync.OnceValues(func() ([]byte, error) {
	// npm writes this file last, so an install that was cut short is made again.
	if _, err := os.Stat("node_modules/.package-lock.json"); err != nil {
		out, err := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
		if err != nil {
			return out, err
		}
	}
	return exec.Command("npm", "run", "build").CombinedOutput()
})

// build builds the package, once.
func build(t *testing.T) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		_, err := exec.LookPath(program)
		require.NoErrorf(t, err, "%s is needed: install Node.js 20 or later with npm (Debian: apt-get install nodejs npm)", program)
	}
	// What npm reads, the go command must know of: else it answers from its cache where it changed.
	for _, dir := range []string{".", "src", "test", "../../caseupdate/testdata/golden"} {
		_, err := os.ReadDir(dir)
		require.NoError(t, err)
	}
	out, err := built()
	require.NoErrorf(t, err, "npm ci and npm run build, which need the npm registry once: %s", out)
}
