package store

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

// maxPreviewed is how many events of the log, or deliveries that failed, a preview looks at:
// as many as a case can have.
const maxPreviewed = 10_000

// ReplayPreview is how many messages a replay would send: of events that the endpoint is
// subscribed to now, those too that it is not cleared for or that wait for it already, which the
// replay leaves out.
type ReplayPreview struct {
	Messages int64
	// More is whether there may be more: not all was looked at, but the last 10,000 events of
	// the log, or 10,000 deliveries that failed.
	More bool
}

// PreviewReplay returns how many messages a replay would send if it began at its CreatedAt.
// The error is ErrNotFound where there is no such endpoint or case.
func (s *Store) PreviewReplay(ctx context.Context, r *Replay) (preview ReplayPreview, err error) {
	endpoint, err := s.Endpoint(ctx, r.OrganizationID, r.EndpointID)
	if err != nil {
		return preview, err
	}
	if r.CaseID != "" {
		if _, _, err := s.Case(ctx, r.OrganizationID, r.CaseID, 0); err != nil {
			return preview, err
		}
	}
	query, arguments := r.candidates()
	rows, err := s.readers.QueryContext(ctx, query, arguments...)
	if err != nil {
		return preview, fmt.Errorf("preview a replay: %w", err)
	}
	var looked int64
	err = scanAll(rows, func(rows *sql.Rows) error {
		var event caseupdate.Event
		var all, wanted int64
		err := rows.Scan(&event, &all, &wanted)
		looked += all
		if endpoint.Subscribes(event) && (len(r.Events) == 0 || slices.Contains(r.Events, event)) {
			preview.Messages += wanted
		}
		return err
	})
	if err != nil {
		return preview, fmt.Errorf("preview a replay: %w", err)
	}
	preview.More = looked == maxPreviewed
	return preview, nil
}

// candidates returns the query of what a preview looks at: the name of each event, how many
// there are, and how many in the time of the replay.
func (r *Replay) candidates() (query string, arguments []any) {
	if r.OnlyFailed {
		where := r.failures("")
		return `
		SELECT event_type, COUNT(*), COUNT(*)
		FROM (
			SELECT event_type
			FROM deliveries
			WHERE ` + where.text + `
			LIMIT ` + strconv.Itoa(maxPreviewed) + `) AS failed
		GROUP BY event_type`, where.arguments
	}
	of, order, id := `organization_id`, `transaction_id DESC, position DESC`, r.OrganizationID
	if r.CaseID != "" {
		of, order, id = `case_id`, `sequence`, r.CaseID
	}
	return `
		SELECT type, COUNT(*), COALESCE(SUM(CASE WHEN at >= $2 AND at < $3 THEN 1 ELSE 0 END), 0)
		FROM (
			SELECT type, at
			FROM events
			WHERE ` + of + ` = $1 AND type <> ''
			ORDER BY ` + order + `
			LIMIT ` + strconv.Itoa(maxPreviewed) + `) AS latest
		GROUP BY type`, []any{id, orTime(r.Since, math.MinInt64), orTime(r.Until, math.MaxInt64)}
}

// orTime returns a time in milliseconds, or a bound where it is nil.
func orTime(t *time.Time, bound int64) int64 {
	if t == nil {
		return bound
	}
	return t.UnixMilli()
}
