package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Answer is that an endpoint answered, or did not.
type Answer struct {
	At         time.Time
	StatusCode int // 0: there was no answer
}

// LastDelivered returns how the newest message that was delivered to each of some endpoints
// was answered, by the endpoint's id. Whose they are is not asked: they are to be endpoints that
// the caller may see.
func (s *Store) LastDelivered(ctx context.Context, endpointIDs []string) (map[string]Answer, error) {
	if len(endpointIDs) == 0 {
		return nil, nil
	}
	where := conditions{text: `endpoints.state <> 'deleted'`}
	where.among(`endpoints.id`, endpointIDs)
	rows, err := s.readers.QueryContext(ctx, `
		SELECT d.endpoint_id, d.finished_at, COALESCE((
				SELECT attempts.status_code
				FROM attempts
				WHERE attempts.delivery_id = d.id AND attempts.number = d.tries), 0)
		FROM endpoints
		JOIN deliveries AS d ON d.id = (
			SELECT newest.id
			FROM deliveries AS newest
			WHERE newest.endpoint_id = endpoints.id AND newest.state = 'delivered'
			ORDER BY newest.id DESC
			LIMIT 1)
		WHERE `+where.text, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("read what was delivered last: %w", err)
	}
	answers := make(map[string]Answer)
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		var finished int64
		var a Answer
		err := rows.Scan(&id, &finished, &a.StatusCode)
		a.At = at(finished)
		answers[id] = a
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what was delivered last: %w", err)
	}
	return answers, nil
}
