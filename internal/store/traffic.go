package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// TrafficKept is how long traffic is kept.
const TrafficKept = 8 * 24 * time.Hour

// MinuteTraffic is what went to an endpoint in a minute, or to all of an organisation.
type MinuteTraffic struct {
	Minute         time.Time // its beginning
	EndpointID     string    // "" for all
	Delivered      int64     // messages, each time that they were
	Failed         int64     // messages, for good
	FailedAttempts int64     // attempts that did not succeed
	Waiting        int64     // messages, when they were counted last; at most 100,000 of each endpoint
	Latencies      Latencies // from an event's record to the first 2xx
}

// trafficKey is the key of a MinuteTraffic.
type trafficKey struct {
	organizationID string
	endpointID     string // "" for all
	minute         int64
}

// tally is what is added to a minute.
type tally struct {
	delivered, failed, failedAttempts int64
	latencies                         Latencies
}

// tallies are added to traffic. All who write it take its rows in one order.
type tallies map[trafficKey]*tally

// count adds to the tally of an endpoint, and to that of all, in the minute of a moment, in
// milliseconds.
func (t tallies) count(organizationID, endpointID string, moment int64, add func(*tally)) {
	for _, id := range []string{"", endpointID} {
		key := trafficKey{organizationID, id, minuteOf(moment)}
		if t[key] == nil {
			t[key] = new(tally)
		}
		add(t[key])
	}
}

// keys returns those of all tallies, in order.
func (t tallies) keys() []trafficKey {
	return slices.SortedFunc(maps.Keys(t), func(a, b trafficKey) int {
		return cmp.Or(cmp.Compare(a.organizationID, b.organizationID), cmp.Compare(a.endpointID, b.endpointID), cmp.Compare(a.minute, b.minute))
	})
}

// step adds all tallies. Where there are latencies, they are to have in them those that
// were counted before.
func (t tallies) step() step {
	var rows [][]any
	for _, key := range t.keys() {
		a := t[key]
		rows = append(rows, []any{key.organizationID, key.minute, key.endpointID, a.delivered, a.failed, a.failedAttempts, a.latencies.encode()})
	}
	return step{batch: addTraffic, rows: rows}
}

// minuteOf returns the beginning of the minute of a moment, both in milliseconds.
func minuteOf(moment int64) int64 { return moment - moment%time.Minute.Milliseconds() }

var (
	addTraffic = over(`organization_id text, minute bigint, endpoint_id text, delivered bigint, failed bigint, failed_attempts bigint, latencies bytea`, `
		INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, failed, failed_attempts, latencies)
		SELECT organization_id, minute, endpoint_id, delivered, failed, failed_attempts, latencies
		FROM u
		WHERE true
		ON CONFLICT (organization_id, minute, endpoint_id) DO UPDATE
		SET delivered = traffic.delivered + excluded.delivered, failed = traffic.failed + excluded.failed,
			failed_attempts = traffic.failed_attempts + excluded.failed_attempts, latencies = COALESCE(excluded.latencies, traffic.latencies)`)
	sampleTraffic = over(`organization_id text, minute bigint, endpoint_id text, waiting bigint`, `
		INSERT INTO traffic (organization_id, minute, endpoint_id, waiting)
		SELECT organization_id, minute, endpoint_id, waiting
		FROM u
		WHERE true
		ON CONFLICT (organization_id, minute, endpoint_id) DO UPDATE
		SET waiting = excluded.waiting`)
)

// failedAttempts counts the attempts that failed, with what they are outcomes of: nothing
// else tells of an attempt once and for all. What succeeds writes nothing here.
func failedAttempts(fresh []*outcome) step {
	t := make(tallies)
	for _, o := range fresh {
		if o.judges() && o.State != Delivered {
			t.count(o.Message.OrganizationID, o.Message.EndpointID, o.Attempt.ended(), func(t *tally) { t.failedAttempts++ })
		}
	}
	return t.step()
}

// TrafficCounter counts traffic, beside all else. It is used by one goroutine at a time.
type TrafficCounter struct {
	store   *Store
	sampled int64 // the minute in which it has last counted what waits
}

// NewTrafficCounter returns a TrafficCounter.
func (s *Store) NewTrafficCounter() *TrafficCounter { return &TrafficCounter{store: s} }

// Count counts what waits, once a minute, and a little of what was finished since it was
// last counted, and reports whether there is more. Each receipt is counted once, whichever
// processes do so, and however late it comes: the place up to which they are counted moves
// with the counts. Where two count at the same time, one has done nothing.
func (c *TrafficCounter) Count(ctx context.Context) (more bool, err error) {
	if minute := minuteOf(c.store.now().UnixMilli()); minute != c.sampled {
		if err := c.store.sampleWaiting(ctx, minute); err != nil {
			return false, fmt.Errorf("count what waits: %w", err)
		}
		c.sampled = minute
	}
	more, err = c.store.countReceipts(ctx)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("count the traffic: %w", err)
	}
	return more, nil
}

// maxSampled is up to how many messages that wait for an endpoint are counted each minute.
const maxSampled = 100_000

// sampleWaiting writes how many messages wait for each endpoint, and for all of an
// organisation.
func (s *Store) sampleWaiting(ctx context.Context, minute int64) error {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT organization_id, id, (
			SELECT COUNT(*)
			FROM (
				SELECT 1
				FROM deliveries
				WHERE deliveries.endpoint_id = endpoints.id AND deliveries.state = 'pending'
				LIMIT $1) AS waiting)
		FROM endpoints
		WHERE state <> 'deleted'
		ORDER BY organization_id, id`, maxSampled)
	if err != nil {
		return err
	}
	var samples [][]any
	var total []any // of the organisation that the last sample is of
	err = scanAll(rows, func(rows *sql.Rows) error {
		var organizationID, endpointID string
		var waiting int64
		err := rows.Scan(&organizationID, &endpointID, &waiting)
		if waiting == 0 {
			return err
		}
		if total == nil || total[0] != organizationID {
			total = []any{organizationID, minute, "", int64(0)}
			samples = append(samples, total)
		}
		total[3] = total[3].(int64) + waiting
		samples = append(samples, []any{organizationID, minute, endpointID, waiting})
		return err
	})
	if err != nil || len(samples) == 0 {
		return err
	}
	return s.writer.task(ctx, func(ctx context.Context, _ *sql.Conn) error {
		return s.writer.runner.run(ctx, "", []step{{batch: sampleTraffic, rows: samples}}, "")
	})
}

// maxCounted is how many receipts one transaction counts.
const maxCounted = 5000

// countReceipts counts receipts that are not counted yet, and reports whether there may be
// more. The error is ErrNotFound where another process has counted them.
func (s *Store) countReceipts(ctx context.Context) (more bool, err error) {
	var from place
	err = s.readers.QueryRowContext(ctx, `
		SELECT reached_transaction, reached_number
		FROM traffic_counted`).Scan(&from.transaction, &from.number)
	if err != nil {
		return false, err
	}
	counted, to, n, err := s.tally(ctx, from)
	if err != nil || n == 0 {
		return false, err
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, `
			UPDATE traffic_counted
			SET reached_transaction = $1, reached_number = $2
			WHERE reached_transaction = $3 AND reached_number = $4`, to.transaction, to.number, from.transaction, from.number)
		if err := oneChanged(result, err); err != nil {
			return err
		}
		whole, err := counted.withLatencies(ctx, conn)
		if err != nil {
			return err
		}
		return s.writer.runner.run(ctx, "", []step{whole.step()}, "")
	})
	return n == maxCounted, err
}

// tally counts receipts after a place, and returns how many and the place of the last.
// What is older than traffic is kept is not counted.
func (s *Store) tally(ctx context.Context, from place) (counted tallies, to place, n int, err error) {
	// What was delivered before has its latency already. An index of what is not repeated has
	// no order that is of use here.
	rows, err := s.readers.QueryContext(ctx, `
		SELECT transaction_id, position, organization_id, endpoint_id, delivery_id, outcome, at,
			attempts > 1 AND EXISTS (
				SELECT 1
				FROM receipts AS before
				WHERE before.delivery_id = receipts.delivery_id AND before.attempts < receipts.attempts AND before.outcome = 'delivered'
					AND before.repeated = 0)
		FROM receipts
		WHERE `+s.connection.after("$1", "$2")+` AND repeated + 0 = 0 AND `+s.connection.settled()+`
		ORDER BY transaction_id, position
		LIMIT $3`, from.transaction, from.number, maxCounted)
	if err != nil {
		return nil, to, 0, err
	}
	counted = make(tallies)
	oldest := s.now().Add(-TrafficKept).UnixMilli()
	err = scanAll(rows, func(rows *sql.Rows) error {
		var organizationID, endpointID, deliveryID string
		var outcome State
		var moment int64
		var again bool
		if err := rows.Scan(&to.transaction, &to.number, &organizationID, &endpointID, &deliveryID, &outcome, &moment, &again); err != nil {
			return err
		}
		n++
		if moment < oldest || outcome == Canceled {
			return nil
		}
		made, known := MadeAt(deliveryID)
		counted.count(organizationID, endpointID, moment, func(t *tally) {
			switch {
			case outcome == Failed:
				t.failed++
			default:
				t.delivered++
				if known && !again {
					t.latencies.Add(at(moment).Sub(made))
				}
			}
		})
		return nil
	})
	return counted, to, n, err
}

// MadeAt returns when an id was made, which is a UUIDv7 (RFC 9562, section 5.7): its first
// 48 bits count milliseconds.
func MadeAt(id string) (made time.Time, ok bool) {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.Version() != 7 {
		return made, false
	}
	var milliseconds int64
	for _, b := range parsed[:6] {
		milliseconds = milliseconds<<8 | int64(b)
	}
	return at(milliseconds), true
}

// withLatencies returns the tallies with the latencies that were counted before in those
// that have some. Only who moves the place in traffic_counted writes them.
func (t tallies) withLatencies(ctx context.Context, conn *sql.Conn) (tallies, error) {
	whole := make(tallies, len(t))
	for key, added := range t {
		sum := *added
		whole[key] = &sum
		if sum.latencies == (Latencies{}) {
			continue
		}
		var known []byte
		err := conn.QueryRowContext(ctx, `
			SELECT latencies
			FROM traffic
			WHERE organization_id = $1 AND minute = $2 AND endpoint_id = $3`, key.organizationID, key.minute, key.endpointID).Scan(&known)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if err := sum.latencies.mergeEncoded(known); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// Traffic calls each with what went to some endpoints of an organisation in the minutes that
// begin from since on and before until, the oldest minute first; where none are named, with
// what went to all of it, also those that were deleted. Where nothing went and nothing
// waited there is none. What each is given is another thing once it has returned.
func (s *Store) Traffic(ctx context.Context, organizationID string, endpointIDs []string, since, until time.Time, each func(*MinuteTraffic)) error {
	if len(endpointIDs) == 0 {
		endpointIDs = []string{""}
	}
	where := conditions{text: `organization_id = $1`, arguments: []any{organizationID}}
	where.among(`endpoint_id`, endpointIDs)
	where.and(`minute >= ?`, since.UnixMilli())
	where.and(`minute < ?`, until.UnixMilli())
	rows, err := s.readers.QueryContext(ctx, `
		SELECT minute, endpoint_id, delivered, failed, failed_attempts, waiting, latencies
		FROM traffic
		WHERE `+where.text+`
		ORDER BY minute`, where.arguments...)
	if err != nil {
		return fmt.Errorf("read the traffic: %w", err)
	}
	var m MinuteTraffic
	err = scanAll(rows, func(rows *sql.Rows) error {
		var minute int64
		var latencies sql.RawBytes
		if err := rows.Scan(&minute, &m.EndpointID, &m.Delivered, &m.Failed, &m.FailedAttempts, &m.Waiting, &latencies); err != nil {
			return err
		}
		m.Minute, m.Latencies = at(minute), Latencies{}
		if err := m.Latencies.mergeEncoded(latencies); err != nil {
			return err
		}
		each(&m)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the traffic: %w", err)
	}
	return nil
}
