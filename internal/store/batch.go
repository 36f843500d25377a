package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// batch is a statement over many rows at once, which it finds as the table u.
type batch struct {
	columns []field // of u
	text    string
}

type field struct {
	name string
	kind string // as PostgreSQL calls it
}

// over returns a batch. Columns are those of u, "name type, …".
func over(columns, text string) *batch {
	b := &batch{text: text}
	for part := range strings.SplitSeq(columns, ", ") {
		name, kind, _ := strings.Cut(part, " ")
		b.columns = append(b.columns, field{name, kind})
	}
	return b
}

// step is a batch and the rows it is to run over. Scan is called for every row that
// it returns; where it returns none, scan is nil. Without rows there is nothing to do.
type step struct {
	batch *batch
	rows  [][]any
	scan  func(scanner) error
}

// scanner is a row that a query returned.
type scanner interface {
	Scan(targets ...any) error
}

// runner runs steps on a connection, one after the other, in as few round trips as
// it can.
type runner interface {
	// run runs first, the steps and last; first and last may be empty.
	run(ctx context.Context, first string, steps []step, last string) error
	// close releases what it has prepared, before the connection is closed.
	close() error
}

// scanAll scans every row, and closes rows.
func scanAll(rows *sql.Rows, scan func(*sql.Rows) error) error {
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
