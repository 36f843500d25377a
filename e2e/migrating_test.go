package e2e_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The commands of docs/migrating.md, as they stand there, for a receiver that knows x-cv-signature and
// nothing else.
func TestTheStepsOfMigratingLeadFromTheOldSecretToTheNew(t *testing.T) {
	needs(t, "curl", "curl")
	needs(t, "openssl", "openssl")
	s := serve(t, t.TempDir(), "--dev")
	admin := client{s.url, adminKey}
	dir := t.TempDir()
	old := startOld(t, dir, "trial", "secret")
	shadow := freeAddress(t)
	endpoint := ""
	do := func(step string) string {
		t.Helper()
		step = strings.NewReplacer("127.0.0.1:9000", shadow, "2026-11-23", "2020-01-01").Replace(step)
		return runShell(t, dir, step, "CASEHOOK="+s.url, "KEY="+adminKey, "RECEIVER="+old.url, "ENDPOINT="+endpoint)
	}
	steps := blocks(t, "migrating.md", "## Step by step", "sh")[1:] // after the environment
	require.Len(t, steps, 9)

	require.Contains(t, do(steps[0]), "12 passed, 0 failed, 2 skipped")
	for len(old.came) > 0 {
		<-old.came
	}

	var made struct{ ID, Secret string }
	require.NoError(t, json.Unmarshal([]byte(do(steps[1])), &made))
	endpoint = made.ID
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(made.Secret), 0o600))
	listener := casehook("listen", "--listen", shadow, "--secret-file", "secret", "--record", "shadow")
	listener.Dir = dir
	run(t, listener, shadow)
	require.Contains(t, do(steps[2]), `"statusCode":204`)

	require.Contains(t, do(steps[3]), "shadow/000001.json: verified")
	require.Contains(t, do(steps[4]), "ADD_CASE_DECISION")
	require.Equal(t, "trial", old.next(t).secret)

	do(steps[5])
	first := admin.open(t).text("id")
	require.Equal(t, "secret", old.next(t).secret)
	require.Contains(t, do(steps[6]), "Done: 1 sent.")
	again := old.next(t)
	require.Equal(t, first, again.header.Get("casehook-case-id"))

	do(steps[7])
	second := admin.open(t).text("id")
	do(steps[8])
	require.Equal(t, second, old.next(t).header.Get("casehook-case-id"))

	do(blocks(t, "migrating.md", "## Afterwards", "sh")[0])
	admin.open(t)
	require.Empty(t, old.next(t).header.Get("x-cv-signature"))
}

// oldReceiver verifies x-cv-signature by the secrets in the files of a directory, and knows nothing else.
type oldReceiver struct {
	url string
	// came is what came, in order.
	came chan oldDelivery
}

type oldDelivery struct {
	header http.Header
	secret string // the file of the secret by which it is genuine; "" where it is not
}

func startOld(t *testing.T, dir string, files ...string) *oldReceiver {
	t.Helper()
	r := &oldReceiver{came: make(chan oldDelivery, 1<<10)}
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		d := oldDelivery{header: request.Header}
		for _, file := range files {
			secret, err := os.ReadFile(filepath.Join(dir, file))
			mac := hmac.New(sha256.New, bytes.TrimSpace(secret))
			mac.Write(body)
			if err == nil && request.Header.Get("x-cv-signature") == hex.EncodeToString(mac.Sum(nil)) {
				d.secret = file
			}
		}
		r.came <- d
		if d.secret == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(partner.Close)
	r.url = partner.URL + "/hooks"
	return r
}

// next waits for the next delivery.
func (r *oldReceiver) next(t *testing.T) oldDelivery {
	t.Helper()
	select {
	case d := <-r.came:
		return d
	case <-time.After(patience):
		require.FailNow(t, "nothing more was received")
		return oldDelivery{}
	}
}
