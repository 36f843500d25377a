package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

// fillArchive fills an empty database with cases whose events were sent to five endpoints:
// most were delivered, some failed or were given up, and much waits for one of them. Beside them
// are 1,995 endpoints that fail. It returns what there is to be shown.
func (r *results) fillArchive(ctx context.Context, data, url string) (a archive, err error) {
	r.progress("%d cases, and %d deliveries", archiveCases, archiveCases*eventsOfEach*archivePartner)
	if err := a.fill(ctx, data, url); err != nil {
		return a, err
	}
	db, err := r.database.open(url)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := a.shape(ctx, db); err != nil {
		return a, err
	}
	return a, r.database.settle(ctx, db)
}

// fill has events of cases recorded for endpoints that are paused, one case of as many as
// there can be, and then as many other endpoints made as an organisation may have.
func (a *archive) fill(ctx context.Context, data, url string) (err error) {
	h, err := open(ctx, data, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	for range archivePartner {
		a.well = a.behind
		if a.behind, err = h.subscribe(ctx, "http://127.0.0.1:1/", caseupdate.EventAddCaseComment); err != nil {
			return err
		}
		if _, err := h.PauseEndpoint(ctx, h.caller, a.behind, nil); err != nil {
			return err
		}
	}
	err = together(ctx, archiveCases*eventsOfEach/batch, func(ctx context.Context, _ int) error {
		_, err := h.Tell(ctx, h.caller, comments(batch/eventsOfEach, eventsOfEach), func(int) string { return "" }, nil)
		return err
	})
	if err != nil {
		return err
	}
	longest := comments(1, eventsOfLongest)
	a.longID = longest[0].CaseID
	for part := range slices.Chunk(longest, batch) {
		if _, err := h.Tell(ctx, h.caller, part, func(int) string { return "" }, nil); err != nil {
			return err
		}
	}
	for range store.MaxEndpoints - archivePartner {
		if _, err := h.subscribe(ctx, "http://127.0.0.1:1/", caseupdate.EventReopenCase); err != nil {
			return err
		}
	}
	return together(ctx, archiveCases, h.note)
}

// comments returns tellings of cases that are not known yet, so many of each.
func comments(cases, ofEach int) []service.Telling {
	payload := json.RawMessage(`{"comment":{"id":"1","text":"It itches, most of all in the evening.","isRestricted":false,
		"createdAt":"2026-11-23T14:05:06.789Z","author":{"firstName":"Sam","lastName":"Sample"},"attachments":[]}}`)
	var all []service.Telling
	for range cases {
		caseID := uuid.NewString()
		for range ofEach {
			all = append(all, service.Telling{CaseID: caseID, Event: string(caseupdate.EventAddCaseComment), Payload: payload})
		}
	}
	return all
}

// note has an entry of the audit written; one of a thousand has an operation that is rare.
func (h *house) note(ctx context.Context, i int) error {
	caller := h.caller
	caller.KeyID = "k"
	e := &service.AuditEntry{RequestID: uuid.NewString(), Method: "GET", Operation: "getCase", Status: 200, At: time.Now()}
	if i%1000 == 0 {
		e.Operation = "eraseCase"
	}
	if err := h.Attribute(ctx, e, caller); err != nil {
		return err
	}
	return h.RecordAuditEntry(ctx, e)
}

// shape has what waits be as it would be after some weeks, and finds what is to be shown.
func (a *archive) shape(ctx context.Context, db *sql.DB) error {
	for _, statement := range []struct {
		text      string
		arguments []any
	}{
		// The last digits of an id are random: of 256 deliveries one failed, and one was given up.
		{`
			UPDATE deliveries
			SET tries = 1, finished_at = created_at + 40, state = CASE substr(id, 35, 2) WHEN '00' THEN 'failed' WHEN '01' THEN 'canceled' ELSE 'delivered' END
			WHERE endpoint_id <> $1 OR id NOT IN (SELECT id FROM deliveries WHERE endpoint_id = $1 ORDER BY id DESC LIMIT $2)`, []any{a.behind, backlog}},
		{`UPDATE deliveries SET tries = 3, due_at = created_at WHERE state = 'pending' AND substr(id, 35, 2) = '02'`, nil},
		{`
			INSERT INTO attempts (delivery_id, number, started_at, milliseconds, status_code)
			SELECT id, tries, created_at, 40, CASE state WHEN 'delivered' THEN 204 ELSE 500 END
			FROM deliveries
			WHERE tries > 0`, nil},
		{`
			UPDATE lanes
			SET due_at = NULL
			WHERE endpoint_id <> $1 OR lane NOT IN (SELECT lane FROM deliveries WHERE endpoint_id = $1 AND state = 'pending')`, []any{a.behind}},
		{`UPDATE cases SET status = 'ABANDONED' WHERE substr(id, 34, 3) = '000'`, nil},
		{`UPDATE cases SET is_archived = $1 WHERE substr(id, 34, 3) = '001'`, []any{true}},
		{`UPDATE cases SET is_escalated = $1 WHERE substr(id, 34, 3) = '002'`, []any{true}},
		{`INSERT INTO endpoint_health (endpoint_id, failures, closed_at, probe_at, probing, failed_at, status_code) VALUES ($1, 12, 0, 9000000000000, 0, 0, 503)`, []any{a.behind}},
		{`
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 11500)
			INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, waiting)
			SELECT organization_id, (SELECT MAX(created_at) FROM deliveries) / 60000 * 60000 - i * 60000, id, 1000, 10
			FROM n
			CROSS JOIN endpoints
			WHERE id <= $1`, []any{a.behind}},
		// Of the others each fails, and has five messages that wait and an hour of traffic.
		{`
			INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, created_at)
			SELECT substr(d.id, 1, 24) || substr(endpoints.id, 25), d.organization_id, d.event_id, d.event_type, endpoints.id, d.case_id, d.case_id, 1, 'pending', d.created_at
			FROM (SELECT * FROM deliveries ORDER BY id LIMIT 5) AS d
			CROSS JOIN endpoints
			WHERE endpoints.id > $1`, []any{a.behind}},
		{`
			INSERT INTO endpoint_health (endpoint_id, failures, probing, failed_at, status_code)
			SELECT id, 3, 0, 0, 503
			FROM endpoints
			WHERE id > $1`, []any{a.behind}},
		{`
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
			INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, waiting)
			SELECT organization_id, (SELECT MAX(created_at) FROM deliveries) / 60000 * 60000 - i * 60000, id, 10, 5
			FROM n
			CROSS JOIN endpoints
			WHERE id > $1`, []any{a.behind}},
		{`
			INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, waiting)
			SELECT organization_id, minute, '', SUM(delivered), SUM(waiting)
			FROM traffic
			GROUP BY organization_id, minute`, nil},
		{`UPDATE traffic SET latencies = $1`, []any{[]byte{8, 100, 9, 200, 1, 10, 200, 1, 11, 80, 15, 4}}},
	} {
		if _, err := db.ExecContext(ctx, statement.text, statement.arguments...); err != nil {
			return fmt.Errorf("shape what waits: %w", err)
		}
	}
	var middle int64
	for _, find := range []struct {
		text      string
		arguments []any
		target    []any
	}{
		{`SELECT id, short_id, created_at FROM cases ORDER BY id LIMIT 1 OFFSET 50000`, nil, []any{&a.caseID, &a.shortID, &middle}},
		{`SELECT id FROM events ORDER BY position LIMIT 1 OFFSET 50000`, nil, []any{&a.eventID}},
		{`SELECT id, created_at FROM deliveries ORDER BY id LIMIT 1 OFFSET 500000`, nil, []any{&a.delivery, &middle}},
		{`SELECT id FROM deliveries WHERE state = 'failed' ORDER BY id DESC LIMIT 1`, nil, []any{&a.failed}},
		{`SELECT id FROM deliveries WHERE case_id = $1 ORDER BY id DESC LIMIT 1`, []any{a.longID}, []any{&a.ofLongest}},
		{`SELECT id FROM deliveries WHERE state = 'pending' AND endpoint_id = $1 ORDER BY id DESC LIMIT 1`, []any{a.behind}, []any{&a.waiting}},
	} {
		if err := db.QueryRowContext(ctx, find.text, find.arguments...).Scan(find.target...); err != nil {
			return fmt.Errorf("find what is to be shown: %w", err)
		}
	}
	a.middle = time.UnixMilli(middle)
	return nil
}
