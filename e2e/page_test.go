package e2e_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// freeAddress returns an address on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, socket.Close())
	return socket.Addr().String()
}

// needs fails where a program is missing, and names Debian's package of it.
func needs(t *testing.T, program, pkg string) {
	t.Helper()
	_, err := exec.LookPath(program)
	require.NoErrorf(t, err, "%s is needed (Debian: apt-get install %s)", program, pkg)
}

// blocks returns the blocks of code in a language in a section of a page of the docs, and in those
// below it, of which there is at least one.
func blocks(t *testing.T, name, heading, language string) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("../docs", name))
	require.NoError(t, err)
	level := strings.Index(heading, " ")
	var all []string
	var code strings.Builder
	within, fenced, wanted := false, false, false
	for line := range strings.Lines(string(page)) {
		marks := len(line) - len(strings.TrimLeft(line, "#"))
		switch opened, isFence := strings.CutPrefix(strings.TrimSpace(line), "```"); {
		case isFence && !fenced:
			fenced, wanted = true, within && opened == language
			code.Reset()
		case isFence:
			fenced = false
			if wanted {
				all = append(all, code.String())
			}
		case fenced:
			code.WriteString(line)
		case strings.TrimSpace(line) == heading:
			within = true
		case marks > 0 && marks <= level:
			within = false
		}
	}
	require.NotEmpty(t, all, heading)
	return all
}

// runShell runs a block of the docs in a directory, with the binary on the PATH, and returns what it printed.
func runShell(t *testing.T, dir, block string, variables ...string) string {
	t.Helper()
	cmd := exec.Command("sh", "-eu", "-c", block)
	cmd.Dir = dir
	cmd.Env = append(environment(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, variables...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoErrorf(t, err, "%s\n%s%s", block, out, stderr.String())
	return string(out)
}
