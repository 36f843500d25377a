package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/webhook"
)

func TestASecretIsRotatedWithAnOverlapThatCanBeEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		old := endpoint.Secrets[0].Value
		n := 0
		// verified sends a message, and returns how many signatures it has and by which of
		// the secrets it can be verified.
		verified := func(secrets ...string) (signatures int, by []bool) {
			t.Helper()
			w.newCase(t)
			n++
			m := r.wait(t, n)[n-1]
			for _, text := range secrets {
				secret, err := webhook.ParseSecret(text)
				require.NoError(t, err)
				err = (&webhook.Verifier{Secrets: []webhook.Secret{secret}}).Verify(m.header, m.body)
				by = append(by, err == nil)
			}
			return len(strings.Fields(m.header.Get(webhook.HeaderSignature))), by
		}

		rotated, err := w.RotateSecret(t.Context(), w.caller, endpoint.ID, service.Symmetric, time.Hour, nil)
		require.NoError(t, err)
		fresh := rotated.Secrets[0].Value
		require.NotEqual(t, old, fresh)
		signatures, by := verified(old, fresh)
		require.Equal(t, 2, signatures)
		require.Equal(t, []bool{true, true}, by, "both sign during the overlap")

		rotated, err = w.RotateSecret(t.Context(), w.caller, endpoint.ID, service.Ed25519, time.Hour, nil)
		require.NoError(t, err)
		public := rotated.Secrets[0].PublicKey
		require.True(t, strings.HasPrefix(public, "whpk_"))
		signatures, by = verified(old, fresh, public)
		require.Equal(t, 3, signatures)
		require.Equal(t, []bool{true, true, true}, by)

		_, err = w.EndOverlap(t.Context(), w.caller, endpoint.ID, nil)
		require.NoError(t, err)
		signatures, by = verified(old, fresh, public)
		require.Equal(t, 2, signatures)
		require.Equal(t, []bool{false, true, true}, by, "the old one has ended early")
	})
}
