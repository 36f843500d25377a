package storetest

import (
	"crypto/sha256"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

var organizationTests = []test{
	{"an organisation is made once, and found by its name and its id", func(t *testing.T, url string) {
		c := newClinic(t, url)
		made, err := c.EnsureOrganization(t.Context(), "Acme", "ACM")
		require.NoError(t, err)
		require.Equal(t, store.Organization{ID: made.ID, Name: "Acme", ShortIDPrefix: "ACM", CreatedAt: at(begin)}, made)
		for range 2 {
			again, err := c.EnsureOrganization(t.Context(), "Acme", "XYZ")
			require.NoError(t, err)
			require.Equal(t, made, again)
			named, err := c.OrganizationNamed(t.Context(), "Acme")
			require.NoError(t, err)
			require.Equal(t, made, named)
			found, err := c.Organization(t.Context(), made.ID)
			require.NoError(t, err)
			require.Equal(t, made, found)
			c.reopen()
		}
	}},
	{"whoever makes one organisation at the same time gets the same", func(t *testing.T, url string) {
		c := newClinic(t, url)
		made := make([]store.Organization, 16)
		var group sync.WaitGroup
		for i := range made {
			group.Go(func() {
				var err error
				if made[i], err = c.EnsureOrganization(t.Context(), "Acme", "ACM"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, org := range made {
			require.Equal(t, made[0], org)
		}
	}},
	{"an organisation is made with its first key and the kept answer, or nothing of them is", func(t *testing.T, url string) {
		c := newClinic(t, url)
		keeper, err := c.EnsureOrganization(t.Context(), "Keeper", "KEE")
		require.NoError(t, err)
		insert := func(name, key, once string) (store.Organization, error) {
			org := store.Organization{ID: newID(), Name: name, ShortIDPrefix: "ACM", CreatedAt: at(begin)}
			first := store.Key{ID: newID(), OrganizationID: org.ID, Name: "first", Role: "admin", CreatedAt: at(begin)}
			kept := &store.Kept{Once: store.Once{Key: once}, Answer: []byte("made " + name)}
			return org, c.InsertOrganization(t.Context(), org, first, sha256.Sum256([]byte(key)), keeper.ID, kept)
		}
		made, err := insert("Acme", "one", "once")
		require.NoError(t, err)
		first, err := c.KeyByHash(t.Context(), sha256.Sum256([]byte("one")))
		require.NoError(t, err)
		require.Equal(t, made.ID, first.OrganizationID)
		answer, _, err := c.Answer(t.Context(), keeper.ID, "once")
		require.NoError(t, err)
		require.Equal(t, "made Acme", string(answer))

		_, err = insert("Acme", "two", "twice")
		require.ErrorIs(t, err, store.ErrNameTaken)
		_, err = insert("Other", "three", "once")
		require.ErrorIs(t, err, store.ErrAnswered)
		for _, key := range []string{"two", "three"} {
			_, err = c.KeyByHash(t.Context(), sha256.Sum256([]byte(key)))
			require.ErrorIs(t, err, store.ErrNotFound)
		}
		_, _, err = c.Answer(t.Context(), keeper.ID, "twice")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = c.OrganizationNamed(t.Context(), "Other")
		require.ErrorIs(t, err, store.ErrNotFound)

		all, err := c.Organizations(t.Context(), "", 100)
		require.NoError(t, err)
		require.Equal(t, made, all[len(all)-1])
		rest, err := c.Organizations(t.Context(), made.ID, 100)
		require.NoError(t, err)
		require.Empty(t, rest)
	}},
	{"an organisation that is not there is not found", func(t *testing.T, url string) {
		c := newClinic(t, url)
		_, err := c.OrganizationNamed(t.Context(), "Nobody")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = c.Organization(t.Context(), newID())
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
}
