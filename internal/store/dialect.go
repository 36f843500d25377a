package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/pressly/goose/v3"
)

// dialect is what the engines say differently. All other SQL is the same text.
type dialect interface {
	// migrations returns the folder of the engine's migrations, and who runs them.
	migrations() (folder string, dialect goose.Dialect, options []goose.ProviderOption, err error)
	// open makes the database ready, once its schema is up to date.
	open(ctx context.Context, db *sql.DB) error
	// begin starts a transaction that writes.
	begin() string
	// runner returns what runs steps on a connection.
	runner(conn *sql.Conn) runner
	// holdEndpoints is the batch that keeps the endpoints of organisations as they are
	// until the transaction ends; nil where nobody else can change them.
	holdEndpoints() *batch
	// changeEndpoints waits until nobody holds the endpoints of an organisation, and
	// lets nobody hold them until the transaction ends.
	changeEndpoints(ctx context.Context, conn *sql.Conn, organizationID string) error
	// lockLanes is the batch that locks lanes in order; nil where nobody else can.
	lockLanes() *batch
	// clock returns the time of the database.
	clock(ctx context.Context, conn *sql.Conn) (time.Time, error)
	// skipLocked ends a query of rows to be changed, of which others may take theirs.
	skipLocked() string
	// settled is the condition of events before which no other can come any more.
	settled() string
	// after is the condition of rows that come after a place, of which the numbers of its
	// parameters are given.
	after(transaction, position string) string
	// transaction returns the number of the transaction under way, by which what it writes
	// is in order.
	transaction() string
	// notify tells all processes that share the database, once a transaction that db is in commits.
	notify(ctx context.Context, db executor, message string) error
	// passing reports whether what failed may succeed when it is done again.
	passing(err error) bool
	// gone reports whether err is that the database is not there, or has no room.
	gone(err error) bool
}

// executor is a connection, or a pool of them.
type executor interface {
	ExecContext(ctx context.Context, query string, arguments ...any) (sql.Result, error)
}
