package screenshots_test

import (
	"database/sql"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
)

// passTime gives the server the traffic that it would have had if it had run for a day: the
// cases of the story were all told at once, which nobody does.
func (c *clinic) passTime(data string) {
	db, err := sql.Open("sqlite", filepath.Join(data, "casehook.db")+"?_pragma=busy_timeout(10000)")
	require.NoError(c.t, err)
	defer db.Close()
	require.Eventually(c.t, func() bool { // what there was is counted
		var done bool
		err := db.QueryRowContext(c.t.Context(), `
			SELECT (SELECT SUM(delivered) FROM traffic WHERE endpoint_id = '') = (SELECT COUNT(*) FROM receipts WHERE outcome = 'delivered' AND repeated = 0)`).Scan(&done)
		return err == nil && done
	}, time.Minute, 200*time.Millisecond)
	exec := func(statement string, arguments ...any) {
		_, err := db.ExecContext(c.t.Context(), statement, arguments...)
		require.NoError(c.t, err)
	}
	var organizationID string
	require.NoError(c.t, db.QueryRowContext(c.t.Context(), `SELECT organization_id FROM traffic`).Scan(&organizationID))
	exec(`UPDATE attempts SET started_at = started_at - d.created_at + e.at
		FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = attempts.delivery_id AND d.state = 'delivered'`)
	exec(`UPDATE deliveries SET finished_at = finished_at - created_at + e.at, created_at = e.at FROM events e WHERE e.id = deliveries.event_id`)
	exec(`UPDATE endpoint_health SET closed_at = closed_at - $1 WHERE closed_at IS NOT NULL`, (outage * apart).Milliseconds())
	exec(`DELETE FROM traffic`)
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Now().Truncate(time.Minute)
	for i := range 24 * 60 {
		var failed, waiting int
		slower := 0.0
		if since := int((outage * apart).Minutes()); i < since { // one takes nothing, and is probed
			waiting = 235 * (since - i) / since
			failed = 1 - min(1, i%8)
		}
		if i >= 18 && i < 31 { // somebody's system was slow
			failed, waiting, slower = 3+random.IntN(6), waiting+(31-i)*(31-i), 5
		}
		delivered := int(46 + 24*math.Cos(float64(i)/1440*2*math.Pi) + 5*random.NormFloat64())
		latencies := make(map[uint64]uint64) // how many there are in each bucket
		for range delivered {
			latencies[uint64(max(2, 7+slower+1.6*random.NormFloat64()))]++
		}
		var encoded []byte
		for bucket, n := range latencies {
			encoded = binary.AppendUvarint(binary.AppendUvarint(encoded, bucket), n)
		}
		minute := now.Add(-time.Duration(i) * time.Minute).UnixMilli()
		count := func(endpoint string, delivered, failed, waiting int, latencies []byte) {
			exec(`INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, failed_attempts, waiting, latencies)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`, organizationID, minute, endpoint, delivered, failed, waiting, latencies)
		}
		count(c.pharmacy, delivered/2, 0, 0, encoded)
		count(c.insights, delivered/2, 0, 0, encoded)
		count(c.billing, 0, failed, waiting, nil)
		count("", delivered/2*2, failed, waiting, encoded) // all of them
	}
}
