package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Retention is how long what is finished is kept. The log, the receipts, the audit and what waits
// are kept for ever, and traffic for [TrafficKept].
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
}

// NewPruner returns a Pruner that keeps what is younger than keep says.
func (s *Store) NewPruner(keep Retention) *Pruner { return &Pruner{store: s, keep: keep} }

// Prune removes a little, and reports whether there is more. What waits is not looked at,
// and nothing is written where nothing is old.
func (p *Pruner) Prune(ctx context.Context) (more bool, err error) {
	now := p.store.now()
	for _, kept := range []struct {
		state State
		keep  time.Duration
	}{
		{Delivered, p.keep.Deliveries},
		{Canceled, p.keep.Deliveries},
		{Failed, p.keep.Failed},
	} {
		n, err := p.deliveries(ctx, kept.state, now.Add(-kept.keep))
		if err != nil {
			return false, fmt.Errorf("remove old deliveries: %w", err)
		}
		more = more || n == maxPruned
	}
	for _, statement := range []struct {
		find, remove string
		before       time.Time
	}{
		{`
			SELECT EXISTS (
				SELECT 1
				FROM idempotency_keys
				WHERE created_at < $1)`, `
			DELETE FROM idempotency_keys
			WHERE (organization_id, hash) IN (
				SELECT organization_id, hash
				FROM idempotency_keys
				WHERE created_at < $1
				ORDER BY created_at
				LIMIT $2)`, now.Add(-p.keep.Answers)},
		{`
			SELECT EXISTS (
				SELECT 1
				FROM replays
				WHERE finished_at < $1)`, `
			DELETE FROM replays
			WHERE id IN (
				SELECT id
				FROM replays
				WHERE finished_at < $1
				LIMIT $2)`, now.Add(-p.keep.Deliveries)},
		{`
			SELECT EXISTS (
				SELECT 1
				FROM sessions
				WHERE expires_at < $1)`, `
			DELETE FROM sessions
			WHERE hash IN (
				SELECT hash
				FROM sessions
				WHERE expires_at < $1
				ORDER BY expires_at
				LIMIT $2)`, now},
		{`
			SELECT EXISTS (
				SELECT 1
				FROM traffic
				WHERE minute < $1)`, `
			DELETE FROM traffic
			WHERE (organization_id, minute, endpoint_id) IN (
				SELECT organization_id, minute, endpoint_id
				FROM traffic
				WHERE minute < $1
				ORDER BY minute
				LIMIT $2)`, now.Add(-TrafficKept)},
	} {
		n, err := p.remove(ctx, statement.find, statement.remove, statement.before.UnixMilli())
		if err != nil {
			return false, fmt.Errorf("remove old answers, replays, sessions and traffic: %w", err)
		}
		more = more || n == maxPruned
	}
	return more, nil
}

// remove removes what is older than before, where there is something: to find that out
// costs less than an empty transaction.
func (p *Pruner) remove(ctx context.Context, find, remove string, before int64) (n int64, err error) {
	var found bool
	if err := p.store.readers.QueryRowContext(ctx, find, before).Scan(&found); err != nil || !found {
		return 0, err
	}
	err = p.store.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, remove, before, maxPruned)
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

// deliveries removes those of a state that were finished before a moment, the oldest
// first, and returns how many it has found.
func (p *Pruner) deliveries(ctx context.Context, state State, before time.Time) (found int, err error) {
	rows, err := p.store.readers.QueryContext(ctx, `
		SELECT id
		FROM deliveries
		WHERE state = $1 AND finished_at < $2
		ORDER BY finished_at
		LIMIT $3`, string(state), before.UnixMilli(), maxPruned)
	if err != nil {
		return 0, err
	}
	var old [][]any
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		old = append(old, []any{id})
		return err
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	inOrder(old, 1)
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
	return len(old), err
}
