package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// trial is the secret of the endpoint of which the docs' receivers are told.
var trial = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret that is there to be tried"))

// The code of docs/receiving.md, as it stands there: who copies it has a receiver with which
// nothing is wrong.
func TestTheReceiversOfTheDocsPassTheDoctor(t *testing.T) {
	typeScriptReceiver := typeScript(t)
	for _, test := range []struct {
		name, heading, language string
		command                 func(t *testing.T, dir, code string) *exec.Cmd
	}{
		{"Go, with the whole receiver", "## Five minutes", "go", goReceiver},
		{"Go, with a handler of one's own", "## 1. Verify", "go", goReceiver},
		{"TypeScript, with the whole receiver", "## In TypeScript", "ts", typeScriptReceiver},
		{"TypeScript, with a handler of one's own", "## 1. Verify", "ts", typeScriptReceiver},
		{"Python", "## In Python", "python", pythonReceiver},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := freeAddress(t)
			_, port, _ := net.SplitHostPort(address)
			code := strings.ReplaceAll(blocks(t, "receiving.md", test.heading, test.language)[0], "3000", port)
			run(t, test.command(t, t.TempDir(), code), address)

			secret := filepath.Join(t.TempDir(), "secret")
			require.NoError(t, os.WriteFile(secret, []byte(trial), 0o600))
			out, err := casehook("doctor", "--json", "--url", "http://"+address+"/hooks", "--secret-file", secret).Output()
			require.NoError(t, err, string(out))
			var report struct {
				Passed bool
				Checks []struct{ Name, Outcome string }
			}
			require.NoError(t, json.Unmarshal(out, &report))
			require.True(t, report.Passed)
			require.Len(t, report.Checks, 14)
			for _, check := range report.Checks {
				require.Equal(t, "passed", check.Outcome, check.Name)
			}

			// So that casehook sends links in place of the documents.
			large, err := http.Post("http://"+address+"/hooks", "application/json", bytes.NewReader(make([]byte, 64<<20+1)))
			require.NoError(t, err)
			defer large.Body.Close()
			require.Equal(t, http.StatusRequestEntityTooLarge, large.StatusCode)
		})
	}
}

func TestThePythonReceiverOfTheDocsTakesAnEventOnceOverRestartsAndWithEitherSecret(t *testing.T) {
	dir := t.TempDir()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	code := strings.ReplaceAll(blocks(t, "receiving.md", "## In Python", "python")[0], "3000", port)
	old := "whsec_" + base64.StdEncoding.EncodeToString([]byte("the secret that is replaced by it"))
	id := "01a21880-0000-7000-8000-000000000001"

	var printed strings.Builder
	for _, secret := range []string{old, trial} {
		cmd := pythonReceiver(t, dir, code)
		cmd.Env = append(environment(), "CASEHOOK_SECRET="+old+" "+trial)
		cmd.Stdout = &printed
		stop := run(t, cmd, address)
		out, err := casehook("trigger", "ADD_CASE_DECISION", "--url", "http://"+address+"/hooks",
			"--duplicate", "--secret", secret, "--set", "payload.activity.id="+id).CombinedOutput()
		require.NoError(t, err, string(out))
		stop()
	}
	require.Equal(t, "TST-00000 approved: True\n", printed.String())
}

func TestThePythonReceiverOfTheDocsDoesNotBeginWithoutAWholeSecret(t *testing.T) {
	code := strings.ReplaceAll(blocks(t, "receiving.md", "## In Python", "python")[0], "3000", "0")
	ofBytes := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, environ := range [][]string{
		nil,
		{"CASEHOOK_SECRET="},
		{"CASEHOOK_SECRET=whsec_"},
		{"CASEHOOK_SECRET=" + trial + " whsec_"},
		{"CASEHOOK_SECRET=whsec_" + ofBytes(23)},
		{"CASEHOOK_SECRET=whsec_" + ofBytes(65)},
		{"CASEHOOK_SECRET=" + trial[:20] + "!" + trial[20:]},
		{"CASEHOOK_SECRET=" + strings.TrimPrefix(trial, "whsec_")},
		{"CASEHOOK_SECRET=whpk_" + ofBytes(32)},
	} {
		cmd := pythonReceiver(t, t.TempDir(), code)
		cmd.Env = append(environment(), environ...)
		var said strings.Builder
		cmd.Stderr = &said
		require.NoError(t, cmd.Start())
		served := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		require.Error(t, cmd.Wait())
		require.True(t, served.Stop(), "it serves")
		require.Equal(t, "CASEHOOK_SECRET is no secret, whsec_...\n", said.String())
	}
}

func TestTheRecipesOfTheDocsVerifyAndSignByHand(t *testing.T) {
	needs(t, "openssl", "openssl")
	needs(t, "curl", "curl")
	dir := t.TempDir()
	address := freeAddress(t)
	listener := casehook("listen", "--listen", address, "--record", dir)
	listener.Env = append(listener.Env, "CASEHOOK_SECRET="+trial)
	run(t, listener, address)
	url := "http://" + address

	trigger := casehook("trigger", "ADD_CASE_COMMENT", "--url", url)
	trigger.Env = append(trigger.Env, "CASEHOOK_SECRET="+trial)
	out, err := trigger.CombinedOutput()
	require.NoError(t, err, string(out))

	shell := func(recipe string) string {
		return runShell(t, dir, strings.ReplaceAll(recipe, "http://127.0.0.1:3000", url), "CASEHOOK_SECRET="+trial)
	}
	recipes := blocks(t, "receiving.md", "### By hand", "sh")
	require.Len(t, recipes, 3)
	standard := strings.Fields(shell(recipes[0]))
	require.Equal(t, []string{standard[0], "v1," + standard[0]}, standard)
	cv := strings.Fields(shell(recipes[1]))
	require.Equal(t, []string{cv[0], cv[0]}, cv)
	require.Contains(t, shell(recipes[2]), "204 No Content")
}

// goReceiver builds a main package as a module of its own, by a checkout, as the docs say.
func goReceiver(t *testing.T, dir, code string) *exec.Cmd {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(code), 0o600))
	checkout, err := filepath.Abs("..")
	require.NoError(t, err)
	replace := strings.Fields(strings.ReplaceAll(blocks(t, "receiving.md", "## Five minutes", "sh")[1], "/path/to/casehook", checkout))
	for _, arguments := range [][]string{{"go", "mod", "init", "receiver"}, replace, {"go", "build", "-o", "receiver"}} {
		cmd := exec.Command(arguments[0], arguments[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOPROXY=off")
		out, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%v: %s", arguments, out)
	}
	return exec.Command(filepath.Join(dir, "receiver"))
}

// typeScript returns what compiles a module, with all checks, beside the package for TypeScript, which is installed by
// a checkout, as the docs say. The checkout is a copy, so that this and the package's own tests cannot be in each
// other's way.
func typeScript(t *testing.T) func(t *testing.T, dir, code string) *exec.Cmd {
	checkout, project := t.TempDir(), t.TempDir()
	do := func(t *testing.T, name string, arguments ...string) {
		t.Helper()
		cmd := exec.Command(name, arguments...)
		cmd.Dir = project
		cmd.Env = append(os.Environ(), "npm_config_prefer_offline=true")
		out, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%s %v: %s", name, arguments, out)
	}
	var installed sync.Once
	install := func() {
		needs(t, "node", "nodejs")
		needs(t, "npm", "npm")
		files, err := exec.Command("git", "ls-files", "../sdk/typescript").Output()
		require.NoError(t, err)
		for _, file := range strings.Fields(string(files)) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			to := filepath.Join(checkout, strings.TrimPrefix(file, "../"))
			require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
			require.NoError(t, os.WriteFile(to, content, 0o600))
		}
		do(t, "npm", "init", "-y")
		do(t, "sh", "-c", strings.ReplaceAll(blocks(t, "receiving.md", "## In TypeScript", "sh")[1], "/path/to/casehook", checkout))
		types := filepath.Join(checkout, "sdk/typescript/node_modules/@types")
		require.NoError(t, os.Symlink(types, filepath.Join(project, "node_modules/@types")))
	}
	return func(t *testing.T, _, code string) *exec.Cmd {
		t.Helper()
		installed.Do(install)
		require.NoError(t, os.WriteFile(filepath.Join(project, "receiver.mts"), []byte(code), 0o600))
		compile := strings.Split(blocks(t, "receiving.md", "## In TypeScript", "sh")[2], "\n")[1]
		do(t, "sh", "-c", strings.ReplaceAll(compile, "npx tsc", filepath.Join(checkout, "sdk/typescript/node_modules/.bin/tsc")))
		cmd := exec.Command("node", "receiver.mjs")
		cmd.Dir = project
		return cmd
	}
}

func pythonReceiver(t *testing.T, dir, code string) *exec.Cmd {
	t.Helper()
	needs(t, "python3", "python3")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "receiver.py"), []byte(code), 0o600))
	cmd := exec.Command("python3", "receiver.py")
	cmd.Dir = dir
	return cmd
}

// run starts a receiver, which trusts the trial secret where its environment says nothing else, and
// waits until it listens. It ends with t, or when stop is called.
func run(t *testing.T, cmd *exec.Cmd, address string) (stop func()) {
	t.Helper()
	if cmd.Env == nil {
		cmd.Env = append(environment(), "CASEHOOK_SECRET="+trial)
	}
	cmd.Stderr = t.Output()
	require.NoError(t, cmd.Start())
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		}
	}
	t.Cleanup(stop)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, patience, 10*time.Millisecond)
	return stop
}
