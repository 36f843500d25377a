package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// MaxBacklog is up to how many messages that wait for an endpoint are counted when they are
// asked for.
const MaxBacklog = 10_000

// Backlog is what waits for an endpoint. What is being sent is among it.
type Backlog struct {
	Messages int64      // MaxBacklog: that many, or more
	Since    *time.Time // when the oldest of them was recorded, but for what is replayed; nil where there is none
}

// oldestWaiting is when the oldest of what waits for an endpoint was recorded, but for what is
// replayed. It is found by an index that has this order alone; see deliveryList.
const oldestWaiting = `
				SELECT created_at
				FROM deliveries
				WHERE deliveries.endpoint_id >= endpoints.id AND deliveries.endpoint_id <= endpoints.id
					AND deliveries.state = 'pending' AND deliveries.tries >= 0 AND deliveries.replay_id IS NULL
				ORDER BY deliveries.endpoint_id, deliveries.id
				LIMIT 1`

// Backlogs returns what waits for those of some endpoints for which something waits, by their
// ids. Whose they are is not asked: they are to be endpoints that the caller may see.
func (s *Store) Backlogs(ctx context.Context, endpointIDs []string) (map[string]Backlog, error) {
	if len(endpointIDs) == 0 {
		return nil, nil
	}
	where := conditions{text: `state <> 'deleted'`, arguments: []any{MaxBacklog}}
	where.among(`id`, endpointIDs)
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, (
				SELECT COUNT(*)
				FROM (
					SELECT 1
					FROM deliveries
					WHERE deliveries.endpoint_id = endpoints.id AND deliveries.state = 'pending'
					LIMIT $1) AS waiting), (`+oldestWaiting+`)
		FROM endpoints
		WHERE `+where.text, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	backlogs := make(map[string]Backlog)
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		var b Backlog
		var since sql.NullInt64
		err := rows.Scan(&id, &b.Messages, &since)
		if b.Since = maybeAt(since); b.Messages > 0 {
			backlogs[id] = b
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what waits: %w", err)
	}
	return backlogs, nil
}
