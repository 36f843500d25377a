// Package typescript_test builds the npm package that lies here, has it test itself, and compares it with
// the packages for Go, of which it is the translation.
package typescript_test

import (
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/npmtest"
)

func TestThePackageForTypeScript(t *testing.T) {
	build(t)
	out, err := exec.CommandContext(t.Context(), "npm", "test").CombinedOutput()
	require.NoErrorf(t, err, "npm test: %s", out)
}

var built = sync.OnceValues(func() ([]byte, error) {
	if err := npmtest.Install("."); err != nil {
		return nil, err
	}
	return exec.Command("npm", "run", "build").CombinedOutput()
})

// build builds the package, once.
func build(t *testing.T) {
	t.Helper()
	// What npm reads, the go command must know of: else it answers from its cache where it changed.
	for _, dir := range []string{".", "src", "test", "../../caseupdate/testdata/golden"} {
		_, err := os.ReadDir(dir)
		require.NoError(t, err)
	}
	out, err := built()
	require.NoErrorf(t, err, "npm run build: %s", out)
}
