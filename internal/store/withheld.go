package store

import (
	"cmp"
	"context"
	"slices"
)

// A message that is withheld before it was ever sent gives its number to the next, so that
// its receiver sees no hole, and has none itself until it is put in line again. Where a
// later one was attempted, or is in a lane of its own and may be on its way, all keep
// theirs.
var (
	giveNumbersBack = over(`id text, owner text`, `
		UPDATE deliveries
		SET sequence = CASE WHEN deliveries.id = own.id THEN 0 ELSE deliveries.sequence - 1 END
		FROM u
		JOIN deliveries AS own ON own.id = u.id AND own.tries = 0 AND own.sequence > 0
		JOIN lanes ON lanes.endpoint_id = own.endpoint_id AND lanes.lane = own.case_id AND lanes.lane = own.lane AND lanes.owner = u.owner
		WHERE deliveries.endpoint_id = own.endpoint_id AND deliveries.case_id = own.case_id AND deliveries.sequence >= own.sequence
			AND NOT EXISTS (
				SELECT 1
				FROM deliveries AS later
				WHERE later.endpoint_id = own.endpoint_id AND later.case_id = own.case_id AND later.sequence > own.sequence
					AND (later.tries > 0 OR later.lane <> later.case_id))`)
	shortenLanes = over(`id text, owner text`, `
		UPDATE lanes
		SET last_sequence = lanes.last_sequence - 1
		FROM u
		JOIN deliveries ON deliveries.id = u.id AND deliveries.tries = 0 AND deliveries.sequence = 0
		WHERE lanes.endpoint_id = deliveries.endpoint_id AND lanes.lane = deliveries.case_id AND lanes.owner = u.owner`)
	numberDeliveries = over(`id text, sequence bigint`, `
		UPDATE deliveries
		SET sequence = u.sequence
		FROM u
		WHERE deliveries.id = u.id`)
)

// withheldRows are those of the outcomes whose numbers are given back: under the locks of
// their lanes, and before anything else is counted there.
func withheldRows(outcomes []*outcome) (rows [][]any) {
	for _, o := range outcomes {
		if o.Withheld && o.End != nil {
			rows = append(rows, []any{o.Message.DeliveryID, o.End.Node})
		}
	}
	inOrder(rows, 1)
	return rows
}

// uncounted is a delivery that has no number.
type uncounted struct{ id, caseID string }

// countAgain gives deliveries of an endpoint that were withheld the numbers that come
// next. It is called by the writer, in a transaction.
func (s *Store) countAgain(ctx context.Context, endpointID string, withheld []uncounted) error {
	slices.SortFunc(withheld, func(a, b uncounted) int { return cmp.Compare(a.id, b.id) }) // as they were made
	caseIDs := make([]string, len(withheld))
	for i, d := range withheld {
		caseIDs[i] = d.caseID
	}
	sequences, err := s.count(ctx, endpointID, caseIDs)
	if err != nil {
		return err
	}
	rows := make([][]any, len(withheld))
	for i, d := range withheld {
		rows[i] = []any{d.id, sequences[i]}
	}
	return s.writer.runner.run(ctx, "", []step{{batch: numberDeliveries, rows: rows}}, "")
}

// count counts more deliveries of an endpoint, one of each of the cases, and returns their
// numbers. It is called by the writer, in a transaction.
func (s *Store) count(ctx context.Context, endpointID string, caseIDs []string) (sequences []int64, err error) {
	more := make(map[string]int64)
	for _, caseID := range caseIDs {
		more[caseID]++
	}
	var counted [][]any
	for caseID, n := range more {
		counted = append(counted, []any{endpointID, caseID, n, nil, nil})
	}
	inOrder(counted, 2)
	last := make(map[string]int64)
	err = s.writer.runner.run(ctx, "", []step{{batch: useLanes, rows: counted, scan: func(row scanner) error {
		var endpoint, lane, owner string
		var sequence int64
		err := row.Scan(&endpoint, &lane, &sequence, &owner)
		last[lane] = sequence
		return err
	}}}, "")
	if err != nil {
		return nil, err
	}
	for _, caseID := range caseIDs {
		more[caseID]--
		sequences = append(sequences, last[caseID]-more[caseID])
	}
	return sequences, nil
}
