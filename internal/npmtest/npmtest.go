// Package npmtest installs what tests need of npm's packages.
package npmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Install installs the packages that dir/package-lock.json names into dir, unless they are
// there. Of the packages no script is run. It needs Node.js with npm on the PATH, and npm's
// registry where it installs.
func Install(dir string) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is not on the PATH: install Node.js 20.19 or later with npm (Debian: apt-get install nodejs npm)", program)
		}
	}
	if isInstalled(dir) {
		return nil
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s, which needs npm's registry once: %w\n%s", dir, err, out)
	}
	return nil
}

// isInstalled reports whether an install was finished since dir/package-lock.json was written.
func isInstalled(dir string) bool {
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return false
	}
	// npm writes this file last.
	done, err := os.Stat(filepath.Join(dir, "node_modules/.package-lock.json"))
	return err == nil && !done.ModTime().Before(lock.ModTime())
}
