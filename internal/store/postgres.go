package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// connectTimeout is how long PostgreSQL may take to answer a new connection.
	connectTimeout = 5 * time.Second
	// channel is where the processes tell each other that something has changed.
	channel = "casehook"
)

// connectPostgres opens a database of PostgreSQL, which many processes may share.
func connectPostgres(ctx context.Context, url string) (*connection, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database must be a URL that PostgreSQL knows, postgres://…") // its own text may hold the password
	}
	config.MaxConns = readers + 1 // and the writer
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.RuntimeParams["application_name"] = "casehook"
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	return &connection{
		dialect: postgresDialect{},
		writing: db,
		reading: db,
		listen:  config.ConnConfig.Copy(),
		release: func() error {
			pool.Close()
			return nil
		},
	}, nil
}

// postgresDialect gives rows as arrays, which PostgreSQL takes several times faster
// than a long list of values.
type postgresDialect struct{}

func (postgresDialect) migrations() (string, goose.Dialect, []goose.ProviderOption, error) {
	locker, err := lock.NewPostgresSessionLocker() // of several processes one migrates
	return "migrations/postgres", goose.DialectPostgres, []goose.ProviderOption{goose.WithSessionLocker(locker)}, err
}

func (postgresDialect) begin() string { return `BEGIN` }

// postgresTypes are the types of columns that are no text.
var postgresTypes = map[string]string{
	"added": "bigint", "at": "bigint", "created_at": "bigint", "due_at": "bigint", "expected": "bigint",
	"finished_at": "bigint", "milliseconds": "bigint", "number": "bigint", "sequence": "bigint", "size": "bigint",
	"started_at": "bigint", "status_code": "bigint", "through": "bigint", "tries": "bigint", "updated_at": "bigint", "version": "bigint",
	"answer": "bytea", "body": "bytea", "digest": "bytea", "error": "bytea", "hash": "bytea", "wrapped_key": "bytea",
	"is_archived": "boolean", "is_escalated": "boolean",
}

func postgresType(column string) string {
	if known, ok := postgresTypes[column]; ok {
		return known
	}
	return "text"
}

func (postgresDialect) source(columns []string, _ int) string {
	arrays := make([]string, len(columns))
	for i, column := range columns {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, postgresType(column))
	}
	return "WITH u (" + strings.Join(columns, ", ") + ") AS (SELECT * FROM unnest(" + strings.Join(arrays, ", ") + "))\n"
}

func (postgresDialect) arguments(columns []string, rows [][]any) []any {
	arrays := make([]any, len(columns))
	for i, column := range columns {
		switch postgresType(column) {
		case "bigint":
			arrays[i] = array(rows, i, func(v any) *int64 {
				n, ok := v.(int64)
				if !ok {
					n = int64(v.(int))
				}
				return &n
			})
		case "bytea":
			arrays[i] = array(rows, i, func(v any) []byte { return v.([]byte) })
		case "boolean":
			arrays[i] = array(rows, i, func(v any) *bool { b := v.(bool); return &b })
		default:
			arrays[i] = array(rows, i, func(v any) *string { s := v.(string); return &s })
		}
	}
	return arrays
}

// array returns the i-th value of each row; the zero value, which is null, for nil.
func array[T any](rows [][]any, i int, of func(any) T) []T {
	values := make([]T, len(rows))
	for j, row := range rows {
		if row[i] != nil {
			values[j] = of(row[i])
		}
	}
	return values
}

func (postgresDialect) chunk(n int) (rows, size int) { return n, 0 }

func (postgresDialect) share(table string) string {
	if table == "" {
		return ""
	}
	return ` FOR SHARE OF ` + table
}

func (postgresDialect) skipLocked() string { return ` FOR UPDATE SKIP LOCKED` }

// An event whose transaction began before all that are still under way, has nothing
// before it that is yet to commit.
func (postgresDialect) settled() string {
	return `transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint`
}

func (postgresDialect) notify(ctx context.Context, conn *sql.Conn, message string) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, message)
	return err
}

// passing: two transactions have locked each other out, or could not be told apart.
func (postgresDialect) passing(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == "40P01" || failure.Code == "40001")
}

// gone: the classes of errors are those of appendix A of PostgreSQL's manual.
func (postgresDialect) gone(err error) bool {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return slices.Contains([]string{"08", "53", "57", "58"}, failure.Code[:2]) || failure.Code == "25006"
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err) ||
		errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "unexpected EOF")
}

// listen calls heard with what the processes tell each other, until ctx is done.
func listen(ctx context.Context, config *pgx.ConnConfig, heard func(message string)) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("listen to the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing is to be saved on it
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return fmt.Errorf("listen to the database: %w", err)
	}
	heard("") // what was said before
	for {
		notification, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen to the database: %w", err)
		}
		heard(notification.Payload)
	}
}
