package main

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPairOfKeysIsMadeAsTheDocsSay(t *testing.T) {
	script := regexp.MustCompile("(?s)```sh\n(openssl genpkey .*?)```").FindSubmatch(readAll(t, "../../docs/tools.md"))
	require.NotNil(t, script)
	dir := t.TempDir()
	openssl := exec.Command("sh", "-ec", string(script[1]))
	openssl.Dir = dir
	said, err := openssl.CombinedOutput()
	require.NoError(t, err, string(said))
	l := startListen(t, "--secret-file", filepath.Join(dir, "public"))
	status, line := l.trigger(t, "--secret-file", filepath.Join(dir, "private"))
	require.Equal(t, 0, status)
	require.Contains(t, line, "  verified  204 in")

	var stderr bytes.Buffer
	require.Equal(t, 2, run(t.Context(), []string{"trigger", "REOPEN_CASE", "--url", l.url, "--secret-file", filepath.Join(dir, "public")}, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "a public key verifies and does not sign")
}

func TestListenTakesWhatIsSignedByASecretThatIsAnyText(t *testing.T) {
	l := startListen(t, "--cv", "--secret", "the-platform's")
	for _, test := range []struct {
		name, secret, want string
		status             int
	}{
		{"the same", "the-platform's", "  verified by x-cv-signature  204 in", 0},
		{"another", "another", "  NOT VERIFIED: a wrong secret", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, line := l.trigger(t, "--cv", "--secret", test.secret)
			require.Equal(t, test.status, status)
			require.Contains(t, line, test.want)
		})
	}
}
