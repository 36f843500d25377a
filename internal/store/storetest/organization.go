package storetest

import (
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
	{"an organisation that is not there is not found", func(t *testing.T, url string) {
		c := newClinic(t, url)
		_, err := c.OrganizationNamed(t.Context(), "Nobody")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = c.Organization(t.Context(), newID())
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
}
