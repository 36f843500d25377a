package store

import (
	"strconv"
	"strings"
)

// dialect is what the engines say differently. All other SQL is the same text.
type dialect interface {
	// source returns the start of a statement that gives it n rows as the table u
	// with those columns, WITH u (…) AS (…), and how many rows at most fit one.
	source(columns []string, n int) string
	// arguments lays the rows out as source expects them.
	arguments(rows [][]any) []any
	// chunk returns how many of n rows one statement takes.
	chunk(n int) int
}

// sqliteDialect gives rows as VALUES. The sizes of statements are powers of two, so
// that few texts are prepared.
type sqliteDialect struct{}

const maxSQLiteRows = 64

func (sqliteDialect) source(columns []string, n int) string {
	var b strings.Builder
	b.WriteString("WITH u (" + strings.Join(columns, ", ") + ") AS (VALUES ")
	parameter := 1
	for row := range n {
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

func (sqliteDialect) arguments(rows [][]any) []any {
	flat := make([]any, 0, len(rows)*len(rows[0]))
	for _, row := range rows {
		flat = append(flat, row...)
	}
	return flat
}

func (sqliteDialect) chunk(n int) int {
	size := maxSQLiteRows
	for size > n {
		size /= 2
	}
	return size
}
