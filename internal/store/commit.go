package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

var (
	readEndpointsVersions = over(`id text`, `
		SELECT organizations.id, organizations.endpoints_version
		FROM organizations
		JOIN u ON u.id = organizations.id`)
	insertCases = over(`id text, organization_id text, short_id text, version bigint, type text, status text, is_archived boolean, is_escalated boolean, wrapped_key bytea, share text, created_at bigint, updated_at bigint`, `
		INSERT INTO cases (id, organization_id, short_id, version, type, status, is_archived, is_escalated, wrapped_key, share, created_at, updated_at)
		SELECT id, organization_id, short_id, version, type, status, is_archived, is_escalated, wrapped_key, share, created_at, updated_at
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING
		RETURNING id`)
	updateCases = over(`id text, expected bigint, version bigint, updated_at bigint`, `
		UPDATE cases
		SET version = u.version, updated_at = u.updated_at
		FROM u
		WHERE cases.id = u.id AND cases.version = u.expected
		RETURNING cases.id`)
	listCases = over(`id text, type text, status text, is_archived boolean, is_escalated boolean, created_at bigint`, `
		UPDATE cases
		SET type = u.type, status = u.status, is_archived = u.is_archived, is_escalated = u.is_escalated, created_at = u.created_at
		FROM u
		WHERE cases.id = u.id`)
	insertEvents = over(`id text, organization_id text, case_id text, sequence bigint, type text, at bigint, body bytea, recorded_at bigint`, `
		INSERT INTO events (id, organization_id, case_id, sequence, type, at, body, recorded_at)
		SELECT id, organization_id, case_id, sequence, type, at, body, recorded_at
		FROM u`)
	insertBlobs = over(`id text, case_id text, size bigint, created_at bigint`, `
		INSERT INTO blobs (id, case_id, size, created_at)
		SELECT id, case_id, size, created_at
		FROM u`)
	// A lane that is empty takes the owner or the time that is given; any other
	// keeps its own. One that is recalled counts as nobody's: it is read again first, as
	// what is new comes behind what was put back.
	useLanes = over(`endpoint_id text, lane text, added bigint, due_at bigint, owner text`, `
		INSERT INTO lanes (endpoint_id, lane, last_sequence, due_at, owner)
		SELECT endpoint_id, lane, added, due_at, owner
		FROM u
		WHERE true
		ON CONFLICT (endpoint_id, lane) DO UPDATE
		SET last_sequence = lanes.last_sequence + excluded.last_sequence,
			due_at = CASE WHEN lanes.due_at IS NULL AND lanes.owner IS NULL THEN excluded.due_at ELSE lanes.due_at END,
			owner = CASE WHEN lanes.due_at IS NULL AND lanes.owner IS NULL THEN excluded.owner ELSE lanes.owner END
		RETURNING endpoint_id, lane, last_sequence, CASE WHEN recalled = 0 AND owner IS NOT NULL THEN owner ELSE '' END`)
	insertDeliveries = over(`id text, organization_id text, event_id text, event_type text, endpoint_id text, case_id text, lane text, sequence bigint, created_at bigint`, `
		INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, created_at)
		SELECT id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, 'pending', created_at
		FROM u`)
	insertAnswers = over(`organization_id text, hash bytea, digest bytea, case_id text, answer bytea, created_at bigint`, `
		INSERT INTO idempotency_keys (organization_id, hash, digest, case_id, answer, created_at)
		SELECT organization_id, hash, digest, case_id, answer, created_at
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING
		RETURNING organization_id, hash`)
)

// write writes changes, outcomes and entries of the audit as one transaction. A change that lost a race
// says what it lost, and is not written. The error is errLost where that was found so
// late that all the others have to be written again.
//
// Rows that other processes change too are taken in one order, so that two do not
// wait for each other: the cases, the attempts, the lanes, the health of endpoints,
// their traffic, each by their keys.
func (w *writer) write(ctx context.Context, tx *transaction, changes []*change, outcomes []*outcome, entries entryRows) error {
	made := newAttempts(outcomes)
	winners, err := w.writeCases(ctx, tx, changes, made.step())
	if err != nil {
		return err
	}
	uses, ends := newUses(winners, w.node), newEnds(outcomes)
	fresh := made.fresh(outcomes)
	w.verdicts = newVerdicts(fresh)
	var steps []step
	withheld := withheldRows(outcomes)
	if lock := w.lockLanes(); lock != nil && (len(uses.rows) > 0 && len(ends.settled) > 0 || len(withheld) > 0) {
		steps = append(steps, step{batch: lock, rows: lanesOfBoth(uses, ends)}) // else one statement takes them in order anyway
	}
	answers := newAnswers(winners)
	steps = append(steps, step{batch: giveNumbersBack, rows: withheld}, step{batch: shortenLanes, rows: withheld})
	steps = append(steps, eventSteps(winners)...)
	steps = append(steps, answers.step(), uses.step())
	steps = append(steps, deliveryStep(outcomes))
	steps = append(steps, ends.steps()...)
	steps = append(steps, w.verdicts.steps()...)
	steps = append(steps, failedAttempts(fresh), w.receiptStep(outcomes))
	steps = append(steps, w.entrySteps(withEntries(winners, entries))...)
	if err := tx.run(ctx, steps...); err != nil {
		return err
	}
	if err := lose(winners, ErrAnswered, answers.won); err != nil {
		return err
	}
	return tx.commit(ctx, step{batch: insertDeliveries, rows: uses.deliveries()})
}

// writeCases begins the transaction, writes the heads of the cases, and runs also. It
// returns the changes that won: their case and the endpoints are as they were read.
func (w *writer) writeCases(ctx context.Context, tx *transaction, changes []*change, also step) (winners []*change, err error) {
	if len(changes) == 0 {
		return nil, tx.begin(ctx, also)
	}
	versions, written := make(map[string]int64), make(map[string]bool, len(changes))
	var organizations, created, changed [][]any
	for _, c := range changes {
		c.lost = nil
		if _, ok := versions[c.organizationID]; !ok {
			versions[c.organizationID] = -1
			organizations = append(organizations, []any{c.organizationID})
		}
	}
	scan := func(row scanner) error {
		var id string
		err := row.Scan(&id)
		written[id] = true
		return err
	}
	for _, c := range changes {
		s := c.state
		if c.creates {
			created = append(created, []any{s.ID, s.OrganizationID, s.ShortID, s.Version, s.Type, string(s.Status), s.IsArchived, s.IsEscalated, c.key.wrapped, c.key.share, s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli()})
		} else {
			changed = append(changed, []any{s.ID, c.expected, s.Version, s.UpdatedAt.UnixMilli()})
		}
	}
	inOrder(organizations, 1)
	inOrder(created, 1)
	inOrder(changed, 1)
	var steps []step
	if hold := w.holdEndpoints(); hold != nil {
		steps = append(steps, step{batch: hold, rows: organizations})
	}
	steps = append(steps,
		step{batch: readEndpointsVersions, rows: organizations, scan: func(row scanner) error {
			var id string
			var version int64
			err := row.Scan(&id, &version)
			versions[id] = version
			return err
		}},
		step{batch: insertCases, rows: created, scan: scan},
		step{batch: updateCases, rows: changed, scan: scan},
		also,
	)
	if err := tx.begin(ctx, steps...); err != nil {
		return nil, err
	}
	if err := lose(changes, errResubscribed, func(c *change) bool { return versions[c.organizationID] == c.version }); err != nil {
		return nil, err // its case is written already
	}
	for _, c := range changes {
		switch {
		case written[c.state.ID]:
			winners = append(winners, c)
		case !c.creates:
			c.lost = errMoved
		default:
			if err := w.whyNotCreated(ctx, c); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range changes {
		if c.lost != nil && !c.alone {
			return nil, errLost // those that it is to be written with may be written already
		}
	}
	return winners, nil
}

// whyNotCreated finds out what a case that is not new has in common with another.
func (w *writer) whyNotCreated(ctx context.Context, c *change) error {
	var exists bool
	err := w.conn.QueryRowContext(ctx, `
		SELECT EXISTS (
			SELECT 1
			FROM cases
			WHERE id = $1)`, c.state.ID).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for a case: %w", err)
	}
	c.lost = ErrShortIDTaken
	if exists {
		c.lost = ErrCaseExists
	}
	return nil
}

// eventSteps write the events, the documents they speak of, and as what their cases are
// listed now. That changes rarely, and not with the rest of the head: it costs an index.
func eventSteps(changes []*change) []step {
	var events, blobs, listed [][]any
	for _, c := range changes {
		for _, e := range c.events {
			events = append(events, []any{e.ID, c.organizationID, e.CaseID, e.Sequence, string(e.Type()), e.At.UnixMilli(), e.body, c.at})
		}
		for _, blob := range c.blobs {
			blobs = append(blobs, []any{blob.ID, c.state.ID, blob.Size, c.at})
		}
		if s := c.state; c.relisted {
			listed = append(listed, []any{s.ID, s.Type, string(s.Status), s.IsArchived, s.IsEscalated, s.CreatedAt.UnixMilli()})
		}
	}
	return []step{{batch: insertEvents, rows: events}, {batch: insertBlobs, rows: blobs}, {batch: listCases, rows: listed}}
}

// laneKey is the key of a lane.
type laneKey struct{ endpoint, lane string }

// uses are what changes add to lanes.
type uses struct {
	all   []*laneUse
	byKey map[laneKey]*laneUse
	rows  [][]any
	at    map[*laneUse]int64
}

// newUses counts the messages of changes into their lanes. The lane of a case counts
// them all; where they do not wait for each other, each waits in a lane of its own.
// A lane that is empty is node's where the messages are handed over, else due now.
func newUses(changes []*change, node string) *uses {
	u := &uses{byKey: make(map[laneKey]*laneUse), at: make(map[*laneUse]int64)}
	for _, c := range changes {
		for _, use := range c.lanes {
			u.all = append(u.all, use)
			u.byKey[laneKey{use.endpoint.ID, use.lane}] = use
			u.at[use] = c.at
			var due, owner any
			if due = c.at; use.accepted && node != "" {
				due, owner = nil, node
			}
			if use.ordered() {
				u.rows = append(u.rows, []any{use.endpoint.ID, use.lane, int64(len(use.messages)), due, owner})
				continue
			}
			u.rows = append(u.rows, []any{use.endpoint.ID, use.lane, int64(len(use.messages)), nil, nil})
			use.owner, _ = owner.(string)
			for _, m := range use.messages {
				u.rows = append(u.rows, []any{use.endpoint.ID, m.Lane, int64(1), due, owner})
			}
		}
	}
	inOrder(u.rows, 2)
	return u
}

func (u *uses) step() step {
	return step{batch: useLanes, rows: u.rows, scan: func(row scanner) error {
		var k laneKey
		var last int64
		var owner string
		if err := row.Scan(&k.endpoint, &k.lane, &last, &owner); err != nil {
			return err
		}
		if use := u.byKey[k]; use != nil {
			use.last = last
			if use.ordered() {
				use.owner = owner
			}
		}
		return nil
	}}
}

// deliveries returns the rows of the messages, whose sequences are known now.
func (u *uses) deliveries() (rows [][]any) {
	for _, use := range u.all {
		first := use.last - int64(len(use.messages)) + 1
		for i := range use.messages {
			m := &use.messages[i]
			m.Sequence = first + int64(i)
			rows = append(rows, []any{m.DeliveryID, m.OrganizationID, m.Event.ID, string(m.Event.Type()), m.EndpointID, m.Event.CaseID, m.Lane, m.Sequence, u.at[use]})
		}
	}
	return rows
}

// answers are those that are kept for requests that are to be done once.
type answers struct {
	rows    [][]any
	written map[answerKey]bool
}

type answerKey struct{ organization, hash string }

func newAnswers(changes []*change) *answers {
	a := &answers{written: make(map[answerKey]bool)}
	for _, c := range changes {
		if c.once != nil {
			a.rows = append(a.rows, []any{c.organizationID, c.once.hash(), c.answer.digest, c.state.ID, c.answer.answer, c.at})
		}
	}
	return a
}

func (a *answers) step() step {
	return step{batch: insertAnswers, rows: a.rows, scan: func(row scanner) error {
		var organization string
		var hash []byte
		err := row.Scan(&organization, &hash)
		a.written[answerKey{organization, string(hash)}] = true
		return err
	}}
}

// won reports whether a change is the first with its key.
func (a *answers) won(c *change) bool {
	if c.once == nil {
		return true
	}
	k := answerKey{c.organizationID, string(c.once.hash())}
	won := a.written[k]
	delete(a.written, k)
	return won
}

// lanesOfBoth returns the keys of all lanes that are used or settled, in order.
func lanesOfBoth(u *uses, e *ends) (rows [][]any) {
	for _, row := range slices.Concat(u.rows, e.settled) {
		rows = append(rows, row[:2])
	}
	return distinct(rows)
}

// distinct returns rows whose first two columns differ, in the order of those.
func distinct(rows [][]any) [][]any {
	inOrder(rows, 2)
	return slices.CompactFunc(rows, func(a, b []any) bool { return a[0] == b[0] && a[1] == b[1] })
}

// inOrder sorts rows by their first columns, which are texts.
func inOrder(rows [][]any, columns int) {
	slices.SortFunc(rows, func(a, b []any) int {
		for i := range columns {
			if order := cmp.Compare(a[i].(string), b[i].(string)); order != 0 {
				return order
			}
		}
		return 0
	})
}

// lose marks the changes that did not win with what they lost, and returns errLost
// if there are any.
func lose(changes []*change, what error, won func(*change) bool) error {
	var lost error
	for _, c := range changes {
		if !won(c) {
			c.lost, lost = what, errLost
		}
	}
	return lost
}
