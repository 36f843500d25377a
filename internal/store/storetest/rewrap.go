package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

var rewrapTests = []test{
	{"after the master key was changed all keys are wrapped by the new one, and the old one is not needed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		var ids []string
		for range 450 { // some transactions
			ids = append(ids, c.create(nil))
		}
		erased := ids[3]
		require.NoError(t, c.erase(c.org.ID, erased))
		stranger, err := vault.ParseKeyring(vault.NewMasterKey())
		require.NoError(t, err)
		require.Equal(t, 450, c.stale(t, stranger), "449 cases and the organisation")
		fresh := vault.NewMasterKey()
		c.changeMaster(t, fresh)

		r := c.NewRewrapper()
		require.False(t, r.Done())
		more, err := r.Rewrap(t.Context())
		require.NoError(t, err)
		require.True(t, more)
		require.Equal(t, 450-1-200, c.stale(t, c.keyring))
		c.reopen() // a process that ends in the middle loses nothing
		for _, id := range ids {
			if id != erased {
				requireLog(t, c, id, 1)
			}
		}

		r = c.NewRewrapper()
		for more = true; more; {
			more, err = r.Rewrap(t.Context())
			require.NoError(t, err)
		}
		require.True(t, r.Done())
		require.Zero(t, c.stale(t, c.keyring))
		c.keyring, err = vault.ParseKeyring(fresh)
		require.NoError(t, err)
		c.reopen()
		for _, id := range ids {
			if id == erased {
				_, _, err := c.Case(t.Context(), c.org.ID, id, 0)
				require.ErrorIs(t, err, store.ErrNotFound, "what was erased is not brought back")
				continue
			}
			requireLog(t, c, id, 1)
		}
	}},
	{"what a process wraps by the former master key just when it is changed is found later", func(t *testing.T, url string) {
		c := newClinic(t, url)
		former := c.keyring
		late := c.create(nil)
		c.changeMaster(t, vault.NewMasterKey())
		r := c.NewRewrapper()
		for more := true; more; {
			var err error
			more, err = r.Rewrap(t.Context())
			require.NoError(t, err)
		}
		require.True(t, r.Done())
		var wrapped []byte
		db := database(t, url)
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT wrapped_key FROM cases WHERE id = $1`, late).Scan(&wrapped))
		owner := []byte("casehook data key of case " + late)
		bound, err := c.keyring.Decrypt(wrapped, owner)
		require.NoError(t, err)
		wrapped, err = former.Encrypt(bound, owner)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), `UPDATE cases SET wrapped_key = $2 WHERE id = $1`, late, wrapped)
		require.NoError(t, err)

		c.clock.pass(2 * time.Hour)
		require.False(t, r.Done())
		_, err = r.Rewrap(t.Context())
		require.NoError(t, err)
		require.Zero(t, c.stale(t, c.keyring))
	}},
	{"a case whose key was made before the master key was changed is kept with the new one", func(t *testing.T, url string) {
		c := newClinic(t, url)
		cmd := c.creation()
		key, err := c.NewCaseKey(cmd.ID)
		require.NoError(t, err)
		c.changeMaster(t, vault.NewMasterKey())
		p := c.proposal(cmd.ID, nil, cmd)
		p.NewKey = key
		_, err = c.Change(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, 1, c.stale(t, c.keyring), "the organisation's")
		c.reopen()
		requireLog(t, c, cmd.ID, 1)
	}},
	{"a key that cannot be opened is told of, and does not keep the others", func(t *testing.T, url string) {
		c := newClinic(t, url)
		broken, whole := c.create(nil), c.create(nil)
		_, err := database(t, url).ExecContext(t.Context(), `UPDATE cases SET wrapped_key = $2 WHERE id = $1`, broken, []byte("broken"))
		require.NoError(t, err)
		c.changeMaster(t, vault.NewMasterKey())
		r := c.NewRewrapper()
		_, err = r.Rewrap(t.Context())
		require.ErrorIs(t, err, vault.ErrTampered)
		require.False(t, r.Done())
		require.Equal(t, 1, c.stale(t, c.keyring))
		requireLog(t, c, whole, 1)
	}},
}

// changeMaster puts a new master key before the clinic's, and begins the next process.
func (c *clinic) changeMaster(t *testing.T, fresh string) {
	t.Helper()
	ring, err := vault.ParseKeyring(fresh + "," + c.master)
	require.NoError(t, err)
	c.master, c.keyring = fresh+","+c.master, ring
	c.reopen()
}

// stale returns how many keys are not wrapped by the first of a ring.
func (c *clinic) stale(t *testing.T, ring *vault.Keyring) int {
	t.Helper()
	n, err := store.CountStale(t.Context(), c.url, ring.Sealer())
	require.NoError(t, err)
	return n
}
