package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

var sessionTests = []test{
	{"a session is found until it expires, after a restart too", func(t *testing.T, url string) {
		c := newClinic(t, url)
		require.NoError(t, c.InsertSession(t.Context(), "hash", []byte("one"), c.clock.Now().Add(time.Hour)))
		c.reopen()
		got, err := c.Session(t.Context(), "hash")
		require.NoError(t, err)
		require.Equal(t, []byte("one"), got)
		_, err = c.Session(t.Context(), "other")
		require.ErrorIs(t, err, store.ErrNotFound)
		c.clock.pass(time.Hour)
		_, err = c.Session(t.Context(), "hash")
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"what is kept of a session can change, and when it expires", func(t *testing.T, url string) {
		c := newClinic(t, url)
		begun := c.clock.Now()
		require.NoError(t, c.InsertSession(t.Context(), "hash", []byte("one"), begun.Add(time.Hour)))
		require.NoError(t, c.UpdateSession(t.Context(), "hash", []byte("two"), begun.Add(3*time.Hour)))
		c.clock.pass(2 * time.Hour)
		got, err := c.Session(t.Context(), "hash")
		require.NoError(t, err)
		require.Equal(t, []byte("two"), got)
	}},
	{"a session that was ended stays so, whoever still works in it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		require.NoError(t, c.InsertSession(t.Context(), "hash", []byte("one"), c.clock.Now().Add(time.Hour)))
		require.NoError(t, c.DeleteSession(t.Context(), "hash"))
		require.NoError(t, c.DeleteSession(t.Context(), "hash"))
		require.ErrorIs(t, c.UpdateSession(t.Context(), "hash", []byte("two"), c.clock.Now().Add(time.Hour)), store.ErrNotFound)
		_, err := c.Session(t.Context(), "hash")
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"a session that has expired is removed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		require.NoError(t, c.InsertSession(t.Context(), "old", []byte("one"), c.clock.Now().Add(time.Hour)))
		require.NoError(t, c.InsertSession(t.Context(), "young", []byte("two"), c.clock.Now().Add(3*time.Hour)))
		c.clock.pass(2 * time.Hour)
		c.prune(store.Retention{Deliveries: time.Hour, Failed: time.Hour, Answers: time.Hour})
		require.Equal(t, 1, rows(t, url, `SELECT COUNT(*) FROM sessions`))
		_, err := c.Session(t.Context(), "young")
		require.NoError(t, err)
	}},
}
