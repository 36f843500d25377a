package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

var migrationTests = []test{
	{"an empty database is brought up to date, and one that is stays as it is", func(t *testing.T, url string) {
		from, to, err := store.Migrate(t.Context(), url)
		require.NoError(t, err)
		require.Zero(t, from)
		require.Positive(t, to)

		again, still, err := store.Migrate(t.Context(), url)
		require.NoError(t, err)
		require.Equal(t, []int64{to, to}, []int64{again, still})

		c := newClinic(t, url)
		id := c.create(nil)
		require.NoError(t, c.Close())
		again, still, err = store.Migrate(t.Context(), url)
		require.NoError(t, err)
		require.Equal(t, []int64{to, to}, []int64{again, still})
		c.open()
		requireLog(t, c, id, 1)
	}},
	{"opening a database brings it up to date", func(t *testing.T, url string) {
		c := newClinic(t, url)
		require.NoError(t, c.Close())
		from, to, err := store.Migrate(t.Context(), url)
		require.NoError(t, err)
		require.Positive(t, from)
		require.Equal(t, from, to)
	}},
	{"a database of a newer casehook is left alone", func(t *testing.T, url string) {
		_, to, err := store.Migrate(t.Context(), url)
		require.NoError(t, err)
		_, err = database(t, url).ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)`, to+1, true)
		require.NoError(t, err)
		_, _, err = store.Migrate(t.Context(), url)
		require.ErrorContains(t, err, "newer casehook")
		_, err = store.Open(t.Context(), url, store.Options{Vault: vault.New(nil)})
		require.ErrorContains(t, err, "newer casehook")
	}},
	{"a database that is not one of the engines is refused, and not named", func(t *testing.T, _ string) {
		for _, url := range []string{"", "sqlite:", "casehook.db", "mysql://user:secret@host/db"} {
			_, _, err := store.Migrate(t.Context(), url)
			require.ErrorContains(t, err, "the database must be")
			require.NotContains(t, err.Error(), "secret")
			_, err = store.Open(t.Context(), url, store.Options{})
			require.ErrorContains(t, err, "the database must be")
		}
	}},
}
