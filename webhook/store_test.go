package webhook_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/webhook"
)

// A database is opened anew as often as it is asked for.
type database func() *sql.DB

// onBoth runs a test on each engine, with an empty database.
func onBoth(t *testing.T, test func(t *testing.T, open database)) {
	t.Run("SQLite", func(t *testing.T) {
		test(t, opener(t, "sqlite", filepath.Join(t.TempDir(), "receiver.db")))
	})
	t.Run("PostgreSQL", func(t *testing.T) { test(t, opener(t, "pgx", postgrestest.DSN(t))) })
}

func opener(t *testing.T, driver, source string) database {
	return func() *sql.DB {
		db, err := sql.Open(driver, source)
		require.NoError(t, err)
		t.Cleanup(func() { db.Close() })
		return db
	}
}

func newSQLStore(t *testing.T, db *sql.DB) *webhook.SQLStore { return newScoped(t, db, "endpoint") }

func newScoped(t *testing.T, db *sql.DB, scope string) *webhook.SQLStore {
	store, err := webhook.OpenSQLStore(t.Context(), db, scope)
	require.NoError(t, err)
	return store
}

func TestStores(t *testing.T) {
	t.Run("memory", func(t *testing.T) { testStore(t, webhook.NewMemoryStore(0)) })
	onBoth(t, func(t *testing.T, open database) { testStore(t, newSQLStore(t, open())) })
}

func testStore(t *testing.T, store webhook.Store) {
	for _, step := range []struct {
		name     string
		id, of   string
		sequence int64 // that is kept; less than 0 where nothing is
		seen     bool  // before
		last     int64 // before
	}{
		{"nothing is known at first", "a", "case-1", -1, false, 0},
		{"what is kept", "a", "case-1", 2, false, 0},
		{"is seen", "a", "case-1", -1, true, 2},
		{"and may be kept again", "a", "case-1", 2, true, 2},
		{"what is late does not take the sequence back", "b", "case-1", 1, false, 2},
		{"nor does what has none", "c", "case-1", 0, false, 2},
		{"all of them are seen", "b", "case-1", -1, true, 2},
		{"the last one too", "c", "case-1", -1, true, 2},
		{"what comes again can raise it", "c", "case-1", 9223372036854775807, true, 2},
		{"to any number", "d", "case-1", -1, false, 9223372036854775807},
		{"each case counts for itself", "e", "case-2", 1, false, 0},
		{"what has no case is kept", "f", "", 0, false, 0},
		{"and seen", "f", "", -1, true, 0},
	} {
		seen, last, err := store.Look(t.Context(), step.id, step.of)
		require.NoError(t, err, step.name)
		require.Equal(t, step.seen, seen, step.name)
		require.Equal(t, step.last, last, step.name)
		if step.sequence >= 0 {
			require.NoError(t, store.Keep(t.Context(), step.id, step.of, step.sequence), step.name)
		}
	}

	const messages = 20
	var group sync.WaitGroup
	failed := make(chan error, messages)
	for i := range messages {
		group.Go(func() { failed <- store.Keep(t.Context(), "g"+strconv.Itoa(i), "case-3", int64(i)) })
	}
	group.Wait()
	for range messages {
		require.NoError(t, <-failed)
	}
	seen, last, err := store.Look(t.Context(), "g7", "case-3")
	require.NoError(t, err)
	require.True(t, seen)
	require.EqualValues(t, messages-1, last)
}

func TestAMemoryStoreRemembersWhatWasKeptLast(t *testing.T) {
	store := webhook.NewMemoryStore(3)
	for i := range 5 {
		id := strconv.Itoa(i)
		require.NoError(t, store.Keep(t.Context(), id, "case-"+id, 1))
		require.NoError(t, store.Keep(t.Context(), "1", "case-1", int64(i))) // again and again
	}
	for id, want := range map[string]bool{"0": false, "1": true, "2": false, "3": true, "4": true} {
		seen, last, err := store.Look(t.Context(), id, "case-"+id)
		require.NoError(t, err)
		require.Equal(t, want, seen, id)
		require.Equal(t, want, last > 0, id)
	}
}

func TestASQLStoreForgetsWhatIsOld(t *testing.T) {
	onBoth(t, func(t *testing.T, open database) {
		store := newSQLStore(t, open())
		require.NoError(t, store.Keep(t.Context(), "a", "case-1", 3))
		require.NoError(t, store.Keep(t.Context(), "b", "case-1", 4))
		require.NoError(t, store.Keep(t.Context(), "c", "", 0))
		n, err := store.Forget(t.Context(), time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Zero(t, n)
		n, err = store.Forget(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		for id, want := range map[string]bool{"a": false, "b": true, "c": false} {
			seen, last, err := store.Look(t.Context(), id, "case-1")
			require.NoError(t, err)
			require.Equal(t, want, seen, "%s: the last of a case stays", id)
			require.EqualValues(t, 4, last)
		}
	})
}

func TestEndpointsThatShareADatabaseKnowNothingOfEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, open database) {
		db := open()
		stores := []*webhook.SQLStore{newScoped(t, db, "first"), newScoped(t, db, "second")}
		for _, store := range stores {
			r, handled := newReceiver(t)
			r.Store = store
			requireSent(t, serve(t, r), 204, hook{sequence: 1}, hook{sequence: 2}, hook{sequence: 1})
			require.Equal(t, ids(1, 2), handled.all())
		}

		n, err := stores[0].Forget(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
		seen, last, err := stores[1].Look(t.Context(), hook{sequence: 1}.id(), "case-1")
		require.NoError(t, err)
		require.True(t, seen)
		require.EqualValues(t, 2, last)

		_, err = webhook.OpenSQLStore(t.Context(), db, "")
		require.EqualError(t, err, "webhook: the scope of the store must be a name of its endpoint, and is empty")
	})
}

func TestSeveralProcessesKeepAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, open database) {
		const processes, messages = 4, 10
		var group sync.WaitGroup
		failed := make(chan error, processes*messages)
		for process := range processes {
			db := open()
			db.SetMaxOpenConns(process) // 0 is no limit, and one connection must do
			store := newSQLStore(t, db)
			for i := range messages {
				id := strconv.Itoa(process) + "-" + strconv.Itoa(i)
				group.Go(func() { failed <- store.Keep(t.Context(), id, "case-"+id, 1) })
			}
		}
		group.Wait()
		for range processes * messages {
			require.NoError(t, <-failed)
		}
	})
}

func TestALongerTimeoutOfSQLiteIsLeftAsItIs(t *testing.T) {
	db := opener(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "receiver.db")+"?_pragma=busy_timeout(60000)")()
	db.SetMaxOpenConns(1)
	newSQLStore(t, db)
	var milliseconds int
	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&milliseconds))
	require.Equal(t, 60_000, milliseconds)
}

func TestSeveralProcessesOpenAnEmptyDatabaseAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, open database) {
		const processes = 16
		opened := make(chan error, processes)
		for range processes {
			db := open()
			go func() {
				_, err := webhook.OpenSQLStore(t.Context(), db, "endpoint")
				opened <- err
			}()
		}
		for range processes {
			require.NoError(t, <-opened)
		}
	})
}

func TestARestartForgetsNothingOfADatabase(t *testing.T) {
	onBoth(t, func(t *testing.T, open database) {
		db := open()
		r, handled := newReceiver(t)
		r.Store = newSQLStore(t, db)
		requireSent(t, serve(t, r), 204, hook{sequence: 1}, hook{sequence: 2})
		require.NoError(t, db.Close())

		r, after := newReceiver(t)
		store := watched{newSQLStore(t, open()), make(chan string, 64)}
		r.Store = store
		url := serve(t, r)
		requireSent(t, url, 204, hook{sequence: 2}, hook{sequence: 1})
		for range 2 {
			<-store.looked
		}
		early := hook{sequence: 4}.sending(t, url)
		require.Equal(t, "case-1-4", <-store.looked)
		requireSent(t, url, 204, hook{sequence: 3})
		requireAnswer(t, 204, early)
		require.Equal(t, []string{"case-1-1", "case-1-2"}, handled.all())
		require.Equal(t, []string{"case-1-3", "case-1-4"}, after.all(), "the number after the last is known")
	})
}

func TestWhatCannotBeKeptComesAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, open database) {
		db := open()
		r, handled := newReceiver(t)
		r.Store = lostAfter{newSQLStore(t, db), db}
		requireSent(t, serve(t, r), 503, hook{sequence: 1}, hook{sequence: 1})
		require.Equal(t, []string{"case-1-1"}, handled.all(), "the store is gone: nothing tells what was handled")

		r, after := newReceiver(t)
		r.Store = newSQLStore(t, open())
		requireSent(t, serve(t, r), 204, hook{sequence: 1}, hook{sequence: 1})
		require.Equal(t, []string{"case-1-1"}, after.all(), "what was not kept is handled again, once")
	})
}

func TestWhatIsDoneIsKeptThoughNobodyWaitsForTheAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, open database) {
		r, _ := newReceiver(t)
		r.Store = newSQLStore(t, open())
		begun, calls := make(chan struct{}), 0
		webhook.On(r, func(ctx context.Context, _ *caseupdate.EscalateCase) error {
			calls++
			close(begun)
			<-ctx.Done()
			return nil
		})
		url := serve(t, r)
		ctx, giveUp := context.WithCancel(t.Context())
		answered := make(chan reply, 1)
		go func() { answered <- hook{event: "ESCALATE_CASE", sequence: 1}.send(ctx, url) }()
		<-begun
		giveUp()
		require.ErrorIs(t, (<-answered).err, context.Canceled)
		requireSent(t, url, 204, hook{event: "ESCALATE_CASE", sequence: 1})
		require.Equal(t, 1, calls)
	})
}

// lostAfter is a store whose database goes while the first function is called.
type lostAfter struct {
	*webhook.SQLStore
	db *sql.DB
}

func (l lostAfter) Keep(ctx context.Context, id, caseID string, sequence int64) error {
	l.db.Close()
	return l.SQLStore.Keep(ctx, id, caseID, sequence)
}
