package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// readers is how many connections read beside the writer's.
const readers = 8

// ErrInUse means that another process has the database.
var ErrInUse = errors.New("the database is in use by another process: a directory with SQLite serves one at a time")

// sqlitePath returns the path in a URL sqlite:PATH.
func sqlitePath(database string) (string, error) {
	path, ok := strings.CutPrefix(database, "sqlite:")
	if !ok || path == "" {
		return "", errors.New("the database must be sqlite:PATH")
	}
	return path, nil
}

// openSQLite opens a pool of connections to the database at path, which is made
// where it is absent. What is committed is on disk (synchronous FULL), and readers
// never wait for the writer (WAL).
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
