//go:build unix

package service_test

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// Whatever nodes that share a database do, and however they end, what was answered is
// received in the order of its case; twice comes at most what was under way in a lane
// when a node was killed.
func TestNodesThatComeAndGoLoseNothingAndKeepTheOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCluster(t, rt)
		defer c.end()
		c.start()
		c.start()
		for range rapid.IntRange(10, 40).Draw(rt, "steps") {
			switch step := rapid.IntRange(0, 19).Draw(rt, "step"); {
			case step < 15:
				c.change()
			case step < 16:
				c.receiver.slow.Store(int64(rapid.IntRange(0, 30).Draw(rt, "milliseconds")))
			case step < 17 && len(c.nodes) < 3:
				c.start()
			case step < 18 && len(c.nodes) > 1:
				c.stop()
			case len(c.nodes) > 1:
				c.kill()
			}
		}
		c.finish()
	})
}

// cluster is some nodes on one database, and the receiver they send to.
type cluster struct {
	t        *testing.T
	rt       *rapid.T
	dir      string
	database string
	direct   *sql.DB // beside the nodes
	receiver *orderly
	nodes    []*node
	cases    []string
	recorded map[string]int // changes of each case that were answered
	kills    int
}

func newCluster(t *testing.T, rt *rapid.T) *cluster {
	c := &cluster{t: t, rt: rt, dir: t.TempDir(), database: postgrestest.DSN(t), receiver: newOrderly(t), recorded: make(map[string]int)}
	var err error
	c.direct, err = sql.Open("pgx", c.database)
	require.NoError(rt, err)
	return c
}

// node is one of them, and the name under which it works.
type node struct {
	*world
	name string
}

// names returns the names under which nodes are alive.
func (c *cluster) names() (names []string) {
	rows, err := c.direct.Query(`SELECT id FROM nodes WHERE expires_at > extract(epoch FROM clock_timestamp()) * 1000`)
	require.NoError(c.rt, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(c.rt, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(c.rt, rows.Err())
	return names
}

// start starts a node; the first one makes the endpoint and the cases.
func (c *cluster) start() {
	var known []string
	if len(c.nodes) > 0 {
		known = c.names()
	}
	w := &node{world: newWorldOn(c.t, c.dir, c.database)}
	require.Eventually(c.rt, func() bool {
		names := c.names()
		i := slices.IndexFunc(names, func(name string) bool { return !slices.Contains(known, name) })
		if i >= 0 {
			w.name = names[i]
		}
		return i >= 0
	}, time.Minute, time.Millisecond)
	c.nodes = append(c.nodes, w)
	if len(c.cases) > 0 {
		return
	}
	w.endpoint(c.t, c.receiver.URL, func(e *subscription.Endpoint) { e.MaxInFlight = 8 })
	for range 6 {
		id := w.newCase(c.t)
		c.cases = append(c.cases, id)
		c.recorded[id] = 1
	}
}

func (c *cluster) anyNode() int { return rapid.IntRange(0, len(c.nodes)-1).Draw(c.rt, "node") }

// change makes some changes of a few cases at once, each at any node.
func (c *cluster) change() {
	var group sync.WaitGroup
	var mu sync.Mutex
	for range rapid.IntRange(1, 12).Draw(c.rt, "changes") {
		w := c.nodes[c.anyNode()]
		id := rapid.SampledFrom(c.cases).Draw(c.rt, "case")
		group.Go(func() {
			if _, err := w.Change(context.Background(), w.caller, id, caselog.AddComment{Text: "still itching"}, nil); err != nil {
				c.t.Errorf("change a case: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			c.recorded[id]++
		})
	}
	group.Wait()
}

// take takes any node out.
func (c *cluster) take() *node {
	i := c.anyNode()
	w := c.nodes[i]
	c.nodes = slices.Delete(c.nodes, i, i+1)
	return w
}

// stop ends a node in good order.
func (c *cluster) stop() { c.take().stop() }

// kill ends a node as a crash does, and has its lease run out.
func (c *cluster) kill() {
	c.kills++
	w := c.take()
	w.kill()
	_, err := c.direct.Exec(`UPDATE nodes SET expires_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1 WHERE id = $1`, w.name)
	require.NoError(c.rt, err)
}

// finish waits until nothing is pending any more, and looks at what came.
func (c *cluster) finish() {
	c.receiver.slow.Store(0)
	require.Eventually(c.rt, func() bool {
		var pending int
		require.NoError(c.rt, c.direct.QueryRow(`SELECT count(*) FROM deliveries WHERE state <> 'delivered'`).Scan(&pending))
		return pending == 0
	}, time.Minute, 20*time.Millisecond)
	for id, n := range c.recorded {
		first, twice := c.receiver.receipts(id)
		require.Equal(c.rt, oneTo(n), first, "case %s", id)
		require.LessOrEqual(c.rt, twice, c.kills, "one for each kill at most")
	}
}

// end ends what is left.
func (c *cluster) end() {
	for _, w := range c.nodes {
		w.stop()
	}
	c.receiver.Close()
	require.NoError(c.rt, c.direct.Close())
}

// orderly is a receiver that looks at nothing but the order.
type orderly struct {
	*httptest.Server
	slow atomic.Int64 // milliseconds that it takes to answer

	mu   sync.Mutex
	came map[string][]int // the sequences of each case, as they came
}

func newOrderly(t *testing.T) *orderly {
	o := &orderly{came: make(map[string][]int)}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		sequence, err := strconv.Atoi(r.Header.Get(webhook.HeaderSequence))
		if err != nil {
			t.Errorf("what was sent has no sequence: %v", err)
		}
		id := r.Header.Get(webhook.HeaderCaseID)
		o.mu.Lock()
		o.came[id] = append(o.came[id], sequence)
		o.mu.Unlock()
		timer := time.NewTimer(time.Duration(o.slow.Load()) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	return o
}

// receipts returns the sequences of a case in the order in which they first came, and
// how many came again.
func (o *orderly) receipts(caseID string) (first []int, twice int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, sequence := range o.came[caseID] {
		if slices.Contains(first, sequence) {
			twice++
		} else {
			first = append(first, sequence)
		}
	}
	return first, twice
}
