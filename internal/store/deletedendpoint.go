package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// DeletedEndpoint is what is kept of an endpoint that was deleted: what it was called, so that
// its deliveries tell to whom they went.
type DeletedEndpoint struct {
	ID          string    `json:"-"`
	Recipient   string    `json:"recipient"` // see [subscription.Endpoint.Recipient]
	Description string    `json:"description"`
	DeletedAt   time.Time `json:"deletedAt"`
}

// DeletedEndpoints returns what is kept of those of the endpoints of an organisation that were
// deleted, in no order.
func (s *Store) DeletedEndpoints(ctx context.Context, organizationID string, ids []string) ([]DeletedEndpoint, error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	where := among(ids)
	where.and(`organization_id || '' = ?`, org.ID)
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, settings
		FROM endpoints
		WHERE `+where.text+` AND state = 'deleted'`, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("read deleted endpoints: %w", err)
	}
	var deleted []DeletedEndpoint
	err = scanAll(rows, func(rows *sql.Rows) error {
		e, err := openDeleted(org, rows)
		deleted = append(deleted, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read deleted endpoints: %w", err)
	}
	return deleted, nil
}

// openDeleted returns what is kept of a deleted endpoint, of a row of its id and settings. They
// are empty where nothing was kept yet when it was deleted.
func openDeleted(org *organization, row scanner) (e DeletedEndpoint, err error) {
	var sealed []byte
	if err := row.Scan(&e.ID, &sealed); err != nil || len(sealed) == 0 {
		return e, err
	}
	settings, err := org.key.Open(sealed, endpointPlace(e.ID))
	if err != nil {
		return e, fmt.Errorf("open endpoint %s: %w", e.ID, err)
	}
	if err := json.Unmarshal(settings, &e); err != nil {
		return e, fmt.Errorf("decode endpoint %s: what was kept of it is not readable", e.ID)
	}
	return e, nil
}
