package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

const rounds = 5 // of a steady load, each as long as the others

// kept is how long what is pruned is kept while its size is measured: less than a round, so
// that even the first ends with as much pruned as comes.
const kept = 2 * time.Second

// measureSize measures how large all grows that is pruned while a load goes on, at the end of
// each of several rounds: deliveries, attempts and kept answers, and their indexes. The log
// and the receipts, which are kept for ever, are left out.
func (r *results) measureSize(ctx context.Context, sink *sinkClient, data string) (err error) {
	url, err := r.database.create(ctx, data)
	if err != nil {
		return err
	}
	h, err := open(ctx, data, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	db, err := r.database.open(url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := h.subscribe(ctx, sink.url+"/fast", caseupdate.EventAddCaseComment); err != nil {
		return err
	}
	ids, err := h.openCases(ctx, cases)
	if err != nil {
		return err
	}
	pruning, stop := context.WithCancel(ctx)
	pruned := make(chan error, 1)
	go func() {
		pruned <- pruneSteadily(pruning, h.store.NewPruner(store.Retention{Deliveries: kept, Failed: kept, Answers: kept}))
	}()
	defer func() { stop(); err = errors.Join(err, <-pruned) }()
	for round := range rounds {
		r.progress("the size of the database, round %d of %d", round+1, rounds)
		_, err := r.rush(ctx, sink, func(ctx context.Context, i int) error {
			once := &service.Repeatable{Key: fmt.Sprint(round, "-", i), Answer: func(any) ([]byte, error) { return []byte("{}"), nil }}
			_, err := h.Change(ctx, h.caller, ids[i%cases], caselog.AddComment{Text: filling}, once)
			return err
		})
		if err != nil {
			return err
		}
		size, err := r.database.size(ctx, db, "deliveries", "attempts", "idempotency_keys")
		if err != nil {
			return err
		}
		r.sizes = append(r.sizes, size)
	}
	return nil
}

// pruneSteadily removes what is old, many times a second, until ctx is done.
func pruneSteadily(ctx context.Context, pruner *store.Pruner) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		for more := true; more; {
			var err error
			if more, err = pruner.Prune(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// sizeInSQLite returns how large tables are with their indexes, in MB. Pages that are free
// are used again before the file grows.
func sizeInSQLite(ctx context.Context, db *sql.DB, tables ...string) (mb float64, err error) {
	var bytes float64
	for _, table := range tables {
		var size float64
		err := db.QueryRowContext(ctx, `
			SELECT COALESCE(SUM(pgsize), 0)
			FROM dbstat
			WHERE name IN (SELECT name FROM sqlite_schema WHERE tbl_name = $1)`, table).Scan(&size)
		if err != nil {
			return 0, fmt.Errorf("read the size of %s: %w", table, err)
		}
		bytes += size
	}
	return bytes / (1 << 20), nil
}

// sizeInPostgres returns how large tables are with their indexes, in MB. Rows that were
// removed are counted until the server has made room of them (VACUUM), as it does by itself.
func sizeInPostgres(ctx context.Context, db *sql.DB, tables ...string) (mb float64, err error) {
	var bytes float64
	for _, table := range tables {
		var size float64
		if _, err := db.ExecContext(ctx, `VACUUM `+table); err != nil {
			return 0, fmt.Errorf("vacuum %s: %w", table, err)
		}
		if err := db.QueryRowContext(ctx, `SELECT pg_total_relation_size($1::regclass)`, table).Scan(&size); err != nil {
			return 0, fmt.Errorf("read the size of %s: %w", table, err)
		}
		bytes += size
	}
	return bytes / (1 << 20), nil
}
