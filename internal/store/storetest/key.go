package storetest

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var keyTests = []test{
	{"a key is found by its hash", func(t *testing.T, url string) {
		c := newClinic(t, url)
		want := c.key("one")
		want.ExpiresAt = new(at(begin.Add(time.Hour)))
		require.NoError(t, c.InsertKey(t.Context(), want, sha256.Sum256([]byte("one")), nil))
		c.reopen()
		got, err := c.KeyByHash(t.Context(), sha256.Sum256([]byte("one")))
		require.NoError(t, err)
		requireEqual(t, want, got)
		got, err = c.Key(t.Context(), want.ID)
		require.NoError(t, err)
		requireEqual(t, want, got)
		_, err = c.Key(t.Context(), "two")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = c.KeyByHash(t.Context(), sha256.Sum256([]byte("two")))
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"a revoked key is found still, and says so", func(t *testing.T, url string) {
		c := newClinic(t, url)
		key := c.key("one")
		require.NoError(t, c.InsertKey(t.Context(), key, sha256.Sum256([]byte("one")), nil))
		c.clock.pass(time.Hour)
		require.ErrorIs(t, c.RevokeKey(t.Context(), c.neighbour().org.ID, key.ID), store.ErrNotFound)
		require.NoError(t, c.RevokeKey(t.Context(), c.org.ID, key.ID))
		require.ErrorIs(t, c.RevokeKey(t.Context(), c.org.ID, key.ID), store.ErrNotFound)
		got, err := c.KeyByHash(t.Context(), sha256.Sum256([]byte("one")))
		require.NoError(t, err)
		key.RevokedAt = new(at(begin.Add(time.Hour)))
		requireEqual(t, key, got)
	}},
	{"keys are listed in the order in which they were made, page by page", func(t *testing.T, url string) {
		c := newClinic(t, url)
		var want []store.Key
		for _, name := range []string{"one", "two", "three"} {
			want = append(want, c.key(name))
			require.NoError(t, c.InsertKey(t.Context(), want[len(want)-1], sha256.Sum256([]byte(name)), nil))
		}
		other := c.neighbour()
		require.NoError(t, c.InsertKey(t.Context(), other.key("else"), sha256.Sum256([]byte("else")), nil))
		var got []store.Key
		for after := ""; ; after = got[len(got)-1].ID {
			page, err := c.Keys(t.Context(), c.org.ID, after, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		requireEqual(t, want, got)
	}},
	{"a key that is made keeps its answer, once", func(t *testing.T, url string) {
		c := newClinic(t, url)
		kept := &store.Kept{Once: store.Once{Key: "make"}, Answer: []byte("made")}
		require.NoError(t, c.InsertKey(t.Context(), c.key("one"), sha256.Sum256([]byte("one")), kept))
		require.ErrorIs(t, c.InsertKey(t.Context(), c.key("two"), sha256.Sum256([]byte("two")), kept), store.ErrAnswered)
		_, err := c.KeyByHash(t.Context(), sha256.Sum256([]byte("two")))
		require.ErrorIs(t, err, store.ErrNotFound)
		requireAnswer(t, c, "make", "made", [32]byte{})
	}},
}

// key returns a key that is not in the store yet.
func (c *clinic) key(name string) store.Key {
	return store.Key{ID: newID(), OrganizationID: c.org.ID, Name: name, Role: "writer", Clearance: subscription.Clearance{PHI: true}, CreatedAt: at(begin)}
}
