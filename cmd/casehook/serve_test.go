package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// adminKey is long enough, and found wherever it should not be.
const adminKey = "canary-canary-canary-canary"

func TestServe(t *testing.T) {
	t.Setenv("CASEHOOK_ADMIN_KEY", adminKey)
	data := t.TempDir()
	s := startServe(t, data)
	require.Equal(t, "set", s.started["settings"].(map[string]any)["admin-key"])

	require.Equal(t, http.StatusOK, s.get(t, "/healthz", ""))
	require.Equal(t, http.StatusOK, s.get(t, "/metrics", ""))
	require.Equal(t, http.StatusOK, s.get(t, "/v1/cases", adminKey), "the key of the environment is an admin's")
	require.Equal(t, http.StatusUnauthorized, s.get(t, "/v1/cases", adminKey+"x"))

	const inUse = "casehook: the database is in use by another process: a directory with SQLite serves one at a time"
	for _, test := range []struct {
		command []string
		want    string
	}{
		{[]string{"keys", "list"}, inUse + "; a running server makes and lists keys at /v1/api-keys\n"},
		{[]string{"keys", "create", "--name", "late"}, inUse + "; a running server makes and lists keys at /v1/api-keys\n"},
		{[]string{"serve", "--listen", "127.0.0.1:0"}, inUse + "\n"},
		{[]string{"migrate"}, inUse + "\n"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 1, run(t.Context(), append(test.command, "--data", data), &stdout, &stderr), test.command)
		require.Equal(t, test.want, stderr.String(), test.command)
	}

	log := s.stop(t)
	require.Contains(t, log, `"msg":"stopping"`)
	require.NotContains(t, log, adminKey)
	require.NotContains(t, log, "casehook keys create")
}

func TestServeWithoutAKeySaysHowToMakeOne(t *testing.T) {
	data := t.TempDir()
	require.Contains(t, startServe(t, data).stop(t), "casehook keys create")

	var key, stderr bytes.Buffer
	status := run(t.Context(), []string{"keys", "create", "--data", data, "--name", "first", "--role", "admin"}, &key, &stderr)
	require.Equal(t, 0, status, stderr.String())

	s := startServe(t, data)
	require.Equal(t, http.StatusOK, s.get(t, "/v1/cases", string(bytes.TrimSpace(key.Bytes()))))
	require.NotContains(t, s.stop(t), "casehook keys create")
}

// serving is casehook serve while it runs.
type serving struct {
	started map[string]any // the first line of its log
	cancel  context.CancelFunc
	log     chan string // all of it, when it has ended
	status  chan int
}

// startServe runs casehook serve on a free port until it is stopped.
func startServe(t *testing.T, data string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &serving{cancel: cancel, log: make(chan string, 1), status: make(chan int, 1)}
	t.Cleanup(cancel)
	log, stderr := io.Pipe()
	go func() {
		s.status <- run(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--log-format", "json"}, io.Discard, stderr)
		stderr.Close()
	}()
	lines := bufio.NewReader(log)
	first, err := lines.ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(first, &s.started), string(first))
	require.Equal(t, "serving", s.started["msg"], string(first))
	go func() {
		rest, _ := io.ReadAll(lines) // a pipe that is closed is its end
		s.log <- string(first) + string(rest)
	}()
	return s
}

// get returns the status of the answer to a request by the holder of the key.
func (s *serving) get(t *testing.T, path, key string) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.started["address"].(string)+path, nil)
	require.NoError(t, err)
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	return response.StatusCode
}

// stop ends the server in good order and returns its log.
func (s *serving) stop(t *testing.T) string {
	t.Helper()
	s.cancel()
	require.Equal(t, 0, <-s.status)
	return <-s.log
}
