package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADataDirectoryIsServedByOneServerAtATime(t *testing.T) {
	data := t.TempDir()
	first := serve(t, data)

	var stderr bytes.Buffer
	second := casehook("serve", "--listen", "127.0.0.1:0", "--data", data)
	second.Stderr = &stderr
	require.Error(t, second.Run())
	require.Equal(t, 1, second.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), "in use by another process")
	require.NotContains(t, stderr.String(), "serving")

	client{first.url, adminKey}.open(t)
}

func TestAKeyMadeOnTheCommandLineHasItsRole(t *testing.T) {
	data := t.TempDir()
	keys := map[string]string{}
	for _, role := range []string{"reader", "writer", "admin"} {
		key, err := casehook("keys", "create", "--data", data, "--name", role, "--role", role).Output()
		require.NoError(t, err)
		keys[role] = string(bytes.TrimSpace(key))
	}
	s := serve(t, data)
	for _, test := range []struct {
		name  string
		call  string
		roles map[string]int // to the status that each is answered with
	}{
		{"all read", "GET /v1/cases", map[string]int{"reader": 200, "writer": 200, "admin": 200}},
		{"a reader does not write", "PUT /v1/users/nora", map[string]int{"reader": 403, "writer": 200, "admin": 200}},
		{"only an admin sees the keys", "GET /v1/api-keys", map[string]int{"reader": 403, "writer": 403, "admin": 200}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var body object
			if test.call[:3] == "PUT" {
				body = object{"firstName": "Nora", "lastName": "Example", "email": "nora@clinic.example"}
			}
			for role, want := range test.roles {
				a, err := client{s.url, keys[role]}.do(test.call, encode(t, body))
				require.NoError(t, err)
				require.Equalf(t, want, a.status, "%s: %s", role, a.body)
			}
		})
	}
}

func TestAnEndpointIsReachedOverHTTPSOnly(t *testing.T) {
	s := serve(t, t.TempDir())
	admin := client{s.url, adminKey}
	endpoint := func(scheme string) object {
		return object{"url": scheme + "://partner.example/hooks", "clearance": object{"phi": false, "restricted": false}}
	}
	admin.call(t, "POST /v1/endpoints", endpoint("https"))

	a, err := admin.do("POST /v1/endpoints", encode(t, endpoint("http")))
	require.NoError(t, err)
	a.requireProblem(t, 422, "url")
}

func TestTheMasterKeyIsRotatedWhileTheServerServes(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data)
	admin := client{s.url, adminKey}
	before := admin.open(t).text("id")

	out, err := casehook("keys", "rotate", "--data", data, "--wait", patience.String()).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "a new master key is first in ")
	require.Contains(t, string(out), "every key in the database is wrapped by it")
	after := admin.open(t).text("id")
	admin.call(t, "GET /v1/cases/"+before, nil)
	require.Zero(t, s.terminate(t))

	// The old key is not needed any more.
	path := filepath.Join(data, "master.key")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	fresh, old, found := bytes.Cut(text, []byte("\n"))
	require.True(t, found)
	require.NotEmpty(t, old)
	require.NoError(t, os.WriteFile(path, fresh, 0o600))
	s = serve(t, data)
	for _, id := range []string{before, after} {
		client{s.url, adminKey}.call(t, "GET /v1/cases/"+id, nil)
	}
	require.Zero(t, s.terminate(t))

	// While no server runs, the command does all by itself.
	out, err = casehook("keys", "rotate", "--data", data).CombinedOutput()
	require.NoError(t, err, string(out))
	client{serve(t, data).url, adminKey}.call(t, "GET /v1/cases/"+before, nil)
}
