package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/npmtest"
)

// maxInFlight is how many attempts an endpoint of these tests takes at once.
const maxInFlight = 32

// receiver is a partner's system. It answers what it can verify by 204, the rest by
// 400.
type receiver struct {
	url        string
	trust      func(secret string) // to be called once, before anything is sent
	deliveries chan delivery       // in the order in which they came
}

// delivery is a webhook as it was received.
type delivery struct {
	header http.Header
	body   []byte
	fault  string // why it is not genuine; "" where it is
}

// next waits for the next delivery.
func (r *receiver) next(t *testing.T) delivery {
	t.Helper()
	select {
	case d := <-r.deliveries:
		return d
	case <-time.After(patience):
		require.FailNow(t, "nothing more was received")
		return delivery{}
	}
}

// newReceiver returns a receiver with room for all that a test has sent.
func newReceiver() *receiver { return &receiver{deliveries: make(chan delivery, 1<<16)} }

// startGo starts a receiver that verifies by the Standard Webhooks library for Go.
func startGo(t *testing.T) *receiver {
	t.Helper()
	r := newReceiver()
	var library atomic.Pointer[standardwebhooks.Webhook]
	r.trust = func(secret string) {
		webhook, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		library.Store(webhook)
	}
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		d := delivery{header: request.Header}
		var err error
		if d.body, err = io.ReadAll(request.Body); err != nil {
			return // the server was killed while it sent
		}
		status := http.StatusNoContent
		if err := library.Load().Verify(d.body, d.header); err != nil {
			status, d.fault = http.StatusBadRequest, err.Error()
		}
		r.deliveries <- d
		w.WriteHeader(status)
	}))
	t.Cleanup(partner.Close)
	r.url = partner.URL + "/hooks"
	return r
}

// startNode starts a receiver that is a Node process: testdata/receiver.mjs. Its
// library is the one that package webhook's tests have locked, installed beside
// theirs so that the two cannot be in each other's way.
func startNode(t *testing.T) *receiver {
	t.Helper()
	packages := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(filepath.Join("../webhook/testdata/node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(packages, name), content, 0o600))
	}
	require.NoError(t, npmtest.Install(packages))

	node := exec.Command("node", "testdata/receiver.mjs", packages)
	node.Stderr = t.Output()
	stdin, err := node.StdinPipe()
	require.NoError(t, err)
	stdout, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())

	lines := json.NewDecoder(stdout)
	var listening struct{ Port int }
	require.NoError(t, lines.Decode(&listening))
	r := newReceiver()
	r.url = fmt.Sprintf("http://127.0.0.1:%d/hooks", listening.Port)
	var reading sync.WaitGroup
	r.trust = func(secret string) {
		_, err := fmt.Fprintln(stdin, secret)
		require.NoError(t, err)
		var trusting struct{ Trusting bool }
		require.NoError(t, lines.Decode(&trusting))
		require.True(t, trusting.Trusting)
		reading.Go(func() { r.read(lines) })
	}
	t.Cleanup(func() {
		stdin.Close()
		reading.Wait()
		require.NoError(t, node.Wait())
	})
	return r
}

// read takes the deliveries that a Node process prints until it ends.
func (r *receiver) read(lines *json.Decoder) {
	for {
		var line struct {
			Headers map[string]string
			Body    []byte
			Fault   string
		}
		if lines.Decode(&line) != nil {
			return
		}
		d := delivery{header: http.Header{}, body: line.Body, fault: line.Fault}
		for name, value := range line.Headers {
			d.header.Set(name, value)
		}
		r.deliveries <- d
	}
}
