package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"

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
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(1)", "cache_size(-16000)", "journal_size_limit(67108864)"},
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

// sqliteDialect gives rows as VALUES. The sizes of statements are powers of two, so
// that few texts are prepared.
type sqliteDialect struct{}

const maxSQLiteRows = 64

func (sqliteDialect) migrations() (string, goose.Dialect, []goose.ProviderOption, error) {
	return "migrations/sqlite", goose.DialectSQLite3, nil, nil
}

func (sqliteDialect) begin() string { return `BEGIN IMMEDIATE` }

func (sqliteDialect) source(columns []string, size int) string {
	var b strings.Builder
	b.WriteString("WITH u (" + strings.Join(columns, ", ") + ") AS (VALUES ")
	parameter := 1
	for row := range size {
		if row > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for i := range columns {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("$" + strconv.Itoa(parameter))
			parameter++
		}
		b.WriteByte(')')
	}
	b.WriteString(")\n")
	return b.String()
}

func (sqliteDialect) arguments(columns []string, rows [][]any) []any {
	flat := make([]any, 0, len(rows)*len(columns))
	for _, row := range rows {
		flat = append(flat, row...)
	}
	return flat
}

func (sqliteDialect) chunk(n int) (rows, size int) {
	size = maxSQLiteRows
	for size > n {
		size /= 2
	}
	return size, size
}

// The file is this process's alone, and it has one writer.
func (sqliteDialect) share(string) string { return "" }
func (sqliteDialect) skipLocked() string  { return "" }
func (sqliteDialect) settled() string     { return "true" }

func (sqliteDialect) notify(context.Context, *sql.Conn, string) error { return nil }

func (sqliteDialect) passing(error) bool { return false }

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
