package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
)

// readers is how many connections read beside the writer's.
const readers = 8

// connection is a database that was opened.
type connection struct {
	dialect
	writing   *sql.DB
	reading   *sql.DB
	exclusive bool            // nobody else has the database
	listen    *pgx.ConnConfig // how to hear of others; nil where there are none
	release   func() error    // after the pools are closed
}

// connect opens the database that url names.
func connect(ctx context.Context, url string) (*connection, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok && path != "" {
		return connectSQLite(path)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return connectPostgres(ctx, url)
	}
	return nil, errors.New("the database must be sqlite:PATH or postgres://…")
}

func (c *connection) close() error {
	err := c.writing.Close()
	if c.reading != c.writing {
		err = errors.Join(err, c.reading.Close())
	}
	return errors.Join(err, c.release())
}
