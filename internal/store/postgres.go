package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
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
	// listenTimeout is how long the database may say nothing before it is asked whether
	// it is there.
	listenTimeout = 15 * time.Second
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
	maps.Copy(config.ConnConfig.RuntimeParams, postgresSettings)
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

// postgresSettings are those of each connection. Every query reaches the few rows that
// it is about by an index. The planner does not know that of tables that have just
// grown, and would read all of their rows.
var postgresSettings = map[string]string{
	"application_name":   "casehook",
	"synchronous_commit": "on",
	// A process that is gone, or cut off, must not keep the others waiting.
	"idle_in_transaction_session_timeout": "10s",
	"lock_timeout":                        "5s",
	"tcp_keepalives_idle":                 "10",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
	"enable_seqscan":                      "off",
	"enable_hashjoin":                     "off",
	"enable_mergejoin":                    "off",
	"plan_cache_mode":                     "force_generic_plan",
	"jit":                                 "off",
}

type postgresDialect struct{}

func (postgresDialect) migrations() (string, goose.Dialect, []goose.ProviderOption, error) {
	locker, err := lock.NewPostgresSessionLocker() // of several processes one migrates
	return "migrations/postgres", goose.DialectPostgres, []goose.ProviderOption{goose.WithSessionLocker(locker)}, err
}

// open sees to it that what is recorded from now on comes after all that is in the
// feed, also where the database was restored into another cluster.
func (postgresDialect) open(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("look at the feed: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it was committed, or has failed
	var offset, last, current int64
	err = tx.QueryRowContext(ctx, `
		SELECT transaction_offset, pg_current_xact_id()::text::bigint, GREATEST(
			(SELECT MAX(transaction_id) FROM (SELECT transaction_id FROM events ORDER BY position DESC LIMIT 10000) AS latest),
			(SELECT MAX(transaction_id) FROM receipts), (SELECT MAX(transaction_id) FROM audit_entries), 0)
		FROM feed
		FOR UPDATE`).Scan(&offset, &current, &last)
	if err != nil {
		return fmt.Errorf("look at the feed: %w", err)
	}
	if last < current+offset {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE feed SET transaction_offset = $1`, last); err != nil {
		return fmt.Errorf("go on with the feed: %w", err)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`
		ALTER TABLE events
		ALTER COLUMN transaction_id SET DEFAULT pg_current_xact_id()::text::bigint + %d`, last)); err != nil {
		return fmt.Errorf("go on with the feed: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("go on with the feed: %w", err)
	}
	return nil
}

func (postgresDialect) begin() string { return `BEGIN` }

// An advisory lock is taken in turn: whoever shares it does not keep those waiting for
// ever who want it for themselves, as sharers of a row do.
var (
	holdEndpoints = over(`id text`, `
		SELECT pg_advisory_xact_lock_shared(hashtextextended(id, 0))
		FROM u`)
	lockLanes = over(`endpoint_id text, lane text`, `
		SELECT lanes.lane
		FROM lanes
		JOIN u ON u.endpoint_id = lanes.endpoint_id AND u.lane = lanes.lane
		ORDER BY lanes.endpoint_id, lanes.lane
		FOR UPDATE OF lanes`)
)

func (postgresDialect) holdEndpoints() *batch { return holdEndpoints }
func (postgresDialect) lockLanes() *batch     { return lockLanes }

func (postgresDialect) changeEndpoints(ctx context.Context, conn *sql.Conn, organizationID string) error {
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, organizationID)
	return err
}

func (postgresDialect) clock(ctx context.Context, conn *sql.Conn) (now time.Time, err error) {
	return now, conn.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now)
}

func (postgresDialect) skipLocked() string { return ` FOR UPDATE SKIP LOCKED` }

// An event whose transaction began before all that are still under way, has nothing
// before it that is yet to commit.
func (postgresDialect) settled() string {
	return `transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint + (SELECT transaction_offset FROM feed)`
}

func (postgresDialect) after(transaction, position string) string {
	return `(transaction_id, position) > (` + transaction + `, ` + position + `)`
}

func (postgresDialect) transaction() string {
	return `pg_current_xact_id()::text::bigint + (SELECT transaction_offset FROM feed)`
}

func (postgresDialect) notify(ctx context.Context, db executor, message string) error {
	_, err := db.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, message)
	return err
}

// passing: two transactions have locked each other out, could not be told apart, or
// one waited too long for the other.
func (postgresDialect) passing(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == "40P01" || failure.Code == "40001" || failure.Code == "55P03")
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
		waiting, cancel := context.WithTimeout(ctx, listenTimeout)
		notification, err := conn.WaitForNotification(waiting)
		cancel()
		if err != nil && ctx.Err() == nil && waiting.Err() != nil {
			err = nil // silence: is the database there?
			asking, cancel := context.WithTimeout(ctx, connectTimeout)
			err = conn.Ping(asking)
			cancel()
		}
		switch {
		case err != nil:
			return fmt.Errorf("listen to the database: %w", err)
		case notification != nil:
			heard(notification.Payload)
		}
	}
}

func (postgresDialect) runner(conn *sql.Conn) runner {
	return &postgresRunner{conn: conn, texts: make(map[*batch]string)}
}

// postgresRunner sends all steps at once, and then reads what they return. It gives
// rows as arrays, which PostgreSQL takes several times faster than a long list of
// values.
type postgresRunner struct {
	conn  *sql.Conn
	texts map[*batch]string
}

// close: the driver closes what it has prepared with the connection.
func (r *postgresRunner) close() error { return nil }

func (r *postgresRunner) run(ctx context.Context, first string, steps []step, last string) error {
	var all pgx.Batch
	if first != "" {
		all.Queue(first)
	}
	for _, s := range steps {
		if len(s.rows) == 0 {
			continue
		}
		queued := all.Queue(r.text(s.batch), arrays(s.batch.columns, s.rows)...)
		if s.scan != nil {
			queued.Query(func(rows pgx.Rows) error {
				for rows.Next() {
					if err := s.scan(rows); err != nil {
						return err
					}
				}
				return rows.Err()
			})
		}
	}
	if last != "" {
		all.Queue(last)
	}
	if all.Len() == 0 {
		return nil
	}
	return r.conn.Raw(func(driver any) error {
		return driver.(*stdlib.Conn).Conn().SendBatch(ctx, &all).Close()
	})
}

func (r *postgresRunner) text(b *batch) string {
	if text, ok := r.texts[b]; ok {
		return text
	}
	names, parameters := make([]string, len(b.columns)), make([]string, len(b.columns))
	for i, column := range b.columns {
		names[i], parameters[i] = column.name, fmt.Sprintf("$%d::%s[]", i+1, column.kind)
	}
	r.texts[b] = "WITH u (" + strings.Join(names, ", ") + ") AS (SELECT * FROM unnest(" + strings.Join(parameters, ", ") + "))" + b.text
	return r.texts[b]
}

// arrays returns each column of rows as an array.
func arrays(columns []field, rows [][]any) []any {
	all := make([]any, len(columns))
	for i, column := range columns {
		switch column.kind {
		case "bigint":
			all[i] = array[int64](rows, i)
		case "boolean":
			all[i] = array[bool](rows, i)
		case "bytea":
			values := make([][]byte, len(rows)) // nil is null
			for j, row := range rows {
				values[j], _ = row[i].([]byte)
			}
			all[i] = values
		default:
			all[i] = array[string](rows, i)
		}
	}
	return all
}

// array returns the i-th value of each row, with pointers where some are null.
func array[T any](rows [][]any, i int) any {
	values := make([]T, len(rows))
	nullable := make([]*T, len(rows))
	nulls := false
	for j, row := range rows {
		if row[i] == nil {
			nulls = true
			continue
		}
		values[j] = row[i].(T)
		nullable[j] = &values[j]
	}
	if nulls {
		return nullable
	}
	return values
}
