package storetest

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// database opens the database beside the store, to see what is in it.
func database(t *testing.T, databaseURL string) *sql.DB {
	t.Helper()
	driver, source := "pgx", databaseURL
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()
	}
	db, err := sql.Open(driver, source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// rows returns the number that a query counts.
func rows(t *testing.T, url, query string, arguments ...any) int {
	t.Helper()
	var n int
	require.NoError(t, database(t, url).QueryRowContext(t.Context(), query, arguments...).Scan(&n))
	return n
}

// plan returns how a database finds the rows of a query, in its own words. PostgreSQL is told
// what the store tells it.
func plan(t *testing.T, url, query string) string {
	t.Helper()
	conn, err := database(t, url).Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	explain, column := "EXPLAIN ", 0
	if strings.HasPrefix(url, "sqlite:") {
		explain, column = "EXPLAIN QUERY PLAN ", 3
	} else {
		for _, set := range []string{"enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "plan_cache_mode = force_generic_plan", "jit = off"} {
			_, err := conn.ExecContext(t.Context(), "SET "+set)
			require.NoError(t, err)
		}
	}
	found, err := conn.QueryContext(t.Context(), explain+query)
	require.NoError(t, err)
	defer func() { require.NoError(t, found.Close()) }()
	var all strings.Builder
	for found.Next() {
		line := make([]string, column+1)
		targets := make([]any, len(line))
		for i := range line {
			targets[i] = &line[i]
		}
		require.NoError(t, found.Scan(targets...))
		all.WriteString(line[column] + "\n")
	}
	require.NoError(t, found.Err())
	return all.String()
}
