package main

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/webhook"
)

func TestReceiver(t *testing.T) {
	r, err := newReceiver()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	secret, another := newSecret(t), newSecret(t)

	require.Equal(t, http.StatusNoContent, post(t, r, secret, "case-1", 1))
	early := <-r.receipts
	require.False(t, early.verified(), "without a secret nothing is genuine")
	require.NoError(t, r.expect(secret))

	for _, test := range []struct {
		name                    string
		secret, caseID          string
		sequence                int
		genuine, ordered, again bool
	}{
		{"the first of a case is in order", secret, "case-1", 1, true, true, false},
		{"so is the next", secret, "case-1", 2, true, true, false},
		{"what was there before comes again", secret, "case-1", 1, true, false, true},
		{"each case counts for itself", secret, "case-2", 1, true, true, false},
		{"a hole is out of order", secret, "case-1", 4, true, false, false},
		{"what follows a hole is in order", secret, "case-1", 5, true, true, false},
		{"what is late is taken for one of those", secret, "case-1", 3, true, false, true},
		{"what another signed is not genuine", another, "case-2", 2, false, true, false},
		{"and does not count", secret, "case-2", 2, true, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, http.StatusNoContent, post(t, r, test.secret, test.caseID, test.sequence))
			got := <-r.receipts
			require.Equal(t, test.genuine, got.standard, "Standard Webhooks")
			require.Equal(t, test.genuine, got.cv, "x-cv-signature")
			require.Equal(t, test.ordered, got.ordered(), "in order")
			require.Equal(t, test.again, got.again(), "again")
			require.EqualValues(t, test.sequence, got.sequence)
		})
	}
}

func TestReceiverRefusesWhatItCannotRead(t *testing.T) {
	r, err := newReceiver()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	response, err := http.Post(r.URL, "application/json", strings.NewReader("not JSON"))
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	require.Empty(t, r.receipts)
}

func TestReceiverWantsASecretItCanRead(t *testing.T) {
	r, err := newReceiver()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	require.ErrorIs(t, r.expect("not a secret"), webhook.ErrBadSecret)
}

// post sends a webhook as casehook does and returns the status of the answer.
func post(t *testing.T, r *receiver, secret, caseID string, sequence int) int {
	t.Helper()
	body := []byte(`{"event":"ESCALATE_CASE","payload":{"case":{},"activity":{}}}`)
	parsed, err := webhook.ParseSecret(secret)
	require.NoError(t, err)
	signer, err := webhook.NewSigner([]webhook.Secret{parsed}, "event-1", time.Now())
	require.NoError(t, err)
	_, err = signer.Write(body)
	require.NoError(t, err)
	request, err := http.NewRequest(http.MethodPost, r.URL, bytes.NewReader(body))
	require.NoError(t, err)
	signer.SetHeader(request.Header)
	request.Header.Set(webhook.HeaderCV, webhook.SignCV(secret, body))
	request.Header.Set(webhook.HeaderCaseID, caseID)
	request.Header.Set(webhook.HeaderSequence, strconv.Itoa(sequence))
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	return response.StatusCode
}

func newSecret(t *testing.T) string {
	t.Helper()
	secret, err := webhook.NewSecret(rand.Reader)
	require.NoError(t, err)
	return secret
}
