package npmtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIsInstalled(t *testing.T) {
	earlier, later := time.Unix(1_700_000_000, 0), time.Unix(1_700_000_060, 0)
	for _, test := range []struct {
		name       string
		lock, done time.Time // when they were written; zero: never
		want       bool
	}{
		{"nothing is there", time.Time{}, time.Time{}, false},
		{"it was never installed, or was cut short", earlier, time.Time{}, false},
		{"installed since", earlier, later, true},
		{"other packages are named since", later, earlier, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, at := range map[string]time.Time{"package-lock.json": test.lock, "node_modules/.package-lock.json": test.done} {
				if at.IsZero() {
					continue
				}
				path := filepath.Join(dir, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, nil, 0o600))
				require.NoError(t, os.Chtimes(path, at, at))
			}
			require.Equal(t, test.want, isInstalled(dir))
		})
	}
}
