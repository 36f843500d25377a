package dashboard_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
)

func TestWhatIsCalledThroughThePagesIsOnRecord(t *testing.T) {
	s := newServer(t)
	key := s.key(t, service.Reader, service.FullClearance)
	b := s.signedIn(t, key.Secret)
	b.get(t, "/cases")
	b.get(t, "/cases/0190a6e1-0000-7000-8000-000000000000")
	b.post(t, "/cases/reveal", nil)
	require.Equal(t, http.StatusSeeOther, b.post(t, "/logout", nil).status)
	require.NoError(t, s.service.RevokeKey(t.Context(), s.admin, key.ID))
	s.browser(t).post(t, "/login", url.Values{"key": {key.Secret}})

	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{KeyID: key.ID}, service.Page{})
	require.NoError(t, err)
	type call struct {
		method, operation string
		status            int
	}
	var calls []call
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		require.Equal(t, "reader", e.Role)
		require.Equal(t, "127.0.0.1", e.Details.From)
		calls = append(calls, call{e.Method, e.Operation, e.Status})
	}
	require.Equal(t, []call{
		{"POST", "signIn", 303}, {"GET", "listCases", 200}, {"GET", "getCase", 404}, {"POST", "revealCases", 200}, {"POST", "signOut", 303}, {"POST", "signIn", 401},
	}, calls)
}

func TestWhatCannotBeRecordedIsNotShown(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "telling")
	b := s.signedIn(t, adminKey)
	s.door.RefuseEntries()
	got := b.post(t, "/cases/"+c.ID+"/reveal", nil)
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Contains(t, got.body, "cannot be recorded")
	require.NotContains(t, got.body, "telling")
	require.NotContains(t, got.body, c.ShortID)
}
