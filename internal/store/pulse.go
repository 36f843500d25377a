package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/subscription"
)

// Pulse is what tells whether something is wrong with an endpoint.
type Pulse struct {
	EndpointID string
	State      subscription.State
	Health     subscription.Health
	Since      *time.Time // see [Backlog]
}

// Pulses returns how all endpoints of an organisation are. It opens none of them, and
// counts nothing that waits: there may be many.
func (s *Store) Pulses(ctx context.Context, organizationID string) ([]Pulse, error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, state, (`+oldestWaiting+`), COALESCE(failures, 0), closed_at, probe_at, COALESCE(probing, 0), flagged_at, failed_at, status_code
		FROM endpoints
		LEFT JOIN endpoint_health ON endpoint_health.endpoint_id = endpoints.id
		WHERE organization_id = $1 AND state <> 'deleted'
		ORDER BY id`, organizationID)
	if err != nil {
		return nil, fmt.Errorf("read how endpoints are: %w", err)
	}
	var all []Pulse
	err = scanAll(rows, func(rows *sql.Rows) (err error) {
		var p Pulse
		var since sql.NullInt64
		p.Health, err = scanHealth(rows, &p.EndpointID, &p.State, &since)
		p.Since = maybeAt(since)
		all = append(all, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read how endpoints are: %w", err)
	}
	return all, nil
}
