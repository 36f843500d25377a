package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
)

var pruneTests = []test{
	{"what is finished is removed with its attempts when it is old, and what waits is not", func(t *testing.T, url string) {
		c := newClinic(t, url)
		begun := c.today()
		e := c.endpoint()
		messages := c.waiting(e, 4)
		c.deliver(messages[0], nil)
		require.NoError(t, c.Record(t.Context(), store.Outcome{Message: messages[1], Attempt: &store.Attempt{Number: 1, StartedAt: c.clock.Now(), StatusCode: 500}, State: store.Failed}))
		c.fail(messages[2], begun.Add(1000*time.Hour))
		require.NoError(t, c.Keep(t.Context(), c.org.ID, &store.Kept{Once: store.Once{Key: "k"}, Answer: []byte("a")}))
		keep := store.Retention{Deliveries: 10 * 24 * time.Hour, Failed: 30 * 24 * time.Hour, Answers: 24 * time.Hour}
		for _, step := range []struct {
			days                          int
			deliveries, attempts, answers int
		}{
			{0, 4, 3, 1}, {2, 4, 3, 0}, {9, 4, 3, 0}, {11, 3, 2, 0}, {31, 2, 1, 0}, {400, 2, 1, 0},
		} {
			c.clock.pass(begun.Add(time.Duration(step.days) * 24 * time.Hour).Sub(c.clock.Now()))
			c.prune(keep)
			got := []int{rows(t, url, `SELECT COUNT(*) FROM deliveries`), rows(t, url, `SELECT COUNT(*) FROM attempts`), rows(t, url, `SELECT COUNT(*) FROM idempotency_keys`)}
			require.Equal(t, []int{step.deliveries, step.attempts, step.answers}, got, "after %d days", step.days)
		}
		requireLog(t, c, messages[0].Event.CaseID, 1)
		require.Len(t, c.receipts(messages[0].Event.CaseID), 1)
	}},
	{"sequences go on where the deliveries before were removed, and a replay sends what was", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		e := c.endpoint()
		s := newSender(c, true)
		id := c.create(s)
		c.comments(2, id, s)
		c.drain(s)
		c.clock.pass(time.Hour)
		c.prune(store.Retention{Deliveries: time.Minute, Failed: time.Minute, Answers: time.Minute})
		require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM deliveries`))
		c.comments(1, id, s)
		c.drain(s)
		c.through(c.replay(store.Replay{EndpointID: e.ID}), e, s)
		require.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7, 4}, s.sent[laneName{e.ID, id}])
	}},
	{"much is removed a little at a time", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		c.endpoint()
		s := newSender(c, true)
		id := c.create(s)
		for range 1100 {
			c.comments(1, id, s)
		}
		c.drain(s)
		c.clock.pass(time.Hour)
		require.Equal(t, 3, c.prune(store.Retention{Deliveries: time.Minute, Failed: time.Minute, Answers: time.Minute}))
		require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM deliveries`))
		require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM attempts`))
	}},
	{"what waits is not looked at, however much it is", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		e := c.endpoint()
		outbox := new(tray)
		c.do(c.create(outbox), outbox, slices.Repeat([]caselog.Command{comment(1)}, 600)...)
		c.deliver(c.waiting(e, 1)[0], nil)
		c.clock.pass(time.Hour)
		require.Equal(t, 1, c.prune(store.Retention{Deliveries: time.Minute, Failed: time.Minute, Answers: time.Minute}))
		require.Equal(t, 601, rows(t, url, `SELECT COUNT(*) FROM deliveries`))
		require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM attempts`))
	}},
	{"nothing is written where nothing is old", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.deliver(c.waiting(c.endpoint(), 1)[0], nil)
		p := c.NewPruner(store.Retention{Deliveries: time.Hour, Failed: time.Hour, Answers: time.Hour})
		writer := c.holdWriter()
		pruned := make(chan error, 1)
		go func() {
			_, err := p.Prune(t.Context())
			pruned <- err
		}()
		select {
		case err := <-pruned:
			require.NoError(t, err)
		case <-time.After(20 * time.Second):
			t.Error("it waits for the writer")
		}
		writer.release(0)
	}},
}

// today moves the clock to the real time, by which ids are made.
func (c *clinic) today() time.Time {
	c.clock.pass(time.Since(c.clock.Now()))
	return c.clock.Now()
}

// prune removes what is old, and returns in how many steps.
func (c *clinic) prune(keep store.Retention) (steps int) {
	c.t.Helper()
	p := c.NewPruner(keep)
	for more := true; more; steps++ {
		var err error
		more, err = p.Prune(c.ctx)
		require.NoError(c.t, err)
	}
	return steps
}
