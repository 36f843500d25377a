package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Retention is how long what is finished is kept. The log, the receipts, the audit and what waits
// are kept for ever.
type Retention struct {
	Deliveries time.Duration // that were delivered or canceled, with their attempts
	Failed     time.Duration // deliveries that failed, with their attempts
	Answers    time.Duration // to requests with an idempotency key
}

// maxPruned is how many rows one transaction removes.
const maxPruned = 500

// Pruner removes what is kept no longer, in small transactions, so that nobody waits for
// it. It is used by one goroutine at a time.
type Pruner struct {
	store *Store
	keep  Retention
	after string // the delivery up to which all was looked at
}

// NewPruner returns a Pruner that keeps what is younger than keep says.
func (s *Store) NewPruner(keep Retention) *Pruner { return &Pruner{store: s, keep: keep} }

// Prune removes a little, and reports whether there is more to look at.
func (p *Pruner) Prune(ctx context.Context) (more bool, err error) {
	deliveries, err := p.deliveries(ctx)
	if err != nil {
		return false, fmt.Errorf("remove old deliveries: %w", err)
	}
	now := p.store.now()
	removed := int64(0)
	for _, statement := range []struct {
		text   string
		before time.Time
	}{
		{`
			DELETE FROM idempotency_keys
			WHERE (organization_id, hash) IN (
				SELECT organization_id, hash
				FROM idempotency_keys
				WHERE created_at < $1
				ORDER BY created_at
				LIMIT $2)`, now.Add(-p.keep.Answers)},
		{`
			DELETE FROM replays
			WHERE id IN (
				SELECT id
				FROM replays
				WHERE finished_at < $1
				LIMIT $2)`, now.Add(-p.keep.Deliveries)},
	} {
		n, err := p.remove(ctx, statement.text, statement.before.UnixMilli(), maxPruned)
		if err != nil {
			return false, fmt.Errorf("remove old answers and replays: %w", err)
		}
		removed = max(removed, n)
	}
	return deliveries || removed == maxPruned, nil
}

// remove runs a statement, where there is something to do: reading costs less than an
// empty transaction.
func (p *Pruner) remove(ctx context.Context, statement string, arguments ...any) (n int64, err error) {
	err = p.store.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, statement, arguments...)
		if err == nil {
			n, err = result.RowsAffected()
		}
		return err
	})
	return n, err
}

var (
	pruneDeliveries = over(`id text`, `
		DELETE FROM deliveries
		WHERE id IN (SELECT id FROM u) AND state <> 'pending'
		RETURNING id`)
	pruneAttempts = over(`id text`, `
		DELETE FROM attempts
		WHERE delivery_id IN (SELECT id FROM u)`)
)

// deliveries removes those that are old among the next ones, in the order in which they
// were made. At the end it begins again.
func (p *Pruner) deliveries(ctx context.Context) (more bool, err error) {
	now := p.store.now()
	oldest := now.Add(-min(p.keep.Deliveries, p.keep.Failed))
	rows, err := p.store.readers.QueryContext(ctx, `
		SELECT id, state, COALESCE(finished_at, 0)
		FROM deliveries
		WHERE id > $1 AND id < $2
		ORDER BY id
		LIMIT $3`, p.after, firstID(oldest), maxPruned)
	if err != nil {
		return false, err
	}
	var old [][]any
	looked := 0
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		var state State
		var finished int64
		err := rows.Scan(&id, &state, &finished)
		looked++
		p.after = id
		keep := p.keep.Deliveries
		if state == Failed {
			keep = p.keep.Failed
		}
		if state != Pending && finished < now.Add(-keep).UnixMilli() {
			old = append(old, []any{id})
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if looked < maxPruned {
		p.after = ""
	}
	if len(old) == 0 {
		return looked == maxPruned, nil
	}
	err = p.store.writer.task(ctx, func(ctx context.Context, _ *sql.Conn) error {
		var removed [][]any // not those that somebody has put back meanwhile
		run := p.store.writer.runner.run
		err := run(ctx, "", []step{{batch: pruneDeliveries, rows: old, scan: func(row scanner) error {
			var id string
			err := row.Scan(&id)
			removed = append(removed, []any{id})
			return err
		}}}, "")
		if err != nil {
			return err
		}
		return run(ctx, "", []step{{batch: pruneAttempts, rows: removed}}, "")
	})
	return looked == maxPruned, err
}

// firstID returns the least id that newID makes at a moment.
func firstID(moment time.Time) string {
	ms := max(moment.UnixMilli(), 0)
	return fmt.Sprintf("%08x-%04x-7000-8000-000000000000", ms>>16, ms&0xffff)
}
