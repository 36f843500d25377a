package service_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// under returns a request with an idempotency key.
func under(key string) *service.Repeatable {
	return &service.Repeatable{Key: key, Answer: json.Marshal}
}

// holdKey has the test of an endpoint wait for its answer, under an idempotency key,
// until release is called, which returns the error of the test.
func (w *world) holdKey(t *testing.T, key string) (endpointID string, release func() error) {
	t.Helper()
	arrived, answer := make(chan struct{}), make(chan struct{})
	r := newReceiver(t)
	r.answer = func(message) int {
		close(arrived)
		<-answer
		return http.StatusNoContent
	}
	endpoint := w.endpoint(t, r.URL, func(e *subscription.Endpoint) {
		e.Events, e.Timeout = []string{string(caseupdate.EventCreateCase)}, time.Minute
	})
	ended := make(chan error, 1)
	go func() {
		_, err := w.TestEndpoint(context.WithoutCancel(t.Context()), w.caller, endpoint.ID, caseupdate.EventAddCaseComment, under(key))
		ended <- err
	}()
	release = sync.OnceValue(func() error {
		close(answer)
		return <-ended
	})
	t.Cleanup(func() { _ = release() })
	<-arrived
	return endpoint.ID, release
}

func TestRequestsWithOtherKeysDoNotWait(t *testing.T) {
	w := newWorld(t, t.TempDir())
	id := w.newCase(t)
	_, release := w.holdKey(t, "slow")
	for i := range 2000 {
		_, err := w.Change(t.Context(), w.caller, id, caselog.Deescalate{}, under("other-"+strconv.Itoa(i)))
		var refused *refusal.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, refusal.Conflict, refused.Kind)
	}
	require.NoError(t, release())
}

func TestARequestWaitsForTheAnswerOfTheFirstWithItsKey(t *testing.T) {
	w := newWorld(t, t.TempDir())
	endpoint, release := w.holdKey(t, "slow")

	gone, leave := context.WithCancel(t.Context())
	impatient := make(chan error, 1)
	go func() {
		_, err := w.TestEndpoint(gone, w.caller, endpoint, caseupdate.EventAddCaseComment, under("slow"))
		impatient <- err
	}()
	leave()
	require.ErrorIs(t, <-impatient, context.Canceled, "who hangs up does not wait on")

	patient := make(chan error, 1)
	go func() {
		_, err := w.TestEndpoint(t.Context(), w.caller, endpoint, caseupdate.EventAddCaseComment, under("slow"))
		patient <- err
	}()
	require.NoError(t, release())
	var repeated *service.Repeated
	require.ErrorAs(t, <-patient, &repeated)
	require.Contains(t, string(repeated.Answer), `"StatusCode":204`)
}

func TestAnIdempotencyKeyIsVisible(t *testing.T) {
	w := newWorld(t, t.TempDir())
	id := w.newCase(t)
	for name, key := range map[string]string{"empty": "", "with a space": "a b", "not ASCII": "é"} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Change(t.Context(), w.caller, id, caselog.Escalate{}, under(key))
			require.EqualError(t, err, "the request cannot be accepted: Idempotency-Key must be 1 to 255 visible ASCII characters")
		})
	}
}

func TestWhatARequestSaidCannotBeGuessedFromTheDatabase(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, dir)
	id := w.newCase(t)
	about := under("a-change")
	about.Digest = sha256.Sum256([]byte("a body that can be guessed"))
	_, err := w.Change(t.Context(), w.caller, id, caselog.Escalate{}, about)
	require.NoError(t, err)
	alone := under("a-key")
	alone.Digest = sha256.Sum256([]byte("another one"))
	_, err = w.CreateKey(t.Context(), w.caller, service.Key{Name: "reports", Role: service.Reader}, alone)
	require.NoError(t, err)

	for _, request := range []*service.Repeatable{about, alone} {
		other := *request
		other.Digest[0]++
		_, err = w.Change(t.Context(), w.caller, id, caselog.Escalate{}, &other)
		require.ErrorContains(t, err, "Idempotency-Key must not have been used for another request")
		var repeated *service.Repeated
		_, err = w.Change(t.Context(), w.caller, id, caselog.Escalate{}, request)
		require.ErrorAs(t, err, &repeated)
	}
	w.stop()
	for _, path := range files(t, dir) {
		content, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		require.False(t, bytes.Contains(content, about.Digest[:]), path)
		require.False(t, bytes.Contains(content, alone.Digest[:]), path)
	}
}
