// Package e2e_test lives casehook as its users do: the real binary on loopback, a
// client that tells it of changes over REST, and receivers that verify by libraries
// which nobody here wrote. It knows the product by its contract alone and imports
// nothing of it.
//
// The journey is in journey_test.go, what must survive a crash in crash_test.go,
// what must be refused in input_test.go, and what operators meet in
// command_test.go.
package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// adminKey is CASEHOOK_ADMIN_KEY of every server.
	adminKey = "e2e-admin-key-4f1c9d27a6b3"
	// patience is how long a test waits for what must come before it fails.
	patience = time.Minute
)

// binary is casehook, built by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "casehook-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "casehook")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/casehook").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build casehook: %v\n%s", err, out)
		return 1
	}
	defer endChromium()
	return m.Run()
}

// casehook returns a command of the binary.
func casehook(arguments ...string) *exec.Cmd {
	cmd := exec.Command(binary, arguments...)
	cmd.Env = environment()
	return cmd
}

// environment returns this process's, with no setting of casehook but the admin key.
func environment() []string {
	return append(slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "CASEHOOK_")
	}), "CASEHOOK_ADMIN_KEY="+adminKey)
}

// server is a casehook serve that runs.
type server struct {
	url   string
	cmd   *exec.Cmd
	log   journal
	ended chan struct{} // closed when the process has ended

	faulty bool // it may log errors
}

// serve starts a server on the data directory and waits until it listens, on a free
// port where the arguments name none. What still runs when t ends is killed. A
// server that logs an error, and is not faulty, or its key, fails t.
func serve(t *testing.T, data string, arguments ...string) *server {
	t.Helper()
	return start(t, exec.Command(binary), data, arguments...)
}

// start is serve by a command that runs the binary with the arguments that it is given,
// and with what is in its environment beside the usual.
func start(t *testing.T, cmd *exec.Cmd, data string, arguments ...string) *server {
	t.Helper()
	s := &server{cmd: cmd, ended: make(chan struct{})}
	cmd.Args = append(append(cmd.Args, "serve", "--listen", "127.0.0.1:0", "--data", data, "--log-format", "json"), arguments...)
	cmd.Env = append(environment(), cmd.Env...)
	stderr, err := s.cmd.StderrPipe()
	require.NoError(t, err)
	s.cmd.Stdout = s.cmd.Stderr
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		s.kill()
		if !s.faulty {
			require.NotContains(t, s.log.String(), `"level":"ERROR"`)
		}
		require.NotContains(t, s.log.String(), adminKey)
	})

	serving := make(chan string, 1)
	go func() {
		defer close(s.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			s.log.add(lines.Bytes())
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				serving <- line.Address
			}
		}
		_ = s.cmd.Wait() // a test that cares looks at the exit code
	}()
	select {
	case s.url = <-serving:
	case <-s.ended:
		require.FailNow(t, "the server ended before it listened", s.log.String())
	case <-time.After(patience):
		require.FailNow(t, "the server did not listen", s.log.String())
	}
	return s
}

// address returns where s listens, for another server to listen there after it.
func (s *server) address() string { return strings.TrimPrefix(s.url, "http://") }

// kill ends s as a power failure would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended already
	<-s.ended
}

// terminate asks s to end, and returns its exit code.
func (s *server) terminate(t *testing.T) int {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.ended:
	case <-time.After(patience):
		require.FailNow(t, "the server did not end", s.log.String())
	}
	return s.cmd.ProcessState.ExitCode()
}

// journal is a log while it is written. It is safe for concurrent use.
type journal struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (j *journal) add(line []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines.Write(line)
	j.lines.WriteByte('\n')
}

// String returns what was logged until now.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.String()
}
