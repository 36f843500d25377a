package storetest

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pressly/goose/v3"
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
	{"what is recorded is there after the way back to an earlier schema, and after that to this one", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		first, second := c.endpoint(), c.endpoint()
		outbox := new(tray)
		c.create(outbox)
		c.create(outbox)
		messages := outbox.take()
		require.Len(t, messages, 4)
		minute := c.nextMinute()
		for _, m := range messages[:3] {
			c.deliver(m, nil)
		}
		c.fail(messages[3], minute.Add(time.Hour))
		c.count()
		c.recordCall(c.entry("request-1", "listCases"))
		all, waiting := store.DeliveryFilter{}, store.DeliveryFilter{State: store.Pending}
		deliveries, pending, entries := c.find(all), c.find(waiting), c.entries(store.AuditFilter{})
		require.Len(t, pending, 1)
		ofFirst, ofSecond := c.traffic(first.ID), c.traffic(second.ID)
		require.NoError(t, c.Close())

		const earlier = 11
		goBack := func() {
			downTo(t, url, earlier)
			require.Equal(t, 4, rows(t, url, `SELECT COUNT(*) FROM deliveries`))
			require.Equal(t, 1, rows(t, url, `SELECT COUNT(*) FROM audit_entries`))
			require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM traffic WHERE endpoint_id = ''`))
		}
		goBack()
		require.Equal(t, 2, rows(t, url, `SELECT COUNT(*) FROM traffic`))
		from, to, err := store.Migrate(t.Context(), url)
		require.NoError(t, err)
		require.EqualValues(t, earlier, from)
		require.Greater(t, to, from)

		c.open()
		require.Equal(t, []store.MinuteTraffic{{Minute: minute, Delivered: 3, FailedAttempts: 1, Waiting: 1}}, c.traffic(""), "how long messages took is not known of all")
		require.Equal(t, ofFirst, c.traffic(first.ID))
		require.Equal(t, ofSecond, c.traffic(second.ID))
		require.Equal(t, deliveries, c.find(all))
		require.Equal(t, pending, c.find(waiting))
		require.Empty(t, cmp.Diff(entries, c.entries(store.AuditFilter{}), cmpopts.IgnoreUnexported(store.AuditEntry{})))

		next := c.nextMinute()
		messages[3].Tries++
		c.deliver(messages[3], nil)
		c.count()
		total := c.traffic("")
		require.Equal(t, []store.MinuteTraffic{{Minute: minute, Delivered: 3, FailedAttempts: 1, Waiting: 1}, {Minute: next, Delivered: 1}}, withoutLatencies(total))
		require.NotZero(t, total[1].Latencies)
		require.NoError(t, c.Close())
		goBack()
		require.Equal(t, 3, rows(t, url, `SELECT COUNT(*) FROM traffic`))
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

// downTo brings a database that nobody uses back to an earlier schema.
func downTo(t *testing.T, url string, version int64) {
	t.Helper()
	dialect, folder := goose.DialectPostgres, "migrations/postgres"
	if strings.HasPrefix(url, "sqlite:") {
		dialect, folder = goose.DialectSQLite3, "migrations/sqlite"
	}
	provider, err := goose.NewProvider(dialect, database(t, url), os.DirFS(folder))
	require.NoError(t, err)
	_, err = provider.DownTo(t.Context(), version)
	require.NoError(t, err)
}
