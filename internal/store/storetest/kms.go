package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/kmstest"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

var kmsTests = []test{
	{"keys are moved into a KMS and out of it", func(t *testing.T, url string) {
		c, kms := newClinic(t, url), kmstest.Start(t)
		uri, fresh := kms.NewKey(), vault.NewMasterKey()
		var ids []string
		for range 20 {
			ids = append(ids, c.create(nil))
		}
		for _, next := range []string{uri, fresh} {
			c.changeMaster(t, next)
			rewrapAll(t, c)
			c.onlyMaster(t, next)
			for _, id := range ids {
				requireLog(t, c, id, 1)
			}
		}
		asked := len(kms.Calls())
		c.reopen()
		c.comments(1, ids[0], nil)
		require.Len(t, kms.Calls(), asked, "it is not needed any more")
	}},
	{"while a KMS is gone, what this process has used goes on", func(t *testing.T, url string) {
		kms := kmstest.Start(t)
		c := newClinic(t, url)
		used, unused := c.create(nil), c.create(nil)
		c.changeMaster(t, kms.NewKey())
		rewrapAll(t, c)
		c.reopen()
		c.comments(1, used, nil)
		kms.Down(true)

		c.endpoint() // with which the organisation is read again
		c.comments(1, used, nil)
		requireLog(t, c, used, 3)
		_, _, err := c.Case(t.Context(), c.org.ID, unused, 0)
		require.ErrorContains(t, err, "open the key of case "+unused+": ")
		require.NotErrorIs(t, err, vault.ErrTampered)
		require.NotErrorIs(t, err, store.ErrNotFound)
		_, err = c.NewCaseKey("another")
		require.ErrorContains(t, err, "to seal: ")

		kms.Down(false)
		requireLog(t, c, unused, 1)
		c.create(nil)
	}},
	{"a rotation that a KMS holds up has lost nothing, and goes on when that is back", func(t *testing.T, url string) {
		kms := kmstest.Start(t)
		c := newClinic(t, url)
		for range 40 {
			c.create(nil)
		}
		uri := kms.NewKey()
		c.changeMaster(t, uri)
		kms.Deny(uri, true)
		r := c.NewRewrapper()
		_, err := r.Rewrap(t.Context())
		require.ErrorContains(t, err, "AccessDeniedException")
		require.False(t, r.Done())
		require.Equal(t, 41, c.stale(t, c.keyring))

		kms.Deny(uri, false)
		for more := true; more || !r.Done(); {
			more, err = r.Rewrap(t.Context())
			require.NoError(t, err)
		}
		require.Zero(t, c.stale(t, c.keyring))
	}},
}

// rewrapAll wraps all keys by the first master key.
func rewrapAll(t *testing.T, c *clinic) {
	t.Helper()
	r := c.NewRewrapper()
	for more := true; more; {
		var err error
		more, err = r.Rewrap(t.Context())
		require.NoError(t, err)
	}
	require.True(t, r.Done())
	require.Zero(t, c.stale(t, c.keyring))
}

// onlyMaster takes all master keys from the clinic but one, and begins the next process.
func (c *clinic) onlyMaster(t *testing.T, key string) {
	t.Helper()
	ring, err := vault.ParseKeyring(key)
	require.NoError(t, err)
	c.master, c.keyring = key, ring
	c.reopen()
}
