// Package store keeps everything in one SQL database: the log of each case, the
// outbox beside it, and who may ask for what.
//
// Start with [Open]. [Store.Change] is the heart: it folds a case, lets the caller
// decide, and commits the events together with a delivery per subscribed endpoint.
// What belongs to a patient or is a secret is sealed before it reaches the
// database, and opened when it comes back: callers deal in plain values, the
// database in ciphertext.
//
// All writing goes through one goroutine, the writer, which commits what arrives
// together as one transaction.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/casehook/casehook/internal/vault"
)

// ErrNotFound means that there is no such row, or that it belongs to another
// organisation.
var ErrNotFound = errors.New("not found")

// Store is safe for concurrent use.
type Store struct {
	connection *connection
	readers    *sql.DB
	writer     *writer
	auditor    *auditor
	vault      *vault.Vault
	shares     Shares
	now        func() time.Time
	clock      func() time.Time // of leases; nil: the database's

	locks  locks     // one change at a time of a case, in this process
	cases  caseCache // the states of the cases used last
	closed sync.Once

	mu               sync.Mutex               // protects what follows
	organizations    map[string]*organization // by id
	organizationKeys map[string]*vault.Key    // by id of the organisation
	forgotten        int                      // how often forgetOrganization was called
}

// Options are what a Store needs beside its database.
type Options struct {
	Vault *vault.Vault
	// Shares are what the keys of cases are bound to.
	Shares Shares
	// Log is told where entries of the audit cannot be written; nil: nobody is.
	Log *slog.Logger
	// Now is the clock; nil means [time.Now], and for leases the database's.
	Now func() time.Time
}

// Open opens the database that url names, sqlite:PATH or postgres://…, brings its
// schema up to date and starts the writer. A database of SQLite belongs to one
// process: where another has it, the error is [ErrInUse].
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	s := &Store{
		connection:       c,
		readers:          c.reading,
		vault:            o.Vault,
		shares:           o.Shares,
		now:              now,
		clock:            o.Now,
		organizations:    make(map[string]*organization),
		organizationKeys: make(map[string]*vault.Key),
	}
	if _, _, err := migrate(ctx, c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if err := c.open(ctx, c.writing); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if s.writer, err = startWriter(ctx, c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	s.auditor = startAuditor(s.writer, log)
	if c.exclusive {
		err = s.endLeases(ctx)
	}
	if err = errors.Join(err, s.finishDeletions(ctx)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// endLeases ends the leases of whoever had the database before.
func (s *Store) endLeases(ctx context.Context) error {
	err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `
			UPDATE nodes
			SET expires_at = $1
			WHERE expires_at > $1`, s.now().UnixMilli()-1)
		return err
	})
	if err != nil {
		return fmt.Errorf("end the leases of the past: %w", err)
	}
	return nil
}

// Close waits for what is being written, and releases the database. Whoever asks
// for more gets an error.
func (s *Store) Close() (err error) {
	s.closed.Do(func() {
		err = errors.Join(s.auditor.close(), s.writer.close(), s.connection.close())
	})
	return err
}

// Unavailable reports whether err is that the database is not there for now, or has
// no room, or that too much waits for it: what was asked for may succeed later. Of a change it is not known then
// whether it happened.
func Unavailable(err error) bool {
	return err != nil && (errors.Is(err, errFull) || sqliteDialect{}.gone(err) || postgresDialect{}.gone(err))
}

// Shared reports whether other processes may have the database too.
func (s *Store) Shared() bool { return !s.connection.exclusive }

// Ping returns nil if the database takes a transaction.
func (s *Store) Ping(ctx context.Context) error {
	err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		var one int
		return conn.QueryRowContext(ctx, `SELECT 1`).Scan(&one)
	})
	if err != nil {
		return fmt.Errorf("ask the database: %w", err)
	}
	return nil
}

// newID returns a UUIDv7, which sorts by the time of its making.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// at returns the time that a column holds.
func at(milliseconds int64) time.Time { return time.UnixMilli(milliseconds).UTC() }

// maybeAt returns the time that a column holds, or nil.
func maybeAt(milliseconds sql.NullInt64) *time.Time {
	if !milliseconds.Valid {
		return nil
	}
	t := at(milliseconds.Int64)
	return &t
}

// column returns what a column holds of t: null for nil.
func column(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}

// oneRow turns the absence of a row into ErrNotFound, and names what was asked.
func oneRow(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// conditions are those of a WHERE clause that grows.
type conditions struct {
	text      string
	arguments []any
}

// and adds a condition, with a ? in place of each of its arguments.
func (c *conditions) and(text string, arguments ...any) {
	parts := strings.Split(text, "?")
	c.text += ` AND ` + parts[0]
	for i, argument := range arguments {
		c.arguments = append(c.arguments, argument)
		c.text += "$" + strconv.Itoa(len(c.arguments)) + parts[i+1]
	}
}

// among adds the condition that a column has one of some values, of which there is one at least.
func (c *conditions) among(column string, values []string) {
	arguments := make([]any, len(values))
	for i, value := range values {
		arguments[i] = value
	}
	c.and(column+` IN (`+strings.Repeat(`?, `, len(values)-1)+`?)`, arguments...)
}
