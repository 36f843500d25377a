package store

import (
	"context"
	"database/sql"

	"github.com/pressly/goose/v3"
)

// dialect is what the engines say differently. All other SQL is the same text.
type dialect interface {
	// migrations returns the folder of the engine's migrations, and who runs them.
	migrations() (folder string, dialect goose.Dialect, options []goose.ProviderOption, err error)
	// begin starts a transaction that writes.
	begin() string
	// source returns the start of a statement that gives it rows as the table u with
	// those columns, WITH u (…) AS (…).
	source(columns []string, size int) string
	// arguments lays the rows out as source expects them.
	arguments(columns []string, rows [][]any) []any
	// chunk returns how many of n rows one statement takes, and the size of its source.
	chunk(n int) (rows, size int)
	// share ends a query of which the rows of a table must stay as they are until the
	// transaction ends; of none for "".
	share(table string) string
	// skipLocked ends a query of rows to be changed, of which others may take theirs.
	skipLocked() string
	// settled is the condition of events before which no other can come any more.
	settled() string
	// notify tells all processes that share the database, once the transaction commits.
	notify(ctx context.Context, conn *sql.Conn, message string) error
	// passing reports whether what failed may succeed when it is done again.
	passing(err error) bool
	// gone reports whether err is that the database is not there, or has no room.
	gone(err error) bool
}
