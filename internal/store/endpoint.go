package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

// MaxEndpoints is how many endpoints an organisation has at most, beside those that were deleted:
// each change is looked at for all of them.
const MaxEndpoints = 2000

// ErrTooManyEndpoints means that an organisation has MaxEndpoints.
var ErrTooManyEndpoints = errors.New("the organisation has as many endpoints as it may")

// InsertEndpoint keeps a new endpoint, which has its id and its organisation. The error is
// ErrTooManyEndpoints where there may be no more.
func (s *Store) InsertEndpoint(ctx context.Context, e *subscription.Endpoint, once *Kept) error {
	org, err := s.organization(ctx, e.OrganizationID)
	if err != nil {
		return err
	}
	sealed, err := sealEndpoint(org, e)
	if err != nil {
		return err
	}
	keep, err := s.keep(org, once)
	if err != nil {
		return err
	}
	err = s.changeEndpoints(ctx, org.ID, func(ctx context.Context, conn *sql.Conn) error {
		var n int
		err := conn.QueryRowContext(ctx, `
			SELECT COUNT(*)
			FROM endpoints
			WHERE organization_id = $1 AND state <> 'deleted'`, org.ID).Scan(&n)
		if err != nil {
			return err
		}
		if n >= MaxEndpoints {
			return ErrTooManyEndpoints
		}
		if _, err := conn.ExecContext(ctx, `
			INSERT INTO endpoints (id, organization_id, state, settings)
			VALUES ($1, $2, $3, $4)`,
			e.ID, org.ID, string(e.State), sealed); err != nil {
			return err
		}
		return keep(ctx, conn)
	})
	if err != nil && !errors.Is(err, ErrAnswered) {
		return fmt.Errorf("insert endpoint %s: %w", e.ID, err)
	}
	return err
}

// UpdateEndpoint has an endpoint changed as it is now, whoever changed it last, and
// returns it. Change returns the answer to be kept, or nil; after its error nothing is
// changed. Where others are in the way it is called again, with the endpoint as they left
// it. Where the endpoint asks for order now, what waits for it is in the order of its cases
// from then on; where that is much, the endpoint is Moving, and is sent nothing until
// [Store.AdvanceMove] is done. The error is ErrNotFound where there is none.
func (s *Store) UpdateEndpoint(ctx context.Context, organizationID, id string, change func(*subscription.Endpoint) (*Kept, error)) (*subscription.Endpoint, error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	var endpoint *subscription.Endpoint
	err = s.changeEndpoints(ctx, organizationID, func(ctx context.Context, conn *sql.Conn) (err error) {
		if endpoint, err = readEndpoint(ctx, conn, org, id); err != nil {
			return err
		}
		was := endpoint.Ordering
		once, err := change(endpoint)
		if err != nil {
			return err
		}
		sealed, err := sealEndpoint(org, endpoint)
		if err != nil {
			return err
		}
		switch {
		case endpoint.Ordering == was:
		case endpoint.Ordering == subscription.OrderingNone:
			endpoint.Moving = false
		default:
			if endpoint.Moving, err = s.intoOrder(ctx, conn, endpoint); err != nil {
				return err
			}
		}
		if _, err := conn.ExecContext(ctx, `
			UPDATE endpoints
			SET state = $2, settings = $3, moved_to = CASE WHEN $4 = 1 THEN COALESCE(moved_to, '') END
			WHERE id = $1`, id, string(endpoint.State), sealed, number(endpoint.Moving)); err != nil {
			return err
		}
		keep, err := s.keep(org, once)
		if err != nil {
			return err
		}
		return keep(ctx, conn)
	})
	if err != nil {
		return nil, fmt.Errorf("update endpoint %s: %w", id, err)
	}
	return endpoint, nil
}

// DisableEndpoint has an endpoint that is active sent nothing until it is resumed, and
// returns it as it is now. The error is ErrNotFound where there is none.
func (s *Store) DisableEndpoint(ctx context.Context, organizationID, id string) (*subscription.Endpoint, error) {
	err := s.changeEndpoints(ctx, organizationID, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `
			UPDATE endpoints
			SET state = 'disabled'
			WHERE id = $1 AND organization_id = $2 AND state = 'active'`, id, organizationID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("disable endpoint %s: %w", id, err)
	}
	return s.Endpoint(ctx, organizationID, id)
}

// DeleteEndpoint forgets an endpoint and its settings but for a [DeletedEndpoint], and cancels
// what still waits for it. Its deliveries can still be read. The error is ErrNotFound where
// there is none.
func (s *Store) DeleteEndpoint(ctx context.Context, organizationID, id string) error {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return err
	}
	known := make(map[string]*subscription.Endpoint)
	err = s.changeEndpoints(ctx, organizationID, func(ctx context.Context, conn *sql.Conn) error {
		endpoint, err := readEndpoint(ctx, conn, org, id)
		if err != nil {
			return err
		}
		known[id] = endpoint
		kept, err := sealSettings(org, id, DeletedEndpoint{Recipient: endpoint.Recipient(), Description: endpoint.Description, DeletedAt: s.now().UTC()})
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `
			UPDATE endpoints
			SET state = 'deleted', settings = $2
			WHERE id = $1`, id, kept); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx, `
			DELETE FROM endpoint_health
			WHERE endpoint_id = $1`, id)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return err
	}
	if err == nil {
		err = s.cancelAll(ctx, id, known)
	}
	if err != nil {
		return fmt.Errorf("delete endpoint %s: %w", id, err)
	}
	return nil
}

// everything is the clearance of an endpoint of which that is not known any more.
var everything = subscription.Clearance{PHI: true, Restricted: true}

// cancelAll cancels what waits for an endpoint that was deleted, a little at a time:
// it may be much, and others write too. The endpoint is in known where it still is.
func (s *Store) cancelAll(ctx context.Context, endpointID string, known map[string]*subscription.Endpoint) error {
	cancel := func(ctx context.Context, conn *sql.Conn) (int64, error) {
		ids, err := readIDs(ctx, conn, `
			SELECT id
			FROM deliveries
			WHERE endpoint_id = $1 AND state = 'pending'
			ORDER BY lane, sequence
			LIMIT 1000`, endpointID)
		if err != nil {
			return 0, err
		}
		given, err := s.giveUp(ctx, conn, ids, "", known)
		return int64(len(given)), err
	}
	remove := func(ctx context.Context, conn *sql.Conn) (int64, error) {
		result, err := conn.ExecContext(ctx, `
			DELETE FROM lanes
			WHERE endpoint_id = $1 AND lane IN (
				SELECT lane
				FROM lanes
				WHERE endpoint_id = $1
				LIMIT 1000)`, endpointID)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
	for _, some := range []func(context.Context, *sql.Conn) (int64, error){cancel, remove} {
		for more := true; more; {
			err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
				n, err := some(ctx, conn)
				more = n > 0
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// finishDeletions cancels what waits for endpoints that were deleted by a process
// that ended before it was done.
func (s *Store) finishDeletions(ctx context.Context) error {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id
		FROM endpoints
		WHERE state = 'deleted' AND EXISTS (
			SELECT 1
			FROM deliveries
			WHERE deliveries.endpoint_id = endpoints.id AND deliveries.state = 'pending')`)
	if err != nil {
		return fmt.Errorf("find deleted endpoints: %w", err)
	}
	var ids []string
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	for _, id := range ids {
		err = errors.Join(err, s.cancelAll(ctx, id, nil))
	}
	if err != nil {
		return fmt.Errorf("finish the deletion of endpoints: %w", err)
	}
	return nil
}

// changeEndpoints runs f, and sees to it that no change made up from the endpoints
// as they were before commits after it.
func (s *Store) changeEndpoints(ctx context.Context, organizationID string, f func(context.Context, *sql.Conn) error) error {
	defer s.forgetOrganization(organizationID)
	return s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := s.connection.changeEndpoints(ctx, conn, organizationID); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `
			UPDATE organizations
			SET endpoints_version = endpoints_version + 1
			WHERE id = $1`, organizationID); err != nil {
			return err
		}
		if err := s.connection.notify(ctx, conn, endpointsChanged+" "+organizationID); err != nil {
			return err
		}
		return f(ctx, conn)
	})
}

// Endpoint returns an endpoint, which the caller must not change, or ErrNotFound.
func (s *Store) Endpoint(ctx context.Context, organizationID, id string) (*subscription.Endpoint, error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	endpoint, ok := org.byID[id]
	if !ok {
		return nil, ErrNotFound
	}
	return endpoint, nil
}

// EndpointByID is [Store.Endpoint] for whoever works on endpoints of all
// organisations.
func (s *Store) EndpointByID(ctx context.Context, id string) (*subscription.Endpoint, error) {
	var organizationID string
	err := s.readers.QueryRowContext(ctx, `
		SELECT organization_id
		FROM endpoints
		WHERE id = $1`, id).Scan(&organizationID)
	if err != nil {
		return nil, oneRow("an endpoint", err)
	}
	return s.Endpoint(ctx, organizationID, id)
}

// AllEndpoints is the limit that is none.
const AllEndpoints = -1

// Endpoints returns at most limit endpoints of an organisation, or [AllEndpoints], whose id
// comes after another, in the order in which they were made. The caller must not change them.
func (s *Store) Endpoints(ctx context.Context, organizationID, after string, limit int) ([]*subscription.Endpoint, error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	return s.readEndpoints(ctx, org, after, limit)
}

// KnownEndpoints returns all endpoints of an organisation as this process last saw them, in the
// order in which they were made. The caller must not change them.
func (s *Store) KnownEndpoints(ctx context.Context, organizationID string) ([]*subscription.Endpoint, error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	return org.endpoints, nil
}

// readEndpoints returns endpoints as they are in the database.
func (s *Store) readEndpoints(ctx context.Context, org *organization, after string, limit int) ([]*subscription.Endpoint, error) {
	query := `
		SELECT id, state, settings, moved_to IS NOT NULL
		FROM endpoints
		WHERE organization_id = $1 AND id > $2 AND state <> 'deleted'
		ORDER BY id`
	arguments := []any{org.ID, after}
	if limit != AllEndpoints {
		query += `
		LIMIT $3`
		arguments = append(arguments, limit)
	}
	rows, err := s.readers.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	var endpoints []*subscription.Endpoint
	err = scanAll(rows, func(rows *sql.Rows) error {
		endpoint, err := openEndpoint(org, rows)
		if err != nil {
			return err
		}
		endpoints = append(endpoints, endpoint)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	return endpoints, nil
}

// readEndpoint returns an endpoint as it is in the database, for who changes it.
func readEndpoint(ctx context.Context, conn *sql.Conn, org *organization, id string) (*subscription.Endpoint, error) {
	endpoint, err := openEndpoint(org, conn.QueryRowContext(ctx, `
		SELECT id, state, settings, moved_to IS NOT NULL
		FROM endpoints
		WHERE id = $1 AND organization_id = $2 AND state <> 'deleted'`, id, org.ID))
	if err != nil {
		return nil, oneRow("an endpoint", err)
	}
	return endpoint, nil
}

// sealEndpoint returns an endpoint as it is kept.
func sealEndpoint(org *organization, e *subscription.Endpoint) ([]byte, error) {
	return sealSettings(org, e.ID, e)
}

// sealSettings returns what is kept of an endpoint.
func sealSettings(org *organization, id string, settings any) ([]byte, error) {
	encoded, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("encode endpoint %s: %w", id, err)
	}
	sealed, err := org.key.Seal(encoded, endpointPlace(id))
	if err != nil {
		return nil, fmt.Errorf("seal endpoint %s: %w", id, err)
	}
	return sealed, nil
}

// openEndpoint returns the endpoint of a row of its id, state and settings, and whether
// what waits for it is being moved.
func openEndpoint(org *organization, row scanner) (*subscription.Endpoint, error) {
	var id, state string
	var sealed []byte
	var moving bool
	if err := row.Scan(&id, &state, &sealed, &moving); err != nil {
		return nil, err
	}
	settings, err := org.key.Open(sealed, endpointPlace(id))
	if err != nil {
		return nil, fmt.Errorf("open endpoint %s: %w", id, err)
	}
	endpoint := &subscription.Endpoint{State: subscription.State(state), Moving: moving}
	if err := json.Unmarshal(settings, endpoint); err != nil {
		return nil, fmt.Errorf("decode endpoint %s: its settings are not those of an endpoint", id)
	}
	return endpoint, nil
}

func endpointPlace(id string) vault.Where {
	return vault.Where{Table: "endpoints", Row: id, Column: "settings"}
}

// oneChanged returns ErrNotFound where a statement changed no row.
func oneChanged(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrNotFound)
	}
	return nil
}
