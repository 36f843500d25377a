package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrInUse means that another process has the database.
var ErrInUse = errors.New("the database is in use by another process: a directory with SQLite serves one at a time")

// connectSQLite opens the database at path, which is made where it is absent. It is
// this process's alone until it is released.
func connectSQLite(path string) (*connection, error) {
	release, err := hold(path)
	if err != nil {
		return nil, err
	}
	writing, err := openSQLite(path, 1)
	if err != nil {
		return nil, errors.Join(err, release())
	}
	reading, err := openSQLite(path, readers)
	if err != nil {
		return nil, errors.Join(err, writing.Close(), release())
	}
	return &connection{dialect: sqliteDialect{}, writing: writing, reading: reading, exclusive: true, release: release}, nil
}

// openSQLite opens a pool of connections. What is committed is on disk (synchronous
// FULL), and readers never wait for the writer (WAL).
func openSQLite(path string, connections int) (*sql.DB, error) {
	query := url.Values{
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(1)", "cache_size(-16000)", "journal_size_limit(67108864)", "secure_delete(FAST)"},
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// hold keeps the database at path for this process, until the function that it
// returns is called or the process ends. Where the database is absent an empty one
// is made, which SQLite itself would let others read.
func hold(path string) (release func() error, err error) {
	release, err = lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, errors.Join(fmt.Errorf("make the database: %w", err), release())
	}
	return release, nil
}

// sqliteDialect: the file is this process's alone, and it has one writer.
type sqliteDialect struct{}

func (sqliteDialect) migrations() (string, goose.Dialect, []goose.ProviderOption, error) {
	return "migrations/sqlite", goose.DialectSQLite3, nil, nil
}

func (sqliteDialect) begin() string         { return `BEGIN IMMEDIATE` }
func (sqliteDialect) holdEndpoints() *batch { return nil }
func (sqliteDialect) lockLanes() *batch     { return nil }
func (sqliteDialect) skipLocked() string    { return "" }
func (sqliteDialect) settled() string       { return "true" }
func (sqliteDialect) transaction() string   { return "0" }
func (sqliteDialect) passing(error) bool    { return false }

// after: all transactions have the same number, and SQLite finds no place of an index by a
// row of which one is the key of the table.
func (sqliteDialect) after(transaction, position string) string {
	return `transaction_id = ` + transaction + ` AND position > ` + position
}

func (sqliteDialect) open(context.Context, *sql.DB) error                      { return nil }
func (sqliteDialect) changeEndpoints(context.Context, *sql.Conn, string) error { return nil }
func (sqliteDialect) notify(context.Context, executor, string) error           { return nil }
func (sqliteDialect) clock(context.Context, *sql.Conn) (time.Time, error)      { return time.Now(), nil }

func (sqliteDialect) gone(err error) bool {
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY:
		return true
	}
	return false
}

func (sqliteDialect) runner(conn *sql.Conn) runner {
	return &sqliteRunner{conn: conn, prepared: make(map[sized]*sql.Stmt)}
}

// sqliteRunner gives rows as VALUES. The sizes of statements are powers of two, so
// that few texts are prepared.
type sqliteRunner struct {
	conn     *sql.Conn
	prepared map[sized]*sql.Stmt
}

type sized struct {
	*batch
	size int
}

const maxSQLiteRows = 64

func (r *sqliteRunner) run(ctx context.Context, first string, steps []step, last string) error {
	if first != "" {
		if _, err := r.conn.ExecContext(ctx, first); err != nil {
			return err
		}
	}
	for _, s := range steps {
		if err := r.each(ctx, s); err != nil {
			return err
		}
	}
	if last == "" {
		return nil
	}
	_, err := r.conn.ExecContext(ctx, last)
	return err
}

func (r *sqliteRunner) each(ctx context.Context, s step) error {
	for rows := s.rows; len(rows) > 0; {
		size := maxSQLiteRows
		for size > len(rows) {
			size /= 2
		}
		stmt, err := r.prepare(ctx, sized{s.batch, size})
		if err != nil {
			return err
		}
		arguments := slices.Concat(rows[:size]...)
		rows = rows[size:]
		if s.scan == nil {
			if _, err := stmt.ExecContext(ctx, arguments...); err != nil {
				return err
			}
			continue
		}
		found, err := stmt.QueryContext(ctx, arguments...)
		if err != nil {
			return err
		}
		if err := scanAll(found, func(row *sql.Rows) error { return s.scan(row) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *sqliteRunner) prepare(ctx context.Context, s sized) (*sql.Stmt, error) {
	if stmt, ok := r.prepared[s]; ok {
		return stmt, nil
	}
	names := make([]string, len(s.columns))
	for i, column := range s.columns {
		names[i] = column.name
	}
	// Parameters without names: the driver looks names up, each time and one by one.
	row := "(" + strings.Repeat("?, ", len(names)-1) + "?)"
	text := "WITH u (" + strings.Join(names, ", ") + ") AS (VALUES " + strings.Repeat(row+", ", s.size-1) + row + ")" + s.text
	stmt, err := r.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("prepare a statement: %w", err)
	}
	r.prepared[s] = stmt
	return stmt, nil
}

// close: a connection with a statement that is prepared still would stay open, and its
// write-ahead log beside the database, for database/sql closes none that was prepared on
// a connection of its own.
func (r *sqliteRunner) close() error {
	var errs []error
	for _, stmt := range r.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}
