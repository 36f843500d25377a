package main

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// soundReceiver is a receiver as docs/receiving.md has it, and remembers what it took.
type soundReceiver struct {
	verifier webhook.Verifier

	mu    sync.Mutex
	taken []received
}

// received is a webhook that a soundReceiver has taken.
type received struct {
	header http.Header
	body   []byte
}

func (s *soundReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err != nil {
		http.Error(w, "body too large or cut short", http.StatusBadRequest)
		return
	}
	if err := s.verifier.Verify(r.Header, body); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	if _, err := caseupdate.Parse(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, received{r.Header.Clone(), body})
	w.WriteHeader(http.StatusNoContent)
}

// startSound runs a sound receiver for a test, and returns where it is and where its secret is.
func startSound(t *testing.T) (s *soundReceiver, url, secretFile string) {
	t.Helper()
	text, err := webhook.NewSecret(rand.Reader)
	require.NoError(t, err)
	key, err := webhook.ParseSecret(text)
	require.NoError(t, err)
	secretFile = filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secretFile, []byte(text+"\n"), 0o600))
	s = &soundReceiver{verifier: webhook.Verifier{Secrets: []webhook.Secret{key}}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL + "/hooks", secretFile
}

func readAll(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return content
}
