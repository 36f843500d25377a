package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
)

var batchTests = []test{
	{"changes of several cases are recorded together", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		outbox := new(tray)
		known, made := c.create(outbox), c.creation()
		outbox.take()
		committed, err := c.ChangeAll(t.Context(), []store.Proposal{
			c.proposal(known, outbox, comment(1), comment(2)),
			c.proposal(made.ID, outbox, made, caselog.Escalate{}),
		}, nil, nil)
		require.NoError(t, err)
		require.Len(t, committed, 2)
		require.Equal(t, []int64{3, 2}, []int64{committed[0].Case.Version, committed[1].Case.Version})
		require.ElementsMatch(t, []int64{2, 3, 1, 2}, sequences(outbox.take()))
		requireLog(t, c, known, 3)
		requireLog(t, c, made.ID, 2)
	}},
	{"where one of them cannot be, nothing is recorded", func(t *testing.T, url string) {
		c := newClinic(t, url)
		refused := errors.New("refused")
		first, second := c.create(nil), c.create(nil)
		impossible := c.proposal(second, nil, comment(1))
		impossible.Decide = func(*caselog.Case) ([]caselog.Event, error) { return nil, refused }
		_, err := c.ChangeAll(t.Context(), []store.Proposal{c.proposal(first, nil, comment(1)), impossible}, nil, nil)
		require.ErrorIs(t, err, refused)

		taken := c.creation()
		taken.ID = second
		_, err = c.ChangeAll(t.Context(), []store.Proposal{c.proposal(first, nil, comment(1)), c.proposal(second, nil, taken)}, nil, nil)
		require.ErrorIs(t, err, store.ErrCaseExists)
		requireLog(t, c, first, 1)
		requireLog(t, c, second, 1)
	}},
	{"an answer is kept with them, and what was answered before is not recorded", func(t *testing.T, url string) {
		c := newClinic(t, url)
		first, second := c.create(nil), c.create(nil)
		once := &store.Once{Key: "both", Digest: [32]byte{1}}
		answer := func(all []*store.Committed) ([]byte, error) { return []byte(all[1].Case.ID), nil }
		both := []store.Proposal{c.proposal(first, nil, comment(1)), c.proposal(second, nil, comment(1))}
		_, err := c.ChangeAll(t.Context(), both, once, answer)
		require.NoError(t, err)
		_, err = c.ChangeAll(t.Context(), both, once, answer)
		require.ErrorIs(t, err, store.ErrAnswered)
		kept, _, err := c.Answer(t.Context(), c.org.ID, "both")
		require.NoError(t, err)
		require.Equal(t, second, string(kept))
		requireLog(t, c, first, 2)
		requireLog(t, c, second, 2)
	}},
	{"many at the same time, of the same cases in any order, are all recorded", func(t *testing.T, url string) {
		c := newClinic(t, url)
		ids := make([]string, 6)
		for i := range ids {
			ids[i] = c.create(nil)
		}
		const batches = 40
		var changing sync.WaitGroup
		for i := range batches {
			changing.Go(func() {
				var proposals []store.Proposal
				for j := range 3 {
					proposals = append(proposals, c.proposal(ids[(i+2*j)%len(ids)], nil, comment(i)))
				}
				if _, err := c.ChangeAll(t.Context(), proposals, nil, nil); err != nil {
					t.Error(err)
				}
			})
		}
		changing.Wait()
		require.Equal(t, len(ids)+3*batches, rows(t, url, `SELECT COUNT(*) FROM events`))
	}},
	{"an event whose id is taken is not recorded, and neither is what came with it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		first, second := c.create(nil), c.create(nil)
		committed := c.do(first, nil, comment(1))
		again := c.proposal(second, nil, comment(2))
		decide := again.Decide
		again.Decide = func(state *caselog.Case) ([]caselog.Event, error) {
			events, err := decide(state)
			events[0].ID = committed.Events[0].ID
			return events, err
		}
		_, err := c.ChangeAll(t.Context(), []store.Proposal{again, c.proposal(first, nil, comment(3))}, nil, nil)
		require.Error(t, err)
		known, err := c.EventsKnown(t.Context(), c.org.ID, []string{newID(), committed.Events[0].ID})
		require.NoError(t, err)
		require.Equal(t, map[string]store.KnownEvent{
			committed.Events[0].ID: {OrganizationID: c.org.ID, CaseID: first, Sequence: 2, Type: caseupdate.EventAddCaseComment},
		}, known)
		requireLog(t, c, first, 2)
		requireLog(t, c, second, 1)
		c.do(second, nil, comment(4))
	}},
}
